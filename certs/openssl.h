#ifndef MIRROR_CERTS_OPENSSL_H_
#define MIRROR_CERTS_OPENSSL_H_

#include <openssl/asn1.h>
#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace mirror {

/// Owners for what OpenSSL allocates. Only files in certs/ include this header.
template <auto kFree>
struct OpenSslFree {
  template <typename T>
  void operator()(T* object) const {
    kFree(object);
  }
};
using BioPtr = std::unique_ptr<BIO, OpenSslFree<BIO_free>>;
using PkeyPtr = std::unique_ptr<EVP_PKEY, OpenSslFree<EVP_PKEY_free>>;
using X509Ptr = std::unique_ptr<X509, OpenSslFree<X509_free>>;
using MdCtxPtr = std::unique_ptr<EVP_MD_CTX, OpenSslFree<EVP_MD_CTX_free>>;
using EcdsaSigPtr = std::unique_ptr<ECDSA_SIG, OpenSslFree<ECDSA_SIG_free>>;

/// The reason of the last OpenSSL error, in OpenSSL's words ("no start line"); empties
/// this thread's error queue, so that the error cannot turn up in an unrelated call.
std::string TakeOpenSslError();

/// A private key from PEM text. `name` (a path) is used in errors only; nothing of the key is.
/// An encrypted key is refused: nobody is there to type its pass phrase.
/// Errors: kInvalidArgument.
absl::StatusOr<PkeyPtr> ParsePrivateKey(const std::string& pem, const std::string& name);

/// The first X.509 certificate of PEM text. Errors: kInvalidArgument.
absl::StatusOr<X509Ptr> ParseCertificate(const std::string& pem, const std::string& name);

/// All of them; there is at least one. Errors: as ParseCertificate.
absl::StatusOr<std::vector<X509Ptr>> ParseCertificates(const std::string& pem, const std::string& name);

/// What a person wants to know of it, see key.h.
struct CertificateInfo;
CertificateInfo DescribeCertificate(X509* certificate);

/// Whether its extended key usage has clientAuth. OpenSSL takes a certificate without one as one for
/// everything.
bool IsForClients(X509* certificate);

/// Unix seconds of a certificate's time; `fallback` when it cannot be read.
std::int64_t ToUnixSeconds(const ASN1_TIME* time, std::int64_t fallback);

/// SHA-256, 32 bytes.
std::string Sha256(std::string_view bytes);

/// Leaves OpenSSL's memory to the end of the process. It would free it when main() returns, while threads of
/// gRPC still run: what those have of it is then lost, or used after it is gone. Before the first call of
/// OpenSSL.
inline void LeaveOpenSslToTheEnd() { OPENSSL_init_crypto(OPENSSL_INIT_NO_ATEXIT, nullptr); }

}  // namespace mirror

#endif  // MIRROR_CERTS_OPENSSL_H_
