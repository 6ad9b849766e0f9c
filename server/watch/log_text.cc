#include "server/watch/log_text.h"

#include "absl/strings/str_cat.h"

namespace mirror {

std::string OneLine(std::string_view text) {
  std::string line;
  line.reserve(text.size());
  for (const char character : text) {
    const auto code = static_cast<unsigned char>(character);
    if (code < 0x20 || code == 0x7f) {
      absl::StrAppend(&line, "\\x", absl::Hex(code, absl::kZeroPad2));
    } else {
      line += character;
    }
  }
  return line;
}

}  // namespace mirror
