#include "server/store/folder_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include "absl/strings/str_cat.h"

namespace mirror {

absl::StatusOr<std::unique_ptr<FolderLock>> FolderLock::Take(const std::string& dir) {
  const int file = open(absl::StrCat(dir, "/server.lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (file < 0) {
    return absl::FailedPreconditionError(
        absl::StrCat("the data folder '", dir, "' cannot be written. Look at its owner and mode."));
  }
  if (flock(file, LOCK_EX | LOCK_NB) != 0) {
    close(file);
    return absl::FailedPreconditionError(absl::StrCat("another mirror-server uses the data folder '", dir,
                                                      "'. Stop it, or give this one a folder of its own."));
  }
  return std::unique_ptr<FolderLock>(new FolderLock(file));
}

FolderLock::~FolderLock() {
  flock(file_, LOCK_UN);  // A child process that was forked meanwhile may still have the file open.
  close(file_);
}

}  // namespace mirror
