#ifndef MIRROR_SERVER_STORE_CATALOG_HOOK_CURSOR_H_
#define MIRROR_SERVER_STORE_CATALOG_HOOK_CURSOR_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace mirror {

class CatalogFile;

/// How far each hook has been told of events: the id of the last one, in the catalog.
/// Errors: kUnavailable. Threads: any.
class HookCursor {
 public:
  explicit HookCursor(std::shared_ptr<CatalogFile> file);

  /// Of a hook that is new: the last event that there is. It hears of those that follow.
  absl::StatusOr<std::uint64_t> Read(const std::string& hook);
  absl::Status Write(const std::string& hook, std::uint64_t event_id);

 private:
  const std::shared_ptr<CatalogFile> file_;
};

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_CATALOG_HOOK_CURSOR_H_
