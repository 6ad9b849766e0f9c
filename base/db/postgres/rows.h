#ifndef MIRROR_BASE_DB_POSTGRES_ROWS_H_
#define MIRROR_BASE_DB_POSTGRES_ROWS_H_

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "base/db/postgres/line.h"
#include "base/db/postgres/value.h"

namespace mirror::postgres {

/// A row, independent of its origin: the type of each column, and the value in that type's binary format. A
/// view without data is NULL; all other values have data, also empty ones.
struct RowView {
  absl::Span<const Type> types;
  absl::Span<const std::string_view> fields;

  bool IsNull(std::size_t column) const { return fields[column].data() == nullptr; }
};

/// The result of a statement: rows in memory, or the number of changed rows. Rows and columns count from 0;
/// views are valid as long as this object.
class Rows {
 public:
  Rows() = default;
  explicit Rows(Result result) : result_(std::move(result)) {}

  int rows() const;
  int columns() const;
  /// Returns the number of rows that were inserted, updated, deleted, copied or selected.
  std::int64_t affected() const;
  /// Returns the command tag: "COMMIT", "UPDATE 3".
  std::string_view tag() const;

  std::string_view NameOf(int column) const;
  Type TypeOf(int column) const;
  std::vector<Type> Types() const;
  /// Checks that the columns have these types, for which the caller's code is written. Errors: kInternal: the
  /// message names the first column with another type.
  absl::Status Require(std::initializer_list<Type> types) const;

  bool IsNull(int row, int column) const;
  /// Returns a value in the binary format of its type; text and bytea unchanged. NULL is an empty view.
  std::string_view View(int row, int column) const;
  std::string Text(int row, int column) const { return std::string(View(row, column)); }
  /// Returns the Text() of this column for all rows.
  std::vector<std::string> Texts(int column) const;
  /// Returns a bool, int2, int4, int8 or oid; 0 for NULL and other types.
  std::int64_t Int(int row, int column) const;
  bool Bool(int row, int column) const { return Int(row, column) != 0; }
  /// Returns a float4 or float8; 0 for NULL and other types.
  double Real(int row, int column) const;
  /// Writes all values of a row into `fields`, one for each column, for a RowView.
  void ViewRow(int row, std::vector<std::string_view>* fields) const;

 private:
  Result result_;
};

}  // namespace mirror::postgres

#endif  // MIRROR_BASE_DB_POSTGRES_ROWS_H_
