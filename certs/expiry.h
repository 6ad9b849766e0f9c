#ifndef MIRROR_CERTS_EXPIRY_H_
#define MIRROR_CERTS_EXPIRY_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace mirror {

/// Number of days before the end of its validity from which a key or certificate is reported.
inline constexpr std::int64_t kExpiryNoticeDays = 30;

/// Purpose of a key. KindName() returns its name, and Renewal() the way to renew it.
enum class KeyKind : std::uint8_t {
  /// A source's public certificate, at the endpoint. After its end the source's tokens are refused.
  kSource,
  kSourceOwn,      ///< The same certificate at the source, beside the signing key.
  kApplication,    ///< The endpoint's signing key. Its end is that of its certificate.
  kListener,       ///< TLS of the port for sources.
  kListenerCa,     ///< Authority of the sources' certificates for mutual TLS.
  kHttp,           ///< TLS of the port for JSON, if it has its own pair.
  kAdmin,          ///< TLS of the port for operators.
  kAdminCa,        ///< Authority of the operators' certificates.
  kAdminIdentity,  ///< Certificate of an operator or viewer.
  kEndpointCa,     ///< Authority that a client trusts for the server's certificate.
  kClient,         ///< A source's certificate for mutual TLS.
};

/// Returns the name of a kind for events, metrics and JSON, such as "source" or "listener_ca".
std::string_view KindName(KeyKind kind);
/// Returns the kind with this name. Kinds of a newer version count as `kSource`.
KeyKind KindNamed(std::string_view name);
/// Returns an advice how to renew the key: one sentence without a full stop.
std::string_view Renewal(KeyKind kind);

/// One key or certificate with its end of validity.
struct DatedKey {
  std::string name;  ///< Path of the file. For a source's certificate at the endpoint: its key id.
  KeyKind kind = KeyKind::kSource;
  std::int64_t not_after_s = 0;  ///< Unix seconds.
  friend bool operator==(const DatedKey&, const DatedKey&) = default;
};

/// Adds each certificate of a PEM file; an authority's file may have several. Files and certificates that
/// cannot be read are omitted: another check reports them.
void AddCertificates(const std::string& path, KeyKind kind, std::vector<DatedKey>* keys);

/// Returns the certificate's path that 'mirrorctl certs' uses for this private key.
std::string CertificateBeside(const std::string& key_path);

enum class Expiry : std::uint8_t {
  kFar,
  kSoon,  ///< The end is within kExpiryNoticeDays.
  kOver,
};
Expiry ExpiryAt(std::int64_t not_after_s, std::int64_t now_s);

/// Returns a text such as "expires 2024-05-01T12:00:00Z, in 12 days" or "expired 2024-05-01T12:00:00Z, 3 days
/// ago".
std::string ExpiryWords(std::int64_t not_after_s, std::int64_t now_s);

}  // namespace mirror

#endif  // MIRROR_CERTS_EXPIRY_H_
