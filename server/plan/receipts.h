#ifndef MIRROR_SERVER_PLAN_RECEIPTS_H_
#define MIRROR_SERVER_PLAN_RECEIPTS_H_

#include <string>
#include <vector>

// Which tenants get a receipt for each commit.

namespace mirror {

struct ReceiptRule {
  std::string context = "*";  ///< Pattern; '*' stands for any characters.
  bool on = true;
  friend bool operator==(const ReceiptRule&, const ReceiptRule&) = default;
};
/// In the order of the file: of those that fit the last one counts.
struct ReceiptRules {
  bool on = true;  ///< [data] receipts
  std::vector<ReceiptRule> tenants;
  friend bool operator==(const ReceiptRules&, const ReceiptRules&) = default;
};

bool KeepsReceipts(const ReceiptRules& rules, const std::string& context_id);

}  // namespace mirror

#endif  // MIRROR_SERVER_PLAN_RECEIPTS_H_
