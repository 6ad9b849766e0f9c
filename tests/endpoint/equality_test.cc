// The real agent and a real server: what is damaged is found and mended row by row; copies, holds, backups
// and damaged files as an operator meets them.

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <functional>
#include <iostream>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/support/agent_bench.h"
#include "tests/support/places.h"
#include "tests/support/rows.h"
#include "tests/support/status_matchers.h"

namespace mirror::equality_test {
namespace {

using testing::AllOf;
using testing::AnyOf;
using testing::HasSubstr;
using testing::Not;
using Equality = TableReport::Equality;

/// A table for each kind of key: one integer, two columns, a text that the source compares by case only, a
/// table whose own order is not the mirror's, a key of any type, and none.
constexpr char kTables[] =
    "CREATE TABLE one(id INTEGER PRIMARY KEY, t TEXT, r REAL, v);"
    "CREATE TABLE two(a TEXT, b INTEGER, t TEXT, PRIMARY KEY (b, a));"
    "CREATE TABLE folded(k TEXT PRIMARY KEY COLLATE NOCASE, v);"
    "CREATE TABLE clustered(k TEXT, n INTEGER, v, PRIMARY KEY (k, n DESC)) WITHOUT ROWID;"
    "CREATE TABLE any_key(k PRIMARY KEY NOT NULL, v);"
    "CREATE TABLE keyless(v)";

std::string Fill(int rows) {
  return absl::StrCat("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ", rows,
                      ") INSERT INTO one SELECT i, 'text ' || i, i / 3.0, CASE i % 4 WHEN 0 THEN NULL WHEN 1 "
                      "THEN i WHEN 2 THEN "
                      "x'00ff' ELSE 0.5 END FROM n;"
                      "INSERT INTO two SELECT 'a' || (id % 7), id, t FROM one;"
                      "INSERT INTO folded SELECT CASE id % 2 WHEN 0 THEN 'K' ELSE 'k' END || id, t FROM one;"
                      "INSERT INTO clustered SELECT 'k' || (id % 50), id, r FROM one;"
                      "INSERT INTO any_key SELECT CASE id % 3 WHEN 0 THEN id WHEN 1 THEN 'k' || id ELSE "
                      "CAST('b' || id AS BLOB) "
                      "END, v FROM one;"
                      "INSERT INTO keyless SELECT v FROM one WHERE id <= 50");
}

class EqualityTest : public testing::Test {
 protected:
  EqualityTest() : here_(Installation::Make({.bin_dir = BinDir()}).value()) {
    bench_ = std::make_unique<AgentBench>(*here_, "Cust", here_->dir() + "/source");
  }
  void TearDown() override {
    if (HasFailure()) std::cerr << here_->ServerLog();
  }

  void Begin(int rows, const std::string& journal = "WAL") {
    Sql("PRAGMA journal_mode = " + journal);
    Sql(kTables);
    Sql(Fill(rows));
    ASSERT_THAT(bench_->Install(), IsOk());
    const CycleReport report = bench_->Run();
    ASSERT_TRUE(report.Good()) << Summary(report);
  }
  void Sql(const std::string& sql) { ASSERT_EQ(bench_->Sql(sql), "") << sql; }
  /// What somebody does to the mirror who should not.
  void Damage(const std::string& sql) { Partner(bench_->mirror_path()).Run(sql); }
  /// Beside an application that runs `statements` of 0, 1, ... without a pause.
  CycleReport VerifyBeside(bool repair, const std::function<std::vector<std::string>(int)>& statements) {
    std::atomic<bool> stop = false;
    std::thread writer([&] {
      Partner application(bench_->path());
      application.Run("PRAGMA busy_timeout = 10000");
      for (int i = 0; !stop; ++i) {
        try {
          for (const std::string& statement : statements(i)) application.Run(statement);
        } catch (const std::runtime_error&) {  // Busy: the next one.
        }
        std::this_thread::yield();
      }
    });
    CycleReport report = Verify(repair);
    stop = true;
    writer.join();
    return report;
  }
  CycleReport Verify(bool repair) {
    bench_->verify = true;
    bench_->repair = repair;
    CycleReport report = bench_->Run();
    bench_->verify = false;
    bench_->repair.reset();
    return report;
  }
  Finished Ctl(const std::vector<std::string>& arguments) {
    Finished done = here_->Mirrorctl(arguments);
    EXPECT_EQ(done.exit_code, 0) << done.errors;
    return done;
  }
  void ExpectEqual(const CycleReport& report) {
    for (const TableReport& table : report.tables) {
      EXPECT_EQ(table.equality, Equality::kEqual) << table.table << ": " << table.unknown_because;
    }
    EXPECT_EQ(bench_->Difference(), "") << Summary(report);
  }

  std::unique_ptr<Installation> here_;
  std::unique_ptr<AgentBench> bench_;
};

class EveryJournal : public EqualityTest, public testing::WithParamInterface<std::string> {};
INSTANTIATE_TEST_SUITE_P(Journals, EveryJournal, testing::Values("WAL", "DELETE"));

TEST_P(EveryJournal, WhatIsEqualIsFoundEqual) {
  Begin(3'000, GetParam());
  ExpectEqual(Verify(false));
  EXPECT_THAT(Ctl({"tables", "Cust", "--wide"}).output,
              AllOf(HasSubstr("  equal, "), Not(HasSubstr("unknown"))));
}

TEST_P(EveryJournal, EachDamagedRowIsFoundToldAndMended) {
  Begin(3'000, GetParam());
  Damage("DELETE FROM one WHERE id IN (1, 1500, 3000)");
  Damage("UPDATE one SET t = 'other' WHERE id IN (2, 999, 1000, 1001)");
  Damage("INSERT INTO one (id, t) VALUES (-7, 'ghost'), (1000000, 'ghost')");
  Damage("UPDATE two SET t = NULL WHERE b = 77");
  Damage("INSERT INTO two VALUES ('a00', 77, 'ghost beside it')");
  Damage("DELETE FROM folded WHERE k = 'K500'");
  Damage("INSERT INTO folded VALUES ('k500', 'another key to the mirror')");
  Damage("UPDATE clustered SET v = 1 WHERE n = 5");
  Damage("DELETE FROM any_key WHERE k = 3");
  Damage("INSERT INTO any_key VALUES (x'00', 1), ('zz', 2), (0.5, 3)");
  Damage("UPDATE keyless SET v = 'x' WHERE rowid = 7");

  const CycleReport found = Verify(false);
  const TableReport one = ReportOf(found, "one");
  EXPECT_EQ(one.equality, Equality::kDiffers);
  EXPECT_EQ(one.lost, 3U);
  EXPECT_EQ(one.changed, 4U);
  EXPECT_EQ(one.ghosts, 2U);
  EXPECT_EQ(ReportOf(found, "two").changed, 1U);
  EXPECT_EQ(ReportOf(found, "two").ghosts, 1U);
  EXPECT_EQ(ReportOf(found, "folded").lost, 1U);
  EXPECT_EQ(ReportOf(found, "folded").ghosts, 1U);
  EXPECT_EQ(ReportOf(found, "clustered").changed, 1U);
  EXPECT_EQ(ReportOf(found, "any_key").lost, 1U);
  EXPECT_EQ(ReportOf(found, "any_key").ghosts, 3U);
  EXPECT_EQ(ReportOf(found, "keyless").equality, Equality::kDiffers);
  EXPECT_FALSE(found.Good());
  EXPECT_THAT(Ctl({"tables", "Cust", "--wide"}).output, HasSubstr("differs in 9 rows"));

  const CycleReport mended = Verify(true);
  ExpectEqual(mended);
  const TableReport sent = ReportOf(mended, "one");
  EXPECT_EQ(sent.inserts + sent.updates + sent.deletes, 9U) << "exactly the rows that differ";
  EXPECT_EQ(sent.repaired, 9U);
  EXPECT_TRUE(mended.Good()) << Summary(mended);
}

TEST_P(EveryJournal, ARowThatIsEqualIsNoneThatDiffersWhateverStandsBesideIt) {
  Sql("PRAGMA journal_mode = " + GetParam());
  Sql("CREATE TABLE one(id INTEGER PRIMARY KEY, t TEXT); INSERT INTO one VALUES (10, 'a'), (20, 'b'), (30, "
      "'c'), (40, 'd')");
  ASSERT_THAT(bench_->Install(), IsOk());
  const CycleReport begun = bench_->Run();
  ASSERT_TRUE(begun.Good()) << Summary(begun);
  // Before the first, two in one gap, behind the last; and one beside a row that differs itself.
  Damage("INSERT INTO one VALUES (5, 'ghost'), (21, 'ghost'), (22, 'ghost'), (31, 'ghost'), (41, 'ghost')");
  Damage("UPDATE one SET t = 'other' WHERE id = 30");
  const CycleReport found = Verify(false);
  EXPECT_EQ(ReportOf(found, "one").lost, 0U);
  EXPECT_EQ(ReportOf(found, "one").changed, 1U);
  EXPECT_EQ(ReportOf(found, "one").ghosts, 5U);
  const CycleReport mended = Verify(true);
  ExpectEqual(mended);
  const TableReport sent = ReportOf(mended, "one");
  EXPECT_EQ(sent.inserts + sent.updates + sent.deletes, 6U) << "exactly the rows that differ";
}

TEST_F(EqualityTest, AnOperatorAsksAndTheNextCycleMends) {
  Begin(2'000);
  Damage("UPDATE one SET t = 'other' WHERE id = 5");
  EXPECT_THAT(Ctl({"verify", "Cust", "--table", "one"}).output, HasSubstr("1 table is compared"));
  EXPECT_THAT(Ctl({"tables", "Cust", "--wide"}).output, HasSubstr("to be compared"));
  const CycleReport report = bench_->Run();
  EXPECT_EQ(ReportOf(report, "one").repaired, 1U) << Summary(report);
  EXPECT_EQ(ReportOf(report, "two").equality, Equality::kNone);
  EXPECT_EQ(bench_->Difference(), "");
  EXPECT_THAT(Ctl({"tables", "Cust", "--wide"}).output, Not(HasSubstr("to be compared")));
}

TEST_F(EqualityTest, AWrongCountLeadsToAComparisonNotToAPopulation) {
  Begin(2'000);
  Damage(
      "DELETE FROM one WHERE id BETWEEN 100 AND 102; UPDATE \"Cust_mirroring\" SET row_count = 1997 WHERE "
      "table_name = 'one'");
  Sql("UPDATE one SET t = 'changed' WHERE id = 1");
  const CycleReport report = bench_->Run();
  EXPECT_TRUE(report.Good()) << Summary(report);
  EXPECT_EQ(ReportOf(report, "one").repaired, 3U) << Summary(report);
  EXPECT_EQ(bench_->Difference(), "");
  EXPECT_EQ(ReportOf(report, "one").action, TableReport::Action::kChanges);
}

TEST_F(EqualityTest, AComparisonThatFindsTheTableEqualSetsTheNumberOfItsRows) {
  Begin(2'000);
  Damage("DELETE FROM one WHERE id BETWEEN 100 AND 102; DELETE FROM one WHERE id = 7");
  bench_->verify = true;
  bench_->repair = true;
  EXPECT_TRUE(bench_->Run().Good());
  const CycleReport compared = bench_->Run();
  EXPECT_EQ(ReportOf(compared, "one").equality, Equality::kEqual) << Summary(compared);
  EXPECT_EQ(bench_->mirror().Value("SELECT row_count FROM \"Cust_mirroring\" WHERE table_name = 'one'"),
            bench_->mirror().Value("SELECT count(*) FROM one"));
  bench_->verify = false;
  Sql("UPDATE one SET t = 'changed' WHERE id = 1");
  const CycleReport next = bench_->Run();
  EXPECT_TRUE(next.Good()) << Summary(next);
  EXPECT_EQ(ReportOf(next, "one").repaired, 0U) << Summary(next);
}

TEST_F(EqualityTest, WithoutRepairNothingIsMended) {
  Begin(2'000);
  Damage("DELETE FROM one WHERE id = 7");
  bench_->source().repair = false;
  EXPECT_EQ(Ctl({"verify", "Cust"}).exit_code, 0);
  const CycleReport report = bench_->Run();
  EXPECT_EQ(ReportOf(report, "one").equality, Equality::kDiffers);
  EXPECT_FALSE(report.Good());
  EXPECT_NE(bench_->Difference(), "");
}

TEST_P(EveryJournal, AComparisonBesideAWriterFindsNoFalseDifference) {
  Begin(20'000, GetParam());
  Damage("UPDATE one SET t = 'other' WHERE id = 12345");
  // However slow the comparison is: fewer rows go than the breaker lets go.
  const CycleReport report = VerifyBeside(false, [](int i) {
    return std::vector<std::string>{
        absl::StrCat("UPDATE one SET t = 'w", i, "' WHERE id = ", i * 37 % 12'000 + 1),
        absl::StrCat("DELETE FROM two WHERE b = ", i * 53 % 5'000),
        absl::StrCat("INSERT INTO any_key VALUES ('w", i, "', ", i, ")")};
  });
  const TableReport one = ReportOf(report, "one");
  EXPECT_EQ(one.equality, Equality::kDiffers) << one.unknown_because;
  EXPECT_EQ(one.lost + one.changed + one.ghosts, 1U) << "only what was damaged";
  for (const char* const table : {"two", "any_key", "folded", "clustered"}) {
    EXPECT_EQ(ReportOf(report, table).equality, Equality::kEqual)
        << table << ": " << ReportOf(report, table).unknown_because;
  }
  ExpectEqual(Verify(true));
}

TEST_F(EqualityTest, AWholeTableThatIsGoneIsMended) {
  Begin(5'000);
  Damage("DELETE FROM one");
  const CycleReport report = Verify(true);
  ExpectEqual(report);
}

TEST_F(EqualityTest, ASourceWithoutALogIsMendedRowByRow) {
  Sql("CREATE TABLE one(id INTEGER PRIMARY KEY, t TEXT)");
  Sql("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000) INSERT INTO one SELECT "
      "i, "
      "'t' || i FROM n");
  bench_->source().strategy = Strategy::kPopulate;
  ASSERT_TRUE(bench_->Run().Good());
  // The number of rows stays, so that no cycle would see it.
  Sql("UPDATE one SET t = 'new' WHERE id = 77; DELETE FROM one WHERE id = 78; INSERT INTO one VALUES (9000, "
      "'x')");
  const CycleReport report = Verify(true);
  const TableReport one = ReportOf(report, "one");
  EXPECT_EQ(one.action, TableReport::Action::kChanges) << Summary(report);
  EXPECT_EQ(one.repaired, 3U);
  ExpectEqual(report);
}

TEST_F(EqualityTest, LongValuesAreComparedInPieces) {
  Begin(100);
  Sql("UPDATE one SET v = zeroblob(9000000) WHERE id = 5; UPDATE one SET t = hex(zeroblob(3000000)) WHERE id "
      "= 6");
  const CycleReport sent = bench_->Run();
  ASSERT_TRUE(sent.Good()) << Summary(sent);
  ExpectEqual(Verify(false));
  Damage("UPDATE one SET v = zeroblob(8999999) WHERE id = 5");
  EXPECT_EQ(ReportOf(Verify(false), "one").changed, 1U);
  ExpectEqual(Verify(true));
}

// --- Backups and damaged files ---

TEST_F(EqualityTest, ABackupIsMadeDrilledAndPutBack) {
  Begin(2'000);
  const std::string file = here_->dir() + "/copy.db";
  const Finished backup = Ctl({"backup", "Cust", file, "--drill"});
  EXPECT_THAT(backup.output, AllOf(HasSubstr("integrity checked, equal: 6 tables"), HasSubstr("two")));
  const Finished again = here_->Mirrorctl({"backup", "Cust", file});
  EXPECT_EQ(again.exit_code, 1);
  EXPECT_THAT(again.errors, HasSubstr("ALREADY_EXISTS"));
  EXPECT_EQ(here_->Mirrorctl({"backup", "Cust", here_->data_dir() + "/x.db"}).exit_code, 1);
  Sql("UPDATE one SET t = 'later'; INSERT INTO folded VALUES ('later', 1)");
  ASSERT_TRUE(bench_->Run().Good());
  EXPECT_THAT(Ctl({"restore", "Cust", file, "--confirm", "Cust"}).output, HasSubstr("6 tables"));
  EXPECT_EQ(std::filesystem::status(bench_->mirror_path()).permissions(), std::filesystem::perms(0640))
      << "the partner's programs read it as members of the group";
  EXPECT_EQ(Partner(bench_->mirror_path()).One("SELECT count(*) FROM one WHERE t = 'later'"), Cell(0));
  const CycleReport caught_up = bench_->Run();
  EXPECT_TRUE(caught_up.Good()) << Summary(caught_up);
  EXPECT_EQ(ReportOf(caught_up, "one").action, TableReport::Action::kChanges) << "no population";
  EXPECT_EQ(bench_->Difference(), "");
}

TEST_F(EqualityTest, ADrillAloneLeavesNothingBehind) {
  Begin(100);
  EXPECT_THAT(Ctl({"backup", "Cust", "--drill"}).output, HasSubstr("equal: 6 tables"));
  EXPECT_TRUE(std::filesystem::is_empty(here_->data_dir() + "/.work"));
}

TEST_F(EqualityTest, WhatIsNoBackupOfTheTenantIsRefused) {
  Begin(100);
  for (const std::string& file : {here_->dir() + "/nowhere.db", bench_->path(), here_->server_toml()}) {
    const Finished refused = here_->Mirrorctl({"restore", "Cust", file, "--confirm", "Cust"});
    EXPECT_EQ(refused.exit_code, 1) << file;
    EXPECT_THAT(refused.errors,
                AnyOf(HasSubstr("The mirror was not changed"), HasSubstr("Nothing was changed")))
        << file;
  }
  EXPECT_EQ(bench_->Difference(), "");
}

TEST_F(EqualityTest, ADeletedMirrorComesBackFromItsBackup) {
  Begin(100);
  const std::string file = here_->dir() + "/copy.db";
  Ctl({"backup", "Cust", file});
  Ctl({"delete", "Cust", "--confirm", "Cust"});
  Ctl({"restore", "Cust", file, "--confirm", "Cust"});
  EXPECT_EQ(bench_->Difference(), "");
  const CycleReport report = bench_->Run();
  EXPECT_TRUE(report.Good()) << Summary(report);
  EXPECT_EQ(ReportOf(report, "one").action, TableReport::Action::kNone);
}

TEST_F(EqualityTest, ADamagedFileStopsItsTenantAndAResetBringsItBack) {
  Begin(3'000);
  AgentBench other(*here_, "Cust-2", here_->dir() + "/other");
  ASSERT_EQ(other.Sql("CREATE TABLE t(id INTEGER PRIMARY KEY); INSERT INTO t VALUES(1)"), "");
  ASSERT_THAT(other.Install(), IsOk());
  ASSERT_TRUE(other.Run().Good());
  const std::string junk(4096 * 40, 'j');
  const int file = open(bench_->mirror_path().c_str(), O_WRONLY | O_CLOEXEC);
  ASSERT_EQ(pwrite(file, junk.data(), junk.size(), 4096), static_cast<ssize_t>(junk.size()));
  close(file);
  ASSERT_THAT(here_->Restart(), IsOk());
  bench_->Connect();
  other.Connect();

  const CycleReport refused = bench_->Run();
  EXPECT_THAT(refused.status,
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("until its operator mends it")));
  ASSERT_EQ(other.Sql("INSERT INTO t VALUES(2)"), "");
  EXPECT_TRUE(other.Run().Good()) << "the others go on";
  EXPECT_EQ(other.Difference(), "");
  EXPECT_THAT(Ctl({"events"}).output, HasSubstr("mirror.damaged"));

  Ctl({"reset", "Cust", "--all", "--confirm", "Cust"});
  const CycleReport report = bench_->Run();
  EXPECT_TRUE(report.Good()) << Summary(report);
  EXPECT_EQ(bench_->Difference(), "");
}

TEST_F(EqualityTest, AFileThatWasCutOffAtItsBeginIsDamagedToo) {
  Begin(100);
  std::filesystem::resize_file(bench_->mirror_path() + "-wal", 0);
  std::filesystem::resize_file(bench_->mirror_path(), 0);
  EXPECT_THAT(bench_->Run().status,
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("until its operator mends it")));
  EXPECT_THAT(Ctl({"events"}).output, HasSubstr("mirror.damaged"));
  Ctl({"reset", "Cust", "--all", "--confirm", "Cust"});
  EXPECT_TRUE(bench_->Run().Good());
  EXPECT_EQ(bench_->Difference(), "");
}

// --- Copies of the source, holds ---

TEST_P(EveryJournal, AHoldOfARepairHasTheNumberOfItsRows) {
  Begin(3'000, GetParam());
  // As by somebody who took the trigger away for a while.
  Partner source(bench_->path());
  const std::string id =
      std::to_string(source.One("SELECT log FROM _mirror_tables WHERE name = 'one'").integer);
  const std::string trigger = absl::StrCat("_mirror_", id, "_delete");
  const std::string made =
      source.One(absl::StrCat("SELECT sql FROM sqlite_schema WHERE name = '", trigger, "'")).bytes;
  Sql(absl::StrCat("BEGIN; DROP TRIGGER ", trigger, "; DELETE FROM one WHERE id % 3 > 0; ", made,
                   "; COMMIT"));
  const CycleReport report = Verify(true);
  EXPECT_EQ(ReportOf(report, "one").result, TableResult::kHeld) << Summary(report);
  EXPECT_THAT(Ctl({"hold", "list", "Cust"}).output, AllOf(HasSubstr("2,000"), Not(HasSubstr("all rows of"))));
}

TEST_F(EqualityTest, ACopyOfTheSourceWaitsForTheOperator) {
  Begin(2'000);
  const std::string moved = here_->dir() + "/moved.db";
  ASSERT_EQ(bench_->Save("../moved.db"), "");
  AgentBench copy(*here_, "Cust", here_->dir() + "/copy");
  std::filesystem::copy_file(moved, copy.path());
  const CycleReport held = copy.Run();
  EXPECT_FALSE(held.Good());
  EXPECT_EQ(ReportOf(held, "one").result, TableResult::kHeld) << Summary(held);
  EXPECT_THAT(Ctl({"hold", "list"}).output, HasSubstr("source"));
  EXPECT_TRUE(bench_->Run().Good()) << "the first one goes on";
  EXPECT_EQ(Ctl({"hold", "rollback", "Cust:1"}).output,
            "Cust:1 (source) is refused: nothing of it is applied until 'accept-source'\n");
  ASSERT_EQ(copy.Sql("UPDATE one SET v = 'on its own' WHERE id IN (3, 4); DELETE FROM one WHERE id = 5"), "");
  Ctl({"accept-source", "Cust"});
  EXPECT_THAT(Ctl({"tables", "Cust"}).output, AllOf(HasSubstr("unknown"), Not(HasSubstr("equal,"))));
  const CycleReport accepted = copy.Run();
  EXPECT_TRUE(accepted.Good()) << Summary(accepted);
  EXPECT_EQ(copy.Difference(), "");
  const TableReport one = ReportOf(accepted, "one");
  EXPECT_EQ(one.action, TableReport::Action::kChanges);
  EXPECT_EQ(one.inserts + one.updates + one.deletes, 3U) << Summary(accepted);
  EXPECT_EQ(one.equality, TableReport::Equality::kEqual);
}

TEST_F(EqualityTest, AHoldIsCommittedFromTheCommandLine) {
  Begin(2'000);
  Sql("DELETE FROM one WHERE id <= 1500");
  const CycleReport held = bench_->Run();
  EXPECT_EQ(ReportOf(held, "one").result, TableResult::kHeld) << Summary(held);
  EXPECT_EQ(Partner(bench_->mirror_path()).One("SELECT count(*) FROM one"), Cell(2'000));
  EXPECT_THAT(Ctl({"hold", "list", "Cust"}).output, HasSubstr("Cust:1"));
  EXPECT_THAT(Ctl({"hold", "show", "Cust:1"}).output,
              AllOf(HasSubstr("keys          1\n              2\n"), HasSubstr("and 1,480 more\n")));
  EXPECT_EQ(here_->Mirrorctl({"hold", "commit", "1"}).exit_code, 2);
  EXPECT_EQ(here_->Mirrorctl({"hold", "commit", "Cust:99"}).exit_code, 1);
  EXPECT_EQ(Ctl({"hold", "rollback", "Cust:1"}).output,
            "Cust:1 (deletes) is refused: nothing of it is applied until you allow it or the source asks for "
            "less\n");
  EXPECT_THAT(Ctl({"hold", "commit", "Cust:1"}).output,
              HasSubstr("Cust:1 (deletes) is allowed once, in the next cycle"));
  const CycleReport done = bench_->Run();
  EXPECT_TRUE(done.Good()) << Summary(done);
  EXPECT_EQ(bench_->Difference(), "");
}

TEST_P(EveryJournal, RowsThatComeAndGoBetweenCyclesAreNoLoss) {
  Begin(1'200, GetParam());
  // A queue: more rows came and went than the table has.
  Sql("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000) INSERT INTO one SELECT "
      "i + "
      "10000, 'x', 0, NULL FROM n; DELETE FROM one WHERE id > 10000; UPDATE one SET t = 'y' WHERE id = 1");
  const CycleReport report = bench_->Run();
  EXPECT_TRUE(report.Good()) << Summary(report);
  EXPECT_EQ(bench_->Difference(), "");
}

TEST_P(EveryJournal, ADamagedRowThatAlsoChangedIsMendedToo) {
  Begin(2'000, GetParam());
  Damage("UPDATE one SET t = 'other' WHERE id = 5");
  // The change comes while the tables are compared: after the cycle's rows, before the log is looked at.
  const CycleReport report = VerifyBeside(true, [](int i) {
    return std::vector<std::string>{absl::StrCat("UPDATE one SET r = ", i, " WHERE id = 5")};
  });
  const CycleReport last = bench_->Run();
  EXPECT_TRUE(last.Good()) << Summary(report) << Summary(last);
  EXPECT_EQ(bench_->Difference(), "") << Summary(report) << Summary(last);
}

TEST_F(EqualityTest, ManyDeletesAreHeldBeforeTheFirstIsApplied) {
  // More than one request of them: the plan says how many all are.
  Sql("PRAGMA journal_mode = WAL; CREATE TABLE wide(k TEXT PRIMARY KEY, v TEXT)");
  Sql("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 60000) INSERT INTO wide "
      "SELECT "
      "printf('%040d', i), 'v' FROM n");
  ASSERT_THAT(bench_->Install(), IsOk());
  ASSERT_TRUE(bench_->Run().Good());
  Sql("DELETE FROM wide WHERE k <= printf('%040d', 45000)");
  const CycleReport held = bench_->Run();
  EXPECT_EQ(ReportOf(held, "wide").result, TableResult::kHeld) << Summary(held);
  EXPECT_EQ(Partner(bench_->mirror_path()).One("SELECT count(*) FROM wide"), Cell(60'000));
}

}  // namespace
}  // namespace mirror::equality_test
