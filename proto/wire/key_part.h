#ifndef MIRROR_PROTO_WIRE_KEY_PART_H_
#define MIRROR_PROTO_WIRE_KEY_PART_H_

#include <cstdint>
#include <string>

#include "proto/wire/batch.h"
#include "proto/wire/key_range.h"
#include "proto/wire/table.h"

namespace mirror {

/// Copies a value of a key column.
inline KeyPart KeyPartOf(const Value& value) {
  return {value.kind, value.integer, value.real, std::string(value.bytes)};
}

/// Returns the key of a row. The batch has all columns of the table's key.
inline Key KeyAt(const TableSchema& kept, const ChangeBatch& batch, std::uint32_t row) {
  Key key;
  for (const std::uint32_t column : kept.Key()) key.push_back(KeyPartOf(batch.Find(column)->At(row)));
  return key;
}

}  // namespace mirror

#endif  // MIRROR_PROTO_WIRE_KEY_PART_H_
