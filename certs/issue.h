#ifndef MIRROR_CERTS_ISSUE_H_
#define MIRROR_CERTS_ISSUE_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "certs/key.h"

namespace mirror {

/// Default validity of a certificate in days.
inline constexpr int kCertificateDays = 825;
inline constexpr int kCaDays = 3650;
inline constexpr int kCertificateDaysMax = 36'500;

/// Paths of a certificate and its private key, which may not exist yet.
struct PairFiles {
  std::string certificate;  ///< PEM, mode 0644.
  std::string key;          ///< PEM, PKCS #8 without a pass phrase, mode 0600.
};

struct IssueOptions {
  /// Validity in days, 1 to kCertificateDaysMax. A certificate never ends after its CA's certificate.
  int days = kCertificateDays;
  bool replace = false;  ///< Allows replacing existing files.
  /// Present time in unix seconds; 0: read the clock. Certificates are valid from an hour before this time.
  std::int64_t now_s = 0;
};

/// Role of a client of the administration. A URI in its certificate gives the role.
enum class Role { kViewer, kOperator };

/// Returns "mirror:role:viewer" or "mirror:role:operator".
std::string_view RoleUri(Role role);

// Each of these functions makes a new private key and its certificate, and writes both or none
// (WriteFilesAtomically). The folders must exist. Errors: kAlreadyExists: a file exists and `replace` is
// false; nothing was written. kInvalidArgument: the name, a host, the days, or `ca` is not a CA. kNotFound,
// kPermissionDenied: the CA's files. kUnavailable: writing failed. kInternal: OpenSSL failed.

/// Makes a certificate authority of our own for TLS, with a key on P-256. `name`: its common name, 1 to 64
/// characters.
absl::Status IssueCa(const PairFiles& files, const std::string& name, const IssueOptions& options);

/// Makes a listener's pair, signed by `ca`, with a key on P-256. It is valid for localhost, 127.0.0.1 and
/// `hosts` (DNS names, also with a leading "*.", and IP addresses).
absl::Status IssueServer(const PairFiles& files, const PairFiles& ca, const std::string& name,
                         const std::vector<std::string>& hosts, const IssueOptions& options);

/// Checks that a certificate can be made for a host: it is a DNS name, also with a leading "*.", or an IP
/// address. Errors: kInvalidArgument.
absl::Status CheckHost(const std::string& host);

/// Makes the pair of a client of the administration, signed by `ca`, with a key on P-256. RoleUri(role) is
/// its only URI.
absl::Status IssueAdmin(const PairFiles& files, const PairFiles& ca, const std::string& name, Role role,
                        const IssueOptions& options);

/// Makes a source's pair for mutual TLS, signed by `ca`, with a key on P-256.
absl::Status IssueClient(const PairFiles& files, const PairFiles& ca, const std::string& name,
                         const IssueOptions& options);

/// Makes a key that signs tokens, and its self-signed certificate. An endpoint trusts the key if the
/// certificate is in a folder of its configuration. `key_id` is its common name. RS256: 3,072 bits.
absl::Status IssueSigningKey(const PairFiles& files, const std::string& key_id, Algorithm algorithm,
                             const IssueOptions& options);

}  // namespace mirror

#endif  // MIRROR_CERTS_ISSUE_H_
