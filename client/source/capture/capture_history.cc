#include "client/source/capture/capture_history.h"

#include "absl/strings/str_cat.h"
#include "base/clock.h"
#include "base/status_macros.h"
#include "proto/wire/table.h"

namespace mirror {

absl::StatusOr<std::vector<std::string>> CaptureHistory::Renew(const std::vector<std::string>& tables) {
  std::vector<std::string> captured, others;
  for (const std::string& table : tables) (Captures(table) ? captured : others).push_back(table);
  // Nothing has to be created at the source for captured tables.
  RETURN_IF_ERROR(state_.Retain(captured));
  return base_.Renew(others);
}

bool CaptureHistory::Complete(TableSchema& schema) { return Captures(schema.name) || base_.Complete(schema); }

absl::StatusOr<Standing> CaptureHistory::Judge(const std::string& table, const Position& position) {
  return Captures(table) ? state_.Judge(table, position) : base_.Judge(table, position);
}

absl::StatusOr<std::optional<bool>> CaptureHistory::ChangedSince(const std::string& table, Lsn lsn) {
  if (!Captures(table)) return base_.ChangedSince(table, lsn);
  ASSIGN_OR_RETURN(const std::optional<CaptureState::Table> found, state_.Find(table));
  if (!found) return std::nullopt;
  return (found)->changed > lsn.value;
}

absl::StatusOr<std::optional<std::vector<Key>>> CaptureHistory::ChangedKeys(const std::string& table,
                                                                            Lsn lsn) {
  constexpr std::size_t kKeysAtATime = 10'000;
  if (!Captures(table)) return base_.ChangedKeys(table, lsn);
  ASSIGN_OR_RETURN(const std::optional<CaptureState::Table> found, state_.Find(table));
  if (!found || found->key_parts == 0) return std::nullopt;
  std::vector<Key> keys;
  for (;;) {
    ASSIGN_OR_RETURN(std::vector<CaptureState::Note> notes,
                     state_.ReadNoted(*found, lsn.value, keys.empty() ? Key{} : keys.back(), kKeysAtATime));
    for (CaptureState::Note& note : notes) keys.push_back(std::move(note.key));
    if (notes.size() < kKeysAtATime) return keys;
  }
}

bool CaptureHistory::NamesRows(const std::string& table) {
  if (!Captures(table)) return base_.NamesRows(table);
  const absl::StatusOr<std::optional<CaptureState::Table>> found = state_.Find(table);
  return found.ok() && *found && (*found)->key_parts > 0;
}

bool CaptureHistory::FollowsReading(const std::string& table) {
  return !Captures(table) && base_.FollowsReading(table);
}

bool CaptureHistory::SeesChanges(const std::string& table) {
  return Captures(table) || base_.SeesChanges(table);
}

bool CaptureHistory::NoticesChanges(const std::string& table) {
  return !Captures(table) && base_.NoticesChanges(table);
}

Form CaptureHistory::FormOf(const std::string& table) {
  const CaptureRule* const rule = rules_.Find(table);
  if (rule == nullptr) return base_.FormOf(table);
  const absl::StatusOr<std::optional<CaptureState::Table>> found = state_.Find(table);
  return mirror::FormOf(rule->how, found.ok() && *found ? (*found)->form : "");
}

absl::StatusOr<bool> CaptureHistory::Sent(const std::string& table, const Position& position) {
  return Captures(table) ? state_.Sent(table, position) : base_.Sent(table, position);
}

absl::StatusOr<bool> CaptureHistory::Adopt(const std::string& table, const Position& position) {
  return Captures(table) ? state_.Adopt(table, position) : base_.Adopt(table, position);
}

std::string CaptureHistory::WhyNotEqual(const std::string& table) {
  const CaptureRule* const rule = rules_.Find(table);
  if (rule == nullptr) return base_.WhyNotEqual(table);
  if (rule->LearnsDeletes()) return "";
  return absl::StrCat("strategy \"", ToString(rule->how),
                      "\" sends no deletes: the mirror keeps rows that are no longer in the source");
}

absl::StatusOr<std::map<std::string, Position>> CaptureHistory::Begin(const std::vector<std::string>& tables,
                                                                      std::int64_t highest) {
  std::vector<std::string> captured, others;
  for (const std::string& table : tables) (Captures(table) ? captured : others).push_back(table);
  std::map<std::string, Position> targets;
  if (!others.empty()) {
    absl::StatusOr<std::map<std::string, Position>> begun = base_.Begin(others, highest);
    if (!begun.ok()) return begun;
    targets = *std::move(begun);
  }
  if (captured.empty()) return targets;
  ASSIGN_OR_RETURN(const Position target, state_.Begin(captured, highest));
  for (const std::string& table : captured) targets[table] = target;
  return targets;
}

absl::Status CaptureHistory::Forget(const std::map<std::string, Position>& durable) {
  const std::int64_t before_ms = NowMs() - kKeptMs;
  std::map<std::string, Position> others;
  for (const auto& [table, position] : durable) {
    if (!Captures(table)) {
      others[table] = position;
      continue;
    }
    RETURN_IF_ERROR(state_.Forget(table, position, before_ms));
  }
  return base_.Forget(others);
}

}  // namespace mirror
