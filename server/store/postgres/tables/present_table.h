#ifndef MIRROR_SERVER_STORE_POSTGRES_TABLES_PRESENT_TABLE_H_
#define MIRROR_SERVER_STORE_POSTGRES_TABLES_PRESENT_TABLE_H_

#include <cstddef>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/db/postgres/connection.h"
#include "proto/wire/table.h"
#include "server/plan/plan.h"
#include "server/store/postgres/place/names.h"
#include "server/store/postgres/rows/metadata_rows.h"

// Mirrored tables as they are in PostgreSQL now. A DBA may have changed them.

namespace mirror {

struct PresentColumn {
  std::string name;
  std::string type;              ///< As DeclaredType() writes it.
  std::size_t key_position = 0;  ///< Position in the key, from 1; 0: not in the key.
  bool is_not_null = false, has_default = false, is_generated = false;
};

struct PresentTable {
  std::vector<PresentColumn> columns;  ///< In the table's order.
  std::size_t numbers_used = 0;        ///< All columns that the table ever had: PostgreSQL never reuses a
                                       ///< column number.
  bool is_ours = true;                 ///< The server's role owns it.
  bool is_unlogged = false;            ///< A crash of the database empties it.
  std::string deferrable;              ///< A constraint that is checked only at the commit; empty: none.

  const PresentColumn* Find(std::string_view name) const;  ///< By its exact name.
  std::size_t key_size() const;
};

/// Returns those of the relations that are tables, by exact name. Runs one statement.
absl::StatusOr<std::map<std::string, PresentTable>> ReadPresent(postgres::Connection& connection,
                                                                const PostgresOwnTables& names,
                                                                const std::vector<std::string>& relations);
/// Checks that no table inherits from a table of the schema, because its rows would count as rows of that
/// table. Errors: kFailedPrecondition, with the statement that repairs it.
absl::Status CheckNoHeirs(postgres::Connection& connection, const PostgresOwnTables& names);
/// Returns a text that changes whenever a definition in the schema changes.
absl::StatusOr<std::string> PrintOfDefinitions(postgres::Connection& connection,
                                               const PostgresOwnTables& names);

/// Returns why rows of this definition cannot be merged into the table, for people: another key, another
/// type, no free column number. Empty: they can be merged after the missing columns were added.
std::string WhyNotMerged(const TableSchema& kept, const PresentTable& present);
/// Returns why no row of this definition can be written into the table, for people; empty: rows can be
/// written.
std::string WhyNotWritten(const TableSchema& kept, const PresentTable& present);
/// Returns the columns of the table that the mirror would not make, in table order.
std::vector<std::string> OtherColumns(const TableSchema& kept, const PresentTable& present);
/// Returns the mirror's own columns for this definition, with their declarations: "bigint".
std::map<std::string, std::string> OwnDeclarations(const TableSchema& kept);

/// Returns those of `tables` that somebody changed by hand. Each must exist as agreed, see
/// StoreRecords::ReadTouchedTables. Runs one statement. The result changes only if PrintOfDefinitions() does.
absl::StatusOr<std::vector<TouchedTable>> FindTouched(postgres::Connection& connection,
                                                      const PostgresOwnTables& names,
                                                      const std::vector<PostgresAgreed>& tables);

/// Returns, for people, objects that prevent the DROP of a table: views, foreign keys, functions etc. ("view
/// reports.sales"). Also returns what a replacement of the table would lack: row security, policies,
/// publications, statistics. Leaves out what belongs to the table itself: indexes, its own constraints,
/// triggers. With `column`: returns what needs that column.
absl::StatusOr<std::vector<std::string>> FindDependants(postgres::Connection& connection,
                                                        const PostgresOwnTables& names,
                                                        const std::string& relation,
                                                        const std::string& column = "");

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_POSTGRES_TABLES_PRESENT_TABLE_H_
