#ifndef MIRROR_SERVER_WATCH_SHARED_LISTS_H_
#define MIRROR_SERVER_WATCH_SHARED_LISTS_H_

#include <map>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/plan/plan.h"

namespace mirror {

/// The data of lists, as several servers with the same mirrors share it. Each server that changes the data
/// writes it here. It is an index: missing data is read from the mirror. Both changes are made under the
/// mirror's writer lock. So no server keeps data that another one is about to change. Errors of every call:
/// kUnavailable. Threads: any.
class SharedLists {
 public:
  virtual ~SharedLists() = default;
  /// Removes the entry before a commit that changes the data, so that a kill after the commit leaves no old
  /// entry.
  virtual absl::Status Forget(const std::string& context_id) = 0;
  virtual absl::Status Keep(const std::string& context_id, const ListedDocuments& documents) = 0;
  /// Returns all entries, by context id.
  virtual absl::StatusOr<std::map<std::string, ListedDocuments>> ReadAll() = 0;
};

}  // namespace mirror

#endif  // MIRROR_SERVER_WATCH_SHARED_LISTS_H_
