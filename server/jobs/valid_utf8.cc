#include "server/jobs/valid_utf8.h"

#include <cstddef>

#include "base/utf8.h"

namespace mirror {

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

}  // namespace mirror
