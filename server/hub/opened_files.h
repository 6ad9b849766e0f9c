#ifndef MIRROR_SERVER_HUB_OPENED_FILES_H_
#define MIRROR_SERVER_HUB_OPENED_FILES_H_

#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/mutex.h"
#include "server/hub/plan/hub_rules.h"
#include "server/hub/store/hub_file.h"

namespace mirror {

/// The file of one hub, opened twice when it is first needed: for derivations, and for those who only look,
/// whom a derivation does not keep waiting. Errors of every call: those of HubFiles; kUnavailable behind
/// Close(). Threads: any.
class OpenedFiles {
 public:
  /// `rules` outlive it.
  OpenedFiles(const HubRules& rules, HubFiles files) : rules_(rules), files_(std::move(files)) {}

  absl::StatusOr<std::shared_ptr<HubFile>> ToDerive();
  absl::StatusOr<std::shared_ptr<HubFile>> ToLook();
  /// Nothing is opened any more.
  void Close();
  /// Removes the file, also one that cannot be opened. Nobody uses it.
  absl::Status Remove();

 private:
  absl::Status Open() MIRROR_REQUIRES(mutex_);

  const HubRules& rules_;
  const HubFiles files_;
  Mutex mutex_;
  /// Null: it was not opened yet, or is closed.
  std::shared_ptr<HubFile> to_derive_ MIRROR_GUARDED_BY(mutex_);
  std::shared_ptr<HubFile> to_look_ MIRROR_GUARDED_BY(mutex_);  ///< Opened with it.
  bool closed_ MIRROR_GUARDED_BY(mutex_) = false;
};

}  // namespace mirror

#endif  // MIRROR_SERVER_HUB_OPENED_FILES_H_
