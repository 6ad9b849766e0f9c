#ifndef MIRROR_PROTO_WIRE_RECEIPT_H_
#define MIRROR_PROTO_WIRE_RECEIPT_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "proto/wire/batch.h"
#include "proto/wire/lsn.h"

// Receipts. A mirror returns one for each commit, so that its source can later prove what it delivered.
// BatchResult.receipt in change_batch.proto defines their form.

namespace mirror {

/// Greatest size of a receipt's text in bytes; a longer text is not a receipt.
inline constexpr std::size_t kReceiptBytesMax = 4096;
/// Number of receipts in one answer of Authenticate.
inline constexpr std::size_t kReceiptsPerAnswerMax = 1'000;

struct Receipt {
  std::uint64_t number = 0;
  std::string context_id;
  std::string table;
  std::int64_t cycle = 0;
  Position position;
  bool populated = false;
  std::uint64_t batches = 0;
  std::uint64_t inserts = 0, updates = 0, deletes = 0;
  std::string content;   ///< 32 bytes.
  std::string previous;  ///< 32 bytes; empty: there is no previous receipt.
  std::int64_t time_ms = 0;
  friend bool operator==(const Receipt&, const Receipt&) = default;
};

std::string ReceiptText(const Receipt& receipt);
/// Parses a receipt. Errors: kInvalidArgument: the text is not a receipt.
absl::StatusOr<Receipt> ParseReceipt(std::string_view text);

/// The last receipt of a chain, in the form that is signed.
struct ReceiptHead {
  std::uint64_t number = 0;  ///< 0: there is no receipt.
  std::string hash;          ///< SHA-256 of the receipt's text, 32 bytes; empty: no receipt.
  friend bool operator==(const ReceiptHead&, const ReceiptHead&) = default;
};

/// Returns the SHA-256 of `bytes`, 32 bytes.
std::string HashOf(std::string_view bytes);
std::string HexOf(std::string_view bytes);
/// Decodes hexadecimal digits. Absent: `text` is not exactly `bytes` bytes in hexadecimal digits.
std::optional<std::string> BytesOfHex(std::string_view text, std::size_t bytes);

/// Computes the SHA-256 of data that comes in pieces. Threads: one.
class Sha256Stream {
 public:
  Sha256Stream();
  ~Sha256Stream();
  Sha256Stream(Sha256Stream&& other) noexcept;
  Sha256Stream& operator=(Sha256Stream&& other) noexcept;
  Sha256Stream(const Sha256Stream&) = delete;
  Sha256Stream& operator=(const Sha256Stream&) = delete;

  void Add(std::string_view bytes);
  template <typename Number>
  void AddNumber(Number value) {
    char bytes[sizeof(Number)];
    for (std::size_t i = 0; i < sizeof(Number); ++i) {
      bytes[i] = static_cast<char>(static_cast<std::uint64_t>(value) >> (8 * i));
    }
    Add({bytes, sizeof(Number)});
  }
  /// Returns the 32 bytes; the object can then be used for the next hash.
  std::string Finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// Computes the digest of a batch, column by column, without the bytes of large values.
class BatchHasher {
 public:
  BatchHasher(std::uint8_t operation, std::uint32_t rows, std::uint32_t columns);
  struct Column {
    std::uint32_t index = 0;  ///< In Table.columns.
    std::span<const std::int64_t> ints;
    std::span<const double> doubles;
    std::string_view data;
    std::span<const std::uint32_t> lengths;
    std::string_view nulls, kinds;
  };
  void Add(const Column& column, std::span<const LargeValue> large);
  std::string Finish() { return sha_.Finish(); }

 private:
  Sha256Stream sha_;
};

/// Returns the digest of a batch as it is stored. `origin`: for each column of the batch its index in
/// Table.columns; empty: the batch's own indexes.
std::string BatchDigest(const ChangeBatch& batch, const std::vector<std::uint32_t>& origin);
/// Returns the digest of a Wipe, which is also that of any insert batch without rows.
const std::string& EmptyBatchDigest();
/// Returns the digest of a batch with large values: `digest` combined with the SHA-256 of each large value,
/// in order. Without large values it returns `digest`.
std::string WithLargeValues(const std::string& digest, const std::vector<std::string>& values);
/// Returns the content of n batches; `before` is the content of the first n - 1, empty for none.
std::string AddContent(const std::string& before, const std::string& batch);

}  // namespace mirror

#endif  // MIRROR_PROTO_WIRE_RECEIPT_H_
