#ifndef MIRROR_BASE_UTF8_H_
#define MIRROR_BASE_UTF8_H_

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace mirror {

struct Utf8Count {
  std::size_t characters = 0;  ///< Number of code points.
  std::size_t utf16_units = 0;
};

/// Counts the characters of a text. Absent: it is not UTF-8, or contains NUL. Surrogates and overlong forms
/// are not UTF-8.
std::optional<Utf8Count> CountUtf8(std::string_view text);

/// Returns the size in bytes of the first character of a text that is not empty, also of NUL; 0 if it is not
/// UTF-8.
std::size_t Utf8CharacterBytes(std::string_view text);

/// Returns true if every byte is 1 to 127. The numbers of bytes, characters and UTF-16 units are then equal.
bool IsAscii(std::string_view text);

/// Returns true for UTF-8 without NUL.
inline bool IsText(std::string_view bytes) { return IsAscii(bytes) || CountUtf8(bytes).has_value(); }

/// Returns the text as UTF-8 without NUL: each byte that belongs to no character is replaced by U+FFFD.
std::string ValidUtf8(std::string_view bytes);

/// Returns the longest start of UTF-8 text with at most `bytes_max` bytes that ends with a whole character.
std::string_view CutUtf8(std::string_view text, std::size_t bytes_max);

/// Returns true for a byte inside a character: no character begins with it.
inline bool IsUtf8Continuation(char byte) { return (static_cast<unsigned char>(byte) & 0xC0U) == 0x80U; }

}  // namespace mirror

#endif  // MIRROR_BASE_UTF8_H_
