#include "base/system_user.h"

#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/file.h"
#include "base/human_text.h"

namespace mirror {
namespace {

constexpr int kMostGroups = 65'536;  // Limit of Linux.

using OpenFile = std::unique_ptr<std::FILE, int (*)(std::FILE*)>;

// Opens a file below `root`, which may be an image of another system. It follows no link out of the image,
// and does not wait if the file is a pipe.
OpenFile OpenBelow(const std::string& root, const char* name) {
  const int file = open((root + name).c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  struct stat info = {};
  if (file >= 0 && fstat(file, &info) == 0 && S_ISREG(info.st_mode)) return {fdopen(file, "r"), &std::fclose};
  if (file >= 0) close(file);
  return {nullptr, &std::fclose};
}

// Returns the first matching entry. For this system, entries of its name service are found, too.
const passwd* PasswdEntry(const std::string& root, const std::function<bool(const passwd&)>& fits,
                          const std::function<const passwd*()>& ask) {
  if (root.empty()) return ask();
  const OpenFile file = OpenBelow(root, "/etc/passwd");
  while (file != nullptr) {
    const passwd* const entry = fgetpwent(file.get());
    if (entry == nullptr || fits(*entry)) return entry;
  }
  return nullptr;
}

std::vector<gid_t> GroupsOf(const std::string& root, const std::string& name, gid_t own) {
  std::vector<gid_t> groups = {own};
  if (root.empty()) {
    groups.resize(kMostGroups);
    int count = kMostGroups;
    if (getgrouplist(name.c_str(), own, groups.data(), &count) < 0) count = 1;
    groups.resize(static_cast<std::size_t>(count));
    return groups;
  }
  const OpenFile file = OpenBelow(root, "/etc/group");
  while (file != nullptr) {
    const group* const entry = fgetgrent(file.get());
    if (entry == nullptr) break;
    for (char** member = entry->gr_mem; *member != nullptr; ++member) {
      if (name == *member) groups.push_back(entry->gr_gid);
    }
  }
  return groups;
}

std::optional<SystemUser> UserOf(const std::string& root, const passwd* entry) {
  if (entry == nullptr) return std::nullopt;
  SystemUser user = {entry->pw_name, entry->pw_uid, entry->pw_gid};
  user.groups = GroupsOf(root, user.name, user.group);
  return user;
}

// Returns the reason why the user may not access the file, as errno; 0: access is allowed. See MayAccess().
int AccessError(const SystemUser& user, const std::string& path, int mode) {
  const auto ask = [&] { return eaccess(path.c_str(), mode) == 0 ? 0 : errno; };
  if (geteuid() != 0 || user.id == 0) return ask();
  const pid_t child = fork();
  if (child == 0) {
    const bool is_user = setgroups(user.groups.size(), user.groups.data()) == 0 && setgid(user.group) == 0 &&
                         setuid(user.id) == 0;
    _exit(is_user ? ask() : EPERM);
  }
  int status = 0;
  const bool ended = child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status);
  return ended ? WEXITSTATUS(status) : EPERM;
}

// Returns the command line of this process, quoted for a shell, with the configuration's path.
std::string TypedCommand(const std::string& config) {
  std::ifstream line("/proc/self/cmdline", std::ios::binary);
  std::vector<std::string> words;
  bool names_config = false;
  for (std::string word; std::getline(line, word, '\0');) {
    names_config = names_config || word == "--config" || word.starts_with("--config=");
    words.push_back(ShellWord(word));
  }
  if (!names_config) words.push_back(absl::StrCat("--config ", ShellWord(config)));
  return absl::StrJoin(words, " ");
}

// Returns true for the user that a user namespace shows instead of all users that it does not map.
bool IsOverflowUser(uid_t id) {
  constexpr std::uint64_t kEveryUser = 4'294'967'295;
  uid_t overflow = 0;
  std::uint64_t inside = 0, outside = 0, count = 0;
  std::ifstream("/proc/sys/kernel/overflowuid") >> overflow;
  std::ifstream("/proc/self/uid_map") >> inside >> outside >> count;
  return id == overflow && id != 0 && count != 0 && count < kEveryUser;
}

}  // namespace

std::optional<SystemUser> FindSystemUser(const std::string& root, const std::string& name) {
  return UserOf(root, PasswdEntry(
                          root, [&](const passwd& entry) { return name == entry.pw_name; },
                          [&] { return getpwnam(name.c_str()); }));
}

std::optional<SystemUser> FindSystemUser(const std::string& root, uid_t id) {
  return UserOf(
      root, PasswdEntry(
                root, [&](const passwd& entry) { return id == entry.pw_uid; }, [&] { return getpwuid(id); }));
}

std::string SystemGroupName(const std::string& root, gid_t id) {
  if (root.empty()) {
    const group* const entry = getgrgid(id);
    return entry == nullptr ? "" : entry->gr_name;
  }
  const OpenFile file = OpenBelow(root, "/etc/group");
  while (file != nullptr) {
    const group* const entry = fgetgrent(file.get());
    if (entry == nullptr) break;
    if (entry->gr_gid == id) return entry->gr_name;
  }
  return "";
}

bool IsHome(const std::string& root, const std::string& folder, uid_t owner) {
  const auto fits = [&folder](const passwd& entry) {
    const std::string_view home = entry.pw_dir;
    return home.substr(0, home.find_last_not_of('/') + 1) == folder;
  };
  const auto ask = [&]() -> const passwd* {
    const passwd* entry = getpwuid(owner);
    if (entry != nullptr && fits(*entry)) return entry;
    setpwent();
    do {
      entry = getpwent();
    } while (entry != nullptr && !fits(*entry));
    endpwent();
    return entry;
  };
  return PasswdEntry(root, fits, ask) != nullptr;
}

bool MayAccess(const SystemUser& user, const std::string& path, int mode) {
  return AccessError(user, path, mode) == 0;
}

SystemUser ThisUser() {
  std::vector<gid_t> groups(static_cast<std::size_t>(std::max(0, getgroups(0, nullptr))));
  const int count = getgroups(static_cast<int>(groups.size()), groups.data());
  groups.resize(static_cast<std::size_t>(std::max(0, count)));
  return {"", geteuid(), getegid(), std::move(groups)};
}

SystemUser FolderOwner(const std::string& folder) {
  struct stat info = {};
  (void)!stat(NearestThere(folder).c_str(), &info);
  const std::optional<SystemUser> known = FindSystemUser("", info.st_uid);
  return known ? *known : SystemUser{absl::StrCat(info.st_uid), info.st_uid, info.st_gid, {info.st_gid}};
}

std::string MissingRight(const SystemUser& user, const std::string& root, const std::string& database,
                         DatabaseUse use) {
  const bool writes = use == DatabaseUse::kWrite;
  struct Right {
    std::string path;
    int mode;
    const char* may;
  };
  std::vector<Right> rights;  // Rights, in the order in which they are checked.
  const std::filesystem::path folder = std::filesystem::path(database).parent_path();
  for (std::filesystem::path one = folder; one.has_relative_path(); one = one.parent_path())
    rights.push_back({one.string(), X_OK, "enter the folder"});
  std::reverse(rights.begin(), rights.end());
  rights.push_back({database, R_OK, "read"});
  if (writes) {
    rights.push_back({database, W_OK, "write"});
    rights.push_back({folder.string(), W_OK, "make files in the folder"});
  }
  for (const char* const suffix : {"-wal", "-shm", "-journal"}) {
    const std::string beside = database + suffix;
    struct stat info = {};
    if (stat((root + beside).c_str(), &info) != 0) continue;
    rights.push_back({beside, R_OK, "read"});
    if (writes) rights.push_back({beside, W_OK, "write"});
  }
  for (const auto& [path, mode, may] : rights) {
    const int error = AccessError(user, root + path, mode);
    if (error == EROFS) {
      return absl::StrCat(
          "finds '", path,
          "' read-only: its file system is read-only, or the service's unit does not name the folder in "
          "ReadWritePaths=");
    }
    if (error != 0) return absl::StrCat("may not ", may, " '", path, "'");
  }
  return "";
}

absl::Status CheckOwnFolder(const std::string& folder, const std::string& config) {
  if (geteuid() != 0) return absl::OkStatus();
  const SystemUser owner = FolderOwner(folder);
  if (owner.id == 0) return absl::OkStatus();
  if (IsOverflowUser(owner.id)) {
    return absl::FailedPreconditionError(absl::StrCat(
        "'", folder, "' is a folder of user id ", owner.id,
        ", and this user namespace shows that id for every user that it does not map: the real owner cannot "
        "be seen. Nothing was done. Have the container map the folder's owner (/proc/self/uid_map lists the "
        "users that it maps), or run this outside the container, as that owner."));
  }
  const std::string as_owner =
      FindSystemUser("", owner.name)
          ? absl::StrCat("runuser -u ", ShellWord(owner.name), " -- ")
          : absl::StrCat("setpriv --reuid=", owner.id, " --regid=", owner.group, " --clear-groups -- ");
  return absl::FailedPreconditionError(
      absl::StrCat("this is root, and '", folder, "' is a folder of the user '", owner.name,
                   "', who could not use the files that root makes in it. Nothing was done. Type: ",
                   QuotedCommand(as_owner + TypedCommand(config))));
}

}  // namespace mirror
