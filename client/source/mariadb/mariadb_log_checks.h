#ifndef MIRROR_CLIENT_SOURCE_MARIADB_MARIADB_LOG_CHECKS_H_
#define MIRROR_CLIENT_SOURCE_MARIADB_MARIADB_LOG_CHECKS_H_

#include <cstdint>
#include <functional>
#include <string>

#include "client/source/mariadb/mariadb_checks.h"

namespace mirror {

struct MariadbLogCheckOptions {
  /// Whether changes of a table are to come from the binlog.
  std::function<bool(const std::string& table)> logs;
  std::uint32_t server_id = 0;
  std::int64_t pause_ms = 0;  ///< The longest from one cycle's begin to that of the next.
};

/// What changes from the binlog need, of a server that CheckMariadbSource() looks at: its settings and the
/// user's rights, how long the binlog is kept, what a crash of the machine costs, and why a table is not
/// logged. Only reads.
void CheckMariadbLog(const MariadbCheckLook& look, const MariadbLogCheckOptions& options);

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_MARIADB_MARIADB_LOG_CHECKS_H_
