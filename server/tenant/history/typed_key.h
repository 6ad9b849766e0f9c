#ifndef MIRROR_SERVER_TENANT_HISTORY_TYPED_KEY_H_
#define MIRROR_SERVER_TENANT_HISTORY_TYPED_KEY_H_

#include <string_view>

#include "absl/status/statusor.h"
#include "proto/wire/key_range.h"
#include "proto/wire/table.h"

namespace mirror {

/// A key as a person types it: values as SQL has them, "17", "'Ada', 3", "x'00ff'", or a JSON array of them;
/// the quotes may be left out of the only column. Errors: kInvalidArgument, which says how many columns of
/// which types the key has, and never what was typed.
absl::StatusOr<Key> ParseTypedKey(const TableSchema& table, std::string_view text);

}  // namespace mirror

#endif  // MIRROR_SERVER_TENANT_HISTORY_TYPED_KEY_H_
