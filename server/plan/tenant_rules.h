#ifndef MIRROR_SERVER_PLAN_TENANT_RULES_H_
#define MIRROR_SERVER_PLAN_TENANT_RULES_H_

#include <cstdint>
#include <string>
#include <vector>

#include "base/name_pattern.h"
#include "proto/wire/source_objects.h"
#include "server/plan/plan.h"

// Settings of [[tenant]] blocks for indexes, receipts and freshness.

namespace mirror {

/// A setting that a [[tenant]] turns on or off.
struct TenantSwitch {
  std::string context = "*";  ///< Pattern; '*' stands for any characters.
  bool on = false;
  friend bool operator==(const TenantSwitch&, const TenantSwitch&) = default;
};
/// Returns the last setting in the file that matches the tenant; `otherwise` if none matches.
bool IsOnFor(const std::string& context_id, const std::vector<TenantSwitch>& switches, bool otherwise);

/// A [[tenant.index]]: an index to make on each table that matches the pattern and has the index's columns.
struct ConfiguredIndex {
  std::string context = "*", table = "*";  ///< Patterns; '*' stands for any characters.
  SourceIndex index;
  friend bool operator==(const ConfiguredIndex&, const ConfiguredIndex&) = default;
};

/// The indexes that the server makes, for each tenant.
struct IndexRules {
  std::vector<TenantSwitch> follow;  ///< Whether to make the source's indexes; the default is not to.
  std::vector<ConfiguredIndex> configured;
  friend bool operator==(const IndexRules&, const IndexRules&) = default;
};

inline bool FollowsIndexes(const IndexRules& rules, const std::string& context_id) {
  return IsOnFor(context_id, rules.follow, false);
}
/// Returns the configured indexes for one tenant.
inline std::vector<ConfiguredIndex> ConfiguredFor(const IndexRules& rules, const std::string& context_id) {
  std::vector<ConfiguredIndex> configured;
  for (const ConfiguredIndex& one : rules.configured) {
    if (MatchesExactly(context_id, one.context)) configured.push_back(one);
  }
  return configured;
}

/// The tenants that get a receipt for each commit.
struct ReceiptRules {
  bool on = true;  ///< The default: [data] receipts.
  std::vector<TenantSwitch> tenants;
  friend bool operator==(const ReceiptRules&, const ReceiptRules&) = default;
};

inline bool KeepsReceipts(const ReceiptRules& rules, const std::string& context_id) {
  return IsOnFor(context_id, rules.tenants, rules.on);
}

/// A rule in a `[[tenant]]` block, or in a `[[tenant.table]]` of it.
struct FreshnessRule {
  std::string context = "*", table = "*";  ///< Patterns; '*' stands for any characters.
  bool of_table = false;                   ///< The rule is in a [[tenant.table]].
  std::int64_t target_ms = 0;              ///< Maximum age; 0: no maximum.
  friend bool operator==(const FreshnessRule&, const FreshnessRule&) = default;
};
/// The rules in the order of the file; the last one that matches applies.
using FreshnessRules = std::vector<FreshnessRule>;

/// Returns the freshness targets of a tenant that has these tables.
FreshnessTargets TargetsOf(const FreshnessRules& rules, const std::string& context_id,
                           const std::vector<std::string>& tables);

}  // namespace mirror

#endif  // MIRROR_SERVER_PLAN_TENANT_RULES_H_
