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

// The SQL for closed versions of rows. A relation of versions has the columns of the mirrored table, with the
// same types, kKindsColumn if the table has it, and the two columns below.

namespace mirror {

/// The moment that ended the version.
inline constexpr char kVersionUntil[] = "_mirror_until";
/// 1: this row existed until then; 0: no row existed, and only the key is stored.
inline constexpr char kVersionWas[] = "_mirror_was";

/// The present rows, which may still have the previous definition.
struct PostgresVisible {
  std::set<std::string> columns;  ///< Folded names of those equal to the history's; others are NULL.
  std::string live;               ///< LiveRows() for an alias t, by the marks that exist.
  bool is_whole = false;          ///< Everything is as in the history.

  std::string and_live() const { return live.empty() ? live : " AND " + live; }
};

/// How versions of a batch's rows are kept.
struct KeepAs {
  bool compares = true;  ///< Rows that do not change get no version.
  /// No key of the batch has a version of the moment: the INSERT needs no ON CONFLICT, which costs more.
  bool is_first = false;
};

/// Names as they stand in SQL. All arguments must outlive this object.
class VersionSql {
 public:
  /// `kinds`: of the table's rows.
  VersionSql(std::string table, std::string versions, const TableSchema& kept, const PostgresKinds& kinds)
      : table_(std::move(table)), versions_(std::move(versions)), kept_(kept), kinds_(kinds) {}

  /// `name`: of the relation, without quotes and schema; its indexes' names begin with it.
  std::string Create(std::string_view name) const;

  // Over rows of a batch: `from` is b, with its columns c0, c1, … and kinds. $`moment` is the moment.
  /// Keeps versions of the rows that the batch is about to change.
  std::string KeepOld(const ChangeBatch& batch, const KeepAs& as, const std::string& from, int moment) const;
  /// Deletes versions of the moment, for the batch's keys, that equal the present rows.
  std::string ForgetSame(const ChangeBatch& batch, const std::string& from, int moment) const;

  // Before `shadow`, whose kinds are `coming`, replaces the rows; $1 is the moment.
  /// Keeps rows that the shadow lacks or has with other values, or to which it gives a value in a new column.
  std::string KeepDifference(const PostgresVisible& visible, const std::string& shadow,
                             const PostgresKinds& coming) const;
  /// Keeps the keys that only the shadow has.
  std::string KeepNew(const PostgresVisible& visible, const std::string& shadow) const;
  /// Selects `select` (SQL over v) of moment $1's versions; what the swap does: 1 insert, 2 update, 3 delete.
  std::string Kept(const std::string& select, const std::string& shadow) const;

  /// In parentheses: the rows as of the moment that `place` is in SQL, with the table's columns.
  std::string AsOf(const PostgresVisible& visible, std::string_view place) const;
  /// The present rows, for an alias t.
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
