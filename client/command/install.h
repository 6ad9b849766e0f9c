#ifndef MIRROR_CLIENT_COMMAND_INSTALL_H_
#define MIRROR_CLIENT_COMMAND_INSTALL_H_

#include <ostream>
#include <string>

namespace mirror {

struct InstallOptions {
  std::string config;
  std::string context_id;  ///< A pattern of those that are meant; empty: all.
  bool take_over = false;  ///< Also of a source whose log is another agent's, see LogOwner.
  bool print_sql = false;  ///< Changes no source: prints what somebody else is to run there.
};

/// `mirror-agent install`: makes the change log of each [[source]] with strategy cdc. Twice is harmless.
/// What deliveries lack in one that accepts some is told on `err`. Gives the exit code: 0 done, 1 a source
/// failed (the others are done), 2 wrong configuration.
int Install(const InstallOptions& options, std::ostream& out, std::ostream& err);

/// `mirror-agent uninstall`: removes every trace of that from the sources, and nothing else. The mirrors keep
/// what they have; after another install each table is populated. Exit codes as Install.
int Uninstall(const std::string& config, std::ostream& out, std::ostream& err);

}  // namespace mirror

#endif  // MIRROR_CLIENT_COMMAND_INSTALL_H_
