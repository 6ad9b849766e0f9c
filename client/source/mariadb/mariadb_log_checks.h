#ifndef MIRROR_CLIENT_SOURCE_MARIADB_MARIADB_LOG_CHECKS_H_
#define MIRROR_CLIENT_SOURCE_MARIADB_MARIADB_LOG_CHECKS_H_

#include <cstdint>
#include <functional>
#include <string>

#include "client/source/mariadb/mariadb_checks.h"

namespace mirror {

struct MariadbLogCheckOptions {
  /// Whether changes of a table are to be read from the binlog.
  std::function<bool(const std::string& table)> logs;
  std::uint32_t server_id = 0;
  std::int64_t pause_ms = 0;  ///< The longest time between the begins of two cycles.
};

/// Checks the requirements of the binlog in a server that CheckMariadbSource() examines: its settings and the
/// user's rights, how long the binlog is kept, the loss after a crash of the machine, and why a table is not
/// logged. Only reads.
void CheckMariadbLog(const MariadbCheckLook& look, const MariadbLogCheckOptions& options);

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_MARIADB_MARIADB_LOG_CHECKS_H_
