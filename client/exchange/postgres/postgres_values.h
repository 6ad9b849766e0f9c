#ifndef MIRROR_CLIENT_EXCHANGE_POSTGRES_POSTGRES_VALUES_H_
#define MIRROR_CLIENT_EXCHANGE_POSTGRES_POSTGRES_VALUES_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/db/postgres/connection.h"
#include "base/db/sqlite/value.h"
#include "client/exchange/member_table.h"
#include "client/exchange/postgres/postgres_members.h"

// Values of a PostgreSQL source as its mirror has them, and so the hub and every delivery: RowOf.

namespace mirror {

/// As PostgreSQL reads it into the column; absent: NULL.
std::optional<std::string> PostgresText(const PostgresColumn& column, const sqlite::Value& value);

/// Values that are bound, and live as long as this.
class PostgresTexts {
 public:
  /// The next place.
  void Add(const PostgresColumn& column, const sqlite::Value& value) {
    texts_.push_back(PostgresText(column, value));
  }
  void AddKey(const PostgresMember& member, const RowOf& key);
  std::vector<postgres::Value> values() const;

 private:
  std::vector<std::optional<std::string>> texts_;
};

/// Rows of a statement whose columns are these of the table, by the very conversion of its reader. `take`:
/// says what ends it. `doing`: empty: it is read. Errors: kAborted: a value is not as it was announced, which
/// is kept in `members`: look again.
absl::Status ReadPostgresValues(postgres::Connection& connection, PostgresMembers& members,
                                const PostgresMember& member, const std::vector<std::uint32_t>& columns,
                                const std::string& sql, const PostgresTexts& bound,
                                const std::function<absl::Status(RowOf row)>& take,
                                std::string_view doing = "");

/// The row with this key, byte for byte, whatever the source's collations take for equal: as ReadRow().
/// `locks`: until the transaction ends.
absl::StatusOr<std::optional<RowOf>> ReadPostgresRow(postgres::Connection& connection,
                                                     PostgresMembers& members, const PostgresMember& member,
                                                     const RowOf& key,
                                                     const std::vector<std::uint32_t>& columns, bool locks);

}  // namespace mirror

#endif  // MIRROR_CLIENT_EXCHANGE_POSTGRES_POSTGRES_VALUES_H_
