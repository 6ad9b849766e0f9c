#include "client/exchange/postgres/postgres_box_triggers.h"

#include <map>
#include <optional>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "base/db/postgres/name.h"
#include "base/folded_name.h"
#include "proto/wire/exchange/ledger.h"

namespace mirror {
namespace {

constexpr char kTrigger[] = "_mirror_datajoin";
constexpr char kFunction[] = "_mirror_datajoin_note";
constexpr char kChanges[] = "_mirror_datajoin_change";

/// Who changes a row may not write here: the function's owner does. Its first argument: the table's name,
/// where rows are in its partitions; then the key's columns.
constexpr char kBody[] =
    "DECLARE was json; now_is json; key_was text; key_is text; changed text; BEGIN "
    "IF current_setting('mirror.importing', true) = 'on' THEN RETURN NULL; END IF; "
    "IF TG_OP <> 'INSERT' THEN was := to_json(OLD); SELECT CAST(json_agg(was ->> k ORDER BY place) AS text) "
    "INTO "
    "key_was FROM unnest(TG_ARGV) WITH ORDINALITY AS keys (k, place) WHERE place > 1; END IF; "
    "IF TG_OP <> 'DELETE' THEN now_is := to_json(NEW); SELECT CAST(json_agg(now_is ->> k ORDER BY place) AS "
    "text) "
    "INTO key_is FROM unnest(TG_ARGV) WITH ORDINALITY AS keys (k, place) WHERE place > 1; END IF; "
    "IF key_was = key_is THEN SELECT CAST(json_agg(a.key) AS text) INTO changed FROM json_each_text(now_is) "
    "AS a "
    "JOIN json_each_text(was) AS b ON b.key = a.key WHERE a.value IS DISTINCT FROM b.value; "
    "IF changed IS NULL THEN RETURN NULL; END IF; "
    "INSERT INTO %s (table_name, key, operation, columns) VALUES (coalesce(nullif(TG_ARGV[0], ''), "
    "TG_TABLE_NAME), key_is, 'U', changed); RETURN NULL; END IF; "
    "INSERT INTO %s (table_name, key, operation) SELECT coalesce(nullif(TG_ARGV[0], ''), TG_TABLE_NAME), k, "
    "o "
    "FROM (VALUES (1, key_was, 'D'), (2, key_is, 'I')) AS told (place, k, o) WHERE k IS NOT NULL ORDER BY "
    "place; "
    "RETURN NULL; END";

struct Names {
  std::string function, changes;
};
absl::StatusOr<Names> NamesIn(const std::string& schema) {
  absl::StatusOr<std::string> function = postgres::QuotedName(schema, kFunction);
  if (!function.ok()) return function.status();
  absl::StatusOr<std::string> changes = postgres::QuotedName(schema, kChanges);
  if (!changes.ok()) return changes.status();
  return Names{*std::move(function), *std::move(changes)};
}

std::string BodyOf(const Names& names) {
  std::string body = kBody;
  for (std::size_t at = body.find("%s"); at != std::string::npos; at = body.find("%s", at)) {
    body.replace(at, 2, names.changes);
    at += names.changes.size();
  }
  return body;
}

std::string FunctionSql(const Names& names) {
  const std::string body = BodyOf(names);
  // A schema may be called anything.
  std::string tag = "$mirror$";
  while (body.find(tag) != std::string::npos) tag.insert(1, "_");
  return absl::StrCat("CREATE OR REPLACE FUNCTION ", names.function,
                      "() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, "
                      "pg_temp AS ",
                      tag, body, tag);
}

/// A script for people is broken into lines.
std::string InOneLine(const std::string& body) {
  const std::vector<std::string> words = absl::StrSplit(body, absl::ByAnyChar(" \n\t"), absl::SkipEmpty());
  return absl::StrJoin(words, " ");
}

/// What is there need not be made, by a role that may not.
struct There {
  bool changes = false;
  std::optional<std::string> body;                     ///< Of the function; absent: there is none.
  std::map<std::uint32_t, std::string> triggers = {};  ///< By oid: arguments, as the catalogs have them.
};

using Keys = std::map<std::string, std::vector<std::string>>;

/// Empty: it has no key, so that no entry could name a row of it.
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
  const absl::StatusOr<std::int64_t> changes = connection.Number(
      "SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1 "
      "AND "
      "c.relname = $2",
      {postgres::Value(schema), postgres::Value(kChanges)}, kLooking);
  if (!changes.ok()) return changes.status();
  there.changes = *changes != 0;
  const absl::StatusOr<postgres::Rows> function = connection.Query(
      "SELECT p.prosrc FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE n.nspname = $1 AND "
      "p.proname = $2",
      {postgres::Value(schema), postgres::Value(kFunction)}, kLooking);
  if (!function.ok()) return function.status();
  if (function->rows() != 0) there.body = function->Text(0, 0);
  const absl::StatusOr<postgres::Rows> rows = connection.Query(
      "SELECT c.oid, t.tgargs FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_namespace n ON "
      "n.oid = c.relnamespace WHERE n.nspname = $1 AND t.tgname = $2 AND t.tgparentid = 0",
      {postgres::Value(schema), postgres::Value(kTrigger)}, kLooking);
  if (!rows.ok()) return rows.status();
  for (int row = 0; row < rows->rows(); ++row) {
    there.triggers[static_cast<std::uint32_t>(rows->Int(row, 0))] = rows->Text(row, 1);
  }
  return there;
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
                                                              const Keys& keys) {
  const absl::StatusOr<Names> names = NamesIn(schema);
  if (!names.ok()) return names.status();
  const absl::StatusOr<There> there = LookThere(connection, schema);
  if (!there.ok()) return there.status();
  std::vector<std::string> made;
  if (!there->changes) {
    made.push_back(absl::StrCat("CREATE TABLE ", names->changes,
                                " (seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, table_name text NOT "
                                "NULL, key text NOT NULL, operation text NOT NULL, columns text)"));
  }
  if (tables.empty()) {
    if (there->body) made.push_back(absl::StrCat("DROP FUNCTION ", names->function, "() CASCADE"));
    return made;
  }
  if (!there->body || InOneLine(*there->body) != InOneLine(BodyOf(*names)))
    made.push_back(FunctionSql(*names));
  for (const PostgresTable& table : tables) {
    const std::vector<std::string> arguments = ArgumentsOf(table, keys);
    if (arguments.empty() || table.name == kLedgerTable) continue;
    std::string kept;
    std::vector<std::string> quoted;
    for (const std::string& argument : arguments) {
      absl::StatusOr<std::string> text = postgres::QuotedText(argument);
      if (!text.ok()) return text.status();
      quoted.push_back(*std::move(text));
      kept.append(argument).push_back('\0');
    }
    const auto known = there->triggers.find(table.oid);
    if (known != there->triggers.end() && known->second == kept) continue;
    if (known != there->triggers.end()) {
      made.push_back(absl::StrCat("DROP TRIGGER IF EXISTS ", kTrigger, " ON ", table.quoted));
    }
    made.push_back(absl::StrCat("CREATE TRIGGER ", kTrigger, " AFTER INSERT OR UPDATE OR DELETE ON ",
                                table.quoted, " FOR EACH ROW EXECUTE FUNCTION ", names->function, "(",
                                absl::StrJoin(quoted, ", "), ")"));
  }
  return made;
}

std::vector<std::string> BoxTables() {
  return {"ds_change_outbox",
          "ds_change_inbox",
          "ds_program_parameter",
          "_mirror_datajoin",
          "_mirror_datajoin_entry",
          "_mirror_datajoin_unread",
          kChanges};
}

absl::StatusOr<std::vector<std::string>> BoxGrants(const std::string& schema, const std::string& role) {
  const absl::StatusOr<std::string> to = postgres::QuotedName(role);
  if (!to.ok()) return to.status();
  std::vector<std::string> tables, boxes;
  for (const std::string& name : BoxTables()) {
    absl::StatusOr<std::string> table = postgres::QuotedName(schema, name);
    if (!table.ok()) return table.status();
    tables.push_back(*std::move(table));
  }
  for (int box = 0; box < 2; ++box) {
    absl::StatusOr<std::string> text = postgres::QuotedText(tables[static_cast<std::size_t>(box)]);
    if (!text.ok()) return text.status();
    boxes.push_back(*std::move(text));
  }
  const absl::StatusOr<std::string> behind = postgres::QuotedText(absl::StrCat(" TO ", *to));
  if (!behind.ok()) return behind.status();
  return std::vector<std::string>{
      absl::StrCat("GRANT SELECT, INSERT, UPDATE, DELETE ON ", absl::StrJoin(tables, ", "), " TO ", *to),
      // What numbers the boxes' rows has whatever name it was given.
      absl::StrCat("DO $mirror$ DECLARE s text; BEGIN FOR s IN SELECT pg_get_serial_sequence(t, 'id') FROM "
                   "unnest(ARRAY[",
                   absl::StrJoin(boxes, ", "),
                   "]) AS t LOOP IF s IS NOT NULL THEN EXECUTE 'GRANT SELECT, UPDATE ON SEQUENCE ' || s || ",
                   *behind, "; END IF; END LOOP; END $mirror$")};
}

absl::StatusOr<std::string> BoxesDrop(postgres::Connection& connection, const std::string& schema) {
  const absl::StatusOr<Names> names = NamesIn(schema);
  if (!names.ok()) return names.status();
  const absl::StatusOr<There> there = LookThere(connection, schema);
  if (!there.ok()) return there.status();
  if (!there->changes && !there->body) return std::string();
  const absl::StatusOr<std::string> in = postgres::QuotedName(schema);
  if (!in.ok()) return in.status();
  return absl::StrCat("DROP FUNCTION IF EXISTS ", names->function, "() CASCADE; DROP TABLE IF EXISTS ",
                      names->changes, ", ", *in, "._mirror_datajoin, ", *in, "._mirror_datajoin_entry, ", *in,
                      "._mirror_datajoin_unread");
}

}  // namespace mirror
