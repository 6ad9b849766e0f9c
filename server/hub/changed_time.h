#ifndef MIRROR_SERVER_HUB_CHANGED_TIME_H_
#define MIRROR_SERVER_HUB_CHANGED_TIME_H_

#include <cstdint>
#include <optional>
#include <string>

#include "proto/wire/table.h"

namespace mirror {

/// When a row was changed, by a column of its own: unix milliseconds. A column that is a time is one already;
/// whole numbers are unix seconds, or milliseconds where they are over 10^11; a text is read by `format`, as
/// of absl::ParseTime(), which knows those of strptime, or without one as ISO 8601. What names no zone is
/// UTC. Absent: it says nothing, or nothing that
/// can be read.
std::optional<std::int64_t> ChangedTime(const Column& column, const Literal& value,
                                        const std::string& format);

}  // namespace mirror

#endif  // MIRROR_SERVER_HUB_CHANGED_TIME_H_
