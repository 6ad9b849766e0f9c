#include "server/store/catalog/audit_rows.h"

#include <utility>

#include "base/clock.h"
#include "base/status_macros.h"

namespace mirror {
namespace {

/// Behind `last`, sealed for `point` where there is a seal.
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

}  // namespace

absl::StatusOr<AuditState> StateOfChain(AuditRows& rows) {
  AuditState state;
  ASSIGN_OR_RETURN(AuditPoint before, rows.Before());
  ASSIGN_OR_RETURN(AuditPoint last, rows.Last(before));
  state.before = std::move(before);
  state.last = std::move(last);
  return state;
}

absl::StatusOr<AuditLog::Added> AddToChain(AuditRows& rows, AuditRecord record,
                                           const AuditLog::MakeSeal& seal) {
  ASSIGN_OR_RETURN(const AuditState state, StateOfChain(rows));
  return Append(rows, std::move(record), state.last, state.last, seal);
}

absl::StatusOr<std::optional<AuditLog::Added>> PruneChain(AuditRows& rows, std::uint64_t keep,
                                                          AuditRecord record,
                                                          const AuditLog::MakeSeal& seal) {
  ASSIGN_OR_RETURN(const AuditState state, StateOfChain(rows));
  if (state.last.id - state.before.id <= keep) return std::nullopt;
  AuditPoint cut = state.before;
  cut.id = state.last.id - keep;
  ASSIGN_OR_RETURN(std::optional<std::string> hash, rows.HashOf(cut.id));
  if (!hash) return std::nullopt;  // Somebody took it: the check tells.
  cut.hash = *std::move(hash);
  ASSIGN_OR_RETURN(AuditLog::Added added, Append(rows, std::move(record), state.last, cut, seal));
  RETURN_IF_ERROR(rows.CutAt(cut));
  return std::optional(std::move(added));
}

}  // namespace mirror
