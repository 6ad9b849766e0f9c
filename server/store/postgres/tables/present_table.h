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

// Mirrored tables as they stand in PostgreSQL, where a DBA may have changed them.

namespace mirror {

struct PresentColumn {
  std::string name;
  std::string type;              ///< As DeclaredType() writes it.
  std::size_t key_position = 0;  ///< From 1; 0: not in the key.
  bool is_not_null = false, has_default = false, is_generated = false;
};

struct PresentTable {
  std::vector<PresentColumn> columns;  ///< In their order.
  std::size_t numbers_used = 0;        ///< Columns that ever were: PostgreSQL gives no number twice.
  bool is_ours = true;                 ///< The server's role owns it.
  bool is_unlogged = false;            ///< A crash of the database empties it.
  std::string deferrable;              ///< A constraint that is checked at the commit; empty: none.

  const PresentColumn* Find(std::string_view name) const;  ///< By its exact name.
  std::size_t key_size() const;
};

/// Those of the relations that are tables, by their exact names. One statement.
absl::StatusOr<std::map<std::string, PresentTable>> ReadPresent(postgres::Connection& connection,
                                                                const PostgresOwnTables& names,
                                                                const std::vector<std::string>& relations);
/// Refuses tables that inherit from one of the schema: their rows would count as that one's. Errors:
/// kFailedPrecondition, with the statement that mends it.
absl::Status CheckNoHeirs(postgres::Connection& connection, const PostgresOwnTables& names);
/// Another text whenever a definition in the schema is another.
absl::StatusOr<std::string> PrintOfDefinitions(postgres::Connection& connection,
                                               const PostgresOwnTables& names);

/// Why rows of this definition cannot be merged into the table, for people: another key, another type, no
/// column number left. Empty: they can, once the columns that it lacks are added.
std::string WhyNotMerged(const TableSchema& kept, const PresentTable& present);
/// Why no row of this definition can be written to it, for people; empty: they can.
std::string WhyNotWritten(const TableSchema& kept, const PresentTable& present);
/// Columns that the mirror would not make, in their order.
std::vector<std::string> OtherColumns(const TableSchema& kept, const PresentTable& present);
/// The mirror's own of a table with this definition, and how they are declared: "bigint".
std::map<std::string, std::string> OwnDeclarations(const TableSchema& kept);

/// Those of `tables`, which are there and stand as agreed, that somebody changed by hand: see
/// StoreRecords::ReadTouchedTables. One statement; the answer is the same as long as PrintOfDefinitions() is.
absl::StatusOr<std::vector<TouchedTable>> FindTouched(postgres::Connection& connection,
                                                      const PostgresOwnTables& names,
                                                      const std::vector<PostgresAgreed>& tables);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_POSTGRES_TABLES_PRESENT_TABLE_H_
