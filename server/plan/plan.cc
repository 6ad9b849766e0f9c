#include "server/plan/plan.h"

#include <algorithm>
#include <variant>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace mirror {

std::string_view ToString(TableState state) {
  switch (state) {
    case TableState::kPopulating:
      return "populating";
    case TableState::kRepopulate:
      return "repopulate";
    case TableState::kStopped:
      return "stopped";
    default:
      return "mirrored";
  }
}

std::string_view ToString(Door door) { return door == Door::kRecords ? "records" : "cycles"; }

std::string_view ToString(HoldKind kind) {
  switch (kind) {
    case HoldKind::kDeletes:
      return "deletes";
    case HoldKind::kPopulation:
      return "population";
    case HoldKind::kTables:
      return "tables";
    case HoldKind::kSource:
      return "source";
  }
  return "";
}

std::string_view ToString(HoldState state) {
  switch (state) {
    case HoldState::kWaiting:
      return "waiting";
    case HoldState::kCommit:
      return "commit";
    case HoldState::kRollback:
      return "rollback";
  }
  return "";
}

std::string IndexTerms(const std::vector<IndexColumn>& columns) {
  return absl::StrJoin(columns, ", ", [](std::string* out, const IndexColumn& column) {
    absl::StrAppend(out, QuoteName(column.name),
                    column.collation == Collation::kNocase  ? " COLLATE NOCASE"
                    : column.collation == Collation::kRtrim ? " COLLATE RTRIM"
                                                            : "",
                    column.descending ? " DESC" : "");
  });
}

std::uint32_t LargestBatch(const Plan& plan) {
  std::uint32_t rows = 0;
  for (const Step& step : plan.steps) {
    for (const Action& action : step.actions) {
      if (const auto* const apply = std::get_if<ApplyRows>(&action))
        rows = std::max(rows, apply->batch->row_count);
    }
  }
  return rows;
}

}  // namespace mirror
