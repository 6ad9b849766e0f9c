#ifndef MIRROR_CLIENT_SOURCE_MARIADB_TABLE_MAP_H_
#define MIRROR_CLIENT_SOURCE_MARIADB_TABLE_MAP_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "client/source/mariadb/binlog_event.h"

namespace mirror::binlog {

/// Maximum number of columns of a table, MariaDB's own limit.
inline constexpr std::size_t kColumnsMax = 4'096;

enum class ColumnType : std::uint8_t {
  kTiny = 1,
  kShort = 2,
  kLong = 3,
  kFloat = 4,
  kDouble = 5,
  kTimestamp = 7,
  kLongLong = 8,
  kInt24 = 9,
  kDate = 10,
  kTime = 11,
  kDateTime = 12,
  kYear = 13,
  kNewDate = 14,
  kVarchar = 15,
  kBit = 16,
  kTimestamp2 = 17,
  kDateTime2 = 18,
  kTime2 = 19,
  kBlobCompressed = 140,
  kVarcharCompressed = 141,
  kNewDecimal = 246,
  kEnum = 247,
  kSet = 248,
  kBlob = 252,
  kVarString = 253,
  kString = 254,
  kGeometry = 255,
};

/// A column in the rows after a table map.
struct MappedColumn {
  ColumnType type = ColumnType::kTiny;
  /// Maximum bytes of a text; for a BLOB the bytes of its length; bytes of an ENUM or a SET; digits of
  /// fractional seconds; bits of a BIT; digits of a DECIMAL.
  std::uint32_t size = 0;
  std::uint32_t scale = 0;  ///< Of a DECIMAL.
  bool nullable = false;
  bool is_unsigned = false;
  std::uint32_t collation = 0;      ///< Of a text, an ENUM, a SET: MariaDB's number; 0: unknown.
  std::string name;                 ///< Empty: unknown.
  std::vector<std::string> labels;  ///< Of an ENUM and a SET, in the column's character set.
  friend bool operator==(const MappedColumn&, const MappedColumn&) = default;
};

/// The TABLE_MAP event that describes the rows after it.
struct TableMap {
  std::uint64_t id = 0;  ///< Rows events refer to it. It differs whenever the server opens the table again.
  std::string database, table;
  std::vector<MappedColumn> columns;
  bool has_names = false;        ///< The map has names of columns: binlog_row_metadata is FULL.
  std::vector<std::size_t> key;  ///< Columns of the primary key in its order; only with FULL.
};
absl::StatusOr<TableMap> ReadTableMap(const Event& event);
/// Returns only the id of a table map; 0: the event is no table map.
std::uint64_t TableMapId(const Event& event);

}  // namespace mirror::binlog

#endif  // MIRROR_CLIENT_SOURCE_MARIADB_TABLE_MAP_H_
