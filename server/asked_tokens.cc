#include "server/asked_tokens.h"

#include "absl/strings/str_cat.h"

namespace mirror {

absl::Status AskedTokens::Add(const Caller& caller, std::int64_t now_ms) {
  // Neither holds a space.
  const std::string key = absl::StrCat(caller.context_id, " ", caller.nonce);
  const std::lock_guard lock(mutex_);
  if (ends_ms_.size() >= tokens_max_)
    std::erase_if(ends_ms_, [&](const auto& asked) { return asked.second < now_ms; });
  if (ends_ms_.contains(key)) {
    return absl::UnauthenticatedError(
        "the token's nonce was seen before. No cycle began. Make a new token for each Authenticate.");
  }
  if (ends_ms_.size() >= tokens_max_) {
    return absl::ResourceExhaustedError(
        "too many sources without a mirror asked to begin within the life of a token. No cycle began. Try "
        "again later.");
  }
  ends_ms_.emplace(key, caller.expires_ms);
  return absl::OkStatus();
}

}  // namespace mirror
