#ifndef MIRROR_CLIENT_SOURCE_MARIADB_MARIADB_CONFLICTS_H_
#define MIRROR_CLIENT_SOURCE_MARIADB_MARIADB_CONFLICTS_H_

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "base/db/mariadb/connection.h"
#include "client/source/mariadb/mariadb_sessions.h"
#include "proto/wire/key_range.h"
#include "proto/wire/lsn.h"
#include "proto/wire/table.h"

namespace mirror {

/// The table `_mirror_conflicts` of a source with an exchange: keys of rows that conflicted with a delivery.
/// The next cycle sends the present values of these rows, even if they were changed without the binlog.
/// Errors: those of the server. Threads: one.
class MariadbConflicts {
 public:
  /// `access`: of the session that removes the rows that were sent.
  explicit MariadbConflicts(MariadbAccess access) : access_(std::move(access)) {}

  /// Reads the present conflicts, at most kConflictsAtATime.
  absl::Status Read(mariadb::Connection& connection);
  bool Has(const std::string& table) const { return rows_.contains(table); }
  /// Returns the keys of a table's conflicts, each once, without keys that do not fit the present table.
  /// `lsn`: to which the cycle that sends them brings the table.
  std::vector<Key> Send(const std::string& table, const TableSchema& schema, std::int64_t lsn);
  /// Removes conflicts that the mirror has: its table has reached the LSN with which they were sent. Also
  /// removes conflicts of tables that are not `logged`, since these are compared. `durable`: by table.
  absl::Status Forget(const std::map<std::string, Position>& durable,
                      const std::function<bool(const std::string&)>& logged);

 private:
  static constexpr int kConflictsAtATime = 10'000;
  struct OfTable {
    std::vector<std::pair<std::int64_t, std::string>> keys;  ///< Number in the table, and key.
    std::int64_t sent_lsn = -1;                              ///< -1: not sent.
  };

  const MariadbAccess access_;
  std::map<std::string, OfTable> rows_;  ///< By table.
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_MARIADB_MARIADB_CONFLICTS_H_
