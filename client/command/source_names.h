#ifndef MIRROR_CLIENT_COMMAND_SOURCE_NAMES_H_
#define MIRROR_CLIENT_COMMAND_SOURCE_NAMES_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "base/text/command_tree.h"
#include "client/config/config.h"

namespace mirror {

/// For Option::Completes(): the context ids of the sources in the configuration of the line; none where it
/// cannot be read.
std::vector<std::string> SourceNames(const cli::TypedLine& line);

/// Leaves the sources that are asked for, by a pattern; empty: all. Errors: there is none.
absl::Status PickSources(const std::string& context_id, AgentConfig* config);

}  // namespace mirror

#endif  // MIRROR_CLIENT_COMMAND_SOURCE_NAMES_H_
