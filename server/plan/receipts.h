#ifndef MIRROR_SERVER_PLAN_RECEIPTS_H_
#define MIRROR_SERVER_PLAN_RECEIPTS_H_

#include <string>
#include <vector>

#include "server/plan/tenant_switch.h"

// Which tenants get a receipt for each commit.

namespace mirror {

struct ReceiptRules {
  bool on = true;  ///< [data] receipts
  std::vector<TenantSwitch> tenants;
  friend bool operator==(const ReceiptRules&, const ReceiptRules&) = default;
};

inline bool KeepsReceipts(const ReceiptRules& rules, const std::string& context_id) {
  return IsOnFor(context_id, rules.tenants, rules.on);
}

}  // namespace mirror

#endif  // MIRROR_SERVER_PLAN_RECEIPTS_H_
