#ifndef MIRROR_SERVER_STORE_SQLITE_FILE_SECOND_NAMES_H_
#define MIRROR_SERVER_STORE_SQLITE_FILE_SECOND_NAMES_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

// A mirror's file and its log have second names while another file replaces them, so that at each moment one
// of the two has both names. A file that becomes the mirror must have only one name: a process that opens it
// under another name uses another index of the same log, and corrupts both.

namespace mirror {

/// Gives a file and its log a second name each, on disk when it returns. False: there is no file. If the file
/// system has no hard links, it copies them. Errors: kUnavailable, and then there are no second names.
absl::StatusOr<bool> NameTwice(const std::string& path, const std::string& second);

/// Removes the second name of a file that also has its first name. Moves its log back, if the log has only
/// its second name by now. Nothing may have the file open. Errors: kUnavailable.
absl::Status TakeBackSecondNamesOf(const std::string& path);

/// Does this for all mirrors in a folder that a kill left with two names.
absl::Status TakeBackSecondNames(const std::string& dir);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_SQLITE_FILE_SECOND_NAMES_H_
