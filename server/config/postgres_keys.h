#ifndef MIRROR_SERVER_CONFIG_POSTGRES_KEYS_H_
#define MIRROR_SERVER_CONFIG_POSTGRES_KEYS_H_

#include <filesystem>

#include "absl/status/status.h"
#include "base/text/config_file.h"
#include "server/config/config.h"

// PostgreSQL as the store: its keys in mirror-server.toml.

namespace mirror {

/// The keys of [postgres], which are kept in `postgres`. Relative paths in them start at `folder`.
ConfigKeys PostgresKeys(PostgresConfig& postgres, const std::filesystem::path& folder);

/// Called after the sections: reads [[postgres.place]] and checks that all keys go together. Errors:
/// kInvalidArgument by line or variable; never with a conninfo.
absl::Status ReadPostgres(const ConfigFile& file, StoreKind store, PostgresConfig& postgres);

}  // namespace mirror

#endif  // MIRROR_SERVER_CONFIG_POSTGRES_KEYS_H_
