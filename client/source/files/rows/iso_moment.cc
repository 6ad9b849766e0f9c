#include "client/source/files/rows/iso_moment.h"

#include <chrono>
#include <cstddef>

namespace mirror {
namespace {

/// Takes what stands at the beginning of a text.
class Pieces {
 public:
  explicit Pieces(std::string_view text) : rest_(text) {}

  bool AtEnd() const { return rest_.empty(); }

  bool Take(char c) {
    if (!rest_.starts_with(c)) return false;
    rest_.remove_prefix(1);
    return true;
  }

  /// A number of exactly so many digits, up to `most`.
  std::optional<int> TakeNumber(std::size_t digits, int most) {
    if (rest_.size() < digits) return std::nullopt;
    int number = 0;
    for (const char c : rest_.substr(0, digits)) {
      if (c < '0' || c > '9') return std::nullopt;
      number = number * 10 + (c - '0');
    }
    if (number > most) return std::nullopt;
    rest_.remove_prefix(digits);
    return number;
  }

  /// Digits after the point, as thousandths. Absent: there are none.
  std::optional<int> TakeThousandths() {
    int tenths_of_ms = 0;
    std::size_t digits = 0;
    while (const std::optional<int> digit = TakeNumber(1, 9)) {
      if (++digits <= 4) tenths_of_ms = tenths_of_ms * 10 + *digit;
    }
    if (digits == 0) return std::nullopt;
    for (; digits < 4; ++digits) tenths_of_ms *= 10;
    return (tenths_of_ms + 5) / 10;
  }

 private:
  std::string_view rest_;
};

std::optional<std::int64_t> TakeDate(Pieces* pieces) {
  const std::optional<int> year = pieces->TakeNumber(4, 9999);
  if (!year || !pieces->Take('-')) return std::nullopt;
  const std::optional<int> month = pieces->TakeNumber(2, 12);
  if (!month || !pieces->Take('-')) return std::nullopt;
  const std::optional<int> day = pieces->TakeNumber(2, 31);
  if (!day) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(*year),
                                         std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day))};
  if (!date.ok()) return std::nullopt;
  return std::chrono::sys_days(date).time_since_epoch().count();
}

std::optional<std::int64_t> TakeTime(Pieces* pieces) {
  const std::optional<int> hour = pieces->TakeNumber(2, 23);
  if (!hour || !pieces->Take(':')) return std::nullopt;
  const std::optional<int> minute = pieces->TakeNumber(2, 59);
  if (!minute) return std::nullopt;
  std::int64_t ms = (*hour * std::int64_t{60} + *minute) * 60'000;
  if (!pieces->Take(':')) return ms;
  const std::optional<int> second = pieces->TakeNumber(2, 59);
  if (!second) return std::nullopt;
  ms += *second * std::int64_t{1'000};
  if (!pieces->Take('.') && !pieces->Take(',')) return ms;
  const std::optional<int> thousandths = pieces->TakeThousandths();
  return thousandths ? std::optional(ms + *thousandths) : std::nullopt;
}

/// False: what follows is no time zone.
bool TakeZone(Pieces* pieces) {
  if (pieces->AtEnd() || pieces->Take('Z') || pieces->Take('z')) return true;
  if (!pieces->Take('+') && !pieces->Take('-')) return false;
  if (!pieces->TakeNumber(2, 23)) return false;
  if (pieces->AtEnd()) return true;
  (void)pieces->Take(':');
  return pieces->TakeNumber(2, 59).has_value();
}

}  // namespace

std::optional<IsoMoment> ReadIsoMoment(std::string_view text) {
  IsoMoment moment;
  Pieces pieces(text);
  // A time has its colon where a date has a digit.
  const bool has_date = text.size() > 2 && text[2] != ':';
  if (has_date) {
    moment.days = TakeDate(&pieces);
    if (!moment.days) return std::nullopt;
    if (pieces.AtEnd()) return moment;
    if (!pieces.Take('T') && !pieces.Take('t') && !pieces.Take(' ')) return std::nullopt;
  }
  const std::optional<std::int64_t> time = TakeTime(&pieces);
  if (!time || !TakeZone(&pieces) || !pieces.AtEnd()) return std::nullopt;
  moment.of_day_ms = *time;
  if (moment.of_day_ms < kMsOfDay) return moment;
  // Rounded up to the next day.
  moment.of_day_ms -= kMsOfDay;
  if (moment.days) ++*moment.days;
  return moment;
}

}  // namespace mirror
