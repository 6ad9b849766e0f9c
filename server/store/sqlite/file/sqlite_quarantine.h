#ifndef MIRROR_SERVER_STORE_SQLITE_FILE_SQLITE_QUARANTINE_H_
#define MIRROR_SERVER_STORE_SQLITE_FILE_SQLITE_QUARANTINE_H_

#include <string>

#include "absl/status/status.h"

namespace mirror {

/// The suffix of a note beside a damaged mirror file: it says that the mirror takes no writes, and why. It
/// must survive a restart, and is kept outside of the file, which cannot be trusted.
inline constexpr char kQuarantineSuffix[] = ".quarantine";

/// Reads the reason; empty: the mirror is not quarantined.
std::string ReadQuarantine(const std::string& path);
/// Called before the file is opened. If the damaged file is gone, or was replaced, renames the
/// log left beside it. SQLite would replay that log into the new file, and only the log has what
/// the disk lost.
absl::Status SetLogOfDamagedAside(const std::string& path);
/// Called when a new file is begun in place of a missing one: renames the log likewise, and removes the note.
absl::Status LeaveDamaged(const std::string& path);
/// Writes the note; on disk when it returns. Errors: kUnavailable.
absl::Status WriteQuarantine(const std::string& path, const std::string& why);
absl::Status RemoveQuarantine(const std::string& path);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_SQLITE_FILE_SQLITE_QUARANTINE_H_
