#include "server/store/sqlite/rows/sqlite_alter.h"

#include <sqlite3.h>

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "proto/wire/table.h"

namespace mirror {
namespace {

/// Allows text in double quotes, as the sqlite3 program does, because the partner's definitions may have it.
/// This store's own statements have only columns and types there, which cannot be taken for text. SQLite
/// reads the other definitions without this setting when a column is dropped.
class TextInDoubleQuotes {
 public:
  explicit TextInDoubleQuotes(SqliteConnection& connection) : db_(connection.handle()) { Set(1); }
  ~TextInDoubleQuotes() { Set(0); }
  TextInDoubleQuotes(const TextInDoubleQuotes&) = delete;
  TextInDoubleQuotes& operator=(const TextInDoubleQuotes&) = delete;

 private:
  void Set(int on) {
    sqlite3_db_config(db_, SQLITE_DBCONFIG_DQS_DDL, on, nullptr);
    sqlite3_db_config(db_, SQLITE_DBCONFIG_DQS_DML, on, nullptr);
  }
  sqlite3* const db_;
};

/// Limits up to which a copy is faster than a rename, for which SQLite reads all definitions of a file with
/// many tables.
constexpr int kCopiedRowsMax = 500;
constexpr std::int64_t kCopiedBytesMax = 64 << 10;

/// Reads rows until there are too many. The writer has no access to a table's number of pages, see
/// GuardSchema.
absl::StatusOr<bool> IsSmall(SqliteConnection& connection, const std::string& table) {
  sqlite::Statement rows =
      connection.database().Prepare(absl::StrCat("SELECT * FROM main.", QuoteName(table)), "the mirror");
  int count = 0;
  std::int64_t bytes = 0;
  absl::StatusOr<bool> row = rows.Step();
  for (; row.ok() && *row; row = rows.Step()) {
    for (int i = 0; i < rows.columns(); ++i) {
      const bool sized = rows.TypeAt(i) == sqlite::Type::kText || rows.TypeAt(i) == sqlite::Type::kBlob;
      bytes += sized ? sqlite3_column_bytes(rows.get(), i) : std::int64_t{sizeof(std::int64_t)};
    }
    if (++count > kCopiedRowsMax || bytes > kCopiedBytesMax) return false;
  }
  if (!row.ok()) return row.status();
  return true;
}

/// Copies the rows. For this SQLite reads only the table's own definition.
absl::Status CopyTable(SqliteConnection& connection, const std::string& from, const std::string& to) {
  ASSIGN_OR_RETURN(const std::optional<Definition> table, FindTable(connection, from));
  if (!table || !IsOurs(*table)) {
    return absl::FailedPreconditionError(absl::StrCat(
        "table '", from, "' was made by somebody else and cannot be renamed. Rename or drop it."));
  }
  const std::size_t head = absl::StrCat("CREATE TABLE ", QuoteName(table->name)).size();
  const std::string source = QuoteName(from), target = QuoteName(to);
  for (const std::string& sql : {absl::StrCat("CREATE TABLE ", target, table->sql.substr(head)),
                                 absl::StrCat("INSERT INTO ", target, " SELECT * FROM ", source),
                                 absl::StrCat("DROP TABLE ", source)}) {
    RETURN_IF_ERROR(connection.Execute(sql));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::optional<Definition>> FindTable(SqliteConnection& connection, const std::string& name) {
  ASSIGN_OR_RETURN(
      Query query,
      connection.Prepare(
          "SELECT name, sql FROM sqlite_schema WHERE type = 'table' AND name = ?1 COLLATE NOCASE"));
  ASSIGN_OR_RETURN(const bool row, query.Bind(1, name).Step());
  if (!row) return std::nullopt;
  return Definition{query.Text(0), query.Text(1)};
}

bool IsOurs(const Definition& table) {
  const std::string begin = absl::StrCat("CREATE TABLE ", QuoteName(table.name));
  return absl::StartsWith(table.sql, begin + " ") || absl::StartsWith(table.sql, begin + "(");
}

absl::Status AlterColumns(SqliteConnection& connection, const std::string& sql) {
  const TextInDoubleQuotes as_written(connection);
  absl::Status altered = connection.Execute(sql);
  const std::string_view said = sqlite3_errmsg(connection.handle());
  if (!absl::IsFailedPrecondition(altered) || said != sqlite3_errstr(SQLITE_ERROR)) return altered;
  // SQLite names the definition that it cannot read only if it has to check all definitions.
  absl::Status told = connection.Execute("PRAGMA legacy_alter_table = OFF");
  if (told.ok()) altered = connection.Execute(sql);
  told.Update(connection.Execute("PRAGMA legacy_alter_table = ON"));
  return told.ok() ? altered : told;
}

absl::Status RenameTable(SqliteConnection& connection, const std::string& from, const std::string& to) {
  const TextInDoubleQuotes as_written(connection);
  return connection.Execute(absl::StrCat("ALTER TABLE ", QuoteName(from), " RENAME TO ", QuoteName(to)));
}

absl::Status MoveTable(SqliteConnection& connection, const std::string& from, const std::string& to) {
  absl::Status renamed = RenameTable(connection, from, to);
  return absl::IsFailedPrecondition(renamed) ? CopyTable(connection, from, to) : renamed;
}

absl::Status MoveShadow(SqliteConnection& connection, const std::string& from, const std::string& to) {
  ASSIGN_OR_RETURN(const bool small, IsSmall(connection, from));
  return small ? CopyTable(connection, from, to) : MoveTable(connection, from, to);
}

}  // namespace mirror
