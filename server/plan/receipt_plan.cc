#include "server/plan/receipt_plan.h"

namespace mirror {

std::optional<OpenReceipt> AddToReceipt(const std::optional<OpenReceipt>& open, const ReceiptStep& step,
                                        const std::string& digest) {
  OpenReceipt next;
  if (step.seq > 1) {
    if (!open || open->cycle != step.cycle || open->seq + 1 != step.seq) return std::nullopt;
    next = *open;
  }
  next.cycle = step.cycle;
  next.seq = step.seq;
  next.content = AddContent(next.content, digest);
  switch (step.operation) {
    case Operation::kInsert:
      next.inserts += step.rows;
      break;
    case Operation::kUpdate:
      next.updates += step.rows;
      break;
    case Operation::kDelete:
      next.deletes += step.rows;
      break;
    case Operation::kUnspecified:
      break;
  }
  return next;
}

Receipt CloseReceipt(const ReceiptHead& head, const std::string& context_id, const std::string& table,
                     const Position& position, const OpenReceipt& open, const ReceiptStep& step) {
  Receipt receipt;
  receipt.number = head.number + 1;
  receipt.context_id = context_id;
  receipt.table = table;
  receipt.cycle = open.cycle;
  receipt.position = position;
  receipt.populated = step.populated;
  receipt.batches = open.seq;
  receipt.inserts = open.inserts;
  receipt.updates = open.updates;
  receipt.deletes = open.deletes;
  receipt.content = open.content;
  receipt.previous = head.hash;
  receipt.time_ms = step.at_ms;
  return receipt;
}

}  // namespace mirror
