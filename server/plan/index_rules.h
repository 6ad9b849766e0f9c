#ifndef MIRROR_SERVER_PLAN_INDEX_RULES_H_
#define MIRROR_SERVER_PLAN_INDEX_RULES_H_

#include <string>
#include <vector>

// For which tenants the server makes the source's indexes itself.

namespace mirror {

struct IndexRule {
  std::string context = "*";  ///< Pattern; '*' stands for any characters.
  bool follow = false;
  friend bool operator==(const IndexRule&, const IndexRule&) = default;
};
/// In the order of the file: of those that fit the last one counts; without one no index is made.
using IndexRules = std::vector<IndexRule>;

bool FollowsIndexes(const IndexRules& rules, const std::string& context_id);

}  // namespace mirror

#endif  // MIRROR_SERVER_PLAN_INDEX_RULES_H_
