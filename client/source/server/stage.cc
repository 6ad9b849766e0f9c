#include "client/source/server/stage.h"

#include <sys/stat.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <iterator>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/mutex.h"
#include "base/status_macros.h"
#include "client/source/server/stage_file.h"
#include "client/source/server/stage_rows.h"
#include "client/source/server/stage_writer.h"

namespace mirror {
namespace {

constexpr char kReadingMoment[] = "reading rows";

/// Reads rows directly from the stage's file, which a transaction holds unchanged.
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
  std::size_t kind_ = 0;                     ///< Index in kReadOrder.
  std::optional<sqlite::Statement> select_;  ///< For that kind; absent: not begun.
};

class HeldStage : public StageView {
 public:
  explicit HeldStage(StageFile::Reading reading) : reading_(std::move(reading)) {}

  absl::Status Begin() {
    RETURN_IF_ERROR(reading_->Execute("BEGIN", kReadingMoment));
    // The first read fixes the moment of the transaction.
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
  absl::StatusOr<std::unique_ptr<StagedRows>> RowsAfter(std::int64_t table, std::int64_t from) override {
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

/// Begins a transaction for Stage::Hold(). It stays open on `reading` as long as the view, or rows of it,
/// exist.
absl::StatusOr<std::shared_ptr<StageView>> HoldStage(StageFile::Reading reading) {
  auto held = std::make_shared<HeldStage>(std::move(reading));
  RETURN_IF_ERROR(held->Begin());
  return std::shared_ptr<StageView>(std::move(held));
}

/// Interval of the check whether another process wrote a mark.
constexpr auto kLookForMark = std::chrono::milliseconds(50);
/// Measure() may spend at most this part of the time on counting rows: 1 / kCountingPart.
constexpr int kCountingPart = 50;
/// Transactions that are forgotten at once.
constexpr std::size_t kForgottenAtOnce = 100'000;

std::int64_t LengthOf(const std::string& path) {
  struct stat found = {};
  return stat(path.c_str(), &found) == 0 ? found.st_size : 0;
}

absl::StatusOr<std::optional<StageMark>> MarkOf(StagePlace& place, const std::string& condition,
                                                const std::string& bound = "") {
  ASSIGN_OR_RETURN(const StageFile::Reading reading, place.Read());
  return ReadMark(*reading, condition, bound);
}

/// Calls `take` in LSN order until it returns false.
absl::Status ForEachTransaction(StagePlace& place,
                                const std::function<bool(std::int64_t lsn, std::uint64_t xid)>& take) {
  ASSIGN_OR_RETURN(const StageFile::Reading reading, place.Read());
  sqlite::Statement select = reading->Prepare("SELECT lsn, xid FROM transactions ORDER BY lsn", "reading it");
  absl::StatusOr<bool> there = select.Step();
  while (there.ok() && *there && take(select.Int(0), static_cast<std::uint64_t>(select.Int(1))))
    there = select.Step();
  return there.status();
}

absl::StatusOr<std::optional<StagedTable>> Known(const sqlite::Connection& database, std::int64_t table) {
  absl::StatusOr<std::optional<StagedTable>> known = ReadStagedTable(database, table);
  if (!known.ok() || *known) return known;
  return absl::NotFoundError(absl::StrCat("table ", table, " is not staged"));
}

/// Reads a number about the table's rows after `from`. `emptied_counts`: returns 1 if the table was emptied
/// after `from`.
absl::StatusOr<std::int64_t> NumberBehind(StagePlace& place, const std::string& what, std::int64_t table,
                                          std::int64_t from, const std::string& end,
                                          bool emptied_counts = true) {
  ASSIGN_OR_RETURN(const StageFile::Reading reading, place.Read());
  ASSIGN_OR_RETURN(const std::optional<StagedTable> known, Known(*reading, table));
  if (emptied_counts && known->truncated_lsn > from) return 1;
  return (reading)->Number(absl::StrCat("SELECT ", what, " FROM ", NetName(table), " WHERE lsn > ", from, end,
                                        emptied_counts ? "" : ")"),
                           "reading rows");
}

absl::Status ForgetMarks(StageWriter& writer, const sqlite::Connection& database, std::int64_t before_ms,
                         std::int64_t lowest) {
  const std::string old = absl::StrCat(" FROM marks WHERE time_ms <= ", before_ms, " AND lsn < ", lowest,
                                       " AND lsn < (SELECT max(lsn) FROM marks)");
  const absl::StatusOr<std::int64_t> count =
      database.Number(absl::StrCat("SELECT count(*)", old), "reading marks");
  if (!count.ok() || *count == 0) return count.status();
  return writer.Write([&](const sqlite::Connection& writing) {
    return writing.Execute(absl::StrCat("DELETE", old), "writing marks");
  });
}

class SqliteStage final : public Stage {
 public:
  explicit SqliteStage(StageOptions options)
      : options_(std::move(options)), place_(options_.path), writer_(options_, place_, commits(), [this] {
          const MutexLock lock(waiting_);
          ++written_;
          has_written_.NotifyAll();
        }) {}

  absl::Status Begin(const LoggedTransaction& transaction) override { return writer_.Begin(transaction); }
  absl::Status Take(std::int64_t table, LoggedChange change) override {
    return writer_.Take(table, std::move(change));
  }
  absl::Status Truncate(std::int64_t table) override { return writer_.Empty(table, ""); }
  absl::Status GiveUp(std::int64_t table, const std::string& because) override {
    return writer_.Empty(table, because);
  }
  absl::Status Mark(const std::string& token, const std::string& position,
                    const std::string& fingerprint) override {
    return writer_.Mark({0, token, 0, position, fingerprint});
  }
  absl::Status Commit() override { return writer_.Commit(); }
  absl::StatusOr<std::int64_t> Flush() override { return writer_.Flush(); }
  std::size_t unwritten_bytes() const override { return writer_.unwritten_bytes(); }
  std::vector<StagedTable> TakeGivenUp() override { return writer_.TakeGivenUp(); }

  absl::StatusOr<StageSource> Source() override {
    ASSIGN_OR_RETURN(const StageFile::Reading reading, place_.Read());
    sqlite::Statement select =
        reading->Prepare("SELECT identity, source_id, timeline FROM stage", "reading it");
    RETURN_IF_ERROR(select.StepToRow());
    return StageSource{select.Text(0), select.Text(1), select.Int(2)};
  }

  absl::Status SetSource(const StageSource& source) override {
    ASSIGN_OR_RETURN(const StageSource former, Source());
    const bool same = former.identity == source.identity && former.timeline == source.timeline;
    if (same && former.source_id == source.source_id) return absl::OkStatus();
    return writer_.Write([&](const sqlite::Connection& database) {
      absl::Status done =
          same ? absl::OkStatus() : database.Execute("DELETE FROM transactions", "writing it");
      if (!done.ok()) return done;
      return database.Prepare("UPDATE stage SET identity = ?, source_id = ?, timeline = ?", "writing it")
          .With(source.identity, source.source_id, source.timeline)
          .Run();
    });
  }

  absl::StatusOr<std::int64_t> Place() override {
    ASSIGN_OR_RETURN(const StageFile::Reading reading, place_.Read());
    return ReadPlace(*reading);
  }
  absl::Status SetPlace(std::int64_t lsn) override { return writer_.SetPlace(lsn); }
  absl::Status Clear() override { return writer_.SetPlace(0, /*clears=*/true); }

  absl::StatusOr<std::optional<StageMark>> FindMark(const std::string& token) override {
    return MarkOf(place_, "WHERE token = ?", token);
  }
  absl::StatusOr<std::optional<StageMark>> LastMark() override {
    return MarkOf(place_, "ORDER BY lsn DESC LIMIT 1");
  }

  absl::StatusOr<std::optional<StageMark>> WaitForMark(const std::string& token,
                                                       std::int64_t within_ms) override {
    const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(within_ms);
    for (;;) {
      std::uint64_t before = 0;
      {
        const MutexLock lock(waiting_);
        before = written_;
      }
      absl::StatusOr<std::optional<StageMark>> mark = FindMark(token);
      const auto now = std::chrono::steady_clock::now();
      if (!mark.ok() || *mark || now >= end) return mark;
      const auto look = std::min(end, now + kLookForMark);
      const MutexLock lock(waiting_);
      while (written_ == before && has_written_.WaitUntil(waiting_, look)) {
      }
    }
  }

  absl::StatusOr<std::optional<std::int64_t>> LowestUnseen(
      const std::function<bool(std::uint64_t xid)>& is_seen) override {
    std::optional<std::int64_t> lowest;
    RETURN_IF_ERROR(ForEachTransaction(place_, [&](std::int64_t lsn, std::uint64_t xid) {
      if (is_seen(xid)) return true;
      lowest = lsn;
      return false;
    }));
    return lowest;
  }

  absl::Status ForgetTransactions(const std::function<bool(std::uint64_t xid)>& is_old) override {
    std::vector<std::int64_t> old;
    absl::Status read = ForEachTransaction(place_, [&](std::int64_t lsn, std::uint64_t xid) {
      if (is_old(xid)) old.push_back(lsn);
      return old.size() < kForgottenAtOnce;
    });
    if (!read.ok() || old.empty()) return read;
    return writer_.Write([&](const sqlite::Connection& database) {
      sqlite::Statement forget = database.Prepare("DELETE FROM transactions WHERE lsn = ?", "writing it");
      absl::Status done;
      for (const std::int64_t lsn : old) {
        if (done.ok()) done = forget.With(lsn).Run();
      }
      return done;
    });
  }

  absl::StatusOr<std::vector<StagedTable>> Tables() override {
    ASSIGN_OR_RETURN(const StageFile::Reading reading, place_.Read());
    return ReadStagedTables(*reading);
  }
  absl::Status SetTable(const StagedTable& table) override { return writer_.SetTable(table); }
  absl::Status DropTable(std::int64_t table) override { return writer_.DropTable(table); }
  absl::Status RaiseFloor(std::int64_t table, std::int64_t lsn, const std::string& because) override {
    return writer_.RaiseFloor(table, lsn, because);
  }

  absl::StatusOr<bool> HasRowsBehind(std::int64_t table, std::int64_t from) override {
    ASSIGN_OR_RETURN(const std::int64_t has, NumberBehind(place_, "EXISTS (SELECT 1", table, from, ")"));
    return has != 0;
  }
  absl::StatusOr<std::shared_ptr<StageView>> Hold() override {
    ASSIGN_OR_RETURN(StageFile::Reading reading, place_.Read());
    return HoldStage(std::move(reading));
  }
  absl::StatusOr<std::int64_t> CountRowsBehind(std::int64_t table, std::int64_t from) override {
    return NumberBehind(place_, "(SELECT count(*)", table, from, "", /*emptied_counts=*/false);
  }
  absl::StatusOr<std::unique_ptr<StagedRows>> RowsAfter(std::int64_t table, std::int64_t from) override {
    ASSIGN_OR_RETURN(const std::shared_ptr<StageFile> file, place_.File());
    return ReadRowsBehind(*file, table, from);
  }
  absl::StatusOr<std::vector<StagedRows::Row>> RowsOf(std::int64_t table,
                                                      const std::vector<StagedKey>& keys) override {
    ASSIGN_OR_RETURN(const StageFile::Reading reading, place_.Read());
    ASSIGN_OR_RETURN(const std::optional<StagedTable> known, Known(*reading, table));
    std::vector<StagedRows::Row> rows;
    RETURN_IF_ERROR(reading->Transact(
        sqlite::Connection::Begin::kDeferred,
        [&] {
          absl::StatusOr<std::vector<StagedRows::Row>> some = ReadRowsOf(*reading, table, keys);
          if (some.ok()) rows = *std::move(some);
          return some.status();
        },
        "reading rows"));
    return rows;
  }

  absl::Status Trim(const std::vector<Durable>& durable, std::int64_t now_ms) override {
    if (durable.empty()) return absl::OkStatus();
    DurableLsns lsns;
    std::int64_t lowest = INT64_MAX;
    for (const Durable& one : durable) {
      lsns[one.table] = one.lsn;
      lowest = std::min(lowest, one.lsn);
    }
    ASSIGN_OR_RETURN(const StageFile::Reading reading, place_.Read());
    const std::int64_t before_ms = now_ms - options_.retention_ms;
    ASSIGN_OR_RETURN(
        const std::int64_t age,
        reading->Number(absl::StrCat("SELECT ifnull(max(lsn), -1) FROM marks WHERE time_ms <= ", before_ms),
                        "reading marks"));
    std::map<std::int64_t, std::int64_t> cuts;
    ASSIGN_OR_RETURN(const std::vector<StagedTable> tables, ReadStagedTables(*reading));
    for (const StagedTable& table : tables) {
      const auto found = lsns.find(table.id);
      if (age < 0 || found == lsns.end()) continue;
      const std::int64_t cut = std::min(age, found->second);
      ASSIGN_OR_RETURN(const std::int64_t any,
                       reading->Number(absl::StrCat("SELECT EXISTS (SELECT 1 FROM ", NetName(table.id),
                                                    " WHERE lsn <= ", cut, ")"),
                                       "reading rows"));
      if (any != 0) cuts[table.id] = cut;
    }
    RETURN_IF_ERROR(writer_.Trim(cuts, lsns));
    return ForgetMarks(writer_, *reading, before_ms, lowest);
  }

  absl::StatusOr<Size> Measure() override {
    const MutexLock lock(counting_);
    const auto now = std::chrono::steady_clock::now();
    if (now >= count_again_) {
      ASSIGN_OR_RETURN(const StageFile::Reading reading, place_.Read());
      ASSIGN_OR_RETURN(const std::vector<StagedTable> tables, ReadStagedTables(*reading));
      counted_ = 0;
      for (const StagedTable& table : tables) {
        const absl::StatusOr<std::int64_t> rows =
            reading->Number(absl::StrCat("SELECT count(*) FROM ", NetName(table.id)), "reading rows");
        if (!rows.ok()) {
          const absl::StatusOr<std::optional<StagedTable>> known = ReadStagedTable(*reading, table.id);
          if (known.ok() && !*known) continue;  // It was dropped meanwhile.
          return rows.status();
        }
        counted_ += *rows;
      }
      const auto end = std::chrono::steady_clock::now();
      count_again_ = end + (end - now) * kCountingPart;
    }
    return Size{counted_, LengthOf(options_.path) + LengthOf(options_.path + "-wal")};
  }

 private:
  const StageOptions options_;
  StagePlace place_;
  Mutex waiting_;
  CondVar has_written_;
  std::uint64_t written_ MIRROR_GUARDED_BY(waiting_) = 0;  ///< Number of writes.
  StageWriter writer_;
  Mutex counting_;
  std::int64_t counted_ MIRROR_GUARDED_BY(counting_) = 0;
  std::chrono::steady_clock::time_point count_again_ MIRROR_GUARDED_BY(counting_);
};

}  // namespace

absl::StatusOr<std::unique_ptr<Stage>> Stage::Open(StageOptions options) {
  auto stage = std::make_unique<SqliteStage>(std::move(options));
  RETURN_IF_ERROR(stage->Place().status());
  return stage;
}

}  // namespace mirror
