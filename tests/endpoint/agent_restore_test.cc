// Restores with the real agent and a real server: the reason that the agent gives for what it sends, and a
// mirror that equals its source afterwards. Then moments within a cycle at which rows could be lost.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <iostream>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/support/agent_bench.h"
#include "tests/support/places.h"
#include "tests/support/status_matchers.h"

namespace mirror::agent_restore_test {
namespace {

using testing::HasSubstr;

constexpr char kTables[] =
    "CREATE TABLE people(id INTEGER PRIMARY KEY, name TEXT); INSERT INTO people VALUES(1, 'a'), (2, 'b');"
    "CREATE TABLE quiet(id INTEGER PRIMARY KEY); INSERT INTO quiet VALUES(1)";

class AgentTest : public testing::Test {
 protected:
  AgentTest() : here_(Installation::Make({.bin_dir = BinDir()}).value()) {
    bench_ = std::make_unique<AgentBench>(*here_, "Cust", here_->dir() + "/source");
  }
  void TearDown() override {
    if (HasFailure()) std::cerr << here_->ServerLog();
  }

  void Begin(const std::string& sql = kTables, const std::string& journal = "WAL") {
    Sql("PRAGMA journal_mode = " + journal + "; " + sql);
    ASSERT_THAT(bench_->Install(), IsOk());
    Cycle();
  }
  void Sql(const std::string& sql) { ASSERT_EQ(bench_->Sql(sql), ""); }
  /// Must end well, and then the mirror equals the source.
  CycleReport Cycle() {
    CycleReport report = bench_->Run();
    if (report.outcome != Outcome::kDone) report = bench_->Run();  // A replaced mirror is noticed first.
    EXPECT_TRUE(report.Good()) << Summary(report);
    EXPECT_EQ(bench_->Difference(), "") << Summary(report);
    return report;
  }

  std::unique_ptr<Installation> here_;
  std::unique_ptr<AgentBench> bench_;
};

// --- Restores between and within cycles ---

struct RestoreCase {
  std::string name;
  std::function<void(AgentBench&)> happens;
  TableReport::Action action = TableReport::Action::kPopulate;  ///< Of 'people'.
  std::string reason;                                           ///< A part of it.
  TableReport::Action quiet = TableReport::Action::kNone;       ///< Action of the other table.
};

void PrintTo(const RestoreCase& test, std::ostream* out) { *out << test.name; }

/// When the mirror has applied the first rows: the stream that the agent leaves behind may take the others
/// with it.
void Die(AgentBench& bench) {
  bench.on_rows = [&](const Work&) {
    const MirrorFile mirror = bench.mirror();
    const std::string begun =
        absl::StrCat("SELECT count(*) FROM ", mirror.metadata(), " WHERE pending_lineage <> ''");
    while (mirror.Value(begun) == "0") std::this_thread::yield();
    throw AgentDies();
  };
  CycleReport report;
  EXPECT_FALSE(bench.RunUntilDeath(&report)) << Summary(report);
  bench.on_rows = nullptr;
}

void Change(AgentBench& bench, const std::string& sql) { EXPECT_EQ(bench.Sql(sql), ""); }

void Mirrored(AgentBench& bench, const std::string& sql) {
  Change(bench, sql);
  const CycleReport report = bench.Run();
  EXPECT_TRUE(report.Good()) << Summary(report);
}

std::vector<RestoreCase> RestoreCases() {
  const std::string insert = "INSERT INTO people(name) VALUES('x')";
  return {
      {.name = "OlderThanTheMirror",
       .happens =
           [=](AgentBench& bench) {
             EXPECT_EQ(bench.Save("backup"), "");
             Mirrored(bench, insert);
             EXPECT_EQ(bench.Restore("backup", By::kCopy), "");
           },
       .reason = "ahead of this source"},
      {.name = "CamouflagedByMoreChanges",
       .happens =
           [=](AgentBench& bench) {
             EXPECT_EQ(bench.Save("backup"), "");
             Mirrored(bench, insert);
             EXPECT_EQ(bench.Restore("backup", By::kMove), "");
             for (int i = 0; i < 5; ++i) Change(bench, "UPDATE people SET name = name || 'y'");
           },
       .reason = "did not send"},
      {.name = "CamouflagedByOneChangeThroughTheBackupInterface",
       .happens =
           [=](AgentBench& bench) {
             EXPECT_EQ(bench.Save("backup"), "");
             Mirrored(bench, insert);
             EXPECT_EQ(bench.Restore("backup", By::kBackup), "");
             Change(bench, "DELETE FROM people WHERE id = 1");
           },
       .reason = "did not send"},
      {.name = "WhileACycleLaysDead",
       .happens =
           [=](AgentBench& bench) {
             EXPECT_EQ(bench.Save("backup"), "");
             bench.config().agent.batch_bytes = 1'000;
             Change(bench,
                    "INSERT INTO people(name) SELECT printf('%.900c', 'x') FROM (VALUES(1), (2), (3))");
             Die(bench);
             EXPECT_EQ(bench.Restore("backup", By::kCopy), "");
           },
       .reason = "an unfinished cycle"},
      {.name = "DeadCycleAndNotRestored",
       .happens =
           [=](AgentBench& bench) {
             bench.config().agent.batch_bytes = 1'000;
             Change(bench,
                    "INSERT INTO people(name) SELECT printf('%.900c', 'x') FROM (VALUES(1), (2), (3))");
             Die(bench);
           },
       .action = TableReport::Action::kChanges,
       .reason = ""},
      {.name = "RestoredMirror",
       .happens =
           [=](AgentBench& bench) {
             EXPECT_EQ(bench.SaveMirror("mirror"), "");
             Mirrored(bench, insert);
             Mirrored(bench, "DELETE FROM people WHERE id = 2");
             EXPECT_EQ(bench.RestoreMirror("mirror", By::kMove), "");
           },
       .action = TableReport::Action::kChanges,
       .reason = ""},
      {.name = "RestoredMirrorBehindATrimmedLog",
       .happens =
           [=](AgentBench& bench) {
             bench.source().retention_ms = -1'000;
             EXPECT_EQ(bench.SaveMirror("mirror"), "");
             for (int i = 0; i < 3; ++i) Mirrored(bench, insert);
             EXPECT_EQ(bench.RestoreMirror("mirror", By::kMove), "");
           },
       .reason = "no longer on record"},
      {.name = "BothRestoredToTheSameMoment",
       .happens =
           [=](AgentBench& bench) {
             EXPECT_EQ(bench.Save("backup"), "");
             EXPECT_EQ(bench.SaveMirror("mirror"), "");
             Mirrored(bench, insert);
             EXPECT_EQ(bench.Restore("backup", By::kMove), "");
             EXPECT_EQ(bench.RestoreMirror("mirror", By::kMove), "");
             Change(bench, "DELETE FROM people WHERE id = 2");
           },
       .action = TableReport::Action::kChanges,
       .reason = ""},
      {.name = "BothRestoredTheMirrorToALaterMoment",
       .happens =
           [=](AgentBench& bench) {
             EXPECT_EQ(bench.Save("backup"), "");
             Mirrored(bench, insert);
             EXPECT_EQ(bench.SaveMirror("mirror"), "");
             Mirrored(bench, insert);
             EXPECT_EQ(bench.Restore("backup", By::kMove), "");
             Mirrored(bench, "DELETE FROM people WHERE id = 2");
             EXPECT_EQ(bench.RestoreMirror("mirror", By::kMove), "");
           },
       .reason = "did not send"},
      {.name = "ToBeforeAColumnWasAddedAndBack",
       .happens =
           [=](AgentBench& bench) {
             Mirrored(bench, "CREATE TABLE a(id INTEGER PRIMARY KEY); INSERT INTO a VALUES(1)");
             EXPECT_EQ(bench.Save("before"), "");
             Mirrored(bench,
                      "ALTER TABLE people ADD COLUMN note; UPDATE people SET note = 'n' WHERE id = 1;"
                      "INSERT INTO a VALUES(2)");
             EXPECT_EQ(bench.Save("after"), "");
             EXPECT_EQ(bench.Restore("before", By::kMove), "");
             // The column is gone from the mirror, and nothing else happened to the table.
             bench.on_rows = [](const Work& work) {
               EXPECT_EQ(work.table, "a");
               throw AgentDies();
             };
             CycleReport report;
             EXPECT_FALSE(bench.RunUntilDeath(&report)) << Summary(report);
             bench.on_rows = nullptr;
             EXPECT_EQ(bench.Restore("after", By::kMove), "");
           },
       .reason = "'note' was dropped here and is back"},
      {.name = "MoreChangesThanTheLogMayHold",
       .happens =
           [=](AgentBench& bench) {
             bench.source().max_log = 3;
             for (int i = 0; i < 5; ++i) Change(bench, insert);
           },
       .reason = "no longer on record"},
      {.name = "LsnSetToMinusOne",
       .happens =
           [=](AgentBench& bench) {
             EXPECT_EQ(bench.mirror().Execute("UPDATE " + bench.mirror().metadata() +
                                              " SET lsn = -1 WHERE table_name = 'people'"),
                       "");
           },
       .reason = "LSN -1"},
      {.name = "LsnSetBeyondAnyThatWasSent",
       .happens =
           [=](AgentBench& bench) {
             EXPECT_EQ(bench.mirror().Execute("UPDATE " + bench.mirror().metadata() +
                                              " SET lsn = 900 WHERE table_name = 'people'"),
                       "");
           },
       .reason = "did not send"},
  };
}

class AgentRestoreTest : public AgentTest, public testing::WithParamInterface<RestoreCase> {};

TEST_P(AgentRestoreTest, IsRecognisedForItsReasonAndTheMirrorEqualsTheSource) {
  ASSERT_NO_FATAL_FAILURE(Begin());
  GetParam().happens(*bench_);
  const CycleReport report = Cycle();
  EXPECT_EQ(ReportOf(report, "people").action, GetParam().action) << Summary(report);
  EXPECT_THAT(ReportOf(report, "people").reason, HasSubstr(GetParam().reason));
  EXPECT_EQ(ReportOf(report, "quiet").action, GetParam().quiet) << Summary(report);
}

INSTANTIATE_TEST_SUITE_P(Cases, AgentRestoreTest, testing::ValuesIn(RestoreCases()),
                         [](const auto& test) { return test.param.name; });

// --- Moments ---

TEST_F(AgentTest, KeysThatDifferInTypeOnlyAreDeletedTogether) {
  ASSERT_NO_FATAL_FAILURE(Begin("CREATE TABLE t(k PRIMARY KEY, v); INSERT INTO t VALUES(3, 'a'), (4, 'b')"));
  Sql("UPDATE t SET k = 3.0 WHERE k = 3; DELETE FROM t WHERE k = 3");
  EXPECT_EQ(ReportOf(Cycle(), "t").deletes, 1U);
}

TEST_F(AgentTest, ARowWithoutAKeyThatCameAndWentIsNoObstacle) {
  ASSERT_NO_FATAL_FAILURE(Begin("CREATE TABLE t(k TEXT PRIMARY KEY, v); INSERT INTO t VALUES('a', 1)"));
  Sql("INSERT INTO t VALUES(NULL, 2); DELETE FROM t WHERE k IS NULL; INSERT INTO t VALUES('b', 3)");
  EXPECT_EQ(ReportOf(Cycle(), "t").action, TableReport::Action::kChanges);
  Sql("INSERT INTO t VALUES(NULL, 2)");
  EXPECT_EQ(ReportOf(Cycle(), "t").action, TableReport::Action::kPopulate);
  Sql("DELETE FROM t WHERE k IS NULL");
  Cycle();
}

/// What a table without net changes showed while it was read is behind the position that its commit carries.
class OneMomentTest : public AgentTest, public testing::WithParamInterface<std::string> {
 protected:
  /// Rows that fill several requests.
  static std::string Many(const std::string& insert) {
    return insert +
           "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2500) "
           "SELECT printf('%d%.200c', i, 'x'), i FROM n";
  }
};

TEST_P(OneMomentTest, AKeylessTableThatIsChangedWhileItIsReadIsOfOneMoment) {
  ASSERT_NO_FATAL_FAILURE(Begin("CREATE TABLE t(a, b)", GetParam()));
  Sql(Many("INSERT INTO t "));
  bench_->config().agent.batch_bytes = 100'000;
  int calls = 0;
  bench_->on_rows = [&](const Work&) {
    // The first row goes, a last one comes: half of it would be a state that never was.
    if (++calls == 1) Sql("DELETE FROM t WHERE b = 1; INSERT INTO t VALUES('last', 2501)");
  };
  const CycleReport report = bench_->Run();
  EXPECT_TRUE(report.Good()) << Summary(report);
  EXPECT_GT(calls, 1);
  EXPECT_EQ(bench_->mirror().Value("SELECT count(*) FROM t WHERE b IN (1, 2501)"), "1");
  bench_->on_rows = nullptr;
  Cycle();
}

TEST_P(OneMomentTest, AKeylessTableIsNotCommittedUnderAPositionOlderThanItsRows) {
  ASSERT_NO_FATAL_FAILURE(
      Begin("CREATE TABLE a(id INTEGER PRIMARY KEY, v); CREATE TABLE t(a, b)", GetParam()));
  Sql("INSERT INTO a VALUES(1, 1); INSERT INTO t VALUES(1, 1)");
  // A backup of the moment after the positions were recorded; what is read of 't' is newer than it.
  bool saved = false;
  bench_->on_rows = [&](const Work& work) {
    if (work.table != "a" || saved) return;
    saved = true;
    ASSERT_EQ(bench_->Save("backup"), "");
    Sql("INSERT INTO t VALUES(2, 2)");
  };
  const CycleReport report = bench_->Run();
  EXPECT_TRUE(report.Good() && saved) << Summary(report);
  bench_->on_rows = nullptr;
  ASSERT_EQ(bench_->Restore("backup", By::kCopy), "");
  Cycle();
}

TEST_P(OneMomentTest, RowsThatWereReadBeforeARestoreAreNotVouchedForByTheRestoredSource) {
  ASSERT_NO_FATAL_FAILURE(Begin("CREATE TABLE t(a, b)", GetParam()));
  Sql(Many("INSERT INTO t "));
  ASSERT_EQ(bench_->Save("backup"), "");
  Sql("UPDATE t SET b = -b WHERE b > 2399");
  bench_->config().agent.batch_bytes = 100'000;
  bool restored = false;
  bench_->on_rows = [&](const Work&) {
    if (std::exchange(restored, true)) return;
    ASSERT_EQ(bench_->Restore("backup", By::kBackup), "");
    Sql("UPDATE t SET a = 'other' WHERE b > 2399");  // As many changes as were lost.
  };
  static_cast<void>(bench_->Run());
  EXPECT_TRUE(restored);
  bench_->on_rows = nullptr;
  Cycle();
}

TEST_P(OneMomentTest, ARowThatReplaceRemovesUnseenInAPopulationDoesNotStay) {
  ASSERT_NO_FATAL_FAILURE(
      Begin("CREATE TABLE t(id INTEGER PRIMARY KEY, s TEXT); CREATE UNIQUE INDEX low ON t(lower(s)); INSERT "
            "INTO t VALUES(1, 'a')",
            GetParam()));
  Sql("UPDATE t SET s = 'b'");
  bool done = false;
  bench_->on_rows = [&](const Work&) {
    if (!std::exchange(done, true)) Sql("INSERT OR REPLACE INTO t VALUES(2, 'B')");
  };
  static_cast<void>(bench_->Run());
  EXPECT_TRUE(done);
  bench_->on_rows = nullptr;
  EXPECT_EQ(bench_->mirror().Value("SELECT count(*) FROM t"), "1");
  Cycle();
}

INSTANTIATE_TEST_SUITE_P(Journal, OneMomentTest, testing::Values("WAL", "DELETE"));

}  // namespace
}  // namespace mirror::agent_restore_test
