#ifndef MIRROR_SERVER_STORE_SQLITE_ROWS_SQLITE_PARTNER_TABLE_H_
#define MIRROR_SERVER_STORE_SQLITE_ROWS_SQLITE_PARTNER_TABLE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "proto/wire/table.h"
#include "server/plan/plan.h"
#include "server/store/sqlite/file/sqlite_connection.h"
#include "server/store/sqlite/rows/insert_counter.h"

// Definitions of tables that keep the partner's data (KeepsPartner). Such tables are never recreated, because
// they have rows and columns that the mirror does not know. These functions run inside the caller's
// transaction and savepoint.

namespace mirror {

/// Finds the mirror's own columns. Needs a query only if KeepsPartner(). Errors: those of SqliteConnection.
absl::StatusOr<OwnPlaces> FindOwnPlaces(SqliteConnection& connection, const std::string& target,
                                        const TableSchema& table);

/// Returns whether the table is as the mirror would make it: with the key and the columns, and no others.
absl::StatusOr<bool> HasDefinition(SqliteConnection& connection, const std::string& table,
                                   const TableSchema& schema);

/// Finds changes that somebody made by hand to a mirrored table. `schema`: in its kept form. Does not check
/// types, because SQLite stores any value in a column of any type.
absl::StatusOr<TouchedTable> LookForTouch(SqliteConnection& connection, const std::string& table,
                                          const TableSchema& schema);

/// Returns whether the table's rowid is its key, which is one integer. A table that somebody rebuilt may have
/// the same key and separate rowids.
absl::StatusOr<bool> KeyIsRowid(SqliteConnection& connection, const std::string& target,
                                const TableSchema& table);

/// Returns the schema's columns in the order of the table, if INSERT OR REPLACE of whole rows has the effect
/// of an upsert. For that the key must be the rowid, no other column or default can be lost, and no index may
/// make it replace other rows. Triggers and foreign keys of the table do not run on our connections. Absent:
/// the table does not meet these conditions.
absl::StatusOr<std::optional<std::vector<std::uint32_t>>> PlainOrder(SqliteConnection& connection,
                                                                     const std::string& target,
                                                                     const TableSchema& table);

/// Checks that a recreated table can have the mirror's own columns in addition to the source's. Errors:
/// kFailedPrecondition, with a message for people.
absl::Status CheckOwnFit(SqliteConnection& connection, const TableSchema& table);

/// Takes over a table that the partner made under this name. Adds the missing columns; the present rows stay
/// the partner's. Errors: kFailedPrecondition: its key differs, a column has another declaration, or no row
/// of the source could be written into it.
absl::Status AdoptTable(SqliteConnection& connection, const TableSchema& table);

/// See RefitTable in plan.h. `position`: as for RunAlterTable.
absl::Status RunRefitTable(SqliteConnection& connection, const std::string& table, const Position& position,
                           const RefitTable& action);

/// Returns ContentsTable::stored of a table. `is_older`: its rows are of an older definition than `agreed`.
/// Adds the partner's columns to `left_out`.
absl::StatusOr<TableSchema> StoredForm(SqliteConnection& connection, const TableSchema& agreed, bool is_older,
                                       std::vector<std::string>* left_out);

/// Returns whether a table of any kind has rows that are not live.
absl::StatusOr<bool> HoldsOthersRows(SqliteConnection& connection, const std::string& table);
/// Deletes the live rows of a table that keeps the partner's data. Does nothing to other tables.
absl::Status DeleteLiveRows(SqliteConnection& connection, const std::string& table);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_SQLITE_ROWS_SQLITE_PARTNER_TABLE_H_
