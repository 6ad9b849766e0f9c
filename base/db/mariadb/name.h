#ifndef MIRROR_BASE_DB_MARIADB_NAME_H_
#define MIRROR_BASE_DB_MARIADB_NAME_H_

#include <cstddef>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace mirror::mariadb {

/// Greatest length of a name in characters (code points).
inline constexpr std::size_t kNameCharactersMax = 64;

/// Returns a name quoted for SQL, valid for any sql_mode. Write names into SQL only in this way. Errors:
/// kInvalidArgument: MariaDB does not allow the name: it is empty, too long, contains a NUL or is not UTF-8.
absl::StatusOr<std::string> QuotedName(std::string_view name);
/// Returns database.name, both quoted.
absl::StatusOr<std::string> QuotedName(std::string_view database, std::string_view name);

/// Returns a utf8mb4 text literal for SQL, valid for any sql_mode and session character set. This function
/// accepts any bytes; MariaDB refuses texts that are not UTF-8.
std::string QuotedText(std::string_view text);

/// Returns 'user'@'host' as in a GRANT. A role has no host: then it returns 'role'.
std::string AccountInSql(std::string_view user, std::string_view host);
/// Returns a literal of bytes, quoted like a text.
std::string QuotedBytes(std::string_view bytes);

}  // namespace mirror::mariadb

#endif  // MIRROR_BASE_DB_MARIADB_NAME_H_
