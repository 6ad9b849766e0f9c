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

/// How a column's values are stored in the file. Numbers are those of parquet.thrift.
enum class ParquetType : std::int32_t {
  kBoolean = 0,
  kInt32 = 1,
  kInt64 = 2,
  kFloat = 4,
  kDouble = 5,
  kByteArray = 6,
  kFixedBytes = 7,
};

/// Meaning of the values for readers.
enum class ParquetMeaning : std::uint8_t {
  kPlain,
  kString,           ///< kByteArray: UTF-8.
  kJson,             ///< kByteArray: UTF-8.
  kInt16,            ///< kInt32.
  kDecimal,          ///< kInt64, or kFixedBytes: two's complement, highest byte first.
  kDate,             ///< kInt32: days since 1970-01-01.
  kTimeMicros,       ///< kInt64, since midnight.
  kTimeNanos,        ///< kInt64, since midnight.
  kTimestampMicros,  ///< kInt64, since 1970-01-01 00:00 of any clock.
  kInstantMicros,    ///< kInt64, since 1970-01-01 00:00 UTC.
  kUuid,             ///< kFixedBytes of 16.
};

struct ParquetColumn {
  std::string name;
  ParquetType type = ParquetType::kByteArray;
  ParquetMeaning meaning = ParquetMeaning::kPlain;
  bool nullable = false;
  std::int32_t length = 0;     ///< kFixedBytes: size of each value.
  std::int32_t precision = 0;  ///< kDecimal: number of all digits.
  std::int32_t scale = 0;      ///< kDecimal: number of digits after the dot.
};

/// The pages of one column of a row group, as in the file, with headers. Each page is a string of its own:
/// one growing string would need three times its size while it is copied.
struct PackedChunk {
  std::vector<std::string> pages;
  std::uint64_t unpacked_bytes = 0;  ///< Size before compression, in bytes.
  std::uint64_t values = 0;          ///< Number of values, NULLs included.
};

/// Makes data pages (version 1, PLAIN, zstd) from values. Threads: one at a time.
class PagePacker {
 public:
  PagePacker();

  /// Compresses a page and appends it. Errors: kResourceExhausted: a page is over 2 GiB, or there is no
  /// memory for it.
  absl::Status Pack(std::string_view levels, std::string_view values, std::size_t rows, PackedChunk* chunk);

 private:
  std::unique_ptr<ZSTD_CCtx, std::size_t (*)(ZSTD_CCtx*)> context_;
  std::string page_, packed_;
};

/// Encodes definition levels of a nullable column, one bit for each row (false: NULL), in Parquet's hybrid of
/// runs and packed bits.
std::string EncodeLevels(const std::vector<bool>& levels);

/// Size in bytes at which a page is full. The value with which a page reaches this size is its last; it may
/// be of any size.
inline constexpr std::size_t kParquetPageBytes = 1 << 20;

/// One column of a row group while it is filled. Append one value for each row, with the function for the
/// column's type. Full pages are compressed at once.
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
  /// Appends a value: of at most UINT32_MAX bytes for kByteArray, of exactly the column's size for
  /// kFixedBytes.
  void AppendBytes(std::string_view value);

  std::size_t rows() const { return rows_ + levels_.size(); }
  /// Returns the size of the appended values before compression, with the levels of the rows.
  std::size_t bytes() const { return raw_bytes_ + values_.size() + levels_.size() / 8; }

  /// Ends a row; call it after each row. Errors: kResourceExhausted: a value is larger than a page may be.
  absl::Status EndRow(PagePacker& packer) {
    return values_.size() < kParquetPageBytes && levels_.size() < kPageRowsMax ? absl::OkStatus()
                                                                               : EndPage(packer);
  }
  /// Returns all pages; the chunk is then empty and has released its memory.
  absl::StatusOr<PackedChunk> Take(PagePacker& packer);

 private:
  static constexpr std::size_t kPageRowsMax = 100'000;

  void Defined() { levels_.push_back(true); }
  void AppendLittle(std::uint64_t value, int bytes) {
    for (int i = 0; i < bytes; ++i) values_.push_back(static_cast<char>(value >> (8 * i)));
  }
  absl::Status EndPage(PagePacker& packer);

  const ParquetColumn& column_;
  std::size_t rows_ = 0;       ///< Number of rows in compressed pages.
  std::size_t raw_bytes_ = 0;  ///< Size of these pages before compression.
  PackedChunk packed_;
  std::vector<bool>
      /// Levels of the current page. Also used for columns without NULL, because its size is the number of
      /// rows.
      levels_;
  std::string values_;
  std::size_t bits_ = 0;
};

}  // namespace mirror

#endif  // MIRROR_BASE_PARQUET_COLUMN_CHUNK_H_
