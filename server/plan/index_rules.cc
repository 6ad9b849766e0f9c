#include "server/plan/index_rules.h"

#include "base/name_pattern.h"

namespace mirror {

bool FollowsIndexes(const IndexRules& rules, const std::string& context_id) {
  bool follow = false;
  for (const IndexRule& rule : rules) {
    if (MatchesExactly(context_id, rule.context)) follow = rule.follow;
  }
  return follow;
}

}  // namespace mirror
