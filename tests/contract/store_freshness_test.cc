#include "tests/contract/store_contract.h"

#include <string>

#include "server/plan/freshness_plan.h"
#include "server/store/sqlite/sqlite_store.h"

// As of when tables are: written in the transaction of their rows, or for all of them at once.

namespace mirror::store_freshness_test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

class Freshnesses : public StoreContract {
 protected:
  Freshness Read() { return store_->records().ReadFreshness().value(); }
  std::optional<std::int64_t> Time(const std::string& table) { return TimeOf(Read(), table); }
  TableSchema Named(const std::string& name) {
    TableSchema table = People();
    table.name = name;
    return table;
  }
  /// A table that stands at a position.
  void Mirror(const std::string& name, std::optional<std::int64_t> source_ms = {}) {
    Create(Named(name));
    Commit(name, 1, source_ms);
  }
  void Commit(const std::string& name, std::uint64_t seq, std::optional<std::int64_t> source_ms) {
    Step step = StepAt(name, seq);
    step.record->position = {Lsn{static_cast<std::int64_t>(seq)}, "x"};
    step.source_ms = source_ms;
    ASSERT_THAT(Run(std::move(step)).status, IsOk());
  }
  void AllAre(std::int64_t source_ms, std::vector<std::string> stale = {}) {
    Plan plan = InCycle({});
    plan.all_as_of = AllAsOf{source_ms, std::move(stale)};
    ASSERT_THAT(store_->Commit(plan), IsOk());
  }
};

TEST_P(Freshnesses, NothingIsKnownOfANewMirror) { EXPECT_EQ(Read(), Freshness{}); }

TEST_P(Freshnesses, ACommitTellsTheTimeOfItsTableAlone) {
  Mirror("a", 1'000);
  Mirror("b");
  EXPECT_EQ(Time("a"), 1'000);
  EXPECT_EQ(Time("A"), 1'000) << "names are compared by ASCII case only";
  EXPECT_EQ(Time("b"), std::nullopt);
  Reopen();
  EXPECT_EQ(Time("a"), 1'000) << "it is on disk";
}

TEST_P(Freshnesses, ARefusedStepTellsNoTime) {
  Mirror("a", 1'000);
  Step step = StepAt("a", 2, {ApplyRows{}});
  step.actions = {SwapShadow{}};  // There is none.
  step.source_ms = 2'000;
  EXPECT_FALSE(Run(std::move(step)).status.ok());
  EXPECT_EQ(Time("a"), 1'000);
}

TEST_P(Freshnesses, OneMomentForAllIsOneEntry) {
  for (const char* name : {"a", "b", "c"}) Mirror(name);
  AllAre(5'000);
  EXPECT_EQ(Read().all_ms, 5'000);
  EXPECT_THAT(Read().tables, IsEmpty());
  AllAre(6'000);
  EXPECT_EQ(Time("b"), 6'000);
}

TEST_P(Freshnesses, TablesThatAreNamedStayAsOld) {
  Mirror("a");
  Mirror("b");
  AllAre(5'000);
  AllAre(6'000, {"B", "unknown"});
  EXPECT_EQ(Time("a"), 6'000);
  EXPECT_EQ(Time("b"), 5'000);
  AllAre(7'000, {"b"});
  EXPECT_EQ(Time("b"), 5'000);
  AllAre(8'000);
  EXPECT_EQ(Time("b"), 8'000);
  EXPECT_THAT(Read().tables, IsEmpty());
}

TEST_P(Freshnesses, ALaterTimeOfATableItselfStays) {
  Mirror("a", 5'500);
  AllAre(5'000);
  EXPECT_EQ(Time("a"), 5'500);
  AllAre(6'000);
  EXPECT_EQ(Time("a"), 6'000);
  EXPECT_THAT(Read().tables, IsEmpty());
}

TEST_P(Freshnesses, ATableThatLacksRowsIsNotMeant) {
  Mirror("a");
  AllAre(5'000);
  Create(Named("fresh"));
  EXPECT_EQ(Time("fresh"), std::nullopt) << "it has no rows yet";
  Step pending = StepAt("a", 2);
  pending.record->pending = Position{Lsn{9}, "y"};
  ASSERT_THAT(Run(std::move(pending)).status, IsOk());
  AllAre(6'000);
  EXPECT_EQ(Time("a"), 5'000);
  EXPECT_EQ(Time("fresh"), std::nullopt);
  EXPECT_EQ(Read().all_ms, 6'000);
}

TEST_P(Freshnesses, AnOperatorsMinusOneLeavesTheTimeOfTheRows) {
  Mirror("a");
  AllAre(5'000);
  Step step = StepAt("a", 2);
  step.record->position = {};
  ASSERT_THAT(Run(std::move(step)).status, IsOk());
  EXPECT_EQ(Time("a"), 5'000) << "its rows are still those of that moment";
  AllAre(6'000);
  EXPECT_EQ(Time("a"), 5'000);
}

TEST_P(Freshnesses, ATableThatWentTakesItsTimeAlong) {
  Mirror("a", 5'000);
  Step step = StepAt("a", 2, {DropTable{}});
  step.record.reset();
  ASSERT_THAT(Run(std::move(step)).status, IsOk());
  AllAre(6'000);
  EXPECT_THAT(Read().tables, IsEmpty());
}

TEST_P(Freshnesses, TargetsAreReplacedAsOne) {
  Plan plan;
  plan.targets = FreshnessTargets{60'000, {{"a", 1'000}, {"b", 0}}};
  ASSERT_THAT(store_->Commit(plan), IsOk());
  Reopen();
  EXPECT_EQ(Read().targets, *plan.targets);
  plan.targets = FreshnessTargets{0, {{"c", 5}}};
  ASSERT_THAT(store_->Commit(plan), IsOk());
  EXPECT_THAT(Read().targets.tables, ElementsAre(Pair("c", 5)));
  EXPECT_EQ(Read().targets.all_ms, 0);
}

INSTANTIATE_TEST_SUITE_P(EveryStore, Freshnesses, testing::ValuesIn(EveryBackend()), NameOfBackend);

}  // namespace
}  // namespace mirror::store_freshness_test
