#ifndef MIRROR_SERVER_HTTP_JSON_ROW_H_
#define MIRROR_SERVER_HTTP_JSON_ROW_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "proto/wire/batch.h"
#include "proto/wire/key_range.h"
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

  /// `batch` has these columns, in that order.
  void Append(const ChangeBatch& batch, std::uint32_t row, std::string* json) const;

 private:
  const TableSchema& table_;
  std::vector<std::string> names_;  ///< As JSON, with the comma before and the colon behind.
};

/// The key of a row as a text that KeyOfPage() takes back: of one column of TEXT the text itself, else a JSON
/// array.
std::string PageKey(const TableSchema& table, const ChangeBatch& batch, std::uint32_t row);
/// Errors: kInvalidArgument: it is no key of this table.
absl::StatusOr<Key> KeyOfPage(const TableSchema& table, const std::string& text);

}  // namespace mirror

#endif  // MIRROR_SERVER_HTTP_JSON_ROW_H_
