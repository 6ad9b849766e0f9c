#ifndef MIRROR_SERVER_STORE_SQLITE_ROWS_VERSION_SQL_H_
#define MIRROR_SERVER_STORE_SQLITE_ROWS_VERSION_SQL_H_

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "proto/wire/batch.h"
#include "proto/wire/table.h"

// The SQL of closed versions of rows. `versions` is the table that has them. It has the columns of the
// mirrored table, with the same declarations so that its index is used, and the columns below.

namespace mirror {

inline constexpr char kVersionNumber[] = "_mirror_number";
/// The moment in which the version ended.
inline constexpr char kVersionUntil[] = "_mirror_until";
/// 1: the row existed until then. 0: no row existed, and the version has only the key.
inline constexpr char kVersionWas[] = "_mirror_was";

/// The columns of a table: folded name and declaration.
using DeclaredColumns = std::map<std::string, std::string>;

/// SQL for the rows of the visible table, named `t`, with every column of `kept`. Between a new definition
/// and its population the table still has the former definition. Then the SQL gives NULL for missing columns.
/// It also gives NULL for columns that a rule keeps as text, but that still have numbers.
struct VisibleRows {
  std::string from;  ///< SQL after FROM.
  std::string live;  ///< Condition for live rows; empty: all rows are live.
  bool has_key = true;
  std::vector<std::string> common;  ///< Columns that both `kept` and the table have.
};

/// `columns`: the columns of the table. `schema`: a prefix of its name, "main." or empty.
VisibleRows FindVisibleRows(const TableSchema& kept, const DeclaredColumns& columns, std::string_view schema);

std::string CreateVersionsSql(const std::string& versions, const TableSchema& kept);
std::string CreateVersionsIndexSql(const std::string& versions, const TableSchema& kept);

/// Returns SQL that stores the present form of the rows that a batch will change. The connection shows the
/// batch, and ?1 is the moment. `compares`: skips rows that will not change; otherwise stores all of them.
std::string KeepOldSql(const std::string& versions, const TableSchema& kept, const ChangeBatch& batch,
                       bool compares);
/// Returns SQL that removes versions with numbers from ?1 on that equal the present rows.
std::string ForgetSameSql(const std::string& versions, const TableSchema& kept);

/// Returns SQL that stores the rows that `shadow` lacks or changes, and the rows whose new columns get a
/// value from it. ?1 is the moment.
std::string KeepDifferenceSql(const std::string& versions, const TableSchema& kept,
                              const VisibleRows& visible, const std::string& shadow);
/// Returns SQL that stores the keys that only `shadow` has.
std::string KeepNewSql(const std::string& versions, const TableSchema& kept, const VisibleRows& visible,
                       const std::string& shadow);

/// Returns SQL that selects the present rows.
std::string LiveRowsSql(const TableSchema& kept, const VisibleRows& visible);
/// Returns SQL that selects the rows as of a moment. `place`: the moment, as SQL.
std::string AsOfSql(const std::string& versions, const TableSchema& kept, const VisibleRows& visible,
                    std::string_view place);
/// Returns SQL that creates the view of all versions, including the present ones.
std::string CreateViewSql(const std::string& view, const std::string& versions, const TableSchema& kept,
                          const VisibleRows& visible);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_SQLITE_ROWS_VERSION_SQL_H_
