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
  bool searched = false;         ///< The user did not name it.
  std::string passed_over = {};  ///< Rejected files of others that precede it, and why; may be empty.
};

/// Returns `given` or, if that is empty, the first existing one of
///   ./NAME, whose path is just NAME, owned by this user or root; a link and its file both. Rejected if
///     everybody can write it, or a group other than this process' own
///   $XDG_CONFIG_HOME/partner-mirror/NAME, with the same rule; if the variable is not set
///   ~/.config/partner-mirror/NAME, if HOME belongs to this user
///   /etc/partner-mirror-agent/NAME, only for mirror-agent.toml
///   /etc/partner-mirror/NAME
/// The folder's mode does not matter: files that others put there belong to them. The loader reports an
/// unreadable file. `etc` is another folder in tests. Errors: kNotFound with the places; kPermissionDenied:
/// a place cannot be searched, so that the first match is unknown (the current folder and the variable's
/// folder, which may belong to anybody, are skipped then). Threads: any. A file found in one of these two
/// is remembered for CheckConfigOwner(), for the process and by its path, until the path is passed as
/// `given`.
absl::StatusOr<FoundConfig> FindConfig(const std::string& given, const std::string& name,
                                       const std::string& etc = "/etc");

/// For a path that FindConfig() remembers: checks that the opened file is still at that path, and is this
/// user's or root's. Any other path is not checked. Errors: kPermissionDenied.
absl::Status CheckConfigOwner(const std::string& path, int descriptor);

/// Returns "run it with sudo": how a user without access can read a file, by its owner or that of the nearest
/// visible folder.
std::string AsItsOwner(const std::string& path);

/// For the manual page of a program that searches for its configuration.
inline constexpr std::pair<const char*, const char*> kConfigHome = {
    "XDG_CONFIG_HOME", "The folder that stands in for ~/.config where the configuration is searched for."};

/// Prints "mirrorctl: configuration /etc/partner-mirror/mirrorctl.toml", if it was found outside of the
/// current folder; before it any rejected files, wherever the accepted one is. Otherwise nothing.
void SayConfig(const FoundConfig& found, const char* program, std::ostream& out);

/// Makes `config`, an option of `command` that sets `path`, optional: an environment variable replaces it,
/// MIRRORCTL_CONFIG for mirrorctl.toml. An empty option is wrong usage; an empty variable counts as not
/// set.
void LetSearch(const cli::Command& command, const cli::Option& config, const std::string& path,
               const std::string& name);

/// For a line that is being completed: returns FindConfig()'s result for its --config or the variable, or
/// that value itself if nothing is found. The shell has not expanded a ~ yet.
std::string ConfigOfLine(const cli::TypedLine& line, const std::string& name);

}  // namespace mirror

#endif  // MIRROR_BASE_TEXT_FIND_CONFIG_H_
