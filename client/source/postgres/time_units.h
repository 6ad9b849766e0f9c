#ifndef MIRROR_CLIENT_SOURCE_POSTGRES_TIME_UNITS_H_
#define MIRROR_CLIENT_SOURCE_POSTGRES_TIME_UNITS_H_

#include <cstdint>
#include <optional>

namespace mirror {

// The protocol counts units of 100 nanoseconds from 0001-01-01, PostgreSQL microseconds or days from
// 2000-01-01.

inline constexpr std::int64_t kUnitsOfMicro = 10;
inline constexpr std::int64_t kMicrosOfDay = 86'400'000'000;
inline constexpr std::int64_t kDaysToPostgres = 730'119;
/// Behind 9999-12-31.
inline constexpr std::int64_t kDaysEnd = 3'652'059;

/// Absent: the protocol has none for it: an infinity, before the year 1 or after the year 9999.
inline std::optional<std::int64_t> UnitsOfDays(std::int64_t days) {
  if (days < -kDaysToPostgres || days >= kDaysEnd - kDaysToPostgres) return std::nullopt;
  return (days + kDaysToPostgres) * kMicrosOfDay * kUnitsOfMicro;
}
inline std::optional<std::int64_t> UnitsOfMicros(std::int64_t micros) {
  constexpr std::int64_t kBefore = kDaysToPostgres * kMicrosOfDay;
  constexpr std::int64_t kEnd = kDaysEnd * kMicrosOfDay - kBefore;
  if (micros < -kBefore || micros >= kEnd) return std::nullopt;
  return (micros + kBefore) * kUnitsOfMicro;
}
/// Absent: 24:00:00.
inline std::optional<std::int64_t> UnitsOfTime(std::int64_t micros) {
  if (micros < 0 || micros >= kMicrosOfDay) return std::nullopt;
  return micros * kUnitsOfMicro;
}

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_POSTGRES_TIME_UNITS_H_
