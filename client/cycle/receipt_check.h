#ifndef MIRROR_CLIENT_CYCLE_RECEIPT_CHECK_H_
#define MIRROR_CLIENT_CYCLE_RECEIPT_CHECK_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "certs/key.h"
#include "client/state/receipt_book.h"

namespace mirror {

/// Findings, and notes, that are listed; the rest is counted.
inline constexpr std::size_t kReceiptFindingsMax = 100;

/// What a book of receipts proves.
struct ReceiptVerdict {
  std::uint64_t receipts = 0;
  std::uint64_t first = 0, last = 0;  ///< Numbers.
  std::uint64_t compared = 0;         ///< Whose content was compared with what was sent.
  std::uint64_t signed_to = 0;        ///< Number of the last receipt that a signature covers; 0: none.
  std::int64_t signed_s = 0;          ///< When that was signed, unix seconds.
  std::uint64_t unsigned_tail = 0;    ///< Receipts behind it, at the end of the chain.
  std::uint64_t never_signed =
      0;  ///< Receipts of chain ends that the mirror dropped before it signed them: they prove nothing.
  std::map<std::string, std::uint64_t> tables;  ///< Receipts of each that a signature covers.
  /// Where the mirror's own chain was broken off: it was restored, or made anew. What the signed receipts
  /// before say was delivered was so then; the mirror has asked for what it lacked.
  std::vector<std::string> notes;
  std::uint64_t notes_more = 0;
  /// What should not be: a changed receipt, one that is missing, content that was not sent, a signature that
  /// is not the application's, cycles that were completed and nobody signed.
  std::vector<std::string> findings;
  std::uint64_t findings_more = 0;

  /// Nothing is wrong, and something is signed.
  bool Proven() const { return findings.empty() && signed_to > 0; }
};

/// A signature covers the receipt that it names and all before it, link by link. Memory: about 100 bytes for
/// each receipt. `keys`: the application's certificates, present and former. Errors: the book cannot be read.
absl::StatusOr<ReceiptVerdict> CheckReceipts(ReceiptBook& book, const std::string& context_id,
                                             const std::string& application_id,
                                             const std::vector<const PublicKey*>& keys);

}  // namespace mirror

#endif  // MIRROR_CLIENT_CYCLE_RECEIPT_CHECK_H_
