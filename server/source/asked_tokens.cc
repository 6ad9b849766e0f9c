#include "server/source/asked_tokens.h"

#include "base/folded_name.h"
#include "proto/wire/table.h"

namespace mirror {

absl::Status AskedTokens::Add(const Caller& caller, std::int64_t now_ms) {
  const std::string tenant = FoldName(caller.context_id);
  const MutexLock lock(mutex_);
  const auto is_full = [&]() MIRROR_REQUIRES(mutex_) {
    return count_ >= tokens_max_ || tenants_[tenant].size() >= of_tenant_max_;
  };
  if (is_full()) ForgetEnded(now_ms);
  if (tenants_[tenant].contains(caller.nonce)) {
    return absl::UnauthenticatedError(
        "the token's nonce was seen before. No cycle began. Make a new token for each Authenticate.");
  }
  if (is_full()) {
    if (tenants_[tenant].empty()) tenants_.erase(tenant);
    return absl::ResourceExhaustedError(
        "too many Authenticates of tenants without a mirror came within the life of a token. No cycle began. "
        "Try again later.");
  }
  tenants_[tenant].emplace(caller.nonce, caller.expires_ms);
  ++count_;
  return absl::OkStatus();
}

void AskedTokens::ForgetEnded(std::int64_t now_ms) {
  count_ = 0;
  for (auto& [tenant, ends_ms] : tenants_) {
    std::erase_if(ends_ms, [&](const auto& asked) { return asked.second < now_ms; });
    count_ += ends_ms.size();
  }
  std::erase_if(tenants_, [](const auto& tenant) { return tenant.second.empty(); });
}

}  // namespace mirror
