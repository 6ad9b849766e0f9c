#ifndef MIRROR_BASE_NONCE_H_
#define MIRROR_BASE_NONCE_H_

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace mirror {

/// 128 random bits from the kernel as 32 upper-case hexadecimal digits.
std::string NewNonce();
/// The same in lower case.
std::string NewToken();
/// So many of them, with fewer calls of the kernel.
std::vector<std::string> NewTokens(std::size_t count);
/// Whether two secrets are the same, and how long that takes says nothing of where they differ. Lengths are
/// no secret.
bool IsSameSecret(std::string_view one, std::string_view other);

}  // namespace mirror

#endif  // MIRROR_BASE_NONCE_H_
