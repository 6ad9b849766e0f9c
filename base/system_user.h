#ifndef MIRROR_BASE_SYSTEM_USER_H_
#define MIRROR_BASE_SYSTEM_USER_H_

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"

namespace mirror {

/// A user of a system, with the groups that its processes have.
struct SystemUser {
  std::string name;
  uid_t id = 0;
  gid_t group = 0;
  std::vector<gid_t> groups = {};
};

/// `root`: whose etc/passwd and etc/group are asked; empty: this system. Absent: there is no such user.
std::optional<SystemUser> FindSystemUser(const std::string& root, const std::string& name);
std::optional<SystemUser> FindSystemUser(const std::string& root, uid_t id);
/// Who this process is, with the groups that it has. The name is left out: to look it up is not for threads.
SystemUser ThisUser();
/// Empty: the group has no name.
std::string SystemGroupName(const std::string& root, gid_t id);
/// Whether somebody's home is there. `owner`: whose folder it is, and who is asked for first.
bool IsHome(const std::string& root, const std::string& folder, uid_t owner);

/// Whose folder it is; where it is not there yet, the nearest above it that is. A user whom the system does
/// not know has its number as its name.
SystemUser FolderOwner(const std::string& folder);

/// Whether the user may do with a file what `mode` says (R_OK, W_OK, X_OK). Root asks as that user, so that
/// access lists and read-only file systems count; another asks for itself.
bool MayAccess(const SystemUser& user, const std::string& path, int mode);

enum class DatabaseUse { kRead, kWrite };
/// What the user cannot do that the use of a SQLite database takes, below `root`, as words behind the user's
/// name: "may not write '/srv/crm/crm.db-wal'". A change is also written to files beside it, which SQLite
/// makes in its folder. Empty: nothing.
std::string MissingRight(const SystemUser& user, const std::string& root, const std::string& database,
                         DatabaseUse use);

/// Root may write in every folder, and the user whose folder it is, mostly a service, cannot use what root
/// leaves there: nothing reports that before that service's next start. So root has no business in a folder
/// of another user. `folder`: where this process is about to write; see FolderOwner(). `config`: by which
/// configuration. Errors: kFailedPrecondition, with the command that does as that user what was asked for, or
/// with what is to be mapped where a user namespace hides who that is.
absl::Status CheckOwnFolder(const std::string& folder, const std::string& config);

}  // namespace mirror

#endif  // MIRROR_BASE_SYSTEM_USER_H_
