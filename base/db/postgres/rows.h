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

/// A row, from wherever it came: of each column its type, and its value in the binary format of that. One
/// without data is NULL; all others have some, if they are empty, too.
struct RowView {
  absl::Span<const Type> types;
  absl::Span<const std::string_view> fields;

  bool IsNull(std::size_t column) const { return fields[column].data() == nullptr; }
};

/// What a statement gave: rows in memory, or how many it changed. Rows and columns count from 0; what is
/// viewed is gone with this.
class Rows {
 public:
  Rows() = default;
  explicit Rows(Result result) : result_(std::move(result)) {}

  int rows() const;
  int columns() const;
  /// Rows that were inserted, updated, deleted, copied or selected.
  std::int64_t affected() const;
  /// "COMMIT", "UPDATE 3".
  std::string_view tag() const;

  std::string_view NameOf(int column) const;
  Type TypeOf(int column) const;
  std::vector<Type> Types() const;
  /// Whether the columns are of these types, which say how they may be read. Errors: kInternal, naming the
  /// first one that is not.
  absl::Status Require(std::initializer_list<Type> types) const;

  bool IsNull(int row, int column) const;
  /// In the binary format of its type; text and bytea as they are. NULL as nothing.
  std::string_view View(int row, int column) const;
  std::string Text(int row, int column) const { return std::string(View(row, column)); }
  /// Of bool, int2, int4, int8 and oid; 0 for NULL and other types.
  std::int64_t Int(int row, int column) const;
  bool Bool(int row, int column) const { return Int(row, column) != 0; }
  /// Of float4 and float8; 0 for NULL and other types.
  double Real(int row, int column) const;
  /// All of a row, for a RowView: `fields` has as many as there are columns then.
  void ViewRow(int row, std::vector<std::string_view>* fields) const;

 private:
  Result result_;
};

}  // namespace mirror::postgres

#endif  // MIRROR_BASE_DB_POSTGRES_ROWS_H_
