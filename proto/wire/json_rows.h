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

/// Rows of a mirrored table as JSON objects. Each value is written by its column's type, never by its
/// content: INT64, DECIMAL, dates, times and UUIDs are texts, in the forms of table.proto; bytes are base64;
/// infinite and undefined doubles are the texts "Infinity", "-Infinity" and "NaN"; whole numbers of an ANY
/// column are texts, too.
class JsonRows {
 public:
  /// `columns` are indexes in `table`, in order of output. `table` must outlive this object.
  JsonRows(const TableSchema& table, const std::vector<std::uint32_t>& columns);

  /// `views`: the same columns, in the same order.
  void Append(std::span<const ColumnView> views, std::uint32_t row, std::string* json) const;

 private:
  const TableSchema& table_;
  std::vector<std::string> names_;  ///< JSON text, with the comma before and the colon after it.
};

/// Appends one value in the same form.
void AppendJsonValue(const Column& column, const Value& value, std::string* json);

/// Append the texts of numbers, without quotes: the shortest ones that read back as the same number.
void AppendInteger(std::int64_t value, std::string* text);
void AppendReal(double value, std::string* text);
std::string Base64(std::string_view bytes);

}  // namespace mirror

#endif  // MIRROR_PROTO_WIRE_JSON_ROWS_H_
