#ifndef MIRROR_CLIENT_SOURCE_STAGE_STAGE_PLACE_H_
#define MIRROR_CLIENT_SOURCE_STAGE_STAGE_PLACE_H_

#include <memory>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "base/mutex.h"
#include "base/status_macros.h"
#include "client/source/stage/stage_file.h"

namespace mirror {

/// The stage's file, whichever stands at its path. Threads: any.
class StagePlace {
 public:
  explicit StagePlace(std::string path) : path_(std::move(path)) {}

  /// One that was removed or replaced meanwhile is opened, or made, anew.
  absl::StatusOr<std::shared_ptr<StageFile>> File() {
    const MutexLock lock(mutex_);
    if (file_ != nullptr && !file_->IsReplaced()) return file_;
    absl::StatusOr<std::shared_ptr<StageFile>> opened = StageFile::Open(path_);
    if (opened.ok()) file_ = *opened;
    return opened;
  }
  absl::StatusOr<StageFile::Reading> Read() {
    ASSIGN_OR_RETURN(const std::shared_ptr<StageFile> file, File());
    return (file)->Read();
  }

 private:
  const std::string path_;
  Mutex mutex_;
  std::shared_ptr<StageFile> file_ MIRROR_GUARDED_BY(mutex_);
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_STAGE_STAGE_PLACE_H_
