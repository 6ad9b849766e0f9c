#include "server/plan/tenant_rules.h"

#include <optional>

#include "base/folded_name.h"
#include "base/name_pattern.h"
#include "proto/wire/table.h"

namespace mirror {

FreshnessTargets TargetsOf(const FreshnessRules& rules, const std::string& context_id,
                           const std::vector<std::string>& tables) {
  FreshnessTargets targets;
  std::vector<const FreshnessRule*> of_tables;
  for (const FreshnessRule& rule : rules) {
    if (!MatchesExactly(context_id, rule.context)) continue;
    if (rule.of_table) {
      of_tables.push_back(&rule);
    } else {
      targets.all_ms = rule.target_ms;
    }
  }
  if (of_tables.empty()) return targets;
  for (const std::string& table : tables) {
    std::optional<std::int64_t> own;
    for (const FreshnessRule* rule : of_tables) {
      if (MatchesPattern(table, rule->table)) own = rule->target_ms;
    }
    if (own && *own != targets.all_ms) targets.tables[FoldName(table)] = *own;
  }
  return targets;
}

bool IsOnFor(const std::string& context_id, const std::vector<TenantSwitch>& switches, bool otherwise) {
  bool on = otherwise;
  for (const TenantSwitch& one : switches) {
    if (MatchesExactly(context_id, one.context)) on = one.on;
  }
  return on;
}

}  // namespace mirror
