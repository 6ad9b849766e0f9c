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

/// When something is due, in crontab(5)'s words: minute (0-59), hour (0-23), day of the month (1-31), month
/// (1-12 or jan-dec), day of the week (0-7 or sun-sat; 0 and 7 are Sunday). Each is `*`, a number, a range
/// (`mon-fri`), either with a step (`*/15`, `8-18/2`), or a list of them (`0,30`). @hourly, @daily or
/// @midnight, @weekly, @monthly, @yearly or @annually stand for five of them.
///
/// As in Vixie's cron a day counts when the day of the month or that of the week fits, and when one of them
/// begins with `*`, when both do.
///
/// Times are those of the local clock (TZ, or the system's). Where it is moved:
///   forward   a time that does not exist is due once, right after the gap, however many of them fall into
///   it; back      a time that exists twice is due the first time alone.
/// A rule for every hour of the day goes by the hours as they pass instead: nothing of it is made up for, and
/// the hour that comes twice is two hours. Else "*/5 * * * *" would rest for an hour.
class CronRule {
 public:
  using Time = std::chrono::system_clock::time_point;

  /// Errors: kInvalidArgument for anything else, days that never come (30 Feb) included.
  static absl::StatusOr<CronRule> Parse(const std::string& text);

  /// The first time it is due after `after`, at a whole minute unless a gap ends elsewhere. Absent: not
  /// within 50 years, beyond what a Time can hold (the year 2262), or the system knows no local time.
  std::optional<Time> Next(Time after) const;

  const std::string& text() const { return text_; }  ///< As it was given.

 private:
  CronRule() = default;
  absl::Status CheckDays() const;
  bool HasDay(std::chrono::sys_days day) const;
  /// The first one after `after` of those of that local day; both unix seconds.
  std::optional<std::int64_t> FirstOf(std::chrono::sys_days day, std::int64_t after) const;

  std::string text_;
  std::bitset<60> minutes_;
  std::bitset<24> hours_;
  std::bitset<32> days_;     ///< From 1.
  std::bitset<13> months_;   ///< From 1.
  std::bitset<8> weekdays_;  ///< From Sunday, 0; 7 is Sunday again.
  bool either_day_ = false;  ///< Both kinds of days are restricted: one of them is enough.
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_CONFIG_CRON_RULE_H_
