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
#include "client/source/source_log.h"
#include "client/wire/decision.h"
#include "client/wire/row_sender.h"
#include "proto/wire/codec.h"
#include "proto/wire/table.h"

namespace mirror {
namespace {

/// Whether rows that only the mirror has stay there: neither strategy sends deletes, so they may be old rows
/// of the source. With another filter they may be rows that the configuration now leaves out.
bool KeepsRows(const Form& former, const Form& form) {
  const auto keeps = [](const Form& one) {
    return one.strategy == Strategy::kWatermark || one.strategy == Strategy::kWindow;
  };
  return former.rows == form.rows && keeps(former) && keeps(form);
}

/// Whether a comparison could find the changes.
bool CanFindChanges(const RunContext& run, const Cycle& cycle, const TableSchema& table,
                    const v1::TableStatus& status) {
  return cycle.can_compare && !table.Key().empty() && DecodePosition(status.position()).lsn.value >= 0 &&
         !KeyIsHashed(table, status) && status.action() != v1::TABLE_ACTION_REPOPULATE &&
         !run.IsAskedFor(table.name) && !cycle.repairs.contains(table.name);
}

/// Whether the source gives no digests of the table, because it does not know which rows the mirror should
/// have. Then a comparison cannot find the changes.
bool HasNoDigests(const RunContext& run, const TableSchema& table) {
  return absl::IsFailedPrecondition(run.reader.Digests(table.name, table.Key()).status());
}

/// Whether a comparison sees all columns: it does not see those that the mirror hashes or masks.
bool SeesAll(const TableSchema& table, const v1::TableStatus& status) {
  return ComparedColumns(table, status).size() == WantedColumns(table, status).size();
}

/// Records that a comparison is due, and only then lets the history
/// adopt the unknown position. False: it cannot continue from there.
absl::StatusOr<bool> AdoptAndCompare(RunContext& run, const std::string& table, const Position& position,
                                     TakenOver taken_over = TakenOver::kYes) {
  run.state.tables().SetTakenOver(table, taken_over);
  RETURN_IF_ERROR(run.state.Save());
  absl::StatusOr<bool> adopted = run.history.Adopt(table, position);
  if (adopted.ok() && !*adopted) run.state.tables().SetTakenOver(table, TakenOver::kNo);
  return adopted;
}

/// Takes over a table that another source sent, if the operator let this one take
/// its place. False: the position is known here, or the table must be populated.
absl::StatusOr<bool> TakePlace(RunContext& run, const Cycle& cycle, const TableSchema& table,
                               const v1::TableStatus& status) {
  const Position position = DecodePosition(status.position());
  ASSIGN_OR_RETURN(const Standing standing, run.history.Judge(table.name, position));
  if (standing == Standing::kKnown || standing == Standing::kEmptied) return false;
  if (!WhyNotAdopted(run, cycle, table, status).empty()) return false;
  RETURN_IF_ERROR(run.reader.TakeLook(table.name));
  const absl::StatusOr<bool> adopted = AdoptAndCompare(run, table.name, position);
  if (!adopted.ok() || !*adopted) return adopted;
  run.places_taken.insert(table.name);
  return true;
}

/// Lets the history continue from a position although it missed later changes; a comparison finds them.
/// False: there is no gap, or only a population closes it.
absl::StatusOr<bool> MendGap(RunContext& run, const TableSchema& table, const v1::TableStatus& status) {
  const Position position = DecodePosition(status.position());
  ASSIGN_OR_RETURN(const Standing standing, run.history.Judge(table.name, position));
  const Confirmed* const confirmed = run.state.tables().FindConfirmed(table.name);
  const bool own = confirmed != nullptr && confirmed->position == position;
  // Rows of another source are populated, so that two sources that share a mirror are noticed.
  const bool gap = standing == Standing::kGone || (standing == Standing::kMiss && own);
  if (!gap || !SeesAll(table, status) || HasNoDigests(run, table)) return false;
  const absl::StatusOr<bool> adopted = AdoptAndCompare(run, table.name, position);
  if (!adopted.ok() || !*adopted) return adopted;
  run.gaps[standing == Standing::kGone ? run.history.WhyGone(table.name) : ""].push_back(table.name);
  return true;
}

/// Why a table is not sent, whatever the history says.
struct LeftOut {
  TableResult result = TableResult::kFailed;
  std::string reason;
  UnsentReason unsent = UnsentReason::kUnknown;
};

/// The endpoint's reason, with facts that only the source knows.
std::string WhyRefused(const SourceTable& table, const v1::TableStatus& status) {
  if (table.wide_key.empty()) return status.reason();
  return absl::StrCat(status.reason(), " ", table.wide_key,
                      " Correct or delete such rows. The mirror keeps its rows of the table. The next "
                      "'mirror-agent once' checks again; 'mirror-agent run' does so every few minutes.");
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

/// Adds a repair to a decision: the differing rows are sent with the changes. A population stays as it is,
/// because it sends all rows.
Decision WithRepair(History& history, Decision decision, const TableSchema& table,
                    const Differences& differences) {
  if (decision.kind == Decision::Kind::kPopulate) return decision;
  // If the log does not name rows, only a population gives the state of one moment.
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

/// Reason if this source had confirmed the mirror's state last, and read the table
/// in another way then: so no restore happened. Empty: this does not apply.
std::string WhyReadInAnotherWay(RunContext& run, const std::string& table, const v1::TableStatus& status) {
  const Confirmed* const confirmed = run.state.tables().FindConfirmed(table);
  if (confirmed == nullptr || confirmed->position != DecodePosition(status.position())) return "";
  const Form now = run.history.FormOf(table);
  if (now == confirmed->form) return "";
  if (confirmed->form.strategy == Strategy::kCdc)
    return "the change log from which the mirror's rows were sent no longer exists";
  if (now.strategy == Strategy::kCdc)
    return "the mirror's rows were sent before the change log was installed";
  return "the mirror's rows were sent when the table was read in another way";
}

/// Decides what is sent of a table that the mirror wants. Errors: why nothing of it can be sent.
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
        absl::StrCat("this source replaced another one, and ",
                     why.empty() ? "its strategy cannot continue from the other one's rows" : why);
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
  // Net changes after an unknown start do not bring the table up to a known time.
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

/// Adds one note for all tables with the same reason.
void NoteGaps(RunContext& run) {
  for (const auto& [why, tables] : std::exchange(run.gaps, {})) {
    run.AddNote(absl::StrCat("changes since the mirror's LSN are no longer on record for ",
                             Counted(tables.size(), "table"), why.empty() ? "" : absl::StrCat(" (", why, ")"),
                             "; the agent compares them with the mirror, and sends the differences: ",
                             ListNames(tables, kNamesListed)));
  }
}

}  // namespace

absl::Status TakeOver(RunContext& run, const Cycle& cycle, const TableSchema& table,
                      const v1::TableStatus& status) {
  const bool staged = run.RuleOf(table.name).staged && run.history.SeesChanges(table.name);
  if (!CanFindChanges(run, cycle, table, status)) return absl::OkStatus();
  if (status.source_accepted()) {
    const absl::StatusOr<bool> taken = TakePlace(run, cycle, table, status);
    if (!taken.ok() || *taken) return taken.status();
  }
  if (run.history.MendsGaps(table.name)) {
    const absl::StatusOr<bool> mended = MendGap(run, table, status);
    if (!mended.ok() || *mended) return mended.status();
  }
  if (status.has_pending()) return absl::OkStatus();
  const Position position = DecodePosition(status.position());
  const bool sees_all = SeesAll(table, status);
  const Form form = run.history.FormOf(table.name);
  const Confirmed* const confirmed = run.state.tables().FindConfirmed(table.name);
  const Form former = confirmed == nullptr ? form : confirmed->form;
  // A population because the source's state was lost would delete rows that only the mirror has.
  const bool one_sided = !run.history.WhyNotEqual(table.name).empty();
  if (!staged && !one_sided && former == form) return absl::OkStatus();
  if (HasNoDigests(run, table)) return absl::OkStatus();
  ASSIGN_OR_RETURN(const Standing standing, run.history.Judge(table.name, position));
  const bool keeps =
      one_sided && KeepsRows(former, form) && run.state.tables().IsTakenOver(table.name) != TakenOver::kYes;
  const TakenOver taken_over = keeps ? TakenOver::kKeeps : TakenOver::kYes;
  if (standing == Standing::kKnown && !staged) return absl::OkStatus();
  if (standing == Standing::kKnown && (!sees_all || run.history.FollowsReading(table.name))) {
    run.state.tables().SetTakenOver(table.name, taken_over);
    return run.state.Save();
  }
  const bool confirmed_there = confirmed != nullptr && confirmed->position == position;
  ASSIGN_OR_RETURN(const bool sent, run.history.Sent(table.name, position));
  if (!sees_all || (!staged && !confirmed_there && !sent)) return absl::OkStatus();
  return AdoptAndCompare(run, table.name, position, taken_over).status();
}

std::string WhyNotAdopted(RunContext& run, const Cycle& cycle, const TableSchema& table,
                          const v1::TableStatus& status) {
  if (!cycle.can_compare) return "the endpoint cannot compare the rows that the other one sent";
  if (table.Key().empty()) return "the rows that the other one sent cannot be compared: the table has no key";
  if (KeyIsHashed(table, status))
    return "the rows that the other one sent cannot be compared: the table's key is hashed at the mirror";
  if (!SeesAll(table, status)) {
    return "the rows that the other one sent cannot be compared: the mirror hashes or masks columns of the "
           "table";
  }
  if (std::string why = run.history.WhyNotEqual(table.name); !why.empty()) return why;
  const absl::Status digests = run.reader.Digests(table.name, table.Key()).status();
  return absl::IsFailedPrecondition(digests) ? std::string(digests.message()) : "";
}

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
  run.AddNote(
      absl::StrCat("this source replaced another one, as the mirror's operator accepted: the agent compares ",
                   Counted(run.places_taken.size(), "table"),
                   " that the other one sent with the source, and sends the differences: ",
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
