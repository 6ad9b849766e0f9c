#ifndef MIRROR_CLIENT_SOURCE_MARIADB_BINLOG_TABLES_H_
#define MIRROR_CLIENT_SOURCE_MARIADB_BINLOG_TABLES_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "client/source/mariadb/mariadb_catalog.h"
#include "client/source/mariadb/rows_event.h"
#include "client/source/mariadb/table_map.h"
#include "client/source/server/staged_row.h"

namespace mirror {

/// Names of character sets, by MariaDB's collation numbers.
using BinlogCharsets = std::map<std::uint32_t, std::string>;
absl::StatusOr<BinlogCharsets> ReadBinlogCharsets(mariadb::Connection& connection);

/// A staged table as the catalogs define it. The number of a column in the stage is its place.
struct BinlogTable {
  std::int64_t id = 0;  ///< Number in the stage.
  MariadbTable table;
};
struct BinlogTables {
  std::string database;
  std::map<std::string, BinlogTable> tables;  ///< By name.
  BinlogCharsets charsets;
};

/// Returns why a table's changes cannot be read from the binlog, for people; empty: its definition allows
/// it.
std::string WhyNotInBinlog(const MariadbTable& table);

/// Returns the stage's numbers of a table's key columns, in the key's order.
std::vector<std::int64_t> KeyNumbers(const MariadbTable& table);

/// Converts the rows after one table map to changes for the stage. Threads: one.
class BinlogRows {
 public:
  /// Returns absent if the table in the binlog differs from that in the catalogs.
  static std::optional<BinlogRows> Make(const BinlogTable& table, const binlog::TableMap& map,
                                        const BinlogCharsets& charsets);

  std::int64_t table() const { return table_; }
  bool Slice(binlog::Bytes* rows, std::string_view image, std::vector<binlog::RowField>* fields) const {
    return slicer_.Next(rows, image, fields);
  }
  std::size_t columns() const { return slicer_.columns(); }

  enum class Told { kChange, kNothing, kUnknown };
  /// Convert rows to a change. kNothing: no staged column changed. kUnknown: a value cannot be understood, or
  /// the key is missing.
  Told Insert(const std::vector<binlog::RowField>& row, LoggedChange* change) const;
  Told Update(const std::vector<binlog::RowField>& before, const std::vector<binlog::RowField>& after,
              LoggedChange* change) const;
  Told Delete(const std::vector<binlog::RowField>& row, LoggedChange* change) const;

 private:
  struct Column {
    std::size_t place = 0;  ///< Place in the rows.
    std::int64_t number = 0;
    binlog::RowText text;
  };
  explicit BinlogRows(const binlog::TableMap& map) : slicer_(map) {}
  bool KeyOf(const std::vector<binlog::RowField>& row, StagedKey* key) const;
  bool Add(const Column& column, const binlog::RowField& field, std::vector<StagedValue>* values) const;

  std::int64_t table_ = 0;
  binlog::RowSlicer slicer_;
  std::vector<Column> columns_;   ///< By number.
  std::vector<std::size_t> key_;  ///< Places in `columns_`.
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_MARIADB_BINLOG_TABLES_H_
