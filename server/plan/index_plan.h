#ifndef MIRROR_SERVER_PLAN_INDEX_PLAN_H_
#define MIRROR_SERVER_PLAN_INDEX_PLAN_H_

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "proto/wire/source_objects.h"
#include "proto/wire/table.h"
#include "server/plan/plan.h"
#include "server/plan/tenant_rules.h"

// What comes of the indexes and foreign keys that a source announces. Pure functions.

namespace mirror {

/// What a table's objects are now; absent: the source does not tell.
struct ToldObjects {
  std::string table;
  std::optional<SourceObjects> objects;
};
/// The changes after which exactly the objects announced now are kept. Tables in `untouched`, by folded name,
/// stay as they are.
std::vector<ObjectsChange> PlanObjects(const std::vector<KeptObjects>& kept,
                                       const std::vector<ToldObjects>& told,
                                       const std::vector<std::string>& untouched);

/// A table of the mirror as follow sees it.
struct FollowedTable {
  TableSchema kept;                      ///< See KeptForm.
  std::optional<SourceObjects> objects;  ///< Absent: not told; indexes that follow them stay as they are.
  bool populated = false;                ///< Its rows are there, in this form.
  std::vector<SourceIndex> configured = {};
};
/// What makes and drops indexes of the mirror's own until they are those of `tables`; drops come first.
/// `there`: all of its own. Without `follows` there are to be none of the source's.
std::vector<IndexChange> PlanFollow(const std::vector<FollowedTable>& tables,
                                    const std::vector<OwnIndex>& there, bool follows);

/// What the mirror itself calls an index, in at most 63 bytes. Another definition has another name. Two of
/// one definition may have the same, and are made once.
std::string OwnIndexName(const TableSchema& kept, const SourceIndex& index,
                         const std::string& prefix = kOwnIndexPrefix);

/// Indexes of the configuration that mean a table or a column that `tables` do not have, in words.
std::vector<std::string> IdleIndexes(const std::vector<ConfiguredIndex>& configured,
                                     const std::vector<FollowedTable>& tables);

/// Columns of an index as SQL of the store that has the mirror: StoreRecords::IndexTermsOf.
using IndexWriter =
    std::function<std::string(const TableSchema& kept, const std::vector<IndexColumn>& columns)>;
/// What the source has, as SQL for the mirror of the table, line by line: statements and comments. `objects`
/// absent: that nothing was told.
std::vector<std::string> IndexLines(const TableSchema& kept, const std::optional<SourceObjects>& objects,
                                    const IndexWriter& terms);
/// What has become of the configuration's indexes of the table, a comment each. `there`: as PlanFollow.
std::vector<std::string> ConfiguredLines(const FollowedTable& table, const std::vector<OwnIndex>& there,
                                         const IndexWriter& terms);

}  // namespace mirror

#endif  // MIRROR_SERVER_PLAN_INDEX_PLAN_H_
