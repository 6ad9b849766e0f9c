#include "client/exchange/postgres/postgres_box_triggers.h"

#include <algorithm>
#include <cstdint>
#include <map>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/db/postgres/name.h"
#include "base/folded_name.h"
#include "base/status_macros.h"
#include "proto/wire/exchange/ledger.h"

namespace mirror {
namespace {

constexpr char kTrigger[] = "_mirror_datajoin";
struct TriggerThere {
  std::string arguments;  ///< As the catalogs have them.
  std::string table;      ///< With its schema, quoted.
  bool is_ours = false;   ///< It runs the schema's kNoteFunction.
};
/// What is there need not be made, by a role that may not.
struct There {
  bool changes = false;
  NoteFunction function = {};
  std::map<std::uint32_t, TriggerThere> triggers = {};  ///< By the table's oid.
};

using Keys = std::map<std::string, std::vector<std::string>>;

/// The arguments of a table's trigger. The first is of an earlier version, so that triggers of that stay.
/// Empty: the table has no key, so that no entry could name a row of it.
std::vector<std::string> ArgumentsOf(const PostgresTable& table, const Keys& keys) {
  std::vector<std::string> arguments = {table.partitioned ? table.name : ""};
  for (const std::int64_t number : table.key) {
    for (const PostgresColumn& column : table.columns) {
      if (column.number == number) arguments.push_back(column.name);
    }
  }
  const auto declared = keys.find(FoldName(table.name));
  if (table.key.empty() && declared != keys.end()) {
    arguments.insert(arguments.end(), declared->second.begin(), declared->second.end());
  }
  if (arguments.size() == 1) arguments.clear();
  return arguments;
}

absl::StatusOr<There> LookThere(postgres::Connection& connection, const std::string& schema) {
  constexpr char kLooking[] = "looking for DataJoin's triggers";
  There there;
  ASSIGN_OR_RETURN(const std::int64_t changes,
                   connection.Number("SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = "
                                     "c.relnamespace WHERE n.nspname = $1 AND c.relname = $2",
                                     {postgres::Value(schema), postgres::Value(kChangeTable)}, kLooking));
  there.changes = changes != 0;
  ASSIGN_OR_RETURN(NoteFunction function, FindNoteFunction(connection, schema));
  there.function = std::move(function);
  // A table that was moved to another schema keeps its trigger.
  ASSIGN_OR_RETURN(
      const postgres::Rows rows,
      connection.Query(
          "SELECT one.oid, one.tgargs, one.name, one.is_ours FROM (SELECT c.oid, t.tgargs, n.nspname, "
          "format('%I.%I', n.nspname, c.relname) AS name, EXISTS (SELECT FROM pg_proc p JOIN pg_namespace s "
          "ON "
          "s.oid = p.pronamespace WHERE p.oid = t.tgfoid AND s.nspname = $1 AND p.proname = $3) AS is_ours "
          "FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_namespace n ON n.oid = "
          "c.relnamespace WHERE t.tgname = $2 AND t.tgparentid = 0) AS one WHERE one.nspname = $1 OR "
          "one.is_ours",
          {postgres::Value(schema), postgres::Value(kTrigger), postgres::Value(kNoteFunction)}, kLooking));
  for (int row = 0; row < rows.rows(); ++row) {
    there.triggers[static_cast<std::uint32_t>(rows.Int(row, 0))] = {rows.Text(row, 1), rows.Text(row, 2),
                                                                    rows.Bool(row, 3)};
  }
  return there;
}

/// The tables of which changes are noted, and the types of their keys.
struct NotedTables {
  std::vector<PostgresTable> tables;
  std::vector<NotedKeyColumn> keys;
};
NotedTables NotedTablesOf(const std::vector<PostgresTable>& tables, const Keys& keys) {
  NotedTables noted;
  for (const PostgresTable& table : tables) {
    const std::vector<std::string> arguments = ArgumentsOf(table, keys);
    if (arguments.empty() || table.name == kLedgerTable) continue;
    noted.tables.push_back(table);
    for (const PostgresColumn& column : table.columns) {
      if (std::find(arguments.begin() + 1, arguments.end(), column.name) != arguments.end())
        noted.keys.push_back({table.name, column.name, column.type});
    }
  }
  return noted;
}

/// Returns the statements that make the table's trigger. Empty: it is there with these arguments.
absl::StatusOr<std::vector<std::string>> TriggerSql(const PostgresTable& table,
                                                    const std::vector<std::string>& arguments,
                                                    const There& there, const std::string& function) {
  std::string kept;
  std::vector<std::string> quoted, made;
  for (const std::string& argument : arguments) {
    ASSIGN_OR_RETURN(std::string text, postgres::QuotedText(argument));
    quoted.push_back(std::move(text));
    kept.append(argument).push_back('\0');
  }
  const auto known = there.triggers.find(table.oid);
  if (known != there.triggers.end() && known->second.arguments == kept) return made;
  if (known != there.triggers.end()) {
    made.push_back(absl::StrCat("DROP TRIGGER IF EXISTS ", kTrigger, " ON ", table.quoted));
  }
  made.push_back(absl::StrCat("CREATE TRIGGER ", kTrigger, " AFTER INSERT OR UPDATE OR DELETE ON ",
                              table.quoted, " FOR EACH ROW EXECUTE FUNCTION ", function, "(",
                              absl::StrJoin(quoted, ", "), ")"));
  return made;
}

}  // namespace

absl::Status CheckBoxEncoding(const postgres::Connection& connection) {
  const std::string encoding = connection.Setting("server_encoding");
  if (encoding == "UTF8") return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(
      "layout = \"datajoin\" needs a database whose encoding is UTF8, and the source's is ", encoding,
      ": not every text that is delivered could stand in its boxes. Nothing was made"));
}

absl::StatusOr<std::vector<std::string>> BoxTriggerStatements(postgres::Connection& connection,
                                                              const std::string& schema,
                                                              const std::vector<PostgresTable>& tables,
                                                              const Keys& keys, BoxesBy by) {
  const absl::StatusOr<std::string> changes = postgres::QuotedName(schema, kChangeTable);
  const absl::StatusOr<std::string> function = postgres::QuotedName(schema, kNoteFunction);
  if (!changes.ok() || !function.ok()) return changes.ok() ? function.status() : changes.status();
  const NotedTables noted = NotedTablesOf(tables, keys);
  RETURN_IF_ERROR(CheckNotedKeys(connection, noted.keys));
  ASSIGN_OR_RETURN(const There there, LookThere(connection, schema));
  std::vector<std::string> made;
  if (!there.changes) {
    made.push_back(absl::StrCat("CREATE TABLE ", *changes,
                                " (seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, table_name text NOT "
                                "NULL, key text NOT NULL, operation text NOT NULL, columns text)"));
  }
  if (tables.empty()) {
    if (there.function.is_there) made.push_back(absl::StrCat("DROP FUNCTION ", *function, "() CASCADE"));
    return made;
  }
  const absl::StatusOr<std::vector<std::string>> of_function =
      NoteFunctionStatements(connection, schema, noted.tables, there.function, by, !there.changes);
  if (!of_function.ok()) return of_function;
  made.insert(made.end(), of_function->begin(), of_function->end());
  // Else the function would refuse what an application writes there.
  for (const auto& [oid, trigger] : there.triggers) {
    const bool is_noted = std::any_of(noted.tables.begin(), noted.tables.end(),
                                      [&oid = oid](const PostgresTable& table) { return table.oid == oid; });
    if (trigger.is_ours && !is_noted)
      made.push_back(absl::StrCat("DROP TRIGGER IF EXISTS ", kTrigger, " ON ", trigger.table));
  }
  for (const PostgresTable& table : noted.tables) {
    const absl::StatusOr<std::vector<std::string>> trigger =
        TriggerSql(table, ArgumentsOf(table, keys), there, *function);
    if (!trigger.ok()) return trigger;
    made.insert(made.end(), trigger->begin(), trigger->end());
  }
  return made;
}

std::vector<std::string> BoxTables() {
  return {"ds_change_outbox", "ds_change_inbox",        "ds_program_parameter",
          "_mirror_datajoin", "_mirror_datajoin_entry", "_mirror_datajoin_unread",
          kChangeTable};
}

absl::StatusOr<std::vector<std::string>> BoxGrants(const std::string& schema, const std::string& role,
                                                   bool notes) {
  ASSIGN_OR_RETURN(const std::string to, postgres::QuotedName(role));
  std::vector<std::string> tables, boxes;
  for (const std::string& name : BoxTables()) {
    ASSIGN_OR_RETURN(std::string table, postgres::QuotedName(schema, name));
    tables.push_back(std::move(table));
  }
  for (int box = 0; box < 2; ++box) {
    ASSIGN_OR_RETURN(std::string text, postgres::QuotedText(tables[static_cast<std::size_t>(box)]));
    boxes.push_back(std::move(text));
  }
  ASSIGN_OR_RETURN(const std::string behind, postgres::QuotedText(absl::StrCat(" TO ", to)));
  // What numbers the boxes' rows has whatever name it was given.
  ASSIGN_OR_RETURN(
      const std::string sequences,
      postgres::DollarQuoted(absl::StrCat(
          "DECLARE s text; BEGIN FOR s IN SELECT pg_get_serial_sequence(t, 'id') FROM "
          "pg_catalog.unnest(ARRAY[",
          absl::StrJoin(boxes, ", "),
          "]) AS t LOOP IF s IS NOT NULL THEN EXECUTE 'GRANT SELECT, UPDATE ON SEQUENCE ' || s || ", behind,
          "; END IF; END LOOP; END")));
  std::vector<std::string> grants = {
      absl::StrCat("GRANT SELECT, INSERT, UPDATE, DELETE ON ", absl::StrJoin(tables, ", "), " TO ", to),
      absl::StrCat("DO ", sequences)};
  ASSIGN_OR_RETURN(const std::string noted, postgres::QuotedName(schema, kNotedTable));
  if (notes) grants.push_back(absl::StrCat("GRANT SELECT ON ", noted, " TO ", to));
  return grants;
}

absl::StatusOr<std::string> BoxesDrop(postgres::Connection& connection, const std::string& schema) {
  ASSIGN_OR_RETURN(const There there, LookThere(connection, schema));
  if (!there.changes && !there.function.is_there) return std::string();
  ASSIGN_OR_RETURN(const std::string in, postgres::QuotedName(schema));
  return absl::StrCat("DROP FUNCTION IF EXISTS ", in, ".", kNoteFunction, "() CASCADE; DROP TABLE IF EXISTS ",
                      in, ".", kChangeTable, ", ", in, ".", kNotedTable, ", ", in, "._mirror_datajoin, ", in,
                      "._mirror_datajoin_entry, ", in, "._mirror_datajoin_unread");
}

}  // namespace mirror
