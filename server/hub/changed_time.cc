#include "server/hub/changed_time.h"

#include <time.h>

#include <variant>

#include "absl/strings/match.h"
#include "proto/wire/parse_text_form.h"

namespace mirror {
namespace {

constexpr std::int64_t kDaysToUnix = 719'162;  // From 0001-01-01 to 1970-01-01.
constexpr std::int64_t kSecondsOfADay = 86'400;
/// Whole numbers above are milliseconds: as seconds they would be behind the year 5138.
constexpr std::int64_t kSecondsMax = 100'000'000'000;

std::optional<std::int64_t> OfText(const std::string& text, const std::string& format) {
  // Formats without a zone are UTC: agents and hub have no other clock in common.
  const char* const known[] = {"%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S", "%Y-%m-%d"};
  for (const char* const one : known) {
    const char* const used = format.empty() ? one : format.c_str();
    struct tm parts = {};
    const char* const end = strptime(text.c_str(), used, &parts);
    if (end != nullptr && (*end == '\0' || format.empty())) {
      const std::int64_t seconds = timegm(&parts);
      std::int64_t ms = 0;
      // A fraction behind the seconds, as far as milliseconds.
      if (format.empty() && *end == '.') {
        std::int64_t unit = 100;
        for (const char* digit = end + 1; *digit >= '0' && *digit <= '9'; ++digit, unit /= 10) {
          ms += (*digit - '0') * unit;
        }
      }
      return seconds * 1'000 + ms;
    }
    if (!format.empty()) break;
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::int64_t> ChangedTime(const Column& column, const Literal& value,
                                        const std::string& format) {
  if (const auto* text = std::get_if<std::string>(&value)) return OfText(*text, format);
  const auto* number = std::get_if<std::int64_t>(&value);
  if (number == nullptr) return std::nullopt;
  if (column.type == Type::kDate) return (*number / 864'000'000'000 - kDaysToUnix) * kSecondsOfADay * 1'000;
  if (column.type == Type::kTimestamp || column.type == Type::kTimestampTz) {
    return *number / 10'000 - kDaysToUnix * kSecondsOfADay * 1'000;
  }
  return *number > kSecondsMax ? *number : *number * 1'000;
}

}  // namespace mirror
