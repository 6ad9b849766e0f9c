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

/// Maximum of findings, and of notes, that are listed; further ones are only counted.
inline constexpr std::size_t kReceiptFindingsMax = 100;

/// Facts that a book of receipts proves.
struct ReceiptVerdict {
  std::uint64_t receipts = 0;
  std::uint64_t first = 0, last = 0;  ///< Numbers of the first and the last receipt.
  std::uint64_t compared = 0;         ///< Receipts whose content was compared with the rows sent.
  std::uint64_t signed_to = 0;        ///< Number of the last receipt that a signature covers; 0: none.
  std::int64_t signed_s = 0;          ///< Time of that signature, unix seconds.
  std::uint64_t unsigned_tail = 0;    ///< Receipts after it, at the end of the chain.
  std::uint64_t never_signed =
      0;  ///< Receipts of chain ends that the mirror dropped before signing them: they prove nothing.
  std::map<std::string, std::uint64_t> tables;  ///< Number of receipts of each table that a signature covers.
  /// Places where the mirror's own chain was broken off: it was restored, or made again. The signed
  /// receipts before them still prove the delivery; the mirror has requested the rows that it lacked.
  std::vector<std::string> notes;
  std::uint64_t notes_more = 0;
  /// Violations: a changed receipt, a missing one, content that was not sent, a
  /// signature that is not the application's, completed cycles without a signature.
  std::vector<std::string> findings;
  std::uint64_t findings_more = 0;

  /// There are no findings, and at least one receipt is signed.
  bool Proven() const { return findings.empty() && signed_to > 0; }
};

/// Checks the chain: a signature covers its receipt and all before it, link by link. Memory: about 100 bytes
/// a receipt. `keys`: the application's certificates, present and former. Errors: the book is unreadable.
absl::StatusOr<ReceiptVerdict> CheckReceipts(ReceiptBook& book, const std::string& context_id,
                                             const std::string& application_id,
                                             const std::vector<const PublicKey*>& keys);

}  // namespace mirror

#endif  // MIRROR_CLIENT_CYCLE_RECEIPT_CHECK_H_
