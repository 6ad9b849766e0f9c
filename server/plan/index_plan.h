#ifndef MIRROR_SERVER_PLAN_INDEX_PLAN_H_
#define MIRROR_SERVER_PLAN_INDEX_PLAN_H_

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "proto/wire/source_objects.h"
#include "proto/wire/table.h"
#include "server/plan/plan.h"

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
  std::optional<SourceObjects> objects;  ///< Absent: not told; indexes that were made stay.
  bool populated = false;                ///< Its rows are there, in this form.
};
/// What makes and drops indexes of the mirror's own until they are those of `tables`; drops come first.
/// `there`: all of its own. Without `follows` there are to be none.
std::vector<IndexChange> PlanFollow(const std::vector<FollowedTable>& tables,
                                    const std::vector<OwnIndex>& there, bool follows);

/// What the mirror itself calls a source's index, in at most 63 bytes. Another definition has another name.
/// Two of one definition may have the same, and are made once.
std::string OwnIndexName(const TableSchema& kept, const SourceIndex& index);

/// What the source has, as SQL for the mirror of the table, line by line: statements and comments. `objects`
/// absent: that nothing was told.
std::vector<std::string> IndexLines(const TableSchema& kept, const std::optional<SourceObjects>& objects);

}  // namespace mirror

#endif  // MIRROR_SERVER_PLAN_INDEX_PLAN_H_
