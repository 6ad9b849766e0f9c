#ifndef MIRROR_BASE_BASE64URL_H_
#define MIRROR_BASE_BASE64URL_H_

#include <optional>
#include <string>
#include <string_view>

namespace mirror {

/// Encodes bytes as base64url without padding (RFC 4648, section 5; RFC 7515, section 2).
std::string EncodeBase64Url(std::string_view bytes);

/// Decodes a text that EncodeBase64Url() returned. Absent: any other text, such as one with padding, line
/// breaks, '+' or '/', or with unused bits of the last character that are not zero. Two different texts
/// therefore never decode to the same bytes.
std::optional<std::string> DecodeBase64Url(std::string_view text);

}  // namespace mirror

#endif  // MIRROR_BASE_BASE64URL_H_
