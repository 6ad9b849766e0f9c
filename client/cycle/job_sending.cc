#include "client/cycle/job_sending.h"

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/status_macros.h"
#include "client/cycle/comparison.h"
#include "client/cycle/cycle_end.h"
#include "client/cycle/job_plan.h"
#include "client/sending/row_sender.h"

namespace mirror {

namespace {

/// Tables without a log have no record in the source that would say it.
absl::Status NoteSending(RunContext& run, const Cycle& cycle) {
  if (run.marks == nullptr) return absl::OkStatus();
  ASSIGN_OR_RETURN(const CycleMarks::Cycles noted, run.marks->Read());
  return noted.completing == cycle.id ? absl::OkStatus() : run.marks->NoteCompleting(cycle.id);
}

UnsentReason FindWhyUnsent(const Job& job) {
  if (job.error.ok() || absl::IsCancelled(job.error)) return UnsentReason::kStopped;
  if (job.refused) return UnsentReason::kEndpoint;
  return job.again ? UnsentReason::kMoved : FindWhyUnread(job.error);
}

}  // namespace

absl::Status RecordTargets(RunContext& run, Cycle& cycle) {
  std::vector<std::string> names;
  for (const SourceTable& table : run.schema.tables) {
    names.push_back(table.schema.name);
    run.state.tables().SetRecord(table.schema.name, table.record);
  }
  run.state.tables().Retain(names);
  RETURN_IF_ERROR(run.state.Save());
  if (cycle.jobs.empty()) return absl::OkStatus();
  std::int64_t highest = 0;
  for (const v1::TableStatus& status : cycle.statuses) {
    highest = std::max({highest, status.position().lsn(), status.pending().lsn()});
  }
  std::vector<std::string> sending;
  for (const Job& job : cycle.jobs) sending.push_back(job.schema.name);
  ASSIGN_OR_RETURN(const auto targets, run.history.Begin(sending, highest));
  for (Job& job : cycle.jobs) job.target = targets.at(job.schema.name);
  return sending.empty() ? absl::OkStatus() : NoteSending(run, cycle);
}

absl::Status HoldMoment(RunContext& run, Cycle& cycle) {
  if (run.marks == nullptr || cycle.jobs.empty()) return absl::OkStatus();
  for (;;) {  // Each time a table more has a job.
    const bool with_changes = std::any_of(cycle.jobs.begin(), cycle.jobs.end(), [](const Job& job) {
      return job.decision.kind == Decision::Kind::kChanges;
    });
    ASSIGN_OR_RETURN(const bool held, run.reader.HoldMoment(with_changes));
    if (!held) return absl::OkStatus();
    ASSIGN_OR_RETURN(const bool more, MakeJobsOfChanged(run, cycle));
    if (!more) return absl::OkStatus();
    // Targets are older than the rows that are read for them.
    run.reader.LeaveMoment();
    RETURN_IF_ERROR(RecordTargets(run, cycle));
  }
}

absl::Status SendJobs(RunContext& run, Cycle& cycle) {
  if (cycle.jobs.empty()) return absl::OkStatus();
  const CycleOptions& options = run.options;
  SenderOptions sending{options.batch_bytes, options.window, options.read_ahead, {},
                        run.receipts.on(),   options.stop,   options.staging};
  // What is compared with the mirror is what was sent.
  sending.leaves_moment = !ShallCompareAny(run, cycle);
  // A receipt is looked at behind the end: that must not say as of when a table is beyond what its commit
  // says.
  const bool commits_tell =
      std::all_of(cycle.jobs.begin(), cycle.jobs.end(), [](const Job& job) { return job.tells_time; });
  // A source with an exchange notes on its own side what becomes of each cycle.
  if (sending.leaves_moment && run.marks == nullptr && (commits_tell || !run.receipts.on())) {
    sending.completed = [&run, &cycle] { return CompletionIfSent(run, cycle); };
  }
  if (options.progress) {
    sending.progress = [&options](const Job& job) {
      options.progress({"sending", job.schema.name, job.inserts + job.updates + job.deletes, job.expected});
    };
  }
  RowSender sender(run.reader, run.client, cycle.id, cycle.limits, std::move(sending));
  absl::Status sent = sender.Send(cycle.jobs);
  cycle.ended = sender.ended();
  return sent;
}

void ReportJobs(RunContext& run, const Cycle& cycle, const absl::Status& status) {
  for (const Job& job : cycle.jobs) {
    TableReport& report = run.ReportOf(job.schema.name);
    for (const std::string& note : job.notes) run.AddNote(note);
    if (job.lsn >= 0) report.lsn = job.lsn;
    if (job.committed) {
      report.result = TableResult::kOk;
      // A comparison, or a source that moved, has a table sent more than once in a run.
      report.inserts += job.inserts;
      report.updates += job.updates;
      report.deletes += job.deletes;
      continue;
    }
    report.result = job.held ? TableResult::kHeld : TableResult::kFailed;
    report.unsent = FindWhyUnsent(job);
    if (!job.error.ok()) {
      report.reason = std::string(job.error.message());
    } else {
      report.reason =
          status.ok() ? "the endpoint did not acknowledge its commit" : std::string(kCycleEndedFirst);
    }
  }
}

void TakeReceipts(RunContext& run, Cycle& cycle) {
  if (!run.receipts.on()) return;
  for (const Job& job : cycle.jobs) {
    if (!job.committed) continue;
    const std::string wrong = run.receipts.Take(job, cycle.id, run.client.context_id());
    if (wrong.empty()) continue;
    run.AddNote(wrong);
    TableReport& report = run.ReportOf(job.schema.name);
    report.result = TableResult::kFailed;
    report.reason = "its receipt does not match what was sent";
    report.unsent = UnsentReason::kComparison;
    run.state.tables().SetSuspect(job.schema.name, true);
    run.distrusted.insert(job.schema.name);
    if (cycle.can_compare) cycle.compare_again.insert(job.schema.name);
  }
  if (!run.distrusted.empty()) {
    // Also when the cycle's end does not arrive.
    if (absl::Status saved = run.state.Save(); !saved.ok()) run.AddNote(std::string(saved.message()));
  }
  run.AddNote(run.receipts.Save());
}

}  // namespace mirror
