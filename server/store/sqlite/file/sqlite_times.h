#ifndef MIRROR_SERVER_STORE_SQLITE_FILE_SQLITE_TIMES_H_
#define MIRROR_SERVER_STORE_SQLITE_FILE_SQLITE_TIMES_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/plan/plan.h"
#include "server/store/sqlite/file/sqlite_connection.h"

// As of when the tables of a mirror are, and how old they may become; the view in which a partner sees it.
// All writing runs inside the caller's transaction.

namespace mirror {

/// `metadata`: the quoted name of the metadata table, which is there.
absl::Status CreateTimesTables(SqliteConnection& connection, const std::string& metadata);

absl::StatusOr<Freshness> SelectFreshness(SqliteConnection& connection);
/// Writes what differs between the two; `now` has been read in this transaction.
absl::Status WriteTimes(SqliteConnection& connection, const Freshness& now, const Freshness& next);
absl::Status WriteTargets(SqliteConnection& connection, const FreshnessTargets& targets);

/// The name under which the time of all tables stands that have none of their own.
inline constexpr char kTimeOfAll[] = "";
/// The table's own time; absent: from now on it is not known.
absl::Status SetTime(SqliteConnection& connection, const std::string& table,
                     std::optional<std::int64_t> source_ms);
/// The table is gone.
absl::Status ForgetTime(SqliteConnection& connection, const std::string& table);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_SQLITE_FILE_SQLITE_TIMES_H_
