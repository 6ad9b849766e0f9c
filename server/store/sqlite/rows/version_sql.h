#ifndef MIRROR_SERVER_STORE_SQLITE_ROWS_VERSION_SQL_H_
#define MIRROR_SERVER_STORE_SQLITE_ROWS_VERSION_SQL_H_

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "proto/wire/batch.h"
#include "proto/wire/table.h"

// The SQL of closed versions of rows. `versions` is the table that holds them: it has the columns of the
// mirrored table, declared as there, so that its index is used, and the columns below.

namespace mirror {

inline constexpr char kVersionNumber[] = "_mirror_number";
/// The moment that ended the version.
inline constexpr char kVersionUntil[] = "_mirror_until";
/// 1: this row existed until then; 0: no row existed, and the version has only the key.
inline constexpr char kVersionWas[] = "_mirror_was";

/// The columns of a table: folded names, and their declarations.
using DeclaredColumns = std::map<std::string, std::string>;

/// The rows of the visible table as `t`, as SQL, with every column of `kept`. Between a new definition and
/// its population the table has the former definition. Then NULL stands for missing columns, and for columns
/// that a rule keeps as text while they still have numbers.
struct VisibleRows {
  std::string from;  ///< SQL after FROM.
  std::string live;  ///< Condition on live rows; empty: all are live.
  bool has_key = true;
  std::vector<std::string> common;  ///< Columns of `kept` that the table has, too.
};

/// `columns`: the table's. `schema`: prefix of its name, "main." or nothing.
VisibleRows FindVisibleRows(const TableSchema& kept, const DeclaredColumns& columns, std::string_view schema);

std::string CreateVersionsSql(const std::string& versions, const TableSchema& kept);
std::string CreateVersionsIndexSql(const std::string& versions, const TableSchema& kept);

/// Stores the rows that a batch, which the connection shows, will change; ?1 is the moment. `compares`: skips
/// rows that will not change; else stores all of them.
std::string KeepOldSql(const std::string& versions, const TableSchema& kept, const ChangeBatch& batch,
                       bool compares);
/// Removes versions from number ?1 on that equal the present rows.
std::string ForgetSameSql(const std::string& versions, const TableSchema& kept);

/// Stores rows that `shadow` lacks or changes, or whose new columns get a value from it;
/// ?1 is the moment.
std::string KeepDifferenceSql(const std::string& versions, const TableSchema& kept,
                              const VisibleRows& visible, const std::string& shadow);
/// Stores the keys that only `shadow` has.
std::string KeepNewSql(const std::string& versions, const TableSchema& kept, const VisibleRows& visible,
                       const std::string& shadow);

/// Selects the present rows.
std::string LiveRowsSql(const TableSchema& kept, const VisibleRows& visible);
/// Selects the rows as of a moment; `place` is the moment in SQL.
std::string AsOfSql(const std::string& versions, const TableSchema& kept, const VisibleRows& visible,
                    std::string_view place);
/// Creates the view of all versions, with the present ones.
std::string CreateViewSql(const std::string& view, const std::string& versions, const TableSchema& kept,
                          const VisibleRows& visible);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_SQLITE_ROWS_VERSION_SQL_H_
