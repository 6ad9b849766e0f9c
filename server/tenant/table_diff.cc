#include "server/tenant/table_diff.h"

#include <cstdint>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "proto/wire/batch.h"
#include "proto/wire/json_rows.h"
#include "server/journal/row_states.h"
#include "server/store/exchanged_keys.h"
#include "server/tenant/row_calls.h"

namespace mirror {
namespace {

/// The row of one key in both states.
class TwoStates {
 public:
  TwoStates(const TableSchema& table, std::int64_t from, std::int64_t to)
      : table_(table), from_(from), to_(to) {}

  absl::Status Read(Snapshot& snapshot, const TableHistory& history, const Key& key) {
    before_.reset();
    after_.reset();
    return snapshot.versions().ReadVersions(
        history, key, [&](const RowVersion& version, RowBlock* row) -> absl::StatusOr<bool> {
          if (StoodAt(version.from, version.until, to_)) after_ = *row;
          if (StoodAt(version.from, version.until, from_)) before_ = *row;
          // Versions older than both states say nothing about either.
          return version.from > from_;
        });
  }

  /// Absent: the two are equal.
  std::optional<RowDifference> Compare(const JsonRows& json, Key key) {
    if (!before_ && !after_) return std::nullopt;
    RowDifference difference{.key = std::move(key)};
    std::optional<ChangeBatch> before, after;
    if (before_) before = ViewOf(table_, &*before_);
    if (after_) after = ViewOf(table_, &*after_);
    if (before && after) {
      for (const std::uint32_t column : DifferentColumns(*before, 0, *after, 0)) {
        difference.columns.push_back(table_.columns[column].name);
      }
      if (difference.columns.empty()) return std::nullopt;
    }
    if (before) json.Append(before->columns, 0, &difference.before.emplace());
    if (after) json.Append(after->columns, 0, &difference.after.emplace());
    return difference;
  }

 private:
  const TableSchema& table_;
  const std::int64_t from_, to_;
  std::optional<RowBlock> before_, after_;
};

}  // namespace

absl::StatusOr<DiffedMoments> FindMoments(Snapshot& snapshot, const std::string& table, std::string_view from,
                                          std::string_view to) {
  ASSIGN_OR_RETURN(TableHistory history, FindTableHistory(snapshot, table));
  ASSIGN_OR_RETURN(FoundMoment first, FindMoment(snapshot, history, from));
  ASSIGN_OR_RETURN(
      FoundMoment last,
      FindMoment(snapshot, history, to.empty() ? absl::StrCat("m:", kLastMoment) : std::string(to)));
  if (last.moment < first.moment) {
    return absl::InvalidArgumentError(absl::StrCat("moment ", last.moment, " is before moment ", first.moment,
                                                   ". Nothing was read. Give the earlier one first."));
  }
  return DiffedMoments{std::move(history), std::move(first), std::move(last)};
}

absl::Status DiffTable(Snapshot& snapshot, const DiffedMoments& moments, const GoOn& go_on,
                       const TakeDifference& take) {
  const TableSchema& table = moments.history.schema;
  const std::vector<std::uint32_t> all = table.AllColumns();
  const JsonRows json(table, all);
  TwoStates states(table, moments.from.moment, moments.to.moment);
  return snapshot.versions().ReadTouchedKeys(
      moments.history, moments.from.moment, moments.to.moment, go_on, [&](RowBlock* block) -> absl::Status {
        for (Key& key : KeysOf(table, block)) {
          if (!go_on()) return absl::CancelledError("the comparison was cancelled");
          RETURN_IF_ERROR(states.Read(snapshot, moments.history, key));
          std::optional<RowDifference> difference = states.Compare(json, std::move(key));
          if (!difference) continue;
          RETURN_IF_ERROR(take(*std::move(difference)));
        }
        return absl::OkStatus();
      });
}

}  // namespace mirror
