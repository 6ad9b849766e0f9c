#ifndef MIRROR_SERVER_STORE_SQLITE_ROWS_SQLITE_RANGE_H_
#define MIRROR_SERVER_STORE_SQLITE_ROWS_SQLITE_RANGE_H_

#include <functional>
#include <string>

#include "absl/status/status.h"
#include "proto/wire/key_range.h"
#include "proto/wire/table.h"
#include "server/store/sqlite/file/sqlite_connection.h"

namespace mirror {

/// A query for the live rows in key ranges of one table. It prepares one statement for each combination of
/// bounds.
class RangeSelect {
 public:
  /// `select`: SQL of what to read from each row. `with`: SQL before the statement, which may redefine the
  /// table's name. All arguments must outlive this object.
  RangeSelect(SqliteConnection& connection, const TableSchema& table, const std::string& select,
              bool in_key_order, const std::string& with = "");

  /// Calls `take` for each row of the range. An error of `take` ends the read.
  absl::Status Run(const KeyRange& range, const std::function<absl::Status(sqlite3_stmt*)>& take);
  /// Calls `take` for each row of one key. `order`: SQL to append to the condition.
  absl::Status RunOne(const Key& key, const std::string& order,
                      const std::function<absl::Status(sqlite3_stmt*)>& take);

 private:
  std::string Sql(const KeyRange& range) const;
  absl::Status Step(const std::string& sql, const Key& first, const Key& last,
                    const std::function<absl::Status(sqlite3_stmt*)>& take);
  void BindKey(sqlite3_stmt* statement, const Key& key, int first) const;

  SqliteConnection& connection_;
  const TableSchema& table_;
  const std::vector<std::uint32_t> key_;
  const std::string select_, with_;
  const bool in_key_order_;
};

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_SQLITE_ROWS_SQLITE_RANGE_H_
