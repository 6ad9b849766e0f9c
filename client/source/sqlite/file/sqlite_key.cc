#include "client/source/sqlite/file/sqlite_key.h"

#include <sqlite3.h>

#include "client/source/sqlite/file/sqlite_value.h"

namespace mirror {

KeyPart ToKeyPart(const KeyValue& value) {
  KeyPart part;
  part.integer = value.integer;
  part.real = value.real;
  part.bytes = value.bytes;
  switch (value.type) {
    case SQLITE_INTEGER:
      part.kind = Kind::kInteger;
      break;
    case SQLITE_FLOAT:
      part.kind = Kind::kReal;
      break;
    case SQLITE_TEXT:
      part.kind = IsText(value.bytes) ? Kind::kText : Kind::kRawText;
      break;
    case SQLITE_BLOB:
      part.kind = Kind::kBlob;
      break;
    default:
      break;
  }
  return part;
}

KeyValue FromKeyPart(const KeyPart& part) {
  KeyValue value;
  value.integer = part.integer;
  value.real = part.real;
  value.bytes = part.bytes;
  switch (part.kind) {
    case Kind::kInteger:
      value.type = SQLITE_INTEGER;
      break;
    case Kind::kReal:
      value.type = SQLITE_FLOAT;
      break;
    case Kind::kText:
    case Kind::kRawText:
      value.type = SQLITE_TEXT;
      break;
    case Kind::kBlob:
      value.type = SQLITE_BLOB;
      break;
    case Kind::kNull:
      break;
  }
  return value;
}

Key ToKey(const std::vector<KeyValue>& values) {
  Key key;
  for (const KeyValue& value : values) key.push_back(ToKeyPart(value));
  return key;
}

std::vector<KeyValue> FromKey(const Key& key) {
  std::vector<KeyValue> values;
  for (const KeyPart& part : key) values.push_back(FromKeyPart(part));
  return values;
}

void AppendKey(const Key& key, RowBlock* block) {
  for (std::size_t i = 0; i < key.size(); ++i) {
    ColumnBuffer& buffer = block->columns[i];
    switch (key[i].kind) {
      case Kind::kInteger:
        buffer.AppendInt(key[i].integer);
        break;
      case Kind::kReal:
        buffer.AppendDouble(key[i].real);
        break;
      case Kind::kNull:
        buffer.AppendNull();
        break;
      default:
        buffer.AppendBytes(key[i].bytes, key[i].kind);
    }
  }
}

}  // namespace mirror
