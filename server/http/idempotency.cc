#include "server/http/idempotency.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "base/folded_name.h"
#include "certs/openssl.h"

namespace mirror {

absl::StatusOr<std::optional<RememberedRequest>> RememberOf(const HttpCall& call, std::string_view what,
                                                            std::string_view of_whom, std::string_view body) {
  constexpr std::size_t kKeyBytesMax = 64;
  const std::string* const key = call.head.Find(HttpFieldName::kIdempotencyKey);
  if (key == nullptr) return std::optional<RememberedRequest>();
  const auto is_shown = [](char c) { return absl::ascii_isprint(static_cast<unsigned char>(c)); };
  if (key->empty() || key->size() > kKeyBytesMax || !std::all_of(key->begin(), key->end(), is_shown)) {
    return absl::InvalidArgumentError(
        absl::StrCat("an Idempotency-Key has 1 to ", kKeyBytesMax,
                     " characters of ASCII, and no control character. Nothing was done."));
  }
  RememberedRequest remember;
  remember.id = absl::BytesToHexString(Sha256(absl::StrCat(call.key->name, "\n", std::string(what), "\n",
                                                           FoldName(std::string(of_whom)), "\n", *key)));
  remember.body_hash = absl::BytesToHexString(Sha256(body));
  return std::optional(std::move(remember));
}

}  // namespace mirror
