#include "client/exchange/mariadb_exchange_tables.h"

#include <cstddef>
#include <iterator>
#include <map>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/db/mariadb/failure.h"
#include "base/db/mariadb/name.h"
#include "base/status_macros.h"
#include "client/exchange/exchange_tables.h"
#include "client/source/mariadb/mariadb_sessions.h"
#include "proto/wire/exchange/ledger.h"

namespace mirror {
namespace {

constexpr char kMaking[] = "making the exchange's tables";
constexpr const char* kTables[] = {"_mirror_exchange", "_mirror_inbox", "_mirror_conflicts",
                                   "_mirror_ledger"};
constexpr std::size_t kTableCount = std::size(kTables);
/// Ids and names are compared by their bytes.
constexpr char kBehind[] = ") ENGINE = InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin";
constexpr char kIdType[] = "varchar(190)";
constexpr std::size_t kNamed = 10;

/// Finds the tables and views that have a name of kTables, each with its TABLE_TYPE.
absl::StatusOr<std::map<std::string, std::string>> FindNames(mariadb::Connection& connection) {
  ASSIGN_OR_RETURN(
      const mariadb::Rows rows,
      connection.Query(
          "SELECT TABLE_NAME, TABLE_TYPE FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() AND "
          "TABLE_NAME IN ('_mirror_exchange', '_mirror_inbox', '_mirror_conflicts', '_mirror_ledger')",
          "looking for the exchange's tables"));
  std::map<std::string, std::string> found;
  for (std::size_t row = 0; row < rows.rows(); ++row)
    found.emplace(std::string(rows.Text(row, 0)), std::string(rows.Text(row, 1)));
  return found;
}

bool IsTable(const std::string& type) { return type == "BASE TABLE" || type == "SYSTEM VERSIONED"; }

/// Returns the existing tables of kTables. Errors: kFailedPrecondition: a view has one
/// of the names. Its functions would run with the rights of each user that uses it.
absl::StatusOr<std::set<std::string>> FindTables(mariadb::Connection& connection) {
  ASSIGN_OR_RETURN(const auto found, FindNames(connection));
  std::set<std::string> tables;
  for (const auto& [name, type] : found) {
    if (!IsTable(type)) {
      return absl::FailedPreconditionError(
          absl::StrCat("'", name, "' of the database '", connection.dsn().database, "' is a ", type,
                       ", but the exchange needs this name for a table of its own. Nothing was made or "
                       "written. Find out who made it, drop it, then run 'mirror-agent install'"));
    }
    tables.insert(name);
  }
  return tables;
}

struct MakingStatement {
  std::string table, sql;
};
/// Statements for tables that are not `there`. The ledger comes last: if all exist, all steps were done.
std::vector<MakingStatement> MakingStatements(const std::set<std::string>& there) {
  std::vector<MakingStatement> statements = {
      // One statement makes the table and its row. Between two, another user could make a view of this name.
      {kTables[0],
       absl::StrCat("CREATE TABLE _mirror_exchange (one tinyint PRIMARY KEY CHECK (one = 1), "
                    "completing bigint NOT NULL, completed bigint NOT NULL, ledger_number bigint NOT NULL",
                    kBehind, " SELECT 1 AS one, 0 AS completing, 0 AS completed, 0 AS ledger_number")},
      {kTables[1], absl::StrCat("CREATE TABLE _mirror_inbox (delivery_id ", kIdType,
                                " PRIMARY KEY, position bigint NOT NULL, body longblob NOT NULL", kBehind)},
      {kTables[2], absl::StrCat("CREATE TABLE _mirror_conflicts (number bigint PRIMARY KEY AUTO_INCREMENT, "
                                "table_name varchar(64) NOT NULL, `key` longtext NOT NULL",
                                kBehind)},
      {kTables[3], absl::StrCat("CREATE TABLE _mirror_ledger (",
                                LedgerColumns("bigint", "longtext", kIdType, "`"), kBehind)}};
  std::erase_if(statements, [&there](const MakingStatement& one) { return there.contains(one.table); });
  return statements;
}

std::vector<const MariadbTable*> AcceptedOf(const ExchangeRules& accepted,
                                            const std::vector<MariadbTable>& tables) {
  std::vector<const MariadbTable*> found;
  for (const MariadbTable& table : tables) {
    if (table.name != kLedgerTable && accepted.AcceptsTable(table.name)) found.push_back(&table);
  }
  return found;
}

absl::Status CheckEngines(const std::vector<const MariadbTable*>& accepted) {
  std::vector<std::string> others;
  for (const MariadbTable* const table : accepted) {
    if (table->engine != "InnoDB") others.push_back(absl::StrCat(table->name, " (", table->engine, ")"));
  }
  if (others.empty()) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(
      "'accept' needs tables of the engine InnoDB. These tables have other engines, which cannot roll back a "
      "change or lock a row: ",
      ListNames(others, kNamed),
      ". Nothing was made. Run ALTER TABLE … ENGINE = InnoDB, or leave these tables out with "
      "'accept_tables'"));
}

absl::Status ExplainMaking(const absl::Status& status) {
  if (mariadb::TroubleOf(status) != mariadb::Trouble::kDenied) return status;
  return absl::PermissionDeniedError(
      absl::StrCat(std::string(status.message()),
                   ". Some of the exchange's tables are missing. Let the database's owner run what "
                   "'mirror-agent install --print-sql' prints, then run this command again"));
}

}  // namespace

absl::StatusOr<std::string> MariadbExchangeScript(mariadb::Connection& connection,
                                                  const ExchangeRules& accepted,
                                                  const std::vector<MariadbTable>& tables) {
  const std::vector<const MariadbTable*> written = AcceptedOf(accepted, tables);
  RETURN_IF_ERROR(CheckEngines(written));
  ASSIGN_OR_RETURN(const std::set<std::string> there, FindTables(connection));
  ASSIGN_OR_RETURN(const mariadb::Rows user,
                   connection.Query("SELECT CURRENT_USER()", "asking for the user"));
  const std::string to = absl::StrCat(" TO ", MariadbGrantee(user.Text(0, 0)));
  const std::string& database = connection.dsn().database;
  ASSIGN_OR_RETURN(const std::string quoted, mariadb::QuotedName(database));
  std::vector<std::string> sql = {absl::StrCat("USE ", quoted)};
  std::vector<MakingStatement> made = MakingStatements(there);
  for (const char* const table : kTables) {
    for (MakingStatement& one : made) {
      if (one.table == table) sql.push_back(std::move(one.sql));
    }
    // After each table: if the script stops, the user can see all tables made so far; the next one continues.
    sql.push_back(absl::StrCat("GRANT SELECT, INSERT, UPDATE, DELETE ON ", quoted, ".", table, to));
  }
  std::vector<std::string> rights;
  if (accepted.inserts) rights.emplace_back("INSERT");
  if (accepted.updates) rights.emplace_back("UPDATE");
  if (accepted.deletes) rights.emplace_back("DELETE");
  for (const MariadbTable* const table : written)
    sql.push_back(absl::StrCat("GRANT ", absl::StrJoin(rights, ", "), " ON ", table->quoted, to));
  return absl::StrCat("-- Creates the exchange's tables, and grants the agent the rights to write.\n",
                      absl::StrJoin(sql, ";\n"), ";\n");
}

std::vector<std::pair<std::string, std::string>> MariadbExchangeNames() {
  return {{"_mirror_exchange", "completed"},
          {"_mirror_inbox", "position"},
          {"_mirror_conflicts", "table_name"},
          {"_mirror_ledger", "state"}};
}

absl::StatusOr<bool> MakeMariadbExchange(mariadb::Connection& connection, const ExchangeRules& accepted,
                                         const std::vector<MariadbTable>& tables) {
  RETURN_IF_ERROR(CheckEngines(AcceptedOf(accepted, tables)));
  ASSIGN_OR_RETURN(const std::set<std::string> there, FindTables(connection));
  if (there.size() == kTableCount) return false;
  for (const MakingStatement& one : MakingStatements(there)) {
    if (absl::Status made = connection.Execute(one.sql, kMaking); !made.ok()) return ExplainMaking(made);
  }
  return true;
}

absl::Status CheckMariadbExchange(mariadb::Connection& connection) {
  ASSIGN_OR_RETURN(const std::set<std::string> there, FindTables(connection));
  if (there.size() == kTableCount) return absl::OkStatus();
  return ExchangeTablesMissing(absl::StrCat("the database '", connection.dsn().database, "' of the source"));
}

absl::StatusOr<std::string> MariadbExchangeDrop(mariadb::Connection& connection) {
  ASSIGN_OR_RETURN(auto there, FindNames(connection));
  std::erase_if(there, [](const auto& one) { return !IsTable(one.second); });
  if (there.empty()) return std::string();
  return absl::StrCat(
      "DROP TABLE IF EXISTS ",
      absl::StrJoin(there, ", ", [](std::string* to, const auto& one) { to->append(one.first); }));
}

absl::StatusOr<bool> DropMariadbExchange(mariadb::Connection& connection) {
  ASSIGN_OR_RETURN(const std::string sql, MariadbExchangeDrop(connection));
  if (sql.empty()) return false;
  const absl::Status dropped = connection.Execute(sql, "dropping the exchange's tables");
  if (mariadb::TroubleOf(dropped) == mariadb::Trouble::kDenied) {
    return absl::PermissionDeniedError(absl::StrCat(std::string(dropped.message()),
                                                    ". Nothing was removed. Let the database's owner run ",
                                                    sql, ", then run this command again"));
  }
  if (!dropped.ok()) return dropped;
  return true;
}

}  // namespace mirror
