#include "tools/mirrorctl/admin/size_text.h"

#include <cstddef>
#include <cstdio>
#include <iterator>

namespace mirror {

std::string SizeText(std::uint64_t bytes) {
  static constexpr const char* kUnits[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  double size = static_cast<double>(bytes);
  std::size_t unit = 0;
  while (size >= 1023.95 && unit + 1 < std::size(kUnits)) {  // 1024.0 would be shown.
    size /= 1024;
    ++unit;
  }
  char text[32];
  std::snprintf(text, sizeof(text), unit == 0 ? "%.0f%s" : "%.1f%s", size, kUnits[unit]);
  return text;
}

}  // namespace mirror
