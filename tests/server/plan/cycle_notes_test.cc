#include "server/plan/cycle_notes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace mirror::plan_cycle_notes_test {
namespace {

using testing::ElementsAre;

constexpr CycleNoteKind kRefused = CycleNoteKind::kRefused;
const absl::Status kBad = absl::InvalidArgumentError("bad"), kEarly = absl::AbortedError("too early");

struct Case {
  std::string name;
  RefusedBatches before;
  std::vector<NotedBatch> batches;
  std::vector<absl::Status> steps;
  CycleNoteChanges want;
};

class CycleNotesOfBatches : public testing::TestWithParam<Case> {};

TEST_P(CycleNotesOfBatches, AreWhatTheCycleHasToRemember) {
  const Case& test = GetParam();
  Plan plan;
  plan.cycle_notes = {.batches = {test.before, test.batches}};
  std::vector<StepResult> results;
  for (const absl::Status& status : test.steps) results.emplace_back().status = status;
  EXPECT_EQ(CycleNotesOf(plan, results), test.want);
}

NotedBatch Done(std::uint64_t seq, std::size_t step) {
  return {.table = "People", .seq = seq, .step = step, .by_record = true, .is_there = true};
}
NotedBatch Not(std::uint64_t seq, absl::Status status) {
  return {.table = "People", .seq = seq, .status = std::move(status), .by_record = true, .is_there = true};
}
NotedBatch With(NotedBatch batch, bool NotedBatch::*what, bool value) {
  batch.*what = value;
  return batch;
}

INSTANTIATE_TEST_SUITE_P(
    Plan, CycleNotesOfBatches,
    testing::Values(
        Case{"NoneOfWhatWasDone", {}, {Done(1, 0), Done(2, 1)}, {{}, {}}, {}},
        Case{"ABatchThatWasRefused", {}, {Not(2, kBad)}, {}, {.written = {{kRefused, "People", 2}}}},
        Case{"AStepThatFailed", {}, {Done(2, 0)}, {kBad}, {.written = {{kRefused, "People", 2}}}},
        Case{"NotWhatIsAbortedBehindIt",
             {},
             {Done(2, 0), Not(3, kEarly)},
             {kBad},
             {.written = {{kRefused, "People", 2}}}},
        Case{"TheFirstOfThoseThatCameTooEarly",
             {},
             {Not(3, kEarly), Not(4, kEarly)},
             {},
             {.written = {{kRefused, "People", 3}}}},
        Case{"ARefusalInThePlaceOfWhatCameTooEarly",
             {{"people", 3}},
             {Not(4, kBad)},
             {},
             {.written = {{kRefused, "People", 4}}}},
        Case{"NothingNewOfWhatIsKnown", {{"people", 3}}, {Not(3, kBad)}, {}, {}},
        Case{"ThatOneCameAgain", {{"people", 3}}, {Done(3, 0)}, {{}}, {.forgotten = {{kRefused, "people"}}}},
        Case{"NoNameThatIsInvented", {}, {With(Not(1, kBad), &NotedBatch::is_there, false)}, {}, {}},
        Case{"AMiss",
             {},
             {With(Done(1, 0), &NotedBatch::is_miss, true)},
             {{}},
             {.written = {{CycleNoteKind::kMiss}}}},
        Case{"NoMissThatWasRefused",
             {},
             {With(Done(1, 0), &NotedBatch::is_miss, true)},
             {kBad},
             {.written = {{kRefused, "People", 1}}}},
        Case{"ATableThatWasRestored",
             {},
             {With(Done(1, 0), &NotedBatch::restores, true)},
             {{}},
             {.written = {{CycleNoteKind::kRestored}}}}),
    [](const auto& test) { return test.param.name; });

TEST(CycleNotesTest, OfAPlanWithoutAnyThereAreNone) {
  EXPECT_EQ(CycleNotesOf(Plan{}, {}), CycleNoteChanges{});
}

TEST(CycleNotesTest, AreReadAsTheyWereWritten) {
  EXPECT_THAT(RefusedOf({{kRefused, "People", 3}, {CycleNoteKind::kMiss}}),
              ElementsAre(std::pair("people", 3)));
}

}  // namespace
}  // namespace mirror::plan_cycle_notes_test
