#ifndef MIRROR_SERVER_OWN_RECORDS_OWN_TABLE_H_
#define MIRROR_SERVER_OWN_RECORDS_OWN_TABLE_H_

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/types/span.h"
#include "server/own_records/column.h"

namespace mirror {

enum class Dialect : std::uint8_t { kSqlite, kPostgres };

/// Dialect and name of a table in SQL.
struct TableAt {
  Dialect dialect = Dialect::kSqlite;
  std::string_view before = {};  ///< Prefix of its name in SQL: "", "mirror_control.".
  std::string_view name = {};    ///< Its full name in SQL, in place of prefix and record's name; empty: these
                                 ///< two are used.
};

/// The text of CREATE TABLE besides the columns.
struct TableOptions {
  std::string_view constraint = {};         ///< After the columns: "CHECK (a < b)".
  std::string_view sqlite_constraint = {};  ///< The same, but only in SQLite.
  std::string_view sqlite_behind = {};      ///< "STRICT"
  std::string_view postgres_behind = {};    ///< "WITH (fillfactor = 50)"
  bool has_one_row = false;                 ///< Its UPDATE needs no key.
  bool is_bare_in_sqlite = false;           ///< Without NOT NULL and defaults there.
};

/// SQL that replaces a column or its parameter: {{"seen_ms", "now.ms"}}.
using Instead = std::initializer_list<std::pair<std::string_view, std::string_view>>;

/// Returns the column's index, from 0. A name that no column has is a program error, and aborts.
std::size_t PlaceOf(absl::Span<const ColumnShape> columns, std::string_view name);

/// The SQL of a table that a Record describes. Column number n, counted from 0, is parameter number n + 1 of
/// each statement: ?1 in SQLite, $1 in PostgreSQL.
class OwnTable {
 public:
  OwnTable(std::string_view name, std::vector<ColumnShape> columns, const TableOptions& options);

  std::string_view name() const { return name_; }
  const std::vector<ColumnShape>& columns() const { return columns_; }

  /// Returns the indexes of the packed columns, in the order of their places.
  const std::vector<std::size_t>& packed() const { return packed_; }
  /// Returns the packed place of a column.
  int PackedPlaceOf(std::string_view column) const { return columns_[PlaceOf(columns_, column)].packed; }

  /// Returns `"a", "b"`
  std::string Names(Instead instead = {}) const;
  /// Returns `$1, $2`
  std::string Places(Dialect dialect, Instead instead = {}) const;
  /// Returns `SELECT "a", "b" FROM t `, followed by `rest`.
  std::string SelectSql(const TableAt& at, std::string_view rest = {}) const;
  std::string InsertSql(const TableAt& at, Instead instead = {}) const;
  /// For SQLite: replaces the row with this key, and with it the key's spelling.
  std::string ReplaceSql(const TableAt& at) const;
  /// Inserts, or updates the row with this key. If all columns are in the key, that row stays unchanged.
  std::string UpsertSql(const TableAt& at, Instead instead = {}) const;
  /// Updates the row with this key.
  std::string UpdateSql(const TableAt& at) const;
  std::string CreateSql(const TableAt& at) const;
  std::string CreateMissingSql(const TableAt& at) const;
  /// Returns `"a" bigint NOT NULL`: the text after ADD COLUMN.
  std::string ColumnSql(Dialect dialect, std::string_view column) const;
  /// Returns that for all columns, for a CREATE TABLE that names its key after them.
  std::string ColumnsSql(Dialect dialect) const;

 private:
  std::string DeclarationOf(Dialect dialect, const ColumnShape& column, bool is_whole_key) const;
  std::string Body(const TableAt& at) const;
  bool HasOneKey() const;
  std::vector<ColumnShape> Columns(bool is_key) const;

  const std::string_view name_;
  const std::vector<ColumnShape> columns_;
  std::vector<std::size_t> packed_;
  const TableOptions options_;
};

/// A statement for a table that exists under many names. The text besides the name is made once.
class SqlOfMany {
 public:
  /// `sql`: the statement under the record's own name, which occurs in it once.
  SqlOfMany(const OwnTable& table, std::string_view sql);
  /// Returns it for the table `name`, as written in SQL.
  std::string Of(std::string_view name) const;

 private:
  std::string before_, behind_;
};

}  // namespace mirror

#endif  // MIRROR_SERVER_OWN_RECORDS_OWN_TABLE_H_
