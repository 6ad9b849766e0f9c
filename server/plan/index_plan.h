#ifndef MIRROR_SERVER_PLAN_INDEX_PLAN_H_
#define MIRROR_SERVER_PLAN_INDEX_PLAN_H_

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "proto/wire/source_objects.h"
#include "proto/wire/table.h"
#include "server/plan/plan.h"
#include "server/plan/tenant_rules.h"

// Plans for the indexes and foreign keys that a source announces. Pure functions.

namespace mirror {

/// The objects that a source announces for a table; absent: the source does not send them.
struct ToldObjects {
  std::string table;
  std::optional<SourceObjects> objects;
};
/// Returns the changes after which the mirror has stored exactly the announced objects. `untouched`: folded
/// names of tables whose stored objects stay unchanged.
std::vector<ObjectsChange> PlanObjects(const std::vector<KeptObjects>& kept,
                                       const std::vector<ToldObjects>& told,
                                       const std::vector<std::string>& untouched);

/// A table of the mirror, as PlanFollow() needs it.
struct FollowedTable {
  TableSchema kept;                      ///< See KeptForm.
  std::optional<SourceObjects> objects;  ///< Absent: the source sent none; indexes made from an earlier list
                                         ///< stay.
  bool populated = false;                ///< The table has its rows, and they have the form `kept`.
  std::vector<SourceIndex> configured = {};
};
/// Returns the changes after which the mirror has exactly the indexes that `tables` call for. Drops come
/// first. `there`: all indexes that the mirror made. `follows`: whether to make the source's indexes.
std::vector<IndexChange> PlanFollow(const std::vector<FollowedTable>& tables,
                                    const std::vector<OwnIndex>& there, bool follows);

/// Returns the name of an index that the mirror makes, at most 63 bytes. Different definitions get different
/// names. Two indexes with the same definition may get the same name; then the mirror makes only one.
std::string OwnIndexName(const TableSchema& kept, const SourceIndex& index,
                         const std::string& prefix = kOwnIndexPrefix);

/// Returns texts for people about configured indexes that match nothing in `tables`: neither a table, nor all
/// columns of one.
std::vector<std::string> IdleIndexes(const std::vector<ConfiguredIndex>& configured,
                                     const std::vector<FollowedTable>& tables);

/// Writes an index's columns as SQL of the mirror's store: StoreRecords::IndexTermsOf.
using IndexWriter =
    std::function<std::string(const TableSchema& kept, const std::vector<IndexColumn>& columns)>;
/// Returns the source's indexes and keys as SQL for the mirror's table: lines of statements and comments. If
/// `objects` is absent, a line says that the source sent none.
std::vector<std::string> IndexLines(const TableSchema& kept, const std::optional<SourceObjects>& objects,
                                    const IndexWriter& terms);
/// Returns the state of each of the table's configured indexes as an SQL comment. `there`: see PlanFollow().
std::vector<std::string> ConfiguredLines(const FollowedTable& table, const std::vector<OwnIndex>& there,
                                         const IndexWriter& terms);

}  // namespace mirror

#endif  // MIRROR_SERVER_PLAN_INDEX_PLAN_H_
