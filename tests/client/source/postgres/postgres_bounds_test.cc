// What an agent that follows a PostgreSQL database's log keeps small, and what it tells when it cannot.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <thread>

#include "tests/client/source/heap_bytes.h"
#include "tests/client/source/postgres/postgres_log_source.h"

namespace mirror::postgres_bounds_test {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::Not;

constexpr std::int64_t kMegabyte = 1'000'000;

/// Of the nightly size, or this one.
std::int64_t SizeFromEnvironment(const char* name, std::int64_t other) {
  const char* const value = std::getenv(name);
  return value == nullptr ? other : std::strtoll(value, nullptr, 10);
}

class PostgresBoundsTest : public PostgresLogTest {
 protected:
  void Start(const std::string& columns = "id int PRIMARY KEY, a text") {
    Sql(absl::StrCat("CREATE TABLE t(", columns, ")"));
    Sql("INSERT INTO t(id) SELECT i FROM generate_series(1, 100) i");
    Install();
    Cycle();
  }
  static void WaitUntil(const std::string& what, const std::function<bool()>& is_so) {
    // A megabyte of log a second is little.
    const std::chrono::seconds within(90 + SizeFromEnvironment("MIRROR_TEST_WAL_MB", 0));
    const auto until = std::chrono::steady_clock::now() + within;
    while (!is_so()) {
      ASSERT_LT(std::chrono::steady_clock::now(), until) << what;
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
  }
  std::int64_t Number(const std::string& sql) {
    const auto number = connection_->Number(sql);
    EXPECT_THAT(number, IsOk()) << sql;
    return number.value_or(-1);
  }
  std::int64_t Written() { return Number("SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::int8"); }
  std::int64_t Retained() { return log_->Figures().retained.value_or(-1); }
  std::string AllNotes() { return absl::StrJoin(notes_, "\n"); }
};

TEST_F(PostgresBoundsTest, AnEndpointThatIsDownUnderLoadCostsTheSourceNoLog) {
  options_.mark_bytes = kMegabyte;
  Start();
  // No cycle from here on; the application writes without a pause, but no faster than this machine can read.
  std::atomic<bool> ends = false;
  std::thread writer([this, &ends] {
    const auto session = Session();
    const auto is_ahead = [&] {
      const auto written = session->Number("SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::int8");
      return written.ok() && *written > staging_->counts().confirmed_lsn + 8 * kMegabyte;
    };
    while (!ends) {
      EXPECT_THAT(session->Execute("UPDATE t SET a = repeat(md5(random()::text), 30)"), IsOk());
      while (!ends && is_ahead()) std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
  });
  const std::int64_t before = Written();
  // What was confirmed the server drops at its next checkpoint.
  const auto checkpoints = Session();
  const std::int64_t load = SizeFromEnvironment("MIRROR_TEST_WAL_MB", 30) * kMegabyte;
  WaitUntil("the load", [&] {
    EXPECT_THAT(checkpoints->Execute("CHECKPOINT"), IsOk());
    return Written() > before + load;
  });
  WaitUntil("the log to be dropped while it is written", [&] {
    EXPECT_THAT(checkpoints->Execute("CHECKPOINT"), IsOk());
    return Retained() < 15 * kMegabyte;
  });
  ends = true;
  writer.join();
  CycleAndExpect("t", "changes");
  EXPECT_LT(log_->Figures().lag.value_or(-1), 15 * kMegabyte);
}

TEST_F(PostgresBoundsTest, ASlowEndpointKeepsNoLogBack) {
  options_.mark_bytes = 100'000;
  Start();
  Sql("INSERT INTO t SELECT i, 'a' FROM generate_series(1000, 3000) i");
  mirror_.clear();
  amid_ = [this] {
    // Rows are being sent.
    Sql("UPDATE t SET a = repeat(md5(id::text), 30)");
    const std::int64_t written = Written();
    WaitUntil("it to be staged and confirmed", [&] {
      Sql("UPDATE t SET a = 'x' WHERE id = 1");
      return staging_->counts().confirmed_lsn > written;
    });
  };
  CycleAndExpect("t", "populate");
  CycleAndExpect("t", "nothing");
}

TEST_F(PostgresBoundsTest, AFullStageGivesUpItsLargestTableAndSaysSo) {
  options_.stage.max_bytes = 3 * kMegabyte;
  options_.stage.fold_bytes = 200'000;
  Sql("CREATE TABLE small(id int PRIMARY KEY, a text); INSERT INTO small VALUES (1, 'a'), (2, 'b')");
  Start();
  Sql("UPDATE small SET a = 'c' WHERE id = 1");
  Sql("INSERT INTO t SELECT i, repeat(md5(i::text), 10) FROM generate_series(1000, 31000) i");
  Cycle();
  EXPECT_EQ(mirror_["t"].action, "compare") << mirror_["t"].words;
  EXPECT_EQ(mirror_["small"].action, "changes");
  ExpectEqual();
  EXPECT_THAT(AllNotes(),
              AllOf(HasSubstr("'t'"), HasSubstr("compared with the mirror"), Not(HasSubstr("'small'"))));
  EXPECT_LT(log_->Figures().stage_bytes.value_or(-1), 8 * kMegabyte);
  Sql("UPDATE t SET a = 'again' WHERE id < 1100");
  CycleAndExpect("t", "changes");
}

TEST_F(PostgresBoundsTest, AQueueThatChurnsGivesNothingUp) {
  options_.stage.max_bytes = 3 * kMegabyte;
  options_.stage.fold_bytes = 100'000;
  Start();
  std::int64_t next = 1'000;
  for (int round = 0; round < 8; ++round) {
    // A row comes, is worked on, and goes; what waits is a handful.
    Sql(absl::StrCat(
        "DO $$ BEGIN FOR i IN ", next, "..", next + 2'000,
        " LOOP INSERT INTO t VALUES (i, repeat('x', 100)); UPDATE t SET a = 'done' WHERE id = i; "
        "DELETE FROM t WHERE id = i - 5 AND id >= 1000; END LOOP; END $$"));
    next += 2'001;
    CycleAndExpect("t", "changes");
    EXPECT_THAT(AllNotes(), "");
  }
  EXPECT_LT(log_->Figures().stage_bytes.value_or(-1), 8 * kMegabyte);
  CycleAndExpect("t", "nothing");
}

TEST_F(PostgresBoundsTest, OneLargeTransactionTakesLittleMemory) {
  const std::int64_t rows = SizeFromEnvironment("MIRROR_TEST_TRANSACTION_ROWS", 100'000);
  options_.stage.fold_bytes = 4'000'000;
  Start();
  HeapPeak memory;
  Sql(absl::StrCat("INSERT INTO t SELECT i, repeat(md5(i::text), 10) FROM generate_series(1000, ", rows + 999,
                   ") i"));
  ASSERT_THAT(log_->Refresh(), IsOk());
  // Its rows alone are 32 MB of each 100,000.
  EXPECT_LT(memory.Grown(), 60U * kMegabyte);
  EXPECT_EQ(log_->Figures().stage_rows, rows);
  if (rows <= 200'000) CycleAndExpect("t", "changes");
}

TEST_F(PostgresBoundsTest, ALargeValueTakesAFewTimesItsSize) {
  const std::int64_t megabytes = SizeFromEnvironment("MIRROR_TEST_BYTEA_MB", 16);
  Start("id int PRIMARY KEY, a text, b bytea");
  HeapPeak memory;
  Sql(absl::StrCat("INSERT INTO t(id, b) VALUES (1000, decode(repeat('a1b2c3d4', ", megabytes,
                   " * 250000), 'hex'))"));
  ASSERT_THAT(log_->Refresh(), IsOk());
  // Of a value the log has two characters for each byte, and whole.
  EXPECT_LT(memory.Grown(), static_cast<std::size_t>(50 + 12 * megabytes) * kMegabyte);
  if (megabytes <= 16) CycleAndExpect("t", "changes");
}

TEST_F(PostgresBoundsTest, AWriterThatIsLeftOpenHoldsNoOtherUp) {
  Start();
  const auto open = Session();
  ASSERT_THAT(open->Execute("BEGIN; UPDATE t SET a = 'left open' WHERE id = 1"), IsOk());
  const auto prepared = Session();
  ASSERT_THAT(
      prepared->Execute("BEGIN; UPDATE t SET a = 'forgotten' WHERE id = 2; PREPARE TRANSACTION 'forgotten'"),
      IsOk());
  for (int i = 3; i < 8; ++i) {
    Sql(absl::StrCat("UPDATE t SET a = 'goes on' WHERE id = ", i));
    CycleAndExpect("t", "changes");
  }
  mirror_.clear();
  CycleAndExpect("t", "populate");
  // The source keeps what they have written; what was committed behind it is confirmed.
  const LogFigures figures = log_->Figures();
  EXPECT_GT(figures.unconfirmed.value_or(0), 0);
  EXPECT_LT(figures.lag.value_or(-1), kMegabyte);
  ASSERT_THAT(open->Execute("COMMIT"), IsOk());
  CycleAndExpect("t", "changes");
  ASSERT_THAT(open->Execute("COMMIT PREPARED 'forgotten'"), IsOk());
  CycleAndExpect("t", "changes");
  EXPECT_EQ(mirror_["t"].rows.at("i:2|")[1], "t:forgotten");
}

TEST_F(PostgresBoundsTest, OfTwoProcessesOneReadsTheSlotAndBothGoOn) {
  Start();
  const std::shared_ptr<PostgresStaging> first = staging_;
  Close();
  Sql("UPDATE t SET a = 'b' WHERE id = 1");
  CycleAndExpect("t", "changes");  // Of another process, while the first one has the slot.
  EXPECT_EQ(Number("SELECT count(*) FROM pg_replication_slots WHERE active"), 1);
  Sql("UPDATE t SET a = 'c' WHERE id = 2");
  CycleAndExpect("t", "changes");
}

TEST_F(PostgresBoundsTest, ASlotThatAnotherStageIsFilledFromIsNotShared) {
  Start();
  const std::shared_ptr<PostgresStaging> first = staging_;
  Close();
  options_.marker_within = std::chrono::milliseconds(300);
  const TempFolder other;
  PostgresStagingOptions options = options_;
  options.access = access_;
  options.slot = options.publication = kName;
  options.stage.path = other / "Cust.stage.db";
  const auto second = PostgresStaging::Open(options);
  ASSERT_THAT(second, IsOk());
  (*second)->SetTables({});
  const absl::Status staged = (*second)->StageToMarker(nullptr).status();
  EXPECT_FALSE(staged.ok());
  EXPECT_THAT(std::string(staged.message()), HasSubstr("_mirror_cust")) << staged;
}

}  // namespace
}  // namespace mirror::postgres_bounds_test
