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

/// Default number of tokens in a cache; about 600 bytes each.
inline constexpr std::size_t kCachedTokensMax = 10'000;

/// Verifies tokens as VerifyToken() does, with a cache: a known token costs a hash instead of a signature
/// check.
///
/// Only tokens that passed every check are cached. The key of an entry is the SHA-256 of ring, use and token,
/// so that results of an old ring are never used with a new one. On each hit the token's times are compared
/// with the clock. If the cache is full, the least recently used entry is evicted.
///
/// All calls must use the same rules. When the rules change, call Clear(). Threads: any; the lock is not held
/// while a signature is verified.
class TokenCache {
 public:
  explicit TokenCache(std::size_t tokens_max = kCachedTokensMax) : tokens_max_(tokens_max) {}

  /// Verifies a token with the same results and errors as VerifyToken(). Refusals are not cached.
  absl::StatusOr<VerifiedToken> Verify(std::string_view token, TokenUse use, const KeyRing& ring,
                                       const TokenRules& rules, std::int64_t now_s);

  /// Removes all entries: call it after the keys or the rules were re-read.
  void Clear();

  struct Counts {
    std::size_t size = 0;                ///< Number of entries now, at most `tokens_max`.
    std::uint64_t hits = 0, misses = 0;  ///< Since the start of the process.
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
  Entries entries_ MIRROR_GUARDED_BY(mutex_);  ///< Most recently used first.
  /// Views into entries_.
  std::unordered_map<std::string_view, Entries::iterator> by_fingerprint_ MIRROR_GUARDED_BY(mutex_);
  std::uint64_t hits_ MIRROR_GUARDED_BY(mutex_) = 0;
  std::uint64_t misses_ MIRROR_GUARDED_BY(mutex_) = 0;
};

}  // namespace mirror

#endif  // MIRROR_CERTS_TOKEN_CACHE_H_
