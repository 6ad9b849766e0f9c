#ifndef MIRROR_CERTS_TOKEN_CACHE_H_
#define MIRROR_CERTS_TOKEN_CACHE_H_

#include <cstddef>
#include <cstdint>
#include <list>
#include <string>
#include <string_view>
#include <unordered_map>

#include "absl/status/statusor.h"
#include "base/mutex.h"
#include "certs/key_ring.h"
#include "certs/token.h"

namespace mirror {

/// Tokens that a cache remembers unless told otherwise; about 600 bytes each.
inline constexpr std::size_t kCachedTokensMax = 10'000;

/// VerifyToken() with a memory: a token seen again costs a hash instead of a signature.
///
/// Remembered is only what passed every check, under the SHA-256 of ring, use and token: another
/// ring never finds an older one's answers, whatever the order of calls at a reload. Times are
/// compared with the clock at every hit. The least recently used entry makes room for a new one.
///
/// The rules are those of the first call; call Clear() when they change. Thread safety: every
/// call, from any thread; signatures are verified outside the lock.
class TokenCache {
 public:
  explicit TokenCache(std::size_t tokens_max = kCachedTokensMax) : tokens_max_(tokens_max) {}

  /// As VerifyToken(), with the same errors. Refusals are not remembered.
  absl::StatusOr<VerifiedToken> Verify(std::string_view token, TokenUse use, const KeyRing& ring,
                                       const TokenRules& rules, std::int64_t now_s);

  /// Forgets everything: after the keys or the rules were re-read.
  void Clear();

  struct Counts {
    std::size_t size = 0;                ///< Entries now, at most `tokens_max`.
    std::uint64_t hits = 0, misses = 0;  ///< Since the start.
  };
  Counts counts() const;

 private:
  struct Entry {
    std::string fingerprint;
    VerifiedToken token;
  };
  using Entries = std::list<Entry>;

  const std::size_t tokens_max_;
  mutable Mutex mutex_;
  Entries entries_ MIRROR_GUARDED_BY(mutex_);  ///< The most recently used first.
  /// Views into entries_.
  std::unordered_map<std::string_view, Entries::iterator> by_fingerprint_ MIRROR_GUARDED_BY(mutex_);
  std::uint64_t hits_ MIRROR_GUARDED_BY(mutex_) = 0;
  std::uint64_t misses_ MIRROR_GUARDED_BY(mutex_) = 0;
};

}  // namespace mirror

#endif  // MIRROR_CERTS_TOKEN_CACHE_H_
