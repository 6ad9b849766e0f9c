#ifndef MIRROR_PROTO_WIRE_KEY_RANGE_H_
#define MIRROR_PROTO_WIRE_KEY_RANGE_H_

#include <compare>
#include <cstdint>
#include <string>
#include <vector>

#include "proto/wire/row_block.h"

namespace mirror {

/// One value of a key in the form in which it is sent: DATE to TIMESTAMP_TZ as kInteger, UUID as kBlob. Never
/// kNull.
struct KeyPart {
  Kind kind = Kind::kNull;
  std::int64_t integer = 0;
  double real = 0;
  std::string bytes;  ///< Set for kText, kRawText, kBlob.

  /// Orders like SQLite's BINARY collation: numbers by value, then text by bytes, then blobs by bytes.
  friend std::weak_ordering operator<=>(const KeyPart& a, const KeyPart& b);
  friend bool operator==(const KeyPart& a, const KeyPart& b) { return (a <=> b) == 0; }
};

inline bool IsNumber(const KeyPart& part) { return part.kind == Kind::kInteger || part.kind == Kind::kReal; }

/// The values of a key's columns in the order of TableSchema::Key(). Compared value by value.
using Key = std::vector<KeyPart>;

/// Keys from `first` (inclusive) to `last` (exclusive); an empty key is no bound.
struct KeyRange {
  Key first, last;
};

}  // namespace mirror

#endif  // MIRROR_PROTO_WIRE_KEY_RANGE_H_
