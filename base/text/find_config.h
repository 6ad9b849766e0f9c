#ifndef MIRROR_BASE_TEXT_FIND_CONFIG_H_
#define MIRROR_BASE_TEXT_FIND_CONFIG_H_

#include <ostream>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/text/command_line.h"

namespace mirror {

/// The agent's file, which has its own folder below /etc.
inline constexpr char kAgentConfig[] = "mirror-agent.toml";

/// A configuration, and how it was found.
struct FoundConfig {
  std::string path;
  bool searched = false;  ///< True: the file was searched for, because the user gave no path.
  /// Text about rejected files that would have been used before this one, with the reasons; may be empty.
  std::string passed_over = {};
};

/// Returns `given` or, if that is empty, the first existing one of
///   ./NAME, whose path is just NAME, owned by this user or root; a link and its file both. Rejected if
///     everybody can write it, or a group other than this process' own
///   $XDG_CONFIG_HOME/partner-mirror/NAME, with the same rule; if the variable is not set
///   ~/.config/partner-mirror/NAME, if HOME belongs to this user
///   /etc/partner-mirror-agent/NAME, only for mirror-agent.toml
///   /etc/partner-mirror/NAME
/// The mode of the folder does not matter: a file that another user puts there belongs to that user, and is
/// rejected. If the file cannot be read, the loader reports that. Tests use another folder as `etc`. Errors:
/// kNotFound, with the places; kPermissionDenied: a place cannot be searched, so that it is not known which
/// file is the first. The current folder and the variable's folder may belong to anybody: if one of them
/// cannot be searched, it is skipped. A path that was found in one of these two folders is remembered in this
/// process for CheckConfigOwner(), until it is passed as `given`. Threads: any.
absl::StatusOr<FoundConfig> FindConfig(const std::string& given, const std::string& name,
                                       const std::string& etc = "/etc");

/// Checks, for a path that FindConfig() remembers, that the opened file is still at this path and belongs to
/// this user or root. Other paths are not checked. Errors: kPermissionDenied.
absl::Status CheckConfigOwner(const std::string& path, int descriptor);

/// Returns an advice such as "run it with sudo" for a user who has no access to a file. It depends on the
/// owner of the file or, if the file cannot be seen, of the nearest folder that can be seen.
std::string AsItsOwner(const std::string& path);

/// For the manual page of a program that searches for its configuration.
inline constexpr std::pair<const char*, const char*> kConfigHome = {
    "XDG_CONFIG_HOME", "The folder that stands in for ~/.config where the configuration is searched for."};

/// Prints the rejected files, if there are any. Then it prints "mirrorctl: configuration
/// /etc/partner-mirror/mirrorctl.toml", if the file was found outside of the current folder.
void SayConfig(const FoundConfig& found, const char* program, std::ostream& out);

/// Makes the option `config` of `command`, which sets `path`, optional. Without the option an environment
/// variable is used, such as MIRRORCTL_CONFIG for mirrorctl.toml. An empty option is wrong usage; an empty
/// variable counts as not set.
void LetSearch(const cli::Command& command, const cli::Option& config, const std::string& path,
               const std::string& name);

/// Returns the path of the configuration for a line that is being completed: FindConfig()'s result for its
/// --config or for the variable. If nothing is found, returns that value itself. The shell has not yet
/// expanded a ~ in the line.
std::string ConfigOfLine(const cli::TypedLine& line, const std::string& name);

}  // namespace mirror

#endif  // MIRROR_BASE_TEXT_FIND_CONFIG_H_
