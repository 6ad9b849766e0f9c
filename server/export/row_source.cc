#include "server/export/row_source.h"

#include <numeric>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"

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
  if (absl::Status status = CheckWish(wish); !status.ok()) return status;
  if (wish.history || !wish.as_of.empty()) {
    return absl::UnimplementedError(
        absl::StrCat("this server keeps no history of table '", wish.table,
                     "': there are only its rows as they are. Nothing was read. Export without --history "
                     "and --as-of."));
  }
  absl::StatusOr<CommittedReading> reading = readings.ReadCommitted(wish.table, ReadingKind::kExport);
  if (!reading.ok()) return reading.status();
  return std::make_unique<PresentRows>(*std::move(reading));
}

}  // namespace mirror
