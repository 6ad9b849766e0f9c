#include "client/source/mariadb/mariadb_log_facts.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/db/mariadb/name.h"
#include "base/digest.h"
#include "base/status_macros.h"
#include "client/source/mariadb/mariadb_catalog.h"
#include "client/source/mariadb/mariadb_checks.h"
#include "client/source/mariadb/mariadb_sessions.h"

namespace mirror {
namespace {

constexpr char kCheckingBinlog[] = "asking how it writes its binlog";
/// Names in SHOW GRANTS: either gives the right.
constexpr const char* kReplicationRight = "REPLICATION SLAVE";
constexpr const char* kMonitorRights[] = {"BINLOG MONITOR", "REPLICATION CLIENT"};

using Variables = std::map<std::string, std::string>;

absl::StatusOr<Variables> ReadVariables(mariadb::Connection& connection) {
  ASSIGN_OR_RETURN(
      const mariadb::Rows rows,
      connection.Query(
          "SHOW GLOBAL VARIABLES WHERE Variable_name IN ('log_bin', 'binlog_format', 'binlog_row_image', "
          "'binlog_row_metadata', 'log_slave_updates', 'server_id', 'default_master_connection')",
          kCheckingBinlog));
  Variables variables;
  for (std::size_t i = 0; i < rows.rows(); ++i) variables[rows.Text(i, 0)] = rows.Text(i, 1);
  return variables;
}

/// Checks a variable that must have a value; `why`: the effect of another value.
void CheckVariable(const Variables& variables, const std::string& name, const std::string& wanted,
                   const std::string& why, std::vector<std::string>* refusals) {
  const auto found = variables.find(name);
  const std::string value = found == variables.end() ? "unknown" : found->second;
  if (absl::EqualsIgnoreCase(value, wanted)) return;
  refusals->push_back(absl::StrCat(name, " is ", value, ": ", why, ". SET GLOBAL ", name, " = ", wanted,
                                   ", also in the server's configuration, and let sessions reconnect"));
}

/// Whether the server is or was a replica: to query its present state needs one more right.
bool IsReplica(mariadb::Connection& connection) {
  const absl::StatusOr<mariadb::Rows> position =
      connection.Query("SELECT @@global.gtid_slave_pos", kCheckingBinlog);
  if (position.ok() && position->rows() > 0 && !position->View(0, 0).empty()) return true;
  const absl::StatusOr<mariadb::Rows> rows = connection.Query("SHOW ALL SLAVES STATUS", kCheckingBinlog);
  return rows.ok() && rows->rows() > 0;
}

void CheckFilters(const mariadb::Rows& status, const std::string& database,
                  std::vector<std::string>* refusals) {
  if (status.rows() == 0 || status.columns() < 4) return;
  for (const auto& [column, name] :
       {std::pair<std::size_t, const char*>{2, "binlog_do_db"}, {3, "binlog_ignore_db"}}) {
    const std::string value = status.Text(0, column);
    if (value.empty()) continue;
    refusals->push_back(
        absl::StrCat(name, " is set (", value, "): whether a change of database ", database,
                     " is in the binlog then depends on the session that made it. Remove it from the "
                     "server's configuration, and restart the server"));
  }
}

absl::Status CheckRights(mariadb::Connection& connection, std::vector<std::string>* refusals) {
  ASSIGN_OR_RETURN(const mariadb::Rows user, connection.Query("SELECT CURRENT_USER()", kCheckingBinlog));
  ASSIGN_OR_RETURN(const std::set<std::string> rights, ReadMariadbGlobalRights(connection));
  const bool all = rights.contains("ALL PRIVILEGES");
  const bool replication = all || rights.contains(kReplicationRight);
  const bool monitor = all || rights.contains(kMonitorRights[0]) || rights.contains(kMonitorRights[1]);
  const auto refuse = [&](const char* right) {
    refusals->push_back(absl::StrCat("user ", connection.dsn().user, " lacks the right ", right, ": GRANT ",
                                     right, " ON *.* TO ", MariadbGrantee(user.Text(0, 0))));
  };
  if (!replication) refuse(kReplicationRight);
  if (!monitor) refuse(kMonitorRights[0]);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::vector<std::string>> CheckBinlogSettings(mariadb::Connection& connection,
                                                             std::uint32_t server_id) {
  ASSIGN_OR_RETURN(const Variables variables, ReadVariables(connection));
  std::vector<std::string> refusals;
  const auto log = variables.find("log_bin");
  if (log == variables.end() || log->second != "ON") {
    return std::vector<std::string>{
        "the server writes no binlog: set log_bin in its configuration, and restart it"};
  }
  CheckVariable(variables, "binlog_format", "ROW", "changes are in the binlog as statements, not as rows",
                &refusals);
  CheckVariable(variables, "binlog_row_image", "FULL", "rows are in the binlog without all of their columns",
                &refusals);
  CheckVariable(variables, "binlog_row_metadata", "FULL", "the binlog does not name the columns of its rows",
                &refusals);
  const auto updates = variables.find("log_slave_updates");
  if (updates != variables.end() && updates->second != "ON" && IsReplica(connection)) {
    refusals.push_back(
        "the server is a replica with log_slave_updates OFF: changes from its primary are not in its binlog. "
        "Set log_slave_updates in its configuration, and restart it");
  }
  const auto own = variables.find("server_id");
  if (server_id == 0 || (own != variables.end() && own->second == absl::StrCat(server_id))) {
    refusals.push_back(absl::StrCat("server_id is ", server_id, ", which is ",
                                    server_id == 0 ? "not allowed" : "the server's own",
                                    ": set one in the configuration that no server and no other agent uses"));
  }
  return refusals;
}

absl::StatusOr<std::vector<std::string>> CheckBinlog(mariadb::Connection& connection,
                                                     std::uint32_t server_id) {
  absl::StatusOr<std::vector<std::string>> settings = CheckBinlogSettings(connection, server_id);
  if (!settings.ok()) return settings;
  std::vector<std::string> refusals = *std::move(settings);
  RETURN_IF_ERROR(CheckRights(connection, &refusals));
  const absl::StatusOr<mariadb::Rows> status = connection.Query("SHOW MASTER STATUS", kCheckingBinlog);
  if (status.ok()) CheckFilters(*status, connection.dsn().database, &refusals);
  if (!status.ok() && mariadb::TroubleOf(status.status()) != mariadb::Trouble::kDenied)
    return status.status();
  return refusals;
}

absl::Status BinlogRefused(const std::vector<std::string>& refusals) {
  return absl::FailedPreconditionError(absl::StrCat(
      "the source's binlog cannot be read: ", absl::StrJoin(refusals, "; "), ". Nothing was read"));
}

absl::Status BinlogDamaged(const BinlogPlace& behind, const absl::Status& why) {
  return absl::DataLossError(absl::StrCat("the server's binlog cannot be read after ", ToString(behind), ": ",
                                          std::string(why.message()),
                                          ". Nothing was sent, and what was read is kept. If this continues, "
                                          "stop the agent, run FLUSH BINARY LOGS and PURGE BINARY LOGS TO "
                                          "the newest file of SHOW BINARY LOGS, and start the agent: then "
                                          "the tables are compared"));
}

absl::StatusOr<std::map<std::string, std::string>> ReadCascadeChildren(mariadb::Connection& connection) {
  constexpr char kDoing[] = "reading its foreign keys";
  ASSIGN_OR_RETURN(
      const mariadb::Rows keys,
      connection.Query(
          absl::StrCat(
              "SELECT DISTINCT TABLE_NAME, CONSTRAINT_NAME FROM information_schema.KEY_COLUMN_USAGE WHERE "
              "REFERENCED_TABLE_NAME IS NOT NULL AND TABLE_SCHEMA = ",
              mariadb::QuotedText(connection.dsn().database), " ORDER BY BINARY TABLE_NAME"),
          kDoing));
  std::map<std::string, std::string> children;
  std::string table, definition;
  for (std::size_t i = 0; i < keys.rows(); ++i) {
    if (const std::string name = keys.Text(i, 0); name != table || i == 0) {
      table = name;
      const absl::StatusOr<std::string> quoted = mariadb::QuotedName(connection.dsn().database, name);
      if (!quoted.ok()) continue;
      const absl::StatusOr<mariadb::Rows> created =
          connection.Query(absl::StrCat("SHOW CREATE TABLE ", *quoted), kDoing);
      // It may be gone by now.
      if (!created.ok() && mariadb::TroubleOf(created.status()) != mariadb::Trouble::kUndefined &&
          mariadb::TroubleOf(created.status()) != mariadb::Trouble::kDenied)
        return created.status();
      definition = created.ok() && created->rows() > 0 ? created->Text(0, 1) : "";
      if (!created.ok()) children[name] = "its foreign keys cannot be read";
    }
    const MariadbForeignKeyActions actions = ReadMariadbActions(definition, keys.Text(i, 1));
    const auto changes = [](ForeignKeyAction action) {
      return action == ForeignKeyAction::kCascade || action == ForeignKeyAction::kSetNull ||
             action == ForeignKeyAction::kSetDefault;
    };
    if (!changes(actions.on_delete) && !changes(actions.on_update)) continue;
    children[table] =
        absl::StrCat("its foreign key '", keys.Text(i, 1), "' ",
                     changes(actions.on_delete) ? "deletes or changes its rows with those of another table"
                                                : "changes its rows with those of another table",
                     ", which the binlog does not show");
  }
  return children;
}

absl::StatusOr<std::map<std::string, std::string>> ReadUnlogged(mariadb::Connection& connection,
                                                                const std::vector<MariadbTable>& tables) {
  absl::StatusOr<std::map<std::string, std::string>> unlogged = ReadCascadeChildren(connection);
  if (!unlogged.ok()) return unlogged;
  for (const MariadbTable& table : tables) {
    if (std::string why = WhyNotInBinlog(table); !why.empty()) (*unlogged)[table.name] = std::move(why);
  }
  return unlogged;
}

std::string BinlogFingerprint(const MariadbTable& table) {
  std::string text = absl::StrCat(table.engine, table.versioned ? " versioned" : "");
  const auto add = [&text](const std::string& word) { absl::StrAppend(&text, "\n", word.size(), " ", word); };
  for (const MariadbColumn& column : table.columns) {
    add(column.name);
    absl::StrAppend(&text, " ", column.place, column.nullable ? " null" : "", " ", column.seconds);
    add(column.whole_type);
    add(column.charset);
    add(column.collation);
  }
  for (const std::string& name : table.generated) add(absl::StrCat("generated ", name));
  for (const std::string& name : table.key) add(absl::StrCat("key ", name));
  return HexDigest(text);
}

absl::StatusOr<std::string> ReadDatabaseInBinlog(mariadb::Connection& connection) {
  ASSIGN_OR_RETURN(const mariadb::Rows rows,
                   connection.Query("SELECT DATABASE()", "asking for the name of its database"));
  return rows.rows() == 0 ? connection.dsn().database : rows.Text(0, 0);
}

namespace {

/// Skips its rows from now on, so it must be staged anew, even if its former definition is restored by
/// then.
absl::Status LeaveOut(Stage& stage, StagedTable table) {
  ASSIGN_OR_RETURN(const std::int64_t place, stage.Place());
  table.fingerprint.clear();
  RETURN_IF_ERROR(stage.SetTable(table));
  return stage.RaiseFloor(table.id, place + 1, "its definition was different when the binlog was read");
}

}  // namespace

absl::StatusOr<BinlogTables> ReadBinlogTables(mariadb::Connection& connection, Stage& stage) {
  ASSIGN_OR_RETURN(const std::vector<StagedTable> staged, stage.Tables());
  BinlogTables tables;
  ASSIGN_OR_RETURN(std::string database, ReadDatabaseInBinlog(connection));
  tables.database = std::move(database);
  ASSIGN_OR_RETURN(BinlogCharsets charsets, ReadBinlogCharsets(connection));
  tables.charsets = std::move(charsets);
  ASSIGN_OR_RETURN(std::vector<MariadbTable> all, ReadMariadbTables(connection));
  for (MariadbTable& table : all) {
    const auto found = std::find_if(staged.begin(), staged.end(),
                                    [&](const StagedTable& one) { return one.name == table.name; });
    if (found == staged.end() || found->fingerprint != BinlogFingerprint(table)) continue;
    const std::string name = table.name;
    tables.tables.emplace(name, BinlogTable{found->id, std::move(table)});
  }
  for (const StagedTable& table : staged) {
    if (tables.tables.contains(table.name)) continue;
    RETURN_IF_ERROR(LeaveOut(stage, table));
  }
  return tables;
}

absl::StatusOr<BinlogPlace> ReadSnapshotPlace(mariadb::Connection& connection) {
  ASSIGN_OR_RETURN(
      const mariadb::Rows rows,
      connection.Query(
          "SHOW STATUS WHERE Variable_name IN ('binlog_snapshot_file', 'binlog_snapshot_position')",
          "asking where the binlog was at its snapshot"));
  BinlogPlace place;
  for (std::size_t i = 0; i < rows.rows(); ++i) {
    if (absl::EqualsIgnoreCase(rows.Text(i, 0), "binlog_snapshot_file")) place.file = rows.Text(i, 1);
    if (absl::EqualsIgnoreCase(rows.Text(i, 0), "binlog_snapshot_position"))
      place.offset = static_cast<std::uint64_t>(rows.Int(i, 1));
  }
  if (place.file.empty())
    return absl::FailedPreconditionError(absl::StrCat(connection.dsn().Name(), " writes no binlog"));
  return place;
}

}  // namespace mirror
