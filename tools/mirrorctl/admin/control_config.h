#ifndef MIRROR_TOOLS_MIRRORCTL_ADMIN_CONTROL_CONFIG_H_
#define MIRROR_TOOLS_MIRRORCTL_ADMIN_CONTROL_CONFIG_H_

#include <cstddef>
#include <cstdint>
#include <ostream>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "certs/tls.h"
#include "tools/mirrorctl/admin/console.h"

namespace mirror {

inline constexpr char kControlConfig[] = "mirrorctl.toml";

/// What a command names a mirrorctl.toml for, which says where its variables are.
enum class ControlUse : std::uint8_t {
  kAlone,         ///< MIRRORCTL_ENDPOINT_ADDRESS and so on.
  kMoveTarget,    ///< MOVE_TO_ENDPOINT_ADDRESS and so on.
  kOneOfSeveral,  ///< None: one variable cannot stand for the keys of several files.
};

/// What mirrorctl.toml says: which administration, and as whom. Paths are complete: a relative one was seen
/// from the folder of the file. Each key may also come from the environment, which then wins: see ControlUse.
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
absl::StatusOr<ControlConfig> LoadControlConfig(const std::string& path, ControlUse use = ControlUse::kAlone);

/// The same of the file that FindConfig() finds; where it was looked for, `err` is told which one it is.
absl::StatusOr<ControlConfig> FindControlConfig(const std::string& given, std::ostream& err);

/// Reads several files, in their order. For a file that cannot be read `console` gets the reason, and exit
/// code 2. A file that names a server again is left out with a warning. `named`: how many were not left out
/// so.
std::vector<ControlConfig> LoadControlConfigs(const std::vector<std::string>& paths, std::size_t* named,
                                              Console& console);

}  // namespace mirror

#endif  // MIRROR_TOOLS_MIRRORCTL_ADMIN_CONTROL_CONFIG_H_
