#ifndef MIRROR_SERVER_STORE_SQLITE_ROWS_SQLITE_SCHEMA_H_
#define MIRROR_SERVER_STORE_SQLITE_ROWS_SQLITE_SCHEMA_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/plan/plan.h"
#include "server/store/sqlite/file/sqlite_connection.h"
#include "server/store/store_transaction.h"

// Definitions of tables and their shadows. All functions run inside the caller's transaction and savepoint.

namespace mirror {

/// Creates the store's own tables that are missing.
absl::Status CreateOwnTables(SqliteConnection& connection, const std::string& context_id);

/// Returns the name of an own table that somebody dropped since; empty: none.
absl::StatusOr<std::string> FindDroppedOwnTable(SqliteConnection& connection, const std::string& context_id);

/// Returns "table.column" of a missing column that CreateOwnTables() would make; empty: none.
absl::StatusOr<std::string> FindLostOwnColumn(SqliteConnection& connection, const std::string& context_id);

/// Returns why `table` cannot be mirrored under its name; OK if it can.
absl::Status CheckSqliteTableName(const std::string& table, const std::string& context_id);

absl::Status RunCreateTable(SqliteConnection& connection, const CreateTable& action);
/// `position`: the table's position, stored for LostColumns.
absl::Status RunAlterTable(SqliteConnection& connection, const std::string& table, const Position& position,
                           const AlterTable& action);
/// Returns the columns that RunAlterTable dropped at this position.
absl::StatusOr<std::vector<std::string>> LostColumns(SqliteConnection& connection, const std::string& table,
                                                     const Position& position);
absl::Status RunAgreeSchema(SqliteConnection& connection, const AgreeSchema& action);
absl::Status RunRetireTable(SqliteConnection& connection, const std::string& table,
                            const RetireTable& action);
absl::Status RunDropTable(SqliteConnection& connection, const std::string& table);
/// Drops the tables that were set aside before `before_ms`. A table with rows that are not live loses only
/// its live rows and is then kept forever; later calls skip it.
absl::Status DropRetired(SqliteConnection& connection, std::int64_t before_ms);
/// See StoreRecords::SetAside.
absl::StatusOr<std::vector<std::string>> SetAside(SqliteConnection& connection, const std::string& table);

absl::Status RunBeginShadow(SqliteConnection& connection, const std::string& table,
                            const BeginShadow& action);
absl::StatusOr<std::optional<Shadow>> FindShadow(SqliteConnection& connection, const std::string& table);
absl::Status SetShadowRows(SqliteConnection& connection, const std::string& table, std::int64_t rows);
/// Drops the shadow and its rows.
absl::Status DropShadow(SqliteConnection& connection, const std::string& table);
/// Called before a mirror that was built becomes visible: empties the tables that are still their own
/// shadows.
absl::Status EmptyUnfinished(SqliteConnection& connection);
/// Removes the record of the shadow. The table of the shadow stays.
absl::Status ForgetShadow(SqliteConnection& connection, const std::string& table);
/// Drops the shadows of cycles other than `cycle`, and their parts of large values.
absl::Status DropOldShadows(SqliteConnection& connection, std::int64_t cycle);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_SQLITE_ROWS_SQLITE_SCHEMA_H_
