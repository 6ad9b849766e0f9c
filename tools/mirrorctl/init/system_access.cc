#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstddef>
#include <cstdio>
#include <filesystem>
#include <optional>
#include <string>
#include <system_error>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "base/human_text.h"
#include "base/status_macros.h"
#include "base/system_user.h"
#include "tools/mirrorctl/init/init_system.h"

extern char** environ;

namespace mirror {
namespace {

namespace fs = std::filesystem;

constexpr char kDropInBegin[] =
    "# Made by 'mirrorctl init --system': where the agent may write besides its own folder.\n[Service]\n"
    "ReadWritePaths=";
constexpr char kHome[] = "ProtectHome=no\n", kTemporary[] = "PrivateTmp=no\n";

// Returns the database and the files that SQLite made beside it, quoted for a shell.
std::string DatabaseFiles(const std::string& root, const std::string& path) {
  std::string files = ShellWord(path);
  for (const char* const suffix : {"-wal", "-shm", "-journal"}) {
    if (access(absl::StrCat(root, path, suffix).c_str(), F_OK) == 0)
      absl::StrAppend(&files, " ", ShellWord(path + suffix));
  }
  return files;
}

// Returns true if a folder has files other than the database's; true if the folder cannot be read.
bool HasOtherThings(const std::string& folder, const std::string& name) {
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    if (!it->path().filename().string().starts_with(name)) return true;
  }
  return static_cast<bool>(error);
}

}  // namespace

absl::Status CheckLeadsSomewhere(const std::string& path) {
  struct stat info = {};
  if (stat(path.c_str(), &info) == 0 || lstat(path.c_str(), &info) != 0 || !S_ISLNK(info.st_mode))
    return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat("'", path, "' is a link that leads nowhere. Mount what it leads to, or remove it."));
}

absl::Status CheckBelow(const std::string& root, const std::string& path) {
  if (root.empty()) return absl::OkStatus();
  fs::path place = root;
  struct stat info = {};
  for (const fs::path& part : fs::path(path).relative_path()) {
    place /= part;
    // If this part does not exist, nothing below it exists.
    if (lstat(place.c_str(), &info) != 0) return absl::OkStatus();
    if (!S_ISLNK(info.st_mode)) continue;
    RETURN_IF_ERROR(CheckLeadsSomewhere(place.string()));
    return absl::FailedPreconditionError(absl::StrCat(
        "'", place.string(), "' is a link, and it could lead out of '", root,
        "'. Nothing was made. Give --root a folder without links on the way to its files in /etc and "
        "/var/lib, and --source a path without links; or run init in that root itself ('chroot')."));
  }
  return absl::OkStatus();
}

absl::Status CheckUserFiles(const std::string& root) {
  for (const char* name : {"/etc/passwd", "/etc/group"}) {
    RETURN_IF_ERROR(CheckBelow(root, name));
    const std::string path = root + name;
    struct stat info = {};
    if (root.empty() || stat(path.c_str(), &info) != 0 || S_ISREG(info.st_mode)) continue;
    return absl::FailedPreconditionError(absl::StrCat(
        "'", path, "' is not a file. Nothing was made. Give --root the root folder of a system."));
  }
  return absl::OkStatus();
}

absl::Status CheckKinds(const std::string& root, const std::vector<std::string>& folders,
                        const std::string& drop_in) {
  struct stat info = {};
  for (const std::string& folder : folders) {
    const std::string path = root + folder;
    if (stat(path.c_str(), &info) != 0 || S_ISDIR(info.st_mode)) continue;
    return absl::FailedPreconditionError(
        absl::StrCat("'", path, "' is not a folder. Nothing was made. Move it away first."));
  }
  const std::string path = root + drop_in;
  if (stat(path.c_str(), &info) != 0 || S_ISREG(info.st_mode) || S_ISCHR(info.st_mode))
    return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat("'", path, "' is not a file. Nothing was made. Move it away first."));
}

absl::Status CheckUsers(const std::optional<SystemUser>& server, const std::optional<SystemUser>& agent) {
  // Without root's rights init changes no owner: its files belong to the caller.
  const bool gives = geteuid() == 0;
  constexpr char kHelp[] = " Nothing was made. Give each user a number of its own, as systemd-sysusers does.";
  for (const std::optional<SystemUser>& user : {server, agent}) {
    if (!user) continue;
    if (user->id == static_cast<uid_t>(-1) || user->group == static_cast<gid_t>(-1)) {
      return absl::FailedPreconditionError(absl::StrCat(
          "the user '", user->name, "' has the user or group number -1, which no user can have.", kHelp));
    }
    if (gives && (user->id == 0 || user->group == 0)) {
      return absl::FailedPreconditionError(absl::StrCat(
          "the user '", user->name, "' has 0 as its number or group, and so the rights of root.", kHelp));
    }
  }
  if (!gives || !server || !agent || server->id != agent->id) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat("the users '", server->name, "' and '", agent->name,
                                                    "' both have the number ", agent->id,
                                                    ": each could read the other's keys.", kHelp));
}

bool IsSharedFolder(const std::string& root, const std::string& path) {
  const fs::path folder = fs::path(path).parent_path();
  struct stat info = {};
  if (!folder.has_relative_path() || folder.parent_path() == "/") return true;
  if (stat((root + folder.string()).c_str(), &info) != 0) return false;
  return (info.st_mode & S_ISVTX) != 0 || IsHome(root, folder.string(), info.st_uid) ||
         (info.st_uid == 0 && HasOtherThings(root + folder.string(), fs::path(path).filename().string()));
}

std::vector<std::string> CommandsToShare(const std::string& root, const std::string& path,
                                         const SystemUser& user) {
  const fs::path folder = fs::path(path).parent_path();
  std::vector<std::string> commands;
  for (fs::path above = folder.parent_path(); above.has_relative_path(); above = above.parent_path()) {
    struct stat info = {};
    if (stat((root + above.string()).c_str(), &info) != 0 || MayAccess(user, root + above.string(), X_OK))
      continue;
    commands.insert(commands.begin(), absl::StrCat("setfacl -m u:", user.name, ":--x ",
                                                   ShellWord(above.string()), "   # Debian package acl"));
  }
  struct stat database = {}, info = {};
  if (stat((root + path).c_str(), &database) != 0 || stat((root + folder.string()).c_str(), &info) != 0)
    return commands;
  if (MissingRight(user, root, path, DatabaseUse::kWrite).empty()) return commands;
  const std::string files = DatabaseFiles(root, path), both = ShellWord(folder.string()) + " " + files;
  if (database.st_uid == 0 && info.st_uid == 0) {
    commands.push_back(absl::StrCat("chown ", user.name, ": ", both));
    return commands;
  }
  // The owner is always a member of its group.
  const struct stat& owned = info.st_uid == 0 ? database : info;
  const std::optional<SystemUser> owner = FindSystemUser(root, owned.st_uid);
  const std::string name = owner ? SystemGroupName(root, owner->group) : "";
  const std::string group = name.empty() ? absl::StrCat(owner ? owner->group : owned.st_gid) : name;
  commands.push_back(absl::StrCat("usermod -a -G ", group, " ", user.name));
  commands.push_back(absl::StrCat("chgrp ", group, " ", both));
  commands.push_back(absl::StrCat("chmod g+rwxs ", ShellWord(folder.string())));
  commands.push_back(absl::StrCat("chmod g+rw ", files));
  return commands;
}

std::string DropInText(const std::string& folder) {
  const std::string below = folder + "/";
  const auto is_in = [&below](const char* other) { return below.starts_with(other); };
  std::string text = absl::StrCat(kDropInBegin, SystemdPath(folder), "\n");
  if (is_in("/home/") || is_in("/root/") || is_in("/run/user/")) text += kHome;
  if (is_in("/tmp/") || is_in("/var/tmp/")) text += kTemporary;
  return text;
}

bool IsDropIn(const std::string& path) {
  const absl::StatusOr<std::string> text = ReadKeyFile(path, FileUse::kPublic);
  if (!text.ok() || !text->starts_with(kDropInBegin)) return false;
  // The text consists of the line with the folder and the optional lines after it.
  const std::size_t end = text->find('\n', sizeof(kDropInBegin) - 1);
  const std::string rest = end == std::string::npos ? "?" : text->substr(end + 1);
  return rest.empty() || rest == kHome || rest == kTemporary;
}

std::string SystemdPath(const std::string& folder) {
  std::string quoted = "\"";
  for (const char character : folder) {
    const auto code = static_cast<unsigned char>(character);
    if (code < 0x20 || code == 0x7f) {
      char escape[8];
      std::snprintf(escape, sizeof(escape), "\\x%02x", static_cast<unsigned>(code));
      quoted += escape;
      continue;
    }
    if (character == '"' || character == '\\') quoted += '\\';
    if (character == '%') quoted += '%';
    quoted += character;
  }
  quoted += '"';
  return quoted.size() == folder.size() + 2 && folder.find_first_of(" '") == std::string::npos ? folder
                                                                                               : quoted;
}

void ReloadUnits(Console& console) {
  if (access("/run/systemd/system", F_OK) != 0) return;
  const char* argv[] = {"systemctl", "daemon-reload", nullptr};
  pid_t child = 0;
  int status = 1;
  if (posix_spawnp(&child, argv[0], nullptr, nullptr, const_cast<char* const*>(argv), environ) != 0 ||
      waitpid(child, &status, 0) != child || status != 0) {
    console.err
        << "mirrorctl: warning: 'systemctl daemon-reload' failed; type it before the commands above\n";
  }
}

}  // namespace mirror
