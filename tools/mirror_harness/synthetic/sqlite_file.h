#ifndef MIRROR_TOOLS_MIRROR_HARNESS_SYNTHETIC_SQLITE_FILE_H_
#define MIRROR_TOOLS_MIRROR_HARNESS_SYNTHETIC_SQLITE_FILE_H_

#include <sqlite3.h>

#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace mirror::harness {

struct CloseDatabase {
  void operator()(sqlite3* database) const { sqlite3_close_v2(database); }
};
struct EndStatement {
  void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
};
using Database = std::unique_ptr<sqlite3, CloseDatabase>;
using Statement = std::unique_ptr<sqlite3_stmt, EndStatement>;

/// `flags` as of sqlite3_open_v2. Errors: kUnavailable with path and SQLite's words, as those below.
absl::StatusOr<Database> OpenDatabase(const std::string& path, int flags);
absl::StatusOr<Statement> Prepare(sqlite3* database, const std::string& sql);
absl::Status Execute(sqlite3* database, const std::string& sql);
/// "name" with its quotes, whatever is in it.
std::string Quoted(std::string_view name);

}  // namespace mirror::harness

#endif  // MIRROR_TOOLS_MIRROR_HARNESS_SYNTHETIC_SQLITE_FILE_H_
