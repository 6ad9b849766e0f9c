#include "server/store/postgres/place/session.h"

#include <array>
#include <cstddef>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/db/postgres/connection.h"
#include "base/db/postgres/transaction.h"
#include "base/status_macros.h"
#include "proto/wire/table.h"
#include "server/store/postgres/place/store_status.h"

namespace mirror {
namespace {

constexpr std::int64_t kVersionMin = 150'000;

std::vector<std::string> Missing(const postgres::Rows& rows, PlaceHolds holds) {
  std::vector<std::string> missing;
  if (rows.View(0, 0) != "UTF8") {
    missing.push_back(absl::StrCat("its encoding is ", rows.Text(0, 0), ", and has to be UTF8: make it with ",
                                   "CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0"));
  }
  if (rows.View(0, 1) != "on" || rows.View(0, 2) != "on") {
    missing.emplace_back(
        "fsync or full_page_writes is off there, and a crash would lose rows that the server has confirmed");
  }
  const std::string role = QuoteName(rows.View(0, 5)), database = QuoteName(rows.View(0, 6));
  if (!rows.Bool(0, 3) && holds == PlaceHolds::kMirrors) {
    missing.push_back(absl::StrCat("triggers and foreign keys on mirrored tables would act on the rows that ",
                                   "are mirrored: as a superuser, type GRANT SET ON PARAMETER ",
                                   "session_replication_role TO ", role));
  }
  if (!rows.Bool(0, 4)) {
    missing.push_back(absl::StrCat("the role cannot make a schema: as the database's owner, ",
                                   "type GRANT CREATE ON DATABASE ", database, " TO ", role));
  }
  return missing;
}

}  // namespace

postgres::Parameters SessionSettings(PlaceUse use) {
  postgres::Parameters settings = {
      // Triggers and foreign keys of partners must not affect rows that the source has checked.
      {"session_replication_role", "replica"},
      {"synchronous_commit", "on"},
      // Ends the session of a server that hangs in a transaction. So its locks are released, and another
      // server continues.
      {"idle_in_transaction_session_timeout", "15s"},
      // Ends the statement of a client that no longer exists. Otherwise its locks last as long as the
      // statement.
      {"client_connection_check_interval", "10s"},
      {"lock_timeout", "5s"},
      {"statement_timeout", "0"},
  };
  if (use != PlaceUse::kWrite) settings.emplace_back("default_transaction_read_only", "on");
  return settings;
}

absl::StatusOr<std::string> WhichDatabase(postgres::Connection& connection) {
  const auto row = connection.Query(
      "SELECT pg_postmaster_start_time()::text || '/' || oid FROM pg_database WHERE datname = "
      "current_database()",
      {}, "identifying the database");
  if (!row.ok()) return ToStoreStatus(row.status(), TableOwner::kMirroredTable);
  return row->Text(0, 0);
}

absl::Status CheckPlace(postgres::Connection& connection, PlaceHolds holds) {
  const auto version = connection.Query(
      "SELECT current_setting('server_version_num')::bigint, pg_is_in_recovery(), current_database()::text",
      {}, "looking at the database");
  if (!version.ok()) return ToStoreStatus(version.status(), TableOwner::kMirroredTable);
  const std::string database = absl::StrCat("the database '", version->Text(0, 2), "' ");
  if (version->Int(0, 0) < kVersionMin) {
    return absl::FailedPreconditionError(
        absl::StrCat(database, "runs on PostgreSQL ", version->Int(0, 0) / 10'000,
                     ", and mirrors need 15 or later. Upgrade it, or name another one."));
  }
  if (version->Bool(0, 1)) {
    return absl::UnavailableError(absl::StrCat(
        database, "is on a standby, where nothing can be written. Name the primary, or all hosts with ",
        "target_session_attrs=read-write."));
  }
  const auto rows = connection.Query(
      "SELECT current_setting('server_encoding'), current_setting('fsync'), "
      "current_setting('full_page_writes'), has_parameter_privilege('session_replication_role', 'SET'), "
      "has_database_privilege(current_database(), 'CREATE'), current_user::text, current_database()::text",
      {}, "looking at the database");
  if (!rows.ok()) return ToStoreStatus(rows.status(), TableOwner::kMirroredTable);
  const std::vector<std::string> missing = Missing(*rows, holds);
  if (missing.empty()) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(
      database,
      holds == PlaceHolds::kMirrors ? "cannot hold mirrors yet: " : "cannot be the control database yet: ",
      absl::StrJoin(missing, "; ")));
}

namespace {

/// Number of queries by which a pooler is found. A pooler with several sessions may use another session for
/// each query.
constexpr int kPoolerLooks = 10;

}  // namespace

absl::StatusOr<bool> IsPooled(const postgres::ConnectAs& connect) {
  std::array<std::unique_ptr<postgres::Connection>, 2> connections;
  for (auto& connection : connections) {
    ASSIGN_OR_RETURN(connection, postgres::Connection::Open(connect));
  }
  std::array<std::set<std::string>, 2> sessions;
  for (int look = 0; look < kPoolerLooks; ++look) {
    for (std::size_t i = 0; i < connections.size(); ++i) {
      // Uses the simple protocol, which needs no prepared statement.
      ASSIGN_OR_RETURN(const auto row,
                       connections[i]->Command("SELECT pg_backend_pid()", "looking for a pooler"));
      sessions[i].insert(row.Text(0, 0));
      if (sessions[1 - i].contains(row.Text(0, 0))) return true;
    }
  }
  return false;
}

absl::Status WaitForStandby(postgres::Connection& connection) {
  constexpr char kWaiting[] = "waiting for a standby";
  postgres::Transaction transaction(connection);
  postgres::Pipeline pipeline(connection);
  transaction.Begin(pipeline);
  pipeline.Queue(postgres::kHasStandbySql, {}, kWaiting);
  // A transaction that writes nothing does not wait for a standby.
  pipeline.Queue("SELECT pg_logical_emit_message(true, 'mirror', '')", {}, kWaiting);
  bool has_standby = false;
  const auto rows = transaction.Commit(pipeline, kWaiting, &has_standby);
  if (!rows.ok()) return ToStoreStatus(rows.status(), TableOwner::kOwnTable);
  if (has_standby && (*rows)[1].Bool(0, 0)) return absl::OkStatus();
  return absl::UnavailableError(
      "the commit is on no standby, because synchronous_standby_names is empty at the database: the same "
      "call is answered when a DBA has named a standby there.");
}

}  // namespace mirror
