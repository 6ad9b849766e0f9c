#include <algorithm>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "base/db/odbc/failure.h"
#include "base/status_macros.h"
#include "client/source/odbc/odbc_dialect.h"
#include "client/source/postgres/postgres_catalog.h"
#include "client/source/postgres/postgres_types.h"

namespace mirror {
namespace {

constexpr char kPostgresCatalogs[] = "reading its catalogs";

/// Settings that a value's text depends on, and settings that prevent blocking others.
constexpr const char* kPostgresSettings[] = {
    "SET client_encoding TO 'UTF8'",
    "SET search_path TO pg_catalog, pg_temp",
    "SET row_security TO off",
    "SET DateStyle TO 'ISO'",
    "SET IntervalStyle TO 'iso_8601'",
    "SET TimeZone TO 'UTC'",
    "SET extra_float_digits TO 3",
    "SET bytea_output TO 'hex'",
    "SET standard_conforming_strings TO on",
    "SET lock_timeout TO 2000",
    "SET max_parallel_workers_per_gather TO 0",
    "SET jit TO off",
    "SET idle_in_transaction_session_timeout TO 60000",
    "SET default_transaction_read_only TO on",
};

/// One row for each column of each table, and one without a column for a table that has none. @these: a
/// further condition. A domain over a domain has no modifier of its own: the innermost one counts.
constexpr char kPostgresColumns[] =
    "WITH RECURSIVE base(domain, oid, modifier) AS (SELECT oid, typbasetype, typtypmod FROM pg_type "
    "WHERE typtype = 'd' UNION ALL SELECT b.domain, t.typbasetype, CASE WHEN t.typtypmod < 0 "
    "THEN b.modifier ELSE t.typtypmod END FROM base b JOIN pg_type t ON t.oid = b.oid "
    "WHERE t.typtype = 'd') "
    "SELECT c.oid::int8, c.relname::text, (c.relkind = 'p')::int4, (c.relpersistence = 'u')::int4, "
    "coalesce(row_security_active(c.oid), false)::int4, (c.relkind = 'r' AND EXISTS (SELECT FROM pg_inherits "
    "h "
    "WHERE h.inhparent = c.oid))::int4, a.attnum::int4, a.attname::text, t.oid::int8, "
    "coalesce(b.modifier, a.atttypmod)::int4, format_type(t.oid, -1)::text, (t.typtype = 'e' OR t.typsend IN "
    "('textsend'::regproc, 'varcharsend'::regproc, 'bpcharsend'::regproc, 'namesend'::regproc, "
    "'json_send'::regproc))::int4, a.attnotnull::int4, (a.attgenerated <> '')::int4, "
    "coalesce(has_column_privilege(a.attrelid, a.attnum, 'SELECT'), false)::int4 "
    "FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace LEFT JOIN pg_attribute a "
    "ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped "
    "LEFT JOIN (SELECT b.* FROM base b JOIN pg_type u ON u.oid = b.oid WHERE u.typtype <> 'd') b "
    "ON b.domain = a.atttypid LEFT JOIN pg_type t ON t.oid = coalesce(b.oid, a.atttypid) "
    "WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relpersistence <> 't' AND n.nspname = "
    "?@these "
    "ORDER BY c.oid, a.attnum";

constexpr char kPostgresKeys[] =
    "SELECT c.oid::int8, k.number::int4 FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid "
    "JOIN pg_namespace n ON n.oid = c.relnamespace "
    "CROSS JOIN LATERAL unnest(i.indkey::int2[]) WITH ORDINALITY k(number, place) "
    "WHERE i.indisprimary AND k.place <= i.indnkeyatts AND n.nspname = ?@these ORDER BY c.oid, k.place";

OdbcForm PostgresOdbcForm(PostgresValueForm form, std::uint32_t type) {
  constexpr std::uint32_t kFloat4 = 700;
  switch (form) {
    case PostgresValueForm::kBool:
      return OdbcForm::kBool;
    case PostgresValueForm::kInteger:
    case PostgresValueForm::kOid:
      return OdbcForm::kInteger;
    case PostgresValueForm::kReal:
      return type == kFloat4 ? OdbcForm::kSingle : OdbcForm::kReal;
    case PostgresValueForm::kNumeric:
      return OdbcForm::kDecimal;
    case PostgresValueForm::kDate:
      return OdbcForm::kDate;
    case PostgresValueForm::kTime:
      return OdbcForm::kTime;
    case PostgresValueForm::kTimestamp:
      return OdbcForm::kTimestamp;
    case PostgresValueForm::kUuid:
      return OdbcForm::kUuid;
    case PostgresValueForm::kBytes:
      return OdbcForm::kBytes;
    case PostgresValueForm::kText:
      break;
  }
  return OdbcForm::kText;
}

/// Returns SQL for the value's form: the driver passes texts and integers as the server writes them.
std::string PostgresOdbcSql(const PostgresColumn& column, const Column& announced) {
  switch (FormOf(column, announced)) {
    case PostgresValueForm::kText:
      return ValueSql(column, announced);
    case PostgresValueForm::kInteger:
    case PostgresValueForm::kOid:
    case PostgresValueForm::kBytes:
      return absl::StrCat("t.", QuoteName(column.name));
    default:
      return absl::StrCat("t.", QuoteName(column.name), "::text");
  }
}

OdbcColumn OdbcColumnOf(const PostgresColumn& column, bool any_bytes, bool bytes_in_order) {
  OdbcColumn made;
  made.number = column.number;
  made.type = column.type;
  made.type_name = column.type_name;
  made.wire = WireColumn(column, any_bytes);
  made.form = PostgresOdbcForm(FormOf(column, made.wire), column.type);
  made.value = PostgresOdbcSql(column, made.wire);
  Column wide = made.wire;
  WidenPostgresColumn(&wide);
  made.wide_affinity = wide.affinity;
  made.wide_form = PostgresOdbcForm(FormOf(column, wide), column.type);
  made.wide_value = PostgresOdbcSql(column, wide);
  made.name = absl::StrCat("t.", QuoteName(column.name));
  const OdbcForm form = made.form;
  made.place = form == OdbcForm::kBytes     ? "decode(?, 'hex')"
               : form == OdbcForm::kInteger ? "CAST(? AS int8)"
                                            : absl::StrCat("CAST(? AS ", column.type_name, ")");
  made.numbers_sort = form == OdbcForm::kInteger || form == OdbcForm::kReal || form == OdbcForm::kSingle ||
                      form == OdbcForm::kDate || form == OdbcForm::kTime || form == OdbcForm::kTimestamp ||
                      made.wire.type == Type::kDecimal;
  made.wide_name = made.name;
  made.wide_place = made.place;
  made.is_null = absl::StrCat(made.name, " IS NOT DISTINCT FROM NULL");
  if (bytes_in_order && (column.type_name == "text" || column.type_name == "character varying")) {
    made.sorted_name = absl::StrCat(made.name, " COLLATE \"C\"");
    made.sorted_place = made.place;
  }
  return made;
}

class OdbcPostgres : public OdbcDialect {
 public:
  explicit OdbcPostgres(std::string schema) : schema_(schema.empty() ? "public" : std::move(schema)) {}

  const char* name() const override { return "postgres"; }

  void AddOptions(const std::string& driver, odbc::ConnectionString* to) const override {
    if (driver.find("psqlodbc") == std::string::npos) return;
    // Otherwise the driver holds all rows of a statement in memory.
    to->Set("UseDeclareFetch", "1");
    to->Set("Fetch", "1000");
    to->Set("LFConversion", "0");
    to->Set("BoolsAsChar", "0");
    to->Set("ByteaAsLongVarBinary", "1");
    to->Set("UseServerSidePrepare", "1");
    // An error only affects one statement: the driver sets no savepoint for each.
    to->Set("Protocol", "7.4-0");
  }

  absl::Status Prepare(odbc::Connection& connection) const override {
    for (const char* const setting : kPostgresSettings) {
      RETURN_IF_ERROR(connection.Execute(setting, "pinning the session's settings"));
    }
    return absl::OkStatus();
  }

  absl::StatusOr<OdbcPlace> Look(odbc::Connection& connection) const override {
    constexpr char kDoing[] = "asking which database it is";
    OdbcPlace place;
    place.user = connection.user();
    ASSIGN_OR_RETURN(const std::string database, connection.Text("SELECT current_database()::text", kDoing));
    place.name = absl::StrCat("PostgreSQL by ODBC, database ", database);
    const absl::StatusOr<std::string> role = connection.Text("SELECT current_user::text", kDoing);
    if (role.ok()) place.user = *role;
    const absl::StatusOr<std::string> identity = connection.Text(
        "SELECT 'postgres ' || s.system_identifier::text || ' ' || d.oid::text FROM pg_control_system() s, "
        "pg_database d WHERE d.datname = current_database()",
        kDoing);
    if (identity.ok()) {
      place.identity = *identity;
      return place;
    }
    if (odbc::TroubleOf(identity.status()) != odbc::Trouble::kDenied) return identity.status();
    place.identity = absl::StrCat("odbc postgres ", connection.server(), " ", database);
    place.notes.push_back(
        "the role may not ask for the server's system identifier, so another server at the same address is "
        "taken for this one: GRANT EXECUTE ON FUNCTION pg_control_system() TO the role");
    return place;
  }

  absl::StatusOr<std::vector<OdbcTable>> Tables(odbc::Connection& connection,
                                                const std::string* only) const override {
    ASSIGN_OR_RETURN(const std::string encoding,
                     connection.Text("SELECT current_setting('server_encoding')", kPostgresCatalogs));
    std::vector<odbc::Parameter> names = {schema_};
    if (only != nullptr) names.emplace_back(*only);
    const auto sql = [only](const char* text) {
      return absl::StrReplaceAll(text, {{"@these", only == nullptr ? "" : " AND c.relname = ?"}});
    };
    std::map<std::uint32_t, PostgresTable> tables;
    RETURN_IF_ERROR(ForEachRow(connection.Query(sql(kPostgresColumns), names, {}, kPostgresCatalogs),
                               [&](const odbc::RowStream& row) { TakeColumn(row, &tables); }));
    RETURN_IF_ERROR(ForEachRow(connection.Query(sql(kPostgresKeys), names, {}, kPostgresCatalogs),
                               [&](const odbc::RowStream& row) {
                                 tables[static_cast<std::uint32_t>(row.Int(0))].key.push_back(row.Int(1));
                               }));
    std::vector<OdbcTable> all;
    for (const auto& [oid, table] : tables) {
      if (!table.name.empty()) all.push_back(TableOf(table, encoding, connection.user()));
    }
    return all;
  }

  absl::Status Begin(odbc::Connection& connection, const OdbcTable& table) const override {
    RETURN_IF_ERROR(connection.Execute("BEGIN TRANSACTION READ ONLY", "beginning to read"));
    return connection.Execute(absl::StrCat("LOCK TABLE ONLY ", table.quoted, " IN ACCESS SHARE MODE"),
                              "beginning to read");
  }
  absl::Status End(odbc::Connection& connection) const override {
    return connection.Execute("ROLLBACK", "ending to read");
  }

  std::string Limit(std::size_t rows) const override { return absl::StrCat(" LIMIT ", rows); }

 private:
  void TakeColumn(const odbc::RowStream& row, std::map<std::uint32_t, PostgresTable>* tables) const {
    const auto oid = static_cast<std::uint32_t>(row.Int(0));
    PostgresTable& table = (*tables)[oid];
    if (table.name.empty()) {
      table.oid = oid;
      table.name = row.Text(1);
      table.quoted = absl::StrCat(QuoteName(schema_), ".", QuoteName(table.name));
      table.partitioned = row.Int(2) != 0;
      table.unlogged = row.Int(3) != 0;
      table.hides_rows = row.Int(4) != 0;
      table.has_children = row.Int(5) != 0;
    }
    if (row.IsNull(6)) return;
    PostgresColumn column;
    column.number = row.Int(6);
    column.name = row.Text(7);
    column.type = static_cast<std::uint32_t>(row.Int(8));
    column.modifier = static_cast<std::int32_t>(row.Int(9));
    column.type_name = row.Text(10);
    column.sends_text = row.Int(11) != 0;
    column.not_null = row.Int(12) != 0;
    column.readable = row.Int(14) != 0;
    if (row.Int(13) != 0) {
      table.generated.push_back(column.name);
    } else {
      table.columns.push_back(std::move(column));
    }
  }

  static OdbcTable TableOf(const PostgresTable& table, const std::string& encoding, const std::string& user) {
    OdbcTable made;
    made.id = table.oid;
    made.name = table.name;
    made.quoted = table.quoted;
    made.from = absl::StrCat(table.partitioned ? "" : "ONLY ", table.quoted, " AS t");
    made.left_out = table.generated;
    for (const PostgresColumn& column : table.columns)
      made.columns.push_back(OdbcColumnOf(column, encoding == "SQL_ASCII", encoding == "UTF8"));
    for (const std::int64_t number : table.key) {
      const auto found = std::find_if(table.columns.begin(), table.columns.end(),
                                      [number](const PostgresColumn& one) { return one.number == number; });
      if (found == table.columns.end()) {
        made.key.clear();
        made.notes.emplace_back(
            "a column of its primary key is computed, so that it is mirrored without a key");
        break;
      }
      made.key.push_back(static_cast<std::uint32_t>(found - table.columns.begin()));
    }
    if (table.has_children)
      made.notes.emplace_back(
          "other tables inherit from it; their rows are mirrored in those tables, not in this one");
    if (table.unlogged)
      made.notes.emplace_back("it is unlogged: a crash of the server empties it, and then its mirror");
    made.problem = WhyUnreadable(table, user);
    return made;
  }

  const std::string schema_;
};

}  // namespace

std::unique_ptr<OdbcDialect> MakeOdbcPostgres(std::string schema) {
  return std::make_unique<OdbcPostgres>(std::move(schema));
}

}  // namespace mirror
