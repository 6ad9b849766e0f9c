#include "client/cycle/cycle.h"

#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "base/crash_point.h"
#include "base/status_macros.h"
#include "client/cycle/announcement.h"
#include "client/cycle/answer_check.h"
#include "client/cycle/comparison.h"
#include "client/cycle/cycle_begin.h"
#include "client/cycle/cycle_end.h"
#include "client/cycle/job_plan.h"
#include "client/cycle/job_sending.h"
#include "client/cycle/run_context.h"
#include "client/cycle/source_look.h"

namespace mirror {
namespace {

absl::Status ForPeople(const absl::Status& status, const Cycle& cycle) {
  if (!absl::IsAborted(status)) return status;
  return absl::AbortedError(absl::StrCat(
      "cycle ", cycle.id,
      " was ended at the mirror: by an operator (invalidate, reset, pause), by another agent, by a "
      "restore of its database, or after ten minutes without progress. What was acknowledged before is "
      "committed, the rest is "
      "not; run again, it goes on from there"));
}

/// The steps of a cycle between its begin and its end.
absl::Status RunSteps(RunContext& run, Cycle& cycle) {
  // Who the source is, the mirror must not know better than the source itself.
  absl::Status status = CheckLimits(cycle.limits);
  if (status.ok()) status = run.state.Save();
  if (status.ok()) status = AnnounceTables(run, cycle);
  if (status.ok()) MakeJobs(run, cycle);
  CrashPoint("agent.announced");
  if (status.ok()) status = RecordTargets(run, cycle);
  CrashPoint("agent.recorded");
  if (status.ok()) status = HoldMoment(run, cycle);
  if (status.ok()) status = SendJobs(run, cycle);
  CrashPoint("agent.sent");
  ReportJobs(run, cycle, status);
  TakeReceipts(run, cycle);
  // Where the cycle is over, what has become due is compared in the next one.
  if (status.ok() && !cycle.ended) status = CompareTables(run, cycle);
  run.reader.LeaveMoment();
  CrashPoint("agent.compared");
  return status;
}

/// False: no cycle began, and the report says why.
absl::StatusOr<bool> RunCycle(RunContext& run, Cycle& cycle) {
  const absl::StatusOr<bool> began = BeginCycle(run, cycle);
  if (!began.ok() || !*began) return began;
  CrashPoint("agent.begun");
  const absl::Status status = RunSteps(run, cycle);
  const absl::Status ended = EndCycle(run, cycle, status);
  if (!status.ok()) return ForPeople(status, cycle);
  if (!ended.ok()) return ForPeople(ended, cycle);
  return true;
}

/// The cycle that does what this one leaves to do; about no table: nothing is left.
Cycle MakeNextCycle(RunContext& run, Cycle& cycle) {
  Cycle next;
  next.only = FindTablesLeft(run, cycle);
  for (const Job& job : cycle.jobs) {
    if (job.again && job.whole_rows) run.whole_rows.insert(job.schema.name);
  }
  for (auto& [table, found] : cycle.differ) {
    if (ShallRepair(run, table)) next.repairs[table] = std::move(found);
  }
  return next;
}

/// The tables still moved after the last repeat.
void ReportMoved(RunContext& run, const std::vector<Job>& jobs) {
  for (const Job& job : jobs) {
    if (!job.again) continue;
    TableReport& report = run.ReportOf(job.schema.name);
    report.result = TableResult::kFailed;
    report.unsent = UnsentReason::kMoved;
    report.reason = absl::StrCat(job.error.message(), "; the same happened in each of ", kMovedRepeats + 1,
                                 " attempts. Nothing of the table is committed, and readers of the mirror "
                                 "see the old rows. Run again when the source is quiet");
  }
}

absl::Status RunCycles(RunContext& run) {
  Cycle cycle;
  for (int repeat = 0;; ++repeat) {
    const absl::Status looked = repeat == 0 ? LookFirst(run) : LookAtSource(run);
    if (!looked.ok()) return looked;
    ASSIGN_OR_RETURN(const bool began, RunCycle(run, cycle));
    if (!began) return absl::OkStatus();
    run.report.outcome = Outcome::kDone;
    Cycle next = MakeNextCycle(run, cycle);
    if (next.only.empty()) return absl::OkStatus();
    if (repeat == kMovedRepeats) {
      ReportMoved(run, cycle.jobs);
      return absl::OkStatus();
    }
    cycle = std::move(next);
    cycle.is_last = repeat + 1 == kMovedRepeats;
  }
}

}  // namespace

CycleReport RunOnce(const CycleParts& parts, const CycleOptions& options) {
  RunContext run(parts, options);
  if (absl::Status status = RunCycles(run); !status.ok()) {
    run.report.outcome = Outcome::kFailed;
    run.report.status = std::move(status);
  }
  return std::move(run.report);
}

}  // namespace mirror
