#include "base/cut_message.h"

#include "base/utf8.h"

namespace mirror {
namespace {

constexpr std::string_view kCut = " ...";

/// Returns the length in gRPC's percent-encoding.
std::size_t WireBytes(char byte) { return byte >= ' ' && byte <= '~' && byte != '%' ? 1 : 3; }

}  // namespace

std::string CutMessage(std::string_view message, std::size_t bytes_max) {
  std::size_t bytes = 0;  // Encoded size of everything before `i`.
  // Position of a character: if the text ends before it, the mark of a cut text still fits.
  std::size_t end = 0;
  for (std::size_t i = 0; i < message.size(); ++i) {
    if (!IsUtf8Continuation(message[i]) && bytes + kCut.size() <= bytes_max) end = i;
    bytes += WireBytes(message[i]);
    if (bytes > bytes_max) return std::string(message.substr(0, end)).append(kCut);
  }
  return std::string(message);
}

}  // namespace mirror
