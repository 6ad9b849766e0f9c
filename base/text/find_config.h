#ifndef MIRROR_BASE_TEXT_FIND_CONFIG_H_
#define MIRROR_BASE_TEXT_FIND_CONFIG_H_

#include <ostream>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/text/command_line.h"

namespace mirror {

/// The agent's, which has a folder of its own below /etc.
inline constexpr char kAgentConfig[] = "mirror-agent.toml";

/// A configuration, and how it came to be the one.
struct FoundConfig {
  std::string path;
  bool searched = false;         ///< Nobody named it.
  std::string passed_over = {};  ///< Files of others that it stands in for, and why; else empty.
};

/// `given`, or where that is empty the first that is there of
///   ./NAME, whose path is NAME alone, of this user or root; a link and its file both. Not one that
///     everybody may write, or a group that is not this process' own
///   $XDG_CONFIG_HOME/partner-mirror/NAME, the same; without the variable
///   ~/.config/partner-mirror/NAME, of a HOME of this user's
///   /etc/partner-mirror-agent/NAME, of mirror-agent.toml
///   /etc/partner-mirror/NAME
/// Who may write the folder does not count: what others put there is theirs. Whether it can be read is its
/// loader's to say. `etc` is another folder in tests. Errors: kNotFound with the places; kPermissionDenied:
/// one of them may not be looked into, so that nobody knows which would be the first (but the current folder
/// and the variable's, which may be anybody's, are left out then).
/// Threads: any. What was found in one of these two is remembered for CheckConfigOwner(), for the process and
/// by its path, until somebody names that as `given`.
absl::StatusOr<FoundConfig> FindConfig(const std::string& given, const std::string& name,
                                       const std::string& etc = "/etc");

/// Of a path that FindConfig() remembers: whether what was opened there stands there still, and is this
/// user's or root's. Of any other path nothing is asked. Errors: kPermissionDenied.
absl::Status CheckConfigOwner(const std::string& path, int descriptor);

/// "run it with sudo": how somebody may read a file who may not, by its owner or that of the nearest folder
/// that can be seen.
std::string AsItsOwner(const std::string& path);

/// For the manual page of a program that searches for its configuration.
inline constexpr std::pair<const char*, const char*> kConfigHome = {
    "XDG_CONFIG_HOME", "The folder that stands in for ~/.config where the configuration is searched for."};

/// "mirrorctl: configuration /etc/partner-mirror/mirrorctl.toml", of one that was found elsewhere than in the
/// current folder; before it what was passed over, wherever the other one is. Else nothing.
void SayConfig(const FoundConfig& found, const char* program, std::ostream& out);

/// `config`, an option of `command` that sets `path`, may be left out: a variable of the environment stands
/// in for it, MIRRORCTL_CONFIG for mirrorctl.toml. An empty one is wrong usage; an empty variable says
/// nothing.
void LetSearch(const cli::Command& command, const cli::Option& config, const std::string& path,
               const std::string& name);

/// Of a line that is being completed: what FindConfig() gives for its --config or the variable, and that
/// itself where nothing is found. The shell has not yet made a path of a ~.
std::string ConfigOfLine(const cli::TypedLine& line, const std::string& name);

}  // namespace mirror

#endif  // MIRROR_BASE_TEXT_FIND_CONFIG_H_
