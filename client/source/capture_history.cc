#include "client/source/capture_history.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "proto/wire/clock.h"
#include "proto/wire/table.h"

namespace mirror {

absl::StatusOr<std::vector<std::string>> CaptureHistory::Renew(const std::vector<std::string>& tables) {
  if (absl::Status retained = state_.Retain(tables); !retained.ok()) return retained;
  return std::vector<std::string>();
}

absl::StatusOr<std::optional<bool>> CaptureHistory::ChangedSince(const std::string& table, Lsn lsn) {
  const absl::StatusOr<std::optional<CaptureState::Table>> found = state_.Find(table);
  if (!found.ok()) return found.status();
  if (!*found) return std::nullopt;
  return (*found)->changed > lsn.value;
}

absl::StatusOr<std::optional<std::vector<Key>>> CaptureHistory::ChangedKeys(const std::string& table,
                                                                            Lsn lsn) {
  constexpr std::size_t kKeysAtATime = 10'000;
  const absl::StatusOr<std::optional<CaptureState::Table>> found = state_.Find(table);
  if (!found.ok()) return found.status();
  if (!*found || (*found)->key_parts == 0) return std::nullopt;
  std::vector<Key> keys;
  for (;;) {
    absl::StatusOr<std::vector<CaptureState::Note>> notes =
        state_.ReadNoted(**found, lsn.value, keys.empty() ? Key{} : keys.back(), kKeysAtATime);
    if (!notes.ok()) return notes.status();
    for (CaptureState::Note& note : *notes) keys.push_back(std::move(note.key));
    if (notes->size() < kKeysAtATime) return keys;
  }
}

bool CaptureHistory::NamesRows(const std::string& table) {
  const absl::StatusOr<std::optional<CaptureState::Table>> found = state_.Find(table);
  return found.ok() && *found && (*found)->key_parts > 0;
}

std::string CaptureHistory::WhyNotEqual(const std::string& table) {
  const auto rule = rules_.find(FoldName(table));
  if (rule == rules_.end() || rule->second.SeesDeletes()) return "";
  return absl::StrCat("strategy \"", std::string(ToString(rule->second.how)),
                      "\" sends no deletes: the mirror keeps rows that the source has not any more");
}

absl::StatusOr<std::map<std::string, Position>> CaptureHistory::Begin(const std::vector<std::string>& tables,
                                                                      std::int64_t highest) {
  const absl::StatusOr<Position> target = state_.Begin(tables, highest);
  if (!target.ok()) return target.status();
  std::map<std::string, Position> targets;
  for (const std::string& table : tables) targets[table] = *target;
  return targets;
}

absl::Status CaptureHistory::Forget(const std::map<std::string, Position>& durable) {
  const std::int64_t before_ms = NowMs() - kKeptMs;
  for (const auto& [table, position] : durable) {
    if (absl::Status forgotten = state_.Forget(table, position, before_ms); !forgotten.ok()) return forgotten;
  }
  return absl::OkStatus();
}

}  // namespace mirror
