#ifndef MIRROR_CERTS_KEY_H_
#define MIRROR_CERTS_KEY_H_

#include <openssl/types.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace mirror {

/// The two signature algorithms that tokens may have. An algorithm belongs to a key and is never
/// taken from a token alone.
enum class Algorithm {
  kRs256,  ///< RSASSA-PKCS1-v1_5 with SHA-256; keys of 2,048 to 8,192 bits.
  kEs256,  ///< ECDSA on P-256 with SHA-256; the signature is r and s, 64 bytes.
};

/// Returns "RS256" or "ES256", as in a token's `alg`.
std::string_view ToString(Algorithm algorithm);

/// Parses exactly the results of ToString(). Absent: any other text, also "none" and "HS256".
std::optional<Algorithm> ParseAlgorithm(std::string_view text);

/// Returns true if a text can be a key id: 1 to 64 of [A-Za-z0-9._-], not beginning with a dot or a dash. The
/// key's file is named after it, with ".crt".
bool IsKeyId(std::string_view text);

/// Returns true for a context id: 1 to 64 of [A-Za-z0-9_-].
bool IsContextId(std::string_view text);

/// The public half of a key, which verifies signatures of the private half.
///
/// An immutable value, cheap to copy. Threads: any.
class PublicKey {
 public:
  /// Reads an X.509 certificate or a public key without a certificate from a PEM file. It does not check that
  /// the certificate is valid now: see CheckValidity(). Errors: kNotFound, kPermissionDenied,
  /// kInvalidArgument (neither a certificate nor a key; RSA under 2,048 bits; a curve other than P-256). All
  /// name the path.
  static absl::StatusOr<PublicKey> Load(const std::string& path);

  /// Reads a certificate or a public key from PEM text. Errors as for Load(), with `name` instead of the
  /// path.
  static absl::StatusOr<PublicKey> Parse(const std::string& pem, const std::string& name);

  Algorithm algorithm() const { return algorithm_; }

  /// Return the certificate's validity in unix seconds, both ends included. Absent: there is no certificate.
  std::optional<std::int64_t> not_before() const { return not_before_; }
  std::optional<std::int64_t> not_after() const { return not_after_; }

  /// Returns the SHA-256 of the certificate, or of the key if there is no certificate, as 64 lower-case
  /// hexadecimal digits.
  const std::string& thumbprint() const { return thumbprint_; }

  /// Checks that the certificate is valid at `now_s` (unix seconds). A key without a certificate is always
  /// valid. Errors: kFailedPrecondition, with the certificate's time and `now_s`.
  absl::Status CheckValidity(std::int64_t now_s) const;

  /// Returns true if `signature` is this key's signature over `bytes`. It has the form of tokens, decoded
  /// from base64url.
  bool Verify(std::string_view bytes, std::string_view signature) const;

 private:
  friend class SigningKey;
  PublicKey() = default;

  std::shared_ptr<EVP_PKEY> key_;
  Algorithm algorithm_ = Algorithm::kEs256;
  std::optional<std::int64_t> not_before_, not_after_;
  std::string thumbprint_;
};

/// A private key that signs tokens, with its id (`kid`), by which the other side finds the public half.
///
/// Cheap to copy: copies share the key. Threads: any.
class SigningKey {
 public:
  /// Reads a PEM private key. Group and others must have no access to the file (0600 or stricter). Errors:
  /// kNotFound; kPermissionDenied (mode); kInvalidArgument (no private key, one with a pass phrase, RSA under
  /// 2,048 bits, a curve other than P-256, a malformed key id).
  static absl::StatusOr<SigningKey> Load(const std::string& path, std::string key_id);

  Algorithm algorithm() const { return algorithm_; }
  const std::string& key_id() const { return key_id_; }

  /// Returns the SHA-256 of the public half without a certificate, as 64 lower-case hexadecimal digits. It is
  /// not a secret.
  std::string PublicThumbprint() const;

  /// Returns the signature over `bytes` in the form of tokens, not encoded in base64url. Errors: kInternal:
  /// OpenSSL failed.
  absl::StatusOr<std::string> Sign(std::string_view bytes) const;

  /// Returns true if `key` is the public half of this one.
  bool Matches(const PublicKey& key) const;

 private:
  SigningKey() = default;

  std::shared_ptr<EVP_PKEY> key_;
  Algorithm algorithm_ = Algorithm::kEs256;
  std::string key_id_;
};

/// Facts about a certificate for people, see 'mirrorctl certs show'.
struct CertificateInfo {
  std::string subject;  ///< RFC 2253, e.g. "CN=source-1,O=Mirror".
  std::string issuer;   ///< The signer's name in the same form.
  /// "ES256", "RS256", or the reason why the key cannot be used here.
  std::string algorithm;
  std::int64_t not_before = 0, not_after = 0;  ///< Unix seconds.
  std::string thumbprint;                      ///< SHA-256, 64 lower-case hexadecimal digits.
  /// Names of type URI, which give the roles of an administrator.
  std::vector<std::string> uris;
  /// The extended key usage has clientAuth, which listeners require.
  bool is_for_clients = false;
};

/// Reads the first certificate of a PEM file.
/// Errors: kNotFound, kPermissionDenied, kInvalidArgument; they name the path.
absl::StatusOr<CertificateInfo> ReadCertificateInfo(const std::string& path);
/// Reads all certificates of the file; there is at least one.
absl::StatusOr<std::vector<CertificateInfo>> ReadCertificateInfos(const std::string& path);

}  // namespace mirror

#endif  // MIRROR_CERTS_KEY_H_
