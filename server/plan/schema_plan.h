#ifndef MIRROR_SERVER_PLAN_SCHEMA_PLAN_H_
#define MIRROR_SERVER_PLAN_SCHEMA_PLAN_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
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

/// What becomes of one table. A pure function of its arguments.
struct TablePlan {
  SchemaAction action = SchemaAction::kUnchanged;
  std::string reason;
  /// The mirror's file holds values under other rules than those of now.
  bool rules_changed = false;
  /// Somebody else than the source changed what the mirror has, and that is why it is populated.
  bool by_hand = false;
  /// Absent when nothing has to be written.
  std::optional<Step> step;
};

/// `record` and `agreed`: what the mirror has; either may be absent (a metadata row that somebody deleted).
/// `lost`: StoreRecords::ReadLostColumns(). `announced`: what the source has now, checked. `hash`:
/// SchemaHash(announced). `rules_pending`: rules changed since the mirror's file was last rewritten.
/// `touched`: what somebody did to the mirror's table by hand; null: nothing.
TablePlan PlanTable(const std::optional<TableRecord>& record, const std::optional<TableSchema>& agreed,
                    const std::vector<std::string>& lost, const TableSchema& announced,
                    const std::string& hash, bool rules_pending = false,
                    const TouchedTable* touched = nullptr);

/// For each column of `to`, the index in `from` of the column that it was; -1 for a new one. Ids decide where
/// both have them and are those of one table, names otherwise.
std::vector<int> MatchColumns(const TableSchema& from, const TableSchema& to);

/// What keeps the agreed table from becoming the announced one in place; empty when nothing does, and then
/// `changes` are the steps.
struct SchemaDifference {
  std::string repopulate_reason;
  AlterTable alter;
};
SchemaDifference Compare(const TableSchema& agreed, const TableSchema& announced);

/// A table that the source no longer lists.
Step PlanRetire(const std::optional<TableRecord>& record, const std::string& table, std::int64_t now_ms);

struct RefitPlan {
  std::string refusal;  ///< Why it cannot be done, and what to do; empty: it can, by `action`.
  RefitTable action;
};

/// How a table that keeps the partner's rows and columns gets the announced definition in place, before it is
/// populated; an ordinary table would be swapped instead. Until the population the source's columns keep
/// their old values where there were any. A pure function.
RefitPlan PlanRefit(const TableSchema& agreed, const TableSchema& announced);

}  // namespace mirror

#endif  // MIRROR_SERVER_PLAN_SCHEMA_PLAN_H_
