// What a PostgreSQL database's change log costs, as its source's metrics show it.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/client/source/postgres/postgres_log_source.h"

namespace mirror::postgres_log_figures_test {
namespace {

class PostgresFiguresTest : public PostgresLogTest {
 protected:
  void Start() {
    Sql("CREATE TABLE t(id int PRIMARY KEY, a text); INSERT INTO t SELECT i, 'a' FROM generate_series(1, "
        "100) "
        "i");
    Install();
    Cycle();
  }
  std::int64_t Lag() { return log_->Figures().lag.value_or(-1); }
};

TEST_F(PostgresFiguresTest, WhatIsStagedAndDecodedIsCounted) {
  Start();
  Sql("UPDATE t SET a = 'b' WHERE id <= 30; UPDATE t SET a = 'c' WHERE id <= 20; DELETE FROM t WHERE id = 1");
  Cycle();
  const LogFigures figures = log_->Figures();
  EXPECT_EQ(figures.stage_rows, 30);
  EXPECT_GT(figures.stage_bytes.value_or(0), 0);
  EXPECT_EQ(figures.decoded, 51);
  EXPECT_EQ(figures.snapshot_wait, 0);
  EXPECT_FALSE(figures.safe) << "nothing bounds what the server keeps";
  EXPECT_FALSE(figures.until_purged) << "that is MariaDB's";
  ASSERT_TRUE(figures.retained && figures.unconfirmed);
  EXPECT_GT(*figures.retained, 0);
  EXPECT_GE(*figures.retained, *figures.unconfirmed);
}

TEST_F(PostgresFiguresTest, ALogThatIsNotReadFallsBehindAndComesUpAgain) {
  Start();
  const std::int64_t before = Lag();
  ASSERT_GE(before, 0);
  EXPECT_LT(before, 1'000'000);
  Close();
  Sql("INSERT INTO t SELECT i, repeat('x', 1000) FROM generate_series(1001, 6000) i");
  ASSERT_THAT(Open(), IsOk());  // Of a run that has not read it yet.
  const LogFigures behind = log_->Figures();
  EXPECT_GT(behind.lag.value_or(0), 5'000'000);
  EXPECT_GE(behind.retained.value_or(0), *behind.lag);
  EXPECT_EQ(behind.decoded, 0);
  Cycle();
  EXPECT_LT(Lag(), 1'000'000);
  EXPECT_EQ(log_->Figures().decoded, 5'000);
}

TEST_F(PostgresFiguresTest, WhatTheServerWouldStillKeepIsTold) {
  Start();
  Sql("ALTER SYSTEM SET max_slot_wal_keep_size = '64MB'");
  Sql("SELECT pg_reload_conf()");
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (!log_->Figures().safe && std::chrono::steady_clock::now() < until) Sql("SELECT pg_sleep(0.01)");
  const LogFigures figures = log_->Figures();
  ASSERT_TRUE(figures.safe);
  EXPECT_GT(*figures.safe, 16'000'000);
  EXPECT_LT(*figures.safe, 100'000'000);
}

TEST_F(PostgresFiguresTest, ATableThatWaitsForOpenTransactionsSaysForHowLong) {
  Start();
  Sql("CREATE TABLE late(id int PRIMARY KEY)");
  const auto other = Session();
  ASSERT_THAT(other->Execute("BEGIN; INSERT INTO late VALUES (1)"), IsOk());
  Install();
  snapshot_wait_ms_ = 100;
  Cycle();
  const double first = log_->Figures().snapshot_wait.value_or(0);
  EXPECT_GE(first, 0.1);
  Close();  // Another process goes on counting.
  Cycle();
  EXPECT_GE(log_->Figures().snapshot_wait.value_or(0), first + 0.1);
  ASSERT_THAT(other->Execute("COMMIT"), IsOk());
  CycleAndExpect("late", "populate");
  EXPECT_EQ(log_->Figures().snapshot_wait, 0);
}

TEST_F(PostgresFiguresTest, WhatCannotBeAskedIsAbsent) {
  Start();
  const auto stopped = log_.get();
  server_->Stop();
  const LogFigures figures = stopped->Figures();
  EXPECT_FALSE(figures.lag || figures.retained || figures.safe || figures.unconfirmed);
  EXPECT_TRUE(figures.stage_rows && figures.stage_bytes && figures.decoded);
}

}  // namespace
}  // namespace mirror::postgres_log_figures_test
