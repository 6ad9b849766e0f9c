#include "server/tenant/tenant.h"

// What the tenant's source is told of the chain of receipts.

namespace mirror {

absl::StatusOr<Tenant::Receipts> Tenant::ReadReceipts(const ReceiptHead& known, std::int64_t now_ms) {
  const MutexLock lock(mutex_);
  // Somebody may have closed it since; that there are no receipts is not said of a file that was not read.
  if (absl::Status open = Open(/*create=*/false, now_ms); !open.ok()) return open;
  Receipts receipts;
  absl::StatusOr<ReceiptHead> head = store_->ReadReceiptHead();
  if (!head.ok()) return Noticed(head.status());
  receipts.head = *std::move(head);
  if (known == receipts.head || receipts.head.number == 0) return receipts;
  std::uint64_t after = known.number;
  if (after > 0 && !known.hash.empty()) {
    const absl::StatusOr<std::vector<std::string>> own = store_->ReadReceipts(after - 1, 1);
    if (!own.ok()) return Noticed(own.status());
    const bool same = !own->empty() && HashOf(own->front()) == known.hash;
    const std::uint64_t head_number = receipts.head.number;
    if (!same) after = head_number > kReceiptsPerAnswerMax ? head_number - kReceiptsPerAnswerMax : 0;
  }
  if (after >= receipts.head.number) return receipts;
  absl::StatusOr<std::vector<std::string>> texts = store_->ReadReceipts(after, kReceiptsPerAnswerMax);
  if (!texts.ok()) return Noticed(texts.status());
  receipts.texts = *std::move(texts);
  return receipts;
}

absl::StatusOr<std::optional<ReceiptHead>> Tenant::UnsignedReceipts() {
  const MutexLock lock(mutex_);
  if (!keeps_receipts_ || !store_) return std::nullopt;
  absl::StatusOr<ReceiptHead> head = store_->ReadReceiptHead();
  // The cycle is over: a page cache of 87 KB would stay with each tenant that is open.
  store_->Rest();
  if (!head.ok()) return Noticed(head.status());
  if (head->number == 0 || *head == signed_receipts_) return std::nullopt;
  return *std::move(head);
}

void Tenant::SignedReceipts(const ReceiptHead& head) {
  const MutexLock lock(mutex_);
  signed_receipts_ = head;
}

}  // namespace mirror
