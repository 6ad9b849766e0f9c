#include "server/http/api_keys.h"

#include <set>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"

#include "base/status_macros.h"

namespace mirror {

absl::StatusOr<std::vector<std::string>> ApiKeys::Load() {
  absl::StatusOr<std::vector<std::string>> left_out = Read();
  const MutexLock lock(mutex_);
  failure_ = left_out.ok() ? "" : std::string(left_out.status().message());
  return left_out;
}

absl::StatusOr<std::vector<std::string>> ApiKeys::Read() {
  // The mark is taken before reading: files that come meanwhile are seen the next time.
  ASSIGN_OR_RETURN(std::string mark, ApiKeysMark(folder_));
  ASSIGN_OR_RETURN(FoundApiKeys found, ReadApiKeys(folder_));
  const MutexLock lock(mutex_);
  mark_ = std::move(mark);
  keys_ = std::make_shared<std::vector<ApiKey>>(std::move(found.keys));
  left_out_ = std::move(found.left_out);
  std::set<std::string_view> names;
  for (const ApiKey& key : *keys_) names.insert(key.name);
  std::erase_if(used_ms_, [&](const auto& used) { return !names.contains(used.first); });
  return left_out_;
}

bool ApiKeys::IsStale() {
  const absl::StatusOr<std::string> mark = ApiKeysMark(folder_);
  const MutexLock lock(mutex_);
  return !mark.ok() || *mark != mark_;
}

ApiKeys::Seen ApiKeys::See() {
  const MutexLock lock(mutex_);
  Seen seen{*keys_, used_ms_, left_out_};
  if (!failure_.empty())
    seen.left_out.push_back(absl::StrCat("the server uses the keys that it read last: ", failure_));
  return seen;
}

std::shared_ptr<const ApiKey> ApiKeys::Find(std::string_view sent) {
  std::shared_ptr<const std::vector<ApiKey>> keys;
  {
    const MutexLock lock(mutex_);
    keys = keys_;
  }
  const ApiKey* const found = FindApiKey(*keys, sent);
  return found == nullptr ? nullptr : std::shared_ptr<const ApiKey>(keys, found);
}

std::shared_ptr<void> ApiKeys::TakePlace(const std::string& name, std::int64_t now_ms) {
  const MutexLock lock(mutex_);
  std::size_t& count = under_way_[name];
  if (count >= requests_per_key_) return nullptr;
  ++count;
  used_ms_[name] = now_ms;
  return {static_cast<void*>(this), [this, name](void*) {
            const MutexLock again(mutex_);
            const auto found = under_way_.find(name);
            if (--found->second == 0) under_way_.erase(found);
          }};
}

}  // namespace mirror
