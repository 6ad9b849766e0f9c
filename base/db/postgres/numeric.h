#ifndef MIRROR_BASE_DB_POSTGRES_NUMERIC_H_
#define MIRROR_BASE_DB_POSTGRES_NUMERIC_H_

#include <optional>
#include <string>
#include <string_view>

namespace mirror::postgres {

/// The binary format of a numeric, behind `to`. `decimal` is written as "-12.50": digits, and behind a dot
/// as many more as it shows; at most 1,000 of them.
void AppendNumeric(std::string_view decimal, std::string& to);

/// The way back, with as many digits behind the dot as it shows. Absent: NaN, an infinity, or no numeric.
std::optional<std::string> ReadNumeric(std::string_view binary);

}  // namespace mirror::postgres

#endif  // MIRROR_BASE_DB_POSTGRES_NUMERIC_H_
