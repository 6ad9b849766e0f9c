#include <algorithm>
#include <map>

#include "absl/strings/str_cat.h"
#include "base/digest.h"
#include "base/folded_name.h"
#include "base/reserved_name.h"
#include "base/status_macros.h"
#include "client/source/odbc/odbc_dialect.h"
#include "client/source/sqlite/file/sqlite_schema.h"

namespace mirror {
namespace {

constexpr char kSqliteCatalogs[] = "reading its schema";

/// One row for each column of each table. @these: a further condition. A table that is created again may get
/// the dropped one's place in the schema and in the file; then only the schema version shows the change.
constexpr char kSqliteColumns[] =
    "SELECT l.name, l.wr, l.strict, x.name, x.type, x.\"notnull\", x.dflt_value, x.pk, x.cid, "
    "s.rowid || ' ' || s.rootpage || ' ' || v.schema_version "
    "FROM temp.pragma_table_list l JOIN temp.pragma_table_xinfo(l.name, 'main') x "
    "JOIN main.sqlite_master s ON s.type = 'table' AND s.name = l.name "
    "CROSS JOIN temp.pragma_schema_version v "
    "WHERE l.schema = 'main' AND l.type = 'table'";

/// Returns the value after a letter for its type: the driver only has texts, and reads them up to the first
/// NUL.
std::string SqliteOdbcSql(const std::string& name) {
  return absl::StrCat("CASE typeof(", name, ") WHEN 'integer' THEN 'i' || ", name,
                      // Two more digits than identify a double: SQLite's last digits are not exact.
                      " WHEN 'real' THEN 'r' || printf('%!.20g', ", name, ") WHEN 'text' THEN CASE WHEN ",
                      "instr(", name, ", char(0)) > 0 THEN 'x' || hex(CAST(", name, " AS BLOB)) ELSE 't' || ",
                      name, " END WHEN 'blob' THEN 'b' || hex(", name, ") END");
}

Type SqliteTypeOf(Affinity affinity) {
  switch (affinity) {
    case Affinity::kInteger:
      return Type::kInt64;
    case Affinity::kReal:
      return Type::kDouble;
    case Affinity::kText:
      return Type::kText;
    default:
      return Type::kAny;
  }
}

/// Properties of a table, beside its columns, that are needed to read it in pages.
struct SqliteOdbcFacts {
  bool without_rowid = false;
  std::map<std::int64_t, std::size_t> key;  ///< Places of its columns by their place in the key.
};

class OdbcSqlite : public OdbcDialect {
 public:
  const char* name() const override { return "sqlite"; }

  void AddOptions(const std::string& driver, odbc::ConnectionString* to) const override {
    if (driver.find("sqlite") == std::string::npos) return;
    to->SetUnlessGiven("Timeout", "5000");
    to->Set("NoWCHAR", "1");
  }

  absl::Status Prepare(odbc::Connection& connection) const override {
    return connection.Execute("PRAGMA query_only = ON", "pinning the session's settings");
  }

  absl::StatusOr<OdbcPlace> Look(odbc::Connection& connection) const override {
    ASSIGN_OR_RETURN(const std::string file,
                     connection.Text("SELECT file FROM temp.pragma_database_list WHERE name = 'main'",
                                     "asking which database it is"));
    OdbcPlace place;
    place.name = absl::StrCat("SQLite by ODBC, ", file);
    place.identity = absl::StrCat("odbc sqlite ", file);
    ASSIGN_OR_RETURN(const std::string encoding, connection.Text("PRAGMA encoding", "asking what it is"));
    if (encoding != "UTF-8") {
      return absl::FailedPreconditionError(
          absl::StrCat("the SQLite database has the encoding ", encoding,
                       ", and an ODBC driver may change texts in that encoding. Nothing was sent. Read it as "
                       "a source of kind 'sqlite'"));
    }
    return place;
  }

  absl::StatusOr<std::vector<OdbcTable>> Tables(odbc::Connection& connection,
                                                const std::string* only) const override {
    std::vector<odbc::Parameter> names;
    if (only != nullptr) names.emplace_back(*only);
    const std::string sql =
        absl::StrCat(kSqliteColumns, only == nullptr ? "" : " AND l.name = ?", " ORDER BY l.name, x.cid");
    std::vector<OdbcTable> all;
    SqliteOdbcFacts facts;
    RETURN_IF_ERROR(
        ForEachRow(connection.Query(sql, names, {}, kSqliteCatalogs), [&](const odbc::RowStream& row) {
          const std::string name = row.Text(0);
          if (IsReservedName(name)) return;
          if (all.empty() || all.back().name != name) {
            if (!all.empty()) Finish(facts, &all.back());
            all.emplace_back().name = name;
            facts = {row.Int(1) != 0, {}};
          }
          TakeColumn(row, &all.back(), &facts);
        }));
    if (!all.empty()) Finish(facts, &all.back());
    return all;
  }

  absl::Status Begin(odbc::Connection& connection, const OdbcTable& /*table*/) const override {
    ASSIGN_OR_RETURN(
        const std::string journal,
        connection.Text("SELECT journal_mode FROM temp.pragma_journal_mode", "beginning to read"));
    // With a rollback journal readers block writers: so only single pages are read, each on its own.
    if (journal != "wal") return absl::OkStatus();
    return connection.Execute("BEGIN", "beginning to read");
  }
  absl::Status End(odbc::Connection& connection) const override {
    // An error if there is no transaction.
    (void)connection.Execute("ROLLBACK", "ending to read");
    return absl::OkStatus();
  }
  absl::StatusOr<std::string> WriteMark(odbc::Connection& connection) const override {
    return connection.Text("SELECT data_version FROM temp.pragma_data_version",
                           "asking whether another session wrote");
  }
  std::string Limit(std::size_t rows) const override { return absl::StrCat(" LIMIT ", rows); }

 private:
  static void TakeColumn(const odbc::RowStream& row, OdbcTable* table, SqliteOdbcFacts* facts) {
    OdbcColumn& column = table->columns.emplace_back();
    table->identity = ShortDigest(row.Text(9));
    const std::string declared = row.Text(4);
    const bool strict_any = row.Int(2) != 0 && SameName(declared, "ANY");
    const Affinity affinity = strict_any ? Affinity::kBlob : AffinityOf(declared);
    Column& wire = column.wire;
    wire.name = row.Text(3);
    wire.type = SqliteTypeOf(affinity);
    if (wire.type == Type::kAny) wire.affinity = affinity;
    const std::int64_t in_key = row.Int(7);
    wire.nullable = row.Int(5) == 0 && in_key == 0;
    wire.backfill = Backfill::kUnknown;
    if (!row.IsNull(6)) wire.default_value = ParseDefault(row.Text(6), wire);
    column.number = row.Int(8) + 1;
    column.type = OdbcTypeNumber(declared);
    column.type_name = declared;
    column.name = absl::StrCat("t.", QuoteName(wire.name));
    column.wide_name = column.name;
    column.is_null = absl::StrCat(column.name, " IS NULL");
    column.form = column.wide_form = OdbcForm::kTagged;
    column.value = column.wide_value = SqliteOdbcSql(column.name);
    column.wide_affinity = affinity;
    if (in_key > 0) facts->key[in_key] = table->columns.size() - 1;
  }

  static void Finish(const SqliteOdbcFacts& facts, OdbcTable* table) {
    table->quoted = absl::StrCat("main.", QuoteName(table->name));
    table->from = absl::StrCat(table->quoted, " AS t");
    table->drops_null_key = true;
    for (const auto& [place, column] : facts.key) table->key.push_back(static_cast<std::uint32_t>(column));
    const auto is_taken = [table](std::string_view name) {
      return std::any_of(table->columns.begin(), table->columns.end(),
                         [name](const OdbcColumn& column) { return SameName(column.wire.name, name); });
    };
    if (!facts.without_rowid) {
      for (const char* const name : {"rowid", "_rowid_", "oid"}) {
        if (!is_taken(name)) {
          const std::string rowid = absl::StrCat("t.", name);
          table->pages.push_back({rowid, rowid, "?", true});
          return;
        }
      }
    }
    for (const std::uint32_t column : table->key) {
      const OdbcColumn& part = table->columns[column];
      const bool is_integer = part.wire.type == Type::kInt64;
      if (!is_integer && part.wire.type != Type::kText) {
        table->pages.clear();
        break;
      }
      table->pages.push_back({part.name, part.name, "?", is_integer});
    }
    if (table->pages.empty())
      table->notes.emplace_back(
          "it is read by one statement, and the driver may hold all its rows in memory");
  }
};

}  // namespace

std::unique_ptr<OdbcDialect> MakeOdbcSqlite() { return std::make_unique<OdbcSqlite>(); }

}  // namespace mirror
