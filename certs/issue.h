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
  int days = kCertificateDays;  ///< 1 to kCertificateDaysMax; cut to the CA's own end.
  bool replace = false;         ///< Allows replacing existing files.
  std::int64_t now_s = 0;       ///< Unix seconds; 0: the clock. Valid from an hour before that.
};

/// Role of an admin client, given by a URI in its certificate.
enum class Role { kViewer, kOperator };

/// Returns "mirror:role:viewer" or "mirror:role:operator".
std::string_view RoleUri(Role role);

// Each of these makes a new private key and its certificate, and writes both or none
// (WriteFilesAtomically). The folders must exist.
// Errors: kAlreadyExists (a file exists and `replace` is off: nothing was written);
// kInvalidArgument (name, host, days, or a CA that is not one); kNotFound, kPermissionDenied (the CA's
// files); kUnavailable (writing); kInternal (OpenSSL).

/// Makes a certificate authority of our own for TLS; P-256. `name`: its common name, 1 to 64 characters.
absl::Status IssueCa(const PairFiles& files, const std::string& name, const IssueOptions& options);

/// Makes a listener's pair, signed by `ca`; P-256. Valid for localhost, 127.0.0.1 and `hosts` (DNS names,
/// also with a leading "*.", and IP addresses).
absl::Status IssueServer(const PairFiles& files, const PairFiles& ca, const std::string& name,
                         const std::vector<std::string>& hosts, const IssueOptions& options);

/// Checks that a certificate can be made for it: a DNS name, also with a leading "*.", or an IP address.
/// Errors: kInvalidArgument.
absl::Status CheckHost(const std::string& host);

/// Makes an admin client's pair, signed by `ca`, with RoleUri(role) as its only URI; P-256.
absl::Status IssueAdmin(const PairFiles& files, const PairFiles& ca, const std::string& name, Role role,
                        const IssueOptions& options);

/// Makes a source's pair for mutual TLS, signed by `ca`; P-256.
absl::Status IssueClient(const PairFiles& files, const PairFiles& ca, const std::string& name,
                         const IssueOptions& options);

/// Makes a key that signs tokens, and its self-signed certificate: it is trusted if the certificate is in a
/// trusted folder. `key_id` is its common name. RS256: 3,072 bits.
absl::Status IssueSigningKey(const PairFiles& files, const std::string& key_id, Algorithm algorithm,
                             const IssueOptions& options);

}  // namespace mirror

#endif  // MIRROR_CERTS_ISSUE_H_
