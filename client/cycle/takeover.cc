#include "client/cycle/takeover.h"

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "client/sending/row_sender.h"
#include "proto/wire/codec.h"

namespace mirror {
namespace {

/// Whether rows that the mirror alone has may be of a time before: neither strategy sends deletes. With
/// another filter they are what the configuration took out.
bool KeepsRows(const Form& former, const Form& form) {
  const auto keeps = [](const Form& one) {
    return one.strategy == Strategy::kWatermark || one.strategy == Strategy::kWindow;
  };
  return former.rows == form.rows && keeps(former) && keeps(form);
}

/// Whether a comparison could find what changed.
bool CanFindChanges(const RunContext& run, const Cycle& cycle, const TableSchema& table,
                    const v1::TableStatus& status) {
  return cycle.can_compare && !table.Key().empty() && DecodePosition(status.position()).lsn.value >= 0 &&
         !KeyIsHashed(table, status) && status.action() != v1::TABLE_ACTION_REPOPULATE &&
         !run.IsAskedFor(table.name) && !cycle.repairs.contains(table.name);
}

/// Where nobody can tell which rows the mirror should have, what changed is not found by a comparison.
bool HasNoDigests(const RunContext& run, const TableSchema& table) {
  return absl::IsFailedPrecondition(run.reader.Digests(table.name, table.Key()).status());
}

/// What the mirror hashes or masks no comparison sees.
bool SeesAll(const TableSchema& table, const v1::TableStatus& status) {
  return ComparedColumns(table, status).size() == WantedColumns(table, status).size();
}

/// The comparison is known to be due before the history forgets that it does not know the position. False: it
/// cannot go on from there.
absl::StatusOr<bool> AdoptAndCompare(RunContext& run, const std::string& table, const Position& position,
                                     TakenOver taken_over = TakenOver::kYes) {
  run.state.tables().SetTakenOver(table, taken_over);
  RETURN_IF_ERROR(run.state.Save());
  absl::StatusOr<bool> adopted = run.history.Adopt(table, position);
  if (adopted.ok() && !*adopted) run.state.tables().SetTakenOver(table, TakenOver::kNo);
  return adopted;
}

/// What another source sent, whose place this one was let take. False: it is known here, or has to be
/// populated.
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

/// The history goes on from a position although it missed what happened behind it; a comparison finds that.
/// False: there is no gap, or only a population closes it.
absl::StatusOr<bool> MendGap(RunContext& run, const TableSchema& table, const v1::TableStatus& status) {
  const Position position = DecodePosition(status.position());
  ASSIGN_OR_RETURN(const Standing standing, run.history.Judge(table.name, position));
  const Confirmed* const confirmed = run.state.tables().FindConfirmed(table.name);
  const bool own = confirmed != nullptr && confirmed->position == position;
  // What another source sent is populated, so that two that share a mirror are seen.
  const bool gap = standing == Standing::kGone || (standing == Standing::kMiss && own);
  if (!gap || !SeesAll(table, status) || HasNoDigests(run, table)) return false;
  const absl::StatusOr<bool> adopted = AdoptAndCompare(run, table.name, position);
  if (!adopted.ok() || !*adopted) return adopted;
  run.gaps[standing == Standing::kGone ? run.history.WhyGone(table.name) : ""].push_back(table.name);
  return true;
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
  // Rows that the mirror alone has would go with a population because the source's memory was lost.
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
  if (!cycle.can_compare) return "the endpoint cannot compare what that one sent";
  if (table.Key().empty()) return "what that one sent cannot be compared: the table has no key";
  if (KeyIsHashed(table, status))
    return "what that one sent cannot be compared: its key is hashed at the mirror";
  if (!SeesAll(table, status)) {
    return "what that one sent cannot be compared: the mirror hashes or masks columns of it";
  }
  if (std::string why = run.history.WhyNotEqual(table.name); !why.empty()) return why;
  const absl::Status digests = run.reader.Digests(table.name, table.Key()).status();
  return absl::IsFailedPrecondition(digests) ? std::string(digests.message()) : "";
}

}  // namespace mirror
