#ifndef MIRROR_TOOLS_MIRRORCTL_INIT_INIT_HTTP_H_
#define MIRROR_TOOLS_MIRRORCTL_INIT_INIT_HTTP_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "tools/mirrorctl/init/described_keys.h"
#include "tools/mirrorctl/init/init.h"

namespace mirror {

/// Of a new installation: the folder of the HTTP door's keys, in that of mirror-server.toml.
inline constexpr char kApiKeysFolder[] = "apikeys";

/// [http] of mirror-server.toml: on, in plain text on loopback, where a port was asked for.
std::string HttpConfiguration(const DescribedKeys& keys, const InitOptions& options);
/// That no other listener has the port. Errors: kInvalidArgument.
absl::Status CheckHttpPort(const InitOptions& options);
/// Makes the key "owner", for all storages. Gives it; empty where no port was asked for. Errors: those of
/// IssueApiKey().
absl::StatusOr<std::string> MakeOwnerKey(const InitOptions& options);
/// How it is used, and on the last line the key itself.
void PrintHttp(const InitOptions& options, const std::string& key, Console& console);

}  // namespace mirror

#endif  // MIRROR_TOOLS_MIRRORCTL_INIT_INIT_HTTP_H_
