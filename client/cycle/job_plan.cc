#include "client/cycle/job_plan.h"

#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "base/human_text.h"
#include "base/status_macros.h"
#include "client/cycle/comparison.h"
#include "client/cycle/takeover.h"
#include "client/sending/decision.h"
#include "client/source/source_log.h"
#include "proto/wire/codec.h"
#include "proto/wire/table.h"

namespace mirror {
namespace {

/// Why a table is left as it is, whatever the history says.
struct LeftOut {
  TableResult result = TableResult::kFailed;
  std::string reason;
  UnsentReason unsent = UnsentReason::kUnknown;
};

/// The endpoint's reason, with what only the source knows about it.
std::string WhyRefused(const SourceTable& table, const v1::TableStatus& status) {
  if (table.wide_key.empty()) return status.reason();
  return absl::StrCat(status.reason(), " ", table.wide_key,
                      " Correct or delete such rows. The mirror keeps the rows that it has of the table. The "
                      "next 'mirror-agent once' looks again; 'mirror-agent run' does so every few minutes.");
}

std::optional<LeftOut> FindWhyLeftOut(const SourceTable& table, const v1::TableStatus& status) {
  if (status.action() == v1::TABLE_ACTION_REFUSED) {
    return LeftOut{TableResult::kRefused, WhyRefused(table, status), UnsentReason::kEndpoint};
  }
  if (status.action() == v1::TABLE_ACTION_HELD) {
    return LeftOut{TableResult::kHeld, status.reason(), UnsentReason::kEndpoint};
  }
  if (!status.wanted()) return LeftOut{TableResult::kUnwanted, status.reason()};
  if (!table.problem.empty()) {
    return LeftOut{TableResult::kFailed, table.problem, UnsentReason::kUnreadable};
  }
  if (!table.later.empty()) return LeftOut{TableResult::kOk, table.later};
  return std::nullopt;
}

/// A population brings everything; else the rows that differ go along with what changed.
Decision WithRepair(History& history, Decision decision, const TableSchema& table,
                    const Differences& differences) {
  if (decision.kind == Decision::Kind::kPopulate) return decision;
  // Where the log does not name rows, only a population is of one moment.
  const bool unnamed = history.SeesChanges(table.name) && !history.NamesRows(table.name);
  const std::string found = differences.Count() == 0
                                ? "rows changed during the comparison, and are sent whole"
                                : absl::StrCat("compared with the source, ", InWords(differences));
  if (differences.beyond_repair || unnamed) {
    return {Decision::Kind::kPopulate, PopulateReason::kRequested, found};
  }
  return {Decision::Kind::kChanges, PopulateReason::kNone, found};
}

/// Whether the mirror is in a state that this source does not know.
bool IsOfAnother(PopulateReason reason) {
  return reason == PopulateReason::kAhead || reason == PopulateReason::kLineageMiss ||
         reason == PopulateReason::kPendingMiss || reason == PopulateReason::kHistoryGone;
}

/// The mirror's state is what this source had confirmed last, and the table was read in another way then:
/// nothing was restored. Empty: that is not so.
std::string WhyReadInAnotherWay(RunContext& run, const std::string& table, const v1::TableStatus& status) {
  const Confirmed* const confirmed = run.state.tables().FindConfirmed(table);
  if (confirmed == nullptr || confirmed->position != DecodePosition(status.position())) return "";
  const Form now = run.history.FormOf(table);
  if (now == confirmed->form) return "";
  if (confirmed->form.strategy == Strategy::kCdc)
    return "the change log that sent the mirror's state is not there any more";
  if (now.strategy == Strategy::kCdc)
    return "the mirror's rows were sent before the change log was installed";
  return "the mirror's rows were sent when the table was read in another way";
}

/// What is sent of a table that is sent. Errors: why nothing of it can be.
absl::StatusOr<Decision> DecideTable(RunContext& run, const Cycle& cycle, const SourceTable& table,
                                     const v1::TableStatus& status) {
  const std::string& name = table.schema.name;
  const bool asked = run.IsAskedFor(name);
  const bool suspect = !cycle.can_compare && run.state.tables().IsSuspect(name);
  RETURN_IF_ERROR(TakeOver(run, cycle, table.schema, status));
  const bool mended = run.state.tables().IsTakenOver(name) == TakenOver::kYes &&
                      (status.source_accepted() || run.history.MendsGaps(name));
  absl::StatusOr<Decision> decision =
      Decide(run.history, run.reader, table.schema, status, asked || suspect, mended);
  if (!decision.ok()) return decision;
  if (status.source_accepted() && !asked && IsOfAnother(decision->reason)) {
    const std::string why = WhyNotAdopted(run, cycle, table.schema, status);
    decision->words =
        absl::StrCat("this source took the place of another one, and ",
                     why.empty() ? "by its strategy it cannot go on from what that one sent" : why);
  }
  if (!status.source_accepted() && IsOfAnother(decision->reason)) {
    const std::string why = WhyReadInAnotherWay(run, name, status);
    if (!why.empty()) {
      decision->reason = PopulateReason::kHistoryGone;
      decision->words = why;
    }
  }
  const bool new_there = status.action() == v1::TABLE_ACTION_CREATED || status.row_count() == 0;
  if (decision->kind == Decision::Kind::kPopulate && table.unreadable && !new_there && !asked) {
    return absl::FailedPreconditionError(
        absl::StrCat("all rows would be sent (", decision->words,
                     "), and the mirror would lose those that cannot be read now. Nothing of the table was "
                     "sent. Correct the rows at the source; to lose them, name the table with --repopulate"));
  }
  const auto repair = cycle.repairs.find(name);
  if (repair == cycle.repairs.end()) return decision;
  return WithRepair(run.history, *std::move(decision), table.schema, repair->second);
}

Job MakeJob(RunContext& run, Cycle& cycle, std::size_t index, Decision decision) {
  Job job;
  job.index = index;
  job.decision = std::move(decision);
  job.schema = run.schema.tables[index].schema;
  job.status = cycle.statuses[index];
  const std::string& name = job.schema.name;
  job.logged = run.history.NamesRows(name);
  job.closed_later = !job.schema.Key().empty() && job.logged && run.history.FollowsReading(name);
  job.whole_rows = run.whole_rows.contains(name);
  job.count_all = run.options.now_ms > 0 &&
                  run.state.tables().ShallCount(name, run.options.now_ms, run.options.count_interval_ms);
  const auto repair = cycle.repairs.find(name);
  if (repair != cycle.repairs.end() && job.decision.kind == Decision::Kind::kChanges) {
    job.repair = std::move(repair->second.keys);
  }
  // Net changes bring nothing up to date that they do not begin at.
  job.tells_time = job.decision.kind == Decision::Kind::kPopulate ||
                   (run.state.tables().IsTakenOver(name) == TakenOver::kNo && !job.status.source_accepted());
  return job;
}

void PlanTable(RunContext& run, Cycle& cycle, std::size_t index) {
  const SourceTable& table = run.schema.tables[index];
  const v1::TableStatus& status = cycle.statuses[index];
  TableReport& report = run.ReportOf(table.schema.name);
  report.lsn = status.position().lsn();
  const bool is_refused = status.action() == v1::TABLE_ACTION_REFUSED && !table.wide_key.empty();
  run.state.tables().SetKeyRefused(table.schema.name,
                                   is_refused ? std::optional(run.options.now_ms) : std::nullopt);
  if (std::optional<LeftOut> left = FindWhyLeftOut(table, status)) {
    report.result = left->result;
    report.reason = std::move(left->reason);
    report.unsent = left->unsent;
    return;
  }
  report.result = TableResult::kFailed;  // Until its commit is acknowledged.
  absl::StatusOr<Decision> decision = DecideTable(run, cycle, table, status);
  if (!decision.ok()) {
    report.reason = std::string(decision.status().message());
    report.unsent = FindWhyUnread(decision.status());
    return;
  }
  report.reason = decision->words;
  if (decision->kind == Decision::Kind::kNothing) {
    report.result = TableResult::kOk;
    cycle.resting.push_back(index);
    return;
  }
  report.action = decision->kind == Decision::Kind::kPopulate ? TableReport::Action::kPopulate
                                                              : TableReport::Action::kChanges;
  cycle.jobs.push_back(MakeJob(run, cycle, index, *std::move(decision)));
}

/// One note for all tables that one thing befell.
void NoteGaps(RunContext& run) {
  for (const auto& [why, tables] : std::exchange(run.gaps, {})) {
    run.AddNote(absl::StrCat(
        "changes since the mirror's LSN are no longer on record for ", Counted(tables.size(), "table"),
        why.empty() ? "" : absl::StrCat(" (", why, ")"),
        "; what differs from the mirror is found by comparing, and sent: ", ListNames(tables, kNamesListed)));
  }
}

}  // namespace

UnsentReason FindWhyUnread(const absl::Status& error) {
  if (IsNeedsInstall(error)) return UnsentReason::kNoLog;
  return absl::IsPermissionDenied(error) ? UnsentReason::kUnreadable : UnsentReason::kRows;
}

void MakeJobs(RunContext& run, Cycle& cycle) {
  for (std::size_t i = 0; i < run.schema.tables.size(); ++i) {
    if (cycle.IsAbout(run.schema.tables[i].schema.name)) PlanTable(run, cycle, i);
  }
  NoteGaps(run);
  if (!cycle.IsFirst() || run.places_taken.empty()) return;
  run.AddNote(absl::StrCat(
      "this source took the place of another one, as the mirror's operator accepted: what that one sent of ",
      Counted(run.places_taken.size(), "table"), " is compared with the source, and what differs is sent: ",
      ListNames({run.places_taken.begin(), run.places_taken.end()}, kNamesListed)));
}

absl::StatusOr<bool> MakeJobsOfChanged(RunContext& run, Cycle& cycle) {
  const std::size_t before = cycle.jobs.size();
  for (const std::size_t index : std::exchange(cycle.resting, {})) {
    const Lsn lsn = DecodePosition(cycle.statuses[index].position()).lsn;
    ASSIGN_OR_RETURN(const auto changed, run.history.ChangedSince(run.schema.tables[index].schema.name, lsn));
    if (changed.value_or(false)) {
      PlanTable(run, cycle, index);
    } else {
      cycle.resting.push_back(index);
    }
  }
  return cycle.jobs.size() > before;
}

}  // namespace mirror
