#ifndef MIRROR_CLIENT_CYCLE_RECEIPTS_H_
#define MIRROR_CLIENT_CYCLE_RECEIPTS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "client/mirror_client.h"
#include "client/receipt_book.h"
#include "client/row_sender.h"
#include "mirror/v1/mirror_client.pb.h"

namespace mirror {

/// The receipts of one run's cycles on their way into the book. What cannot be kept is no reason not to send:
/// it is a note for people, which each of these may give. Threads: one.
class CycleReceipts {
 public:
  /// `book` may be null: then none are kept.
  explicit CycleReceipts(ReceiptBook* book);

  /// The last one that is here.
  const ReceiptHead& last() const { return last_; }
  /// The endpoint gives receipts for this cycle, and there is a book for them.
  bool on() const { return on_; }

  /// Takes in what an accepted Authenticate brings: receipts whose answers were lost, and who signs them.
  std::string Begin(const v1::AuthenticateResponse& answer, const MirrorClient& client);
  /// The receipt of a committed table. A text: it is not of what was sent, and why.
  std::string Take(const Job& job, std::int64_t cycle, const std::string& context_id);
  /// What was taken is on disk.
  std::string Save();
  /// With the token of ReplicationCompleted; empty: there was nothing to sign.
  std::string End(const std::string& token, const MirrorClient& client);

 private:
  std::string Keep(const std::vector<ReceiptBook::Entry>& entries, const std::string& token,
                   const SignedHead& head);

  ReceiptBook* book_;
  ReceiptHead last_;
  bool on_ = false;
  bool behind_ = false;  ///< There are more at the endpoint than came: the next cycles bring them.
  std::vector<ReceiptBook::Entry> taken_;
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_CYCLE_RECEIPTS_H_
