#include "client/exchange/mariadb_write_checks.h"

#include <algorithm>
#include <cstdint>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/db/mariadb/failure.h"
#include "base/db/mariadb/name.h"
#include "base/folded_name.h"
#include "base/status_macros.h"
#include "client/exchange/mariadb_exchange_tables.h"
#include "client/exchange/write_rights.h"
#include "proto/wire/exchange/ledger.h"

namespace mirror {
namespace {

constexpr char kAsking[] = "asking what the user may write";
/// From this version on the right SUPER no longer allows writes to a read-only server.
constexpr std::uint32_t kSuperIsNotEnough = 101'100;
constexpr std::size_t kEnginesNamed = 10;

/// Whether the user may run a statement that changes rows of an existing table. It is not executed.
absl::StatusOr<bool> MayRun(mariadb::Connection& connection, const std::string& sql) {
  const absl::Status prepared =
      connection.Execute(absl::StrCat("PREPARE _mirror_check FROM ", mariadb::QuotedText(sql)), kAsking);
  if (mariadb::TroubleOf(prepared) == mariadb::Trouble::kDenied) return false;
  if (!prepared.ok()) return prepared;
  RETURN_IF_ERROR(connection.Execute("DEALLOCATE PREPARE _mirror_check", kAsking));
  return true;
}

/// A read-only session cannot even prepare a statement that writes, so this allows it.
class MayPrepare {
 public:
  explicit MayPrepare(mariadb::Connection& connection) : connection_(connection) {
    begun_ = connection_.Execute("SET SESSION TRANSACTION READ WRITE", kAsking);
  }
  ~MayPrepare() { (void)connection_.Execute("SET SESSION TRANSACTION READ ONLY", kAsking); }
  MayPrepare(const MayPrepare&) = delete;
  MayPrepare& operator=(const MayPrepare&) = delete;
  const absl::Status& begun() const { return begun_; }

 private:
  mariadb::Connection& connection_;
  absl::Status begun_;
};

std::string InsertSql(const std::string& table, const std::vector<std::string>& columns) {
  const std::vector<std::string> values(columns.size(), "NULL");
  return absl::StrCat("INSERT INTO ", table, " (", absl::StrJoin(columns, ", "), ") VALUES (",
                      absl::StrJoin(values, ", "), ")");
}
std::string UpdateSql(const std::string& table, const std::vector<std::string>& columns) {
  return absl::StrCat("UPDATE ", table, " SET ",
                      absl::StrJoin(columns, ", ",
                                    [](std::string* to, const std::string& column) {
                                      absl::StrAppend(to, column, " = NULL");
                                    }),
                      " WHERE FALSE");
}
std::string DeleteSql(const std::string& table) {
  return absl::StrCat("DELETE FROM ", table, " WHERE FALSE");
}

/// Returns the columns that the user may not name in `sql`, by one statement for each.
absl::StatusOr<std::vector<std::string>> Refused(
    mariadb::Connection& connection, const std::string& table, const std::vector<std::string>& columns,
    std::string (*sql)(const std::string& table, const std::vector<std::string>& columns)) {
  ASSIGN_OR_RETURN(bool all, MayRun(connection, sql(table, columns)));
  std::vector<std::string> refused;
  if (all) return refused;
  for (const std::string& column : columns) {
    ASSIGN_OR_RETURN(const bool one, MayRun(connection, sql(table, {column})));
    if (!one) refused.push_back(column);
  }
  return refused;
}

/// Accepted columns, quoted. Without the key, which no delivery changes and an INSERT seldom names.
std::vector<std::string> PlainColumns(const MariadbTable& table, const ExchangeRules& rules, bool* all) {
  const auto declared = rules.keys.find(FoldName(table.name));
  const std::vector<std::string>& key = declared == rules.keys.end() ? table.key : declared->second;
  std::vector<std::string> columns;
  *all = true;
  for (const MariadbColumn& column : table.columns) {
    if (std::find(key.begin(), key.end(), column.name) != key.end()) continue;
    const absl::StatusOr<std::string> quoted = mariadb::QuotedName(column.name);
    if (quoted.ok() && rules.AcceptsColumn(table.name, column.name)) {
      columns.push_back(*quoted);
    } else {
      *all = false;
    }
  }
  return columns;
}

absl::StatusOr<NeededRights> RightsOn(mariadb::Connection& connection, const MariadbTable& table,
                                      const ExchangeRules& rules) {
  NeededRights needed{table.name, table.quoted, {}};
  bool all = true;
  const std::vector<std::string> columns = PlainColumns(table, rules, &all);
  const auto look = [&](const char* right,
                        std::string (*sql)(const std::string&, const std::vector<std::string>&)) {
    const absl::StatusOr<std::vector<std::string>> refused = Refused(connection, table.quoted, columns, sql);
    if (refused.ok() && !refused->empty())
      needed.lacked.push_back(RightOnColumns(right, *refused, all && refused->size() == columns.size()));
    return refused.status();
  };
  if (rules.inserts && columns.empty()) {
    ASSIGN_OR_RETURN(const bool may, MayRun(connection, InsertSql(table.quoted, {})));
    if (!may) needed.lacked.emplace_back("INSERT");
  } else if (rules.inserts) {
    RETURN_IF_ERROR(look("INSERT", InsertSql));
  }
  if (rules.updates && !columns.empty()) RETURN_IF_ERROR(look("UPDATE", UpdateSql));
  if (!rules.deletes) return needed;
  ASSIGN_OR_RETURN(const bool may, MayRun(connection, DeleteSql(table.quoted)));
  if (!may) needed.lacked.emplace_back("DELETE");
  return needed;
}

/// False: the server accepts no change, or the query failed.
bool CheckIsWritable(const MariadbCheckLook& look, SourceFindings* findings) {
  const absl::StatusOr<std::int64_t> read_only = look.connection.Number("SELECT @@global.read_only", kAsking);
  if (!read_only.ok()) return findings->CannotAsk(kDeliveriesStep, read_only.status()), false;
  if (*read_only == 0) return true;
  const absl::StatusOr<std::set<std::string>> rights = ReadMariadbGlobalRights(look.connection);
  if (!rights.ok()) return findings->CannotAsk(kDeliveriesStep, rights.status()), false;
  const bool by_super = rights->contains("SUPER") && look.connection.server_version() < kSuperIsNotEnough;
  if (by_super || rights->contains("ALL PRIVILEGES") || rights->contains("READ_ONLY ADMIN")) return true;
  findings->Fail(
      kDeliveriesStep, "the server is read-only, like a replica: no delivery is applied",
      "let 'dsn' name the primary server, or run SET GLOBAL read_only = OFF, or take 'accept' out");
  return false;
}

/// Checks the exchange's own tables.
void CheckOwnTables(const MariadbCheckLook& look, SourceFindings* findings) {
  const absl::Status there = CheckMariadbExchange(look.connection);
  if (absl::IsFailedPrecondition(there)) {
    return findings->Fail(
        kDeliveriesStep, "no delivery is fetched, because tables of the exchange are missing",
        "run 'mirror-agent install', which makes them, or let the database's owner run what "
        "'mirror-agent install --print-sql' prints");
  }
  if (!there.ok()) return findings->CannotAsk(kDeliveriesStep, there);
  std::vector<std::string> grants;
  for (const auto& [name, column] : MariadbExchangeNames()) {
    const absl::StatusOr<std::string> table = mariadb::QuotedName(look.connection.dsn().database, name);
    const absl::StatusOr<std::string> quoted = mariadb::QuotedName(column);
    if (!table.ok() || !quoted.ok()) continue;
    bool may = true;
    for (const std::string& sql : {absl::StrCat("SELECT 1 FROM ", *table), InsertSql(*table, {*quoted}),
                                   UpdateSql(*table, {*quoted}), DeleteSql(*table)}) {
      const absl::StatusOr<bool> one = MayRun(look.connection, sql);
      if (!one.ok()) return findings->CannotAsk(kDeliveriesStep, one.status());
      may = may && *one;
    }
    if (!may)
      grants.push_back(
          absl::StrCat("GRANT SELECT, INSERT, UPDATE, DELETE ON ", *table, " TO ", look.grantee));
  }
  if (grants.empty()) return;
  findings->Fail(kDeliveriesStep,
                 absl::StrCat("the user ", look.grantee,
                              " lacks rights to read or write tables of the exchange: runs fail"),
                 absl::StrJoin(grants, "; "));
}

void CheckEngines(const std::vector<const MariadbTable*>& accepted, SourceFindings* findings) {
  std::vector<std::string> others;
  for (const MariadbTable* const table : accepted) {
    if (table->engine != "InnoDB") others.push_back(absl::StrCat(table->name, " (", table->engine, ")"));
  }
  if (others.empty()) return;
  findings->Fail(
      kDeliveriesStep,
      absl::StrCat("accepted tables have other engines than InnoDB, so the agent cannot roll back what it "
                   "writes there: ",
                   ListNames(others, kEnginesNamed)),
      "run ALTER TABLE … ENGINE = InnoDB, or leave these tables out with 'accept_tables'");
}

}  // namespace

void CheckMariadbWrites(const MariadbCheckLook& look, const ExchangeRules& rules, SourceFindings* findings) {
  if (!CheckIsWritable(look, findings)) return;
  const MayPrepare writes(look.connection);
  if (!writes.begun().ok()) return findings->CannotAsk(kDeliveriesStep, writes.begun());
  CheckOwnTables(look, findings);
  std::vector<const MariadbTable*> accepted;
  for (const MariadbTable& table : look.tables) {
    const bool has_key = !table.key.empty() || rules.keys.contains(FoldName(table.name));
    if (has_key && !table.quoted.empty() && table.name != kLedgerTable && rules.AcceptsTable(table.name))
      accepted.push_back(&table);
  }
  CheckEngines(accepted, findings);
  std::vector<NeededRights> needed;
  for (const MariadbTable* const table : accepted) {
    absl::StatusOr<NeededRights> rights = RightsOn(look.connection, *table, rules);
    if (!rights.ok()) return findings->CannotAsk(kDeliveriesStep, rights.status());
    needed.push_back(*std::move(rights));
  }
  TellNeededRights(rules, needed, absl::StrCat("the user ", look.grantee), look.grantee, findings);
}

}  // namespace mirror
