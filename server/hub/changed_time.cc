#include "server/hub/changed_time.h"

#include <string>
#include <variant>
#include <vector>

#include "absl/time/time.h"

namespace mirror {
namespace {

constexpr std::int64_t kDaysToUnix = 719'162;  // From 0001-01-01 to 1970-01-01.
constexpr std::int64_t kSecondsOfADay = 86'400;
/// Whole numbers above are milliseconds: as seconds they would be behind the year 5138.
constexpr std::int64_t kSecondsMax = 100'000'000'000;

std::optional<std::int64_t> OfText(const std::string& text, const std::string& format) {
  // Without a zone it is UTC: agents and hub have no other clock in common.
  static const std::vector<std::string> kIso8601 = {
      "%Y-%m-%dT%H:%M:%E*S%Ez",
      "%Y-%m-%d%n%H:%M:%E*S%Ez",
      "%Y-%m-%dT%H:%M:%E*S",
      "%Y-%m-%d%n%H:%M:%E*S",
      "%Y-%m-%d",
  };
  for (const std::string& form : format.empty() ? kIso8601 : std::vector<std::string>{format}) {
    absl::Time time;
    if (!absl::ParseTime(form, text, absl::UTCTimeZone(), &time, nullptr)) continue;
    if (time == absl::InfiniteFuture() || time == absl::InfinitePast()) return std::nullopt;
    return absl::ToUnixMillis(time);
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
  if (*number < -kSecondsMax) return std::nullopt;
  return *number > kSecondsMax ? *number : *number * 1'000;
}

}  // namespace mirror
