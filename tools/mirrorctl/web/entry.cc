#include "tools/mirrorctl/web/entry.h"

#include "absl/strings/str_cat.h"
#include "base/nonce.h"

namespace mirror {
namespace {

constexpr std::string_view kScheme = "Bearer ";

}  // namespace

WebEntry::WebEntry()
    : secret_(absl::StrCat(NewToken(), NewToken())), bearer_(absl::StrCat(NewToken(), NewToken())) {}

absl::StatusOr<std::string> WebEntry::Exchange(std::string_view secret) {
  if (!IsSameSecret(secret, secret_)) {
    return absl::UnauthenticatedError(
        "this is not the address that 'mirrorctl web' printed. Copy all of it, from http to the last "
        "letter.");
  }
  const MutexLock lock(mutex_);
  if (used_) {
    return absl::UnauthenticatedError(
        "this address was used before, and is good once. Use the tab that it was opened in, or start "
        "'mirrorctl web' again. If it was not you, stop 'mirrorctl web' now.");
  }
  used_ = true;
  return bearer_;
}

bool WebEntry::Admits(const std::string* authorization) const {
  if (authorization == nullptr) return false;
  const std::string_view given = *authorization;
  return given.starts_with(kScheme) && IsSameSecret(given.substr(kScheme.size()), bearer_);
}

}  // namespace mirror
