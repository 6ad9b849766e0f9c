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

/// A check whose database was reached.
struct PostgresCheckLook {
  postgres::Connection& connection;
  std::int64_t version = 0;    ///< server_version_num
  std::string role;            ///< In its printable form.
  bool may_replicate = false;  ///< REPLICATION, or an equivalent right.
  bool is_standby = false;
  std::vector<PostgresTable> tables;  ///< The chosen tables.
  SourceFindings& findings;
};

struct PostgresCheckOptions {
  PostgresAccess access;
  std::string schema = "public";
  TableChoice choice = {};
  /// Further checks if the tables could be read, such as CheckPostgresLog(); empty: none.
  std::function<void(const PostgresCheckLook&)> then = {};
};

inline constexpr std::chrono::seconds kPostgresCheckWithin{20};

/// Checks a database with the rights of the agent's role: whether and how it is reached, each right by its
/// name, tables that cannot be sent. Only reads, with one connection that is closed at the end. Gives one
/// finding per subject, in the order of the checks. A failed query is a finding, too. Waits at most
/// ConnectAs::connect_within to connect, and then kPostgresCheckWithin for each answer.
SourceFindings CheckPostgresSource(const PostgresCheckOptions& options);

// Used by `then`.

/// Returns a role, table or other name as SQL for people.
std::string SqlName(const std::string& name);

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_POSTGRES_POSTGRES_CHECKS_H_
