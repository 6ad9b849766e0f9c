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

/// Answers of Authenticate that are asked for at the begin of a cycle, until all receipts that the mirror
/// keeps are here.
inline constexpr int kReceiptAnswersMax = 12;

/// The receipts of one run's cycles on their way into the book, which takes only receipts that follow its
/// last one. A receipt that cannot be kept stops no sending: the functions return a note for people, and the
/// next Authenticate asks for the receipt again. Threads: one.
class CycleReceipts {
 public:
  /// `book` may be null: then none are kept.
  explicit CycleReceipts(ReceiptBook* book);

  /// Authenticate is asked for the receipts after this one.
  const ReceiptHead& known() const { return known_; }
  /// There are more at the endpoint than came: Authenticate is to be asked again.
  bool behind() const { return behind_; }
  /// The endpoint gives receipts for this cycle, and there is a book for them.
  bool on() const { return on_; }

  /// Takes in what an accepted Authenticate brings: receipts whose answers were lost, and who signs them.
  std::string Begin(const v1::AuthenticateResponse& answer, const MirrorClient& client);
  /// Takes the receipt of a committed table. Returns why it does not match what was sent; empty: it matches.
  std::string Take(const Job& job, std::int64_t cycle, const std::string& context_id);
  /// What was taken is on disk.
  std::string Save();
  /// With the token of ReplicationCompleted; empty: there was nothing to sign.
  std::string End(const std::string& token, const MirrorClient& client);

 private:
  std::string TakeMissed(const v1::AuthenticateResponse& answer, const SignedHead& head);
  std::string Keep(const std::vector<ReceiptBook::Entry>& entries, const std::string& token,
                   const SignedHead& head);
  std::string Off(std::string note);

  ReceiptBook* book_;
  absl::Status readable_;  ///< The book.
  ReceiptHead last_;       ///< In the book.
  ReceiptHead known_;
  ReceiptHead before_;   ///< In the book when the cycle began.
  bool goes_on_ = true;  ///< What comes goes on from that.
  bool on_ = false;
  bool behind_ = false;
  bool from_oldest_ =
      false;  ///< The mirror's last ones do not follow what is here: all that it keeps are asked for.
  std::size_t without_ = 0;  ///< Commits of this cycle that brought no receipt.
  bool kept_ = false;        ///< Receipts of this cycle are in the book.
  std::vector<ReceiptBook::Entry> taken_;
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_CYCLE_CYCLE_RECEIPTS_H_
