#ifndef MIRROR_BASE_UTF8_H_
#define MIRROR_BASE_UTF8_H_

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace mirror {

struct Utf8Count {
  std::size_t characters = 0;  ///< Code points.
  std::size_t utf16_units = 0;
};

/// Counts UTF-8; absent when it is not UTF-8 or holds NUL. Surrogates and overlong forms are not UTF-8.
std::optional<Utf8Count> CountUtf8(std::string_view text);

/// Whether every byte is 1 to 127: then bytes, characters and UTF-16 units are the same number.
bool IsAscii(std::string_view text);

/// UTF-8 without NUL.
inline bool IsText(std::string_view bytes) { return IsAscii(bytes) || CountUtf8(bytes).has_value(); }

/// UTF-8 without NUL: in the place of each byte that belongs to no character stands U+FFFD.
std::string ValidUtf8(std::string_view bytes);

/// The longest beginning of UTF-8 that has at most `bytes_max` bytes and ends with a character.
std::string_view CutUtf8(std::string_view text, std::size_t bytes_max);

/// Whether a character cannot begin with this byte.
inline bool IsUtf8Continuation(char byte) { return (static_cast<unsigned char>(byte) & 0xC0U) == 0x80U; }

}  // namespace mirror

#endif  // MIRROR_BASE_UTF8_H_
