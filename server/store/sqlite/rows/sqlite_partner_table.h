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

// Definitions of tables that keep the partner's data (KeepsPartner): they are never recreated, since they
// have rows and columns that the mirror does not know. Inside the caller's transaction and savepoint.

namespace mirror {

/// Finds the mirror's own columns. Needs no query unless KeepsPartner(). Errors: as SqliteConnection.
absl::StatusOr<OwnPlaces> FindOwnPlaces(SqliteConnection& connection, const std::string& target,
                                        const TableSchema& table);

/// Returns whether a table is as the mirror would make it: the key, the columns and no other columns.
absl::StatusOr<bool> HasDefinition(SqliteConnection& connection, const std::string& table,
                                   const TableSchema& schema);

/// Finds manual changes of a mirrored table. `schema`: in its kept form. It does not check types: SQLite
/// stores a value in a column of any type.
absl::StatusOr<TouchedTable> LookForTouch(SqliteConnection& connection, const std::string& table,
                                          const TableSchema& schema);

/// Returns whether the table's rowid is its key, which is one integer. A table that somebody rebuilt may have
/// the same key with separate rowids.
absl::StatusOr<bool> KeyIsRowid(SqliteConnection& connection, const std::string& target,
                                const TableSchema& table);

/// Returns the schema's columns in the table's order, if INSERT OR REPLACE of whole rows has the effect
/// of an upsert: the key is the rowid, no other column or default can be lost, and no index makes it
/// replace other rows. Its triggers and foreign keys are inactive on our connections. Absent: the table
/// is different.
absl::StatusOr<std::optional<std::vector<std::uint32_t>>> PlainOrder(SqliteConnection& connection,
                                                                     const std::string& target,
                                                                     const TableSchema& table);

/// Checks that a recreated table can have the mirror's own columns beside the source's. Errors:
/// kFailedPrecondition, for people.
absl::Status CheckOwnFit(SqliteConnection& connection, const TableSchema& table);

/// Adopts a table that the partner made under this name: adds the missing columns; its present rows stay the
/// partner's. Errors: kFailedPrecondition if its key differs, a column is declared differently, or no row of
/// the source's could be written to it.
absl::Status AdoptTable(SqliteConnection& connection, const TableSchema& table);

/// See RefitTable in plan.h. `position`: as for RunAlterTable.
absl::Status RunRefitTable(SqliteConnection& connection, const std::string& table, const Position& position,
                           const RefitTable& action);

/// See ContentsTable::stored. `is_older`: its rows are of an older definition than `agreed`. `left_out` gets
/// the partner's columns.
absl::StatusOr<TableSchema> StoredForm(SqliteConnection& connection, const TableSchema& agreed, bool is_older,
                                       std::vector<std::string>* left_out);

/// Returns whether a table of any kind holds rows that are not live.
absl::StatusOr<bool> HoldsOthersRows(SqliteConnection& connection, const std::string& table);
/// Deletes the live rows of a table that keeps the partner's data; does nothing to other tables.
absl::Status DeleteLiveRows(SqliteConnection& connection, const std::string& table);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_SQLITE_ROWS_SQLITE_PARTNER_TABLE_H_
