#ifndef MIRROR_PROTO_WIRE_ROW_BLOCK_H_
#define MIRROR_PROTO_WIRE_ROW_BLOCK_H_

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "proto/wire/table.h"

namespace mirror {

/// Kind of a TYPE_ANY value; the numbers are those of proto/mirror/v1/change_batch.proto.
enum class Kind : std::uint8_t { kNull = 0, kInteger = 1, kReal = 2, kText = 3, kBlob = 4, kRawText = 5 };

struct LargeValue {
  std::uint32_t row = 0;
  std::uint64_t value_id = 0;
  std::uint64_t size = 0;  ///< Size in bytes.
  friend bool operator==(const LargeValue&, const LargeValue&) = default;
};

/// The rows of one column while a source collects them. Append exactly one value for each row, with the call
/// for the column's Storage; AppendNull fits each Storage.
class ColumnBuffer {
 public:
  ColumnBuffer(std::uint32_t column, Storage storage) : column_(column), storage_(storage) {}

  void AppendInt(std::int64_t value) {
    assert(storage_ == Storage::kInts || storage_ == Storage::kAny);
    if (storage_ == Storage::kAny) kinds_.push_back(static_cast<char>(Kind::kInteger));
    ints_.push_back(value);
    ++rows_;
  }
  void AppendDouble(double value) {
    assert(storage_ == Storage::kDoubles || storage_ == Storage::kAny);
    if (storage_ == Storage::kAny) kinds_.push_back(static_cast<char>(Kind::kReal));
    doubles_.push_back(value);
    ++rows_;
  }
  /// Appends a text or bytes. `kind` is used only for TYPE_ANY: kText, kBlob or kRawText.
  void AppendBytes(std::string_view value, Kind kind = Kind::kText) {
    assert(storage_ == Storage::kBytes || storage_ == Storage::kAny);
    if (storage_ == Storage::kAny) kinds_.push_back(static_cast<char>(kind));
    data_.append(value);
    lengths_.push_back(static_cast<std::uint32_t>(value.size()));
    ++rows_;
  }
  void AppendNull();
  /// Appends a value that is sent in parts before its batch.
  void AppendLarge(std::uint64_t value_id, std::uint64_t size, Kind kind = Kind::kBlob);
  /// Extends nulls() to the last row, if it is not empty.
  void CompleteNulls();
  void Clear();

  std::uint32_t column() const { return column_; }
  /// Sets the column's index, for callers that number the columns differently.
  void set_column(std::uint32_t column) { column_ = column; }
  Storage storage() const { return storage_; }
  std::size_t rows() const { return rows_; }
  /// Returns the approximate size on the wire.
  std::size_t bytes() const;

  const std::vector<std::int64_t>& ints() const { return ints_; }
  const std::vector<double>& doubles() const { return doubles_; }
  const std::string& data() const { return data_; }
  const std::vector<std::uint32_t>& lengths() const { return lengths_; }
  /// Returns the nulls as a bit field. Empty: no row is null. It may be too short: rows after its end are not
  /// null.
  const std::string& nulls() const { return nulls_; }
  const std::string& kinds() const { return kinds_; }
  const std::vector<LargeValue>& large() const { return large_; }

 private:
  void MarkNull();

  std::uint32_t column_;
  Storage storage_;
  std::size_t rows_ = 0;
  std::vector<std::int64_t> ints_;
  std::vector<double> doubles_;
  std::string data_;
  std::vector<std::uint32_t> lengths_;
  std::string nulls_;
  std::string kinds_;
  std::vector<LargeValue> large_;
};

/// Rows of one table as columns, on the way from a reader to the codec.
struct RowBlock {
  std::vector<ColumnBuffer> columns;

  /// Returns a block with one empty buffer for each of `indexes` of `table`.
  static RowBlock For(const TableSchema& table, const std::vector<std::uint32_t>& indexes);
  static RowBlock ForAll(const TableSchema& table);
  std::size_t rows() const { return columns.empty() ? 0 : columns.front().rows(); }
  std::size_t bytes() const;
  void Clear();
};

}  // namespace mirror

#endif  // MIRROR_PROTO_WIRE_ROW_BLOCK_H_
