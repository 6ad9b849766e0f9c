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

// Whether states that were proven equal to the source's are still read as they were. Over one snapshot;
// errors beside those that are named: the snapshot's.

namespace mirror {

/// A commit as of which the table was proven.
struct ProvenState {
  JournalEntry commit;     ///< Without its keys.
  std::uint64_t rows = 0;  ///< As read now.
  bool equal = false;
};

/// The newest first, of a table that has a history, `count_max` at most. Commits before its definition
/// changed last are left out: what was proven of them has other columns. Errors: kCancelled.
using TakeProven = std::function<absl::Status(const ProvenState& state)>;
absl::Status VerifyTable(Snapshot& snapshot, const std::string& table, std::size_t count_max,
                         const GoOn& go_on, const TakeProven& take);

/// Tables that have a history, by name.
absl::StatusOr<std::vector<std::string>> TablesWithHistory(Snapshot& snapshot);

}  // namespace mirror

#endif  // MIRROR_SERVER_TENANT_PROVEN_STATES_H_
