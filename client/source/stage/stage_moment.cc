#include "client/source/stage/stage_moment.h"

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "client/source/stage/stage_rows.h"

namespace mirror {
namespace {

constexpr char kReadingMoment[] = "reading rows";

/// Straight from the file, which stays as it is.
class HeldRows : public StagedRows {
 public:
  HeldRows(StageFile::Reading reading, std::int64_t table, std::int64_t from, std::int64_t place)
      : reading_(std::move(reading)), table_(table), from_(from), place_(place) {}

  absl::StatusOr<std::vector<Row>> Next(std::size_t count) override {
    std::vector<Row> some;
    while (some.size() < count && kind_ < std::size(kReadOrder)) {
      if (!select_) select_.emplace(Select(kReadOrder[kind_]));
      ASSIGN_OR_RETURN(const bool there, select_->Step());
      if (!there) {
        select_.reset();
        ++kind_;
        continue;
      }
      ASSIGN_OR_RETURN(Row row, RowAt(*select_));
      some.push_back(std::move(row));
    }
    return some;
  }

  std::int64_t place() const override { return place_; }

  absl::StatusOr<Counts> Count(std::int64_t behind) override {
    sqlite::Statement select =
        reading_->Prepare(absl::StrCat("SELECT kind, born > ?, count(*) FROM ", NetName(table_),
                                       " WHERE lsn > ", from_, " GROUP BY 1, 2"),
                          kReadingMoment);
    select.With(behind);
    return TakeCounts(std::move(select));
  }

 private:
  sqlite::Statement Select(StagedKind kind) const {
    return reading_->Prepare(
        absl::StrCat("SELECT key, ", kRowColumns, " FROM ", NetName(table_), " WHERE lsn > ", from_,
                     " AND kind = ", Quoted(kind), " ORDER BY lsn"),
        kReadingMoment);
  }

  const StageFile::Reading reading_;
  const std::int64_t table_, from_, place_;
  std::size_t kind_ = 0;                     ///< Of kReadOrder.
  std::optional<sqlite::Statement> select_;  ///< Of that kind; absent: it is not begun.
};

class HeldStage : public StageView {
 public:
  explicit HeldStage(StageFile::Reading reading) : reading_(std::move(reading)) {}

  absl::Status Begin() {
    RETURN_IF_ERROR(reading_->Execute("BEGIN", kReadingMoment));
    // By its first look the transaction is of a moment.
    const absl::StatusOr<std::int64_t> place = ReadPlace(*reading_);
    if (place.ok()) place_ = *place;
    return place.status();
  }

  absl::StatusOr<std::int64_t> Place() override { return place_; }
  absl::StatusOr<std::vector<StagedTable>> Tables() override { return ReadStagedTables(*reading_); }
  absl::StatusOr<bool> HasRowsBehind(std::int64_t table, std::int64_t from) override {
    ASSIGN_OR_RETURN(const StagedTable known, Known(table));
    if (known.truncated_lsn > from) return true;
    ASSIGN_OR_RETURN(const std::int64_t has,
                     reading_->Number(absl::StrCat("SELECT EXISTS (SELECT 1 FROM ", NetName(table),
                                                   " WHERE lsn > ", from, ")"),
                                      kReadingMoment));
    return has != 0;
  }
  absl::StatusOr<std::unique_ptr<StagedRows>> RowsBehind(std::int64_t table, std::int64_t from) override {
    RETURN_IF_ERROR(CheckStagedFrom(*reading_, table, from));
    return std::make_unique<HeldRows>(reading_, table, from, place_);
  }
  absl::StatusOr<std::vector<StagedRows::Row>> RowsOf(std::int64_t table,
                                                      const std::vector<StagedKey>& keys) override {
    ASSIGN_OR_RETURN(const StagedTable known, Known(table));
    return ReadRowsOf(*reading_, table, keys);
  }

 private:
  absl::StatusOr<StagedTable> Known(std::int64_t table) const {
    ASSIGN_OR_RETURN(std::optional<StagedTable> known, ReadStagedTable(*reading_, table));
    if (known) return *std::move(known);
    return absl::NotFoundError(absl::StrCat("table ", table, " is not staged"));
  }

  const StageFile::Reading reading_;
  std::int64_t place_ = 0;
};

}  // namespace

absl::StatusOr<std::shared_ptr<StageView>> HoldStage(StageFile::Reading reading) {
  auto held = std::make_shared<HeldStage>(std::move(reading));
  RETURN_IF_ERROR(held->Begin());
  return std::shared_ptr<StageView>(std::move(held));
}

}  // namespace mirror
