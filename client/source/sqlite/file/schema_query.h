#ifndef MIRROR_CLIENT_SOURCE_SQLITE_FILE_SCHEMA_QUERY_H_
#define MIRROR_CLIENT_SOURCE_SQLITE_FILE_SCHEMA_QUERY_H_

#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "client/source/sqlite/file/sqlite_file.h"

// What the PRAGMAs say of one table, row by row.

namespace mirror {

/// Runs `sql` with `table` as its only parameter, or with none where that is empty, and calls `row` for each
/// row.
template <typename Row>
absl::Status ForEachRow(const SqliteFile& file, const std::string& sql, const std::string& table,
                        const Row& row) {
  ASSIGN_OR_RETURN(sqlite::Statement statement, file.Prepare(sql));
  statement.SetDoing(table.empty() ? "reading its schema" : absl::StrCat("reading table '", table, "'"));
  if (!table.empty()) statement.Bind(1, table);
  absl::StatusOr<bool> more = statement.Step();
  for (; more.ok() && *more; more = statement.Step()) row(statement);
  return more.status();
}

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_SQLITE_FILE_SCHEMA_QUERY_H_
