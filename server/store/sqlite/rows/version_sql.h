#ifndef MIRROR_SERVER_STORE_SQLITE_ROWS_VERSION_SQL_H_
#define MIRROR_SERVER_STORE_SQLITE_ROWS_VERSION_SQL_H_

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "proto/wire/batch.h"
#include "proto/wire/table.h"

// The SQL of closed versions of rows. `versions` is the table that holds them: the columns of the mirrored
// table, declared as there, so that its index is used, and what stands below.

namespace mirror {

inline constexpr char kVersionNumber[] = "_mirror_number";
/// The moment that ended the version.
inline constexpr char kVersionUntil[] = "_mirror_until";
/// 1: this row stood until then; 0: none did, and only the key is there.
inline constexpr char kVersionWas[] = "_mirror_was";

/// Columns of a table: folded names, and how each is declared.
using DeclaredColumns = std::map<std::string, std::string>;

/// Rows of the visible table as `t`, as SQL; it has every column of `kept`. Between a definition and the
/// population behind it the table is of the former one: NULL stands for columns that are missing, and for
/// those that a rule keeps as text and that have numbers yet.
struct VisibleRows {
  std::string from;  ///< Behind FROM.
  std::string live;  ///< Which of them are live; empty: all.
  bool has_key = true;
  std::vector<std::string> common;  ///< Columns of `kept` that the table has, too.
};

/// `columns`: the table's. `schema`: what stands before its name, "main." or nothing.
VisibleRows FindVisibleRows(const TableSchema& kept, const DeclaredColumns& columns, std::string_view schema);

std::string CreateVersionsSql(const std::string& versions, const TableSchema& kept);
std::string CreateVersionsIndexSql(const std::string& versions, const TableSchema& kept);

/// Keeps what a batch, which the connection shows, is about to change; ?1 is the moment. `compares`: rows
/// that stay as they are get no version; else all of them do.
std::string KeepOldSql(const std::string& versions, const TableSchema& kept, const ChangeBatch& batch,
                       bool compares);
/// Removes those from number ?1 on that are as the rows.
std::string ForgetSameSql(const std::string& versions, const TableSchema& kept);

/// Keeps rows that `shadow` lacks or has otherwise, or that it gives a value in a column that comes; ?1 is
/// the moment.
std::string KeepDifferenceSql(const std::string& versions, const TableSchema& kept,
                              const VisibleRows& visible, const std::string& shadow);
/// Keys that `shadow` alone has.
std::string KeepNewSql(const std::string& versions, const TableSchema& kept, const VisibleRows& visible,
                       const std::string& shadow);

/// The rows as they are.
std::string LiveRowsSql(const TableSchema& kept, const VisibleRows& visible);
/// The rows as of the moment that `place` is in SQL.
std::string AsOfSql(const std::string& versions, const TableSchema& kept, const VisibleRows& visible,
                    std::string_view place);
/// The view of all versions, the present ones too.
std::string CreateViewSql(const std::string& view, const std::string& versions, const TableSchema& kept,
                          const VisibleRows& visible);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_SQLITE_ROWS_VERSION_SQL_H_
