#include "client/cycle/receipt_check.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <optional>
#include <set>
#include <unordered_map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "certs/token.h"

namespace mirror {
namespace {

class Checker {
 public:
  Checker(ReceiptBook& book, const std::string& context_id, const std::string& application_id,
          const std::vector<const PublicKey*>& keys)
      : book_(book), context_id_(context_id), application_id_(application_id), keys_(keys) {}

  absl::StatusOr<ReceiptVerdict> Check() {
    ASSIGN_OR_RETURN(const ReceiptBook::End end, book_.ReadEnd());
    RETURN_IF_ERROR(book_.ForEach([this](const ReceiptBook::Entry& entry) {
      Take(entry);
      return absl::OkStatus();
    }));
    RETURN_IF_ERROR(
        book_.ForEachSignature([this](const ReceiptBook::Signature& one) { TakeSignature(one); }));
    Cover();
    CheckEnd(end);
    return std::move(verdict_);
  }

 private:
  using Index = std::uint32_t;
  static constexpr Index kNone = std::numeric_limits<Index>::max();
  struct Node {
    std::uint64_t number = 0;
    std::int64_t cycle = 0;
    std::int64_t signed_s = 0;  ///< Time of the latest signature that covers it; 0: none does.
    Index parent = kNone;
    std::uint32_t table = 0;
    bool at_end = false;  ///< In the unsigned end of the chain.
  };

  void Find(std::string what) {
    if (verdict_.findings.size() < kReceiptFindingsMax) {
      verdict_.findings.push_back(std::move(what));
    } else {
      ++verdict_.findings_more;
    }
  }
  void AddNote(std::string what) {
    if (verdict_.notes.size() < kReceiptFindingsMax) {
      verdict_.notes.push_back(std::move(what));
    } else {
      ++verdict_.notes_more;
    }
  }

  void Take(const ReceiptBook::Entry& entry) {
    ++verdict_.receipts;
    const absl::StatusOr<Receipt> receipt = ParseReceipt(entry.text);
    if (!receipt.ok()) {
      Find(absl::StrCat("the receipt after number ", verdict_.last, " cannot be read"));
      return;
    }
    const std::string name = absl::StrCat("receipt ", receipt->number);
    if (receipt->context_id != context_id_)
      Find(absl::StrCat(name, " belongs to tenant '", receipt->context_id, "'"));
    const std::string which =
        absl::StrCat(name, " (table '", receipt->table, "', cycle ", receipt->cycle, ")");
    if (entry.sent) ++verdict_.compared;
    if (entry.sent && *entry.sent != receipt->content) {
      Find(absl::StrCat(which, ": what the mirror applied is not what was sent"));
    } else if (entry.wrong) {
      Find(absl::StrCat(which, ": when it arrived, it did not match what was sent"));
    }
    Node node{receipt->number, receipt->cycle};
    node.parent = CheckLink(*receipt, entry.after_gap, name);
    node.table =
        tables_.try_emplace(receipt->table, static_cast<std::uint32_t>(tables_.size())).first->second;
    if (verdict_.first == 0) verdict_.first = receipt->number;
    verdict_.last = receipt->number;
    by_hash_[HashOf(entry.text)] = static_cast<Index>(nodes_.size());
    nodes_.push_back(node);
  }

  /// Returns the receipt before it.
  Index CheckLink(const Receipt& receipt, bool after_gap, const std::string& name) {
    const bool first = nodes_.empty();
    if (receipt.previous.empty()) {
      if (receipt.number != 1)
        Find(absl::StrCat(name, " does not name the receipt before it: it was changed"));
      if (!first) {
        AddNote(
            absl::StrCat("a new chain begins after receipt ", verdict_.last, ": the mirror is a new one"));
      }
      return kNone;
    }
    if (const auto parent = by_hash_.find(receipt.previous); parent != by_hash_.end()) {
      const std::uint64_t number = nodes_[parent->second].number;
      if (receipt.number != number + 1) Find(absl::StrCat(name, " follows receipt ", number));
      if (parent->second + 1 != nodes_.size()) {
        AddNote(absl::StrCat("after receipt ", verdict_.last, " the chain continues from receipt ", number,
                             ": the mirror was set back to an older state, for example by a restore"));
      }
      return parent->second;
    }
    if (first) {
      AddNote(absl::StrCat("the receipts before ", name, " are missing"));
    } else if (after_gap) {
      AddNote(absl::StrCat("the receipts before ", name,
                           " are missing: the mirror no longer had them when the agent asked for them"));
    } else if (receipt.number > verdict_.last + 1) {
      Find(absl::StrCat("receipts ", verdict_.last + 1, " to ", receipt.number - 1, " are missing"));
    } else {
      Find(absl::StrCat(name, " does not follow receipt ", verdict_.last,
                        ": one of them was changed, or is of another chain"));
    }
    return kNone;
  }

  void TakeSignature(const ReceiptBook::Signature& signature) {
    absl::StatusOr<Answer> answer = absl::UnauthenticatedError("no certificate was given");
    for (const PublicKey* const key : keys_) {
      answer = VerifyReceiptHead(signature.token, *key, context_id_, application_id_);
      if (answer.ok()) break;
    }
    if (!answer.ok()) {
      // Only the first sentence: the rest is advice to the signer, who does not read this.
      const absl::string_view why = answer.status().message();
      Find(absl::StrCat("the signature of receipt ", signature.number,
                        " is not the application's: ", why.substr(0, why.find(". ")),
                        ". If another key signed it, for example before a change of keys or a move, also "
                        "give the certificate of that key: --certificate FILE"));
      return;
    }
    const std::optional<std::string> hash = BytesOfHex(answer->receipts->sha256, 32);
    if (!hash) return;  // The mirror signed that there is no receipt.
    const std::uint64_t number = answer->receipts->number;
    const auto found = by_hash_.find(*hash);
    if (found == by_hash_.end()) {
      // The oldest receipts may have been removed; then their signature proves nothing any more.
      if (verdict_.receipts > 0 && number >= verdict_.first) {
        Find(absl::StrCat("the mirror signed receipt ", number,
                          ", but this receipt is missing or was changed"));
      }
      return;
    }
    Node& node = nodes_[found->second];
    if (node.number != number) Find(absl::StrCat("receipt ", node.number, " was signed as number ", number));
    node.signed_s = std::max(node.signed_s, answer->time_s);
  }

  /// Extends each signature to all receipts before it: each one names its parent by its hash.
  void Cover() {
    for (std::size_t i = nodes_.size(); i-- > 0;) {
      const Node& node = nodes_[i];
      if (node.signed_s == 0 || node.parent == kNone) continue;
      Node& parent = nodes_[node.parent];
      parent.signed_s = std::max(parent.signed_s, node.signed_s);
    }
  }

  void CheckEnd(const ReceiptBook::End& end) {
    const auto last = by_hash_.find(end.last.hash);
    if (end.last.number > 0 && last == by_hash_.end()) {
      Find(absl::StrCat("the last receipt that arrived, number ", end.last.number,
                        ", is missing or was changed"));
    }
    std::set<std::int64_t> cycles;
    Index at = last == by_hash_.end() ? kNone : last->second;
    std::uint64_t oldest = 0;
    for (; at != kNone && nodes_[at].signed_s == 0; at = nodes_[at].parent) {
      ++verdict_.unsigned_tail;
      oldest = nodes_[at].number;
      nodes_[at].at_end = true;
      cycles.insert(nodes_[at].cycle);
    }
    if (at != kNone) {
      verdict_.signed_to = nodes_[at].number;
      verdict_.signed_s = nodes_[at].signed_s;
    }
    // If no signature covers the end of the chain, because the mirror was made again and gave no receipt
    // since, the last signed receipt counts.
    for (std::size_t i = nodes_.size(); verdict_.signed_to == 0 && i-- > 0;) {
      verdict_.signed_to = nodes_[i].signed_s > 0 ? nodes_[i].number : 0;
      verdict_.signed_s = nodes_[i].signed_s;
    }
    // One cycle without a signature is normal: the next cycle signs the receipts of a cycle that died.
    if (cycles.size() > 1 && !end.behind) {
      Find(absl::StrCat("receipts ", oldest, " to ", end.last.number, " are of ", cycles.size(),
                        " cycles, and none of them is signed"));
    }
    if (end.behind) AddNote("the mirror has receipts that did not arrive yet; the next runs ask for them");
    std::vector<std::uint64_t> of_table(tables_.size());
    for (const Node& node : nodes_) {
      if (node.signed_s > 0) {
        ++of_table[node.table];
      } else if (!node.at_end) {
        ++verdict_.never_signed;
      }
    }
    for (const auto& [table, number] : tables_) verdict_.tables[table] = of_table[number];
  }

  ReceiptBook& book_;
  const std::string context_id_, application_id_;
  const std::vector<const PublicKey*>& keys_;
  ReceiptVerdict verdict_;
  std::vector<Node> nodes_;  ///< In the order of arrival.
  std::unordered_map<std::string, Index> by_hash_;
  std::map<std::string, std::uint32_t> tables_;
};

}  // namespace

absl::StatusOr<ReceiptVerdict> CheckReceipts(ReceiptBook& book, const std::string& context_id,
                                             const std::string& application_id,
                                             const std::vector<const PublicKey*>& keys) {
  return Checker(book, context_id, application_id, keys).Check();
}

}  // namespace mirror
