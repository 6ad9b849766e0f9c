#ifndef MIRROR_SERVER_TENANT_TABLE_DIFF_H_
#define MIRROR_SERVER_TENANT_TABLE_DIFF_H_

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "proto/wire/key_range.h"
#include "server/store/snapshot.h"
#include "server/tenant/as_of.h"

// What differs between two states of a table, and whether states that were proven equal to the source's are
// still what they were. Over one snapshot; errors beside those that are named: the snapshot's.

namespace mirror {

/// A row that is not the same in both states.
struct RowDifference {
  Key key;
  /// JSON objects, see JsonRows; absent: no row of this key stood then.
  std::optional<std::string> before, after;
  std::vector<std::string> columns;  ///< That differ, where there are both.
};

struct DiffedMoments {
  TableHistory history;
  FoundMoment from, to;
};

/// An empty `to`: the last commit. Errors: those of FindTableHistory() and FindMoment(); kInvalidArgument:
/// `to` is before `from`.
absl::StatusOr<DiffedMoments> FindMoments(Snapshot& snapshot, const std::string& table, std::string_view from,
                                          std::string_view to);

/// In key order. Rows that came back to what they were are left out. An error of `take` ends it.
using TakeDifference = std::function<absl::Status(RowDifference difference)>;
absl::Status DiffTable(Snapshot& snapshot, const DiffedMoments& moments, const GoOn& go_on,
                       const TakeDifference& take);

}  // namespace mirror

#endif  // MIRROR_SERVER_TENANT_TABLE_DIFF_H_
