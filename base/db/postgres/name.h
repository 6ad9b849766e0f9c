#ifndef MIRROR_BASE_DB_POSTGRES_NAME_H_
#define MIRROR_BASE_DB_POSTGRES_NAME_H_

#include <cstddef>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace mirror::postgres {

/// Greatest length of a name in bytes of UTF-8. PostgreSQL would cut a longer name, with a NOTICE, and two
/// names could become the same.
inline constexpr std::size_t kNameBytesMax = 63;

/// Checks that PostgreSQL allows an object of this name. Errors: kInvalidArgument, naming it: it is empty,
/// over kNameBytesMax, contains a NUL or is not UTF-8.
absl::Status CheckName(std::string_view name);

/// Returns a name quoted for SQL; quoting keeps upper case. Write names into SQL only in this way. Errors:
/// those of CheckName().
absl::StatusOr<std::string> QuotedName(std::string_view name);
/// Returns schema.name, both quoted.
absl::StatusOr<std::string> QuotedName(std::string_view schema, std::string_view name);

/// Returns a text literal, for places in SQL without parameters: SET, COPY, a column's default.
/// Errors: kInvalidArgument: the text contains a NUL or is not UTF-8.
absl::StatusOr<std::string> QuotedText(std::string_view text);
/// Returns a text literal in dollar quotes, which are easier to read, for the body of a function or of DO.
absl::StatusOr<std::string> DollarQuoted(std::string_view text);

}  // namespace mirror::postgres

#endif  // MIRROR_BASE_DB_POSTGRES_NAME_H_
