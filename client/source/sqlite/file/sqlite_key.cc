#include "client/source/sqlite/file/sqlite_key.h"

#include "base/utf8.h"

namespace mirror {

KeyPart ToKeyPart(const sqlite::Value& value) {
  KeyPart part;
  part.integer = value.integer;
  part.real = value.real;
  part.bytes = value.bytes;
  switch (value.type) {
    case sqlite::Type::kInteger:
      part.kind = Kind::kInteger;
      break;
    case sqlite::Type::kReal:
      part.kind = Kind::kReal;
      break;
    case sqlite::Type::kText:
      part.kind = IsText(value.bytes) ? Kind::kText : Kind::kRawText;
      break;
    case sqlite::Type::kBlob:
      part.kind = Kind::kBlob;
      break;
    case sqlite::Type::kNull:
      break;
  }
  return part;
}

sqlite::Value FromKeyPart(const KeyPart& part) {
  sqlite::Value value;
  value.integer = part.integer;
  value.real = part.real;
  value.bytes = part.bytes;
  switch (part.kind) {
    case Kind::kInteger:
      value.type = sqlite::Type::kInteger;
      break;
    case Kind::kReal:
      value.type = sqlite::Type::kReal;
      break;
    case Kind::kText:
    case Kind::kRawText:
      value.type = sqlite::Type::kText;
      break;
    case Kind::kBlob:
      value.type = sqlite::Type::kBlob;
      break;
    case Kind::kNull:
      break;
  }
  return value;
}

Key ToKey(const std::vector<sqlite::Value>& values) {
  Key key;
  for (const sqlite::Value& value : values) key.push_back(ToKeyPart(value));
  return key;
}

std::vector<sqlite::Value> FromKey(const Key& key) {
  std::vector<sqlite::Value> values;
  for (const KeyPart& part : key) values.push_back(FromKeyPart(part));
  return values;
}

Key ReadKey(const sqlite::Statement& row, std::size_t parts) {
  Key key;
  for (std::size_t i = 0; i < parts; ++i) key.push_back(ToKeyPart(row.ValueAt(static_cast<int>(i))));
  return key;
}

void BindKey(sqlite::Statement& statement, int first, const Key& key) {
  for (const KeyPart& part : key) statement.Bind(first++, FromKeyPart(part));
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
