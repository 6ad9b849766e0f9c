#include "server/store/catalog/audit_rows.h"

#include <utility>

#include "base/clock.h"

namespace mirror {
namespace {

/// Behind `last`, sealed for `point` where there is a seal.
absl::StatusOr<AuditLog::Added> Append(AuditRows& rows, AuditRecord record, const AuditPoint& last,
                                       const AuditPoint& point, const AuditLog::MakeSeal& seal) {
  if (record.time_ms == 0) record.time_ms = NowMs();
  if (seal) {
    absl::StatusOr<std::string> text = seal(point, record.time_ms);
    if (!text.ok()) return text.status();
    record.seal = *std::move(text);
  }
  record.id = last.id + 1;
  record.hash = AuditHash(last.hash, record);
  AuditLog::Added added{last, last};
  added.now.id = record.id;
  added.now.hash = record.hash;
  if (absl::Status inserted = rows.Insert(record); !inserted.ok()) return inserted;
  return added;
}

}  // namespace

absl::StatusOr<AuditState> StateOfChain(AuditRows& rows) {
  AuditState state;
  absl::StatusOr<AuditPoint> before = rows.Before();
  if (!before.ok()) return before.status();
  absl::StatusOr<AuditPoint> last = rows.Last(*before);
  if (!last.ok()) return last.status();
  state.before = *std::move(before);
  state.last = *std::move(last);
  return state;
}

absl::StatusOr<AuditLog::Added> AddToChain(AuditRows& rows, AuditRecord record,
                                           const AuditLog::MakeSeal& seal) {
  const absl::StatusOr<AuditState> state = StateOfChain(rows);
  if (!state.ok()) return state.status();
  return Append(rows, std::move(record), state->last, state->last, seal);
}

absl::StatusOr<std::optional<AuditLog::Added>> PruneChain(AuditRows& rows, std::uint64_t keep,
                                                          AuditRecord record,
                                                          const AuditLog::MakeSeal& seal) {
  const absl::StatusOr<AuditState> state = StateOfChain(rows);
  if (!state.ok()) return state.status();
  if (state->last.id - state->before.id <= keep) return std::nullopt;
  AuditPoint cut = state->before;
  cut.id = state->last.id - keep;
  absl::StatusOr<std::optional<std::string>> hash = rows.HashOf(cut.id);
  if (!hash.ok()) return hash.status();
  if (!*hash) return std::nullopt;  // Somebody took it: the check tells.
  cut.hash = **std::move(hash);
  absl::StatusOr<AuditLog::Added> added = Append(rows, std::move(record), state->last, cut, seal);
  if (!added.ok()) return added.status();
  if (absl::Status done = rows.CutAt(cut); !done.ok()) return done;
  return std::optional(*std::move(added));
}

}  // namespace mirror
