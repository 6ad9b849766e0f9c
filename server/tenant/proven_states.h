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

// Checks whether states that were proven equal to the source can still be read unchanged. Works in one
// snapshot; every call can also fail with the snapshot's errors.

namespace mirror {

/// A commit at which the table was proven equal to its source.
struct ProvenState {
  JournalEntry commit;     ///< Without its keys.
  std::uint64_t rows = 0;  ///< Number of rows that were read in this check.
  bool equal = false;
};

/// Takes one proven state. VerifyTable() calls it for the proven states of a table with a history: at most
/// `count_max`, newest first. It leaves out commits before the last change of the table's definition, because
/// those had other columns. Errors: kCancelled.
using TakeProven = std::function<absl::Status(const ProvenState& state)>;
absl::Status VerifyTable(Snapshot& snapshot, const std::string& table, std::size_t count_max,
                         const GoOn& go_on, const TakeProven& take);

/// Returns the tables that have a history, by name.
absl::StatusOr<std::vector<std::string>> TablesWithHistory(Snapshot& snapshot);

}  // namespace mirror

#endif  // MIRROR_SERVER_TENANT_PROVEN_STATES_H_
