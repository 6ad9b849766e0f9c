// Any name, quoted, is for SQLite exactly that name: alone in a statement, as the name of a table, of a
// column and of an index, and in a trigger that writes.

#include <sqlite3.h>

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/strings/str_cat.h"
#include "base/folded_name.h"
#include "proto/wire/table.h"
#include "server/store/sqlite/file/sql.h"
#include "tests/fuzz/input.h"
#include "tests/fuzz/sqlite.h"

namespace mirror {
namespace {

sqlite3* Database() {
  static sqlite3* const kDatabase = [] {
    sqlite3* opened = nullptr;
    Require(sqlite3_open(":memory:", &opened) == SQLITE_OK);
    return opened;
  }();
  return kDatabase;
}

Stored One(const std::string& sql, const std::vector<Stored>& values = {}) {
  const std::vector<Stored> row = FirstRow(Database(), sql, values);
  return row.empty() ? Stored(Null{}) : row[0];
}

/// As a name that stands for nothing, it is a text in SQLite; as an alias it names the result.
void TryAlone(const std::string& name) {
  Require(One(absl::StrCat("SELECT ", QuoteName(name))) == Stored(name));
  sqlite3_stmt* statement = nullptr;
  const std::string sql = absl::StrCat("SELECT 1 AS ", QuoteName(name));
  Require(sqlite3_prepare_v2(Database(), sql.data(), static_cast<int>(sql.size()), &statement, nullptr) ==
          SQLITE_OK);
  Require(sqlite3_column_name(statement, 0) == name);
  sqlite3_finalize(statement);
}

TableSchema MakeTable(const std::string& name, const std::string& key, const std::string& column) {
  TableSchema table;
  table.name = name;
  Column id;
  id.name = key;
  id.type = Type::kText;
  id.key_position = 1;
  Column value;
  value.name = column;
  value.type = Type::kAny;
  value.affinity = Affinity::kBlob;
  value.nullable = true;
  table.columns = {id, value};
  return table;
}

void TryTable(const TableSchema& table) {
  const std::string name = QuoteName(table.name), key = QuoteName(table.columns[0].name),
                    column = QuoteName(table.columns[1].name);
  One("SAVEPOINT one");
  One(CreateTableSql(table.name, table));
  Require(One("SELECT name FROM sqlite_schema") == Stored(table.name));
  Require(FirstRow(Database(), "SELECT group_concat(name, char(0)), count(*) FROM pragma_table_info(?1)",
                   {table.name}) ==
          std::vector<Stored>{table.columns[0].name + std::string(1, '\0') + table.columns[1].name,
                              std::int64_t{2}});
  One(absl::StrCat("CREATE TABLE seen (value)"));
  One(absl::StrCat("CREATE TRIGGER watch AFTER INSERT ON ", name, " BEGIN INSERT INTO seen VALUES (new.",
                   column, "); END"));
  One(absl::StrCat("INSERT INTO ", name, " (", key, ", ", column, ") VALUES (?1, ?2)"),
      {std::string("k"), std::int64_t{7}});
  Require(One(absl::StrCat("SELECT ", column, " FROM ", name, " WHERE ", key, " = 'k'")) ==
          Stored(std::int64_t{7}));
  Require(One("SELECT value FROM seen") == Stored(std::int64_t{7}));
  One("ROLLBACK TO one");
  One("RELEASE one");
}

}  // namespace
}  // namespace mirror

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  mirror::Input input(data, size);
  const std::string name = input.Text(), key = input.Text(), column = input.Text();
  for (const std::string& word : {name, key, column}) {
    // NUL ends a statement, and CheckName refuses it. Of the rest, bytes that are no UTF-8 are refused too,
    // but a source's own names may have them.
    if (word.empty() || word.find('\0') != std::string::npos) return 0;
    mirror::TryAlone(word);
  }
  const mirror::TableSchema table = mirror::MakeTable(name, key, column);
  const std::string folded = mirror::FoldName(name);
  if (mirror::CheckTable(table).ok() && !folded.starts_with("sqlite_") && folded != "seen") {
    mirror::TryTable(table);
  }
  return 0;
}
