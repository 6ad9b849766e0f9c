#include "tests/support/random_application.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "tests/support/kept_tables.h"

namespace mirror {
namespace {

constexpr std::size_t kStepsKept = 60;
constexpr std::size_t kTablesMin = 4, kTablesMax = 8;
constexpr int kBusyMs = 1'000;

std::string Text(sqlite3_stmt* row, int column) {
  const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(row, column));
  return text == nullptr ? "" : text;
}

/// "%" is the table's name.
constexpr const char* kTemplates[] = {
    "CREATE TABLE %(id INTEGER PRIMARY KEY, a TEXT, b REAL, c)",
    "CREATE TABLE %(k TEXT COLLATE NOCASE, n INTEGER, v, w TEXT, PRIMARY KEY(k, n)) WITHOUT ROWID",
    "CREATE TABLE %(k PRIMARY KEY, v TEXT)",
    "CREATE TABLE %(k TEXT PRIMARY KEY, u INTEGER UNIQUE, v)",
    "CREATE TABLE %(a, b TEXT)",
    "CREATE TABLE %(id INTEGER PRIMARY KEY, x ANY, y TEXT NOT NULL DEFAULT 'd', z INT) STRICT",
    "CREATE TABLE %(id INTEGER PRIMARY KEY, e TEXT COLLATE NOCASE UNIQUE, f NUMERIC, UNIQUE(f, e))",
    "CREATE TABLE %(id INTEGER PRIMARY KEY, s TEXT, t); CREATE UNIQUE INDEX %_lower ON %(lower(s))",
    "CREATE TABLE %(id INTEGER PRIMARY KEY, a INTEGER, g INTEGER AS (a * 2) VIRTUAL, h TEXT AS (a || 'x') "
    "STORED)",
    "CREATE TABLE %(k NUMERIC PRIMARY KEY NOT NULL, v BLOB)",
    "CREATE TABLE %(id INTEGER PRIMARY KEY AUTOINCREMENT, p TEXT, q UNIQUE); CREATE UNIQUE INDEX %_part ON "
    "%(p) WHERE p IS NOT NULL",
    "CREATE TABLE %(k COLLATE NOCASE PRIMARY KEY, u TEXT UNIQUE, v) WITHOUT ROWID",
    "CREATE TABLE %(id INTEGER PRIMARY KEY, r INTEGER REFERENCES t1(id) ON DELETE CASCADE ON UPDATE SET "
    "NULL)",
    "WIDE",
};

std::string Named(std::string sql, const std::string& name) {
  for (std::size_t at = 0; (at = sql.find('%', at)) != std::string::npos; at += name.size()) {
    sql.replace(at, 1, name);
  }
  return sql;
}

}  // namespace

void RandomApplication::Note(std::string step) {
  history_.push_back(step);
  Remark(std::move(step));
}

void RandomApplication::Remark(std::string words) {
  if (steps_.size() == kStepsKept) steps_.pop_front();
  steps_.push_back(std::move(words));
}

std::string RandomApplication::LastSteps() const {
  return absl::StrCat("the last steps:\n  ", absl::StrJoin(steps_, "\n  "), "\n");
}

std::string RandomApplication::Act() {
  sqlite3_open(path_.c_str(), &database_);
  sqlite3_busy_timeout(database_, kBusyMs);
  std::string wrong = Run("PRAGMA synchronous = OFF");
  if (OneIn(4)) Run("PRAGMA foreign_keys = ON");
  if (OneIn(6)) Run("PRAGMA recursive_triggers = ON");
  const bool together = OneIn(2);
  if (together) Run("BEGIN IMMEDIATE");
  for (std::uint64_t left = 1 + Below(5); left > 0 && wrong.empty(); --left) wrong = Change(Look());
  if (together && wrong.empty()) wrong = Run(OneIn(5) ? "ROLLBACK" : "COMMIT");
  sqlite3_close(database_);
  return wrong;
}

std::string RandomApplication::Run(const std::string& sql) {
  char* message = nullptr;
  const int code = sqlite3_exec(database_, sql.c_str(), nullptr, nullptr, &message);
  const std::string words = message == nullptr ? "" : message;
  sqlite3_free(message);
  const bool asks = sql.starts_with("PRAGMA s") || sql.starts_with("PRAGMA f") || sql.starts_with("PRAGMA r");
  if (!asks) Note(code == SQLITE_OK ? sql.substr(0, 300) : absl::StrCat(sql.substr(0, 300), " -- ", words));
  if (code == SQLITE_OK) return "";
  const bool ours =
      words.find("_mirror_") != std::string::npos && sql.find("DROP COLUMN") == std::string::npos;
  if (!ours && code != SQLITE_BUSY && code != SQLITE_CORRUPT && code != SQLITE_IOERR) return "";
  // A change of the journal's mode waits for nobody.
  if (code == SQLITE_BUSY && (sql.starts_with("PRAGMA journal") || sql == "VACUUM")) return "";
  return absl::StrCat("the application was disturbed: ", words, "\n", sql);
}

std::vector<RandomApplication::Table> RandomApplication::Look() {
  std::vector<Table> tables;
  sqlite3_stmt* row = nullptr;
  sqlite3_prepare_v2(
      database_,
      "SELECT l.name, x.name, x.pk, x.hidden FROM pragma_table_list AS l, "
      "pragma_table_xinfo(l.name) AS x WHERE l.schema = 'main' AND l.type = 'table' AND l.name "
      "NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND l.name NOT LIKE '\\_mirror\\_%' ESCAPE '\\' ORDER "
      "BY l.name, x.cid",
      -1, &row, nullptr);
  while (sqlite3_step(row) == SQLITE_ROW) {
    if (tables.empty() || tables.back().name != Text(row, 0)) tables.push_back({Text(row, 0), {}, {}});
    if (sqlite3_column_int(row, 3) == 0) tables.back().columns.push_back(Text(row, 1));
    if (sqlite3_column_int(row, 2) != 0) tables.back().key.push_back(Text(row, 1));
  }
  sqlite3_finalize(row);
  return tables;
}

/// Its definition stays.
bool RandomApplication::IsKept(const Table& table) { return absl::StartsWith(table.name, kKeptPrefix); }

std::string RandomApplication::Change(const std::vector<Table>& tables) {
  const auto kept = static_cast<std::size_t>(std::count_if(tables.begin(), tables.end(), IsKept));
  const std::size_t own = tables.size() - kept;
  if (own < kTablesMin || (own < kTablesMax && OneIn(12))) return Run(NewTable());
  const Table& table = tables[Below(tables.size())];
  const std::uint64_t what = Below(100);
  if (what < 86) return ChangeRows(table);
  if (what < 97 && IsKept(table)) return what < 96 ? ChangeRows(table) : Bulk(table);
  if (what < 95) return AlterTable(table);
  if (what < 96) return Bulk(table);
  if (what < 97) return own > 2 ? Run("DROP TABLE " + table.name) : "";
  if (what < 98) return Run("VACUUM");
  return Run(OneIn(2) ? "PRAGMA journal_mode = WAL" : "PRAGMA journal_mode = DELETE");
}

std::string RandomApplication::Value() {
  switch (Below(20)) {
    case 0:
    case 1:
      return "NULL";
    case 2:
      return "1.0";
    case 3:
      return "0.5";
    case 4:
      return "''";
    case 5:
      return "x''";
    case 6:
      return "x'00ff'";
    case 7:
      return "CAST(x'610062' AS TEXT)";
    case 8:
      return "CAST(x'ff61' AS TEXT)";
    case 9:
      return "9007199254740993";
    case 10:
      return absl::StrCat("printf('%.", 200 + Below(3'000), "c', 'x')");
    case 11:
      return "'1'";
    case 12:
      return "'007'";
    case 13:
      return "'\xc3\xa9t\xc3\xa9'";
    case 14:
    case 15:
      return absl::StrCat("'", std::string(1, static_cast<char>('a' + Below(6))), "'");
    case 16:
      return absl::StrCat("'", std::string(1, static_cast<char>('A' + Below(6))), "'");
    default:
      return absl::StrCat(Below(12));
  }
}

std::string RandomApplication::KeyValue() {
  switch (Below(20)) {
    case 0:
      return OneIn(4) ? "NULL" : "3.0";
    case 1:
      return absl::StrCat(Below(9), ".0");
    case 2:
      return absl::StrCat("'", std::string(1, static_cast<char>('A' + Below(4))), "'");
    case 3:
    case 4:
      return absl::StrCat("'", std::string(1, static_cast<char>('a' + Below(4))), "'");
    case 5:
      return absl::StrCat("'", Below(9), "'");
    case 6:
      return OneIn(3) ? "x'31'" : "-5";
    default:
      return absl::StrCat(Below(15));
  }
}

std::string RandomApplication::ValueOf(const Table& table, const std::string& column) {
  const bool in_key = std::find(table.key.begin(), table.key.end(), column) != table.key.end();
  return in_key ? KeyValue() : Value();
}

std::string RandomApplication::Where(const Table& table) {
  if (OneIn(25)) return "";
  const std::string& column = OneIn(3) || table.key.empty() ? Any(table.columns) : Any(table.key);
  const char* const operators[] = {" = ", " = ", " IS ", " < ", " > "};
  return absl::StrCat(" WHERE ", column, operators[Below(5)], ValueOf(table, column));
}

std::string RandomApplication::Insert(const Table& table) {
  const char* const kinds[] = {"INSERT", "INSERT", "INSERT OR REPLACE", "INSERT OR REPLACE",
                               "INSERT OR IGNORE"};
  std::vector<std::string> columns;
  for (const std::string& column : table.columns) {
    if (!OneIn(6)) columns.push_back(column);
  }
  if (columns.empty()) columns = table.columns;
  std::vector<std::string> rows;
  for (std::uint64_t left = 1 + Below(3); left > 0; --left) {
    std::vector<std::string> values;
    for (const std::string& column : columns) values.push_back(ValueOf(table, column));
    rows.push_back(absl::StrCat("(", absl::StrJoin(values, ", "), ")"));
  }
  const std::string into = absl::StrCat(" INTO ", table.name, "(", absl::StrJoin(columns, ", "), ") VALUES ",
                                        absl::StrJoin(rows, ", "));
  if (!OneIn(4)) return kinds[Below(5)] + into;
  if (table.key.empty() || OneIn(3)) return absl::StrCat("INSERT", into, " ON CONFLICT DO NOTHING");
  const std::string& set = Any(table.columns);
  return absl::StrCat("INSERT", into, " ON CONFLICT(", absl::StrJoin(table.key, ", "), ") DO UPDATE SET ",
                      set, " = ", OneIn(2) ? "excluded." + set : ValueOf(table, set));
}

std::string RandomApplication::ChangeRows(const Table& table) {
  const std::uint64_t what = Below(10);
  if (what < 5) return Run(Insert(table));
  if (what < 6) return Run(absl::StrCat("DELETE FROM ", table.name, Where(table)));
  const std::string& column = OneIn(4) && !table.key.empty() ? Any(table.key) : Any(table.columns);
  const char* const kinds[] = {"UPDATE ", "UPDATE ", "UPDATE OR REPLACE ", "UPDATE OR IGNORE "};
  const std::string value = OneIn(8) ? absl::StrCat("upper(", column, ")") : ValueOf(table, column);
  return Run(absl::StrCat(kinds[Below(4)], table.name, " SET ", column, " = ", value, Where(table)));
}

std::string RandomApplication::Bulk(const Table& table) {
  if (table.key.size() != 1 || OneIn(3)) return Run("DELETE FROM " + table.name);
  return Run(absl::StrCat("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ",
                          500 + Below(2'200), ") INSERT OR REPLACE INTO ", table.name, "(", table.key[0],
                          ") SELECT i FROM n"));
}

std::string RandomApplication::NewTable() {
  const std::string name = absl::StrCat("t", Below(9));
  const char* const chosen = kTemplates[Below(std::size(kTemplates))];
  if (std::string(chosen) != "WIDE") return Named(chosen, name);
  std::string sql = absl::StrCat("CREATE TABLE ", name, "(id INTEGER PRIMARY KEY");
  for (int i = 0; i < 70; ++i) absl::StrAppend(&sql, ", w", i);
  return sql + ")";
}

std::string RandomApplication::Rebuild(const Table& table) {
  std::string definition;
  sqlite3_stmt* row = nullptr;
  sqlite3_prepare_v2(database_, "SELECT sql FROM sqlite_schema WHERE type = 'table' AND name = ?1", -1, &row,
                     nullptr);
  sqlite3_bind_text(row, 1, table.name.c_str(), -1, SQLITE_TRANSIENT);
  if (sqlite3_step(row) == SQLITE_ROW) definition = Text(row, 0);
  sqlite3_finalize(row);
  const std::size_t paren = definition.find('(');
  if (paren == std::string::npos) return "";
  const std::string columns = absl::StrJoin(table.columns, ", ");
  // What a tool for migrations does. A part of the rows may be gone after it.
  const bool own = sqlite3_get_autocommit(database_) != 0;
  return Run(absl::StrCat(own ? "BEGIN; " : "", "CREATE TABLE rebuilt", definition.substr(paren),
                          "; INSERT INTO rebuilt(", columns, ") SELECT ", columns, " FROM ", table.name,
                          OneIn(3) ? Where(table) : "", "; DROP TABLE ", table.name,
                          "; ALTER TABLE rebuilt RENAME TO ", table.name, own ? "; COMMIT" : ""));
}

std::string RandomApplication::AlterTable(const Table& table) {
  const std::string name = absl::StrCat("n", ++names_);
  const char* const defaults[] = {"",         " DEFAULT 7", " TEXT DEFAULT 'x'",
                                  " INTEGER", " TEXT",      " REAL DEFAULT 1"};
  switch (Below(9)) {
    case 0:
    case 1:
      if (table.columns.size() > 9 && table.columns.size() < 60) return "";
      return Run(absl::StrCat("ALTER TABLE ", table.name, " ADD COLUMN ", name, defaults[Below(6)]));
    case 2:
      return Run(
          absl::StrCat("ALTER TABLE ", table.name, " RENAME COLUMN ", Any(table.columns), " TO ", name));
    case 3:
      return Run(absl::StrCat("ALTER TABLE ", table.name, " DROP COLUMN ", table.columns.back()));
    case 4:
      return Run(absl::StrCat("ALTER TABLE ", table.name, " RENAME TO t", Below(9)));
    case 5:
      return Run(absl::StrCat("CREATE ", OneIn(2) ? "UNIQUE " : "", "INDEX i", Below(6), " ON ", table.name,
                              "(", Any(table.columns), ")"));
    case 6:
      return Run(absl::StrCat("DROP INDEX i", Below(6)));
    case 7:
      // SQLite does not take back what a statement did before a trigger of it failed with "datatype
      // mismatch"; a row that stands there all the same was seen by no trigger that would have come later.
      if (table.columns.back() == "id") return Run(absl::StrCat("DROP INDEX i", Below(6)));
      return Run(absl::StrCat("CREATE TRIGGER own", Below(3), " AFTER INSERT ON ", table.name,
                              " BEGIN UPDATE ", table.name, " SET ", table.columns.back(),
                              " = 'own' WHERE rowid = new.rowid; "
                              "END"));
    default:
      return Rebuild(table);
  }
}

}  // namespace mirror
