#ifndef MIRROR_BASE_DB_MARIADB_NAME_H_
#define MIRROR_BASE_DB_MARIADB_NAME_H_

#include <cstddef>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace mirror::mariadb {

/// Characters (code points).
inline constexpr std::size_t kNameCharactersMax = 64;

/// A name as it stands in SQL, whatever sql_mode says. Names reach SQL through this function alone. Errors:
/// kInvalidArgument: MariaDB can keep no object of this name: it is empty, too long, holds a NUL or is no
/// UTF-8.
absl::StatusOr<std::string> QuotedName(std::string_view name);
/// database.name, both quoted.
absl::StatusOr<std::string> QuotedName(std::string_view database, std::string_view name);

/// A text as it stands in SQL, whatever sql_mode and the session's character set say: of utf8mb4. Any bytes
/// can stand in it; MariaDB refuses those that are no UTF-8.
std::string QuotedText(std::string_view text);

/// 'user'@'host' as people write it in a GRANT; of a role, without a host, 'role'.
std::string AccountInSql(std::string_view user, std::string_view host);
/// The same for bytes.
std::string QuotedBytes(std::string_view bytes);

}  // namespace mirror::mariadb

#endif  // MIRROR_BASE_DB_MARIADB_NAME_H_
