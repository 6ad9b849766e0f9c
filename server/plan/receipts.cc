#include "server/plan/receipts.h"

#include "base/name_pattern.h"

namespace mirror {

bool KeepsReceipts(const ReceiptRules& rules, const std::string& context_id) {
  bool on = rules.on;
  for (const ReceiptRule& rule : rules.tenants) {
    if (MatchesExactly(context_id, rule.context)) on = rule.on;
  }
  return on;
}

}  // namespace mirror
