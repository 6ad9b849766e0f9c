#ifndef MIRROR_CLIENT_SOURCE_POSTGRES_LOG_CHECKS_H_
#define MIRROR_CLIENT_SOURCE_POSTGRES_LOG_CHECKS_H_

#include <cstdint>
#include <functional>
#include <string>

#include "client/source/postgres/postgres_checks.h"

namespace mirror {

struct PostgresLogCheckOptions {
  /// Whether changes of a table are to be read from the log.
  std::function<bool(const std::string& table)> logs;
  std::string slot, publication;
  std::int64_t pause_ms = 0;                    ///< The longest time between the begins of two cycles.
  std::int64_t snapshot_wait_ms = 30'000;       ///< Wait of a new table for open transactions.
  std::int64_t max_wal_bytes = 10'000'000'000;  ///< A greater lag of the slot is an event.
};

/// Checks the requirements of the log in a server that CheckPostgresSource() examines: its settings, the
/// slot and its cost, the publication, why a table is not logged, and what a new table would wait for. Only
/// reads.
void CheckPostgresLog(const PostgresCheckLook& look, const PostgresLogCheckOptions& options);

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_POSTGRES_LOG_CHECKS_H_
