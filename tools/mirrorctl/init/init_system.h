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
  bool chosen = false;    ///< --system was given.
  std::string root = {};  ///< Value of --root; empty: this system.
};

/// Fills the folders of the packages: /etc/partner-mirror for the server and its operator, and
/// /etc/partner-mirror-agent, each for the user of its service. Files that only an operator needs, such as
/// the keys of the authorities, belong to root. If both users exist, it sets up a mirror and its source on
/// one machine. If only the server's user exists, it sets up a mirror for sources on other machines, which
/// make their own keys. It prints what was made and what to type next; on an error it removes what it made.
/// `root`: another root folder with its own etc/passwd. All paths are then below it, and root's rights are
/// not needed. The source's own files are read and never changed.
void InitSystem(const InitOptions& options, const std::string& root, Console& console);

/// Checks that `path` is no link to a missing file, for example on a volume that is not mounted: such a path
/// is in use and must not be set up anew. Errors: kFailedPrecondition.
absl::Status CheckLeadsSomewhere(const std::string& path);
/// Checks that no part of `path` below `root` is a link. A link could lead out of `root`, and an absolute
/// link in an image means a path from the image's root. OK if `root` is empty. Errors: kFailedPrecondition.
absl::Status CheckBelow(const std::string& root, const std::string& path);

/// Checks that etc/passwd and etc/group below `root` are files. Errors: kFailedPrecondition.
absl::Status CheckUserFiles(const std::string& root);
/// Checks that state folders that exist are folders, and that a drop-in that exists is a file (or a link to
/// /dev/null, which turns it off). Paths are below `root`. Errors: kFailedPrecondition.
absl::Status CheckKinds(const std::string& root, const std::vector<std::string>& folders,
                        const std::string& drop_in);
/// Checks that the services' users, if they exist, have valid numbers, are not root and are not the same
/// user. Errors: kFailedPrecondition.
absl::Status CheckUsers(const std::optional<SystemUser>& server, const std::optional<SystemUser>& agent);

// The path of a source's database: absolute, below `root`, without links.

/// Returns true if the database's folder has other uses, so that its owner must not change. Such folders are:
/// a folder directly below /, a folder that everybody may write, a home folder, or a folder of root with
/// other files in it.
bool IsSharedFolder(const std::string& root, const std::string& path);
/// Returns the commands that allow `user` to write the database and its folder, in addition to the program
/// that owns them. Each command adds a right, or changes the owner of root's files. Empty: no command is
/// needed.
std::vector<std::string> CommandsToShare(const std::string& root, const std::string& path,
                                         const SystemUser& user);

/// Returns the drop-in of the agent's unit that allows it to write in its source's folder.
std::string DropInText(const std::string& folder);
/// Returns true if a file is the DropInText() of some folder: init wrote it, and nobody changed it since.
bool IsDropIn(const std::string& path);
/// Makes systemd read its units again, so that a drop-in takes effect.
void ReloadUnits(Console& console);
/// Returns a folder in the form of systemd's settings: in quotes, with specifiers and quotes escaped.
std::string SystemdPath(const std::string& folder);

}  // namespace mirror

#endif  // MIRROR_TOOLS_MIRRORCTL_INIT_INIT_SYSTEM_H_
