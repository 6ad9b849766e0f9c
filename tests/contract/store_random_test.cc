#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <variant>

#include "tests/contract/random_plans.h"
#include "tests/contract/store_contract.h"

// The store does with them what the simplest store does.

namespace mirror::store_random_test {
namespace {

constexpr int kPlans = 400;

class StoreRandom : public StoreContract {};

TEST_P(StoreRandom, EveryStoreDoesWithRandomPlansWhatTheSimplestOneDoes) {
  const auto mirror = std::make_shared<MemoryMirror>();
  MemoryStore memory(mirror, "ctx", kValueBytesMax);
  // From the same beginning: an empty mirror.
  store_.reset();
  backend_ = GetParam().make();
  store_ = backend_->Open();
  PlanMaker maker(TestSeed(), *mirror);
  int applied = 0, refused = 0, swapped = 0;
  for (int i = 0; i < kPlans && !testing::Test::HasFailure(); ++i) {
    SCOPED_TRACE(i);
    const Plan plan = maker.Next();
    const auto want = memory.Commit(plan);
    const auto got = store_->Commit(plan);

    ASSERT_EQ(got.status().code(), want.status().code()) << got.status() << "\n" << want.status();
    if (want.ok()) {
      for (std::size_t s = 0; s < want->steps.size(); ++s) {
        const StepResult &a = got->steps.at(s), &b = want->steps[s];
        SCOPED_TRACE(plan.steps[s].table);
        ASSERT_EQ(a.status.code(), b.status.code()) << a.status << "\n" << b.status;
        EXPECT_EQ(a.missing_rows, b.missing_rows);
        EXPECT_EQ(a.otherwise, b.otherwise) << a.reason << " | " << b.reason;
        (b.status.ok() ? applied : refused) += 1;
        if (b.status.ok() && !plan.steps[s].actions.empty() &&
            std::holds_alternative<SwapShadow>(plan.steps[s].actions[0])) {
          ++swapped;
        }
      }
    }
    EXPECT_EQ(store_->records().ReadTenant().value(), memory.records().ReadTenant().value());
    EXPECT_THAT(store_->records().ReadTables().value(),
                testing::UnorderedElementsAreArray(memory.records().ReadTables().value()));
    for (const auto& [key, table] : mirror->tables) {
      EXPECT_EQ(Visible(table.schema), Sorted(table.All())) << key;
    }
    if (i % 100 == 99) {
      Reopen();
    }
  }
  EXPECT_THAT(store_->upkeep().CheckIntegrity(), IsOk());
  std::cout << applied << " steps applied, " << refused << " refused, " << swapped << " swaps\n";
  EXPECT_GT(applied, 0);
  EXPECT_GT(refused, 0);
}

INSTANTIATE_TEST_SUITE_P(EveryStore, StoreRandom, testing::ValuesIn(EveryBackend()), NameOfBackend);
INSTANTIATE_TEST_SUITE_P(AsSqliteLikesIt, StoreRandom,
                         testing::Values(BackendKind{
                             "SqliteBest",
                             [] { return std::make_unique<SqliteBackend>(ApplyMethod::kBest); }}),
                         NameOfBackend);

}  // namespace
}  // namespace mirror::store_random_test
