#ifndef MIRROR_BASE_TEXT_TERMINAL_H_
#define MIRROR_BASE_TEXT_TERMINAL_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "base/text/wrapped_text.h"

namespace mirror {

/// What a stream's reader sees of it. As it begins: a file, a pipe, a log.
struct Terminal {
  std::size_t width = kTextWidth;  ///< Characters of a line.
  std::size_t height = 0;          ///< Lines; 0: it is no terminal.
  bool colours = false;
};

/// For the manual page of a program that shows colours.
inline constexpr std::pair<const char*, const char*> kNoColour = {
    "NO_COLOR", "When it says anything, nothing has colours. Nothing has any either where TERM is dumb."};

/// Of a terminal its width (COLUMNS wins), 40 to 300, and its height, asked for now; and colours, unless
/// NO_COLOR says something or TERM is dumb.
Terminal TerminalAt(int descriptor);

enum class Colour : std::uint8_t { kNone, kRed, kYellow, kGreen };

/// A text with the terminal's signs for its colour around it.
std::string Painted(std::string_view text, Colour colour);

}  // namespace mirror

#endif  // MIRROR_BASE_TEXT_TERMINAL_H_
