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

/// Where a table stands.
struct TableAt {
  Dialect dialect = Dialect::kSqlite;
  std::string_view before = {};  ///< What stands before its name in SQL: "", "mirror_control.".
  std::string_view name = {};    ///< As it stands in SQL, instead of both; empty: the record's.
};

/// What CREATE TABLE says beside the columns.
struct TableOptions {
  std::string_view constraint = {};         ///< Behind the columns: "CHECK (a < b)".
  std::string_view sqlite_constraint = {};  ///< The same, in SQLite alone.
  std::string_view sqlite_behind = {};      ///< "STRICT"
  std::string_view postgres_behind = {};    ///< "WITH (fillfactor = 50)"
  bool has_one_row = false;                 ///< An UPDATE asks for no key.
  bool is_bare_in_sqlite = false;           ///< Columns say no NOT NULL there, and have no default.
};

/// SQL in the place of a column or its parameter: {{"seen_ms", "now.ms"}}.
using Instead = std::initializer_list<std::pair<std::string_view, std::string_view>>;

/// Counted from 0. A name that no column has is a mistake of the program, and ends it.
std::size_t PlaceOf(absl::Span<const ColumnShape> columns, std::string_view name);

/// The SQL of a table that a Record describes. Column number n, counted from 0, is parameter number n + 1 of
/// each statement: ?1 in SQLite, $1 in PostgreSQL.
class OwnTable {
 public:
  OwnTable(std::string_view name, std::vector<ColumnShape> columns, const TableOptions& options);

  std::string_view name() const { return name_; }
  const std::vector<ColumnShape>& columns() const { return columns_; }

  /// Columns that are packed, each by its number, in the order of their places.
  const std::vector<std::size_t>& packed() const { return packed_; }
  /// The place of one.
  int PackedPlaceOf(std::string_view column) const { return columns_[PlaceOf(columns_, column)].packed; }

  /// `"a", "b"`
  std::string Names(Instead instead = {}) const;
  /// `$1, $2`
  std::string Places(Dialect dialect, Instead instead = {}) const;
  /// `SELECT "a", "b" FROM t `, and `rest` behind that.
  std::string SelectSql(const TableAt& at, std::string_view rest = {}) const;
  std::string InsertSql(const TableAt& at, Instead instead = {}) const;
  /// Of SQLite: in the place of the row with this key, also as that is spelled.
  std::string ReplaceSql(const TableAt& at) const;
  /// Replaces the row with this key. One without columns beside its key stays as it is.
  std::string UpsertSql(const TableAt& at, Instead instead = {}) const;
  /// Updates the row with this key.
  std::string UpdateSql(const TableAt& at) const;
  std::string CreateSql(const TableAt& at) const;
  std::string CreateMissingSql(const TableAt& at) const;
  /// `"a" bigint NOT NULL`: what follows ADD COLUMN.
  std::string ColumnSql(Dialect dialect, std::string_view column) const;
  /// All of them, for a CREATE TABLE whose key stands behind them.
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

/// A statement for a table that stands under many names. It is made once.
class SqlOfMany {
 public:
  /// `sql`: as it is under the record's own name, which stands there once.
  SqlOfMany(const OwnTable& table, std::string_view sql);
  /// `name`: as it stands in SQL.
  std::string Of(std::string_view name) const;

 private:
  std::string before_, behind_;
};

}  // namespace mirror

#endif  // MIRROR_SERVER_OWN_RECORDS_OWN_TABLE_H_
