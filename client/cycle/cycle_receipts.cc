#include "client/cycle/cycle_receipts.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "base/clock.h"
#include "base/folded_name.h"
#include "base/human_text.h"
#include "client/wire/mirror_client.h"
#include "proto/wire/codec.h"
#include "proto/wire/table.h"

namespace mirror {
namespace {

/// Whether the mirror stores the values of the table unchanged.
bool IsKeptAsSent(const v1::TableStatus& status) {
  return std::all_of(status.rules().begin(), status.rules().end(), [](int rule) {
    return rule == v1::COLUMN_RULE_UNSPECIFIED || rule == v1::COLUMN_RULE_PLAIN ||
           rule == v1::COLUMN_RULE_LEFT_OUT;
  });
}

std::string NotTaken(const absl::Status& status) {
  return absl::StrCat("the agent refused the endpoint's signed statement about its receipts: ",
                      status.message());
}

std::string NotKept(const absl::Status& status) {
  return absl::StrCat("receipts could not be kept: ", status.message(),
                      ". The rows that were sent are not affected");
}

}  // namespace

CycleReceipts::CycleReceipts(ReceiptBook* book) : book_(book) {
  if (book_ == nullptr) return;
  absl::StatusOr<ReceiptBook::End> end = book_->ReadEnd();
  readable_ = end.status();
  if (end.ok()) last_ = end->last;
  known_ = last_;
}

std::string CycleReceipts::Off(std::string note) {
  on_ = behind_ = false;
  return note;
}

std::string CycleReceipts::Begin(const v1::AuthenticateResponse& answer, const MirrorClient& client) {
  const auto& capabilities = answer.capabilities();
  on_ = book_ != nullptr &&
        std::find(capabilities.begin(), capabilities.end(), "receipts") != capabilities.end();
  if (!std::exchange(behind_, false)) {
    from_oldest_ = false;
    before_ = last_;
    goes_on_ = last_.number == 0;
  }
  kept_ = false;
  without_ = 0;
  if (!on_) return "";
  if (!readable_.ok()) return Off(NotKept(readable_));
  const absl::StatusOr<SignedHead> head = client.OpenReceiptHead(answer.signed_response());
  if (!head.ok()) return Off(NotTaken(head.status()));
  return TakeMissed(answer, *head);
}

std::string CycleReceipts::TakeMissed(const v1::AuthenticateResponse& answer, const SignedHead& head) {
  std::vector<ReceiptBook::Entry> missed;
  for (const std::string& text : answer.receipts()) missed.push_back({text, std::nullopt, NowMs()});
  ReceiptHead end = head.number == 0 ? ReceiptHead{} : last_;
  std::string lost;
  if (!missed.empty()) {
    const absl::StatusOr<Receipt> first = ParseReceipt(missed.front().text);
    const absl::StatusOr<Receipt> last = ParseReceipt(missed.back().text);
    if (!first.ok() || !last.ok()) return Off(NotTaken(absl::DataLossError("a receipt cannot be read")));
    const absl::StatusOr<bool> known = book_->Has(first->previous);
    if (!known.ok()) return Off(NotKept(known.status()));
    const bool linked = first->number == 1 || *known;
    if (!linked && !std::exchange(from_oldest_, true)) {
      known_ = {};
      behind_ = true;
      return "";
    }
    goes_on_ = goes_on_ || first->previous == before_.hash;
    for (const ReceiptBook::Entry& entry : missed) goes_on_ = goes_on_ || HashOf(entry.text) == before_.hash;
    if (!linked && before_.number > 0) {
      missed.front().after_gap = goes_on_ = true;
      lost = absl::StrCat("the mirror no longer keeps the receipts before number ", first->number,
                          ": there is no proof here of what was committed since number ", before_.number);
    }
    end = {last->number, HashOf(missed.back().text)};
  }
  behind_ = head.number > 0 && head.sha256 != HexOf(end.hash);
  if (behind_ && missed.empty()) {
    return Off(
        absl::StrCat("the mirror signs receipt ", head.number, " as its last one, but did not send it"));
  }
  const ReceiptHead former = std::exchange(last_, end);
  known_ = end;
  if (std::string note = Keep(missed, answer.signed_response(), head); !note.empty()) {
    last_ = known_ = former;
    return Off(std::move(note));
  }
  if (!lost.empty() || behind_ || end == before_ || (goes_on_ && end.number > before_.number)) return lost;
  return absl::StrCat("the mirror's last receipt is number ", head.number, ", but it sent number ",
                      before_.number,
                      " before: it was set back to an older state, or created again. It asks for the rows "
                      "that it lacks");
}

std::string CycleReceipts::Take(const Job& job, std::int64_t cycle, const std::string& context_id) {
  if (job.receipt.empty()) {
    ++without_;
    return "";
  }
  const absl::StatusOr<Receipt> receipt = ParseReceipt(job.receipt);
  ReceiptBook::Entry entry{job.receipt, std::nullopt, NowMs()};
  const bool comparable = IsKeptAsSent(job.status);
  if (comparable) entry.sent = job.content;
  const bool same = receipt.ok() && receipt->context_id == context_id && receipt->cycle == cycle &&
                    SameName(receipt->table, job.schema.name) && receipt->position == job.sent &&
                    receipt->inserts == job.inserts && receipt->updates == job.updates &&
                    receipt->deletes == job.deletes && (!comparable || receipt->content == job.content);
  entry.wrong = !same;
  taken_.push_back(std::move(entry));
  if (same) return "";
  return absl::StrCat(
      "the mirror's receipt of table '", job.schema.name,
      "' does not match what was sent: something between the agent and the mirror's disk changed it. The "
      "table is compared with the source; check the receipt with 'mirror-agent receipts verify'");
}

std::string CycleReceipts::Save() {
  std::vector<ReceiptBook::Entry> entries = std::exchange(taken_, {});
  if (!on_) return "";
  std::string note;
  if (without_ > 0) {
    note = absl::StrCat("the mirror gives receipts, but gave none for ", Counted(without_, "commit"),
                        " of this cycle. There is no proof of what they delivered");
  }
  // The missing receipts before them are stored first, in the next cycles.
  if (behind_ || entries.empty()) return note;
  // Small tables share a transaction. The order of its receipts may differ from that of the answers.
  const auto number = [](const ReceiptBook::Entry& entry) {
    const absl::StatusOr<Receipt> receipt = ParseReceipt(entry.text);
    return receipt.ok() ? receipt->number : 0;
  };
  std::stable_sort(entries.begin(), entries.end(),
                   [&](const auto& a, const auto& b) { return number(a) < number(b); });
  ReceiptHead end = last_;
  for (const ReceiptBook::Entry& entry : entries) {
    const absl::StatusOr<Receipt> receipt = ParseReceipt(entry.text);
    if (!receipt.ok() || receipt->previous != end.hash || receipt->number != end.number + 1) {
      return Off(absl::StrCat("the mirror's chain of receipts does not continue after receipt ", end.number,
                              ". The next run asks the mirror for its receipts"));
    }
    end = {receipt->number, HashOf(entry.text)};
  }
  const ReceiptHead before = std::exchange(last_, end);
  if (std::string not_kept = Keep(entries, "", {}); !not_kept.empty()) {
    last_ = before;
    return Off(std::move(not_kept));
  }
  known_ = last_;
  kept_ = true;
  return note;
}

std::string CycleReceipts::End(const std::string& token, const MirrorClient& client) {
  if (!on_ || behind_) return "";
  if (token.empty()) {
    return kept_ ? absl::StrCat("the mirror did not sign the receipts up to number ", last_.number) : "";
  }
  const absl::StatusOr<SignedHead> head = client.OpenReceiptHead(token);
  if (!head.ok()) return NotTaken(head.status());
  if (HexOf(last_.hash) != head->sha256) {
    return absl::StrCat("the mirror signed receipt ", head->number, ", but the last one that came is number ",
                        last_.number, ". The next run asks for the missing ones");
  }
  return Keep({}, token, *head);
}

/// The signature is stored only if it is of the last receipt in the book.
std::string CycleReceipts::Keep(const std::vector<ReceiptBook::Entry>& entries, const std::string& token,
                                const SignedHead& head) {
  std::optional<ReceiptBook::Signature> signature;
  if (!token.empty() && head.number > 0 && head.sha256 == HexOf(last_.hash)) {
    signature = ReceiptBook::Signature{token, head.number, last_.hash, NowMs()};
  }
  const absl::Status kept = book_->Add(entries, signature, {last_, behind_});
  return kept.ok() ? "" : NotKept(kept);
}

}  // namespace mirror
