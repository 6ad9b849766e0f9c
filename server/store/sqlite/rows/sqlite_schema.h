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

// Definitions of tables and their shadows. All of it runs inside the caller's transaction and savepoint.

namespace mirror {

/// The tables that the store keeps for itself, made when they are missing.
absl::Status CreateOwnTables(SqliteConnection& connection, const std::string& context_id);

/// One that somebody dropped since; empty: none.
absl::StatusOr<std::string> FindDroppedOwnTable(SqliteConnection& connection, const std::string& context_id);

/// "table.column" of one that CreateOwnTables() makes and that is not there; empty: all are.
absl::StatusOr<std::string> FindLostOwnColumn(SqliteConnection& connection, const std::string& context_id);

/// Why `table` cannot be mirrored under its name; OK when it can.
absl::Status CheckSqliteTableName(const std::string& table, const std::string& context_id);

absl::Status RunCreateTable(SqliteConnection& connection, const CreateTable& action);
/// `position`: where the table stands, for LostColumns.
absl::Status RunAlterTable(SqliteConnection& connection, const std::string& table, const Position& position,
                           const AlterTable& action);
/// Those that RunAlterTable dropped at this position.
absl::StatusOr<std::vector<std::string>> LostColumns(SqliteConnection& connection, const std::string& table,
                                                     const Position& position);
absl::Status RunAgreeSchema(SqliteConnection& connection, const AgreeSchema& action);
absl::Status RunRetireTable(SqliteConnection& connection, const std::string& table,
                            const RetireTable& action);
absl::Status RunDropTable(SqliteConnection& connection, const std::string& table);
/// Those that were set aside before. Ones with rows that are not live lose those that are and stay for good,
/// not to be looked at by this again.
absl::Status DropRetired(SqliteConnection& connection, std::int64_t before_ms);
/// See Store::SetAside.
absl::StatusOr<std::vector<std::string>> SetAside(SqliteConnection& connection, const std::string& table);

absl::Status RunBeginShadow(SqliteConnection& connection, const std::string& table,
                            const BeginShadow& action);
absl::StatusOr<std::optional<Shadow>> FindShadow(SqliteConnection& connection, const std::string& table);
absl::Status SetShadowRows(SqliteConnection& connection, const std::string& table, std::int64_t rows);
/// With its rows.
absl::Status DropShadow(SqliteConnection& connection, const std::string& table);
/// Before a mirror that was built is seen: tables that are their own shadows are empty again.
absl::Status EmptyUnfinished(SqliteConnection& connection);
/// That there is one; the table that it was stays.
absl::Status ForgetShadow(SqliteConnection& connection, const std::string& table);
/// Those of other cycles than `cycle`, and their parts.
absl::Status DropOldShadows(SqliteConnection& connection, std::int64_t cycle);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_SQLITE_ROWS_SQLITE_SCHEMA_H_
