// What the source tells of indexes and foreign keys, and the indexes that are made by it.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/contract/store_contract.h"

namespace mirror {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

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

INSTANTIATE_TEST_SUITE_P(EveryStore, StoreObjects, testing::ValuesIn(EveryBackend()), NameOfBackend);

}  // namespace
}  // namespace mirror
