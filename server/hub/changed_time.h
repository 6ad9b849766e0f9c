#ifndef MIRROR_SERVER_HUB_CHANGED_TIME_H_
#define MIRROR_SERVER_HUB_CHANGED_TIME_H_

#include <cstdint>
#include <optional>
#include <string>

#include "proto/wire/table.h"

namespace mirror {

/// When a row was changed, by a column of its own: unix milliseconds. A column that is a time is one already,
/// of no zone taken as UTC; whole numbers are unix seconds, or milliseconds where they are over 10^11; a text
/// is read by `format`, as of strptime, or without one as ISO 8601. Absent: it says nothing, or nothing that
/// can be read.
std::optional<std::int64_t> ChangedTime(const Column& column, const Literal& value,
                                        const std::string& format);

}  // namespace mirror

#endif  // MIRROR_SERVER_HUB_CHANGED_TIME_H_
