#ifndef MIRROR_BASE_DIGEST_H_
#define MIRROR_BASE_DIGEST_H_

#include <cstdint>
#include <string>
#include <string_view>

namespace mirror {

/// 32 hexadecimal digits of 128-bit XXH3 over `bytes`: tells apart what is not made to collide on purpose.
std::string HexDigest(std::string_view bytes);

/// 64-bit XXH3 over `bytes` behind what `before` is the digest of: shows that a bit of them was turned.
std::uint64_t ShortDigest(std::string_view bytes, std::uint64_t before = 0);

}  // namespace mirror

#endif  // MIRROR_BASE_DIGEST_H_
