#include "server/http/api_keys.h"

#include <sys/stat.h>

#include <utility>

namespace mirror {

namespace {

/// 0: it is not there.
std::int64_t ChangedNs(const std::string& folder) {
  struct stat status = {};
  if (stat(folder.c_str(), &status) != 0) return 0;
  return status.st_mtim.tv_sec * std::int64_t{1'000'000'000} + status.st_mtim.tv_nsec;
}

}  // namespace

absl::StatusOr<std::vector<std::string>> ApiKeys::Load() {
  // Before it is read: what comes meanwhile is seen the next time.
  const std::int64_t changed_ns = ChangedNs(folder_);
  absl::StatusOr<FoundApiKeys> found = ReadApiKeys(folder_);
  const MutexLock lock(mutex_);
  changed_ns_ = changed_ns;
  if (!found.ok()) return found.status();
  keys_ = std::make_shared<std::vector<ApiKey>>(std::move(found->keys));
  return std::move(found->left_out);
}

bool ApiKeys::IsStale() {
  const std::int64_t changed_ns = ChangedNs(folder_);
  const MutexLock lock(mutex_);
  return changed_ns != changed_ns_;
}

std::vector<ApiKey> ApiKeys::All() {
  const MutexLock lock(mutex_);
  return *keys_;
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

std::shared_ptr<void> ApiKeys::TakePlace(const std::string& name) {
  const MutexLock lock(mutex_);
  std::size_t& count = under_way_[name];
  if (count >= requests_per_key_) return nullptr;
  ++count;
  return {static_cast<void*>(this), [this, name](void*) {
            const MutexLock again(mutex_);
            const auto found = under_way_.find(name);
            if (--found->second == 0) under_way_.erase(found);
          }};
}

}  // namespace mirror
