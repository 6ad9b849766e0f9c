#ifndef MIRROR_CLIENT_EXCHANGE_MARIADB_MEMBERS_H_
#define MIRROR_CLIENT_EXCHANGE_MARIADB_MEMBERS_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/db/mariadb/connection.h"
#include "base/db/sqlite/value.h"
#include "client/exchange/delivery_database.h"
#include "client/exchange/exchange_rules.h"
#include "client/exchange/server_members.h"
#include "client/source/mariadb/mariadb_tables.h"
#include "proto/wire/key_range.h"

// RowOf holds values of a MariaDB source in the form of its mirror, and so of the hub and every delivery.

namespace mirror {

/// A table of the database, as deliveries name it and as its reader knows it.
struct MariadbMember : ServerMember {  ///< `table.log`: its number among the tables of Look(), from 1.
  std::shared_ptr<const KnownMariadbTable> known;

  /// The table with its alias, to follow FROM and UPDATE.
  std::string Rows(const char* alias = "t") const;
  /// In SQL: the condition for the row t with exactly this key, byte for byte.
  std::string KeyIs(const RowOf& key) const;
  /// Returns "t.a, t.b", the terms that the reader selects. `of`: the prefix of the names.
  std::string Values(const std::vector<std::uint32_t>& columns, std::string_view of = "t.") const;
};

/// All tables of a database as of one reading. Errors: those of Connection. Threads: one.
class MariadbMembers : public ServerMembers<MariadbMember, MariadbSourceTables> {
 public:
  using Options = ServerMembersOptions;
  /// `rules` outlive it.
  MariadbMembers(Options options, const ExchangeRules& rules) : ServerMembers(std::move(options), rules) {}

  /// Reads the catalog again. Invalidates results of Find().
  absl::Status Look(mariadb::Connection& connection);
  /// Whether a table is unchanged since Look(): in a transaction that has it locked.
  static absl::StatusOr<bool> IsAsLooked(mariadb::Connection& connection, const MariadbMember& member);

 private:
  absl::Status ReadActions(mariadb::Connection& connection);
};

/// Returns the SQL text that writes the value into the column; MariaDB rejects one that does not fit.
std::string MariadbLiteral(const Column& announced, const sqlite::Value& value);
/// Returns the value in the form in which keys are sent.
KeyPart MariadbKeyPart(const Column& announced, const sqlite::Value& value);

/// Reads rows of a statement that selects MariadbMember::Values() of these columns, with the
/// conversion of its reader. It reads to the end even after an error of `take`, and returns
/// the first one. `doing`: for error messages; empty: reading. Errors: kAborted: a value
/// does not fit its announced type, which is recorded in `members`: call Look() again.
absl::Status ReadMariadbValues(mariadb::Connection& connection, MariadbMembers& members,
                               const MariadbMember& member, const std::vector<std::uint32_t>& columns,
                               const std::string& sql, const std::function<absl::Status(RowOf row)>& take,
                               std::string_view doing = "");

/// Reads the row with this key, byte for byte, even if the collation finds other keys equal; see
/// ReadRow(). `locks`: no other session can read it for a change until the transaction ends.
absl::StatusOr<std::optional<RowOf>> ReadMariadbRow(mariadb::Connection& connection, MariadbMembers& members,
                                                    const MariadbMember& member, const RowOf& key,
                                                    const std::vector<std::uint32_t>& columns, bool locks);

}  // namespace mirror

#endif  // MIRROR_CLIENT_EXCHANGE_MARIADB_MEMBERS_H_
