// What the running cycle has to remember: written with what it speaks of, and gone with its cycle.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/contract/store_contract.h"

namespace mirror::store_cycle_notes_test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

const CycleNote kRefused{CycleNoteKind::kRefused, "People", 3};
const CycleNote kMiss{CycleNoteKind::kMiss};

class StoreCycleNotes : public StoreContract {
 protected:
  absl::Status Write(const CycleNoteChanges& changes, std::int64_t cycle = kCycle) {
    Plan plan;
    plan.cycle = cycle;
    plan.now_ms = kNow;
    plan.cycle_notes = {.changes = changes};
    return store_->Commit(plan).status();
  }
  std::vector<CycleNote> Notes() { return store_->records().ReadCycleNotes().value(); }
};

TEST_P(StoreCycleNotes, ThereIsOneOfEachKindAndTableAndItIsStillThereWhenTheStoreIsOpenedAgain) {
  EXPECT_THAT(Notes(), IsEmpty());
  ASSERT_THAT(Write({.written = {kRefused, kMiss}}), IsOk());
  ASSERT_THAT(Write({.written = {{CycleNoteKind::kRefused, "PEOPLE", 4}}}), IsOk());
  Reopen();
  EXPECT_THAT(Notes(), UnorderedElementsAre(CycleNote{CycleNoteKind::kRefused, "PEOPLE", 4}, kMiss));
}

TEST_P(StoreCycleNotes, AreForgottenByKindAndTableOrAllAtOnceBeforeNewOnesAreWritten) {
  ASSERT_THAT(Write({.written = {kRefused, {CycleNoteKind::kUnannounced, "People"}, kMiss}}), IsOk());
  ASSERT_THAT(Write({.forgotten = {{CycleNoteKind::kRefused, "people"}}}), IsOk());
  EXPECT_THAT(Notes(), UnorderedElementsAre(CycleNote{CycleNoteKind::kUnannounced, "People"}, kMiss));
  ASSERT_THAT(Write({.forget_all = true, .written = {kRefused}}), IsOk());
  EXPECT_THAT(Notes(), ElementsAre(kRefused));
}

TEST_P(StoreCycleNotes, EndWithTheirCycle) {
  ASSERT_THAT(Write({.written = {kRefused}}), IsOk());
  Begin(kCycle + 1);
  EXPECT_THAT(Notes(), IsEmpty());
  ASSERT_THAT(Write({.written = {kMiss}}, kCycle + 1), IsOk());
  EXPECT_THAT(Notes(), ElementsAre(kMiss));
}

TEST_P(StoreCycleNotes, OfAPlanThatIsRefusedNothingIsWritten) {
  EXPECT_THAT(Write({.written = {kRefused}}, kCycle + 1), StatusIs(absl::StatusCode::kAborted));
  EXPECT_THAT(Notes(), IsEmpty());
}

TEST_P(StoreCycleNotes, AreMadeOfWhatCameOfTheSteps) {
  Create(People());
  Plan plan = InCycle({StepAt("people", 1, {CreateTable{People()}})});
  plan.cycle_notes = {.if_failed = {{0, kRefused}}};
  ASSERT_THAT(store_->Commit(plan), IsOk());
  EXPECT_THAT(Notes(), ElementsAre(kRefused));
}

INSTANTIATE_TEST_SUITE_P(EveryStore, StoreCycleNotes, testing::ValuesIn(EveryBackend()), NameOfBackend);

}  // namespace
}  // namespace mirror::store_cycle_notes_test
