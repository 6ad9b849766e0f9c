#ifndef MIRROR_SERVER_STORE_SQLITE_FILE_SQLITE_QUARANTINE_H_
#define MIRROR_SERVER_STORE_SQLITE_FILE_SQLITE_QUARANTINE_H_

#include <string>

#include "absl/status/status.h"

namespace mirror {

/// A note beside a mirror file that it is damaged and takes nothing, and why: what a restart must not forget,
/// kept outside of a file that is not to be trusted.
inline constexpr char kQuarantineSuffix[] = ".quarantine";

/// Empty: it is not.
std::string ReadQuarantine(const std::string& path);
/// Where the file that is damaged is no more, or another one was put in its place, the log that was left
/// beside it is renamed: SQLite would replay it over the other, and it alone has what the disk lost. Before
/// the file is opened.
absl::Status SetLogOfDamagedAside(const std::string& path);
/// Once a new one is begun in the place of a file that is no more: the same, and the note goes.
absl::Status LeaveDamaged(const std::string& path);
/// On disk when it returns. Errors: kUnavailable.
absl::Status WriteQuarantine(const std::string& path, const std::string& why);
absl::Status RemoveQuarantine(const std::string& path);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_SQLITE_FILE_SQLITE_QUARANTINE_H_
