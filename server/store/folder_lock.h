#ifndef MIRROR_SERVER_STORE_FOLDER_LOCK_H_
#define MIRROR_SERVER_STORE_FOLDER_LOCK_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"

namespace mirror {

/// Locks a data folder for this process, as long as the object lives.
class FolderLock {
 public:
  /// Takes the lock. Errors: kFailedPrecondition: another server has the folder, or it is not writable.
  static absl::StatusOr<std::unique_ptr<FolderLock>> Take(const std::string& dir);
  ~FolderLock();
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;

 private:
  explicit FolderLock(int file) : file_(file) {}

  const int file_;
};

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_FOLDER_LOCK_H_
