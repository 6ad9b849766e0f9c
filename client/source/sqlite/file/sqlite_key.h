#ifndef MIRROR_CLIENT_SOURCE_SQLITE_FILE_SQLITE_KEY_H_
#define MIRROR_CLIENT_SOURCE_SQLITE_FILE_SQLITE_KEY_H_

#include <vector>

#include "client/source/sqlite/file/sqlite_cursor.h"
#include "proto/wire/key_range.h"

namespace mirror {

/// A key as the wire has it. NULL, which no key holds, becomes kNull.
KeyPart ToKeyPart(const KeyValue& value);
KeyValue FromKeyPart(const KeyPart& part);
Key ToKey(const std::vector<KeyValue>& values);
std::vector<KeyValue> FromKey(const Key& key);
/// As one more row of a block that has the columns of the key.
void AppendKey(const Key& key, RowBlock* block);

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_SQLITE_FILE_SQLITE_KEY_H_
