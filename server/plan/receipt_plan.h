#ifndef MIRROR_SERVER_PLAN_RECEIPT_PLAN_H_
#define MIRROR_SERVER_PLAN_RECEIPT_PLAN_H_

#include <cstdint>
#include <optional>
#include <string>

#include "proto/wire/receipt.h"
#include "server/plan/plan.h"

// Computes the next link of a tenant's chain of receipts after a batch. Pure.

namespace mirror {

/// Maximum number of receipts that are kept for a tenant; the oldest are removed.
inline constexpr std::uint64_t kReceiptsKeptMax = 10'000;

/// The sums over a table's batches so far in a cycle; a row of `_mirror_receipts_open`.
struct OpenReceipt {
  std::int64_t cycle = 0;
  std::uint64_t seq = 0;
  std::string content;  ///< 32 bytes.
  std::uint64_t inserts = 0, updates = 0, deletes = 0;
  friend bool operator==(const OpenReceipt&, const OpenReceipt&) = default;
};

/// Returns `open` with one more batch added, whose digest is `digest`. Absent: earlier batches of the cycle
/// are not known, for example because receipts were switched on during it. Then there is no receipt.
std::optional<OpenReceipt> AddToReceipt(const std::optional<OpenReceipt>& open, const ReceiptStep& step,
                                        const std::string& digest);

/// Returns the receipt of a table that was committed at `position`. It follows `head` in the chain.
Receipt CloseReceipt(const ReceiptHead& head, const std::string& context_id, const std::string& table,
                     const Position& position, const OpenReceipt& open, const ReceiptStep& step);

}  // namespace mirror

#endif  // MIRROR_SERVER_PLAN_RECEIPT_PLAN_H_
