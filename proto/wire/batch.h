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
  const LargeValue* large = nullptr;  ///< Set if the bytes are in the parts store instead.
};

/// One column of a batch: views into the received message, which must outlive it.
struct ColumnView {
  std::uint32_t column = 0;  ///< Index in TableSchema.columns.
  Storage storage = Storage::kInts;
  bool text = true;  ///< kBytes: true for values of kText (DECIMAL, TEXT), false for kBlob (BYTES, UUID).
  std::span<const std::int64_t> ints;
  std::span<const double> doubles;
  std::string_view data;
  /// Offset in `data` of each row's bytes; has one more entry than there are byte values.
  std::vector<std::uint32_t> starts;
  std::string_view nulls;
  std::string_view kinds;
  /// ANY: each row's index in the array of its kind.
  std::vector<std::uint32_t> slots;
  std::vector<LargeValue> large;  ///< Large values, ordered by row.

  bool IsNull(std::uint32_t row) const {
    if (storage == Storage::kAny) return kinds[row] == 0;
    return !nulls.empty() && ((static_cast<unsigned char>(nulls[row / 8]) >> (row % 8)) & 1U) != 0;
  }
  /// Returns a value. Kind for typed columns: kInteger, kReal, kText (DECIMAL, TEXT) or kBlob (BYTES, UUID).
  Value At(std::uint32_t row) const;
};

struct Planned {
  std::uint64_t inserts = 0, updates = 0, deletes = 0;
  std::uint64_t expected_deletes = 0;  ///< Replaces `deletes` if rows change while they are read.
};

struct CommitMark {
  std::uint64_t batches = 0;
  Position position;
  std::int64_t source_ms = 0;  ///< Time of the table's data, unix milliseconds; 0: not given.
};

/// A checked ChangeBatch: all its values can be bound without another check. Made by DecodeBatch of codec.h,
/// and by BatchOf() from rows of a store.
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
  /// Digest of the batch, see BatchDigest() of receipt.h; empty: no receipt is kept.
  std::string digest;

  const ColumnView* Find(std::uint32_t column) const;
};

/// Returns the order of two values in SQLite's BINARY collation: NULL first, numbers by value, text by bytes,
/// blobs by bytes.
int CompareValues(const Value& a, const Value& b);

/// Returns rows of `table` from a store as a batch of unknown order. The batch has views into the block;
/// the call completes the block's nulls.
ChangeBatch ViewOf(const TableSchema& table, RowBlock* rows);
/// Returns rows of `table` from a store as an insert batch, without large values. The batch has views into
/// the block; the call completes the block's nulls. Errors: those of KeyOrder().
absl::StatusOr<ChangeBatch> BatchOf(const TableSchema& table, RowBlock* rows);

/// Sorts the rows by key. Errors: kInvalidArgument if two rows have the same key; names the rows.
absl::StatusOr<std::vector<std::uint32_t>> KeyOrder(const TableSchema& table, const ChangeBatch& batch);

}  // namespace mirror

#endif  // MIRROR_PROTO_WIRE_BATCH_H_
