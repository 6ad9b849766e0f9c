#include "base/text/find_config.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <set>
#include <system_error>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/strip.h"
#include "base/file.h"
#include "base/mutex.h"
#include "base/printable.h"
#include "base/system_user.h"

namespace mirror {
namespace {

/// Returns the name of the variable for a file: "MIRROR_AGENT_CONFIG" for mirror-agent.toml.
std::string VariableFor(const std::string& name) {
  const std::string program(absl::StripSuffix(name, ".toml"));
  return absl::StrCat(absl::AsciiStrToUpper(absl::StrReplaceAll(program, {{"-", "_"}})), "_CONFIG");
}

std::string EnvironmentOf(const char* name) {
  const char* const value = std::getenv(name);
  return value == nullptr ? "" : value;
}

/// Returns a folder from an environment variable. A path that is not absolute is ignored.
std::string FolderOf(const char* variable) {
  const std::string folder = EnvironmentOf(variable);
  return folder.starts_with('/') ? folder : "";
}

/// Returns HOME if it belongs to this user. After 'runuser' or 'sudo' it may still be the home of the former
/// user, which must not be used.
std::string OwnHome() {
  const std::string home = FolderOf("HOME");
  struct stat info = {};
  return !home.empty() && stat(home.c_str(), &info) == 0 && info.st_uid == geteuid() ? home : "";
}

struct Place {
  std::string path;
  /// Anybody can put files into this folder, as into /tmp, and hooks in a file run with the rights of the
  /// user who reads it. Therefore a file is accepted only if it belongs to this user or root and nobody else
  /// can write it.
  bool anybodys = false;
};

/// A place whose file is not accepted, and the reason.
struct PassedOver {
  std::string path, why;
};

/// The files that were accepted because of their owner and mode. A loader gets only a path, and may read it
/// again hours later.
struct OwnFiles {
  Mutex mutex;
  std::set<std::string> paths MIRROR_GUARDED_BY(mutex);
};

OwnFiles& TheOwnFiles() {
  static OwnFiles files;
  return files;
}

/// Returns the reason why other users may have written `path`, whose target is `file`: a link or its file
/// belongs to neither this user nor root, or the mode allows others to write. The group of this process may
/// write, because on Debian each user has a group of its own, and files are often writable for it. Empty:
/// other users cannot have written it.
std::string StrangersIn(const std::string& path, const struct stat& file) {
  struct stat link = {};
  if (lstat(path.c_str(), &link) != 0) link = file;
  for (const uid_t owner : {link.st_uid, file.st_uid}) {
    if (owner != geteuid() && owner != 0) return absl::StrCat("another user's (user id ", owner, ")");
  }
  const mode_t others = S_IWOTH | (file.st_gid == getegid() ? 0 : S_IWGRP);
  // A link's own mode has no meaning.
  if (S_ISLNK(file.st_mode) || (file.st_mode & others) == 0) return "";
  return absl::StrCat("one that ", (file.st_mode & S_IWOTH) != 0 ? "everybody" : "another group",
                      " may write ('chmod go-w' ends that)");
}

/// Returns the reason why the file of a place is rejected. Empty: it is accepted.
std::string WhyPassedOver(const Place& place) {
  struct stat file = {};
  if (!place.anybodys) return "";
  // A link without a target is checked itself.
  if (stat(place.path.c_str(), &file) != 0 && lstat(place.path.c_str(), &file) != 0) return "";
  const std::string strangers = StrangersIn(place.path, file);
  if (strangers.empty()) return "";
  const std::string shown = place.path.starts_with('/') ? place.path : "./" + place.path;
  return absl::StrCat(shown, " is skipped, since it is ", strangers, "; --config ", shown, " uses it anyway");
}

std::vector<Place> PlacesOf(const std::string& name, const std::string& etc) {
  std::vector<Place> places = {{name, true}};
  const std::string below = "/partner-mirror/" + name;
  // The variable may be the former user's, because 'su' keeps it.
  if (const std::string given = FolderOf("XDG_CONFIG_HOME"); !given.empty()) {
    places.push_back({given + below, true});
  } else if (const std::string home = OwnHome(); !home.empty()) {
    places.push_back({absl::StrCat(home, "/.config", below)});
  }
  if (name == kAgentConfig) places.push_back({absl::StrCat(etc, "/partner-mirror-agent/", name)});
  places.push_back({etc + below});
  return places;
}

FoundConfig Found(const Place& place, const std::vector<PassedOver>& before) {
  if (place.anybodys) {
    OwnFiles& own = TheOwnFiles();
    const MutexLock lock(own.mutex);
    own.paths.insert(place.path);
  }
  FoundConfig found{place.path, true};
  for (const PassedOver& other : before) {
    std::error_code error;
    // Both places may be the same folder, if it is the current folder.
    if (std::filesystem::equivalent(other.path, place.path, error)) continue;
    absl::StrAppend(&found.passed_over, found.passed_over.empty() ? "" : "; ", other.why);
  }
  return found;
}

/// Returns true for the server's folder, if the agent has its own. The agent's user may have no access to the
/// server's folder, and no file in it would be used.
bool IsBehindTheAgents(const std::string& path, const std::string& name, const std::string& etc) {
  std::error_code error;
  return name == kAgentConfig && path.starts_with(etc + "/partner-mirror/") &&
         std::filesystem::exists(etc + "/partner-mirror-agent", error);
}

}  // namespace

absl::StatusOr<FoundConfig> FindConfig(const std::string& given, const std::string& name,
                                       const std::string& etc) {
  if (!given.empty()) {
    OwnFiles& own = TheOwnFiles();
    const MutexLock lock(own.mutex);
    own.paths.erase(given);
    return FoundConfig{given, false};
  }
  const std::string advice = absl::StrCat("name a configuration with --config or in ", VariableFor(name),
                                          " ('mirrorctl init' writes one)");
  std::vector<std::string> none, words;
  std::vector<PassedOver> passed_over;
  std::string next = advice, unseen;
  for (const Place& place : PlacesOf(name, etc)) {
    std::error_code error;
    // A link without a target counts as found: the loader then reports that its target is missing.
    const std::filesystem::file_status status = std::filesystem::symlink_status(place.path, error);
    const bool denied = error == std::errc::permission_denied;
    if (std::filesystem::exists(status)) {
      const std::string why = WhyPassedOver(place);
      if (why.empty()) return Found(place, passed_over);
      passed_over.push_back({place.path, why});
    } else if (denied && place.anybodys && place.path != name) {
      passed_over.push_back({place.path, place.path + " is skipped, since this user may not look there"});
    } else if (status.type() == std::filesystem::file_type::not_found || place.path == name) {
      none.push_back(place.path);
    } else if (!denied || !IsBehindTheAgents(place.path, name, etc)) {
      unseen = absl::StrCat("this user cannot see if there is a '", place.path, "' (", error.message(), ")");
      if (denied) next = absl::StrCat(AsItsOwner(place.path), ", or ", advice);
      break;
    }
  }
  if (!none.empty()) words.push_back(absl::StrCat("there is no '", absl::StrJoin(none, "' and no '"), "'"));
  if (!unseen.empty()) words.push_back(unseen);
  for (const PassedOver& other : passed_over) words.push_back(other.why);
  const std::string message = absl::StrCat(absl::StrJoin(words, ", and "), ". Nothing was done: ", next);
  return unseen.empty() ? absl::NotFoundError(message) : absl::PermissionDeniedError(message);
}

std::string AsItsOwner(const std::string& path) {
  const SystemUser owner = FolderOwner(path);
  if (owner.id == geteuid())
    return absl::StrCat("give yourself the right to '", NearestThere(path), "' with chmod");
  const bool may_be_named = owner.id != 0 && FindSystemUser("", owner.id);
  return may_be_named ? absl::StrCat("run it with 'sudo -u ", owner.name, "'") : "run it with sudo";
}

absl::Status CheckConfigOwner(const std::string& path, int descriptor) {
  OwnFiles& own = TheOwnFiles();
  const MutexLock lock(own.mutex);
  struct stat file = {}, now = {};
  if (!own.paths.contains(path) || fstat(descriptor, &file) != 0) return absl::OkStatus();
  const std::string strangers = StrangersIn(path, file);
  const bool same = stat(path.c_str(), &now) == 0 && now.st_dev == file.st_dev && now.st_ino == file.st_ino;
  if (strangers.empty() && same) return absl::OkStatus();
  return absl::PermissionDeniedError(
      absl::StrCat("'", path, "' was replaced while it was being checked",
                   strangers.empty() ? "" : absl::StrCat(", and is now ", strangers),
                   ". It was not read. If it is the right one, name it with --config."));
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
