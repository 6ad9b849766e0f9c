#include "base/printable.h"

#include <cstddef>
#include <cstdint>
#include <cstdio>

#include "base/utf8.h"

namespace mirror {
namespace {

std::uint32_t CodePoint(std::string_view character) {
  const auto first = static_cast<unsigned char>(character.front());
  if (character.size() == 1) return first;
  std::uint32_t point = first & (0x7FU >> character.size());
  for (const char byte : character.substr(1))
    point = (point << 6) | (static_cast<unsigned char>(byte) & 0x3FU);
  return point;
}

/// Returns true if a terminal would execute the character, or show the line in another order.
bool IsControl(std::uint32_t point) {
  return point < 0x20 || (point >= 0x7F && point < 0xA0) ||  // C0, DEL, C1.
         point == 0x061C || point == 0x200E || point == 0x200F || point == 0xFEFF ||
         (point >= 0x2028 && point <= 0x202E) || (point >= 0x2066 && point <= 0x2069) ||
         (point >= 0xE0000 && point <= 0xE007F);  // Tag characters, which are invisible.
}

std::string Escape(std::uint32_t point) {
  if (point == '\n') return "\\n";
  if (point == '\r') return "\\r";
  if (point == '\t') return "\\t";
  char text[16];
  std::snprintf(text, sizeof(text),
                point < 0x80      ? "\\x%02x"
                : point < 0x10000 ? "\\u%04x"
                                  : "\\U%08x",
                point);
  return text;
}

}  // namespace

std::string Printable(std::string_view text) {
  std::string printable;
  printable.reserve(text.size());
  while (!text.empty()) {
    const std::size_t bytes = Utf8CharacterBytes(text);
    if (bytes == 0) {
      char escape[8];
      std::snprintf(escape, sizeof(escape), "\\x%02x",
                    static_cast<unsigned>(static_cast<unsigned char>(text[0])));
      printable += escape;
      text.remove_prefix(1);
      continue;
    }
    const std::string_view character = text.substr(0, bytes);
    const std::uint32_t point = CodePoint(character);
    if (IsControl(point)) {
      printable += Escape(point);
    } else {
      printable += character;
    }
    text.remove_prefix(bytes);
  }
  return printable;
}

}  // namespace mirror
