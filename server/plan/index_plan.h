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

/// A table's present objects; absent: the source does not send them.
struct ToldObjects {
  std::string table;
  std::optional<SourceObjects> objects;
};
/// Returns the changes after which exactly the announced objects are stored. Tables in `untouched`, by folded
/// name, keep theirs.
std::vector<ObjectsChange> PlanObjects(const std::vector<KeptObjects>& kept,
                                       const std::vector<ToldObjects>& told,
                                       const std::vector<std::string>& untouched);

/// A table of the mirror, as PlanFollow() needs it.
struct FollowedTable {
  TableSchema kept;                      ///< See KeptForm.
  std::optional<SourceObjects> objects;  ///< Absent: not sent; indexes made from them stay unchanged.
  bool populated = false;                ///< It has its rows, in this form.
  std::vector<SourceIndex> configured = {};
};
/// Returns the changes that make the mirror's own indexes those of `tables`; drops come first. `there`: all
/// of its own. Without `follows`, the source's indexes are not wanted.
std::vector<IndexChange> PlanFollow(const std::vector<FollowedTable>& tables,
                                    const std::vector<OwnIndex>& there, bool follows);

/// Returns the mirror's own name for an index, in at most 63 bytes. Another definition gets another name. Two
/// indexes of one definition may get the same name, and are made once.
std::string OwnIndexName(const TableSchema& kept, const SourceIndex& index,
                         const std::string& prefix = kOwnIndexPrefix);

/// Returns texts for configured indexes that match no table, or no column of one, in `tables`.
std::vector<std::string> IdleIndexes(const std::vector<ConfiguredIndex>& configured,
                                     const std::vector<FollowedTable>& tables);

/// Writes columns of an index as SQL of the mirror's store: StoreRecords::IndexTermsOf.
using IndexWriter =
    std::function<std::string(const TableSchema& kept, const std::vector<IndexColumn>& columns)>;
/// Returns the source's indexes and keys as SQL for the mirror's table: lines of statements and comments. If
/// `objects` is absent, a line says that the source sent none.
std::vector<std::string> IndexLines(const TableSchema& kept, const std::optional<SourceObjects>& objects,
                                    const IndexWriter& terms);
/// Returns the state of the table's configured indexes, a comment each. `there`: as PlanFollow.
std::vector<std::string> ConfiguredLines(const FollowedTable& table, const std::vector<OwnIndex>& there,
                                         const IndexWriter& terms);

}  // namespace mirror

#endif  // MIRROR_SERVER_PLAN_INDEX_PLAN_H_
