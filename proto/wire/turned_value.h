#ifndef MIRROR_PROTO_WIRE_TURNED_VALUE_H_
#define MIRROR_PROTO_WIRE_TURNED_VALUE_H_

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "proto/wire/batch.h"

namespace mirror {

// Hashed and masked forms of values, see ColumnRule in table.proto. Endpoint and source compute the same
// forms.

/// Greatest number of characters at the end that a mask may leave.
inline constexpr std::uint32_t kMaskKeepMax = 16;

/// Input for the hash of a value that is not NULL: a letter for its kind, and bytes. `bytes` is a view into
/// the value or into `number`.
struct HashedForm {
  char kind = 't';
  std::string_view bytes;
};
HashedForm FormToHash(const Value& value, std::array<char, 8>* number);

/// Appends the masked form of a value that is not NULL.
void AppendMask(const Value& value, std::uint32_t keep, std::string* out);

}  // namespace mirror

#endif  // MIRROR_PROTO_WIRE_TURNED_VALUE_H_
