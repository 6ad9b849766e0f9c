// What the source tells of indexes and foreign keys, and the indexes that are made by it.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/contract/store_contract.h"

namespace mirror::store_objects_test {
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

TEST_P(StoreObjects, NoValueIsTooLongForAnIndexOfItsOwn) {
  Create(People());
  const OwnIndex own = {absl::StrCat(kOwnIndexPrefix, "1_a"), "people"};
  int id = 0;
  Rows rows;
  for (const std::size_t bytes : {2'000, 3'000, 9'000, 20'000}) {
    ASSERT_THAT(Write({}, {{own, {{"name", false, Collation::kNocase}, {"age"}}}}), IsOk());
    rows.push_back({++id, Incompressible(bytes), 36});
    EXPECT_THAT(Insert(People(), {rows.back()}).status, IsOk()) << bytes;
    rows.back()[1] = Incompressible(bytes + 1);
    EXPECT_THAT(StoreContract::Write(People(), Operation::kUpdate, {rows.back()}).status, IsOk()) << bytes;
    EXPECT_EQ(Visible(People()), rows);
  }
  Reopen();
  const auto there = store_->records().ReadOwnIndexes();
  ASSERT_THAT(there, IsOk());
  for (const OwnIndex& index : *there) EXPECT_EQ(index.name, own.name);
  ASSERT_THAT(Write({}, {{own, {}}}), IsOk());
  EXPECT_THAT(store_->records().ReadOwnIndexes(), IsOkAndHolds(IsEmpty()));
}

INSTANTIATE_TEST_SUITE_P(EveryStore, StoreObjects, testing::ValuesIn(EveryBackend()), NameOfBackend);

}  // namespace
}  // namespace mirror::store_objects_test
