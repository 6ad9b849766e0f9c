#include "server/store/catalog/audit_rows.h"

#include <utility>

#include "base/clock.h"
#include "base/status_macros.h"

namespace mirror {
namespace {

/// Inserts `record` after `last`. If `seal` is set, the record gets a seal of `point`.
absl::StatusOr<AuditLog::Added> Append(AuditRows& rows, AuditRecord record, const AuditPoint& last,
                                       const AuditPoint& point, const AuditLog::MakeSeal& seal) {
  if (record.time_ms == 0) record.time_ms = NowMs();
  if (seal) {
    ASSIGN_OR_RETURN(record.seal, seal(point, record.time_ms));
  }
  record.id = last.id + 1;
  record.hash = AuditHash(last.hash, record);
  AuditLog::Added added{last, last};
  added.now.id = record.id;
  added.now.hash = record.hash;
  RETURN_IF_ERROR(rows.Insert(record));
  return added;
}

absl::StatusOr<AuditState> StateOf(AuditRows& rows) {
  AuditState state;
  ASSIGN_OR_RETURN(state.before, rows.Before());
  ASSIGN_OR_RETURN(state.last, rows.Last(state.before));
  return state;
}

}  // namespace

absl::StatusOr<AuditLog::Added> ChainedAuditLog::Add(AuditRecord record, const MakeSeal& seal) {
  Added added;
  RETURN_IF_ERROR(Write([&](AuditRows& rows) -> absl::Status {
    ASSIGN_OR_RETURN(const AuditState state, StateOf(rows));
    ASSIGN_OR_RETURN(added, Append(rows, record, state.last, state.last, seal));
    return absl::OkStatus();
  }));
  return added;
}

absl::StatusOr<std::optional<AuditLog::Added>> ChainedAuditLog::Prune(std::uint64_t keep, AuditRecord record,
                                                                      const MakeSeal& seal) {
  std::optional<Added> added;
  RETURN_IF_ERROR(Write([&](AuditRows& rows) -> absl::Status {
    added.reset();
    ASSIGN_OR_RETURN(const AuditState state, StateOf(rows));
    if (state.last.id - state.before.id <= keep) return absl::OkStatus();
    AuditPoint cut = state.before;
    cut.id = state.last.id - keep;
    ASSIGN_OR_RETURN(std::optional<std::string> hash, rows.HashOf(cut.id));
    if (!hash) return absl::OkStatus();  // Somebody removed that record. The check of the chain reports this.
    cut.hash = *std::move(hash);
    ASSIGN_OR_RETURN(added, Append(rows, record, state.last, cut, seal));
    return rows.CutAt(cut);
  }));
  return added;
}

absl::StatusOr<AuditState> ChainedAuditLog::State() {
  AuditState state;
  RETURN_IF_ERROR(Look([&](AuditRows& rows) -> absl::Status {
    ASSIGN_OR_RETURN(state, StateOf(rows));
    return absl::OkStatus();
  }));
  return state;
}

}  // namespace mirror
