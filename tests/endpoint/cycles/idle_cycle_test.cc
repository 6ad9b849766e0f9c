// Cycles of the real agent in which nothing changed: what they write to the mirror's log, and what a kill of
// the server behind them leaves.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "tests/endpoint/endpoint_fixture.h"
#include "tests/server/tenant/log_frames.h"
#include "tests/support/agent_bench.h"

namespace mirror::idle_cycle_test {
namespace {

using testing::IsEmpty;

constexpr char kTables[] =
    "PRAGMA journal_mode = WAL; CREATE TABLE people(id INTEGER PRIMARY KEY, name TEXT); INSERT INTO people "
    "VALUES(1, 'a'), (2, 'b'); CREATE TABLE quiet(id INTEGER PRIMARY KEY); INSERT INTO quiet VALUES(1)";

class IdleCycleTest : public EndpointTest {
 protected:
  void Begin(const std::string& toml = "") {
    Install({.more_toml = toml});
    bench_ = std::make_unique<AgentBench>(*here_, "Cust", here_->dir() + "/source");
    Sql(kTables);
    ASSERT_THAT(bench_->Install(), IsOk());
    Cycle();
  }
  void Sql(const std::string& sql) { ASSERT_EQ(bench_->Sql(sql), ""); }
  CycleReport Cycle() {
    CycleReport report = bench_->Run();
    EXPECT_TRUE(report.Good()) << Summary(report);
    EXPECT_EQ(bench_->Difference(), "") << Summary(report);
    return report;
  }
  std::string Log() const { return LogFrames(here_->mirror_path()); }
  void StartAgain() {
    ASSERT_THAT(here_->Start(), IsOk());
    bench_->Connect();
  }

  std::unique_ptr<AgentBench> bench_;
};

TEST_F(IdleCycleTest, WritesNothingToTheMirrorsLog) {
  Begin("[[tenant]]\ncontext_id = \"*\"\nfreshness = \"1h\"\n");
  const std::string log = Log();
  for (int i = 0; i < 6; ++i) {
    Cycle();
    EXPECT_EQ(Log().size(), log.size()) << "bytes, behind idle cycle " << i + 1;
  }
  EXPECT_TRUE(Log() == log);
  Sql("UPDATE people SET name = 'c' WHERE id = 1");
  Cycle();
  const std::string changed = Log();
  EXPECT_FALSE(changed == log);
  for (int i = 0; i < 3; ++i) Cycle();
  EXPECT_TRUE(Log() == changed);
}

TEST_F(IdleCycleTest, WhatItLeavesIsThereAfterARestart) {
  Begin();
  for (int i = 0; i < 3; ++i) Cycle();
  const std::string nonces = "SELECT count(*) FROM _mirror_nonces";
  EXPECT_EQ(here_->mirror().Value(nonces), "1");
  ASSERT_THAT(here_->Restart(), IsOk());
  EXPECT_EQ(here_->mirror().Value(nonces), "4") << "a token that was used is known";
  bench_->Connect();
  Cycle();
  EXPECT_THAT(Events("source.restored"), IsEmpty());
  EXPECT_THAT(Events("cycle.failed"), IsEmpty());
}

TEST_F(IdleCycleTest, AKillBehindItCostsNoRowAndNoPopulation) {
  Begin();
  for (int i = 0; i < 3; ++i) Cycle();
  here_->Kill();
  Sql("UPDATE people SET name = 'c' WHERE id = 1; INSERT INTO quiet VALUES(2)");
  StartAgain();
  const CycleReport report = Cycle();
  for (const char* const table : {"people", "quiet"}) {
    EXPECT_EQ(ReportOf(report, table).action, TableReport::Action::kChanges) << Summary(report);
  }
  for (int i = 0; i < 3; ++i) Cycle();
  here_->Kill();
  StartAgain();
  EXPECT_EQ(ReportOf(Cycle(), "people").action, TableReport::Action::kNone);
  for (const char* const kind : {"source.restored", "table.repopulate", "cycle.failed", "table.differs"}) {
    EXPECT_THAT(Events(kind), IsEmpty()) << kind;
  }
}

TEST_F(IdleCycleTest, AMirrorThatWasRestoredBehindItCatchesUp) {
  Begin();
  Cycle();
  ASSERT_EQ(bench_->SaveMirror("old.db"), "");
  Sql("UPDATE people SET name = 'c' WHERE id = 1");
  Cycle();
  for (int i = 0; i < 3; ++i) Cycle();
  here_->Kill();
  ASSERT_EQ(bench_->RestoreMirror("old.db", By::kMove), "");
  StartAgain();
  Cycle();
  EXPECT_EQ(bench_->mirror().Value("SELECT name FROM people WHERE id = 1"), "c");
}

TEST_F(IdleCycleTest, ASourceThatWasRestoredBehindItIsFound) {
  Begin();
  ASSERT_EQ(bench_->Save("old.db"), "");
  Sql("UPDATE people SET name = 'c' WHERE id = 1");
  Cycle();
  for (int i = 0; i < 3; ++i) Cycle();
  here_->Kill();
  ASSERT_EQ(bench_->Restore("old.db", By::kMove), "");
  Sql("UPDATE people SET name = 'd' WHERE id = 2; UPDATE people SET name = 'e' WHERE id = 2");
  StartAgain();
  EXPECT_EQ(ReportOf(Cycle(), "people").action, TableReport::Action::kPopulate);
}

TEST_F(IdleCycleTest, ReceiptsVerifyBehindAKill) {
  Begin();
  Cycle();
  here_->Kill();
  StartAgain();
  Sql("UPDATE people SET name = 'c' WHERE id = 1");
  const CycleReport report = Cycle();
  EXPECT_THAT(report.notes, IsEmpty());
}

}  // namespace
}  // namespace mirror::idle_cycle_test
