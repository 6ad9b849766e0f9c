#ifndef MIRROR_CLIENT_SOURCE_SQLITE_LOG_PACKED_KEY_H_
#define MIRROR_CLIENT_SOURCE_SQLITE_LOG_PACKED_KEY_H_

#include <cstddef>
#include <string>

#include "proto/wire/key_range.h"

namespace mirror {

/// Packs a key into a text that differs for different keys.
inline std::string PackedKey(const Key& key) {
  std::string packed;
  for (const KeyPart& part : key) {
    packed.push_back(static_cast<char>(part.kind));
    switch (part.kind) {
      case Kind::kInteger:
        packed.append(reinterpret_cast<const char*>(&part.integer), sizeof part.integer);
        break;
      case Kind::kReal:
        packed.append(reinterpret_cast<const char*>(&part.real), sizeof part.real);
        break;
      default: {
        const std::size_t size = part.bytes.size();
        packed.append(reinterpret_cast<const char*>(&size), sizeof size);
        packed.append(part.bytes);
      }
    }
  }
  return packed;
}

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_SQLITE_LOG_PACKED_KEY_H_
