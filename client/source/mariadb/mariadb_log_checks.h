#ifndef MIRROR_CLIENT_SOURCE_MARIADB_MARIADB_LOG_CHECKS_H_
#define MIRROR_CLIENT_SOURCE_MARIADB_MARIADB_LOG_CHECKS_H_

#include <cstdint>
#include <functional>
#include <string>

#include "client/source/mariadb/mariadb_checks.h"

namespace mirror {

struct MariadbLogCheckOptions {
  /// Returns whether changes of a table are read from the binlog.
  std::function<bool(const std::string& table)> logs;
  std::uint32_t server_id = 0;
  std::int64_t pause_ms = 0;  ///< The longest time from the begin of one cycle to that of the next.
};

/// Checks whether a server that CheckMariadbSource() examines meets what the binlog requires: its settings,
/// the user's rights, how long the binlog is kept, and what is lost if the machine crashes. Also reports why
/// tables are not logged. Only reads.
void CheckMariadbLog(const MariadbCheckLook& look, const MariadbLogCheckOptions& options);

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_MARIADB_MARIADB_LOG_CHECKS_H_
