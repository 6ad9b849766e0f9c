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

/// Columns that a plan drops from a table that stays.
struct DroppedColumns {
  std::string table;
  std::size_t step = 0;  ///< Its number in the plan.
  std::vector<std::string> columns;
  std::optional<std::uint64_t> values = {};  ///< In them, see CountValues(); absent: not counted.
};

/// Of the steps that are tried first.
std::vector<DroppedColumns> FindDropped(const std::vector<Step>& steps);

/// Columns that stand in `mirror` and go with a population that these steps call for: a definition that the
/// rows cannot be changed to. Errors: those of the snapshot.
absl::StatusOr<std::vector<DroppedColumns>> FindPopulatedWithout(Snapshot& mirror,
                                                                 const std::vector<Step>& steps);

/// Values that are not NULL in these columns of the source's rows. A table that is not there, or not as it
/// was agreed, has none. Reads the columns whole. Errors: those of the snapshot.
absl::StatusOr<std::uint64_t> CountValues(Snapshot& mirror, const std::string& table,
                                          const std::vector<std::string>& columns, const GoOn& go_on);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_DROPPED_COLUMNS_H_
