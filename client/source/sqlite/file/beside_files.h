#ifndef MIRROR_CLIENT_SOURCE_SQLITE_FILE_BESIDE_FILES_H_
#define MIRROR_CLIENT_SOURCE_SQLITE_FILE_BESIDE_FILES_H_

#include <sys/types.h>

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "base/system_user.h"

namespace mirror {

// SQLite makes files beside a database (-wal, -shm, -journal), and whoever made them and was killed leaves
// them. They have the database's mode, and belong to whom root would give them, the database's owner, only
// when root makes them: else to the user and the group of the process. An application that cannot open them
// cannot open its own database.

/// Who has to do with the files beside a database.
struct BesideParties {
  mode_t mode = 0;  ///< Of the database, as the next two.
  uid_t owner = 0;
  gid_t group = 0;
  uid_t user = 0;                           ///< This process.
  bool in_group = false;                    ///< The user may give files to that group.
  bool folder_gives = false;                ///< Files that the user makes have that group by themselves.
  std::optional<bool> owner_in_group = {};  ///< Absent: nobody knows.
};

/// Why the database's owner could not use files that the user makes beside it; empty: he can.
std::string BesideProblem(const BesideParties& parties);

/// What is made beside one database, so that its owner can use it. Threads: one.
class BesideFiles {
 public:
  /// `path`: of the database, without links.
  explicit BesideFiles(std::string path) : path_(std::move(path)) {}

  /// kPermissionDenied: what this process makes would lock the owner out; nothing was made.
  absl::Status Check() const;
  /// The same of another user, which root asks for.
  absl::Status Check(const SystemUser& user) const;
  /// An empty file of the database's group where SQLite would make one of another group. One that is there
  /// stays as it is.
  void Make(const char* suffix) const;
  /// Gives what this process made all the same to that group.
  void GiveAway() const;

 private:
  std::optional<BesideParties> Parties(const SystemUser& user) const;

  const std::string path_;
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_SQLITE_FILE_BESIDE_FILES_H_
