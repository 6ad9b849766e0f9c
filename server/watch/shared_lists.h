#ifndef MIRROR_SERVER_WATCH_SHARED_LISTS_H_
#define MIRROR_SERVER_WATCH_SHARED_LISTS_H_

#include <map>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/plan/plan.h"

namespace mirror {

/// The current data of the lists, shared by several servers that have the same mirrors, whichever
/// server changed it. It is an index: missing data is read from the mirror. Both changes are made
/// under the mirror's writer lock, so that no data is kept that another server is about to change.
/// Errors of every call: kUnavailable. Threads: any.
class SharedLists {
 public:
  virtual ~SharedLists() = default;
  /// Called before a commit that changes the data, so that a kill after it leaves no stale entry.
  virtual absl::Status Forget(const std::string& context_id) = 0;
  virtual absl::Status Keep(const std::string& context_id, const ListedDocuments& documents) = 0;
  /// Returns all entries, by context id.
  virtual absl::StatusOr<std::map<std::string, ListedDocuments>> ReadAll() = 0;
};

}  // namespace mirror

#endif  // MIRROR_SERVER_WATCH_SHARED_LISTS_H_
