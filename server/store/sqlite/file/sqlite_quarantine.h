#ifndef MIRROR_SERVER_STORE_SQLITE_FILE_SQLITE_QUARANTINE_H_
#define MIRROR_SERVER_STORE_SQLITE_FILE_SQLITE_QUARANTINE_H_

#include <string>

#include "absl/status/status.h"

namespace mirror {

/// The suffix of a note beside a damaged mirror file. The note says that the mirror must not be written, and
/// why. It has to survive a restart. It is not in the mirror file because that file cannot be trusted.
inline constexpr char kQuarantineSuffix[] = ".quarantine";

/// Returns the reason; empty: the mirror is not quarantined.
std::string ReadQuarantine(const std::string& path);
/// Called before the file is opened. If the damaged file was removed or replaced, renames the log beside it.
/// Otherwise SQLite would apply that log to the new file. The log is kept because only it has what the disk
/// lost.
absl::Status SetLogOfDamagedAside(const std::string& path);
/// Called when a new file is begun because the file is missing: renames the log in the same way, and removes
/// the note.
absl::Status LeaveDamaged(const std::string& path);
/// Writes the note. It is on disk on return. Errors: kUnavailable.
absl::Status WriteQuarantine(const std::string& path, const std::string& why);
absl::Status RemoveQuarantine(const std::string& path);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_SQLITE_FILE_SQLITE_QUARANTINE_H_
