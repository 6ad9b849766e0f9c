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

// Compares two states of a table, in one snapshot. See proven_states.h for states that were proven. Every
// call can also fail with the snapshot's errors.

namespace mirror {

/// A row that differs between the two states.
struct RowDifference {
  Key key;
  /// JSON objects, see JsonRows; absent: there was no row with this key.
  std::optional<std::string> before, after;
  std::vector<std::string> columns;  ///< Columns that differ, if both rows exist.
};

struct DiffedMoments {
  TableHistory history;
  FoundMoment from, to;
};

/// Finds the two moments. An empty `to` means the last commit. Errors: those of FindTableHistory() and
/// FindMoment(); kInvalidArgument: `to` is before `from`.
absl::StatusOr<DiffedMoments> FindMoments(Snapshot& snapshot, const std::string& table, std::string_view from,
                                          std::string_view to);

/// Takes one difference; they come in the order of keys. Rows whose values are the same in both states are
/// left out. An error ends the comparison.
using TakeDifference = std::function<absl::Status(RowDifference difference)>;
absl::Status DiffTable(Snapshot& snapshot, const DiffedMoments& moments, const GoOn& go_on,
                       const TakeDifference& take);

}  // namespace mirror

#endif  // MIRROR_SERVER_TENANT_TABLE_DIFF_H_
