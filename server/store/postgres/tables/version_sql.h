#ifndef MIRROR_SERVER_STORE_POSTGRES_TABLES_VERSION_SQL_H_
#define MIRROR_SERVER_STORE_POSTGRES_TABLES_VERSION_SQL_H_

#include <cstddef>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "proto/wire/batch.h"
#include "proto/wire/table.h"
#include "server/store/postgres/rows/any_kinds.h"

// The SQL for closed versions of rows. A relation of versions has the columns of the mirrored table with the
// same types, kKindsColumn if the table has it, and the two columns below.

namespace mirror {

/// The moment in which the version ended.
inline constexpr char kVersionUntil[] = "_mirror_until";
/// 1: the row existed until then. 0: no row existed, and the version has only the key.
inline constexpr char kVersionWas[] = "_mirror_was";

/// The present rows. Their table may still have the previous definition.
struct PostgresVisible {
  std::set<std::string> columns;  ///< Folded names of the columns that are as in the history; the others are
                                  ///< NULL.
  std::string live;               ///< LiveRows() for alias t, by the marks that the table has.
  bool is_whole = false;          ///< All columns are as in the history.

  std::string and_live() const { return live.empty() ? live : " AND " + live; }
};

/// How versions of a batch's rows are kept.
struct KeepAs {
  bool compares = true;  ///< Rows that do not change get no version.
  /// No key of the batch has a version of this moment. So the INSERT needs no ON CONFLICT, which costs more.
  bool is_first = false;
};

/// Names are given as written in SQL. All arguments must outlive this object.
class VersionSql {
 public:
  /// `kinds`: of the table's rows.
  VersionSql(std::string table, std::string versions, const TableSchema& kept, const PostgresKinds& kinds)
      : table_(std::move(table)), versions_(std::move(versions)), kept_(kept), kinds_(kinds) {}

  /// Returns SQL that makes the relation. `name`: its name without quotes and schema; the names of its
  /// indexes begin with it.
  std::string Create(std::string_view name) const;

  // For rows of a batch. `from`: the FROM item b with its columns c0, c1, … and kinds. `moment`: the number
  // of the parameter with the moment.
  /// Returns SQL that keeps versions of the rows that the batch is about to change.
  std::string KeepOld(const ChangeBatch& batch, const KeepAs& as, const std::string& from, int moment) const;
  /// Returns SQL that deletes versions of the moment that equal the present rows, for the keys of the batch.
  std::string ForgetSame(const ChangeBatch& batch, const std::string& from, int moment) const;

  // For the time before `shadow` replaces the rows. `coming`: the kinds of the shadow. $1 is the moment.
  /// Returns SQL that keeps rows that the shadow lacks or has with other values. Also keeps rows to which it
  /// gives a value in a new column.
  std::string KeepDifference(const PostgresVisible& visible, const std::string& shadow,
                             const PostgresKinds& coming) const;
  /// Returns SQL that keeps the keys that only the shadow has.
  std::string KeepNew(const PostgresVisible& visible, const std::string& shadow) const;
  /// Returns SQL that selects `select` (SQL over v) from the versions of moment $1, and what the swap does to
  /// each row: 1 insert, 2 update, 3 delete.
  std::string Kept(const std::string& select, const std::string& shadow) const;

  /// Returns SQL in parentheses for the rows as of a moment, with the table's columns. `place`: the moment,
  /// as SQL.
  std::string AsOf(const PostgresVisible& visible, std::string_view place) const;
  /// Returns SQL for the columns of the present rows, for alias t.
  std::string LiveColumns(const PostgresVisible& visible) const;
  std::string CreateView(const std::string& view, const PostgresVisible& visible,
                         const std::string& journal) const;

 private:
  std::string SameKey(std::string_view a, std::string_view b) const;
  std::string SameKeyAsBatch(const ChangeBatch& batch, std::string_view a) const;
  std::string Key(std::string_view alias) const;
  std::string Into(const std::string& columns) const;

  const std::string table_, versions_;
  const TableSchema& kept_;
  const PostgresKinds& kinds_;
};

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_POSTGRES_TABLES_VERSION_SQL_H_
