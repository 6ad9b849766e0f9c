#ifndef MIRROR_BASE_BASE64URL_H_
#define MIRROR_BASE_BASE64URL_H_

#include <optional>
#include <string>
#include <string_view>

namespace mirror {

/// Base64url without padding (RFC 4648, section 5; RFC 7515, section 2).
std::string EncodeBase64Url(std::string_view bytes);

/// Decodes exactly the output of EncodeBase64Url(): no padding, no line breaks, no
/// '+' or '/', and the unused bits of the last character are zero, so that two different texts
/// never mean the same bytes. Absent: any other text.
std::optional<std::string> DecodeBase64Url(std::string_view text);

}  // namespace mirror

#endif  // MIRROR_BASE_BASE64URL_H_
