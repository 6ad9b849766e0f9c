#ifndef MIRROR_SERVER_STORE_FOLDER_LOCK_H_
#define MIRROR_SERVER_STORE_FOLDER_LOCK_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"

namespace mirror {

/// A data folder that is this process's alone, as long as this lives.
class FolderLock {
 public:
  /// Errors: kFailedPrecondition: another server has the folder, or it cannot be written.
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
