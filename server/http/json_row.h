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

/// The key of a row as a text that KeyOfPage() takes back: of one column of TEXT the text itself, else a JSON
/// array.
std::string PageKey(const TableSchema& table, const ChangeBatch& batch, std::uint32_t row);
/// Errors: kInvalidArgument: it is no key of this table.
absl::StatusOr<Key> KeyOfPage(const TableSchema& table, const std::string& text);

}  // namespace mirror

#endif  // MIRROR_SERVER_HTTP_JSON_ROW_H_
