#ifndef MIRROR_PROTO_WIRE_KEY_PART_H_
#define MIRROR_PROTO_WIRE_KEY_PART_H_

#include <string>

#include "proto/wire/batch.h"
#include "proto/wire/key_range.h"

namespace mirror {

/// Copies a value of a key column.
inline KeyPart KeyPartOf(const Value& value) {
  return {value.kind, value.integer, value.real, std::string(value.bytes)};
}

}  // namespace mirror

#endif  // MIRROR_PROTO_WIRE_KEY_PART_H_
