#ifndef MIRROR_BASE_DB_POSTGRES_NAME_H_
#define MIRROR_BASE_DB_POSTGRES_NAME_H_

#include <cstddef>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace mirror::postgres {

/// Bytes in UTF-8. PostgreSQL cuts longer names off with a NOTICE, so that two of them can be one.
inline constexpr std::size_t kNameBytesMax = 63;

/// Whether PostgreSQL can keep an object of this name. Errors: kInvalidArgument, naming it: it is empty, over
/// kNameBytesMax, holds a NUL or is no UTF-8.
absl::Status CheckName(std::string_view name);

/// A name as it stands in SQL, with its upper case kept. Names reach SQL through this function alone.
/// Errors: those of CheckName().
absl::StatusOr<std::string> QuotedName(std::string_view name);
/// schema.name, both quoted.
absl::StatusOr<std::string> QuotedName(std::string_view schema, std::string_view name);

/// A text as it stands in SQL, for the places that take no parameter: SET, COPY, a column's default.
/// Errors: kInvalidArgument: it holds a NUL or is no UTF-8.
absl::StatusOr<std::string> QuotedText(std::string_view text);
/// The same in dollar quotes, which people can read: the body of a function or of DO.
absl::StatusOr<std::string> DollarQuoted(std::string_view text);

}  // namespace mirror::postgres

#endif  // MIRROR_BASE_DB_POSTGRES_NAME_H_
