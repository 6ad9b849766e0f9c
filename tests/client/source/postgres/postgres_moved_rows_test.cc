// What is given up of the log while a table's rows are read: nothing of it is lost without a word.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/client/source/postgres/postgres_log_source.h"

namespace mirror::postgres_moved_rows_test {
namespace {

using testing::HasSubstr;

class PostgresMovedRowsTest : public PostgresLogTest {
 protected:
  void Start() {
    Sql("CREATE TABLE t(id int PRIMARY KEY, a text); INSERT INTO t VALUES (1, 'a'), (2, 'b'), (3, 'c')");
    Install();
    Cycle();
  }
};

TEST_F(PostgresMovedRowsTest, ADefinitionThatChangesBehindTheLastRowLosesNothing) {
  Start();
  mirror_.clear();
  amid_ = [this] {
    Sql("INSERT INTO t VALUES (50, 'came behind the rows')");
    Sql("ALTER TABLE t ADD c int");
    Sql("UPDATE t SET a = 'by another definition' WHERE id = 1");
  };
  Cycle();
  EXPECT_EQ(mirror_["t"].action, "populate");
  Cycle();
  ExpectEqual();
}

TEST_F(PostgresMovedRowsTest, AStageThatIsFullWhileRowsAreReadLosesNothing) {
  options_.stage.max_bytes = 3'000'000;
  options_.stage.fold_bytes = 200'000;
  Start();
  mirror_.clear();
  amid_ = [this] {
    Sql("INSERT INTO t SELECT i, repeat(md5(i::text), 10) FROM generate_series(1000, 31000) i");
  };
  CycleAndExpect("t", "populate");
  CycleAndExpect("t", "nothing");
}

TEST_F(PostgresMovedRowsTest, AComparisonOfATableThatIsGivenUpMeanwhileIsMadeAnew) {
  Start();
  ASSERT_THAT(log_->Refresh(), IsOk());
  ASSERT_THAT(log_->Renew({"t"}), IsOk());
  const Lsn lsn = mirror_["t"].position.lsn;
  ASSERT_THAT(reader_->CountRows("t"), IsOkAndHolds(3U));
  Sql("UPDATE t SET a = 'differs' WHERE id = 2");
  const auto keys = log_->ChangedKeys("t", lsn);
  ASSERT_THAT(keys, IsOk());
  ASSERT_TRUE(keys->has_value());
  EXPECT_EQ((*keys)->size(), 1U);
  Sql("ALTER TABLE t ADD c int");
  Sql("UPDATE t SET a = 'by another definition' WHERE id = 1");
  EXPECT_THAT(log_->ChangedKeys("t", lsn),
              StatusIs(absl::StatusCode::kAborted, HasSubstr("lost staged changes while its rows")));
}

TEST_F(PostgresMovedRowsTest, RowsOfAStandbyAreNotTaken) {
  Start();
  // One of several hosts answers that is behind the one whose log was read.
  ASSERT_THAT(server_->StartAsStandby(), IsOk());
  absl::Status looked = reader_->Schema().status();
  // Sessions of before are broken.
  for (int i = 0; i < 5 && !looked.ok(); ++i) looked = reader_->Schema().status();
  ASSERT_THAT(looked, IsOk());
  EXPECT_THAT(reader_->CountRows("t"), StatusIs(absl::StatusCode::kUnavailable, HasSubstr("standby")));
  EXPECT_THAT(log_->Forget({}), StatusIs(absl::StatusCode::kUnavailable, HasSubstr("standby")));
}

}  // namespace
}  // namespace mirror::postgres_moved_rows_test
