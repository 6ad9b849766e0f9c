#include "server/tenant/first_failures.h"

#include <algorithm>

#include "base/folded_name.h"
#include "proto/wire/table.h"

namespace mirror {

void FirstFailures::Note(const std::string& context_id, std::string_view why, std::int64_t now_ms) {
  const MutexLock lock(mutex_);
  Failed& failed = failed_[FoldName(context_id)];
  failed.context_id = context_id;
  failed.failure = FailedAgain(failed.failure, why, now_ms);
  if (failed_.size() <= kTenantsMax) return;
  failed_.erase(std::min_element(failed_.begin(), failed_.end(), [](const auto& a, const auto& b) {
    return a.second.failure.last_ms < b.second.failure.last_ms;
  }));
}

void FirstFailures::Forget(const std::string& context_id) {
  const MutexLock lock(mutex_);
  failed_.erase(FoldName(context_id));
}

std::vector<FirstFailures::Failed> FirstFailures::All() const {
  const MutexLock lock(mutex_);
  std::vector<Failed> all;
  all.reserve(failed_.size());
  for (const auto& [key, failed] : failed_) all.push_back(failed);
  return all;
}

}  // namespace mirror
