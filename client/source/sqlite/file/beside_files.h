#ifndef MIRROR_CLIENT_SOURCE_SQLITE_FILE_BESIDE_FILES_H_
#define MIRROR_CLIENT_SOURCE_SQLITE_FILE_BESIDE_FILES_H_

#include <sys/types.h>

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "base/system_user.h"

namespace mirror {

// SQLite makes files beside a database (-wal, -shm, -journal); a process that is killed leaves them there.
// They have the database's mode. Only root gives them to the database's owner; other users' files belong
// to the user and the group of the process. An application that cannot open them cannot open its own
// database.

/// Owner, group and mode of the files beside a database, and the rights of this process.
struct BesideParties {
  mode_t mode = 0;  ///< Mode of the database; the next two are its owner and group.
  uid_t owner = 0;
  gid_t group = 0;
  uid_t user = 0;                           ///< User of this process.
  bool in_group = false;                    ///< The user may give files to that group.
  bool folder_gives = false;                ///< Files that the user makes get that group automatically.
  std::optional<bool> owner_in_group = {};  ///< Absent: unknown.
};

/// Why the database's owner could not use files that the user makes beside it; empty: he could.
std::string BesideProblem(const BesideParties& parties);

/// Makes files beside one database so that its owner can use them. Threads: one.
class BesideFiles {
 public:
  /// `path`: the database, without symbolic links.
  explicit BesideFiles(std::string path) : path_(std::move(path)) {}

  /// kPermissionDenied: files of this process would lock the owner out; nothing was made.
  absl::Status Check() const;
  /// The same for another user; called by root.
  absl::Status Check(const SystemUser& user) const;
  /// Makes an empty file with the database's group, if SQLite would make it with another group. An existing
  /// file is left unchanged.
  void Make(const char* suffix) const;
  /// Gives that group any file that this process made nevertheless.
  void GiveAway() const;

 private:
  std::optional<BesideParties> Parties(const SystemUser& user) const;

  const std::string path_;
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_SQLITE_FILE_BESIDE_FILES_H_
