#include "certs/token_cache.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "certs/openssl.h"

namespace mirror {

absl::StatusOr<VerifiedToken> TokenCache::Verify(std::string_view token, TokenUse use, const KeyRing& ring,
                                                 const TokenRules& rules, std::int64_t now_s) {
  // VerifyToken() refuses such a token.
  if (token.size() > kTokenBytesMax) return VerifyToken(token, use, ring, rules, now_s);
  std::string fingerprint =
      Sha256(absl::StrCat(ring.generation(), ":", std::string(TokenType(use)), ":", std::string(token)));
  {
    const MutexLock lock(mutex_);
    const auto found = by_fingerprint_.find(fingerprint);
    if (found != by_fingerprint_.end()) {
      const Entries::iterator entry = found->second;
      if (now_s >= entry->token.usable_from_s && now_s < entry->token.usable_until_s) {
        ++hits_;
        entries_.splice(entries_.begin(), entries_, entry);
        return entry->token;
      }
      by_fingerprint_.erase(found);
      entries_.erase(entry);
    }
    ++misses_;
  }
  absl::StatusOr<VerifiedToken> verified = VerifyToken(token, use, ring, rules, now_s);
  if (!verified.ok() || tokens_max_ == 0) return verified;

  const MutexLock lock(mutex_);
  if (by_fingerprint_.contains(fingerprint)) return verified;  // Another thread has already added the token.
  while (entries_.size() >= tokens_max_) {
    by_fingerprint_.erase(entries_.back().fingerprint);
    entries_.pop_back();
  }
  entries_.push_front({std::move(fingerprint), *verified});
  by_fingerprint_.emplace(entries_.front().fingerprint, entries_.begin());
  return verified;
}

void TokenCache::Clear() {
  const MutexLock lock(mutex_);
  by_fingerprint_.clear();
  entries_.clear();
}

TokenCache::Counts TokenCache::counts() const {
  const MutexLock lock(mutex_);
  return {entries_.size(), hits_, misses_};
}

}  // namespace mirror
