#ifndef MIRROR_SERVER_STORE_SQLITE_SQLITE_MIRROR_CHECK_H_
#define MIRROR_SERVER_STORE_SQLITE_SQLITE_MIRROR_CHECK_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/plan/plan.h"
#include "server/store/sqlite/file/sqlite_connection.h"

// Checks of an open file: whether it is this tenant's mirror, complete, and in the layout of this version.

namespace mirror {

/// Checks the file and upgrades its layout. Runs inside the transaction that creates the store's own tables.
/// Errors: kFailedPrecondition: the file is another tenant's mirror or has a later layout, and was not
/// changed; kDataLoss: a table is missing.
absl::Status TakeOverFile(SqliteConnection& connection, const std::string& context_id);

/// Returns whether somebody restored a file with another layout into the open file, as SQLite's own restore
/// does. The next opening upgrades or refuses that file.
bool HasOtherLayout(SqliteConnection& connection);

/// Reads the tenant. Errors: kDataLoss, with the reason: the file is no longer a mirror.
absl::StatusOr<TenantRecord> ReadTenantOf(SqliteConnection& connection, const std::string& context_id);

/// See StoreUpkeep::CheckOwnTables. The first checks that the tables exist, the second their columns
/// (slower), the third both.
absl::Status CheckOwnTables(SqliteConnection& connection, const std::string& context_id);
absl::Status CheckOwnColumns(SqliteConnection& connection, const std::string& context_id);
absl::Status CheckOwnTablesAndColumns(SqliteConnection& connection, const std::string& context_id);

/// Empties a log that exceeds its limit. Errors: kUnavailable: a reader prevents it; kDataLoss.
absl::Status CheckLogSize(SqliteConnection& connection, std::uint64_t bytes_max);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_SQLITE_SQLITE_MIRROR_CHECK_H_
