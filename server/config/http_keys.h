#ifndef MIRROR_SERVER_CONFIG_HTTP_KEYS_H_
#define MIRROR_SERVER_CONFIG_HTTP_KEYS_H_

#include <filesystem>

#include "absl/status/status.h"
#include "base/config/config_file.h"
#include "base/config/config_key.h"
#include "server/config/config.h"

namespace mirror {

/// [http]. `set_address`: checks as that of the other listeners does.
ConfigKeys HttpKeys(HttpConfig& http, const std::filesystem::path& folder, Setter set_address);
/// Behind all sections: what [http] leaves to others is filled in. Errors: what does not go together.
absl::Status FinishHttp(const ConfigFile& file, bool is_loopback, ServerConfig* config);

}  // namespace mirror

#endif  // MIRROR_SERVER_CONFIG_HTTP_KEYS_H_
