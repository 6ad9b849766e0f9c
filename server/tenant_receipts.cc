#include "server/tenant.h"

// What the tenant's source is told of the chain of receipts.

namespace mirror {

absl::StatusOr<Tenant::Receipts> Tenant::ReadReceipts(std::uint64_t after) {
  const Lock lock(mutex_);
  if (!store_) return Receipts{};  // Another call found the file gone.
  Receipts receipts;
  absl::StatusOr<ReceiptHead> head = store_->ReadReceiptHead();
  if (!head.ok()) return Noticed(head.status());
  receipts.head = *std::move(head);
  if (after >= receipts.head.number) return receipts;
  absl::StatusOr<std::vector<std::string>> texts = store_->ReadReceipts(after, kReceiptsPerAnswerMax);
  if (!texts.ok()) return Noticed(texts.status());
  receipts.texts = *std::move(texts);
  return receipts;
}

absl::StatusOr<std::optional<ReceiptHead>> Tenant::UnsignedReceipts() {
  const Lock lock(mutex_);
  if (!keeps_receipts_ || !store_) return std::nullopt;
  absl::StatusOr<ReceiptHead> head = store_->ReadReceiptHead();
  if (!head.ok()) return Noticed(head.status());
  if (head->number == 0 || *head == signed_receipts_) return std::nullopt;
  return *std::move(head);
}

void Tenant::SignedReceipts(const ReceiptHead& head) {
  const Lock lock(mutex_);
  signed_receipts_ = head;
}

}  // namespace mirror
