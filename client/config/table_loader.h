#ifndef MIRROR_CLIENT_CONFIG_TABLE_LOADER_H_
#define MIRROR_CLIENT_CONFIG_TABLE_LOADER_H_

#include "absl/status/statusor.h"
#include "base/config/config_file.h"
#include "client/config/source_config.h"

namespace mirror {

/// A [[source.table]] of `source`, which has those before it. Errors: see LoadAgentConfig().
absl::StatusOr<TableConfig> LoadTable(const ConfigTable& block, const SourceConfig& source);

}  // namespace mirror

#endif  // MIRROR_CLIENT_CONFIG_TABLE_LOADER_H_
