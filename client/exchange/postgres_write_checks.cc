#include "client/exchange/postgres_write_checks.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/db/postgres/name.h"
#include "base/folded_name.h"
#include "base/status_macros.h"
#include "client/exchange/postgres_box_triggers.h"
#include "client/exchange/postgres_exchange_tables.h"
#include "client/exchange/write_rights.h"
#include "proto/wire/exchange/ledger.h"

namespace mirror {
namespace {

constexpr char kAsking[] = "asking what the role may write";

/// Rights of the role on a table, and on each of its columns.
struct Granted {
  bool deletes = false;
  bool updates_some = false;               ///< A row can be locked.
  std::set<std::string> inserts, updates;  ///< Columns.
  /// Sequences of its columns that the role may not use, quoted.
  std::vector<std::string> sequences;
};
using GrantedByOid = std::map<std::uint32_t, Granted>;

/// A right on a table counts as a right on each of its columns.
constexpr char kColumnRights[] =
    "SELECT a.attrelid::int8, a.attname::text, has_column_privilege(a.attrelid, a.attnum, 'INSERT'), "
    "has_column_privilege(a.attrelid, a.attnum, 'UPDATE'), has_table_privilege(a.attrelid, 'DELETE') FROM "
    "pg_attribute a WHERE a.attrelid = ANY($1::text::oid[]) AND a.attnum > 0 AND NOT a.attisdropped";
/// Sequences that a column's default uses. The sequence of an identity column needs no right.
constexpr char kSequences[] =
    "SELECT DISTINCT d.adrelid::int8, n.nspname::text, s.relname::text FROM pg_attrdef d JOIN pg_depend p ON "
    "p.classid = 'pg_attrdef'::regclass AND p.objid = d.oid AND p.refclassid = 'pg_class'::regclass JOIN "
    "pg_class s ON s.oid = p.refobjid JOIN pg_namespace n ON n.oid = s.relnamespace WHERE d.adrelid = "
    "ANY($1::text::oid[]) AND CASE WHEN s.relkind = 'S' THEN NOT has_sequence_privilege(s.oid, 'USAGE, "
    "UPDATE') ELSE false END ORDER BY 1, 2, 3";

absl::StatusOr<GrantedByOid> ReadGranted(postgres::Connection& connection,
                                         const std::vector<const PostgresTable*>& tables) {
  const std::string oids = absl::StrCat(
      "{",
      absl::StrJoin(tables, ",", [](std::string* to, const auto* one) { absl::StrAppend(to, one->oid); }),
      "}");
  GrantedByOid granted;
  ASSIGN_OR_RETURN(const auto columns, connection.Query(kColumnRights, {postgres::Value(oids)}, kAsking));
  for (int row = 0; row < columns.rows(); ++row) {
    Granted& one = granted[static_cast<std::uint32_t>(columns.Int(row, 0))];
    if (columns.Bool(row, 2)) one.inserts.insert(columns.Text(row, 1));
    if (columns.Bool(row, 3)) one.updates.insert(columns.Text(row, 1));
    one.updates_some = one.updates_some || columns.Bool(row, 3);
    one.deletes = columns.Bool(row, 4);
  }
  ASSIGN_OR_RETURN(const auto sequences, connection.Query(kSequences, {postgres::Value(oids)}, kAsking));
  for (int row = 0; row < sequences.rows(); ++row) {
    ASSIGN_OR_RETURN(std::string name, postgres::QuotedName(sequences.View(row, 1), sequences.View(row, 2)));
    granted[static_cast<std::uint32_t>(sequences.Int(row, 0))].sequences.push_back(std::move(name));
  }
  return granted;
}

/// Without the key, which no delivery changes and an INSERT seldom names.
std::vector<std::string> PlainColumns(const PostgresTable& table, const ExchangeRules& rules, bool* all) {
  const auto declared = rules.keys.find(FoldName(table.name));
  std::vector<std::string> columns;
  *all = true;
  for (const PostgresColumn& column : table.columns) {
    bool is_key = std::find(table.key.begin(), table.key.end(), column.number) != table.key.end();
    if (declared != rules.keys.end()) {
      for (const std::string& name : declared->second) is_key = is_key || name == column.name;
    }
    if (is_key) continue;
    if (rules.AcceptsColumn(table.name, column.name)) {
      columns.push_back(column.name);
    } else {
      *all = false;
    }
  }
  return columns;
}

std::vector<std::string> Lacking(const std::vector<std::string>& columns,
                                 const std::set<std::string>& granted) {
  std::vector<std::string> lacking;
  for (const std::string& column : columns) {
    if (!granted.contains(column)) lacking.push_back(QuoteName(column));
  }
  return lacking;
}

NeededRights RightsOn(const PostgresTable& table, const Granted& granted, const ExchangeRules& rules,
                      const std::string& to) {
  NeededRights needed{table.name, table.quoted, {}};
  bool all = true;
  const std::vector<std::string> columns = PlainColumns(table, rules, &all);
  const auto lack = [&](const char* right, const std::vector<std::string>& lacking) {
    needed.lacked.push_back(RightOnColumns(right, lacking, all && lacking.size() == columns.size()));
  };
  const std::vector<std::string> inserts = Lacking(columns, granted.inserts);
  if (rules.inserts && (!inserts.empty() || (columns.empty() && granted.inserts.empty())))
    lack("INSERT", inserts);
  const std::vector<std::string> updates = Lacking(columns, granted.updates);
  if (rules.updates && !updates.empty()) {
    lack("UPDATE", updates);
  } else if (!granted.updates_some) {
    // A row is locked before it is compared, and noted in the log if it differs.
    needed.lacked.emplace_back("UPDATE");
  }
  if (rules.deletes && !granted.deletes) needed.lacked.emplace_back("DELETE");
  if (!rules.inserts) return needed;
  for (const std::string& sequence : granted.sequences)
    needed.statements.push_back(absl::StrCat("GRANT USAGE ON SEQUENCE ", sequence, " TO ", to));
  return needed;
}

std::vector<const PostgresTable*> AcceptedOf(const PostgresCheckLook& look, const ExchangeRules& rules) {
  std::vector<const PostgresTable*> accepted;
  for (const PostgresTable& table : look.tables) {
    const bool has_key = !table.key.empty() || rules.keys.contains(FoldName(table.name));
    if (has_key && !table.quoted.empty() && table.name != kLedgerTable && rules.AcceptsTable(table.name))
      accepted.push_back(&table);
  }
  return accepted;
}

/// Missing tables of the exchange, and the GRANTs that existing ones need.
struct OwnTables {
  std::vector<std::string> missing, grants;
};

constexpr char kOwnRights[] =
    "SELECT c.relname::text, has_table_privilege(c.oid, 'SELECT') AND has_table_privilege(c.oid, 'INSERT') "
    "AND has_table_privilege(c.oid, 'UPDATE') AND has_table_privilege(c.oid, 'DELETE') FROM pg_class c JOIN "
    "pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1 AND c.relkind = 'r' AND c.relname = "
    "ANY($2::text::name[])";
/// The sequences that number rows of a box, whatever their names.
constexpr char kBoxSequences[] =
    "SELECT s::text FROM (SELECT pg_get_serial_sequence($1, 'id')::regclass AS s) AS one WHERE s IS NOT NULL "
    "AND NOT (has_sequence_privilege(s, 'SELECT') AND has_sequence_privilege(s, 'UPDATE'))";

absl::StatusOr<OwnTables> FindOwn(postgres::Connection& connection, const PostgresWriteCheckOptions& options,
                                  const std::string& to) {
  std::vector<std::string> names = PostgresExchangeNames();
  const std::vector<std::string> boxes = options.boxes ? BoxTables() : std::vector<std::string>();
  names.insert(names.end(), boxes.begin(), boxes.end());
  ASSIGN_OR_RETURN(const auto rows,
                   connection.Query(kOwnRights,
                                    {postgres::Value(options.schema),
                                     postgres::Value(absl::StrCat("{", absl::StrJoin(names, ","), "}"))},
                                    kAsking));
  std::map<std::string, bool> may;
  for (int row = 0; row < rows.rows(); ++row) may[rows.Text(row, 0)] = rows.Bool(row, 1);
  OwnTables own;
  std::vector<std::string> lacking;
  for (const std::string& name : names) {
    const auto known = may.find(name);
    if (known == may.end()) own.missing.push_back(name);
    if (known == may.end() || known->second) continue;
    ASSIGN_OR_RETURN(std::string quoted, postgres::QuotedName(options.schema, name));
    lacking.push_back(std::move(quoted));
  }
  if (!lacking.empty()) {
    own.grants.push_back(
        absl::StrCat("GRANT SELECT, INSERT, UPDATE, DELETE ON ", absl::StrJoin(lacking, ", "), " TO ", to));
  }
  for (std::size_t i = 0; i < 2 && i < boxes.size(); ++i) {
    if (!may.contains(boxes[i])) continue;
    ASSIGN_OR_RETURN(const std::string quoted, postgres::QuotedName(options.schema, boxes[i]));
    ASSIGN_OR_RETURN(const auto sequence,
                     connection.Query(kBoxSequences, {postgres::Value(quoted)}, kAsking));
    for (int row = 0; row < sequence.rows(); ++row)
      own.grants.push_back(
          absl::StrCat("GRANT SELECT, UPDATE ON SEQUENCE ", sequence.Text(row, 0), " TO ", to));
  }
  return own;
}

/// Checks what any role could do with the function of DataJoin's triggers.
void CheckNoteFunction(const PostgresCheckLook& look, const std::string& schema, SourceFindings* findings) {
  const absl::StatusOr<NoteFunction> function = FindNoteFunction(look.connection, schema);
  if (!function.ok()) return findings->CannotAsk(kDeliveriesStep, function.status());
  const std::string unsafe = WhyUnsafe(*function);
  if (unsafe.empty()) return;
  findings->Fail(kDeliveriesStep, unsafe,
                 "let a superuser run what 'mirror-agent install --print-sql' prints");
}

/// Checks the exchange's own tables.
void CheckOwnTables(const PostgresCheckLook& look, const PostgresWriteCheckOptions& options,
                    SourceFindings* findings) {
  const absl::StatusOr<OwnTables> own = FindOwn(look.connection, options, SqlName(look.role));
  if (!own.ok()) return findings->CannotAsk(kDeliveriesStep, own.status());
  if (!own->missing.empty()) {
    findings->Fail(kDeliveriesStep,
                   absl::StrCat("no delivery is fetched, because tables of the exchange are missing: ",
                                absl::StrJoin(own->missing, ", ")),
                   "run 'mirror-agent install', which makes them, or let the tables' owner run what "
                   "'mirror-agent install --print-sql' prints");
  }
  if (own->grants.empty()) return;
  findings->Fail(kDeliveriesStep,
                 absl::StrCat("the role '", look.role,
                              "' lacks rights to read or write tables of the exchange: runs fail"),
                 absl::StrJoin(own->grants, "; "));
}

}  // namespace

void CheckPostgresWrites(const PostgresCheckLook& look, const PostgresWriteCheckOptions& options,
                         SourceFindings* findings) {
  if (look.is_standby) {
    return findings->Fail(
        kDeliveriesStep, "the server is a standby, which accepts no writes: no delivery is applied",
        "let 'dsn' name the primary (target_session_attrs=read-write), or take 'accept' out");
  }
  CheckOwnTables(look, options, findings);
  if (options.boxes) CheckNoteFunction(look, options.schema, findings);
  const std::vector<const PostgresTable*> accepted = AcceptedOf(look, options.rules);
  const absl::StatusOr<GrantedByOid> granted = ReadGranted(look.connection, accepted);
  if (!granted.ok()) return findings->CannotAsk(kDeliveriesStep, granted.status());
  const std::string to = SqlName(look.role);
  std::vector<NeededRights> needed;
  for (const PostgresTable* const table : accepted) {
    const auto known = granted->find(table->oid);
    needed.push_back(
        RightsOn(*table, known == granted->end() ? Granted() : known->second, options.rules, to));
  }
  TellNeededRights(options.rules, needed, absl::StrCat("the role '", look.role, "'"), to, findings);
}

}  // namespace mirror
