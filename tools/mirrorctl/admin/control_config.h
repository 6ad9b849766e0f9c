#ifndef MIRROR_TOOLS_MIRRORCTL_ADMIN_CONTROL_CONFIG_H_
#define MIRROR_TOOLS_MIRRORCTL_ADMIN_CONTROL_CONFIG_H_

#include <ostream>
#include <string>

#include "absl/status/statusor.h"
#include "certs/tls.h"

namespace mirror {

inline constexpr char kControlConfig[] = "mirrorctl.toml";
inline constexpr char kControlPrefix[] = "MIRRORCTL_";
/// Of the server that a mirror moves to, and of one of several that are looked at together.
inline constexpr char kMovePrefix[] = "MOVE_TO_";
inline constexpr char kOverviewPrefix[] = "MIRRORCTL_OVERVIEW_";

/// What mirrorctl.toml says: which administration, and as whom. Paths are complete: a relative one was seen
/// from the folder of the file. Each key may also come from the environment, as MIRRORCTL_ENDPOINT_ADDRESS,
/// which then wins.
struct ControlConfig {
  std::string file;     ///< As it was given.
  std::string address;  ///< host:port of the server's [admin]; [::1]:7444 for IPv6.
  ClientTls tls;        ///< All three are set: the administration asks for mutual TLS.
  /// [audit]: the certificate of the endpoint's application key, for 'audit verify'. May be empty.
  std::string audit_certificate = {};
};

/// Reads and checks the file. Errors: kInvalidArgument "FILE:LINE: [endpoint] 'key' ..." for everything that
/// is not as above, unknown keys included; kNotFound and kPermissionDenied about the file itself. No key or
/// certificate is opened.
/// `prefix`: of its variables; that of another server's configuration is another one.
absl::StatusOr<ControlConfig> LoadControlConfig(const std::string& path,
                                                const std::string& prefix = kControlPrefix);

/// The same of the file that FindConfig() finds; where it was looked for, `err` is told which one it is.
absl::StatusOr<ControlConfig> FindControlConfig(const std::string& given, std::ostream& err);

}  // namespace mirror

#endif  // MIRROR_TOOLS_MIRRORCTL_ADMIN_CONTROL_CONFIG_H_
