#ifndef MIRROR_CLIENT_CONFIG_KIND_KEYS_H_
#define MIRROR_CLIENT_CONFIG_KIND_KEYS_H_

#include "absl/status/status.h"
#include "base/config/config_file.h"
#include "client/config/source_config.h"

// Keys that only some kinds of sources have: a new kind is named in the rows of keys.toml.

namespace mirror {

/// Refuses a key of a [[source]] that is not for its kind.
absl::Status CheckSourceKeys(const ConfigTable& block, SourceKind kind);
/// The same of a [[source.table]].
absl::Status CheckTableKeys(const ConfigTable& block, SourceKind kind);

}  // namespace mirror

#endif  // MIRROR_CLIENT_CONFIG_KIND_KEYS_H_
