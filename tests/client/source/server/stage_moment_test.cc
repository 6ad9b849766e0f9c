// What Stage::Hold() gives stays as it was, whatever is staged, dropped or given up behind it.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/client/source/server/staged_model.h"
#include "tests/client/source/server/staged_source.h"
#include "tests/support/status_matchers.h"

namespace mirror::stage_moment_test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

class StageMomentTest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_THAT(stage_->SetTable(ModelStagedTable(1)), IsOk()); }

  void Write(std::int64_t lsn, const std::vector<LoggedChange>& changes) {
    ASSERT_THAT(stage_->Begin({lsn, static_cast<std::uint64_t>(lsn), 1'000}), IsOk());
    for (const LoggedChange& change : changes) ASSERT_THAT(stage_->Take(1, change), IsOk());
    ASSERT_THAT(stage_->Commit(), IsOk());
    ASSERT_THAT(stage_->Flush(), IsOkAndHolds(lsn));
  }
  static LoggedChange InsertOf(const std::string& key) {
    return ToLogged(
        {LoggedChange::Kind::kInsert, "", key, {{kModelKey, key}, {kModelA, "1"}, {kModelB, "2"}}});
  }
  static LoggedChange DeleteOf(const std::string& key) {
    return ToLogged({LoggedChange::Kind::kDelete, key, "", {}});
  }
  static std::vector<std::string> KeysBehind(StageView& view, std::int64_t from) {
    std::vector<std::string> keys;
    const auto rows = view.RowsAfter(1, from);
    EXPECT_THAT(rows, IsOk());
    if (!rows.ok()) return keys;
    for (bool more = true; more;) {
      const auto some = (*rows)->Next(2);
      EXPECT_THAT(some, IsOk());
      if (!some.ok()) return keys;
      more = some->size() == 2;
      for (const StagedRows::Row& row : *some)
        keys.push_back(
            absl::StrCat(row.row.kind == StagedKind::kGone ? "!" : "", UnpackStagedKey(row.key).front()));
    }
    return keys;
  }

  StageFolder stage_;
};

TEST_F(StageMomentTest, ShowsWhatWasStagedAndNothingOfWhatCameLater) {
  Write(10, {InsertOf("a"), InsertOf("b"), InsertOf("c")});
  Write(20, {DeleteOf("b"), InsertOf("d")});
  const absl::StatusOr<std::shared_ptr<StageView>> held = stage_->Hold();
  ASSERT_THAT(held, IsOk());
  Write(30, {DeleteOf("a"), InsertOf("e")});
  EXPECT_THAT((*held)->Place(), IsOkAndHolds(20));
  EXPECT_THAT(KeysBehind(**held, 0), ElementsAre("!b", "a", "c", "d"));
  EXPECT_THAT(KeysBehind(**held, 10), ElementsAre("!b", "d"));
  EXPECT_THAT((*held)->HasRowsBehind(1, 20), IsOkAndHolds(false));
  EXPECT_THAT(stage_->HasRowsBehind(1, 20), IsOkAndHolds(true));
  const auto rows = (*held)->RowsOf(1, {PackStagedKey({"a"}), PackStagedKey({"e"})});
  ASSERT_THAT(rows, IsOk());
  ASSERT_THAT(*rows, SizeIs(1));
  EXPECT_EQ(rows->front().row.kind, StagedKind::kWhole);
}

TEST_F(StageMomentTest, CountsItsRowsAsTheStageDoes) {
  Write(10, {InsertOf("a"), InsertOf("b")});
  Write(20, {DeleteOf("b"), InsertOf("c")});
  const absl::StatusOr<std::shared_ptr<StageView>> held = stage_->Hold();
  ASSERT_THAT(held, IsOk());
  for (StageView* const view : {&**held, static_cast<StageView*>(&*stage_)}) {
    const auto rows = view->RowsAfter(1, 0);
    ASSERT_THAT(rows, IsOk());
    const auto counts = (*rows)->Count(5);
    ASSERT_THAT(counts, IsOk());
    EXPECT_EQ(counts->whole, 2);
    EXPECT_EQ(counts->gone, 1);
    EXPECT_EQ(counts->came_and_went, 1);
    EXPECT_EQ((*rows)->place(), 20);
  }
}

TEST_F(StageMomentTest, OutlastsATableThatIsDropped) {
  Write(10, {InsertOf("a")});
  absl::StatusOr<std::shared_ptr<StageView>> held = stage_->Hold();
  ASSERT_THAT(held, IsOk());
  ASSERT_THAT(stage_->DropTable(1), IsOk());
  EXPECT_THAT(KeysBehind(**held, 0), ElementsAre("a"));
  EXPECT_THAT((*held)->Tables(), IsOkAndHolds(SizeIs(1)));
  // Rows keep what they are read from.
  const auto rows = (*held)->RowsAfter(1, 0);
  ASSERT_THAT(rows, IsOk());
  held->reset();
  const auto some = (*rows)->Next(10);
  ASSERT_THAT(some, IsOk());
  EXPECT_THAT(*some, SizeIs(1));
  EXPECT_TRUE(absl::IsNotFound(stage_->RowsAfter(1, 0).status()));
  EXPECT_THAT(stage_->Tables(), IsOkAndHolds(IsEmpty()));
}

TEST_F(StageMomentTest, RefusesWhatWasNotStaged) {
  ASSERT_THAT(stage_->RaiseFloor(1, 15, "for a test"), IsOk());
  const absl::StatusOr<std::shared_ptr<StageView>> held = stage_->Hold();
  ASSERT_THAT(held, IsOk());
  EXPECT_TRUE(absl::IsAborted((*held)->RowsAfter(1, 14).status()));
  EXPECT_TRUE(absl::IsNotFound((*held)->RowsAfter(2, 20).status()));
  EXPECT_TRUE(absl::IsNotFound((*held)->RowsOf(2, {}).status()));
}

}  // namespace
}  // namespace mirror::stage_moment_test
