#ifndef MIRROR_SERVER_SOURCE_ASKED_TOKENS_H_
#define MIRROR_SERVER_SOURCE_ASKED_TOKENS_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>

#include "absl/status/status.h"
#include "base/mutex.h"
#include "server/plan/caller.h"

namespace mirror {

inline constexpr std::size_t kAskedTokensMax = 10'000;
inline constexpr std::size_t kAskedTokensOfTenantMax = 100;

/// Nonces of tenants that have no mirror yet which could remember them. Hooks were asked about the tokens
/// with these nonces. So a token that was refused cannot make the server ask the hooks again. A nonce is kept
/// until its token expires; a restart forgets all. Threads: any.
class AskedTokens {
 public:
  explicit AskedTokens(std::size_t tokens_max = kAskedTokensMax,
                       std::size_t of_tenant_max = kAskedTokensOfTenantMax)
      : tokens_max_(tokens_max), of_tenant_max_(of_tenant_max) {}

  /// Adds the nonce of `caller`. Errors:
  ///   kUnauthenticated    the nonce was used before
  ///   kResourceExhausted  too many nonces are kept, for this tenant or for all
  absl::Status Add(const Caller& caller, std::int64_t now_ms);

 private:
  using EndsMs = std::map<std::string, std::int64_t>;  ///< By nonce.
  void ForgetEnded(std::int64_t now_ms) MIRROR_REQUIRES(mutex_);

  const std::size_t tokens_max_, of_tenant_max_;
  Mutex mutex_;
  std::map<std::string, EndsMs> tenants_ MIRROR_GUARDED_BY(mutex_);  ///< By folded context id.
  std::size_t count_ MIRROR_GUARDED_BY(mutex_) = 0;
};

}  // namespace mirror

#endif  // MIRROR_SERVER_SOURCE_ASKED_TOKENS_H_
