#ifndef MIRROR_PROTO_WIRE_KEY_TEXT_H_
#define MIRROR_PROTO_WIRE_KEY_TEXT_H_

#include <cstddef>
#include <string>

#include "proto/wire/key_range.h"

namespace mirror {

/// Greatest number of characters of one value in KeyText().
inline constexpr std::size_t kKeyPartShown = 40;

/// Formats a key as in SQL, for an operator who requested it: "17", "'Ada', 3", "x'00ff'". Long texts and
/// blobs are cut after kKeyPartShown characters, with an ellipsis. The result is printable. Do not write the
/// result to logs or events: a key may be a person's name.
std::string KeyText(const Key& key);

}  // namespace mirror

#endif  // MIRROR_PROTO_WIRE_KEY_TEXT_H_
