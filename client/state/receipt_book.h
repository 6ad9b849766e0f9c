#ifndef MIRROR_CLIENT_STATE_RECEIPT_BOOK_H_
#define MIRROR_CLIENT_STATE_RECEIPT_BOOK_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "proto/wire/receipt.h"

namespace mirror {

/// Maximum of receipts that are kept of one tenant; older ones are removed.
inline constexpr std::int64_t kReceiptsInBookMax = 1'000'000;
/// Maximum of signatures that are kept of one tenant. Among older ones only those
/// before a break of the chain are kept; later signatures include the others.
inline constexpr std::int64_t kSignaturesInBookMax = 1'000;

/// A mirror's receipts, in `<context id>.receipts.db` in the agent's state folder.
/// They are proof, not state: nothing that is sent depends on them. Threads: one.
class ReceiptBook {
 public:
  /// Makes the file if it is missing. Errors: kUnavailable,
  /// kDataLoss: the file cannot be used; the message names it.
  static absl::StatusOr<std::unique_ptr<ReceiptBook>> Open(const std::string& state_dir,
                                                           const std::string& context_id);
  /// Opens read-only. Errors: kNotFound if there is none.
  static absl::StatusOr<std::unique_ptr<ReceiptBook>> OpenToRead(const std::string& state_dir,
                                                                 const std::string& context_id);
  virtual ~ReceiptBook() = default;

  struct Entry {
    std::string text;
    /// Content of the rows sent, 32 bytes; absent: unknown, as when the answer of a commit was lost.
    std::optional<std::string> sent;
    std::int64_t came_ms = 0;
    bool wrong = false;  ///< On arrival it did not match the rows sent.
    /// The mirror no longer had the receipts between this one and the one before.
    bool after_gap = false;
  };
  /// The last receipt of the mirror's chain that arrived.
  struct End {
    ReceiptHead last;
    bool behind = false;  ///< The mirror has more.
    friend bool operator==(const End&, const End&) = default;
  };
  /// A signed end of the chain: a token of ReplicationCompleted or Authenticate.
  struct Signature {
    std::string token;
    std::uint64_t number = 0;
    std::string hash;  ///< 32 bytes.
    std::int64_t came_ms = 0;
  };

  virtual absl::StatusOr<End> ReadEnd() = 0;
  /// Stores entries, a signature and the end of the chain, all or nothing. For existing entries it only
  /// updates `sent` and `wrong`.
  virtual absl::Status Add(const std::vector<Entry>& entries, const std::optional<Signature>& signature,
                           const End& end) = 0;

  /// Calls `take` for each receipt, in the order of arrival, until `take` returns an error.
  virtual absl::Status ForEach(const std::function<absl::Status(const Entry&)>& take) = 0;
  /// Calls `take` for each signature, in the order of arrival.
  virtual absl::Status ForEachSignature(const std::function<void(const Signature&)>& take) = 0;
  /// Whether there is a receipt with this hash.
  virtual absl::StatusOr<bool> Has(const std::string& hash) = 0;
  virtual const std::string& path() const = 0;
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_STATE_RECEIPT_BOOK_H_
