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

/// Whether `expression` is one SQL expression over a row of `table`, `from` being what stands behind FROM: it
/// reads nothing else, has no parameters, and gives the same for the same row as far as SQLite can tell
/// before it runs (the time of the day it cannot).
///
/// Gives the names of the columns that it reads, as SQLite has them. Errors: kInvalidArgument with SQLite's
/// words for what is wrong; kUnavailable: the database is locked.
absl::StatusOr<std::set<std::string>> CheckExpression(sqlite3* database, const std::string& from,
                                                      const std::string& table,
                                                      const std::string& expression);

/// The same as one term of a WHERE.
std::string AsTerm(const std::string& expression);

/// A SQL expression over rows that are in no database: it is true of those that are to be sent. Threads: one.
class RowFilter {
 public:
  /// `table`: its name and the names of its columns are what the expression may use. Errors: see
  /// CheckExpression.
  static absl::StatusOr<RowFilter> Make(const TableSchema& table, const std::string& expression);

  /// As it travels. The expression sees what a mirror shows of it: of DATE to TIMESTAMP_TZ and UUID a text.
  void Bind(std::size_t column, const Value& value);
  /// About the row whose values were bound, which have to be there still. Errors: it cannot be evaluated.
  absl::StatusOr<bool> Matches();

 private:
  std::unique_ptr<sqlite::Connection> database_;
  sqlite::Statement statement_;
  std::vector<Column> columns_;
  std::vector<std::string> texts_;  ///< Of the present row, those of columns that have a text form.
};

/// Names of the columns that an expression over rows of `table` reads; all, where that cannot be told.
std::set<std::string> ColumnsRead(const TableSchema& table, const std::string& expression);

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_STEPS_ROW_FILTER_H_
