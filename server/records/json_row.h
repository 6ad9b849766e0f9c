#ifndef MIRROR_SERVER_RECORDS_JSON_ROW_H_
#define MIRROR_SERVER_RECORDS_JSON_ROW_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "proto/wire/batch.h"
#include "proto/wire/key_range.h"
#include "proto/wire/table.h"

namespace mirror {

/// Returns the value of a key part; it points into `part`.
Value ValueOf(const KeyPart& part);
/// Appends a key as a JSON array. KeyOfPage() accepts it, except for a key of one TEXT column.
/// `columns`: the columns of the key, in key order.
void AppendJsonKey(const std::vector<Column>& columns, const Key& key, std::string* json);

/// Returns the key of a row as a text that KeyOfPage() accepts:
/// for one column of TEXT the text itself, else a JSON array.
std::string PageKey(const TableSchema& table, const ChangeBatch& batch, std::uint32_t row);
/// Errors: kInvalidArgument: the text is not a key of this table.
absl::StatusOr<Key> KeyOfPage(const TableSchema& table, const std::string& text);
/// Parses one value of a key. Absent: it is not a value of this column,
/// or the column is ANY, whose values cannot be told apart as text.
std::optional<KeyPart> KeyPartOf(const Column& column, std::string_view text);

}  // namespace mirror

#endif  // MIRROR_SERVER_RECORDS_JSON_ROW_H_
