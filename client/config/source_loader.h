#ifndef MIRROR_CLIENT_CONFIG_SOURCE_LOADER_H_
#define MIRROR_CLIENT_CONFIG_SOURCE_LOADER_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/config/config_file.h"
#include "client/config/source_config.h"

namespace mirror {

/// The [[source]] of a file. `hash_key`: that of [agent]. Errors: see LoadAgentConfig().
absl::StatusOr<std::vector<SourceConfig>> LoadSources(const ConfigFile& file, const std::string& hash_key);

}  // namespace mirror

#endif  // MIRROR_CLIENT_CONFIG_SOURCE_LOADER_H_
