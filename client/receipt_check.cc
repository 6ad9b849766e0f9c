#include "client/receipt_check.h"

#include <optional>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "certs/token.h"

namespace mirror {
namespace {

class Checker {
 public:
  Checker(ReceiptBook& book, const std::string& context_id, const std::string& application_id,
          const std::vector<const PublicKey*>& keys)
      : book_(book), context_id_(context_id), application_id_(application_id), keys_(keys) {}

  absl::StatusOr<ReceiptVerdict> Check() {
    if (absl::Status status = CheckSignatures(); !status.ok()) return status;
    absl::Status status = book_.ForEach([this](const ReceiptBook::Entry& entry) { return Take(entry); });
    if (!status.ok()) return status;
    for (const auto& [hash, end] : ends_) {
      // The oldest receipts may have been forgotten; a signature of theirs proves nothing any more.
      if (!end.seen && verdict_.receipts > 0 && end.number >= verdict_.first) {
        Find(absl::StrCat("the mirror signed receipt ", end.number,
                          ", and this receipt is not here, or was changed"));
      }
    }
    return std::move(verdict_);
  }

 private:
  struct End {
    std::uint64_t number = 0;
    std::int64_t time_s = 0;
    bool seen = false;
  };

  void Find(std::string what) {
    if (verdict_.findings.size() < kReceiptFindingsMax) {
      verdict_.findings.push_back(std::move(what));
    } else {
      ++verdict_.findings_more;
    }
  }

  absl::Status CheckSignatures() {
    absl::StatusOr<std::vector<ReceiptBook::Signature>> signatures = book_.Signatures();
    if (!signatures.ok()) return signatures.status();
    for (const ReceiptBook::Signature& signature : *signatures) {
      absl::StatusOr<Answer> answer = absl::UnauthenticatedError("no certificate was given");
      for (const PublicKey* const key : keys_) {
        answer = VerifyReceiptHead(signature.token, *key, context_id_, application_id_);
        if (answer.ok()) break;
      }
      if (!answer.ok()) {
        Find(absl::StrCat("the signature of receipt ", signature.number,
                          " is not the application's: ", answer.status().message()));
        continue;
      }
      const std::optional<std::string> hash = BytesOfHex(answer->receipts->sha256, 32);
      if (!hash) continue;  // Signed that there is none.
      ends_[*hash] = {answer->receipts->number, answer->time_s};
    }
    return absl::OkStatus();
  }

  absl::Status Take(const ReceiptBook::Entry& entry) {
    ++verdict_.receipts;
    const absl::StatusOr<Receipt> receipt = ParseReceipt(entry.text);
    if (!receipt.ok()) {
      Find(absl::StrCat("behind receipt ", verdict_.last, " is one that cannot be read"));
      return absl::OkStatus();
    }
    const std::string name = absl::StrCat("receipt ", receipt->number);
    if (verdict_.first == 0) verdict_.first = receipt->number;
    if (receipt->context_id != context_id_)
      Find(absl::StrCat(name, " is of tenant '", receipt->context_id, "'"));
    if (absl::Status status = CheckLink(*receipt, name); !status.ok()) return status;
    if (entry.sent) {
      ++verdict_.compared;
      if (*entry.sent != receipt->content) {
        Find(absl::StrCat(name, " (table '", receipt->table, "', cycle ", receipt->cycle,
                          "): what the mirror applied is not what was sent"));
      }
    }
    ++verdict_.tables[receipt->table];
    const std::string hash = HashOf(entry.text);
    ++verdict_.unsigned_tail;
    if (const auto end = ends_.find(hash); end != ends_.end()) {
      end->second.seen = true;
      if (end->second.number != receipt->number) {
        Find(absl::StrCat(name, " was signed as number ", end->second.number));
      }
      verdict_.signed_to = receipt->number;
      verdict_.signed_s = end->second.time_s;
      verdict_.unsigned_tail = 0;
    }
    verdict_.last = receipt->number;
    last_hash_ = hash;
    return absl::OkStatus();
  }

  absl::Status CheckLink(const Receipt& receipt, const std::string& name) {
    if (last_hash_.empty() || receipt.previous == last_hash_) {
      if (!last_hash_.empty() && receipt.number != verdict_.last + 1) {
        Find(absl::StrCat(name, " follows receipt ", verdict_.last));
      }
      return absl::OkStatus();
    }
    if (receipt.previous.empty()) {
      verdict_.notes.push_back(
          absl::StrCat("behind receipt ", verdict_.last, " a new chain begins: the mirror was made anew"));
      return absl::OkStatus();
    }
    const absl::StatusOr<bool> known = book_.Has(receipt.previous);
    if (!known.ok()) return known.status();
    if (*known && receipt.number <= verdict_.last) {
      verdict_.notes.push_back(absl::StrCat("behind receipt ", verdict_.last,
                                            " the chain goes on from receipt ", receipt.number - 1,
                                            ": the mirror was set back to an older state, as by a restore"));
    } else if (receipt.number > verdict_.last + 1) {
      Find(absl::StrCat("receipts ", verdict_.last + 1, " to ", receipt.number - 1, " are not here"));
    } else {
      Find(absl::StrCat(name, " does not follow receipt ", verdict_.last,
                        ": one of them was changed, or is of another chain"));
    }
    return absl::OkStatus();
  }

  ReceiptBook& book_;
  const std::string context_id_, application_id_;
  const std::vector<const PublicKey*>& keys_;
  ReceiptVerdict verdict_;
  std::map<std::string, End> ends_;  ///< By hash.
  std::string last_hash_;
};

}  // namespace

absl::StatusOr<ReceiptVerdict> CheckReceipts(ReceiptBook& book, const std::string& context_id,
                                             const std::string& application_id,
                                             const std::vector<const PublicKey*>& keys) {
  return Checker(book, context_id, application_id, keys).Check();
}

}  // namespace mirror
