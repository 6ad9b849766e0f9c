#ifndef MIRROR_PROTO_WIRE_KEY_TEXT_H_
#define MIRROR_PROTO_WIRE_KEY_TEXT_H_

#include <cstddef>
#include <string>

#include "proto/wire/key_range.h"

namespace mirror {

/// Greatest length of one value of a key in KeyText().
inline constexpr std::size_t kKeyPartShown = 40;

/// Formats a key as in SQL, for an operator who requested it: "17", "'Ada', 3", "x'00ff'". Long texts and
/// blobs are cut after kKeyPartShown characters, with an ellipsis. The result is printable. Not for logs and
/// events: a key may be a name.
std::string KeyText(const Key& key);

}  // namespace mirror

#endif  // MIRROR_PROTO_WIRE_KEY_TEXT_H_
