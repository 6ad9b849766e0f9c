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
  /// The mirror's file has values under rules other than the present ones.
  bool rules_changed = false;
  /// Someone other than the source changed the mirror's data, and so the table is populated.
  bool by_hand = false;
  /// Absent when nothing has to be written.
  std::optional<Step> step;
};

/// Plans one announced table. `record` and `agreed`: the mirror's; either may be absent (a metadata row that
/// somebody deleted). `lost`: StoreRecords::ReadLostColumns(). `announced`: the source's, checked. `hash`:
/// SchemaHash(announced). `rules_pending`: rules changed since the file was last rewritten. `touched`:
/// a manual change of the mirror's table; null: none.
TablePlan PlanTable(const std::optional<TableRecord>& record, const std::optional<TableSchema>& agreed,
                    const std::vector<std::string>& lost, const TableSchema& announced,
                    const std::string& hash, bool rules_pending = false,
                    const TouchedTable* touched = nullptr);

/// Returns, for each column of `to`, the index in `from` of the same column; -1 for a new column. Compares
/// by id if both definitions have ids of the same table, otherwise by name.
std::vector<int> MatchColumns(const TableSchema& from, const TableSchema& to);

/// The difference of two definitions. `repopulate_reason`: why the agreed table cannot become the announced
/// one in place; empty: it can, by the steps in `alter`.
struct SchemaDifference {
  std::string repopulate_reason;
  AlterTable alter;
};
SchemaDifference Compare(const TableSchema& agreed, const TableSchema& announced);

/// Plans for a table that the source no longer lists.
Step PlanRetire(const std::optional<TableRecord>& record, const std::string& table, std::int64_t now_ms);

struct RefitPlan {
  std::string refusal;  ///< Why it is impossible, and what to do; empty: `action` does it.
  RefitTable action;
};

/// Plans how a table that keeps the partner's rows and columns gets the announced definition in place, before
/// its population; an ordinary table would be swapped instead. Until the population, columns of the source
/// keep their old values, if any. A pure function.
RefitPlan PlanRefit(const TableSchema& agreed, const TableSchema& announced);

}  // namespace mirror

#endif  // MIRROR_SERVER_PLAN_SCHEMA_PLAN_H_
