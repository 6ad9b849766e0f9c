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

/// Rows of a mirrored table as JSON objects, by their columns' types and never by a value: INT64 and DECIMAL
/// are texts, as dates, times and UUIDs are, in the forms of table.proto; bytes are base64; infinite and
/// undefined doubles are the texts "Infinity", "-Infinity" and "NaN"; whole numbers of an ANY column are
/// texts, too.
class JsonRows {
 public:
  /// `columns` of `table`, in that order. It outlives this.
  JsonRows(const TableSchema& table, const std::vector<std::uint32_t>& columns);

  /// `views`: these columns, in that order.
  void Append(std::span<const ColumnView> views, std::uint32_t row, std::string* json) const;

 private:
  const TableSchema& table_;
  std::vector<std::string> names_;  ///< As JSON, with the comma before and the colon behind.
};

/// One value in that form.
void AppendJsonValue(const Column& column, const Value& value, std::string* json);

/// The texts of numbers in it, without quotes: the shortest that give the same number again.
void AppendInteger(std::int64_t value, std::string* text);
void AppendReal(double value, std::string* text);
std::string Base64(std::string_view bytes);

}  // namespace mirror

#endif  // MIRROR_PROTO_WIRE_JSON_ROWS_H_
