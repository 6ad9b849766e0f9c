#include "base/db/sqlite/value.h"

namespace mirror::sqlite {

void Value::Keep(sqlite3_value* value) {
  type = TypeOf(value);
  if (type == Type::kInteger) {
    integer = IntOf(value);
  } else if (type == Type::kReal) {
    real = RealOf(value);
  } else if (type != Type::kNull) {
    bytes = type == Type::kText ? TextOf(value) : BlobOf(value);
  }
}

int Value::Bind(sqlite3_stmt* statement, int place) const {
  switch (type) {
    case Type::kInteger:
      return sqlite3_bind_int64(statement, place, integer);
    case Type::kReal:
      return sqlite3_bind_double(statement, place, real);
    case Type::kText:
      return sqlite3_bind_text64(statement, place, bytes.data(), bytes.size(), SQLITE_TRANSIENT, SQLITE_UTF8);
    case Type::kBlob:
      return sqlite3_bind_blob64(statement, place, bytes.data(), bytes.size(), SQLITE_TRANSIENT);
    case Type::kNull:
      break;
  }
  return sqlite3_bind_null(statement, place);
}

}  // namespace mirror::sqlite
