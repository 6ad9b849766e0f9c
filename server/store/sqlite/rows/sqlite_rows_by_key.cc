#include "server/store/sqlite/rows/sqlite_rows_by_key.h"

#include <sqlite3.h>

#include <cstdint>
#include <numeric>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "server/store/live_rows.h"
#include "server/store/sqlite/file/sql.h"
#include "server/store/sqlite/rows/sqlite_stored_row.h"

namespace mirror {

absl::StatusOr<RowBlock> ReadRowsByKey(SqliteConnection& connection, const TableSchema& kept,
                                       const std::vector<std::string>& keys, std::uint64_t bytes_max) {
  RowBlock block = RowBlock::ForAll(kept);
  std::vector<std::uint32_t> columns(kept.columns.size());
  std::iota(columns.begin(), columns.end(), 0U);
  std::string sql = absl::StrCat("SELECT ", NameList(kept, columns), " FROM ", QuoteName(kept.name),
                                 " WHERE ", NameList(kept, kept.Key()), " = ?1");
  if (const std::string live = LiveRows(kept, ""); !live.empty()) absl::StrAppend(&sql, " AND ", live);
  ASSIGN_OR_RETURN(sqlite3_stmt* const found, connection.Statement(sql));
  sqlite3_stmt* const statement = found;
  absl::Status status;
  for (const std::string& key : keys) {
    sqlite3_bind_text64(statement, 1, key.data(), key.size(), SQLITE_STATIC, SQLITE_UTF8);
    int code = SQLITE_ROW;
    while (status.ok() && (code = sqlite3_step(statement)) == SQLITE_ROW) {
      status = AppendStoredRow(kept, statement, &block);
    }
    if (status.ok() && keys.size() > 1 && block.bytes() > bytes_max) status = TooManyBytes(kept, bytes_max);
    if (status.ok() && code != SQLITE_DONE) {
      status = connection.ToStatus(code, absl::StrCat("reading table '", kept.name, "'"));
    }
    sqlite3_reset(statement);
    if (!status.ok()) break;
  }
  sqlite3_clear_bindings(statement);
  if (!status.ok()) return status;
  return block;
}

}  // namespace mirror
