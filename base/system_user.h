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

/// Finds a user by name. `root`: the folder whose etc/passwd and etc/group are read; empty: this system.
/// Absent: there is no such user.
std::optional<SystemUser> FindSystemUser(const std::string& root, const std::string& name);
std::optional<SystemUser> FindSystemUser(const std::string& root, uid_t id);
/// Returns the user of this process, with its groups. The name is empty, because looking it up is not
/// thread-safe.
SystemUser ThisUser();
/// Returns the name of a group. Empty: the group has no name.
std::string SystemGroupName(const std::string& root, gid_t id);
/// Returns true if the folder is the home of a user. `owner`: the folder's owner, whose home is compared
/// first.
bool IsHome(const std::string& root, const std::string& folder, uid_t owner);

/// Returns the owner of a folder or, if it does not exist, of the nearest existing folder above it. A user
/// unknown to the system gets its number as its name.
SystemUser FolderOwner(const std::string& folder);

/// Returns true if the user has the access `mode` (R_OK, W_OK, X_OK) to a file. A process of root checks as
/// this user, so that access lists and read-only file systems are respected. A process of any other user
/// checks its own access instead.
bool MayAccess(const SystemUser& user, const std::string& path, int mode);

enum class DatabaseUse { kRead, kWrite };
/// Returns which access the user lacks for using a SQLite database below `root`. The text follows the user's
/// name: "may not write '/srv/crm/crm.db-wal'". SQLite also makes and writes files in the folder of the
/// database. Empty: no access is missing.
std::string MissingRight(const SystemUser& user, const std::string& root, const std::string& database,
                         DatabaseUse use);

/// Refuses to let root write in a folder of another user. The folder's owner, mostly a service, could not use
/// files of root, and nobody would notice before the service's next start. `folder`: the folder in which this
/// process is about to write; see FolderOwner(). `config`: the configuration in use. Errors:
/// kFailedPrecondition: the message has the command that does the same as the folder's owner. If a user
/// namespace hides this user, the message has the mapping to add.
absl::Status CheckOwnFolder(const std::string& folder, const std::string& config);

}  // namespace mirror

#endif  // MIRROR_BASE_SYSTEM_USER_H_
