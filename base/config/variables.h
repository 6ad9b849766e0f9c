#ifndef MIRROR_BASE_CONFIG_VARIABLES_H_
#define MIRROR_BASE_CONFIG_VARIABLES_H_

#include <string>

#include "absl/status/status.h"
#include "base/config/config_file.h"

namespace mirror {

/// "MIRROR_AGENT_WINDOW"
std::string VariableOf(const std::string& prefix, const std::string& section, const std::string& key);

/// A variable that begins with the form's prefix and is none of it says nothing, so it was meant otherwise.
/// Errors: kInvalidArgument naming it and the one that may be meant.
absl::Status CheckVariables(const ConfigForm& form);

}  // namespace mirror

#endif  // MIRROR_BASE_CONFIG_VARIABLES_H_
