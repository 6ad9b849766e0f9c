#ifndef MIRROR_BASE_NONCE_H_
#define MIRROR_BASE_NONCE_H_

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace mirror {

/// Returns 128 random bits from the kernel as 32 upper-case hexadecimal digits.
std::string NewNonce();
/// Returns 128 random bits as NewNonce() does, in lower case.
std::string NewToken();
/// Returns `count` results of NewToken(), with fewer calls of the kernel.
std::vector<std::string> NewTokens(std::size_t count);
/// Compares two secrets in a time that does not depend on the position of a difference. The time may depend
/// on their lengths.
bool IsSameSecret(std::string_view one, std::string_view other);

}  // namespace mirror

#endif  // MIRROR_BASE_NONCE_H_
