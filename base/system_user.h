#ifndef MIRROR_BASE_SYSTEM_USER_H_
#define MIRROR_BASE_SYSTEM_USER_H_

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

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
/// Empty: the group has no name.
std::string SystemGroupName(const std::string& root, gid_t id);
/// Whether somebody's home is there. `owner`: whose folder it is, and who is asked for first.
bool IsHome(const std::string& root, const std::string& folder, uid_t owner);

/// Whether the user may do with a file what `mode` says (R_OK, W_OK, X_OK). Root asks as that user, so that
/// access lists and read-only file systems count; another asks for itself.
bool MayAccess(const SystemUser& user, const std::string& path, int mode);

}  // namespace mirror

#endif  // MIRROR_BASE_SYSTEM_USER_H_
