#ifndef MIRROR_SERVER_STORE_SQLITE_QUARANTINE_H_
#define MIRROR_SERVER_STORE_SQLITE_QUARANTINE_H_

#include <string>

#include "absl/status/status.h"

namespace mirror {

/// A note beside a mirror file that it is damaged and takes nothing, and why: what a restart must not forget,
/// kept outside of a file that is not to be trusted.
inline constexpr char kQuarantineSuffix[] = ".quarantine";

/// Empty: it is not.
std::string ReadQuarantine(const std::string& path);
/// Where another file was put in the place of the one that is damaged, the log that was left beside that
/// goes: SQLite would replay it over the other. Before the file is opened.
void RemoveLogOfDamaged(const std::string& path);
/// On disk when it returns. Errors: kUnavailable.
absl::Status WriteQuarantine(const std::string& path, const std::string& why);
absl::Status RemoveQuarantine(const std::string& path);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_SQLITE_QUARANTINE_H_
