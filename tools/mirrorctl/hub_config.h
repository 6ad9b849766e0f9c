#ifndef MIRROR_TOOLS_MIRRORCTL_HUB_CONFIG_H_
#define MIRROR_TOOLS_MIRRORCTL_HUB_CONFIG_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"

// [[hub]] for tables that are there: what 'mirrorctl hub init' prints. Values, no side effects.

namespace mirror {

struct FoundColumn {
  std::string name;
  bool key = false;
  bool text = false;
  /// Its first values are texts as '06/25/2025 10:30:00 AM'.
  bool american_time = false;
};

/// A table of a mirror.
struct FoundTable {
  std::string tenant, table;
  std::vector<FoundColumn> columns;
};

/// Tables that hold records of one entity: attributes are columns of one name in at least two of them, keys
/// aside, since each system has its own. Nothing is written before somebody fills in `write`. Errors:
/// kInvalidArgument: they have no such column, a table is there twice, a name is none that [[hub]] takes.
absl::StatusOr<std::string> EntityConfig(const std::string& storage, const std::string& entity,
                                         const std::vector<FoundTable>& tables);

/// One entity for each table name, whose records are found by the table's key: all columns go both ways, the
/// newest counts, a deletion goes to all. Errors: kInvalidArgument: a table has no key, or is in one tenant
/// alone.
absl::StatusOr<std::string> DataJoinConfig(const std::string& storage, const std::vector<FoundTable>& tables);

}  // namespace mirror

#endif  // MIRROR_TOOLS_MIRRORCTL_HUB_CONFIG_H_
