#ifndef MIRROR_SERVER_PLAN_INDEX_RULES_H_
#define MIRROR_SERVER_PLAN_INDEX_RULES_H_

#include <string>
#include <vector>

#include "server/plan/tenant_switch.h"

// For which tenants the server makes the source's indexes itself.

namespace mirror {

using IndexRule = TenantSwitch;
using IndexRules = std::vector<IndexRule>;

/// Without a rule no index is made.
inline bool FollowsIndexes(const IndexRules& rules, const std::string& context_id) {
  return IsOnFor(context_id, rules, false);
}

}  // namespace mirror

#endif  // MIRROR_SERVER_PLAN_INDEX_RULES_H_
