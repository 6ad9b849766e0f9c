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

/// A look whose database was reached.
struct PostgresCheckLook {
  postgres::Connection& connection;
  std::int64_t version = 0;    ///< server_version_num
  std::string role;            ///< As it is shown.
  bool may_replicate = false;  ///< REPLICATION, or what stands for it.
  bool is_standby = false;
  std::vector<PostgresTable> tables;  ///< Those that are chosen.
  SourceFindings& findings;
};

struct PostgresCheckOptions {
  PostgresAccess access;
  std::string schema = "public";
  TableChoice choice = {};
  /// What more is looked at where the tables could be read, as CheckPostgresLog(); empty: nothing.
  std::function<void(const PostgresCheckLook&)> then = {};
};

inline constexpr std::chrono::seconds kPostgresCheckWithin{20};

/// Looks at a database as the agent's role sees it: whether it is reached and how, each right by its name,
/// tables that cannot be sent. Only reads, by one connection that is closed at the end; of each thing one
/// finding, in the order in which one is looked at after the other. What cannot be asked is a finding, too.
/// Waits no longer than ConnectAs::connect_within to connect, and then kPostgresCheckWithin for each answer.
SourceFindings CheckPostgresSource(const PostgresCheckOptions& options);

// For what is looked at then.

/// A role, table or other name as it stands in SQL for people.
std::string SqlName(const std::string& name);

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_POSTGRES_POSTGRES_CHECKS_H_
