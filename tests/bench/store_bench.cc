// mirror-bench-store: the steps of tools/bench on a store in this process: what the server does behind the
// wire.
#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdint>
#include <iostream>
#include <memory>
#include <numeric>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "proto/wire/codec.h"
#include "server/journal/journal_rules.h"
#include "server/plan/apply_plan.h"
#include "server/store/postgres/postgres_store.h"
#include "server/store/sqlite/sqlite_store.h"
#include "server/tenant/row_calls.h"
#include "tools/benchmarks/batch_maker.h"
#include "tools/benchmarks/step.h"

namespace mirror::bench {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::int64_t kNow = 1;
constexpr char kContext[] = "bench";
constexpr std::size_t kBlockBytes = 1'000'000;  ///< As RowRanges reads them.

double SecondsSince(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

/// What stands in one table of a store, and what stood, read by the snapshots that the server reads.
class StoreReading {
 public:
  StoreReading(Store& store, const BenchRows& rows)
      : store_(store), kept_(KeptForm(rows.schema())), all_(kept_.columns.size()) {
    std::iota(all_.begin(), all_.end(), 0U);
  }

  absl::StatusOr<StepTime> Run(const Step& step) {
    if (step.verb == Verb::kExplain) return Explain(step);
    const absl::StatusOr<std::unique_ptr<Snapshot>> snapshot = store_.OpenSnapshot();
    if (!snapshot.ok()) return snapshot.status();
    return step.verb == Verb::kScan ? Scan(**snapshot) : AsOfThen(**snapshot);
  }

 private:
  absl::StatusOr<StepTime> Scan(Snapshot& snapshot) {
    StepTime time;
    const Clock::time_point start = Clock::now();
    const absl::Status read = snapshot.ReadRows(
        kept_, all_, {}, kBlockBytes, [] { return true; },
        [&](RowBlock* block) { return Count(block, &time); });
    if (!read.ok()) return read;
    time.seconds = SecondsSince(start);
    return time;
  }

  absl::StatusOr<StepTime> AsOfThen(Snapshot& snapshot) {
    const absl::StatusOr<std::int64_t> moment = MomentBeforeLast(snapshot.journal());
    if (!moment.ok()) return moment.status();
    const auto history = snapshot.versions().ReadHistory(kept_.name);
    if (!history.ok()) return history.status();
    if (!*history || *moment < (*history)->known_from) {
      return absl::FailedPreconditionError("no history is kept of that moment: --history keeps one");
    }
    StepTime time;
    const Clock::time_point start = Clock::now();
    const absl::Status read = snapshot.versions().ReadRowsAsOf(
        **history, *moment, all_, {}, kBlockBytes, [] { return true; },
        [&](RowBlock* block) { return Count(block, &time); });
    if (!read.ok()) return read;
    time.seconds = SecondsSince(start);
    return time;
  }

  absl::StatusOr<std::int64_t> MomentBeforeLast(JournalReader& journal) {
    std::int64_t moment = INT64_MAX;
    for (int i = 0; i < 2; ++i) {
      const auto commits = journal.FindCommits(kept_.name, {.moment = i == 0 ? moment : moment - 1});
      if (!commits.ok()) return commits.status();
      if (commits->empty()) {
        return absl::FailedPreconditionError("the journal has no two commits: --history keeps one");
      }
      moment = commits->front().number;
    }
    return moment;
  }

  /// Each as a call of its own, behind the wire.
  absl::StatusOr<StepTime> Explain(const Step& step) {
    StepTime time;
    for (const std::int64_t key : KeysOf(step)) {
      const Clock::time_point start = Clock::now();
      const absl::StatusOr<std::unique_ptr<Snapshot>> snapshot = store_.OpenSnapshot();
      if (!snapshot.ok()) return snapshot.status();
      const absl::StatusOr<ExplainedRow> row = ExplainRow(**snapshot, kept_.name, absl::StrCat(key), nullptr);
      if (!row.ok()) return row.status();
      const double seconds = SecondsSince(start);
      for (const ExplainedColumn& column : row->columns) {
        if (column.writer.entry) continue;
        return absl::FailedPreconditionError("the journal does not know who wrote a row: --journal keeps it");
      }
      ++time.rows;
      time.seconds += seconds;
      time.call_us.push_back(seconds * 1e6);
    }
    return time;
  }

  static absl::Status Count(RowBlock* block, StepTime* time) {
    time->rows += block->rows();
    return absl::OkStatus();
  }

  Store& store_;
  const TableSchema kept_;
  std::vector<std::uint32_t> all_;
};

/// One table in a store of its own; each step is a cycle whose batches are decoded before its time begins.
class StoredTable {
 public:
  StoredTable(std::unique_ptr<Store> store, const BenchRows* rows) : store_(std::move(store)), rows_(rows) {}

  absl::StatusOr<StepTime> Run(const Step& step) {
    if (ReadsStore(step.verb)) return StoreReading(*store_, *rows_).Run(step);
    if (absl::Status begun = Begin(); !begun.ok()) return begun;
    auto record = store_->records().ReadTable(rows_->schema().name);
    if (!record.ok()) return record.status();
    StepHead head;
    head.base = (*record)->position.lsn;
    head.target = {Lsn{head.base.value + 2}, "bench"};
    head.populate = step.verb == Verb::kPopulate;
    const BatchMaker maker(rows_, step);
    std::vector<v1::ChangeBatch> messages(maker.batches());
    std::vector<ChangeBatch> batches;
    for (std::size_t i = 0; i < messages.size(); ++i) {
      maker.Encode(i, head, &messages[i]);
      auto batch = DecodeBatch(messages[i], rows_->schema(), {});
      if (!batch.ok()) return batch.status();
      batches.push_back(*std::move(batch));
    }
    const Clock::time_point start = Clock::now();
    for (const ChangeBatch& batch : batches) {
      if (absl::Status applied = Apply(batch); !applied.ok()) return applied;
    }
    return StepTime{maker.keys(), SecondsSince(start), {}};
  }

 private:
  /// A cycle, and the table as agreed.
  absl::Status Begin() {
    Plan plan;
    plan.now_ms = kNow;
    const auto tenant = store_->records().ReadTenant();
    if (!tenant.ok()) return tenant.status();
    plan.tenant = *tenant;
    plan.tenant->cycle = ++cycle_;
    plan.tenant->active = true;
    const auto record = store_->records().ReadTable(rows_->schema().name);
    if (!record.ok()) return record.status();
    if (!*record) {
      mirror::Step made{rows_->schema().name, {}, TableRecord{}, {}, {}};
      made.record->table = rows_->schema().name;
      made.actions = {CreateTable{rows_->schema()}, AgreeSchema{rows_->schema()}};
      plan.steps.push_back(made);
    }
    return Commit(plan);
  }

  absl::Status Apply(const ChangeBatch& batch) {
    const auto record = store_->records().ReadTable(batch.table);
    if (!record.ok()) return record.status();
    BatchPlan planned = PlanBatch(cycle_, *record, rows_->schema(), batch);
    if (planned.verdict != BatchPlan::Verdict::kApply) {
      return absl::FailedPreconditionError(
          absl::StrCat("the batch is not to be applied: ", std::string(planned.status.message())));
    }
    Plan plan;
    plan.cycle = cycle_;
    plan.now_ms = kNow;
    plan.steps.push_back(std::move(planned.step));
    return Commit(plan);
  }

  absl::Status Commit(const Plan& plan) {
    const auto done = store_->Commit(plan);
    if (!done.ok()) return done.status();
    for (const StepResult& result : done->steps) {
      if (!result.status.ok()) return result.status;
    }
    return absl::OkStatus();
  }

  std::unique_ptr<Store> store_;
  const BenchRows* rows_;
  std::int64_t cycle_ = 0;
};

struct Asked {
  std::string folder, conninfo;
  bool journal = false, history = false;
};

struct Opened {
  std::unique_ptr<PostgresPlace> place;  ///< Null: the store is SQLite's.
  std::unique_ptr<Store> store;
};

absl::StatusOr<Opened> OpenStore(const Asked& asked) {
  Opened opened;
  if (!asked.conninfo.empty()) {
    auto place = PostgresPlace::Open({.name = kContext, .conninfo = asked.conninfo});
    if (!place.ok()) return place.status();
    opened.place = *std::move(place);
  }
  auto store = opened.place ? OpenPostgresStore(*opened.place, kContext, /*create=*/true, {})
                            : OpenSqliteStore(asked.folder, kContext, /*create=*/true, {});
  if (!store.ok()) return store.status();
  opened.store = *std::move(store);
  if (asked.journal || asked.history) {
    JournalConfig config;
    config.rules.push_back({.journal = true, .history = asked.history});
    opened.store->SetJournal(JournalRulesOf(config, kContext));
  }
  return opened;
}

int Main(int argc, char** argv) {
  CLI::App app("Applies the steps of tools/bench to a store in this process.", "mirror-bench-store");
  app.footer(
      "Steps and answers as of mirror-bench; also 'scan', 'as-of' (of the commit before the last), and\n"
      "'explain from=2 count=10 pick=5', which answers for each row by itself.\n"
      "Exit code: 0 done, 1 failed, 2 wrong usage.");
  Asked asked;
  CLI::Option_group* const where = app.add_option_group("store", "One of them");
  where->add_option("--folder", asked.folder, "Where the mirror's file goes")->check(CLI::ExistingDirectory);
  where->add_option("--conninfo", asked.conninfo, "The PostgreSQL database where the mirror's schema goes");
  where->require_option(1);
  app.add_flag("--journal", asked.journal, "The table has a journal");
  app.add_flag("--history", asked.history, "It has a journal and a history");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  ConfigureSqlite();
  absl::StatusOr<Opened> opened = OpenStore(asked);
  if (!opened.ok()) {
    std::cerr << "mirror-bench-store: " << std::string(opened.status().message()) << "\n";
    return 1;
  }
  const BenchRows rows(Shape{});
  StoredTable table(std::move(opened->store), &rows);
  return RunSteps("mirror-bench-store", [&](const Step& step) { return table.Run(step); });
}

}  // namespace
}  // namespace mirror::bench

int main(int argc, char** argv) { return mirror::bench::Main(argc, argv); }
