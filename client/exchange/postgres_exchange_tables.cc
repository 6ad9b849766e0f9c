#include "client/exchange/postgres_exchange_tables.h"

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/db/postgres/failure.h"
#include "base/db/postgres/name.h"
#include "base/db/postgres/transaction.h"
#include "base/name_pattern.h"
#include "base/status_macros.h"
#include "client/exchange/exchange_tables.h"
#include "client/exchange/postgres_box_triggers.h"
#include "client/exchange/postgres_own_check.h"
#include "proto/wire/exchange/ledger.h"

namespace mirror {
namespace {

constexpr char kMaking[] = "making the exchange's tables";
constexpr const char* kTables[] = {"_mirror_exchange", "_mirror_inbox", "_mirror_ledger"};
constexpr std::size_t kTableCount = std::size(kTables);

/// Returns the existing tables of kTables.
absl::StatusOr<std::set<std::string>> FindTables(postgres::Connection& connection,
                                                 const std::string& schema) {
  ASSIGN_OR_RETURN(const postgres::Rows rows,
                   connection.Query("SELECT c.relname::text FROM pg_class c JOIN pg_namespace n ON n.oid = "
                                    "c.relnamespace WHERE n.nspname = $1 AND c.relkind = 'r' AND c.relname "
                                    "IN ('_mirror_exchange', '_mirror_inbox', '_mirror_ledger')",
                                    {postgres::Value(schema)}, "looking for the exchange's tables"));
  std::set<std::string> there;
  for (int row = 0; row < rows.rows(); ++row) there.insert(rows.Text(row, 0));
  return there;
}

absl::StatusOr<std::vector<std::string>> QuotedTables(const std::string& schema) {
  std::vector<std::string> names;
  for (const char* const table : kTables) {
    ASSIGN_OR_RETURN(std::string name, postgres::QuotedName(schema, table));
    names.push_back(std::move(name));
  }
  return names;
}

/// Refuses a database without encoding: the hub could not compare its texts.
absl::Status CheckEncoding(const postgres::Connection& connection) {
  if (connection.Setting("server_encoding") != "SQL_ASCII") return absl::OkStatus();
  return absl::FailedPreconditionError(
      "the source's database has no encoding (SQL_ASCII), so no delivery can be compared with its rows: "
      "leave 'accept' out of its [[source]]");
}

absl::Status ExplainMaking(const absl::Status& status) {
  if (postgres::TroubleOf(status) != postgres::Trouble::kDenied) return status;
  return absl::PermissionDeniedError(
      absl::StrCat(std::string(status.message()),
                   ". Nothing was made. The role needs CREATE on the schema: let the schema's owner run what "
                   "'mirror-agent install --print-sql' prints"));
}

/// Statements that make the tables that are not `there`. A row is written only to a table
/// that the same transaction makes: an existing one may have a trigger of another role.
absl::StatusOr<std::vector<std::string>> StatementsFor(const std::string& schema,
                                                       const std::set<std::string>& there) {
  ASSIGN_OR_RETURN(const std::vector<std::string> names, QuotedTables(schema));
  std::vector<std::string> sql;
  if (!there.contains(kTables[0])) {
    sql.push_back(absl::StrCat("CREATE TABLE ", names[0],
                               " (one int8 PRIMARY KEY CHECK (one = 1), completing int8 NOT NULL, completed "
                               "int8 NOT NULL, ledger_number int8 NOT NULL)"));
    sql.push_back(absl::StrCat("INSERT INTO ", names[0],
                               " (one, completing, completed, ledger_number) VALUES (1, 0, 0, 0)"));
  }
  if (!there.contains(kTables[1])) {
    sql.push_back(
        absl::StrCat("CREATE TABLE ", names[1],
                     " (delivery_id text PRIMARY KEY, position int8 NOT NULL, body bytea NOT NULL)"));
  }
  if (!there.contains(kTables[2]))
    sql.push_back(absl::StrCat("CREATE TABLE ", names[2], " (", LedgerColumns("int8", "text", "text"), ")"));
  return sql;
}

}  // namespace

absl::StatusOr<std::string> PostgresExchangeScript(postgres::Connection& connection,
                                                   const PostgresExchangePlace& place,
                                                   const std::vector<std::string>& accepted,
                                                   const std::vector<PostgresTable>& tables) {
  ASSIGN_OR_RETURN(const std::set<std::string> there, FindTables(connection, place.schema));
  const absl::StatusOr<std::string> check = OwnCheckSql({place.schema, PostgresExchangeNames()}, place.role);
  if (!check.ok()) return check;
  ASSIGN_OR_RETURN(std::vector<std::string> sql, StatementsFor(place.schema, there));
  sql.insert(sql.begin(), *check);
  ASSIGN_OR_RETURN(const std::vector<std::string> names, QuotedTables(place.schema));
  for (const std::string& name : {place.schema, place.role, place.publication}) {
    RETURN_IF_ERROR(postgres::CheckName(name));
  }
  const std::string to = absl::StrCat(" TO ", QuoteName(place.role));
  sql.push_back(absl::StrCat("GRANT SELECT, INSERT, UPDATE, DELETE ON ", absl::StrJoin(names, ", "), to));
  // UPDATE always: a row is locked before it is compared, and noted in the log if it differs.
  const std::string rights =
      absl::StrCat("UPDATE", place.inserts ? ", INSERT" : "", place.deletes ? ", DELETE" : "");
  bool is_logged = false;
  for (const PostgresTable& table : tables) {
    is_logged = is_logged || table.name == kLedgerTable;
    const bool is_accepted = std::any_of(accepted.begin(), accepted.end(), [&table](const std::string& one) {
      return MatchesPattern(table.name, one);
    });
    if (is_accepted && table.name != kLedgerTable)
      sql.push_back(absl::StrCat("GRANT ", rights, " ON ", table.quoted, to));
  }
  if (place.inserts) {
    sql.push_back(absl::StrCat("GRANT USAGE ON ALL SEQUENCES IN SCHEMA ", QuoteName(place.schema), to));
  }
  if (!is_logged) {
    sql.push_back(
        absl::StrCat("ALTER PUBLICATION ", QuoteName(place.publication), " ADD TABLE ONLY ", names.back()));
  }
  return absl::StrCat("-- Creates the exchange's tables, and grants the agent the rights to write.\nBEGIN;\n",
                      absl::StrJoin(sql, ";\n"), ";\nCOMMIT;\n");
}

std::vector<std::string> PostgresExchangeNames() { return {std::begin(kTables), std::end(kTables)}; }

absl::StatusOr<bool> MakePostgresExchange(postgres::Connection& connection, const std::string& schema) {
  RETURN_IF_ERROR(CheckEncoding(connection));
  ASSIGN_OR_RETURN(const std::set<std::string> there, FindTables(connection, schema));
  if (there.size() == kTableCount) return false;
  RETURN_IF_ERROR(CheckOwnNames(connection, {schema, PostgresExchangeNames()}));
  ASSIGN_OR_RETURN(const std::vector<std::string> sql, StatementsFor(schema, there));
  postgres::Transaction transaction(connection);
  RETURN_IF_ERROR(transaction.Begin({}, kMaking));
  for (const std::string& one : sql) {
    if (absl::Status made = connection.Execute(one, kMaking); !made.ok()) return ExplainMaking(made);
  }
  RETURN_IF_ERROR(transaction.Commit(kMaking));
  return true;
}

absl::Status CheckPostgresExchange(postgres::Connection& connection, const std::string& schema) {
  RETURN_IF_ERROR(CheckEncoding(connection));
  ASSIGN_OR_RETURN(const std::set<std::string> there, FindTables(connection, schema));
  if (there.size() == kTableCount) return absl::OkStatus();
  return ExchangeTablesMissing(absl::StrCat("the schema '", schema, "' of the source"));
}

absl::StatusOr<std::string> PostgresExchangeDrop(postgres::Connection& connection,
                                                 const std::string& schema) {
  ASSIGN_OR_RETURN(const std::set<std::string> there, FindTables(connection, schema));
  if (there.empty()) return std::string();
  ASSIGN_OR_RETURN(const std::vector<std::string> names, QuotedTables(schema));
  const absl::StatusOr<std::string> boxes = BoxesDrop(connection, schema);
  if (!boxes.ok()) return boxes;
  return absl::StrCat(*boxes, boxes->empty() ? "" : "; ", "DROP TABLE IF EXISTS ",
                      absl::StrJoin(names, ", "));
}

absl::StatusOr<bool> DropPostgresExchange(postgres::Connection& connection, const std::string& schema) {
  ASSIGN_OR_RETURN(const std::string sql, PostgresExchangeDrop(connection, schema));
  if (sql.empty()) return false;
  RETURN_IF_ERROR(connection.Execute(sql, "dropping the exchange's tables"));
  return true;
}

}  // namespace mirror
