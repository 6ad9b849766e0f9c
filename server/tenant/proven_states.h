#ifndef MIRROR_SERVER_TENANT_PROVEN_STATES_H_
#define MIRROR_SERVER_TENANT_PROVEN_STATES_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/journal/journal_entry.h"
#include "server/store/snapshot.h"

// Checks whether states that were proven equal to the source are still read
// unchanged. Over one snapshot; errors besides those that are named: the snapshot's.

namespace mirror {

/// A commit for which the table was proven.
struct ProvenState {
  JournalEntry commit;     ///< Without its keys.
  std::uint64_t rows = 0;  ///< Number read now.
  bool equal = false;
};

/// Calls `take` for the proven states of a table with a history, newest first, at most `count_max`.
/// Commits before its last change of definition are left out: they had other columns. Errors: kCancelled.
using TakeProven = std::function<absl::Status(const ProvenState& state)>;
absl::Status VerifyTable(Snapshot& snapshot, const std::string& table, std::size_t count_max,
                         const GoOn& go_on, const TakeProven& take);

/// Returns the tables that have a history, by name.
absl::StatusOr<std::vector<std::string>> TablesWithHistory(Snapshot& snapshot);

}  // namespace mirror

#endif  // MIRROR_SERVER_TENANT_PROVEN_STATES_H_
