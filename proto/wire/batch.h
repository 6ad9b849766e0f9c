#ifndef MIRROR_PROTO_WIRE_BATCH_H_
#define MIRROR_PROTO_WIRE_BATCH_H_

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "proto/wire/lsn.h"
#include "proto/wire/row_block.h"
#include "proto/wire/table.h"

namespace mirror {

enum class Operation : std::uint8_t { kUnspecified = 0, kInsert = 1, kUpdate = 2, kDelete = 3 };
/// Reasons for a population; the numbers are those of change_batch.proto.
enum class PopulateReason : std::uint8_t {
  kNone = 0,
  kRequested = 1,
  kMinusOne = 2,
  kAhead = 3,
  kLineageMiss = 4,
  kPendingMiss = 5,
  kHistoryGone = 6,
  kSchema = 7,
  kKeyless = 8,
};
std::string_view ToString(PopulateReason reason);
/// Returns true if the source does not know the mirror's position: it was restored, or is another source.
bool IsMiss(PopulateReason reason);

/// One value of a batch, as a view.
struct Value {
  Kind kind = Kind::kNull;
  std::int64_t integer = 0;
  double real = 0;
  std::string_view bytes;             ///< Set for kText, kBlob, kRawText.
  const LargeValue* large = nullptr;  ///< Set if the value was sent in parts: `bytes` is then empty.
};

/// One column of a batch: views into the received message, which must outlive it.
struct ColumnView {
  std::uint32_t column = 0;  ///< Index in TableSchema.columns.
  Storage storage = Storage::kInts;
  bool text = true;  ///< kBytes: true for values of kText (DECIMAL, TEXT), false for kBlob (BYTES, UUID).
  std::span<const std::int64_t> ints;
  std::span<const double> doubles;
  std::string_view data;
  /// Offsets of the values in `data`. There is one more entry than values: the end of the last value.
  std::vector<std::uint32_t> starts;
  std::string_view nulls;
  std::string_view kinds;
  /// ANY: for each row the index of its value in the array of its kind.
  std::vector<std::uint32_t> slots;
  std::vector<LargeValue> large;  ///< Large values, ordered by row.

  bool IsNull(std::uint32_t row) const {
    if (storage == Storage::kAny) return kinds[row] == 0;
    return !nulls.empty() && ((static_cast<unsigned char>(nulls[row / 8]) >> (row % 8)) & 1U) != 0;
  }
  /// Returns the value of a row. In a typed column its kind is kInteger, kReal, kText (DECIMAL, TEXT) or
  /// kBlob (BYTES, UUID).
  Value At(std::uint32_t row) const;
};

struct Planned {
  std::uint64_t inserts = 0, updates = 0, deletes = 0;
  /// Used instead of `deletes` if other programs write to the source while the rows are counted.
  std::uint64_t expected_deletes = 0;
};

struct CommitMark {
  std::uint64_t batches = 0;
  Position position;
  std::int64_t source_ms = 0;  ///< Time of the table's data, unix milliseconds; 0: not given.
};

/// A checked ChangeBatch: all its values can be bound without another check. DecodeBatch() of codec.h makes
/// it from a message, BatchOf() from rows of a store.
struct ChangeBatch {
  std::string table;
  std::string schema_hash;
  std::uint64_t seq = 0;
  Lsn base_lsn;
  Position target;
  std::optional<Planned> planned;
  PopulateReason populate = PopulateReason::kNone;
  Operation operation = Operation::kUnspecified;
  std::uint32_t row_count = 0;
  std::vector<ColumnView> columns;
  std::optional<CommitMark> commit;
  /// Rows in ascending key order; empty if they already are, or if the table has no key.
  std::vector<std::uint32_t> key_order;
  /// Digest of the batch, see BatchDigest() of receipt.h. Empty: the endpoint keeps no receipts.
  std::string digest;

  const ColumnView* Find(std::uint32_t column) const;
};

/// Returns the order of two values in SQLite's BINARY collation: NULL first, numbers by value, text by bytes,
/// blobs by bytes.
int CompareValues(const Value& a, const Value& b);

/// Returns rows of `table` from a store as a batch, without sorting them by key. The batch has views into
/// `rows`, which must outlive it. The call completes the nulls of `rows`.
ChangeBatch ViewOf(const TableSchema& table, RowBlock* rows);
/// Returns rows of `table` from a store as an insert batch in the order of the key. `rows` has no large
/// values. The batch has views into `rows`, which must outlive it. The call completes the nulls of `rows`.
/// Errors: those of KeyOrder().
absl::StatusOr<ChangeBatch> BatchOf(const TableSchema& table, RowBlock* rows);

/// Returns the rows in ascending key order. Errors: kInvalidArgument: two rows have the same key; the message
/// names the rows.
absl::StatusOr<std::vector<std::uint32_t>> KeyOrder(const TableSchema& table, const ChangeBatch& batch);

}  // namespace mirror

#endif  // MIRROR_PROTO_WIRE_BATCH_H_
