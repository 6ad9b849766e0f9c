#ifndef MIRROR_PROTO_WIRE_JSON_ROWS_H_
#define MIRROR_PROTO_WIRE_JSON_ROWS_H_

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "proto/wire/batch.h"
#include "proto/wire/table.h"

namespace mirror {

/// Writes rows of a mirrored table as JSON objects. The column's type decides the form of a value, never the
/// value itself: INT64, DECIMAL, dates, times and UUIDs are texts, in the forms of table.proto; bytes are
/// base64; infinite and undefined doubles are the texts "Infinity", "-Infinity" and "NaN"; whole numbers of
/// an ANY column are texts, too.
class JsonRows {
 public:
  /// `columns`: indexes in `table`, in the order of output. `table` must outlive this object.
  JsonRows(const TableSchema& table, const std::vector<std::uint32_t>& columns);

  /// Appends a row as an object. `views`: the columns given to the constructor, in the same order.
  void Append(std::span<const ColumnView> views, std::uint32_t row, std::string* json) const;

 private:
  const TableSchema& table_;
  /// The names as JSON texts, each with the comma before it and the colon after it.
  std::vector<std::string> names_;
};

/// Appends one value in the form that JsonRows uses.
void AppendJsonValue(const Column& column, const Value& value, std::string* json);

/// Append a number as text without quotes: the shortest text from which the same number is read.
void AppendInteger(std::int64_t value, std::string* text);
void AppendReal(double value, std::string* text);
std::string Base64(std::string_view bytes);

}  // namespace mirror

#endif  // MIRROR_PROTO_WIRE_JSON_ROWS_H_
