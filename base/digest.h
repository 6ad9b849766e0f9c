#ifndef MIRROR_BASE_DIGEST_H_
#define MIRROR_BASE_DIGEST_H_

#include <string>
#include <string_view>

namespace mirror {

/// 32 hexadecimal digits of 128-bit XXH3 over `bytes`: tells apart what is not made to collide on purpose.
std::string HexDigest(std::string_view bytes);

}  // namespace mirror

#endif  // MIRROR_BASE_DIGEST_H_
