#ifndef MIRROR_SERVER_STORE_SQLITE_FILE_SECOND_NAMES_H_
#define MIRROR_SERVER_STORE_SQLITE_FILE_SECOND_NAMES_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

// A mirror's file and its log have second names while another file takes their place, so that at each moment
// one of the two has both. A file that goes on as the mirror must have one name alone: whoever opens it under
// another has another index of the same log, and corrupts both.

namespace mirror {

/// Gives a file and its log a second name each, on disk when it returns. False: there is no file. Where the
/// file system has no second names they are copied. Errors: kUnavailable, and then there is none.
absl::StatusOr<bool> NameTwice(const std::string& path, const std::string& second);

/// A file that stays where it is, and is the same under a second name, loses that; its log comes back, where
/// that has its second name alone by now. Nobody has it open. Errors: kUnavailable.
absl::Status TakeBackSecondNamesOf(const std::string& path);

/// The same, of all mirrors in a folder that a kill left with two names.
absl::Status TakeBackSecondNames(const std::string& dir);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_SQLITE_FILE_SECOND_NAMES_H_
