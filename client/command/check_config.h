#ifndef MIRROR_CLIENT_COMMAND_CHECK_CONFIG_H_
#define MIRROR_CLIENT_COMMAND_CHECK_CONFIG_H_

#include <ostream>
#include <string>

namespace mirror {

/// `mirror-agent check-config`: reads the configuration, the keys and certificates that it names, and looks
/// whether sources can be read and the agent's folder can be written. Opens no source and calls nobody.
/// Gives the exit code: 0 nothing is wrong, 2 something is.
int CheckConfig(const std::string& file, std::ostream& out, std::ostream& err);

}  // namespace mirror

#endif  // MIRROR_CLIENT_COMMAND_CHECK_CONFIG_H_
