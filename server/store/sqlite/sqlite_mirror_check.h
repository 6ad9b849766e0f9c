#ifndef MIRROR_SERVER_STORE_SQLITE_SQLITE_MIRROR_CHECK_H_
#define MIRROR_SERVER_STORE_SQLITE_SQLITE_MIRROR_CHECK_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/plan/plan.h"
#include "server/store/sqlite/file/sqlite_connection.h"

// Whether the file that is open is this tenant's mirror, whole, and in the layout of this version.

namespace mirror {

/// Inside of the transaction that makes the store's own tables in it. Errors: kFailedPrecondition for the
/// mirror of somebody else or of a later layout, which is left as it is; kDataLoss for one that lacks a
/// table.
absl::Status TakeOverFile(SqliteConnection& connection, const std::string& context_id);

/// Whether somebody put back, into the file that is open here, what another version wrote: SQLite's own
/// restore does. It is taken over, or refused, when it is opened anew.
bool HasOtherLayout(SqliteConnection& connection);

/// kDataLoss, with the reason, where it cannot be read since the file is none any more.
absl::StatusOr<TenantRecord> ReadTenantOf(SqliteConnection& connection, const std::string& context_id);

/// See StoreUpkeep::CheckOwnTables: the tables, their columns, which take longer, and both.
absl::Status CheckOwnTables(SqliteConnection& connection, const std::string& context_id);
absl::Status CheckOwnColumns(SqliteConnection& connection, const std::string& context_id);
absl::Status CheckOwnTablesAndColumns(SqliteConnection& connection, const std::string& context_id);

/// Empties a log that is over its limit. Errors: kUnavailable when a reader prevents it; kDataLoss.
absl::Status CheckLogSize(SqliteConnection& connection, std::uint64_t bytes_max);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_SQLITE_SQLITE_MIRROR_CHECK_H_
