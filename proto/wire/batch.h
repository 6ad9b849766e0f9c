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
/// The numbers of change_batch.proto.
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
/// Whether the source does not know what the mirror holds: it was restored, or is another one.
bool IsMiss(PopulateReason reason);

/// One value of a batch, as a view.
struct Value {
  Kind kind = Kind::kNull;
  std::int64_t integer = 0;
  double real = 0;
  std::string_view bytes;             ///< kText, kBlob, kRawText.
  const LargeValue* large = nullptr;  ///< Set when the bytes are in the parts store instead.
};

/// One column of a batch: views over the received message, which must outlive it.
struct ColumnView {
  std::uint32_t column = 0;  ///< Index in TableSchema.columns.
  Storage storage = Storage::kInts;
  bool text = true;  ///< kBytes: whether the values are kText (DECIMAL, TEXT) or kBlob (BYTES, UUID).
  std::span<const std::int64_t> ints;
  std::span<const double> doubles;
  std::string_view data;
  /// Where each row's bytes begin in `data`; one more entry than there are byte values.
  std::vector<std::uint32_t> starts;
  std::string_view nulls;
  std::string_view kinds;
  /// ANY: each row's index in the array of its kind.
  std::vector<std::uint32_t> slots;
  std::vector<LargeValue> large;  ///< By row.

  bool IsNull(std::uint32_t row) const {
    if (storage == Storage::kAny) return kinds[row] == 0;
    return !nulls.empty() && ((static_cast<unsigned char>(nulls[row / 8]) >> (row % 8)) & 1U) != 0;
  }
  /// Kind for typed columns: kInteger, kReal, kText (DECIMAL, TEXT) or kBlob (BYTES, UUID).
  Value At(std::uint32_t row) const;
};

struct Planned {
  std::uint64_t inserts = 0, updates = 0, deletes = 0;
  std::uint64_t expected_deletes = 0;  ///< In place of `deletes`, where rows change while they are read.
};

struct CommitMark {
  std::uint64_t batches = 0;
  Position position;
  std::int64_t source_ms = 0;  ///< As of when the table is, unix milliseconds; 0: not told.
};

/// A checked ChangeBatch: whatever is in it can be bound as it stands. Made by DecodeBatch of codec.h, and by
/// BatchOf() of what a store held.
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
  /// Rows in ascending key order; empty when they already are, or when the table has no key.
  std::vector<std::uint32_t> key_order;
  /// See BatchDigest() of receipt.h; empty: no receipt is kept.
  std::string digest;

  const ColumnView* Find(std::uint32_t column) const;
};

/// Order of two values as SQLite's BINARY collation has it: NULL, numbers by value, text by bytes, blobs by
/// bytes.
int CompareValues(const Value& a, const Value& b);

/// Rows of `table` that a store gave, as a batch whose order is not known. It looks into the block, whose
/// nulls it completes.
ChangeBatch ViewOf(const TableSchema& table, RowBlock* rows);
/// Inserts rows of `table` that a store gave, without large values. It looks into the block, whose
/// nulls it completes. Errors: those of KeyOrder().
absl::StatusOr<ChangeBatch> BatchOf(const TableSchema& table, RowBlock* rows);

/// Puts the rows in key order. Errors: kInvalidArgument when two rows have the same key; names the rows.
absl::StatusOr<std::vector<std::uint32_t>> KeyOrder(const TableSchema& table, const ChangeBatch& batch);

}  // namespace mirror

#endif  // MIRROR_PROTO_WIRE_BATCH_H_
