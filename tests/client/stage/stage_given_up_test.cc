// What of a stage is given up, and what is not.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "base/db/sqlite/connection.h"
#include "client/source/stage/stage.h"
#include "tests/client/stage/staged_source.h"
#include "tests/support/status_matchers.h"

namespace mirror {
namespace {

using testing::IsEmpty;

LoggedChange LongInsertOf(const std::string& key, std::size_t length = 1) {
  return ToLogged(
      {LoggedChange::Kind::kInsert,
       "",
       key,
       {{kModelKey, key}, {kModelA, "1"}, {kModelB, "2"}, {kModelLong, std::string(length, 'x')}}});
}

class StageGivenUpTest : public testing::Test {
 protected:
  void Begin(std::size_t fold_bytes) {
    stage_.options().fold_bytes = fold_bytes;
    stage_.Open();
    ASSERT_THAT(stage_->SetTable(ModelStagedTable(1)), IsOk());
    ASSERT_THAT(stage_->SetTable(ModelStagedTable(2)), IsOk());
  }
  StagedTable Table(std::int64_t id) {
    const auto tables = stage_->Tables();
    EXPECT_THAT(tables, IsOk());
    for (const StagedTable& table : *tables) {
      if (table.id == id) return table;
    }
    return {};
  }

  StageFolder stage_;
};

TEST_F(StageGivenUpTest, ATableThatIsGivenUpIsSoWithItsTransaction) {
  // In memory, and written with each change.
  for (const std::size_t fold_bytes : {std::size_t{64'000'000}, std::size_t{1}}) {
    stage_.options().path += "x";
    Begin(fold_bytes);
    ASSERT_THAT(stage_->Begin({10, 1, 1}), IsOk());
    for (const std::int64_t table : {1, 2}) ASSERT_THAT(stage_->Take(table, LongInsertOf("1")), IsOk());
    ASSERT_THAT(stage_->Commit(), IsOk());
    // One that breaks off gives nothing up.
    ASSERT_THAT(stage_->Begin({20, 2, 1}), IsOk());
    ASSERT_THAT(stage_->GiveUp(1, "its rows do not fit"), IsOk());
    ASSERT_THAT(stage_->Begin({20, 2, 1}), IsOk());
    ASSERT_THAT(stage_->Commit(), IsOk());
    ASSERT_THAT(stage_->Flush(), IsOkAndHolds(20));
    EXPECT_EQ(Table(1).floor, 0);
    EXPECT_THAT(stage_->CountRowsBehind(1, 0), IsOkAndHolds(1));

    ASSERT_THAT(stage_->Begin({30, 3, 1}), IsOk());
    ASSERT_THAT(stage_->Take(1, LongInsertOf("2")), IsOk());
    ASSERT_THAT(stage_->Take(2, LongInsertOf("2")), IsOk());
    ASSERT_THAT(stage_->GiveUp(1, "its rows do not fit"), IsOk());
    ASSERT_THAT(stage_->GiveUp(3, "it is not staged"), IsOk());
    ASSERT_THAT(stage_->Take(1, LongInsertOf("3")), IsOk());
    ASSERT_THAT(stage_->Truncate(1), IsOk());
    ASSERT_THAT(stage_->Commit(), IsOk());
    // The stage that wrote by itself dies without Flush().
    if (fold_bytes == 1) {
      stage_.Open();
    } else {
      ASSERT_THAT(stage_->Flush(), IsOkAndHolds(30));
    }
    EXPECT_THAT(stage_->Place(), IsOkAndHolds(30));
    EXPECT_EQ(Table(1).floor, 30);
    EXPECT_EQ(Table(1).truncated_lsn, 0);
    EXPECT_EQ(Table(1).gone_because, "its rows do not fit");
    EXPECT_THAT(stage_->CountRowsBehind(1, 30), IsOkAndHolds(0));
    EXPECT_EQ(Table(2).floor, 0);
    EXPECT_THAT(stage_->CountRowsBehind(2, 0), IsOkAndHolds(2));
    // A snapshot that does not see the transaction is told of it.
    EXPECT_THAT(stage_->LowestUnseen([](std::uint64_t xid) { return xid < 3; }), IsOkAndHolds(30));
    EXPECT_THAT(stage_->TakeGivenUp(), IsEmpty());

    ASSERT_THAT(stage_->Begin({40, 4, 1}), IsOk());
    ASSERT_THAT(stage_->Take(1, LongInsertOf("4")), IsOk());
    ASSERT_THAT(stage_->Commit(), IsOk());
    ASSERT_THAT(stage_->Flush(), IsOkAndHolds(40));
    EXPECT_THAT(stage_->CountRowsBehind(1, 30), IsOkAndHolds(1));
  }
}

}  // namespace
}  // namespace mirror
