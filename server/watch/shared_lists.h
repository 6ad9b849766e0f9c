#ifndef MIRROR_SERVER_WATCH_SHARED_LISTS_H_
#define MIRROR_SERVER_WATCH_SHARED_LISTS_H_

#include <map>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/plan/plan.h"

namespace mirror {

/// Where several servers have the same mirrors: what lists are made of, as it is now, whoever changed it. An
/// index: what it does not have is read from the mirror. Both changes are made under the mirror's writer
/// lock, so that nothing is kept that somebody else is about to change.
/// Errors of every call: kUnavailable. Threads: any.
class SharedLists {
 public:
  virtual ~SharedLists() = default;
  /// Before a commit that changes it: a kill behind that leaves nothing that is not so.
  virtual absl::Status Forget(const std::string& context_id) = 0;
  virtual absl::Status Keep(const std::string& context_id, const ListedDocuments& documents) = 0;
  /// By context id.
  virtual absl::StatusOr<std::map<std::string, ListedDocuments>> ReadAll() = 0;
};

}  // namespace mirror

#endif  // MIRROR_SERVER_WATCH_SHARED_LISTS_H_
