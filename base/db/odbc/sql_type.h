#ifndef MIRROR_BASE_DB_ODBC_SQL_TYPE_H_
#define MIRROR_BASE_DB_ODBC_SQL_TYPE_H_

#include <cstdint>

namespace mirror::odbc {

/// What a driver calls the type of a column: the numbers of ODBC. There may be others.
enum class SqlType : std::int64_t {
  kNumeric = 2,
  kDecimal = 3,
  kInteger = 4,
  kSmallint = 5,
  kFloat = 6,
  kReal = 7,
  kDouble = 8,
  kDate = 91,
  kTime = 92,
  kTimestamp = 93,
  kBinary = -2,
  kVarbinary = -3,
  kLongVarbinary = -4,
  kBigint = -5,
  kTinyint = -6,
  kBit = -7,
  kGuid = -11,
};
/// Of a catalog's column NULLABLE: each row has a value.
inline constexpr std::int64_t kNoNulls = 0;

}  // namespace mirror::odbc

#endif  // MIRROR_BASE_DB_ODBC_SQL_TYPE_H_
