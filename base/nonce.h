#ifndef MIRROR_BASE_NONCE_H_
#define MIRROR_BASE_NONCE_H_

#include <string>

namespace mirror {

/// 128 random bits from the kernel as 32 upper-case hexadecimal digits.
std::string NewNonce();
/// The same in lower case.
std::string NewToken();

}  // namespace mirror

#endif  // MIRROR_BASE_NONCE_H_
