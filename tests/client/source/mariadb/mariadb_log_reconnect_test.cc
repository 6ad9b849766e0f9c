// Which tables are staged when the stream of the binlog is begun again.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <thread>

#include "client/source/mariadb/mariadb_log_facts.h"
#include "tests/client/source/mariadb/mariadb_log_source.h"

namespace mirror::mariadb_log_reconnect_test {
namespace {

class MariadbReconnect : public MariadbOwnLogTest {
 protected:
  std::int64_t Stream() {
    return connection_
        ->Number(
            "SELECT COALESCE(MAX(ID), 0) FROM information_schema.PROCESSLIST WHERE COMMAND = 'Binlog Dump'")
        .value_or(0);
  }
  /// Ends the stream, and returns when there is another one.
  void EndStream() {
    const std::int64_t before = Stream();
    ASSERT_GT(before, 0);
    Sql(absl::StrCat("KILL CONNECTION ", before));
    std::int64_t now = 0;
    for (int i = 0; i < 3'000 && now <= before; ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
      now = Stream();
    }
    ASSERT_GT(now, before);
    // It is at the end of the binlog.
    ASSERT_THAT(staging_->StageToMarker(nullptr), IsOk());
  }
};

TEST_F(MariadbReconnect, ATableThatIsBegunWhileTheStreamEndsIsStaged) {
  Start();
  // What Renew() does with a new table, with the stream's end between its steps.
  const auto tables = staging_->stage().Tables();
  ASSERT_THAT(tables, IsOk());
  ASSERT_EQ(tables->size(), 1U);
  StagedTable table = tables->front();
  const std::string fingerprint = std::exchange(table.fingerprint, "");
  ASSERT_THAT(staging_->stage().SetTable(table), IsOk());
  ASSERT_NO_FATAL_FAILURE(EndStream());
  const auto marker = staging_->StageToMarker(nullptr);
  ASSERT_THAT(marker, IsOk());
  ASSERT_THAT(staging_->stage().RaiseFloor(table.id, marker->lsn, "it is new in the log"), IsOk());
  table.fingerprint = fingerprint;
  ASSERT_THAT(staging_->stage().SetTable(table), IsOk());
  CycleAndExpect("t", "compare");
  Sql("UPDATE t SET a = 'behind' WHERE id = 1");
  CycleAndExpect("t", "changes");
}

TEST_F(MariadbReconnect, ATableThatIsAnotherOneForAMomentIsStillStaged) {
  Start();
  Sql("RENAME TABLE t TO away");
  ASSERT_NO_FATAL_FAILURE(EndStream());
  Sql("RENAME TABLE away TO t", "UPDATE t SET a = 'amid' WHERE id = 1");
  Cycle();
  ExpectEqual();
  Sql("UPDATE t SET a = 'behind' WHERE id = 2");
  CycleAndExpect("t", "changes");
}

TEST_F(MariadbReconnect, ATableThatWasAnotherOneAtTheBeginIsCompared) {
  Start();
  Close();
  Sql("RENAME TABLE t TO away");
  ASSERT_THAT(Open(), IsOk());
  ASSERT_THAT(log_->Refresh(), IsOk());
  Sql("RENAME TABLE away TO t", "UPDATE t SET a = 'amid' WHERE id = 1");
  CycleAndExpect("t", "compare");
  Sql("UPDATE t SET a = 'behind' WHERE id = 2");
  CycleAndExpect("t", "changes");
}

TEST_F(MariadbReconnect, OneProcessStagesAtATimeAndTheOtherOneIsNamed) {
  Start();
  const std::string path = folder_ / "Cust.stage.db";
  MariadbStagingOptions options = options_;
  options.access = access_;
  options.stage.path = path;
  options.lock_within = std::chrono::milliseconds(100);
  {
    const auto other = MariadbStaging::Open(options);
    ASSERT_THAT(other, IsOk());
    EXPECT_THAT((*other)->StageToMarker(nullptr).status(),
                StatusIs(absl::StatusCode::kUnavailable,
                         testing::AllOf(testing::HasSubstr(absl::StrCat("process ", getpid())),
                                        testing::HasSubstr(path + ".lock"))));
  }
  Sql("UPDATE t SET a = 'undisturbed' WHERE id = 1");
  CycleAndExpect("t", "changes");
  Close();
  const auto other = MariadbStaging::Open(options);
  ASSERT_THAT(other, IsOk());
  EXPECT_THAT((*other)->StageToMarker(nullptr), IsOk());
}

}  // namespace
}  // namespace mirror::mariadb_log_reconnect_test
