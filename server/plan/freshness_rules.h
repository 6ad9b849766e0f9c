#ifndef MIRROR_SERVER_PLAN_FRESHNESS_RULES_H_
#define MIRROR_SERVER_PLAN_FRESHNESS_RULES_H_

#include <cstdint>
#include <string>
#include <vector>

#include "server/plan/plan.h"

namespace mirror {

/// What a `[[tenant]]` block, or a `[[tenant.table]]` in it, says.
struct FreshnessRule {
  std::string context = "*", table = "*";  ///< Patterns; '*' stands for any characters.
  bool of_table = false;                   ///< It stands in a [[tenant.table]].
  std::int64_t target_ms = 0;              ///< 0: none.
  friend bool operator==(const FreshnessRule&, const FreshnessRule&) = default;
};
/// In the order of the file; the last one that fits counts.
using FreshnessRules = std::vector<FreshnessRule>;

/// For a tenant that has these tables.
FreshnessTargets TargetsOf(const FreshnessRules& rules, const std::string& context_id,
                           const std::vector<std::string>& tables);

}  // namespace mirror

#endif  // MIRROR_SERVER_PLAN_FRESHNESS_RULES_H_
