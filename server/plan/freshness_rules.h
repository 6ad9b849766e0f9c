#ifndef MIRROR_SERVER_PLAN_FRESHNESS_RULES_H_
#define MIRROR_SERVER_PLAN_FRESHNESS_RULES_H_

#include <cstdint>
#include <string>
#include <vector>

#include "server/plan/plan.h"

namespace mirror {

/// What `[[tenant]]` or a `[[tenant.table]]` of it says.
struct FreshnessRule {
  std::string context = "*", table = "*";  ///< Patterns; '*' stands for any characters.
  bool of_table = false;                   ///< It stands in a [[tenant.table]].
  std::int64_t target_ms = 0;              ///< 0: none.
  friend bool operator==(const FreshnessRule&, const FreshnessRule&) = default;
};
/// In the order of the file: of those that fit the last one counts.
using FreshnessRules = std::vector<FreshnessRule>;

/// For a tenant that has these tables.
FreshnessTargets TargetsOf(const FreshnessRules& rules, const std::string& context_id,
                           const std::vector<std::string>& tables);

}  // namespace mirror

#endif  // MIRROR_SERVER_PLAN_FRESHNESS_RULES_H_
