#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <optional>
#include <string>
#include <system_error>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/system_user.h"
#include "tools/mirrorctl/console.h"
#include "tools/mirrorctl/init_system.h"

namespace mirror {
namespace {

namespace fs = std::filesystem;

// The database and what SQLite has made beside it, as a shell takes them.
std::string DatabaseFiles(const std::string& root, const std::string& path) {
  std::string files = ShellWord(path);
  for (const char* const suffix : {"-wal", "-shm", "-journal"}) {
    if (access(absl::StrCat(root, path, suffix).c_str(), F_OK) == 0)
      absl::StrAppend(&files, " ", ShellWord(path + suffix));
  }
  return files;
}

// Whatever is not the database's: a folder that cannot be read has such things.
bool HasOtherThings(const std::string& folder, const std::string& name) {
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    if (!it->path().filename().string().starts_with(name)) return true;
  }
  return static_cast<bool>(error);
}

}  // namespace

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
  if (commands.empty() && MayAccess(user, root + folder.string(), R_OK | W_OK | X_OK) &&
      MayAccess(user, root + path, R_OK | W_OK)) {
    return commands;
  }
  const std::string files = DatabaseFiles(root, path), both = ShellWord(folder.string()) + " " + files;
  if (database.st_uid == 0 && info.st_uid == 0) {
    commands.push_back(absl::StrCat("chown ", user.name, ": ", both));
    return commands;
  }
  // The owner is a member of its own group for certain.
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

}  // namespace mirror
