#ifndef MIRROR_SERVER_STORE_POSTGRES_SEEN_MARKS_H_
#define MIRROR_SERVER_STORE_POSTGRES_SEEN_MARKS_H_

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "server/plan/plan.h"
#include "server/store/postgres/work_view.h"

namespace mirror {

/// Documents of kSeenKind, see server/journal/seen_mark.h, as a transaction under the tenant's lock has read
/// and written them. Threads: one at a time.
class SeenMarks {
 public:
  /// What was read with the lock: texts by folded name. `tables`: whose texts were asked for; empty: all.
  void Know(const std::vector<std::string>& tables, const std::map<std::string, std::string>& texts);
  /// What was queued.
  void Put(const std::vector<DocumentChange>& changes);
  /// See JournalVerbs::ReadSeen().
  absl::StatusOr<std::optional<std::string>> Find(WorkView& view, const std::string& table);

 private:
  bool has_all_ = false;
  std::map<std::string, std::optional<std::string>> texts_;  ///< By folded name of the table.
};

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_POSTGRES_SEEN_MARKS_H_
