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

/// Owners for objects that OpenSSL allocates. Only files in certs/ include this header.
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

/// Returns OpenSSL's text for its last error, such as "no start line". It also empties the error queue of
/// this thread, so that the error cannot appear in a later call.
std::string TakeOpenSslError();

/// Reads a private key from PEM text. `name`, such as a path, is used only in errors, which contain nothing
/// of the key. A key with a pass phrase is refused, because nobody could type it. Errors: kInvalidArgument.
absl::StatusOr<PkeyPtr> ParsePrivateKey(const std::string& pem, const std::string& name);

/// Reads the first X.509 certificate of PEM text. Errors: kInvalidArgument.
absl::StatusOr<X509Ptr> ParseCertificate(const std::string& pem, const std::string& name);

/// Reads all certificates; there is at least one. Errors: as ParseCertificate.
absl::StatusOr<std::vector<X509Ptr>> ParseCertificates(const std::string& pem, const std::string& name);

/// Facts about a certificate for people, see key.h.
struct CertificateInfo;
CertificateInfo DescribeCertificate(X509* certificate);

/// Returns true if the certificate's extended key usage has clientAuth. OpenSSL itself would also accept a
/// certificate without an extended key usage.
bool IsForClients(X509* certificate);

/// Returns a certificate's time in unix seconds; `fallback` if it cannot be read.
std::int64_t ToUnixSeconds(const ASN1_TIME* time, std::int64_t fallback);

/// Returns the SHA-256 of `bytes`, 32 bytes.
std::string Sha256(std::string_view bytes);

/// Makes OpenSSL not free its memory when the process exits. Threads of gRPC may still run then, and would
/// use memory that was freed. Call this before the first call of OpenSSL.
inline void LeaveOpenSslToTheEnd() { OPENSSL_init_crypto(OPENSSL_INIT_NO_ATEXIT, nullptr); }

}  // namespace mirror

#endif  // MIRROR_CERTS_OPENSSL_H_
