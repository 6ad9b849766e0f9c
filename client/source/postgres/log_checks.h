#ifndef MIRROR_CLIENT_SOURCE_POSTGRES_LOG_CHECKS_H_
#define MIRROR_CLIENT_SOURCE_POSTGRES_LOG_CHECKS_H_

#include <cstdint>
#include <functional>
#include <string>

#include "client/source/postgres/postgres_checks.h"

namespace mirror {

struct PostgresLogCheckOptions {
  /// Whether changes of a table are to come from the log.
  std::function<bool(const std::string& table)> logs;
  std::string slot, publication;
  std::int64_t pause_ms = 0;                    ///< The longest from one cycle's begin to that of the next.
  std::int64_t snapshot_wait_ms = 30'000;       ///< How long a new table waits for open transactions.
  std::int64_t max_wal_bytes = 10'000'000'000;  ///< The slot's lag beyond is an event.
};

/// What changes from the log need, of a server that CheckPostgresSource() looks at: its settings, the slot
/// and what that costs, the publication, why a table is not logged, and what a new one would wait for. Only
/// reads.
void CheckPostgresLog(const PostgresCheckLook& look, const PostgresLogCheckOptions& options);

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_POSTGRES_LOG_CHECKS_H_
