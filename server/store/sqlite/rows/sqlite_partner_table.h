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

// Definitions of tables that keep what is the partner's (KeepsPartner): they are never made anew, since rows
// and columns stand in them that the mirror does not know. Inside the caller's transaction and savepoint.

namespace mirror {

/// Of a table that keeps nothing of the partner's: without a look. Errors: as SqliteConnection.
absl::StatusOr<OwnPlaces> FindOwnPlaces(SqliteConnection& connection, const std::string& target,
                                        const TableSchema& table);

/// Whether a table is as the mirror would make it: the key, the columns and no others.
absl::StatusOr<bool> HasDefinition(SqliteConnection& connection, const std::string& table,
                                   const TableSchema& schema);

/// What somebody changed of a mirrored table by hand. `schema`: in its kept form. Types are not looked at:
/// SQLite writes a value to a column of any.
absl::StatusOr<TouchedTable> LookForTouch(SqliteConnection& connection, const std::string& table,
                                          const TableSchema& schema);

/// Whether SQLite finds a row of this table, whose key is one integer, by that as its rowid. One that
/// somebody rebuilt may have the same key and rowids of its own.
absl::StatusOr<bool> KeyIsRowid(SqliteConnection& connection, const std::string& target,
                                const TableSchema& table);

/// The schema's columns as they stand in this table, where INSERT OR REPLACE of rows with all of them does
/// what an upsert does: their key is its rowid, and it has no other column or default to be lost and no index
/// that could name another row to be replaced. Its triggers and foreign keys do nothing on our connections.
/// Absent: it is another table.
absl::StatusOr<std::optional<std::vector<std::uint32_t>>> PlainOrder(SqliteConnection& connection,
                                                                     const std::string& target,
                                                                     const TableSchema& table);

/// Whether a table that is made anew can have the mirror's own columns beside the source's. Errors:
/// kFailedPrecondition, for people.
absl::Status CheckOwnFit(SqliteConnection& connection, const TableSchema& table);

/// Takes in a table of this name that the partner made: the columns that it lacks are added, and its rows are
/// the partner's. Errors: kFailedPrecondition when its key is another, or a column is declared otherwise,
/// and when no row of the source's could be written to it.
absl::Status AdoptTable(SqliteConnection& connection, const TableSchema& table);

/// See RefitTable in plan.h. `position`: as for RunAlterTable.
absl::Status RunRefitTable(SqliteConnection& connection, const std::string& table, const Position& position,
                           const RefitTable& action);

/// See ContentsTable::stored. `is_older`: its rows are not of the agreed definition. `left_out` gets the
/// partner's columns.
absl::StatusOr<TableSchema> StoredForm(SqliteConnection& connection, const TableSchema& agreed, bool is_older,
                                       std::vector<std::string>* left_out);

/// Whether a table, which may be any, holds rows that are not live.
absl::StatusOr<bool> HoldsOthersRows(SqliteConnection& connection, const std::string& table);
/// Of a table that keeps what is the partner's; of any other nothing.
absl::Status DeleteLiveRows(SqliteConnection& connection, const std::string& table);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_SQLITE_ROWS_SQLITE_PARTNER_TABLE_H_
