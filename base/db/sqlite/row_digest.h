#ifndef MIRROR_BASE_DB_SQLITE_ROW_DIGEST_H_
#define MIRROR_BASE_DB_SQLITE_ROW_DIGEST_H_

#include "base/db/sqlite/value.h"

namespace mirror::sqlite {

/// Adds a value, as it is stored, to the digest of its row. Sources and mirrors in SQLite both use this
/// function, so that their digests agree. `Digest` is RowDigest; it is a parameter because RowDigest belongs
/// to a layer above this one.
template <typename Digest>
void AddToDigest(sqlite3_value* value, Digest* digest) {
  switch (TypeOf(value)) {
    case Type::kNull:
      digest->AddNull();
      break;
    case Type::kInteger:
      digest->AddInteger(IntOf(value));
      break;
    case Type::kReal:
      digest->AddReal(RealOf(value));
      break;
    case Type::kText:
      digest->AddText(TextOf(value));
      break;
    case Type::kBlob:
      digest->AddBytes(BlobOf(value));
      break;
  }
}

}  // namespace mirror::sqlite

#endif  // MIRROR_BASE_DB_SQLITE_ROW_DIGEST_H_
