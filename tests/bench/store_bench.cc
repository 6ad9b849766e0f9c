// mirror-bench-store: the steps of tools/bench on a store in this process: what the server does behind the
// wire.
#include <CLI/CLI.hpp>
#include <chrono>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "proto/wire/codec.h"
#include "server/plan/apply_plan.h"
#include "server/store/sqlite/sqlite_store.h"
#include "tools/benchmarks/batch_maker.h"
#include "tools/benchmarks/step_loop.h"

namespace mirror::bench {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::int64_t kNow = 1;

/// One table in a store of its own; each step is a cycle whose batches are decoded before its time begins.
class StoredTable {
 public:
  StoredTable(std::unique_ptr<Store> store, const BenchRows* rows) : store_(std::move(store)), rows_(rows) {}

  absl::StatusOr<StepTime> Run(const Step& step) {
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
    return StepTime{maker.keys(), std::chrono::duration<double>(Clock::now() - start).count(), {}};
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

int Main(int argc, char** argv) {
  CLI::App app("Applies the steps of tools/bench to a store in this process.", "mirror-bench-store");
  app.footer("Steps and answers as of mirror-bench. Exit code: 0 done, 1 failed, 2 wrong usage.");
  std::string folder;
  app.add_option("--folder", folder, "Where the mirror's file goes")
      ->required()
      ->check(CLI::ExistingDirectory);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  ConfigureSqlite();
  auto store = OpenSqliteStore(folder, "bench", true, {});
  if (!store.ok()) {
    std::cerr << "mirror-bench-store: " << std::string(store.status().message()) << "\n";
    return 1;
  }
  const BenchRows rows(Shape{});
  StoredTable table(*std::move(store), &rows);
  return RunSteps("mirror-bench-store", [&](const Step& step) { return table.Run(step); });
}

}  // namespace
}  // namespace mirror::bench

int main(int argc, char** argv) { return mirror::bench::Main(argc, argv); }
