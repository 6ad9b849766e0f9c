#ifndef MIRROR_CLIENT_EXCHANGE_MARIADB_MARIADB_VALUES_H_
#define MIRROR_CLIENT_EXCHANGE_MARIADB_MARIADB_VALUES_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/db/mariadb/connection.h"
#include "base/db/sqlite/value.h"
#include "client/exchange/mariadb/mariadb_members.h"
#include "proto/wire/key_range.h"

// Values of a MariaDB source as its mirror has them, and so the hub and every delivery: RowOf.

namespace mirror {

/// As it stands in SQL where it is written into the column: what does not fit MariaDB refuses.
std::string MariadbLiteral(const Column& announced, const sqlite::Value& value);
/// As it travels, in a key.
KeyPart MariadbKeyPart(const Column& announced, const sqlite::Value& value);

/// Rows of a statement whose columns are MariadbMember::Values() of these, by the very conversion of its
/// reader. It is read to its end, whatever `take` says: the first error of that is given back. `doing`:
/// empty: it is read. Errors: kAborted: a value is not as it was announced, which is kept in `members`: look
/// again.
absl::Status ReadMariadbValues(mariadb::Connection& connection, MariadbMembers& members,
                               const MariadbMember& member, const std::vector<std::uint32_t>& columns,
                               const std::string& sql, const std::function<absl::Status(RowOf row)>& take,
                               std::string_view doing = "");

/// The row with this key, byte for byte, whatever the source's collations take for equal: as ReadRow().
/// `locks`: nobody else reads it for a change, until the transaction ends.
absl::StatusOr<std::optional<RowOf>> ReadMariadbRow(mariadb::Connection& connection, MariadbMembers& members,
                                                    const MariadbMember& member, const RowOf& key,
                                                    const std::vector<std::uint32_t>& columns, bool locks);

}  // namespace mirror

#endif  // MIRROR_CLIENT_EXCHANGE_MARIADB_MARIADB_VALUES_H_
