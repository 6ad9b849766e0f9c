#ifndef MIRROR_CLIENT_SOURCE_SQLITE_LOG_LOG_OWNER_H_
#define MIRROR_CLIENT_SOURCE_SQLITE_LOG_LOG_OWNER_H_

#include <string>

#include "absl/status/status.h"
#include "client/source/sqlite/file/sqlite_file.h"

namespace mirror {

/// Whose change log it is: an agent's for one tenant, which is known by the folder of its state. It stands in
/// `_mirror_owner`, one row. A log of programs that wrote none there is nobody's, and so is that of a copied
/// file: the first agent that uses it owns it.
struct LogOwner {
  std::string context_id, state_dir;  ///< The latter absolute. Empty: who does not ask.
  std::string host;                   ///< As ChangeLogOptions.host.
  std::string source_id = {};  ///< What that folder knows the source by: one that was moved owns it still.
  bool takes_over = false;     ///< Also another one's.
};

/// kFailedPrecondition: it is another agent's. Only reads.
absl::Status CheckLogOwner(const SqliteFile& file, const LogOwner& owner);
/// The same, and it is this one's from now on.
absl::Status ClaimLog(const SqliteFile& file, const LogOwner& owner);

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_SQLITE_LOG_LOG_OWNER_H_
