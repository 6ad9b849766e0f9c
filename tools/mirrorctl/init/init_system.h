#ifndef MIRROR_TOOLS_MIRRORCTL_INIT_INIT_SYSTEM_H_
#define MIRROR_TOOLS_MIRRORCTL_INIT_INIT_SYSTEM_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "base/system_user.h"
#include "tools/mirrorctl/admin/console.h"
#include "tools/mirrorctl/init/init.h"

namespace mirror {

/// The options of 'mirrorctl init' about the system.
struct SystemChoice {
  bool chosen = false;    ///< --system.
  std::string root = {};  ///< --root; empty: this system.
};

/// Fills the folders of the packages: /etc/partner-mirror for the server and its operator, and
/// /etc/partner-mirror-agent, each for the user of its service. Files that only an operator needs, with the
/// keys of the authorities, stay root's. If both users exist, sets up a mirror and its source on one machine;
/// if only the server's exists, a mirror for sources elsewhere, which make their own key. Prints what was
/// made and what to type next; on an error removes what it made. `root`: another root folder with its own
/// etc/passwd; all paths are below it, and root's rights are not needed. Reads the source's own files and
/// never changes them.
void InitSystem(const InitOptions& options, const std::string& root, Console& console);

/// Checks that `path` is no dangling link, for example to a volume that is not mounted: such a path belongs
/// to somebody and must not be set up anew. Errors: kFailedPrecondition.
absl::Status CheckLeadsSomewhere(const std::string& path);
/// Checks that no link is on the way from `root` to `path` below it: it could lead out of the root, and a
/// link in an image starts at the image's root. OK if `root` is empty. Errors: kFailedPrecondition.
absl::Status CheckBelow(const std::string& root, const std::string& path);

/// Checks that etc/passwd and etc/group are files below that root. Errors: kFailedPrecondition.
absl::Status CheckUserFiles(const std::string& root);
/// Checks that existing state folders are folders, and an existing drop-in a file (or /dev/null, which turns
/// it off). Paths are below `root`. Errors: kFailedPrecondition.
absl::Status CheckKinds(const std::string& root, const std::vector<std::string>& folders,
                        const std::string& drop_in);
/// Checks that the services' users, if they exist, have valid numbers, are not root and are not the same
/// user. Errors: kFailedPrecondition.
absl::Status CheckUsers(const std::optional<SystemUser>& server, const std::optional<SystemUser>& agent);

// The path of a source's database: absolute, below `root`, without links.

/// Tells whether the database's folder has other uses, so that its owner must not change: a folder right
/// below /, one that everybody may write, a home folder, or a folder of root with other files in it.
bool IsSharedFolder(const std::string& root, const std::string& path);
/// Returns the commands that let `user` write the database and its folder beside the program that owns them.
/// Each adds a right, or changes the owner of root's files. Empty: none is needed.
std::vector<std::string> CommandsToShare(const std::string& root, const std::string& path,
                                         const SystemUser& user);

/// Returns the drop-in of the agent's unit that allows it to write in its source's folder.
std::string DropInText(const std::string& folder);
/// Tells whether a file is DropInText() of any folder, that is, written by init and unchanged since.
bool IsDropIn(const std::string& path);
/// Makes systemd read its units again, so that a drop-in takes effect.
void ReloadUnits(Console& console);
/// Returns a folder in the form of systemd's settings: in quotes, with specifiers and quotes escaped.
std::string SystemdPath(const std::string& folder);

}  // namespace mirror

#endif  // MIRROR_TOOLS_MIRRORCTL_INIT_INIT_SYSTEM_H_
