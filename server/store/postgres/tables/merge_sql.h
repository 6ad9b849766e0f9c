#ifndef MIRROR_SERVER_STORE_POSTGRES_TABLES_MERGE_SQL_H_
#define MIRROR_SERVER_STORE_POSTGRES_TABLES_MERGE_SQL_H_

#include <string>

#include "proto/wire/table.h"
#include "server/store/postgres/tables/shadow.h"
#include "server/store/postgres/tables/table_work.h"

// The statements that compare a population with its table, and make the table's rows those of the population.

namespace mirror {

/// Of both sides' columns; `kept` outlives it. Rows of a table without a key are all absent and all missing:
/// nobody can tell them apart.
class MergeSql {
 public:
  MergeSql(const TableWork& work, const TableSchema& kept, const PostgresShadow& shadow);

  /// Behind SELECT: live rows that the shadow lacks.
  std::string Absent() const;
  std::string DeleteAbsentAndChanged() const;
  std::string InsertMissing() const;

  // The same by one comparison, which is kept in a temporary table until the transaction ends: by where rows
  // stand, so that nothing may move them meanwhile.
  /// It has a key, and no columns of the mirror's own.
  bool can_be_noted() const;
  /// The temporary table.
  const std::string& noted() const { return noted_; }
  std::string NoteDifferences() const;
  std::string CountNotedAbsent() const;
  /// What DeleteNoted() and InsertNoted() change, if nobody is in the way.
  std::string CountNoted() const;
  std::string DeleteNoted() const;
  std::string InsertNoted() const;

  // Of a table that IGNOREs deletes.
  std::string GiveUpAbsent() const;
  std::string Upsert() const;

 private:
  void AddColumn(const std::string& plain, const Column& column);
  std::string Lacks(const std::string& same) const;
  std::string Insert() const;
  /// A trigger of somebody's may have kept the row, or put one there.
  std::string AndMissing() const;

  const TableSchema& kept_;
  const std::string table_, shadow_, noted_;
  std::string names_, values_, key_, same_key_, set_;
  std::string old_, new_, excluded_;  ///< Behind the key, as they are compared.
};

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_POSTGRES_TABLES_MERGE_SQL_H_
