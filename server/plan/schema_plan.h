#ifndef MIRROR_SERVER_PLAN_SCHEMA_PLAN_H_
#define MIRROR_SERVER_PLAN_SCHEMA_PLAN_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "proto/wire/table.h"
#include "server/plan/plan.h"

namespace mirror {

/// The numbers of TableAction in mirror_client.proto.
enum class SchemaAction : std::uint8_t {
  kUnchanged = 1,
  kCreated = 2,
  kAltered = 3,
  kRepopulate = 4,
  kRefused = 5,
  kHeld = 6,
};

/// The decision on one announced table. A pure function of its arguments.
struct TablePlan {
  SchemaAction action = SchemaAction::kUnchanged;
  std::string reason;
  /// The mirror's file has values that were written under former column rules.
  bool rules_changed = false;
  /// Somebody other than the source changed the mirror's data. So the table is populated.
  bool by_hand = false;
  /// Absent: nothing has to be written.
  std::optional<Step> step;
};

/// Plans one announced table. `record` and `agreed`: the mirror's metadata row and definition. Either may be
/// absent, as when somebody deleted the metadata row. `lost`: StoreRecords::ReadLostColumns(). `announced`:
/// the source's definition, checked. `hash`: SchemaHash(announced). `rules_pending`: column rules changed
/// since the file was last rewritten. `touched`: a change of the mirror's table by hand; null: none.
TablePlan PlanTable(const std::optional<TableRecord>& record, const std::optional<TableSchema>& agreed,
                    const std::vector<std::string>& lost, const TableSchema& announced,
                    const std::string& hash, bool rules_pending = false,
                    const TouchedTable* touched = nullptr);

/// Returns, for each column of `to`, the index in `from` of the same column; -1: a new column. Compares ids
/// if the ids of both definitions come from the same table, otherwise names.
std::vector<int> MatchColumns(const TableSchema& from, const TableSchema& to);

/// The difference of two definitions. `repopulate_reason`: why the agreed table cannot get the announced
/// definition in place. Empty: the changes in `alter` do it.
struct SchemaDifference {
  std::string repopulate_reason;
  AlterTable alter;
};
SchemaDifference Compare(const TableSchema& agreed, const TableSchema& announced);

/// Plans the step for a table that the source no longer lists.
Step PlanRetire(const std::optional<TableRecord>& record, const std::string& table, std::int64_t now_ms);

struct RefitPlan {
  std::string refusal;  ///< Why it is impossible, and what to do; empty: `action` makes the change.
  RefitTable action;
};

/// Plans how a table that keeps the partner's rows and columns gets the announced definition, in place,
/// before its population. (An ordinary table would be swapped.) Until the population, columns of the source
/// keep their old values, if any. Pure.
RefitPlan PlanRefit(const TableSchema& agreed, const TableSchema& announced);

}  // namespace mirror

#endif  // MIRROR_SERVER_PLAN_SCHEMA_PLAN_H_
