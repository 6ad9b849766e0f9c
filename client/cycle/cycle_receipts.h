#ifndef MIRROR_CLIENT_CYCLE_CYCLE_RECEIPTS_H_
#define MIRROR_CLIENT_CYCLE_CYCLE_RECEIPTS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "client/state/receipt_book.h"
#include "client/wire/mirror_client.h"
#include "client/wire/row_sender.h"
#include "mirror/v1/mirror_client.pb.h"

namespace mirror {

/// Maximum of Authenticate calls at the begin of a cycle, to
/// fetch all receipts that the mirror keeps.
inline constexpr int kReceiptAnswersMax = 12;

/// Puts the receipts of one run's cycles into the book, which only takes receipts that
/// follow its last one. If a receipt cannot be kept, sending continues: the functions return
/// a note for people, and the next Authenticate asks for the receipt again. Threads: one.
class CycleReceipts {
 public:
  /// `book` may be null: then no receipts are kept.
  explicit CycleReceipts(ReceiptBook* book);

  /// Authenticate asks for the receipts after this one.
  const ReceiptHead& known() const { return known_; }
  /// The endpoint has more receipts than it sent: Authenticate must be called again.
  bool behind() const { return behind_; }
  /// The endpoint gives receipts for this cycle, and there is a book for them.
  bool on() const { return on_; }

  /// Stores the content of an accepted Authenticate: receipts whose answers were lost, and the signer.
  std::string Begin(const v1::AuthenticateResponse& answer, const MirrorClient& client);
  /// Takes the receipt of a committed table. Returns why it differs from the rows sent; empty: it matches.
  std::string Take(const Job& job, std::int64_t cycle, const std::string& context_id);
  /// Writes the taken receipts to disk.
  std::string Save();
  /// Stores the signature from the token of ReplicationCompleted; empty token: there was nothing to sign.
  std::string End(const std::string& token, const MirrorClient& client);

 private:
  std::string TakeMissed(const v1::AuthenticateResponse& answer, const SignedHead& head);
  std::string Keep(const std::vector<ReceiptBook::Entry>& entries, const std::string& token,
                   const SignedHead& head);
  std::string Off(std::string note);

  ReceiptBook* book_;
  absl::Status readable_;  ///< Whether the book can be read.
  ReceiptHead last_;       ///< The book's last receipt.
  ReceiptHead known_;
  ReceiptHead before_;   ///< The book's last receipt when the cycle began.
  bool goes_on_ = true;  ///< The mirror's new receipts follow `before_`.
  bool on_ = false;
  bool behind_ = false;
  bool from_oldest_ =
      false;  ///< The mirror's receipts do not follow the book's: all that it keeps are fetched.
  std::size_t without_ = 0;  ///< Commits of this cycle without a receipt.
  bool kept_ = false;        ///< Receipts of this cycle are in the book.
  std::vector<ReceiptBook::Entry> taken_;
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_CYCLE_CYCLE_RECEIPTS_H_
