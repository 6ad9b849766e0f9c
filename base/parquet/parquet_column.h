#ifndef MIRROR_BASE_PARQUET_PARQUET_COLUMN_H_
#define MIRROR_BASE_PARQUET_PARQUET_COLUMN_H_

#include <cstdint>
#include <string>

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

}  // namespace mirror

#endif  // MIRROR_BASE_PARQUET_PARQUET_COLUMN_H_
