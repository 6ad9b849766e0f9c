#ifndef MIRROR_BASE_SYSTEM_USER_H_
#define MIRROR_BASE_SYSTEM_USER_H_

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"

namespace mirror {

/// A user of a system, with the groups of its processes.
struct SystemUser {
  std::string name;
  uid_t id = 0;
  gid_t group = 0;
  std::vector<gid_t> groups = {};
};

/// `root`: the folder whose etc/passwd and etc/group are read; empty: this system. Absent: no such user.
std::optional<SystemUser> FindSystemUser(const std::string& root, const std::string& name);
std::optional<SystemUser> FindSystemUser(const std::string& root, uid_t id);
/// Returns the user of this process, with its groups. Omits the name: the lookup is not thread-safe.
SystemUser ThisUser();
/// Empty: the group has no name.
std::string SystemGroupName(const std::string& root, gid_t id);
/// Returns true if the folder is somebody's home. `owner`: the folder's owner, who is checked first.
bool IsHome(const std::string& root, const std::string& folder, uid_t owner);

/// Returns the owner of a folder or, if it does not exist, of the nearest existing folder above it. A user
/// unknown to the system gets its number as its name.
SystemUser FolderOwner(const std::string& folder);

/// Returns true if the user has the access `mode` (R_OK, W_OK, X_OK) to a file. Root checks as that user, so
/// that access lists and read-only file systems count; other users check their own access.
bool MayAccess(const SystemUser& user, const std::string& path, int mode);

enum class DatabaseUse { kRead, kWrite };
/// Returns the access that the user lacks for using a SQLite database, below `root`, as text that follows the
/// user's name: "may not write '/srv/crm/crm.db-wal'". Changes are also written to files beside it, which
/// SQLite makes in its folder. Empty: nothing is missing.
std::string MissingRight(const SystemUser& user, const std::string& root, const std::string& database,
                         DatabaseUse use);

/// Root may write in every folder, but the folder's owner, mostly a service, cannot use files that root
/// leaves there: nothing reports this before the service's next start. So root is refused in a folder of
/// another user. `folder`: where this process is about to write; see FolderOwner(). `config`: the
/// configuration in use. Errors: kFailedPrecondition, with the command that does the same as that user, or
/// with the mapping to add if a user namespace hides the user.
absl::Status CheckOwnFolder(const std::string& folder, const std::string& config);

}  // namespace mirror

#endif  // MIRROR_BASE_SYSTEM_USER_H_
