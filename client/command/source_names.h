#ifndef MIRROR_CLIENT_COMMAND_SOURCE_NAMES_H_
#define MIRROR_CLIENT_COMMAND_SOURCE_NAMES_H_

#include <string>
#include <vector>

#include "base/text/command_tree.h"

namespace mirror {

/// For Option::Completes(): the context ids of the sources in the configuration of the line; none where it
/// cannot be read.
std::vector<std::string> SourceNames(const cli::TypedLine& line);

}  // namespace mirror

#endif  // MIRROR_CLIENT_COMMAND_SOURCE_NAMES_H_
