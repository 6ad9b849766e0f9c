#include "base/cut_message.h"

#include "base/utf8.h"

namespace mirror {
namespace {

constexpr std::string_view kCut = " ...";

/// Returns the length in gRPC's percent-encoding.
std::size_t WireBytes(char byte) { return byte >= ' ' && byte <= '~' && byte != '%' ? 1 : 3; }

}  // namespace

std::string CutMessage(std::string_view message, std::size_t bytes_max) {
  std::size_t bytes = 0;  // On the wire, for everything before `i`.
  std::size_t end = 0;    // Start of a character after which the cut mark still fits.
  for (std::size_t i = 0; i < message.size(); ++i) {
    if (!IsUtf8Continuation(message[i]) && bytes + kCut.size() <= bytes_max) end = i;
    bytes += WireBytes(message[i]);
    if (bytes > bytes_max) return std::string(message.substr(0, end)).append(kCut);
  }
  return std::string(message);
}

}  // namespace mirror
