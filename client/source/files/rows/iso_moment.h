#ifndef MIRROR_CLIENT_SOURCE_FILES_ROWS_ISO_MOMENT_H_
#define MIRROR_CLIENT_SOURCE_FILES_ROWS_ISO_MOMENT_H_

#include <cstdint>
#include <optional>
#include <string_view>

namespace mirror {

inline constexpr std::int64_t kMsOfDay = 86'400'000;

/// A date, a time of the day, or both.
struct IsoMoment {
  std::optional<std::int64_t> days;  ///< Since 1970-01-01. Absent: it is a time of the day alone.
  std::int64_t of_day_ms = 0;
};

/// Reads 2024-05-01, 12:30:15 or 2024-05-01T12:30:15.500Z, as cells of type "d" have it; seconds and their
/// digits may be missing. Thousandths are rounded. A time zone is passed over, since a sheet has none.
/// Absent: the text is no such moment.
std::optional<IsoMoment> ReadIsoMoment(std::string_view text);

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_FILES_ROWS_ISO_MOMENT_H_
