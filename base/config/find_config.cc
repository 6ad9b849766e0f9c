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
#include "base/printable.h"

namespace mirror {
namespace {

/// "MIRROR_AGENT_CONFIG" of mirror-agent.toml.
std::string VariableFor(const std::string& name) {
  const std::string program(absl::StripSuffix(name, ".toml"));
  return absl::StrCat(absl::AsciiStrToUpper(absl::StrReplaceAll(program, {{"-", "_"}})), "_CONFIG");
}

std::string EnvironmentOf(const char* name) {
  const char* const value = std::getenv(name);
  return value == nullptr ? "" : value;
}

/// A folder that the environment names; only a complete path is one.
std::string FolderOf(const char* variable) {
  const std::string folder = EnvironmentOf(variable);
  return folder.starts_with('/') ? folder : "";
}

/// Who is made another user by 'runuser' or 'sudo' may keep the former one's home, which is none of his.
std::string OwnHome() {
  const std::string home = FolderOf("HOME");
  struct stat info = {};
  return !home.empty() && stat(home.c_str(), &info) == 0 && info.st_uid == geteuid() ? home : "";
}

/// Why ./`name` is passed over; empty: it is not. In /tmp anybody may have put it there, and a hook in it
/// would run as whoever reads it. A link's maker and its file's owner count alike.
std::string StrangersOwn(const std::string& name) {
  struct stat link = {}, file = {};
  if (lstat(name.c_str(), &link) != 0) return "";
  if (stat(name.c_str(), &file) != 0) file = link;
  for (const uid_t owner : {link.st_uid, file.st_uid}) {
    if (owner == geteuid() || owner == 0) continue;
    return absl::StrCat("./", name, " is passed over, since it is another user's (user id ", owner,
                        "); --config ./", name, " takes it all the same");
  }
  return "";
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
  const std::string passed_over = StrangersOwn(name);
  const std::string advice = absl::StrCat("name a configuration with --config or in ", VariableFor(name));
  std::vector<std::string> places = PlacesOf(name, etc);
  if (!passed_over.empty()) places.erase(places.begin());
  for (const std::string& place : places) {
    std::error_code error;
    // A link that leads nowhere is there, too: what it should have led to is missed by its loader.
    const std::filesystem::file_status status = std::filesystem::symlink_status(place, error);
    if (std::filesystem::exists(status)) return FoundConfig{place, true, passed_over};
    const bool denied = status.type() != std::filesystem::file_type::not_found;
    if (denied && place != name) {
      return absl::PermissionDeniedError(absl::StrCat("whether there is a '", place, "' cannot be seen (",
                                                      error.message(), "). Nothing was done: ", advice));
    }
  }
  return absl::NotFoundError(absl::StrCat("there is no '", absl::StrJoin(places, "' and no '"), "'",
                                          passed_over.empty() ? "" : ", and ", passed_over,
                                          ". Nothing was done: ", advice, " ('mirrorctl init' writes one)"));
}

void SayConfig(const FoundConfig& found, const char* program, std::ostream& out) {
  if (!found.passed_over.empty()) out << program << ": " << found.passed_over << '\n' << std::flush;
  if (found.searched && found.path.starts_with('/')) {
    out << program << ": configuration " << Printable(found.path) << '\n' << std::flush;
  }
}

std::string ConfigOfLine(const cli::TypedLine& line, const std::string& name) {
  std::string path = line.Value("--config");
  if (path.starts_with("~/")) path.replace(0, 1, EnvironmentOf("HOME"));
  if (path.empty()) path = EnvironmentOf(VariableFor(name).c_str());
  const absl::StatusOr<FoundConfig> found = FindConfig(path, name);
  return found.ok() ? found->path : path;
}

void LetSearch(const cli::Command& command, const cli::Option& config, const std::string& path,
               const std::string& name) {
  config.Variable(VariableFor(name));
  command.Check([config, &path] {
    return config.given() && path.empty() ? "--config must name a file. Nothing was done." : "";
  });
}

}  // namespace mirror
