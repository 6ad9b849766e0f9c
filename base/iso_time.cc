#include "base/iso_time.h"

#include <cstdio>
#include <ctime>

namespace mirror {

std::string Iso8601(std::int64_t unix_ms) {
  const std::int64_t ms = (unix_ms % 1'000 + 1'000) % 1'000;
  const std::time_t seconds = (unix_ms - ms) / 1'000;
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  char text[32];
  const std::size_t length = std::strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &parts);
  std::snprintf(text + length, sizeof(text) - length, ".%03dZ", static_cast<int>(ms));
  return text;
}

}  // namespace mirror
