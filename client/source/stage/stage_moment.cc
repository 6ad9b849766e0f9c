#include "client/source/stage/stage_moment.h"

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
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
      const absl::StatusOr<bool> there = select_->Step();
      if (!there.ok()) return there.status();
      if (!*there) {
        select_.reset();
        ++kind_;
        continue;
      }
      absl::StatusOr<Row> row = RowAt(*select_);
      if (!row.ok()) return row.status();
      some.push_back(*std::move(row));
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
    if (absl::Status begun = reading_->Execute("BEGIN", kReadingMoment); !begun.ok()) return begun;
    // By its first look the transaction is of a moment.
    const absl::StatusOr<std::int64_t> place = ReadPlace(*reading_);
    if (place.ok()) place_ = *place;
    return place.status();
  }

  absl::StatusOr<std::int64_t> Place() override { return place_; }
  absl::StatusOr<std::vector<StagedTable>> Tables() override { return ReadStagedTables(*reading_); }
  absl::StatusOr<bool> HasRowsBehind(std::int64_t table, std::int64_t from) override {
    const absl::StatusOr<StagedTable> known = Known(table);
    if (!known.ok()) return known.status();
    if (known->truncated_lsn > from) return true;
    const absl::StatusOr<std::int64_t> has = reading_->Number(
        absl::StrCat("SELECT EXISTS (SELECT 1 FROM ", NetName(table), " WHERE lsn > ", from, ")"),
        kReadingMoment);
    if (!has.ok()) return has.status();
    return *has != 0;
  }
  absl::StatusOr<std::unique_ptr<StagedRows>> RowsBehind(std::int64_t table, std::int64_t from) override {
    if (absl::Status staged = CheckStagedFrom(*reading_, table, from); !staged.ok()) return staged;
    return std::make_unique<HeldRows>(reading_, table, from, place_);
  }
  absl::StatusOr<std::vector<StagedRows::Row>> RowsOf(std::int64_t table,
                                                      const std::vector<StagedKey>& keys) override {
    const absl::StatusOr<StagedTable> known = Known(table);
    if (!known.ok()) return known.status();
    return ReadRowsOf(*reading_, table, keys);
  }

 private:
  absl::StatusOr<StagedTable> Known(std::int64_t table) const {
    absl::StatusOr<std::optional<StagedTable>> known = ReadStagedTable(*reading_, table);
    if (!known.ok()) return known.status();
    if (*known) return **std::move(known);
    return absl::NotFoundError(absl::StrCat("table ", table, " is not staged"));
  }

  const StageFile::Reading reading_;
  std::int64_t place_ = 0;
};

}  // namespace

absl::StatusOr<std::shared_ptr<StageView>> HoldStage(StageFile::Reading reading) {
  auto held = std::make_shared<HeldStage>(std::move(reading));
  if (absl::Status begun = held->Begin(); !begun.ok()) return begun;
  return std::shared_ptr<StageView>(std::move(held));
}

}  // namespace mirror
