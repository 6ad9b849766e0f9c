// A source in WAL mode does not pay for a slow mirror: what is read waits in the staging file, and the
// source's own log can be emptied as soon as all is read.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>

#include <chrono>
#include <filesystem>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "tests/endpoint/endpoint_fixture.h"
#include "tests/support/agent_bench.h"
#include "tests/support/processes.h"
#include "tests/support/source_words.h"

namespace mirror::staged_rows_test {
namespace {

constexpr char kRows[] =
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000) INSERT INTO people "
    "SELECT i, "
    "printf('%.100c', 'x'), zeroblob(i % 7) FROM n";

/// A connection of the application that is open all the time.
class OpenApplication {
 public:
  explicit OpenApplication(const std::string& path) {
    EXPECT_EQ(sqlite3_open(path.c_str(), &database_), SQLITE_OK);
  }
  ~OpenApplication() { sqlite3_close(database_); }
  OpenApplication(const OpenApplication&) = delete;
  OpenApplication& operator=(const OpenApplication&) = delete;

  void Run(const std::string& sql) {
    EXPECT_EQ(sqlite3_exec(database_, sql.c_str(), nullptr, nullptr, nullptr), SQLITE_OK)
        << sqlite3_errmsg(database_);
  }
  sqlite3* handle() { return database_; }

 private:
  sqlite3* database_ = nullptr;
};

class StagedRowsTest : public EndpointTest, public testing::WithParamInterface<const char*> {
 protected:
  void SetUp() override {
    Install();
    bench_ = std::make_unique<AgentBench>(*here_, "Cust", here_->dir() + "/source");
    bench_->source().strategy = StrategyNamed(GetParam());
    bench_->config().agent.batch_bytes = 10'000;
    // The rest is staged.
    bench_->read_ahead = 1;
    application_ = std::make_unique<OpenApplication>(bench_->path());
    application_->Run("PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0");
    application_->Run("CREATE TABLE people(id INTEGER PRIMARY KEY, name TEXT, photo BLOB)");
    application_->Run(kRows);
    if (bench_->source().strategy != Strategy::kCdc) return;
    ASSERT_THAT(bench_->Install(), IsOk());
  }

  /// Whether the whole log could be emptied before patience ended.
  bool EmptiesLog() {
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    while (sqlite3_wal_checkpoint_v2(application_->handle(), nullptr, SQLITE_CHECKPOINT_TRUNCATE, nullptr,
                                     nullptr) != SQLITE_OK) {
      if (std::chrono::steady_clock::now() > deadline) return false;
      std::this_thread::yield();
    }
    return true;
  }
  /// A cycle in which the mirror takes nothing behind its first rows until the application wrote, and emptied
  /// the log.
  CycleReport CycleBesideAWriter(const std::string& sql) {
    bool begun = false, emptied = false;
    bench_->on_rows = [&](const Work&) {
      if (std::exchange(begun, true)) return;
      application_->Run(sql);
      emptied = EmptiesLog();
    };
    CycleReport report = bench_->Run();
    bench_->on_rows = nullptr;
    EXPECT_TRUE(report.Good()) << Summary(report);
    EXPECT_TRUE(emptied) << "a reader kept the log";
    EXPECT_EQ(std::filesystem::exists(bench_->config().agent.state_dir + "/Cust.staging"), false);
    return report;
  }
  std::string Mirror(const std::string& sql) const { return bench_->mirror().Value(sql); }

  std::unique_ptr<AgentBench> bench_;
  std::unique_ptr<OpenApplication> application_;
};

INSTANTIATE_TEST_SUITE_P(Strategies, StagedRowsTest, testing::Values("synthetic", "cdc"),
                         [](const auto& test) { return std::string(test.param); });

TEST_P(StagedRowsTest, TheLogCanBeEmptiedAsSoonAsAllIsRead) {
  EXPECT_EQ(ReportOf(CycleBesideAWriter("UPDATE people SET name = 'later' WHERE id > 2990"), "people").action,
            TableReport::Action::kPopulate);
  bench_->Run();
  EXPECT_EQ(bench_->Difference(), "");
  application_->Run(
      "UPDATE people SET name = 'changed ' || id || name WHERE id <= 2500; DELETE FROM people WHERE "
      "id BETWEEN 2600 AND 2700");
  const CycleReport report = CycleBesideAWriter("UPDATE people SET name = 'too late' WHERE id = 2500");
  EXPECT_EQ(ReportOf(report, "people").action, TableReport::Action::kChanges);
  EXPECT_EQ(Mirror("SELECT count(*) FROM people WHERE name = 'too late'"), "0") << "it is of one moment";
  EXPECT_EQ(Mirror("SELECT count(*) FROM people WHERE name LIKE 'changed%'"), "2500");
  EXPECT_EQ(Mirror("SELECT count(*) FROM people"), "2899");
  bench_->Run();
  EXPECT_EQ(bench_->Difference(), "");
}

TEST_P(StagedRowsTest, WhatIsComparedIsWhatWasSent) {
  bench_->Run();
  application_->Run("UPDATE people SET photo = x'01' WHERE id <= 2000");
  bench_->verify = true;
  bool begun = false;
  bench_->on_rows = [&](const Work&) {
    if (std::exchange(begun, true)) return;
    application_->Run("UPDATE people SET name = 'meanwhile' WHERE id > 1000");
  };
  const CycleReport report = bench_->Run();
  bench_->on_rows = nullptr;
  EXPECT_TRUE(report.Good()) << Summary(report);
  EXPECT_EQ(ReportOf(report, "people").equality, TableReport::Equality::kEqual);
  EXPECT_EQ(ReportOf(report, "people").repaired, 0U);
  bench_->verify = false;
  bench_->Run();
  EXPECT_EQ(bench_->Difference(), "");
}

TEST_P(StagedRowsTest, AKillLeavesNothingStagedAndTheNextCycleSendsTheRest) {
  bench_->Run();
  application_->Run("UPDATE people SET name = 'changed ' || id WHERE id <= 2500");
  int pieces = 0;
  bench_->on_rows = [&](const Work&) {
    if (++pieces == 3) throw AgentDies{};
  };
  CycleReport report;
  EXPECT_FALSE(bench_->RunUntilDeath(&report));
  bench_->on_rows = nullptr;
  EXPECT_EQ(std::filesystem::exists(bench_->config().agent.state_dir + "/Cust.staging"), false);
  application_->Run("UPDATE people SET name = 'again' WHERE id < 50");
  EXPECT_TRUE(bench_->Run().Good());
  EXPECT_EQ(bench_->Difference(), "");
}

}  // namespace
}  // namespace mirror::staged_rows_test
