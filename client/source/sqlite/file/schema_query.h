#ifndef MIRROR_CLIENT_SOURCE_SQLITE_FILE_SCHEMA_QUERY_H_
#define MIRROR_CLIENT_SOURCE_SQLITE_FILE_SCHEMA_QUERY_H_

#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "client/source/sqlite/file/sqlite_file.h"

// What the PRAGMAs say of one table, row by row.

namespace mirror {

inline std::string ColumnText(const Statement& row, int column) {
  const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(row.get(), column));
  return text == nullptr
             ? ""
             : std::string(text, static_cast<std::size_t>(sqlite3_column_bytes(row.get(), column)));
}

/// Runs `sql` with `table` as its only parameter, or with none where that is empty, and calls `row` for each
/// row.
template <typename Row>
absl::Status ForEachRow(const SqliteFile& file, const std::string& sql, const std::string& table,
                        const Row& row) {
  const absl::StatusOr<Statement> statement = file.Prepare(sql);
  if (!statement.ok()) return statement.status();
  if (!table.empty()) {
    sqlite3_bind_text(statement->get(), 1, table.data(), static_cast<int>(table.size()), SQLITE_STATIC);
  }
  int code = SQLITE_ROW;
  while ((code = sqlite3_step(statement->get())) == SQLITE_ROW) row(*statement);
  if (code == SQLITE_DONE) return absl::OkStatus();
  return file.Error(code, table.empty() ? "reading its schema" : absl::StrCat("reading table '", table, "'"));
}

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_SQLITE_FILE_SCHEMA_QUERY_H_
