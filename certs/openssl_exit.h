#ifndef MIRROR_CERTS_OPENSSL_EXIT_H_
#define MIRROR_CERTS_OPENSSL_EXIT_H_

#include <openssl/crypto.h>

namespace mirror {

/// Leaves OpenSSL's memory to the end of the process. It would free it when main() returns, while threads of
/// gRPC still run: what those have of it is then lost, or used after it is gone. Before the first call of
/// OpenSSL.
inline void LeaveOpenSslToTheEnd() { OPENSSL_init_crypto(OPENSSL_INIT_NO_ATEXIT, nullptr); }

}  // namespace mirror

#endif  // MIRROR_CERTS_OPENSSL_EXIT_H_
