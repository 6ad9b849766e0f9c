#include "base/digest.h"

#include <xxhash.h>

#include <array>
#include <cinttypes>
#include <cstdio>

namespace mirror {

std::string HexDigest(std::string_view bytes) {
  const XXH128_hash_t hash = XXH3_128bits(bytes.data(), bytes.size());
  std::array<char, 33> text;
  std::snprintf(text.data(), text.size(), "%016" PRIx64 "%016" PRIx64,
                static_cast<std::uint64_t>(hash.high64), static_cast<std::uint64_t>(hash.low64));
  return {text.data(), 32};
}

std::uint64_t ShortDigest(std::string_view bytes, std::uint64_t before) {
  return XXH3_64bits_withSeed(bytes.data(), bytes.size(), before);
}

}  // namespace mirror
