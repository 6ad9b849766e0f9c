#ifndef MIRROR_CLIENT_CONFIG_SOURCE_LOADER_H_
#define MIRROR_CLIENT_CONFIG_SOURCE_LOADER_H_

#include <toml++/toml.h>

#include <filesystem>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "client/config/source_config.h"

namespace mirror {

/// The [[source]] of `root`, which was read from `file`; relative paths are seen from `folder`. `hash_key`:
/// that of [agent]. Errors: see LoadAgentConfig().
absl::StatusOr<std::vector<SourceConfig>> LoadSources(const toml::table& root, const std::string& file,
                                                      const std::filesystem::path& folder,
                                                      const std::string& hash_key);

}  // namespace mirror

#endif  // MIRROR_CLIENT_CONFIG_SOURCE_LOADER_H_
