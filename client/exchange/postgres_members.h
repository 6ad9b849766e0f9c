#ifndef MIRROR_CLIENT_EXCHANGE_POSTGRES_MEMBERS_H_
#define MIRROR_CLIENT_EXCHANGE_POSTGRES_MEMBERS_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/db/postgres/connection.h"
#include "base/db/sqlite/value.h"
#include "client/exchange/delivery_database.h"
#include "client/exchange/exchange_rules.h"
#include "client/exchange/member_table.h"
#include "client/exchange/server_members.h"
#include "client/source/postgres/postgres_rows.h"
#include "client/source/postgres/postgres_sessions.h"
#include "client/source/postgres/postgres_tables.h"

// RowOf holds values of a PostgreSQL source in the form of its mirror, and so of the hub and every delivery.

namespace mirror {

/// A table of the schema, as deliveries name it and as its reader knows it.
struct PostgresMember : ServerMember {  ///< `table.log`: the table's oid.
  std::shared_ptr<const KnownPostgresTable> known;

  /// The table with its alias, to follow FROM, UPDATE and DELETE FROM.
  std::string Rows(const char* alias = "t") const;
  /// In SQL: the condition for the row of `alias` whose key is bound from the place `first` on.
  std::string KeyIs(int first, const char* alias = "t") const;
  /// Returns "t.a, t.b", the terms that the reader selects.
  std::string Values(const std::vector<std::uint32_t>& columns) const;
};

/// All tables of a schema as of one reading. Errors: those of Connection. Threads: one.
class PostgresMembers : public ServerMembers<PostgresMember, PostgresSourceTables> {
 public:
  using Options = ServerMembersOptions;
  /// `rules` outlive it.
  PostgresMembers(Options options, const ExchangeRules& rules) : ServerMembers(std::move(options), rules) {}

  /// Reads the catalog again. Invalidates results of Find().
  absl::Status Look(postgres::Connection& connection);
  /// Whether a table is unchanged since Look(): in a transaction that has it locked.
  absl::StatusOr<bool> IsAsLooked(postgres::Connection& connection, const PostgresMember& member) const;

  /// Finds a table by its own name in the source, in any case; null: no sent table has it.
  const PostgresMember* FindOwn(const std::string& name) const;
  /// Returns all tables that are sent.
  std::vector<const PostgresMember*> Sent() const;

 private:
  /// Reads the catalog of this table; 0: of all.
  absl::StatusOr<std::vector<PostgresTable>> ReadTables(postgres::Connection& connection,
                                                        std::uint32_t oid) const;
  absl::Status ReadActions(postgres::Connection& connection);
};

/// Returns the text that PostgreSQL parses into the column; absent: NULL.
std::optional<std::string> PostgresText(const PostgresColumn& column, const sqlite::Value& value);

/// Parameters of a statement; they live as long as this object.
class PostgresTexts {
 public:
  /// Adds a value in the next place.
  void Add(const PostgresColumn& column, const sqlite::Value& value) {
    texts_.push_back(PostgresText(column, value));
  }
  void AddKey(const PostgresMember& member, const RowOf& key);
  std::vector<postgres::Value> values() const;

 private:
  std::vector<std::optional<std::string>> texts_;
};

/// Reads rows of a statement that selects these columns of the table, with the conversion of its
/// reader. An error of `take` ends it. `doing`: for error messages; empty: reading. Errors: kAborted:
/// a value does not fit its announced type, which is recorded in `members`: call Look() again.
absl::Status ReadPostgresValues(postgres::Connection& connection, PostgresMembers& members,
                                const PostgresMember& member, const std::vector<std::uint32_t>& columns,
                                const std::string& sql, const PostgresTexts& bound,
                                const std::function<absl::Status(RowOf row)>& take,
                                std::string_view doing = "");

/// Reads the row with this key, byte for byte, even if the source's collation
/// finds other keys equal; see ReadRow(). `locks`: until the transaction ends.
absl::StatusOr<std::optional<RowOf>> ReadPostgresRow(postgres::Connection& connection,
                                                     PostgresMembers& members, const PostgresMember& member,
                                                     const RowOf& key,
                                                     const std::vector<std::uint32_t>& columns, bool locks);

}  // namespace mirror

#endif  // MIRROR_CLIENT_EXCHANGE_POSTGRES_MEMBERS_H_
