#ifndef MIRROR_SERVER_STORE_SQLITE_FILE_SQLITE_TIMES_H_
#define MIRROR_SERVER_STORE_SQLITE_FILE_SQLITE_TIMES_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/plan/plan.h"
#include "server/store/sqlite/file/sqlite_connection.h"

// The source's time that each table shows, the maximum age of tables, and the view that shows both to a
// partner. All writes run inside the caller's transaction.

namespace mirror {

/// Creates the tables and the view. `metadata`: the quoted name of the metadata table, which exists.
absl::Status CreateTimesTables(SqliteConnection& connection, const std::string& metadata);

absl::StatusOr<Freshness> SelectFreshness(SqliteConnection& connection);
/// Writes the differences between `now` and `next`. `now` was read in this transaction.
absl::Status WriteTimes(SqliteConnection& connection, const Freshness& now, const Freshness& next);
absl::Status WriteTargets(SqliteConnection& connection, const FreshnessTargets& targets);

/// The key of the time that counts for all tables without a time of their own.
inline constexpr char kTimeOfAll[] = "";
/// Sets the table's own time. Absent: the time is unknown from now on.
absl::Status SetTime(SqliteConnection& connection, const std::string& table,
                     std::optional<std::int64_t> source_ms);
/// Removes the time of a dropped table.
absl::Status ForgetTime(SqliteConnection& connection, const std::string& table);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_SQLITE_FILE_SQLITE_TIMES_H_
