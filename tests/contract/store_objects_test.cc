// What the source tells of indexes and foreign keys, and the indexes that are made by it.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/contract/store_contract.h"

namespace mirror {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

class StoreObjects : public StoreContract {
 protected:
  absl::Status Write(const std::vector<ObjectsChange>& objects,
                     const std::vector<IndexChange>& indexes = {}) {
    Plan plan;
    plan.now_ms = kNow;
    plan.source_objects = objects;
    plan.index_changes = indexes;
    return store_->Commit(plan).status();
  }
};

SourceObjects Index(const std::string& name) {
  SourceObjects objects;
  objects.indexes = {{name, true, {{"name", true, Collation::kNocase}}}};
  objects.more = 2;
  return objects;
}

TEST_P(StoreObjects, AreThoseThatWereWrittenLastAndStillThereWhenTheStoreIsOpenedAgain) {
  EXPECT_THAT(store_->records().ReadSourceObjects(), IsOkAndHolds(IsEmpty()));
  ASSERT_THAT(Write({{"People", Index("a")}, {"other", Index("b")}}), IsOk());
  ASSERT_THAT(Write({{"PEOPLE", Index("c")}, {"Other", std::nullopt}}), IsOk());
  Reopen();
  EXPECT_THAT(store_->records().ReadSourceObjects(),
              IsOkAndHolds(ElementsAre(KeptObjects{"PEOPLE", Index("c")})));
}

TEST_P(StoreObjects, IndexesOfItsOwnStayUntilTheyAreDroppedOrTheirTableIs) {
  Create(People());
  const OwnIndex followed = {absl::StrCat(kOwnIndexPrefix, "1_a"), "people"};
  const OwnIndex configured = {absl::StrCat(kSetIndexPrefix, "2_b"), "people"};
  ASSERT_THAT(
      Write({}, {{followed, {{"name", true, Collation::kNocase}}}, {configured, {{"age"}, {"name"}}}}),
      IsOk());
  Reopen();
  EXPECT_THAT(store_->records().ReadOwnIndexes(), IsOkAndHolds(UnorderedElementsAre(followed, configured)));
  ASSERT_THAT(Run(StepAt("people", 1, {BeginShadow{People(), kCycle}})).status, IsOk());
  ASSERT_THAT(StoreContract::Write(People(), {.rows = {{1, "new", 1}}}, true).status, IsOk());
  ASSERT_THAT(Run(StepAt("people", 3, {SwapShadow{}})).status, IsOk());
  EXPECT_THAT(store_->records().ReadOwnIndexes(), IsOkAndHolds(UnorderedElementsAre(followed, configured)));
  ASSERT_THAT(Write({}, {{followed, {}}}), IsOk());
  EXPECT_THAT(store_->records().ReadOwnIndexes(), IsOkAndHolds(ElementsAre(configured)));
  Step drop = StepAt("people", 0, {DropTable{}});
  drop.record.reset();
  ASSERT_THAT(Run(drop).status, IsOk());
  EXPECT_THAT(store_->records().ReadOwnIndexes(), IsOkAndHolds(IsEmpty()));
}

INSTANTIATE_TEST_SUITE_P(EveryStore, StoreObjects, testing::ValuesIn(EveryBackend()), NameOfBackend);

}  // namespace
}  // namespace mirror
