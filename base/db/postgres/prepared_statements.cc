#include "base/db/postgres/prepared_statements.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace mirror::postgres {

std::string PreparedStatements::KeyOf(const std::string& sql, Values values) {
  std::string key = sql;
  for (const Value& value : values) AppendNumber(key, static_cast<std::uint32_t>(value.type()));
  return key;
}

PreparedStatements::Use PreparedStatements::UseOf(const std::string& key) {
  if (max_ == 0) return {};
  const auto found = by_key_.find(key);
  if (found == by_key_.end()) {
    entries_.push_front({key, ""});
    by_key_[key] = entries_.begin();
    if (entries_.size() > max_) Drop(std::string(entries_.back().key));
    return {};
  }
  entries_.splice(entries_.begin(), entries_, found->second);
  Entry& entry = entries_.front();
  const bool is_new = entry.name.empty();
  if (is_new) entry.name = absl::StrCat("mirror_", ++names_);
  return {entry.name, is_new};
}

void PreparedStatements::Forget(const std::string& key) {
  const auto found = by_key_.find(key);
  if (found == by_key_.end()) return;
  entries_.erase(found->second);
  by_key_.erase(found);
}

void PreparedStatements::Drop(const std::string& key) {
  const auto found = by_key_.find(key);
  if (found == by_key_.end()) return;
  if (!found->second->name.empty()) dropped_.push_back(found->second->name);
  Forget(key);
}

std::vector<std::string> PreparedStatements::TakeDropped() { return std::exchange(dropped_, {}); }

}  // namespace mirror::postgres
