#ifndef MIRROR_BASE_DIGEST_H_
#define MIRROR_BASE_DIGEST_H_

#include <cstdint>
#include <string>
#include <string_view>

namespace mirror {

/// Returns 32 hexadecimal digits of 128-bit XXH3 over `bytes`: not safe against deliberate collisions.
std::string HexDigest(std::string_view bytes);

/// Returns 64-bit XXH3 over `bytes`, combined with the digest `before` of the data before them. It detects
/// changed bits, not deliberate changes.
std::uint64_t ShortDigest(std::string_view bytes, std::uint64_t before = 0);

}  // namespace mirror

#endif  // MIRROR_BASE_DIGEST_H_
