#ifndef MIRROR_SERVER_STORE_SQLITE_FILE_SECOND_NAMES_H_
#define MIRROR_SERVER_STORE_SQLITE_FILE_SECOND_NAMES_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

// While another file replaces a mirror's file, that file and its log have second names, so that at each
// moment one of the two files has both names. A file that becomes the mirror must have only one name: a
// process that opens it under another name uses another index of the same log, and corrupts both.

namespace mirror {

/// Gives a file and its log a second name each. They are on disk on return. If the file system has no hard
/// links, copies the files. Returns false if there is no file. Errors: kUnavailable: then there are no second
/// names.
absl::StatusOr<bool> NameTwice(const std::string& path, const std::string& second);

/// Removes the second name of a file that also has its first name. If its log has only the second name by
/// now, renames the log back. No one may have the file open. Errors: kUnavailable.
absl::Status TakeBackSecondNamesOf(const std::string& path);

/// Does the same for all mirrors in a folder that have two names because a process was killed.
absl::Status TakeBackSecondNames(const std::string& dir);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_SQLITE_FILE_SECOND_NAMES_H_
