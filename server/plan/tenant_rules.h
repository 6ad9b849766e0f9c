#ifndef MIRROR_SERVER_PLAN_TENANT_RULES_H_
#define MIRROR_SERVER_PLAN_TENANT_RULES_H_

#include <cstdint>
#include <string>
#include <vector>

#include "base/name_pattern.h"
#include "proto/wire/source_objects.h"
#include "server/plan/plan.h"

// What [[tenant]] of the configuration says of indexes, receipts and freshness.

namespace mirror {

/// What a [[tenant]] of the configuration turns on or off.
struct TenantSwitch {
  std::string context = "*";  ///< Pattern; '*' stands for any characters.
  bool on = false;
  friend bool operator==(const TenantSwitch&, const TenantSwitch&) = default;
};
/// In the order of the file; the last one that fits counts. `otherwise` where none fits.
bool IsOnFor(const std::string& context_id, const std::vector<TenantSwitch>& switches, bool otherwise);

/// A [[tenant.index]]: one on each table that the pattern means and that has its columns.
struct ConfiguredIndex {
  std::string context = "*", table = "*";  ///< Patterns; '*' stands for any characters.
  SourceIndex index;
  friend bool operator==(const ConfiguredIndex&, const ConfiguredIndex&) = default;
};

/// Which indexes the server makes itself, and for which tenants.
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

/// Which tenants get a receipt for each commit.
struct ReceiptRules {
  bool on = true;  ///< [data] receipts
  std::vector<TenantSwitch> tenants;
  friend bool operator==(const ReceiptRules&, const ReceiptRules&) = default;
};

inline bool KeepsReceipts(const ReceiptRules& rules, const std::string& context_id) {
  return IsOnFor(context_id, rules.tenants, rules.on);
}

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

#endif  // MIRROR_SERVER_PLAN_TENANT_RULES_H_
