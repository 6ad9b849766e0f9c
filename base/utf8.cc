#include "base/utf8.h"

#include <bit>
#include <cstdint>
#include <cstring>

namespace mirror {
namespace {

constexpr std::uint64_t kOnes = 0x0101'0101'0101'0101;
constexpr std::uint64_t kHighBits = 0x8080'8080'8080'8080;

std::uint64_t Load(const char* bytes) {
  std::uint64_t word = 0;
  std::memcpy(&word, bytes, sizeof word);
  return word;
}

// Returns a number with a high bit set if a byte of `word` is 0 or over 127. Without one, all eight bytes are
// ASCII.
std::uint64_t NotAscii(std::uint64_t word) { return (word | (word - kOnes)) & kHighBits; }

// Returns how many of the first bytes of `word`, in memory order, are 1 to 127.
std::size_t AsciiAhead(std::uint64_t word) {
  const std::uint64_t other = NotAscii(word);
  if (other == 0) return 8;
  if constexpr (std::endian::native != std::endian::little) return 0;  // The caller continues byte by byte.
  return static_cast<std::size_t>(std::countr_zero(other)) / 8;
}

// Returns the length of the character that begins with the byte at `p`, which is over 127; 0: there is no
// valid character.
int MultiByteLength(const unsigned char* p, const unsigned char* end) {
  const unsigned first = p[0];
  const int length = first < 0xC2 ? 0 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : first < 0xF5 ? 4 : 0;
  if (length == 0 || end - p < length) return 0;
  const unsigned second = p[1];
  // Lower bytes would make an overlong form.
  const unsigned low = first == 0xE0 ? 0xA0 : first == 0xF0 ? 0x90 : 0x80;
  const unsigned high = first == 0xED   ? 0x9F
                        : first == 0xF4 ? 0x8F
                                        // Higher bytes would make surrogates, or characters after U+10FFFF.
                                        : 0xBF;
  if (second < low || second > high) return 0;
  for (int i = 2; i < length; ++i) {
    if ((p[i] & 0xC0U) != 0x80U) return 0;
  }
  return length;
}

}  // namespace

std::optional<Utf8Count> CountUtf8(std::string_view text) {
  Utf8Count count;
  const char* p = text.data();
  const char* const end = p + text.size();
  while (p != end) {
    while (end - p >= 8) {
      const std::size_t ascii = AsciiAhead(Load(p));
      p += ascii;
      count.characters += ascii;
      count.utf16_units += ascii;
      if (ascii < 8) break;
    }
    if (p == end) break;
    int length = 1;
    const auto first = static_cast<unsigned char>(*p);
    if (first == 0) return std::nullopt;
    if (first >= 0x80) {
      length = MultiByteLength(reinterpret_cast<const unsigned char*>(p),
                               reinterpret_cast<const unsigned char*>(end));
      if (length == 0) return std::nullopt;
    }
    p += length;
    count.characters += 1;
    count.utf16_units += length == 4 ? 2 : 1;
  }
  return count;
}

std::size_t Utf8CharacterBytes(std::string_view text) {
  if (text.front() == '\0') return 1;
  std::size_t bytes = 1;
  while (bytes < text.size() && bytes < 4 && IsUtf8Continuation(text[bytes])) ++bytes;
  return CountUtf8(text.substr(0, bytes)) ? bytes : 0;
}

std::string ValidUtf8(std::string_view bytes) {
  constexpr std::size_t kCharacterBytesMax = 4;
  constexpr std::string_view kInItsPlace = "\xEF\xBF\xBD";
  if (IsText(bytes)) return std::string(bytes);
  std::string text;
  for (std::string_view rest = bytes; !rest.empty();) {
    std::size_t length = 1;
    while (length <= kCharacterBytesMax && length <= rest.size() && !IsText(rest.substr(0, length))) ++length;
    const bool is_character = length <= kCharacterBytesMax && length <= rest.size();
    text.append(is_character ? rest.substr(0, length) : kInItsPlace);
    rest.remove_prefix(is_character ? length : 1);
  }
  return text;
}

std::string_view CutUtf8(std::string_view text, std::size_t bytes_max) {
  if (text.size() <= bytes_max) return text;
  while (bytes_max > 0 && IsUtf8Continuation(text[bytes_max])) --bytes_max;
  return text.substr(0, bytes_max);
}

bool IsAscii(std::string_view text) {
  const char* p = text.data();
  const char* const end = p + text.size();
  for (; end - p >= 32; p += 32) {
    if ((NotAscii(Load(p)) | NotAscii(Load(p + 8)) | NotAscii(Load(p + 16)) | NotAscii(Load(p + 24))) != 0) {
      return false;
    }
  }
  if (text.size() >= 8) {
    for (; end - p > 8; p += 8) {
      if (NotAscii(Load(p)) != 0) return false;
    }
    return NotAscii(Load(end - 8)) == 0;  // Checks the last eight bytes; some of them are read a second time.
  }
  for (; p != end; ++p) {
    if (static_cast<signed char>(*p) <= 0) return false;
  }
  return true;
}

}  // namespace mirror
