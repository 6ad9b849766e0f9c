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

/// A column in information_schema.COLUMNS.
struct MariadbColumn {
  std::string name;
  std::int64_t place = 0;     ///< From 1 on.
  std::string type;           ///< Without length and attributes: "bigint".
  std::string whole_type;     ///< "bigint(20) unsigned zerofill", "enum('a','b')".
  std::uint32_t digits = 0;   ///< Digits of a number; for BIT: bits.
  std::uint32_t scale = 0;    ///< Digits after the decimal point.
  std::uint32_t seconds = 0;  ///< Digits of fractional seconds.
  std::string charset;        ///< Empty: it holds no text.
  std::string collation;
  bool nullable = false;
  bool readable = false;  ///< The user may read it.

  bool is_unsigned() const;
  bool is_zerofill() const;
  friend bool operator==(const MariadbColumn&, const MariadbColumn&) = default;
};

/// A table of the database; views and sequences are excluded.
struct MariadbTable {
  std::string name;
  std::string quoted;      ///< Quoted, with its database; empty: its name cannot be written in SQL.
  std::string engine;      ///< Empty: the table cannot be opened.
  bool versioned = false;  ///< The table also keeps old versions of rows.
  bool has_gaps = false;   ///< Some columns are hidden from the user, so places are missing here.
  std::vector<MariadbColumn> columns;  ///< Columns that the application stores, in their order.
  std::vector<std::string> generated;  ///< Columns that MariaDB computes.
  std::vector<std::string> key;        ///< Columns of the primary key in its order.
  /// Unix seconds of its creation or last redefinition. 0: not known.
  std::int64_t created_s = 0;
  friend bool operator==(const MariadbTable&, const MariadbTable&) = default;

  /// Returns whether a reading sees one moment without blocking writers. Otherwise readers and writers block
  /// each other.
  bool HasSnapshots() const { return engine == "InnoDB" || engine == "ROCKSDB"; }
  /// Returns the place of the sent column with this name.
  std::optional<std::size_t> PlaceOf(const std::string& column) const;
};

/// Returns all tables of the connection's database, or the one with this name, if it exists, ordered by the
/// bytes of their names. The result is their present state, whatever snapshot a transaction has. `clock_ms`:
/// if there is a table, gets the server's clock before the reading, in milliseconds.
absl::StatusOr<std::vector<MariadbTable>> ReadMariadbTables(mariadb::Connection& connection,
                                                            const std::string& table = "",
                                                            std::int64_t* clock_ms = nullptr);

/// Returns the indexes and foreign keys of these tables, by table name. An index over texts counts as an
/// index of a mirror if its collation compares bytes. No catalog that SELECT can read has the actions of a
/// foreign key, so they are read from the table's own definition.
absl::StatusOr<std::map<std::string, SourceObjects>> ReadMariadbObjects(
    mariadb::Connection& connection, const std::map<std::string, const TableSchema*>& tables,
    const std::map<std::string, const MariadbTable*>& catalog);

/// The actions of a foreign key. In a table's definition they are at the end of the line that begins with the
/// foreign key's name.
struct MariadbForeignKeyActions {
  ForeignKeyAction on_delete = ForeignKeyAction::kNoAction;
  ForeignKeyAction on_update = ForeignKeyAction::kNoAction;
};
MariadbForeignKeyActions ReadMariadbActions(std::string_view create_table, const std::string& constraint);

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_MARIADB_MARIADB_CATALOG_H_
