#include "client/exchange/postgres_box_triggers.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "base/db/postgres/name.h"
#include "base/folded_name.h"
#include "base/status_macros.h"
#include "client/exchange/postgres_own_check.h"
#include "proto/wire/exchange/ledger.h"

namespace mirror {
namespace {

constexpr char kLookingForNote[] = "looking for the function of DataJoin's triggers";

/// Settings of the function: they fix the text form of values, whatever the session has set.
/// FindNoteFunction() counts them.
constexpr char kConfig[] =
    " SET search_path = pg_catalog, pg_temp SET DateStyle = 'ISO, YMD' SET IntervalStyle = 'iso_8601' SET "
    "TimeZone = 'UTC' SET extra_float_digits = 1 SET bytea_output = 'hex'";

/// The body of the function. A trigger's first argument is for an earlier version; the key's columns follow.
/// The function notes a change of a partition for its partitioned table. It makes its queries from the
/// catalogs, because an application may rename columns. One reads the key's values from a row ($1). For an
/// update that keeps the key, another one compares the old row ($1) with the new one ($2), and returns the
/// columns that differ. It calls record_image_ne() because PostgreSQL would compare ROW(a) *<> ROW(b) column
/// by column, with the operators of their types. PostgreSQL's own types have oids below 16384; a column of
/// another type always counts as changed.
constexpr char kBody[] =
    "DECLARE told text; asks text; key_was text[]; key_is text[]; changed text[]; BEGIN "
    "IF current_setting('mirror.importing', true) = 'on' THEN RETURN NULL; END IF; "
    "IF TG_OP = 'UPDATE' THEN IF record_image_eq(OLD, NEW) THEN RETURN NULL; END IF; END IF; "
    "SELECT c.relname INTO told FROM @tables AS t JOIN pg_class AS c ON c.oid = t.relation WHERE t.relation "
    "= CAST(TG_RELID AS regclass) OR t.relation IN (SELECT a.relid FROM "
    "pg_partition_ancestors(CAST(TG_RELID AS regclass)) AS a (relid)) ORDER BY t.relation = CAST(TG_RELID AS "
    "regclass) LIMIT 1; "
    "IF NOT FOUND THEN RAISE EXCEPTION '_mirror_datajoin_note() fires only on tables that mirror-agent "
    "installed' USING ERRCODE = 'insufficient_privilege', HINT = 'Drop the trigger, or run mirror-agent "
    "install'; END IF; "
    "asks := array_to_string(ARRAY(SELECT CASE WHEN a.attname IS NULL THEN 'NULL' ELSE format('CASE WHEN "
    "($1).%1$I IS NOT NULL THEN format(''%%s'', ($1).%1$I) END', a.attname) END FROM unnest(TG_ARGV) WITH "
    "ORDINALITY AS g (name, place) LEFT JOIN pg_attribute AS a ON a.attrelid = TG_RELID AND a.attname = "
    "g.name AND a.attnum > 0 AND NOT a.attisdropped WHERE g.place > 1 ORDER BY g.place), ', '); "
    "asks := concat('SELECT CAST(ARRAY[', asks, '] AS text[])'); "
    "IF TG_OP = 'INSERT' THEN EXECUTE asks INTO key_is USING NEW; "
    "ELSE EXECUTE asks INTO key_was USING OLD; END IF; "
    "IF TG_OP = 'UPDATE' THEN EXECUTE asks INTO key_is USING NEW; "
    "IF key_was = key_is THEN "
    "asks := array_to_string(ARRAY(SELECT CASE WHEN c.atttypid < 16384 OR (SELECT t.typbasetype BETWEEN 1 "
    "AND 16383 FROM pg_type AS t WHERE t.oid = c.atttypid) THEN format('CASE WHEN "
    "record_image_ne(ROW(($1).%1$I), "
    "ROW(($2).%1$I)) THEN %1$L END', c.attname) ELSE quote_literal(c.attname) END FROM pg_attribute AS c "
    "WHERE "
    "c.attrelid = TG_RELID AND c.attnum > 0 AND NOT c.attisdropped ORDER BY c.attnum), ', '); "
    "EXECUTE concat('SELECT array_remove(CAST(ARRAY[', asks, '] AS text[]), NULL)') INTO changed USING OLD, "
    "NEW; "
    "IF cardinality(changed) = 0 THEN RETURN NULL; END IF; "
    "INSERT INTO @changes (table_name, key, operation, columns) VALUES (told, CAST(array_to_json(key_is) AS "
    "text), 'U', CAST(array_to_json(changed) AS text)); "
    "RETURN NULL; END IF; END IF; "
    "INSERT INTO @changes (table_name, key, operation) SELECT told, CAST(array_to_json(v.k) AS text), v.o "
    "FROM "
    "(VALUES (1, key_was, 'D'), (2, key_is, 'I')) AS v (place, k, o) WHERE v.k IS NOT NULL ORDER BY v.place; "
    "RETURN NULL; END";

/// Returns a text that PostgreSQL parses as an array of oids.
std::string OidArray(const std::set<std::uint32_t>& oids) {
  return absl::StrCat("{", absl::StrJoin(oids, ","), "}");
}

struct Names {
  std::string schema, function, changes, tables;
};
absl::StatusOr<Names> NamesIn(const std::string& schema) {
  Names names;
  ASSIGN_OR_RETURN(names.schema, postgres::QuotedName(schema));
  for (const auto& [name, quoted] :
       {std::pair(kNoteFunction, &names.function), std::pair(kChangeTable, &names.changes),
        std::pair(kNotedTable, &names.tables)}) {
    ASSIGN_OR_RETURN(*quoted, postgres::QuotedName(schema, name));
  }
  return names;
}

std::string BodyOf(const Names& names) {
  // Replaces all placeholders in one pass, because a schema's name may contain one.
  return absl::StrReplaceAll(kBody, {{"@changes", names.changes}, {"@tables", names.tables}});
}

absl::StatusOr<std::string> FunctionSql(const Names& names, bool is_there) {
  const absl::StatusOr<std::string> body = postgres::DollarQuoted(BodyOf(names));
  if (!body.ok()) return body;
  return absl::StrCat(is_there ? "CREATE OR REPLACE" : "CREATE", " FUNCTION ", names.function,
                      "() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER", kConfig, " AS ", *body);
}

/// Joins the lines of a body: its line breaks are only for readers.
std::string InOneLine(const std::string& body) {
  const std::vector<std::string> words = absl::StrSplit(body, absl::ByAnyChar(" \n\t"), absl::SkipEmpty());
  return absl::StrJoin(words, " ");
}

/// Whether a role `r` of pg_roles has more rights than OwnerSql() gives.
constexpr char kHasRights[] =
    "(r.rolcanlogin OR r.rolsuper OR r.rolcreatedb OR r.rolcreaterole OR r.rolreplication OR r.rolbypassrls "
    "OR EXISTS (SELECT FROM pg_auth_members AS m WHERE m.member = r.oid OR m.roleid = r.oid))";

std::string NotesRoleWords(const std::string& quote) {
  return absl::StrCat("the role ", kNotesRole,
                      " may log in, or has rights, members or memberships. It must have none of these, "
                      "because it is to own the function of DataJoin",
                      quote, "s triggers. Nothing was made");
}
std::string NotesRoleAdvice() {
  return absl::StrCat(
      "ALTER ROLE ", kNotesRole,
      " NOLOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS, and REVOKE its "
      "memberships, or rename it");
}

/// Refuses the role under the same condition as OwnerSql(), but with a message for people: messages that a
/// statement raises in PostgreSQL are not shown.
absl::Status CheckNotesRole(postgres::Connection& connection) {
  ASSIGN_OR_RETURN(
      const std::int64_t rights,
      connection.Number(
          absl::StrCat("SELECT count(*) FROM pg_roles AS r WHERE r.rolname = $1 AND ", kHasRights),
          {postgres::Value(kNotesRole)}, "asking for the rights of the role of DataJoin's triggers"));
  if (rights == 0) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(NotesRoleWords("'"), ". ", NotesRoleAdvice()));
}

/// If a superuser runs this, gives the function to a role that has only the rights that it needs.
absl::StatusOr<std::string> OwnerSql(const Names& names) {
  const std::string role = kNotesRole;
  const absl::StatusOr<std::string> body = postgres::DollarQuoted(absl::StrCat(
      "BEGIN IF (SELECT r.rolsuper FROM pg_roles AS r WHERE r.rolname = current_user) THEN IF NOT EXISTS "
      "(SELECT FROM pg_roles AS r WHERE r.rolname = '",
      role, "') THEN CREATE ROLE ", role,
      " NOLOGIN NOINHERIT NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS; END IF; IF EXISTS "
      "(SELECT FROM pg_roles AS r WHERE r.rolname = '",
      role, "' AND ", kHasRights, ") THEN RAISE EXCEPTION '", NotesRoleWords("''"), "' USING HINT = '",
      NotesRoleAdvice(), "'; END IF; GRANT USAGE ON SCHEMA ", names.schema, " TO ", role,
      "; GRANT INSERT ON ", names.changes, " TO ", role, "; GRANT SELECT ON ", names.tables, " TO ", role,
      "; ALTER FUNCTION ", names.function, "() OWNER TO ", role, "; END IF; END"));
  if (!body.ok()) return body;
  return absl::StrCat("DO ", *body);
}

/// Returns the oids in the list. Absent: there is no list that this role can read safely. It must belong
/// to a superuser, to this role or to the owner of one of `tables`, or reading could run foreign code.
/// It must have the one column that NoteFunctionStatements() makes: a cast is looked up by its type.
absl::StatusOr<std::optional<std::set<std::uint32_t>>> ReadNoted(postgres::Connection& connection,
                                                                 const std::string& schema,
                                                                 const Names& names,
                                                                 const std::vector<PostgresTable>& tables) {
  std::set<std::uint32_t> oids;
  for (const PostgresTable& table : tables) oids.insert(table.oid);
  const std::string wanted = OidArray(oids);
  ASSIGN_OR_RETURN(
      const std::int64_t there,
      connection.Number(
          "SELECT count(*) FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace JOIN pg_roles "
          "AS o ON o.oid = c.relowner WHERE n.nspname = $1 AND c.relname = $2 AND c.relkind = 'r' AND "
          "(o.rolsuper "
          "OR o.rolname = current_user OR EXISTS (SELECT FROM pg_class AS t WHERE t.relowner = c.relowner "
          "AND t.oid = ANY ($3::text::oid[]))) AND (SELECT array_agg(a.atttypid) FROM pg_attribute AS a "
          "WHERE a.attrelid = "
          "c.oid AND a.attnum > 0 AND NOT a.attisdropped) = ARRAY[CAST('regclass' AS regtype)::oid] AND NOT "
          "c.relrowsecurity AND NOT c.relhasrules AND NOT EXISTS (SELECT FROM pg_index AS i WHERE i.indrelid "
          "= c.oid AND (i.indexprs IS NOT NULL OR i.indpred IS NOT NULL)) AND has_table_privilege(c.oid, "
          "'SELECT')",
          {postgres::Value(schema), postgres::Value(kNotedTable), postgres::Value(wanted)}, kLookingForNote));
  if (there == 0) return std::optional<std::set<std::uint32_t>>();
  ASSIGN_OR_RETURN(
      const postgres::Rows rows,
      connection.Query(absl::StrCat("SELECT relation::oid::int8 FROM ", names.tables), {}, kLookingForNote));
  std::set<std::uint32_t> noted;
  for (int row = 0; row < rows.rows(); ++row) noted.insert(static_cast<std::uint32_t>(rows.Int(row, 0)));
  return std::optional(std::move(noted));
}

/// Makes the list again if it differs: rows are written only to a table that the same transaction made.
absl::Status AddListSql(postgres::Connection& connection, const std::string& schema, const Names& names,
                        const std::vector<PostgresTable>& tables, std::vector<std::string>* sql) {
  ASSIGN_OR_RETURN(const auto noted, ReadNoted(connection, schema, names, tables));
  std::set<std::uint32_t> wanted;
  std::vector<std::string> rows;
  for (const PostgresTable& table : tables) {
    ASSIGN_OR_RETURN(const std::string name, postgres::QuotedText(table.quoted));
    wanted.insert(table.oid);
    rows.push_back(absl::StrCat("(CAST(", name, " AS regclass))"));
  }
  if (noted == wanted) return absl::OkStatus();
  sql->push_back(absl::StrCat("DROP TABLE IF EXISTS ", names.tables));
  sql->push_back(absl::StrCat("CREATE TABLE ", names.tables, " (relation regclass PRIMARY KEY)"));
  if (!rows.empty()) {
    sql->push_back(
        absl::StrCat("INSERT INTO ", names.tables, " (relation) VALUES ", absl::StrJoin(rows, ", ")));
  }
  return absl::OkStatus();
}

/// PostgreSQL makes a partitioned table's triggers on each partition that is made or
/// attached. It then checks whether the role that does it may execute the function.
absl::Status AddGrantsSql(postgres::Connection& connection, const Names& names,
                          const std::vector<PostgresTable>& tables, BoxesBy by,
                          std::vector<std::string>* sql) {
  std::set<std::uint32_t> partitioned;
  for (const PostgresTable& table : tables) {
    if (table.partitioned) partitioned.insert(table.oid);
  }
  if (partitioned.empty()) return absl::OkStatus();
  const std::string oids = OidArray(partitioned), function = absl::StrCat(names.function, "()");
  const bool is_session = by == BoxesBy::kSession;
  ASSIGN_OR_RETURN(
      const postgres::Rows owners,
      connection.Query(
          "SELECT DISTINCT r.rolname::text FROM unnest($1::text::oid[]) AS t (oid) CROSS JOIN "
          "LATERAL pg_partition_tree(t.oid::regclass) AS p JOIN pg_class AS c ON c.oid = p.relid "
          "AND c.relkind = 'p' JOIN pg_roles AS r ON r.oid = c.relowner WHERE NOT r.rolsuper AND "
          "NOT ($3 AND r.rolname = current_user) AND NOT coalesce(has_function_privilege(r.oid, "
          "to_regprocedure($2), 'EXECUTE'), false) ORDER BY 1",
          {postgres::Value(oids), postgres::Value(function), postgres::Value(is_session)},
          "looking for the owners of partitioned tables"));
  for (int row = 0; row < owners.rows(); ++row) {
    ASSIGN_OR_RETURN(const std::string owner, postgres::QuotedName(owners.Text(row, 0)));
    sql->push_back(absl::StrCat("GRANT EXECUTE ON FUNCTION ", function, " TO ", owner));
  }
  return absl::OkStatus();
}

constexpr char kTrigger[] = "_mirror_datajoin";
struct TriggerThere {
  std::string arguments;  ///< In the form of the catalogs.
  std::string table;      ///< With its schema, quoted.
  bool is_ours = false;   ///< It runs the schema's kNoteFunction.
};
/// Objects that exist already. A role without the right to make them can install the others.
struct There {
  bool changes = false;
  NoteFunction function = {};
  std::map<std::uint32_t, TriggerThere> triggers = {};  ///< By the table's oid.
};

using Keys = std::map<std::string, std::vector<std::string>>;

/// The arguments of a table's trigger. The first is for an earlier version, so that
/// its triggers stay. Empty: the table has no key, so no entry could name a row of it.
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

/// Tables whose changes are noted, and the types of their keys.
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

/// Returns the statements that make the table's trigger. Empty: it exists with these arguments.
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

absl::StatusOr<NoteFunction> FindNoteFunction(postgres::Connection& connection, const std::string& schema) {
  ASSIGN_OR_RETURN(const Names names, NamesIn(schema));
  ASSIGN_OR_RETURN(
      const postgres::Rows rows,
      connection.Query("SELECT p.prosrc, p.prosecdef AND l.lanname = 'plpgsql' AND p.prorettype = "
                       "CAST('trigger' AS regtype) AND coalesce(cardinality(p.proconfig) = 6 AND p.proconfig "
                       "@> ARRAY['search_path=pg_catalog, "
                       "pg_temp'], "
                       "false), EXISTS (SELECT FROM aclexplode(coalesce(p.proacl, acldefault('f', "
                       "p.proowner))) AS a WHERE a.grantee = 0), o.rolname::text, o.rolsuper FROM pg_proc AS "
                       "p JOIN pg_namespace AS n ON n.oid = "
                       "p.pronamespace JOIN pg_language AS l ON l.oid = p.prolang JOIN pg_roles AS o ON "
                       "o.oid = p.proowner WHERE n.nspname = $1 AND p.proname = $2 AND p.pronargs = 0",
                       {postgres::Value(schema), postgres::Value(kNoteFunction)}, kLookingForNote));
  NoteFunction function;
  if (rows.rows() == 0) return function;
  function.is_there = true;
  function.fits = InOneLine(rows.Text(0, 0)) == InOneLine(BodyOf(names)) && rows.Bool(0, 1);
  function.is_public = rows.Bool(0, 2);
  function.owner = rows.Text(0, 3);
  function.owner_is_superuser = rows.Bool(0, 4);
  return function;
}

std::string WhyUnsafe(const NoteFunction& function) {
  if (!function.is_there) return "";
  if (function.is_public) {
    return absl::StrCat("the function ", kNoteFunction,
                        " is of an earlier version: every role of this database can use it to act as '",
                        function.owner, "'");
  }
  if (function.owner_is_superuser)
    return absl::StrCat("the function ", kNoteFunction, " runs with the rights of a superuser, '",
                        function.owner, "'");
  return function.fits ? "" : absl::StrCat("the function ", kNoteFunction, " is of another version");
}

absl::Status CheckNotedKeys(postgres::Connection& connection, const std::vector<NotedKeyColumn>& columns) {
  std::set<std::uint32_t> types;
  for (const NotedKeyColumn& column : columns) types.insert(column.type);
  const std::string asked = OidArray(types);
  ASSIGN_OR_RETURN(
      const postgres::Rows rows,
      connection.Query(
          "SELECT t.oid::int8, format_type(t.oid, NULL), (t.typnamespace = CAST('pg_catalog' AS "
          "regnamespace) AND t.typtype IN ('b', 'r', 'm')) OR EXISTS (SELECT FROM pg_depend AS d JOIN "
          "pg_extension AS e ON e.oid = d.refobjid JOIN pg_roles AS o ON o.oid = e.extowner WHERE o.rolsuper "
          "AND d.classid = "
          "CAST('pg_type' AS regclass) AND d.objid = t.oid AND d.refclassid = CAST('pg_extension' AS "
          "regclass) AND d.deptype = 'e') FROM pg_type AS t WHERE t.oid = ANY ($1::text::oid[])",
          {postgres::Value(asked)}, "asking for the types of keys"));
  std::map<std::uint32_t, std::string> unfit;
  for (const std::uint32_t type : types) unfit[type] = absl::StrCat("with the oid ", type);
  for (int row = 0; row < rows.rows(); ++row) {
    const auto type = static_cast<std::uint32_t>(rows.Int(row, 0));
    if (rows.Bool(row, 2))
      unfit.erase(type);
    else
      unfit[type] = rows.Text(row, 1);
  }
  for (const NotedKeyColumn& column : columns) {
    const auto type = unfit.find(column.type);
    if (type == unfit.end()) continue;
    return absl::FailedPreconditionError(absl::StrCat(
        "the outbox cannot record changes of the table '", column.table, "': column '", column.column,
        "' of its key has the type ", type->second,
        ", which is neither a type of PostgreSQL itself nor of an extension that a superuser owns. Nothing "
        "was made. Leave the table out with 'skip', or let the application write the outbox with capture = "
        "\"outbox\""));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<std::string>> NoteFunctionStatements(postgres::Connection& connection,
                                                                const std::string& schema,
                                                                const std::vector<PostgresTable>& tables,
                                                                const NoteFunction& there, BoxesBy by,
                                                                bool makes_changes) {
  ASSIGN_OR_RETURN(const Names names, NamesIn(schema));
  std::vector<std::string> sql;
  RETURN_IF_ERROR(AddListSql(connection, schema, names, tables, &sql));
  if (!there.is_there || !there.fits) {
    ASSIGN_OR_RETURN(std::string function, FunctionSql(names, there.is_there));
    sql.push_back(std::move(function));
  }
  if (!there.is_there || there.is_public)
    sql.push_back(absl::StrCat("REVOKE ALL ON FUNCTION ", names.function, "() FROM PUBLIC"));
  bool by_superuser = by == BoxesBy::kDba;
  if (!by_superuser) {
    ASSIGN_OR_RETURN(
        const std::int64_t is_superuser,
        connection.Number("SELECT count(*) FROM pg_roles WHERE rolname = current_user AND rolsuper", {},
                          kLookingForNote));
    by_superuser = is_superuser != 0;
  }
  if (by_superuser && (there.owner != kNotesRole || makes_changes || !sql.empty())) {
    RETURN_IF_ERROR(CheckNotesRole(connection));
    ASSIGN_OR_RETURN(std::string owner, OwnerSql(names));
    sql.push_back(std::move(owner));
  }
  RETURN_IF_ERROR(AddGrantsSql(connection, names, tables, by, &sql));
  return sql;
}

absl::Status CheckBoxEncoding(const postgres::Connection& connection) {
  const std::string encoding = connection.Setting("server_encoding");
  if (encoding == "UTF8") return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(
      "layout = \"datajoin\" needs a database whose encoding is UTF8, and the source's is ", encoding,
      ", so its outbox and inbox could not store every delivered text. Nothing was made"));
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
  // Otherwise the function would reject writes of the application.
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
  // The sequence that numbers the boxes' rows may have any name.
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
