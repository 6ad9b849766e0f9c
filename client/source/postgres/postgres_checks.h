#ifndef MIRROR_CLIENT_SOURCE_POSTGRES_POSTGRES_CHECKS_H_
#define MIRROR_CLIENT_SOURCE_POSTGRES_POSTGRES_CHECKS_H_

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/db/postgres/connection.h"
#include "client/source/postgres/postgres_catalog.h"
#include "client/source/postgres/postgres_sessions.h"
#include "client/source/source_finding.h"
#include "client/source/table_choice.h"

namespace mirror {

struct PostgresCheckOptions {
  PostgresAccess access;
  std::string schema = "public";
  TableChoice choice = {};
  /// Whether changes of a table are to come from the log; empty: of none, and no log is looked at.
  std::function<bool(const std::string& table)> logs = {};
  std::string slot, publication;
  std::int64_t pause_ms = 0;                    ///< The longest from one cycle's begin to that of the next.
  std::int64_t snapshot_wait_ms = 30'000;       ///< How long a new table waits for open transactions.
  std::int64_t max_wal_bytes = 10'000'000'000;  ///< The slot's lag beyond is an event.
};

/// Looks at a database as the agent's role sees it: whether it is reached and how, each right by its name,
/// tables that cannot be sent; where changes are logged also what the server needs for that, the slot and
/// what it costs, and why a table is not logged. Only reads, by one connection that is closed at the end; of
/// each thing one finding, in the order in which one is looked at after the other. What cannot be asked is a
/// finding, too. Waits no longer than ConnectAs::connect_within to connect, and then kPostgresCheckWithin for
/// each answer.
SourceFindings CheckPostgresSource(const PostgresCheckOptions& options);

// For this room.

inline constexpr std::chrono::seconds kPostgresCheckWithin{20};

/// A look whose database was reached.
struct PostgresCheckLook {
  postgres::Connection& connection;
  const PostgresCheckOptions& options;
  std::int64_t version = 0;    ///< server_version_num
  std::string role;            ///< As it is shown.
  bool may_replicate = false;  ///< REPLICATION, or what stands for it.
  bool is_standby = false;
  std::vector<PostgresTable> tables;  ///< Those that are chosen.
  SourceFindings& findings;
};

/// What changes from the log need, of PostgreSQL and of the tables.
void CheckPostgresLog(const PostgresCheckLook& look);

/// A role, table or other name as it stands in SQL for people.
std::string SqlName(const std::string& name);

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_POSTGRES_POSTGRES_CHECKS_H_
