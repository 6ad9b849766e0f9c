#ifndef MIRROR_SERVER_STORE_POSTGRES_TABLES_VERSION_SQL_H_
#define MIRROR_SERVER_STORE_POSTGRES_TABLES_VERSION_SQL_H_

#include <cstddef>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "proto/wire/batch.h"
#include "proto/wire/table.h"
#include "server/store/postgres/rows/any_kinds.h"

// The SQL of closed versions of rows. A relation of versions has the columns of the mirrored table, of the
// same types, with kKindsColumn where that has it, and what stands below.

namespace mirror {

/// The moment that ended the version.
inline constexpr char kVersionUntil[] = "_mirror_until";
/// 1: this row stood until then; 0: none did, and only the key is there.
inline constexpr char kVersionWas[] = "_mirror_was";

/// The rows that stand, which may still be those of the definition before.
struct PostgresVisible {
  std::set<std::string> columns;  ///< Folded names of those that are as in the history; others are NULL.
  std::string live;               ///< LiveRows() for an alias t: they are marked as they came.
  bool is_whole = false;          ///< All is as in the history.

  std::string and_live() const { return live.empty() ? live : " AND " + live; }
};

/// How rows of a batch are kept.
struct KeepAs {
  bool compares = true;  ///< Rows that stay as they are get no version.
  /// No key of the batch has a version of the moment: to ask for each of them costs more than to keep it.
  bool is_first = false;
};

/// Names as they stand in SQL. All of it outlives this.
class VersionSql {
 public:
  /// `kinds`: of the table's rows.
  VersionSql(std::string table, std::string versions, const TableSchema& kept, const PostgresKinds& kinds)
      : table_(std::move(table)), versions_(std::move(versions)), kept_(kept), kinds_(kinds) {}

  /// `name`: of the relation, without quotes and schema; its indexes are called after it.
  std::string Create(std::string_view name) const;

  // Over rows of a batch: `from` is b, with its columns c0, c1, … and kinds. $`moment` is the moment.
  /// Keeps what the batch is about to change.
  std::string KeepOld(const ChangeBatch& batch, const KeepAs& as, const std::string& from, int moment) const;
  /// Of the moment and the batch's keys those that are as the rows go again.
  std::string ForgetSame(const ChangeBatch& batch, const std::string& from, int moment) const;

  // Before `shadow`, whose kinds are `coming`, takes the place of the rows; $1 is the moment.
  /// Rows that it lacks or has otherwise, or that it gives a value in a column that comes.
  std::string KeepDifference(const PostgresVisible& visible, const std::string& shadow,
                             const PostgresKinds& coming) const;
  /// Keys that it alone has.
  std::string KeepNew(const PostgresVisible& visible, const std::string& shadow) const;
  /// Keys of versions of moment $1, with `select` of v, and what the exchange does to their rows.
  std::string Kept(const std::string& select, const std::string& shadow) const;

  /// In parentheses: rows as of the moment that `place` is in SQL, as a table has them.
  std::string AsOf(const PostgresVisible& visible, std::string_view place) const;
  /// The rows that stand, for an alias t.
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
