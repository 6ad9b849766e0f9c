#ifndef MIRROR_CLIENT_SOURCE_STEPS_ROW_FILTER_H_
#define MIRROR_CLIENT_SOURCE_STEPS_ROW_FILTER_H_

#include <sqlite3.h>

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/db/sqlite/connection.h"
#include "proto/wire/batch.h"
#include "proto/wire/table.h"

namespace mirror {

/// Checks that `expression` is one SQL expression over a row of `table`; `from` is the text after FROM. The
/// expression reads nothing else, has no parameters, and is deterministic as far as SQLite can tell before it
/// runs (it does not detect the time of day).
///
/// Returns the names of the columns that it reads, as SQLite has them. Errors: kInvalidArgument with SQLite's
/// message; kUnavailable: the database is locked.
absl::StatusOr<std::set<std::string>> CheckExpression(sqlite3* database, const std::string& from,
                                                      const std::string& table,
                                                      const std::string& expression);

/// Returns the expression as one term of a WHERE clause.
std::string AsTerm(const std::string& expression);

/// A SQL expression that selects the rows to send. It is evaluated outside of the source's database. Threads:
/// one.
class RowFilter {
 public:
  /// `table`: the expression may use its name and the names of its columns. Errors: see
  /// CheckExpression.
  static absl::StatusOr<RowFilter> Make(const TableSchema& table, const std::string& expression);

  /// Binds a value in wire form. The expression sees the mirror's form: text for UUID, DATE to TIMESTAMP_TZ.
  void Bind(std::size_t column, const Value& value);
  /// Evaluates the expression for the bound values, which must still exist. Errors: it cannot be evaluated.
  absl::StatusOr<bool> Matches();

 private:
  std::unique_ptr<sqlite::Connection> database_;
  sqlite::Statement statement_;
  std::vector<Column> columns_;
  std::vector<std::string> texts_;  ///< For the present row: texts of the columns that have a text form.
};

/// Returns the columns that an expression over rows of `table` reads; all columns if that cannot be found
/// out.
std::set<std::string> ColumnsRead(const TableSchema& table, const std::string& expression);

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_STEPS_ROW_FILTER_H_
