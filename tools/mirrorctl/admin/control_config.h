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

/// How a command uses a mirrorctl.toml. This decides which environment variables override the file's keys.
enum class ControlUse : std::uint8_t {
  kAlone,         ///< MIRRORCTL_ENDPOINT_ADDRESS and so on.
  kMoveTarget,    ///< MOVE_TO_ENDPOINT_ADDRESS and so on.
  kOneOfSeveral,  ///< No variables: one variable cannot hold the keys of several files.
};

/// Content of mirrorctl.toml: address of the administration and the client's identity. Paths are complete:
/// relative ones start at the file's folder. Environment variables override keys: see ControlUse.
struct ControlConfig {
  std::string file;     ///< The path of the file, as given.
  std::string address;  ///< host:port of the server's [admin]; [::1]:7444 for IPv6.
  ClientTls tls;        ///< All three members are set, because the administration requires mutual TLS.
  /// Path from [audit]: the certificate of the endpoint's application key, for 'audit verify'. May be empty.
  std::string audit_certificate = {};
};

/// Reads and checks the file. Keys and certificates are not opened. Errors: kInvalidArgument "FILE:LINE:
/// [endpoint] 'key' ...": a key is wrong, missing or unknown; kNotFound, kPermissionDenied: the file itself.
absl::StatusOr<ControlConfig> LoadControlConfig(const std::string& path, ControlUse use = ControlUse::kAlone);

/// Loads the file that FindConfig() finds. If FindConfig() searched for the file, writes the file's name to
/// `err`.
absl::StatusOr<ControlConfig> FindControlConfig(const std::string& given, std::ostream& err);

/// Reads several files, in their order. For a file that cannot be read, `console` gets the reason and exit
/// code 2. A file with the same server as an earlier one is omitted, with a warning. `named`: the number of
/// files, without those omitted in this way.
std::vector<ControlConfig> LoadControlConfigs(const std::vector<std::string>& paths, std::size_t* named,
                                              Console& console);

}  // namespace mirror

#endif  // MIRROR_TOOLS_MIRRORCTL_ADMIN_CONTROL_CONFIG_H_
