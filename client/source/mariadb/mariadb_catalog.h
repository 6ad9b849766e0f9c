#ifndef MIRROR_CLIENT_SOURCE_MARIADB_MARIADB_CATALOG_H_
#define MIRROR_CLIENT_SOURCE_MARIADB_MARIADB_CATALOG_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "base/db/mariadb/connection.h"
#include "proto/wire/source_objects.h"
#include "proto/wire/table.h"

namespace mirror {

/// As information_schema.COLUMNS has it.
struct MariadbColumn {
  std::string name;
  std::int64_t place = 0;     ///< From 1.
  std::string type;           ///< Without length and attributes: "bigint".
  std::string whole_type;     ///< "bigint(20) unsigned zerofill", "enum('a','b')".
  std::uint32_t digits = 0;   ///< Of a number, or bits.
  std::uint32_t scale = 0;    ///< Of them behind the dot.
  std::uint32_t seconds = 0;  ///< Digits of a second.
  std::string charset;        ///< Empty: it holds no text.
  std::string collation;
  bool nullable = false;
  bool readable = false;  ///< The user may read it.

  bool is_unsigned() const;
  bool is_zerofill() const;
  friend bool operator==(const MariadbColumn&, const MariadbColumn&) = default;
};

/// A table of the database, views and sequences aside.
struct MariadbTable {
  std::string name;
  std::string quoted;                  ///< With its database; empty: its name is none that can be written.
  std::string engine;                  ///< Empty: it cannot be opened.
  bool versioned = false;              ///< It keeps its former rows, too.
  bool has_gaps = false;               ///< There are columns between these that the user does not see.
  std::vector<MariadbColumn> columns;  ///< In their order, those that are stored by the application.
  std::vector<std::string> generated;  ///< Columns that MariaDB computes.
  std::vector<std::string> key;        ///< Columns of the primary key in its order.
  /// Unix seconds: when it was made, or its definition changed. 0: not known.
  std::int64_t created_s = 0;
  friend bool operator==(const MariadbTable&, const MariadbTable&) = default;

  /// Reads are of one moment beside writers; else each keeps the other waiting.
  bool HasSnapshots() const { return engine == "InnoDB" || engine == "ROCKSDB"; }
  /// Of the column with this name among those that are sent.
  std::optional<std::size_t> PlaceOf(const std::string& column) const;
};

/// All tables of the connection's database, or the one with this name, which may be none; by the bytes of
/// their names. They are those of now, whatever snapshot a transaction has. `clock_ms`: where there is a
/// table, is set to the server's clock before it looked at any.
absl::StatusOr<std::vector<MariadbTable>> ReadMariadbTables(mariadb::Connection& connection,
                                                            const std::string& table = "",
                                                            std::int64_t* clock_ms = nullptr);

/// Indexes and foreign keys of these tables, by name. A text index counts as that of a mirror where its
/// collation compares by bytes. What a foreign key does stands in no catalog that SELECT lets one see, but in
/// the table's own definition.
absl::StatusOr<std::map<std::string, SourceObjects>> ReadMariadbObjects(
    mariadb::Connection& connection, const std::map<std::string, const TableSchema*>& tables,
    const std::map<std::string, const MariadbTable*>& catalog);

/// What happens to a foreign key's rows: as the line of a table's definition ends that begins with the
/// foreign key's name.
struct MariadbForeignKeyActions {
  ForeignKeyAction on_delete = ForeignKeyAction::kNoAction;
  ForeignKeyAction on_update = ForeignKeyAction::kNoAction;
};
MariadbForeignKeyActions ReadMariadbActions(std::string_view create_table, const std::string& constraint);

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_MARIADB_MARIADB_CATALOG_H_
