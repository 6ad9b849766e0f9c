#ifndef MIRROR_SERVER_STORE_DROPPED_COLUMNS_H_
#define MIRROR_SERVER_STORE_DROPPED_COLUMNS_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "server/plan/plan.h"
#include "server/store/snapshot.h"

namespace mirror {

/// The columns that a plan drops from a table that stays.
struct DroppedColumns {
  std::string table;
  std::size_t step = 0;  ///< The index of the step in the plan.
  std::vector<std::string> columns;
  std::optional<std::uint64_t> values = {};  ///< Values in them, see CountValues(); absent: not counted.
};

/// Returns the columns that these steps drop. Ignores Step::otherwise.
std::vector<DroppedColumns> FindDropped(const std::vector<Step>& steps);

/// Returns the columns of `mirror` that a population would drop, if these steps ask for one. A population
/// drops them if the rows cannot be changed in place to the new definition. Errors: those of the snapshot.
absl::StatusOr<std::vector<DroppedColumns>> FindPopulatedWithout(Snapshot& mirror,
                                                                 const std::vector<Step>& steps);

/// Counts the values that are not NULL in these columns of the source's rows. Returns 0 if the table is
/// missing or differs from its agreed definition. Scans the whole table. Errors: those of the snapshot.
absl::StatusOr<std::uint64_t> CountValues(Snapshot& mirror, const std::string& table,
                                          const std::vector<std::string>& columns, const GoOn& go_on);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_DROPPED_COLUMNS_H_
