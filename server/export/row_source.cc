#include "server/export/row_source.h"

#include <numeric>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "server/export/version_rows.h"
#include "server/tenant/history/as_of.h"
#include "server/tenant/history/row_calls.h"

namespace mirror {
namespace {

/// A table as it is committed last.
class PresentRows final : public RowSource {
 public:
  explicit PresentRows(CommittedReading reading) : reading_(std::move(reading)) {
    form_.table = reading_.kept;
    form_.position = reading_.record.position;
    form_.schema_hash = reading_.record.schema_hash;
    form_.rows = reading_.record.row_count;
    form_.moment = LastMoment(reading_);
  }

  const RowsForm& form() const override { return form_; }
  absl::Status Read(std::size_t block_bytes, const GoOn& go_on, const TakeRows& take) override {
    std::vector<std::uint32_t> columns(form_.table.columns.size());
    std::iota(columns.begin(), columns.end(), 0U);
    return reading_.snapshot->ReadRows(form_.table, columns, {}, block_bytes, go_on, take);
  }

 private:
  CommittedReading reading_;
  RowsForm form_;
};

/// A table as one of its former commits left it.
class FormerRows final : public RowSource {
 public:
  FormerRows(CommittedReading reading, TableHistory history, const FoundMoment& found)
      : reading_(std::move(reading)), history_(std::move(history)), moment_(found.moment) {
    form_.table = history_.schema;
    for (Column& column : form_.table.columns) column.nullable = column.key_position == 0;
    form_.schema_hash = reading_.record.schema_hash;
    form_.moment = moment_;
    if (!found.commit.commit) return;
    form_.position = found.commit.commit->position;
    form_.rows = found.commit.commit->row_count;
  }

  const RowsForm& form() const override { return form_; }
  absl::Status Read(std::size_t block_bytes, const GoOn& go_on, const TakeRows& take) override {
    std::vector<std::uint32_t> columns(form_.table.columns.size());
    std::iota(columns.begin(), columns.end(), 0U);
    return reading_.snapshot->versions().ReadRowsAsOf(history_, moment_, columns, {}, block_bytes, go_on,
                                                      take);
  }

 private:
  CommittedReading reading_;
  const TableHistory history_;
  const std::int64_t moment_;
  RowsForm form_;
};

absl::Status CheckWish(const RowsWish& wish) {
  if (wish.history && !wish.as_of.empty()) {
    return absl::InvalidArgumentError(
        "both 'history' and 'as_of' are set. Nothing was read. Ask for the history, or for one time.");
  }
  if (wish.as_of.size() > kAsOfBytesMax) {
    return absl::InvalidArgumentError(
        absl::StrCat("'as_of' is over ", kAsOfBytesMax, " bytes. Nothing was read. Give a time or an LSN."));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<RowSource>> OpenRows(Readings& readings, const RowsWish& wish) {
  RETURN_IF_ERROR(CheckWish(wish));
  absl::StatusOr<CommittedReading> reading = readings.ReadCommitted(wish.table, ReadingKind::kExport);
  if (!reading.ok()) return reading.status();
  if (wish.history || !wish.as_of.empty()) {
    ASSIGN_OR_RETURN(TableHistory history, FindTableHistory(*reading->snapshot, wish.table));
    if (wish.history) return MakeVersionRows(*std::move(reading), std::move(history));
    ASSIGN_OR_RETURN(const FoundMoment found, FindMoment(*reading->snapshot, history, wish.as_of));
    return std::make_unique<FormerRows>(*std::move(reading), std::move(history), found);
  }
  return std::make_unique<PresentRows>(*std::move(reading));
}

}  // namespace mirror
