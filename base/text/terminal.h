#ifndef MIRROR_BASE_TEXT_TERMINAL_H_
#define MIRROR_BASE_TEXT_TERMINAL_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "base/text/wrapped_text.h"

namespace mirror {

/// The display on which the output of a stream is read. The default values are those for a file, a pipe or a
/// log.
struct Terminal {
  std::size_t width = kTextWidth;  ///< Characters in a line.
  std::size_t height = 0;          ///< Lines; 0: not a terminal.
  bool colours = false;
};

/// For the manual page of a program with colours.
inline constexpr std::pair<const char*, const char*> kNoColour = {
    "NO_COLOR", "When it says anything, nothing has colours. Nothing has any either where TERM is dumb."};

/// Returns a terminal's width (COLUMNS wins), 40 to 300, and its height, read now; with colours, unless
/// NO_COLOR is set or TERM is dumb.
Terminal TerminalAt(int descriptor);

enum class Colour : std::uint8_t { kNone, kRed, kYellow, kGreen };

/// Returns a text between the terminal's codes for its colour.
std::string Painted(std::string_view text, Colour colour);

}  // namespace mirror

#endif  // MIRROR_BASE_TEXT_TERMINAL_H_
