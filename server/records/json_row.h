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

/// A value of a key; it looks into `part`.
Value ValueOf(const KeyPart& part);
/// A key as a JSON array, which KeyOfPage() takes back but for one column of TEXT. `columns`: those of the
/// key, in its order.
void AppendJsonKey(const std::vector<Column>& columns, const Key& key, std::string* json);

/// The key of a row as a text that KeyOfPage() takes back: of one column of TEXT the text itself, else a JSON
/// array.
std::string PageKey(const TableSchema& table, const ChangeBatch& batch, std::uint32_t row);
/// Errors: kInvalidArgument: it is no key of this table.
absl::StatusOr<Key> KeyOfPage(const TableSchema& table, const std::string& text);
/// One value of a key. Absent: it is none of this column, or the column is ANY, whose values no text tells
/// apart.
std::optional<KeyPart> KeyPartOf(const Column& column, std::string_view text);

}  // namespace mirror

#endif  // MIRROR_SERVER_RECORDS_JSON_ROW_H_
