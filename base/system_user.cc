#include "base/system_user.h"

#include <grp.h>
#include <pwd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstddef>
#include <cstdio>
#include <functional>
#include <memory>
#include <string_view>

namespace mirror {
namespace {

constexpr int kMostGroups = 65'536;  // As Linux has it.

using OpenFile = std::unique_ptr<std::FILE, int (*)(std::FILE*)>;

OpenFile OpenBelow(const std::string& root, const char* name) {
  return {std::fopen((root + name).c_str(), "re"), &std::fclose};
}

// The first entry that fits; of this system whatever its name service knows.
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
  if (geteuid() != 0 || user.id == 0) return access(path.c_str(), mode) == 0;
  const pid_t child = fork();
  if (child == 0) {
    const bool is_user = setgroups(user.groups.size(), user.groups.data()) == 0 && setgid(user.group) == 0 &&
                         setuid(user.id) == 0;
    _exit(is_user && access(path.c_str(), mode) == 0 ? 0 : 1);
  }
  int status = 0;
  return child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

}  // namespace mirror
