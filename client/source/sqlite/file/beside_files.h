#ifndef MIRROR_CLIENT_SOURCE_SQLITE_FILE_BESIDE_FILES_H_
#define MIRROR_CLIENT_SOURCE_SQLITE_FILE_BESIDE_FILES_H_

#include <sys/types.h>

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "base/system_user.h"

namespace mirror {

// SQLite makes files beside a database (-wal, -shm, -journal), and a process that is killed leaves them
// there. They have the database's mode. If root makes them, they get the database's owner. If another user
// makes them, they have the user and the group of that process. An application that cannot open these files
// cannot open its own database.

/// Owner, group and mode of the files beside a database, and the rights of this process.
struct BesideParties {
  mode_t mode = 0;  ///< Mode of the database; the next two are its owner and group.
  uid_t owner = 0;
  gid_t group = 0;
  uid_t user = 0;             ///< User of this process.
  bool in_group = false;      ///< The user may give files to the database's group.
  bool folder_gives = false;  ///< Files that the user makes get the database's group automatically.
  std::optional<bool> owner_in_group = {};  ///< Absent: not known.
};

/// Returns why the database's owner could not use files that the user makes beside it; empty: the owner
/// could.
std::string BesideProblem(const BesideParties& parties);

/// Makes files beside one database so that its owner can use them. Threads: one.
class BesideFiles {
 public:
  /// `path`: the database, without symbolic links.
  explicit BesideFiles(std::string path) : path_(std::move(path)) {}

  /// Checks the files that this process would make. Errors: kPermissionDenied: they would lock the owner out;
  /// nothing was made.
  absl::Status Check() const;
  /// Checks the same for another user; called by root.
  absl::Status Check(const SystemUser& user) const;
  /// Makes an empty file with the database's group, if SQLite would make it with another group. An existing
  /// file stays unchanged.
  void Make(const char* suffix) const;
  /// Gives the database's group to any file that this process made with another group.
  void GiveAway() const;

 private:
  std::optional<BesideParties> Parties(const SystemUser& user) const;

  const std::string path_;
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_SQLITE_FILE_BESIDE_FILES_H_
