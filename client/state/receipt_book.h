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

/// Receipts that are kept of one tenant; older ones are forgotten.
inline constexpr std::int64_t kReceiptsInBookMax = 1'000'000;
/// Signatures that are kept of one tenant. Of older ones those stay behind which the chain was broken off;
/// the others are contained in later ones.
inline constexpr std::int64_t kSignaturesInBookMax = 1'000;

/// What a mirror gave receipts for, in `<context id>.receipts.db` of the agent's folder of states. It is
/// proof, not state: nothing that is sent depends on it. Threads: one.
class ReceiptBook {
 public:
  /// Makes the file when it is not there. Errors: kUnavailable, kDataLoss: it cannot be used; says which
  /// file.
  static absl::StatusOr<std::unique_ptr<ReceiptBook>> Open(const std::string& state_dir,
                                                           const std::string& context_id);
  /// Only to look at it. Errors: kNotFound when there is none.
  static absl::StatusOr<std::unique_ptr<ReceiptBook>> OpenToRead(const std::string& state_dir,
                                                                 const std::string& context_id);
  virtual ~ReceiptBook() = default;

  struct Entry {
    std::string text;
    /// Content of what was sent, 32 bytes; absent: not known, as when the answer of a commit was lost.
    std::optional<std::string> sent;
    std::int64_t came_ms = 0;
    bool wrong = false;  ///< When it came it was not of what had been sent.
    /// Those between this one and the former one were not to be had at the mirror any more.
    bool after_gap = false;
  };
  /// Where the mirror's chain ends, as far as it came.
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
  /// All or nothing. Of what is there already only `sent` and `wrong` are added.
  virtual absl::Status Add(const std::vector<Entry>& entries, const std::optional<Signature>& signature,
                           const End& end) = 0;

  /// In the order in which they came. `take` may end it with an error.
  virtual absl::Status ForEach(const std::function<absl::Status(const Entry&)>& take) = 0;
  /// In the order in which they came.
  virtual absl::Status ForEachSignature(const std::function<void(const Signature&)>& take) = 0;
  /// Whether there is a receipt with this hash.
  virtual absl::StatusOr<bool> Has(const std::string& hash) = 0;
  virtual const std::string& path() const = 0;
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_STATE_RECEIPT_BOOK_H_
