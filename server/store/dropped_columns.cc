#include "server/store/dropped_columns.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "base/status_macros.h"
#include "proto/wire/batch.h"
#include "server/plan/schema_plan.h"

namespace mirror {
namespace {

/// Maximum bytes of values in one block that is read.
constexpr std::size_t kValueBlockBytes = 1 << 20;

void AddDropped(const AlterTable& alter, std::vector<std::string>* columns) {
  for (const auto& change : alter.changes) {
    if (const auto* const drop = std::get_if<DropColumn>(&change)) columns->push_back(drop->name);
  }
}

}  // namespace

std::vector<DroppedColumns> FindDropped(const std::vector<Step>& steps) {
  std::vector<DroppedColumns> all;
  for (std::size_t i = 0; i < steps.size(); ++i) {
    DroppedColumns dropped{.table = steps[i].table, .step = i};
    for (const Action& action : steps[i].actions) {
      if (const auto* const alter = std::get_if<AlterTable>(&action)) AddDropped(*alter, &dropped.columns);
      if (const auto* const refit = std::get_if<RefitTable>(&action))
        AddDropped(refit->alter, &dropped.columns);
    }
    if (!dropped.columns.empty()) all.push_back(std::move(dropped));
  }
  return all;
}

absl::StatusOr<std::vector<DroppedColumns>> FindPopulatedWithout(Snapshot& mirror,
                                                                 const std::vector<Step>& steps) {
  std::vector<DroppedColumns> all;
  for (std::size_t i = 0; i < steps.size(); ++i) {
    const Step& step = steps[i];
    if (!step.record || step.record->state != TableState::kRepopulate) continue;
    for (const Action& action : step.actions) {
      const auto* const announced = std::get_if<AgreeSchema>(&action);
      if (announced == nullptr) continue;
      ASSIGN_OR_RETURN(const std::optional<TableSchema> agreed, mirror.ReadSchema(step.table));
      if (!agreed) continue;
      const TableSchema before = KeptForm(*agreed);
      const std::vector<int> kept = MatchColumns(before, KeptForm(announced->schema));
      DroppedColumns dropped{.table = step.table, .step = i};
      for (int column = 0; column < static_cast<int>(before.columns.size()); ++column) {
        if (std::find(kept.begin(), kept.end(), column) != kept.end()) continue;
        dropped.columns.push_back(before.columns[static_cast<std::size_t>(column)].name);
      }
      if (!dropped.columns.empty()) all.push_back(std::move(dropped));
    }
  }
  return all;
}

absl::StatusOr<std::uint64_t> CountValues(Snapshot& mirror, const std::string& table,
                                          const std::vector<std::string>& columns, const GoOn& go_on) {
  ASSIGN_OR_RETURN(const std::optional<TableRecord> record, mirror.ReadTable(table));
  ASSIGN_OR_RETURN(const std::optional<TableSchema> agreed, mirror.ReadSchema(table));
  // Rows of an older definition lack the columns of `agreed`.
  if (!record || !agreed || record->state == TableState::kRepopulate) return 0;
  const TableSchema kept = KeptForm(*agreed);
  std::vector<std::uint32_t> places;
  for (const std::string& column : columns) {
    if (const std::optional<std::uint32_t> place = kept.Find(column)) places.push_back(*place);
  }
  if (places.empty()) return 0;
  std::uint64_t values = 0;
  RETURN_IF_ERROR(mirror.ReadRows(kept, places, {}, kValueBlockBytes, go_on, [&](RowBlock* block) {
    const ChangeBatch rows = ViewOf(kept, block);
    for (const ColumnView& column : rows.columns) {
      for (std::uint32_t row = 0; row < rows.row_count; ++row) values += column.IsNull(row) ? 0U : 1U;
    }
    return absl::OkStatus();
  }));
  return values;
}

}  // namespace mirror
