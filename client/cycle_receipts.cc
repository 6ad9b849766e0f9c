#include "client/cycle_receipts.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "client/mirror_client.h"
#include "proto/wire/clock.h"
#include "proto/wire/codec.h"
#include "proto/wire/table.h"

namespace mirror {
namespace {

/// Whether what the mirror keeps of the table is what is sent of it.
bool IsKeptAsSent(const v1::TableStatus& status) {
  return std::all_of(status.rules().begin(), status.rules().end(), [](int rule) {
    return rule == v1::COLUMN_RULE_UNSPECIFIED || rule == v1::COLUMN_RULE_PLAIN ||
           rule == v1::COLUMN_RULE_LEFT_OUT;
  });
}

std::string NotKept(const absl::Status& status) {
  return absl::StrCat("receipts could not be kept: ", status.message(),
                      ". What was sent is not harmed by it");
}

/// Whether the chain that begins with this receipt has another one where `last` stands.
bool Parts(const std::string& text, const ReceiptHead& last) {
  const absl::StatusOr<Receipt> first = ParseReceipt(text);
  return first.ok() && first->number <= last.number + 1 && first->previous != last.hash;
}

}  // namespace

CycleReceipts::CycleReceipts(ReceiptBook* book) : book_(book) {
  if (book_ == nullptr) return;
  absl::StatusOr<ReceiptHead> last = book_->Last();
  if (last.ok()) last_ = *std::move(last);
}

std::string CycleReceipts::Begin(const v1::AuthenticateResponse& answer, const MirrorClient& client) {
  const auto& capabilities = answer.capabilities();
  on_ = book_ != nullptr &&
        std::find(capabilities.begin(), capabilities.end(), "receipts") != capabilities.end();
  behind_ = false;
  if (!on_) return "";
  const absl::StatusOr<SignedHead> head = client.OpenReceiptHead(answer.signed_response());
  if (!head.ok())
    return absl::StrCat("the endpoint's word of its receipts was not taken: ", head.status().message());
  std::vector<ReceiptBook::Entry> missed;
  for (const std::string& text : answer.receipts()) missed.push_back({text, std::nullopt, NowMs()});
  const ReceiptHead before = last_;
  const bool parts = before.number > 0 && !missed.empty() && Parts(missed.front().text, before);
  std::string note = Keep(missed, answer.signed_response(), *head);
  behind_ = last_.number < head->number;
  const bool set_back = parts || head->number < before.number ||
                        (head->number == before.number && head->sha256 != HexOf(before.hash));
  if (set_back && note.empty()) {
    return absl::StrCat(
        "the mirror's last receipt is number ", head->number, ", and number ", before.number,
        " was given before: it was set back to an older state, or made anew. It asks for what it "
        "lacks");
  }
  return note;
}

std::string CycleReceipts::Take(const Job& job, std::int64_t cycle, const std::string& context_id) {
  if (job.receipt.empty()) return "";
  const absl::StatusOr<Receipt> receipt = ParseReceipt(job.receipt);
  ReceiptBook::Entry entry{job.receipt, std::nullopt, NowMs()};
  const bool comparable = IsKeptAsSent(job.status);
  if (comparable) entry.sent = job.content;
  taken_.push_back(std::move(entry));
  const bool same = receipt.ok() && receipt->context_id == context_id && receipt->cycle == cycle &&
                    SameName(receipt->table, job.schema.name) && receipt->position == job.sent &&
                    receipt->inserts == job.inserts && receipt->updates == job.updates &&
                    receipt->deletes == job.deletes && (!comparable || receipt->content == job.content);
  if (same) return "";
  return "the mirror's receipt is not of what was sent: something between the agent and the mirror's disk "
         "changed "
         "it. The table is compared in the next run; look at the receipt with 'mirror-agent receipts verify'";
}

std::string CycleReceipts::Save() {
  std::vector<ReceiptBook::Entry> entries = std::exchange(taken_, {});
  // Those that are missing before them come first, with the next cycles.
  if (!on_ || behind_ || entries.empty()) return "";
  // Small tables share a transaction: its order is that of the receipts, not that of the answers.
  std::stable_sort(entries.begin(), entries.end(), [](const auto& a, const auto& b) {
    const absl::StatusOr<Receipt> first = ParseReceipt(a.text), second = ParseReceipt(b.text);
    return first.ok() && second.ok() && first->number < second->number;
  });
  return Keep(entries, "", {});
}

std::string CycleReceipts::End(const std::string& token, const MirrorClient& client) {
  if (!on_ || token.empty()) return "";
  const absl::StatusOr<SignedHead> head = client.OpenReceiptHead(token);
  if (!head.ok())
    return absl::StrCat("the endpoint's word of its receipts was not taken: ", head.status().message());
  if (!behind_ && HexOf(last_.hash) != head->sha256) {
    return absl::StrCat("the mirror signed receipt ", head->number, ", and the last one that came is number ",
                        last_.number, ". The next run asks for what is missing");
  }
  return Keep({}, token, *head);
}

/// The signature is worth keeping when it is of the last receipt that is here.
std::string CycleReceipts::Keep(const std::vector<ReceiptBook::Entry>& entries, const std::string& token,
                                const SignedHead& head) {
  ReceiptHead last = last_;
  if (!entries.empty()) {
    const absl::StatusOr<Receipt> receipt = ParseReceipt(entries.back().text);
    last = {receipt.ok() ? receipt->number : last.number, HashOf(entries.back().text)};
  }
  std::optional<ReceiptBook::Signature> signature;
  if (!token.empty() && head.number > 0 && head.sha256 == HexOf(last.hash)) {
    signature = ReceiptBook::Signature{token, head.number, last.hash, NowMs()};
  }
  if (absl::Status kept = book_->Add(entries, signature); !kept.ok()) return NotKept(kept);
  last_ = last;
  return "";
}

}  // namespace mirror
