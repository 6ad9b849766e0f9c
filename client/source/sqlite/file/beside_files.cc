#include "client/source/sqlite/file/beside_files.h"

#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace mirror {
namespace {

constexpr mode_t kAccess = 0777, kGroupUses = 0060, kAllUse = 0006;
constexpr int kGroupsMost = 65'536;  // Limit of Linux.

std::optional<bool> IsMember(uid_t user, gid_t group) {
  struct passwd entry = {};
  struct passwd* found = nullptr;
  std::vector<char> text(16'384);
  if (getpwuid_r(user, &entry, text.data(), text.size(), &found) != 0 || found == nullptr)
    return std::nullopt;
  std::vector<gid_t> groups(64);
  int count = static_cast<int>(groups.size());
  while (getgrouplist(entry.pw_name, entry.pw_gid, groups.data(), &count) < 0) {
    if (groups.size() >= kGroupsMost) return std::nullopt;
    groups.resize(groups.size() * 2);
    count = static_cast<int>(groups.size());
  }
  groups.resize(static_cast<std::size_t>(count));
  return std::find(groups.begin(), groups.end(), group) != groups.end();
}

/// Returns whether new files of this user must be given to the database's group explicitly.
bool MustGive(const BesideParties& parties) {
  return parties.user != 0 && parties.in_group && !parties.folder_gives;
}

}  // namespace

std::string BesideProblem(const BesideParties& parties) {
  if (parties.user == 0 || parties.user == parties.owner) return "";
  if ((parties.mode & kAllUse) == kAllUse) return "";
  if ((parties.mode & kGroupUses) != kGroupUses) {
    return absl::StrFormat("its mode %o keeps its group out", static_cast<unsigned>(parties.mode & kAccess));
  }
  if (!parties.in_group && !parties.folder_gives) return "this user is not in the group of the database";
  if (parties.owner_in_group == false) return "its owner is not in the group of the database";
  return "";
}

std::optional<BesideParties> BesideFiles::Parties(const SystemUser& user) const {
  struct stat database = {}, folder = {};
  const std::string parent = std::filesystem::path(path_).parent_path().string();
  if (stat(path_.c_str(), &database) != 0 || stat(parent.c_str(), &folder) != 0) return std::nullopt;
  BesideParties parties;
  parties.mode = database.st_mode;
  parties.owner = database.st_uid;
  parties.group = database.st_gid;
  parties.user = user.id;
  parties.in_group = user.group == parties.group ||
                     std::find(user.groups.begin(), user.groups.end(), parties.group) != user.groups.end();
  const gid_t given = (folder.st_mode & S_ISGID) != 0 ? folder.st_gid : user.group;
  parties.folder_gives = given == parties.group;
  return parties;
}

absl::Status BesideFiles::Check() const { return Check(ThisUser()); }

absl::Status BesideFiles::Check(const SystemUser& user) const {
  std::optional<BesideParties> parties = Parties(user);
  // A user who cannot write to the folder, or cannot read the database, creates no file; SQLite reports that.
  // A user who can only read the database creates -wal and -shm.
  const std::string folder = std::filesystem::path(path_).parent_path().string();
  if (!parties || !MayAccess(user, path_, R_OK) || !MayAccess(user, folder, W_OK)) return absl::OkStatus();
  if (BesideProblem(*parties).empty()) parties->owner_in_group = IsMember(parties->owner, parties->group);
  const std::string problem = BesideProblem(*parties);
  if (problem.empty()) return absl::OkStatus();
  return absl::PermissionDeniedError(absl::StrCat(
      "the source '", path_,
      "': the files that SQLite makes beside it (-wal, -shm, -journal) would belong to ",
      "this user, and the program that owns the database could not open it any more, since ", problem,
      ". Nothing was written. Let the agent run as the owner of the database; or give database and folder to "
      "a ",
      "group that both are members of ('chgrp', then 'chmod 660' for the database and 'chmod 2770' for the ",
      "folder)"));
}

void BesideFiles::Make(const char* suffix) const {
  const std::optional<BesideParties> parties = Parties(ThisUser());
  if (!parties || !MustGive(*parties)) return;
  const std::string name = path_ + suffix, made = absl::StrCat(name, ".mirror-", getpid());
  const int file = open(made.c_str(), O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (file < 0) return;
  // A link makes the file appear with its group already set. If the file exists, it stays unchanged.
  if (fchown(file, static_cast<uid_t>(-1), parties->group) == 0 &&
      fchmod(file, parties->mode & kAccess) == 0) {
    (void)!link(made.c_str(), name.c_str());
  }
  unlink(made.c_str());
  close(file);
}

void BesideFiles::GiveAway() const {
  const std::optional<BesideParties> parties = Parties(ThisUser());
  if (!parties || !MustGive(*parties)) return;
  for (const char* const suffix : {"-wal", "-shm", "-journal"}) {
    const std::string name = path_ + suffix;
    struct stat file = {};
    const bool mine =
        lstat(name.c_str(), &file) == 0 && S_ISREG(file.st_mode) && file.st_uid == parties->user;
    if (mine && file.st_gid != parties->group) {
      (void)!lchown(name.c_str(), static_cast<uid_t>(-1), parties->group);
    }
  }
}

}  // namespace mirror
