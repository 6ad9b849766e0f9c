#ifndef MIRROR_CLIENT_SOURCE_SQLITE_FILE_SQLITE_KEY_H_
#define MIRROR_CLIENT_SOURCE_SQLITE_FILE_SQLITE_KEY_H_

#include <cstddef>
#include <vector>

#include "base/db/sqlite/statement.h"
#include "base/db/sqlite/value.h"
#include "proto/wire/key_range.h"
#include "proto/wire/row_block.h"

namespace mirror {

/// Returns a value as a key part in wire form. NULL becomes kNull; no valid key has it.
KeyPart ToKeyPart(const sqlite::Value& value);
sqlite::Value FromKeyPart(const KeyPart& part);
Key ToKey(const std::vector<sqlite::Value>& values);
std::vector<sqlite::Value> FromKey(const Key& key);
/// ReadKey() reads the first columns of a row. BindKey() binds parameters from number `first` on.
Key ReadKey(const sqlite::Statement& row, std::size_t parts);
void BindKey(sqlite::Statement& statement, int first, const Key& key);
/// Appends the key as one row of a block that has the columns of the key.
void AppendKey(const Key& key, RowBlock* block);

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_SQLITE_FILE_SQLITE_KEY_H_
