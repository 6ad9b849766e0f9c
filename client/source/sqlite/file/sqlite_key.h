#ifndef MIRROR_CLIENT_SOURCE_SQLITE_FILE_SQLITE_KEY_H_
#define MIRROR_CLIENT_SOURCE_SQLITE_FILE_SQLITE_KEY_H_

#include <cstddef>
#include <vector>

#include "base/db/sqlite/statement.h"
#include "base/db/sqlite/value.h"
#include "proto/wire/key_range.h"
#include "proto/wire/row_block.h"

namespace mirror {

/// Converts to a key part in wire form. NULL, which no valid key has, becomes kNull.
KeyPart ToKeyPart(const sqlite::Value& value);
sqlite::Value FromKeyPart(const KeyPart& part);
Key ToKey(const std::vector<sqlite::Value>& values);
std::vector<sqlite::Value> FromKey(const Key& key);
/// Reads from the first columns of a row; binds from the place `first` of a statement on.
Key ReadKey(const sqlite::Statement& row, std::size_t parts);
void BindKey(sqlite::Statement& statement, int first, const Key& key);
/// Appends the key as one row of a block that has the columns of the key.
void AppendKey(const Key& key, RowBlock* block);

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_SQLITE_FILE_SQLITE_KEY_H_
