#ifndef MIRROR_BASE_PARQUET_COLUMN_CHUNK_H_
#define MIRROR_BASE_PARQUET_COLUMN_CHUNK_H_

#include <zstd.h>

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace mirror {

/// How a column's values stand in the file; the numbers of parquet.thrift.
enum class ParquetType : std::int32_t {
  kBoolean = 0,
  kInt32 = 1,
  kInt64 = 2,
  kFloat = 4,
  kDouble = 5,
  kByteArray = 6,
  kFixedBytes = 7,
};

/// What they mean to who reads them.
enum class ParquetMeaning : std::uint8_t {
  kPlain,
  kString,           ///< kByteArray: UTF-8.
  kJson,             ///< kByteArray: UTF-8.
  kInt16,            ///< kInt32.
  kDecimal,          ///< kInt64, or kFixedBytes: two's complement, highest byte first.
  kDate,             ///< kInt32: days since 1970-01-01.
  kTimeMicros,       ///< kInt64, since midnight.
  kTimeNanos,        ///< kInt64, since midnight.
  kTimestampMicros,  ///< kInt64, since 1970-01-01 00:00 of whatever clock.
  kInstantMicros,    ///< kInt64, since 1970-01-01 00:00 UTC.
  kUuid,             ///< kFixedBytes of 16.
};

struct ParquetColumn {
  std::string name;
  ParquetType type = ParquetType::kByteArray;
  ParquetMeaning meaning = ParquetMeaning::kPlain;
  bool nullable = false;
  std::int32_t length = 0;     ///< kFixedBytes: bytes of each value.
  std::int32_t precision = 0;  ///< kDecimal: digits in all.
  std::int32_t scale = 0;      ///< kDecimal: digits after the dot.
};

/// The pages of one column of a row group, as they stand in the file, headers included. One string each: a
/// single one that grows would take their room three times while it is moved.
struct PackedChunk {
  std::vector<std::string> pages;
  std::uint64_t unpacked_bytes = 0;  ///< The same, were they not packed.
  std::uint64_t values = 0;          ///< NULLs included.
};

/// Makes data pages (version 1, PLAIN, zstd) of values. Threads: one at a time.
class PagePacker {
 public:
  PagePacker();

  /// Errors: kResourceExhausted: a page has more than 2 GiB, or there is no memory for it.
  absl::Status Pack(std::string_view levels, std::string_view values, std::size_t rows, PackedChunk* chunk);

 private:
  std::unique_ptr<ZSTD_CCtx, std::size_t (*)(ZSTD_CCtx*)> context_;
  std::string page_, packed_;
};

/// Definition levels of a column that may be NULL, one bit for each row (false: NULL), in Parquet's hybrid of
/// runs and packed bits.
std::string EncodeLevels(const std::vector<bool>& levels);

/// A page takes values until it has so many bytes: one more value, whatever it weighs, is the last.
inline constexpr std::size_t kParquetPageBytes = 1 << 20;

/// One column of a row group while it is filled: one value for each row, with the call of the column's type.
/// Pages that are full are packed at once.
class ColumnChunk {
 public:
  explicit ColumnChunk(const ParquetColumn& column) : column_(column) {}

  void AppendNull() {
    assert(column_.nullable);
    levels_.push_back(false);
  }
  void AppendBool(bool value) {
    assert(column_.type == ParquetType::kBoolean);
    if (bits_ % 8 == 0) values_.push_back('\0');
    if (value) values_.back() = static_cast<char>(values_.back() | (1 << (bits_ % 8)));
    ++bits_;
    Defined();
  }
  void AppendInt32(std::int32_t value) {
    assert(column_.type == ParquetType::kInt32);
    AppendLittle(static_cast<std::uint32_t>(value), 4);
    Defined();
  }
  void AppendInt64(std::int64_t value) {
    assert(column_.type == ParquetType::kInt64);
    AppendLittle(static_cast<std::uint64_t>(value), 8);
    Defined();
  }
  void AppendFloat(float value);
  void AppendDouble(double value);
  /// kByteArray: at most UINT32_MAX bytes; kFixedBytes: as many as the column says.
  void AppendBytes(std::string_view value);

  std::size_t rows() const { return rows_ + levels_.size(); }
  /// What was appended, before it is packed, with what each row takes for being there.
  std::size_t bytes() const { return raw_bytes_ + values_.size() + levels_.size() / 8; }

  /// Behind each row. Errors: kResourceExhausted: one value is more than a page may have.
  absl::Status EndRow(PagePacker& packer) {
    return values_.size() < kParquetPageBytes && levels_.size() < kPageRowsMax ? absl::OkStatus()
                                                                               : EndPage(packer);
  }
  /// All of it, which is empty afterwards and gives its memory back.
  absl::StatusOr<PackedChunk> Take(PagePacker& packer);

 private:
  static constexpr std::size_t kPageRowsMax = 100'000;

  void Defined() { levels_.push_back(true); }
  void AppendLittle(std::uint64_t value, int bytes) {
    for (int i = 0; i < bytes; ++i) values_.push_back(static_cast<char>(value >> (8 * i)));
  }
  absl::Status EndPage(PagePacker& packer);

  const ParquetColumn& column_;
  std::size_t rows_ = 0;       ///< Of the pages that are packed.
  std::size_t raw_bytes_ = 0;  ///< Theirs.
  PackedChunk packed_;
  std::vector<bool>
      levels_;  ///< Of the page that is filled; also where no value can be NULL: it counts rows.
  std::string values_;
  std::size_t bits_ = 0;
};

}  // namespace mirror

#endif  // MIRROR_BASE_PARQUET_COLUMN_CHUNK_H_
