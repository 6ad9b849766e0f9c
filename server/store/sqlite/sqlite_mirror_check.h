#ifndef MIRROR_SERVER_STORE_SQLITE_SQLITE_MIRROR_CHECK_H_
#define MIRROR_SERVER_STORE_SQLITE_SQLITE_MIRROR_CHECK_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/plan/plan.h"
#include "server/store/sqlite/file/sqlite_connection.h"

// Checks that the open file is this tenant's mirror, whole, and in this version's layout.

namespace mirror {

/// Runs inside of the transaction that makes the store's own tables. Errors:
/// kFailedPrecondition for another tenant's mirror or a later layout, both left unchanged; kDataLoss if a
/// table is missing.
absl::Status TakeOverFile(SqliteConnection& connection, const std::string& context_id);

/// Whether somebody restored a file of another layout into the open one, as SQLite's own restore does. The
/// next opening upgrades or refuses it.
bool HasOtherLayout(SqliteConnection& connection);

/// Reads the tenant. kDataLoss, with the reason, if the file is no longer a mirror.
absl::StatusOr<TenantRecord> ReadTenantOf(SqliteConnection& connection, const std::string& context_id);

/// See StoreUpkeep::CheckOwnTables. They check the tables, their columns (slower), or both.
absl::Status CheckOwnTables(SqliteConnection& connection, const std::string& context_id);
absl::Status CheckOwnColumns(SqliteConnection& connection, const std::string& context_id);
absl::Status CheckOwnTablesAndColumns(SqliteConnection& connection, const std::string& context_id);

/// Empties a log that is over its limit. Errors: kUnavailable when a reader prevents it; kDataLoss.
absl::Status CheckLogSize(SqliteConnection& connection, std::uint64_t bytes_max);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_SQLITE_SQLITE_MIRROR_CHECK_H_
