#include "tools/benchmarks/copy_table.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/support/postgres_database.h"
#include "tests/support/status_matchers.h"

namespace mirror::bench::copy_table_test {
namespace {

Step StepOf(const std::string& line) {
  const auto step = ReadStep(line);
  EXPECT_THAT(step, IsOk()) << line;
  return step.value_or(Step{});
}

class CopyTableTest : public PostgresDatabaseTest {
 protected:
  void Fill() override {
    auto opened = CopyTable::Open(conninfo_, &rows_);
    ASSERT_THAT(opened, IsOk());
    table_ = *std::move(opened);
  }
  std::int64_t Number(const std::string& sql) { return connection_->Number(sql).value_or(-1); }

  const BenchRows rows_{Shape{}};
  std::unique_ptr<CopyTable> table_;
};

TEST_F(CopyTableTest, ItWritesTheRowsOfTheStepIntoALoggedTableWithItsKey) {
  for (const char* line : {"populate count=7000", "populate count=12000 version=3",
                           "insert from=12001 count=100", "upsert from=11001 count=1100 version=4"}) {
    const auto done = table_->Run(StepOf(line));
    ASSERT_THAT(done, IsOk()) << line;
    EXPECT_EQ(done->rows, StepOf(line).count) << line;
  }
  EXPECT_EQ(Number("SELECT count(*) FROM public.contact_1"), 12'100);
  EXPECT_EQ(
      Number("SELECT count(*) FROM pg_class JOIN pg_index ON indrelid = pg_class.oid WHERE indisprimary "
             "AND relpersistence = 'p' AND relname = 'contact_1'"),
      1);
  for (const auto& [key, version] : {std::pair(11'000, 3U), std::pair(11'001, 4U)}) {
    const Value& owner = rows_.ValuesAt(rows_.Place(key, version))[0];
    const std::string sql = "SELECT owner_id FROM public.contact_1 WHERE contact_id = " + std::to_string(key);
    EXPECT_EQ(Number(sql), owner.integer) << key;
  }
}

TEST_F(CopyTableTest, EachFlushIsATransactionOfItsOwnThatReachesTheDisk) {
  const std::string flushed = "SELECT (pg_current_wal_flush_lsn() - '0/0')::bigint";
  const std::int64_t before = Number(flushed);
  const auto done = table_->Run(StepOf("sync count=20"));
  ASSERT_THAT(done, IsOk());
  EXPECT_EQ(done->call_us.size(), 20U);
  EXPECT_GT(Number(flushed), before);
}

TEST_F(CopyTableTest, WhatCopyCannotDoIsRefused) {
  EXPECT_THAT(table_->Run(StepOf("update count=1")), StatusIs(absl::StatusCode::kInvalidArgument));
  const BenchRows composite(Shape{.key = KeyKind::kComposite});
  EXPECT_THAT(CopyTable::Open(conninfo_, &composite), StatusIs(absl::StatusCode::kInvalidArgument));
}

}  // namespace
}  // namespace mirror::bench::copy_table_test
