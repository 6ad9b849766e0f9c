#ifndef MIRROR_SERVER_STORE_POSTGRES_ROWS_TIME_UNITS_H_
#define MIRROR_SERVER_STORE_POSTGRES_ROWS_TIME_UNITS_H_

#include <cstdint>

namespace mirror {

// The protocol counts units of 100 nanoseconds from 0001-01-01. PostgreSQL counts microseconds or days from
// 2000-01-01.

inline constexpr std::int64_t kUnitsOfMicro = 10;
inline constexpr std::int64_t kUnitsOfDay = 864'000'000'000;
inline constexpr std::int64_t kDaysToPostgres = 730'119;
inline constexpr std::int64_t kMicrosToPostgres = kDaysToPostgres * (kUnitsOfDay / kUnitsOfMicro);
/// The day after 9999-12-31. Days outside of this range have no value in the protocol.
inline constexpr std::int64_t kDaysMax = 3'652'059;

inline std::int32_t PostgresDays(std::int64_t units) {
  return static_cast<std::int32_t>(units / kUnitsOfDay - kDaysToPostgres);
}
inline std::int64_t PostgresMicros(std::int64_t units) { return units / kUnitsOfMicro - kMicrosToPostgres; }

/// Both return -1 if the protocol has no value for it, for example for an infinity.
inline std::int64_t UnitsOfDays(std::int64_t days) {
  return days < -kDaysToPostgres || days >= kDaysMax - kDaysToPostgres
             ? -1
             : (days + kDaysToPostgres) * kUnitsOfDay;
}
inline std::int64_t UnitsOfMicros(std::int64_t micros) {
  constexpr std::int64_t kMax = kDaysMax * (kUnitsOfDay / kUnitsOfMicro) - kMicrosToPostgres;
  return micros < -kMicrosToPostgres || micros >= kMax ? -1 : (micros + kMicrosToPostgres) * kUnitsOfMicro;
}

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_POSTGRES_ROWS_TIME_UNITS_H_
