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

/// What 'mirrorctl init' is told of the system.
struct SystemChoice {
  bool chosen = false;    ///< --system.
  std::string root = {};  ///< --root; empty: this system.
};

/// Fills the folders of the packages: /etc/partner-mirror for the server and its operator, and
/// /etc/partner-mirror-agent, each for the user that its service runs as. What only an operator needs, the
/// authorities' keys among it, stays root's. Both users there: a mirror and its source on one machine. The
/// server's alone: a mirror for sources elsewhere, which make their key themselves. Says what was made and
/// what to type next; on an error what it had made is gone again. `root`: another root folder, with its own
/// etc/passwd; all paths are in it, and nobody needs to be root. The source's own files are looked at and
/// never changed.
void InitSystem(const InitOptions& options, const std::string& root, Console& console);

/// Errors: kFailedPrecondition: the path is a link that leads nowhere, as to a volume that is away: it is
/// somebody's, and no place to begin anew.
absl::Status CheckLeadsSomewhere(const std::string& path);
/// That no link is on the way from a root folder to `path` in it: it could lead out of the root, and that of
/// an image counts from the image's root. All is well where `root` is empty. Errors: kFailedPrecondition.
absl::Status CheckBelow(const std::string& root, const std::string& path);

/// That etc/passwd and etc/group are files of that root. Errors: kFailedPrecondition.
absl::Status CheckUserFiles(const std::string& root);
/// That state folders that are there are folders, and a drop-in a file (or /dev/null, as it is turned off);
/// by their paths below `root`. Errors: kFailedPrecondition.
absl::Status CheckKinds(const std::string& root, const std::vector<std::string>& folders,
                        const std::string& drop_in);
/// That the services' users, where they are there, are somebody, not root and not each other. Errors:
/// kFailedPrecondition.
absl::Status CheckUsers(const std::optional<SystemUser>& server, const std::optional<SystemUser>& agent);

// Of a source's database; its path is absolute, below `root`, without links.

/// Whether its folder is not the database's alone, and so nobody's to give away: a folder right below /, one
/// that everybody may write, somebody's home, and one of root's with other things in it.
bool IsSharedFolder(const std::string& root, const std::string& path);
/// The commands with which a user gets to write it and its folder beside the program that owns them; each
/// adds a right, or gives away what is root's. Empty: it may.
std::vector<std::string> CommandsToShare(const std::string& root, const std::string& path,
                                         const SystemUser& user);

/// The agent's unit's own settings, with which it may write in its source's folder.
std::string DropInText(const std::string& folder);
/// Whether a file is DropInText() of any folder, as an init made it and nobody has changed it since.
bool IsDropIn(const std::string& path);
/// Has systemd read its units again: a drop-in counts from then on.
void ReloadUnits(Console& console);
/// A folder as systemd's settings take it: in quotes, with specifiers and quotes escaped.
std::string SystemdPath(const std::string& folder);

}  // namespace mirror

#endif  // MIRROR_TOOLS_MIRRORCTL_INIT_INIT_SYSTEM_H_
