#ifndef MIRROR_SERVER_PLAN_RECEIPT_PLAN_H_
#define MIRROR_SERVER_PLAN_RECEIPT_PLAN_H_

#include <cstdint>
#include <optional>
#include <string>

#include "proto/wire/receipt.h"
#include "server/plan/plan.h"

// What a tenant's chain of receipts becomes by a batch. Pure.

namespace mirror {

/// The last of a tenant's receipts are kept, so many of them.
inline constexpr std::uint64_t kReceiptsKeptMax = 10'000;

/// What the batches of a table amount to so far in a cycle; a row of `_mirror_receipts_open`.
struct OpenReceipt {
  std::int64_t cycle = 0;
  std::uint64_t seq = 0;
  std::string content;  ///< 32 bytes.
  std::uint64_t inserts = 0, updates = 0, deletes = 0;
  friend bool operator==(const OpenReceipt&, const OpenReceipt&) = default;
};

/// `open` with one more batch, whose digest is `digest`. Absent: the batches before it are not known, as when
/// receipts were switched on in the middle; then there is no receipt.
std::optional<OpenReceipt> AddToReceipt(const std::optional<OpenReceipt>& open, const ReceiptStep& step,
                                        const std::string& digest);

/// The receipt of a table that was committed at `position`, behind `head`.
Receipt CloseReceipt(const ReceiptHead& head, const std::string& context_id, const std::string& table,
                     const Position& position, const OpenReceipt& open, const ReceiptStep& step);

}  // namespace mirror

#endif  // MIRROR_SERVER_PLAN_RECEIPT_PLAN_H_
