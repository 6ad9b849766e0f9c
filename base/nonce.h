#ifndef MIRROR_BASE_NONCE_H_
#define MIRROR_BASE_NONCE_H_

#include <cstddef>
#include <string>
#include <vector>

namespace mirror {

/// 128 random bits from the kernel as 32 upper-case hexadecimal digits.
std::string NewNonce();
/// The same in lower case.
std::string NewToken();
/// So many of them, with fewer calls of the kernel.
std::vector<std::string> NewTokens(std::size_t count);

}  // namespace mirror

#endif  // MIRROR_BASE_NONCE_H_
