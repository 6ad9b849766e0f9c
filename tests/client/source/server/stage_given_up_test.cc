// What of a stage is given up, and what is not.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "base/db/sqlite/connection.h"
#include "client/source/server/stage.h"
#include "tests/client/source/server/staged_source.h"
#include "tests/support/status_matchers.h"

namespace mirror::stage_given_up_test {
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

TEST_F(StageGivenUpTest, AFloorThatAnotherProcessRaisesHidesNoneThatIsNotWritten) {
  Begin(64'000'000);
  const auto other = Stage::Open(stage_.options());
  ASSERT_THAT(other, IsOk());
  ASSERT_THAT(stage_->Begin({50, 5, 1}), IsOk());
  ASSERT_THAT(stage_->GiveUp(1, "its rows do not fit"), IsOk());
  ASSERT_THAT(stage_->Truncate(2), IsOk());
  ASSERT_THAT(stage_->Commit(), IsOk());
  for (const std::int64_t table : {1, 2})
    ASSERT_THAT((*other)->RaiseFloor(table, 40, "another process did"), IsOk());
  ASSERT_THAT(stage_->Flush(), IsOkAndHolds(50));
  EXPECT_EQ(Table(1).floor, 50);
  EXPECT_EQ(Table(2).floor, 50);
}

TEST_F(StageGivenUpTest, NothingIsGivenUpForALogThatAReaderKeeps) {
  stage_.options().max_bytes = 1'000'000;
  Begin(64'000'000);
  const auto write = [this](std::int64_t lsn) {
    ASSERT_THAT(stage_->Begin({lsn, 1, 1}), IsOk());
    for (int i = 0; i < 200; ++i) ASSERT_THAT(stage_->Take(1, LongInsertOf(absl::StrCat(i), 1'000)), IsOk());
    ASSERT_THAT(stage_->Commit(), IsOk());
    ASSERT_THAT(stage_->Flush(), IsOkAndHolds(lsn));
  };
  write(10);
  const auto reader = sqlite::Connection::Open(
      stage_.options().path, {.mode = sqlite::OpenAs::Mode::kRead},
      [](const sqlite::Failure& failure, std::string_view) { return absl::UnknownError(failure.words); });
  ASSERT_THAT(reader, IsOk());
  ASSERT_THAT((*reader)->Execute("BEGIN; SELECT count(*) FROM tables"), IsOk());
  for (std::int64_t lsn = 20; lsn <= 80; lsn += 10) write(lsn);
  EXPECT_GT(stage_->Measure()->bytes, 1'500'000);
  EXPECT_THAT(stage_->TakeGivenUp(), IsEmpty());
  EXPECT_EQ(Table(1).floor, 0);
  EXPECT_THAT(stage_->CountRowsBehind(1, 0), IsOkAndHolds(200));
  ASSERT_THAT((*reader)->Execute("COMMIT"), IsOk());
  write(90);
  EXPECT_LT(stage_->Measure()->bytes, 1'000'000);
  EXPECT_THAT(stage_->TakeGivenUp(), IsEmpty());
  EXPECT_EQ(Table(1).floor, 0);
}

}  // namespace
}  // namespace mirror::stage_given_up_test
