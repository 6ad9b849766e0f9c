#ifndef MIRROR_CERTS_EXPIRY_H_
#define MIRROR_CERTS_EXPIRY_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace mirror {

/// Days before its end from which a key or certificate is spoken of.
inline constexpr std::int64_t kExpiryNoticeDays = 30;

/// What a key is for. Which words stand for it, and what renews it, is said by KindName() and Renewal().
enum class KeyKind : std::uint8_t {
  kSource,       ///< A source's public certificate, at the endpoint: its tokens are refused from the end on.
  kSourceOwn,    ///< The same at the source, where it lies beside the signing key.
  kApplication,  ///< The endpoint's signing key, by its certificate.
  kListener,     ///< TLS of the port for sources.
  kListenerCa,   ///< Who signs the sources' certificates for mutual TLS.
  kHttp,         ///< TLS of the port for JSON, where it has a pair of its own.
  kAdmin,        ///< TLS of the port for operators.
  kAdminCa,      ///< Who signs the operators' certificates.
  kAdminIdentity,  ///< An operator's or viewer's own.
  kEndpointCa,     ///< Whom a client believes to sign the server's certificate.
  kClient,         ///< A source's own for mutual TLS.
};

/// "source", "listener_ca": for events, metrics and JSON.
std::string_view KindName(KeyKind kind);
/// The way back; kinds of a newer version count as `kSource`.
KeyKind KindNamed(std::string_view name);
/// What to do about its end, one sentence without a stop.
std::string_view Renewal(KeyKind kind);

/// One key or certificate with its end.
struct DatedKey {
  std::string name;  ///< The file's path; of a source's certificate at the endpoint its key id.
  KeyKind kind = KeyKind::kSource;
  std::int64_t not_after_s = 0;  ///< Unix seconds.
  friend bool operator==(const DatedKey&, const DatedKey&) = default;
};

/// Adds each certificate of a PEM file; an authority's may hold several. What cannot be read is left out:
/// that is another complaint than this one's.
void AddCertificates(const std::string& path, KeyKind kind, std::vector<DatedKey>* keys);

/// The certificate's path where 'mirrorctl certs' writes it beside this private key.
std::string CertificateBeside(const std::string& key_path);

enum class Expiry : std::uint8_t {
  kFar,
  kSoon,  ///< Within kExpiryNoticeDays.
  kOver,
};
Expiry ExpiryAt(std::int64_t not_after_s, std::int64_t now_s);

/// "expires 2024-05-01T12:00:00Z, in 12 days", "expired 2024-05-01T12:00:00Z, 3 days ago".
std::string ExpiryWords(std::int64_t not_after_s, std::int64_t now_s);

}  // namespace mirror

#endif  // MIRROR_CERTS_EXPIRY_H_
