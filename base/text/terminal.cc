#include "base/text/terminal.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "absl/strings/numbers.h"

namespace mirror {
namespace {

constexpr std::size_t kWidthLeast = 40, kWidthMost = 300, kHeightUnknown = 24;

std::string Variable(const char* name) {
  const char* const value = std::getenv(name);
  return value == nullptr ? "" : value;
}

}  // namespace

Terminal TerminalAt(int descriptor) {
  if (isatty(descriptor) == 0) return {};
  winsize size = {};
  // A terminal of unknown size, such as a serial line, reports 0.
  if (ioctl(descriptor, TIOCGWINSZ, &size) != 0) size = {};
  std::size_t width = 0;
  if (!absl::SimpleAtoi(Variable("COLUMNS"), &width) || width == 0) width = size.ws_col;
  Terminal terminal;
  if (width != 0) terminal.width = std::clamp(width, kWidthLeast, kWidthMost);
  terminal.height = size.ws_row == 0 ? kHeightUnknown : size.ws_row;
  terminal.colours = Variable("NO_COLOR").empty() && Variable("TERM") != "dumb";
  return terminal;
}

std::string Painted(std::string_view text, Colour colour) {
  const char* begin = "";
  switch (colour) {
    case Colour::kNone:
      return std::string(text);
    case Colour::kRed:
      begin = "\x1b[31m";
      break;
    case Colour::kYellow:
      begin = "\x1b[33m";
      break;
    case Colour::kGreen:
      begin = "\x1b[32m";
      break;
  }
  return std::string(begin).append(text).append("\x1b[0m");
}

}  // namespace mirror
