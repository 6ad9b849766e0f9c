#ifndef MIRROR_SERVER_PLAN_INDEX_RULES_H_
#define MIRROR_SERVER_PLAN_INDEX_RULES_H_

#include <string>
#include <vector>

#include "base/name_pattern.h"
#include "proto/wire/source_objects.h"
#include "server/plan/tenant_switch.h"

// Which indexes the server makes itself, and for which tenants.

namespace mirror {

/// A [[tenant.index]]: one on each table that the pattern means and that has its columns.
struct ConfiguredIndex {
  std::string context = "*", table = "*";  ///< Patterns; '*' stands for any characters.
  SourceIndex index;
  friend bool operator==(const ConfiguredIndex&, const ConfiguredIndex&) = default;
};

struct IndexRules {
  std::vector<TenantSwitch> follow;  ///< The source's; without one none of them is made.
  std::vector<ConfiguredIndex> configured;
  friend bool operator==(const IndexRules&, const IndexRules&) = default;
};

inline bool FollowsIndexes(const IndexRules& rules, const std::string& context_id) {
  return IsOnFor(context_id, rules.follow, false);
}
/// Those of one tenant.
inline std::vector<ConfiguredIndex> ConfiguredFor(const IndexRules& rules, const std::string& context_id) {
  std::vector<ConfiguredIndex> configured;
  for (const ConfiguredIndex& one : rules.configured) {
    if (MatchesExactly(context_id, one.context)) configured.push_back(one);
  }
  return configured;
}

}  // namespace mirror

#endif  // MIRROR_SERVER_PLAN_INDEX_RULES_H_
