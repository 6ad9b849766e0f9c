#ifndef MIRROR_CLIENT_CONFIG_CRON_RULE_H_
#define MIRROR_CLIENT_CONFIG_CRON_RULE_H_

#include <bitset>
#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace mirror {

/// Times at which something is due, in the syntax of crontab(5): minute (0-59), hour (0-23), day of
/// the month (1-31), month (1-12 or jan-dec), day of the week (0-7 or sun-sat; 0 and 7 are Sunday).
/// Each is `*`, a number, a range (`mon-fri`), either with a step (`*/15`, `8-18/2`), or a list of them
/// (`0,30`). @hourly, @daily or @midnight, @weekly, @monthly, @yearly or @annually replace all five.
///
/// Like Vixie's cron: a day matches if the day of the month or that of
/// the week matches; if one of them begins with `*`, both must match.
///
/// Times are those of the local clock (TZ, or the system's). When the clock is moved:
///   forward   a time that does not exist is due once, right after the gap, however many fall into it;
///   back      a time that exists twice is due only the first time.
/// A rule for every hour of the day follows the passing hours instead: nothing is made up for,
/// and an hour that exists twice counts as two. Otherwise "*/5 * * * *" would pause for an hour.
class CronRule {
 public:
  using Time = std::chrono::system_clock::time_point;

  /// Errors: kInvalidArgument for any other text, and for days that never come (30 Feb).
  static absl::StatusOr<CronRule> Parse(const std::string& text);

  /// Returns the first due time after `after`, at a whole minute unless a gap ends elsewhere. Absent:
  /// none within 50 years, none that a Time can hold (the year 2262), or the system knows no local time.
  std::optional<Time> Next(Time after) const;

  const std::string& text() const { return text_; }  ///< The text as given.

 private:
  CronRule() = default;
  absl::Status CheckDays() const;
  bool HasDay(std::chrono::sys_days day) const;
  /// Returns the first time of that local day after `after`; both are unix seconds.
  std::optional<std::int64_t> FirstOf(std::chrono::sys_days day, std::int64_t after) const;

  std::string text_;
  std::bitset<60> minutes_;
  std::bitset<24> hours_;
  std::bitset<32> days_;     ///< From 1.
  std::bitset<13> months_;   ///< From 1.
  std::bitset<8> weekdays_;  ///< From Sunday, 0; 7 is Sunday, too.
  bool either_day_ = false;  ///< Both kinds of days are restricted: one of them is enough.
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_CONFIG_CRON_RULE_H_
