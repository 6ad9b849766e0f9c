#include "base/config/find_config.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <system_error>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/strip.h"

namespace mirror {
namespace {

/// "MIRROR_AGENT_CONFIG" of mirror-agent.toml.
std::string VariableFor(const std::string& name) {
  const std::string program(absl::StripSuffix(name, ".toml"));
  return absl::StrCat(absl::AsciiStrToUpper(absl::StrReplaceAll(program, {{"-", "_"}})), "_CONFIG");
}

/// A folder that the environment names; only a complete path is one.
std::string FolderOf(const char* variable) {
  const char* const folder = std::getenv(variable);
  return folder != nullptr && *folder == '/' ? folder : "";
}

/// Who is made another user by 'runuser' or 'sudo' may keep the former one's home, which is none of his.
std::string OwnHome() {
  const std::string home = FolderOf("HOME");
  struct stat info = {};
  return !home.empty() && stat(home.c_str(), &info) == 0 && info.st_uid == geteuid() ? home : "";
}

std::vector<std::string> PlacesOf(const std::string& name, const std::string& etc) {
  std::vector<std::string> places = {name};
  std::string own = FolderOf("XDG_CONFIG_HOME");
  if (const std::string home = OwnHome(); own.empty() && !home.empty()) own = home + "/.config";
  if (!own.empty()) places.push_back(absl::StrCat(own, "/partner-mirror/", name));
  if (name == "mirror-agent.toml") places.push_back(absl::StrCat(etc, "/partner-mirror-agent/", name));
  places.push_back(absl::StrCat(etc, "/partner-mirror/", name));
  return places;
}

}  // namespace

absl::StatusOr<FoundConfig> FindConfig(const std::string& given, const std::string& name,
                                       const std::string& etc) {
  if (!given.empty()) return FoundConfig{given, false};
  const std::string advice = absl::StrCat("name a configuration with --config or in ", VariableFor(name));
  const std::vector<std::string> places = PlacesOf(name, etc);
  for (const std::string& place : places) {
    std::error_code error;
    // A link that leads nowhere is there, too: what it should have led to is missed by its loader.
    const std::filesystem::file_status status = std::filesystem::symlink_status(place, error);
    if (std::filesystem::exists(status)) return FoundConfig{place, true};
    const bool denied = status.type() != std::filesystem::file_type::not_found;
    if (denied && place != name) {
      return absl::PermissionDeniedError(absl::StrCat("whether there is a '", place, "' cannot be seen (",
                                                      error.message(), "). Nothing was done: ", advice));
    }
  }
  return absl::NotFoundError(absl::StrCat("there is no '", absl::StrJoin(places, "' and no '"),
                                          "'. Nothing was done: ", advice, " ('mirrorctl init' writes one)"));
}

void SayConfig(const FoundConfig& found, const char* program, std::ostream& out) {
  if (found.searched && found.path.starts_with('/')) {
    out << program << ": configuration " << found.path << '\n' << std::flush;
  }
}

void LetSearch(const cli::Command& command, const cli::Option& config, const std::string& path,
               const std::string& name) {
  config.Variable(VariableFor(name));
  command.Check([config, &path] {
    return config.given() && path.empty() ? "--config must name a file. Nothing was done." : "";
  });
}

}  // namespace mirror
