// A source without a change log, whose rows the agent remembers (strategy "synthetic").

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "tests/endpoint/endpoint_fixture.h"
#include "tests/support/agent_bench.h"
#include "tests/support/processes.h"
#include "tests/support/source_words.h"

namespace mirror::captured_source_test {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

constexpr char kTables[] =
    "CREATE TABLE people(id INTEGER PRIMARY KEY, name TEXT, photo BLOB);"
    "CREATE TABLE parts(a TEXT, b INTEGER, v, PRIMARY KEY(a, b)) WITHOUT ROWID;"
    "CREATE TABLE notes(note TEXT);"
    "INSERT INTO people SELECT value, 'name ' || value, randomblob(20) FROM generate_series(1, 2000);"
    "INSERT INTO parts SELECT 'k' || value, value % 3, value / 2.0 FROM generate_series(1, 500);"
    "INSERT INTO notes VALUES('n'), ('o'), ('n')";

class CapturedSourceTest : public EndpointTest, public testing::WithParamInterface<const char*> {
 protected:
  void Begin() {
    Install();
    bench_ = std::make_unique<AgentBench>(*here_, "Cust", here_->dir() + "/source");
    bench_->source().strategy = Strategy::kSynthetic;
    Sql(absl::StrCat("PRAGMA journal_mode = ", GetParam(), "; ", Series(kTables)));
    const CycleReport report = Cycle();
    EXPECT_EQ(ReportOf(report, "people").action, TableReport::Action::kPopulate);
  }
  /// The application's SQLite has no generate_series.
  static std::string Series(std::string sql) {
    for (std::size_t at = 0; (at = sql.find("generate_series(1, ", at)) != std::string::npos;) {
      const std::size_t end = sql.find(')', at);
      const std::string most = sql.substr(at + 19, end - at - 19);
      sql.replace(
          at, end - at + 1,
          absl::StrCat("(WITH RECURSIVE n(value) AS (SELECT 1 UNION ALL SELECT value + 1 FROM n WHERE "
                       "value < ",
                       most, ") SELECT value FROM n)"));
    }
    return sql;
  }
  void Sql(const std::string& sql) { ASSERT_EQ(bench_->Sql(sql), ""); }
  CycleReport Cycle() {
    CycleReport report = bench_->Run();
    EXPECT_TRUE(report.Good()) << Summary(report);
    EXPECT_EQ(bench_->Difference(), "");
    return report;
  }
  static std::string Sent(const TableReport& table) {
    return absl::StrCat(std::string(ToString(table.action)), " ", table.inserts, " ", table.updates, " ",
                        table.deletes);
  }
  std::string StatePath() const { return bench_->config().agent.state_dir + "/Cust.capture.db"; }
  void RemoveState() {
    for (const char* const end : {"", "-wal", "-shm"}) std::filesystem::remove(StatePath() + end);
  }

  std::unique_ptr<AgentBench> bench_;
};

INSTANTIATE_TEST_SUITE_P(Journals, CapturedSourceTest, testing::Values("WAL", "DELETE"));

TEST_P(CapturedSourceTest, OnlyWhatChangedIsSent) {
  Begin();
  EXPECT_EQ(Sent(ReportOf(Cycle(), "people")), "none 0 0 0");
  Sql("UPDATE people SET name = 'x' WHERE id IN (5, 6); DELETE FROM people WHERE id > 1990; INSERT INTO "
      "people "
      "VALUES(3000, NULL, NULL); UPDATE parts SET v = NULL WHERE a = 'k7'");
  CycleReport report = Cycle();
  EXPECT_EQ(Sent(ReportOf(report, "people")), "changes 1 2 10");
  EXPECT_EQ(Sent(ReportOf(report, "parts")), "changes 0 1 0");
  EXPECT_EQ(Sent(ReportOf(report, "notes")), "none 0 0 0");
  EXPECT_EQ(Sent(ReportOf(Cycle(), "people")), "none 0 0 0");
  Sql("UPDATE people SET id = 7000 WHERE id = 7; UPDATE parts SET a = 'K8' WHERE a = 'k8'");
  report = Cycle();
  EXPECT_EQ(Sent(ReportOf(report, "people")), "changes 1 0 1");
  EXPECT_EQ(Sent(ReportOf(report, "parts")), "changes 1 0 1");
  Sql("DELETE FROM people WHERE id = 3000; INSERT INTO people VALUES(1999, 'back', NULL)");
  EXPECT_EQ(Sent(ReportOf(Cycle(), "people")), "changes 1 0 1");
}

TEST_P(CapturedSourceTest, ATableWithoutAKeyIsPopulatedWhenItChanged) {
  Begin();
  EXPECT_EQ(Sent(ReportOf(Cycle(), "notes")), "none 0 0 0");
  Sql("UPDATE notes SET note = 'p' WHERE note = 'o'");
  EXPECT_EQ(Sent(ReportOf(Cycle(), "notes")), "populate 3 0 0");
  EXPECT_EQ(Sent(ReportOf(Cycle(), "notes")), "none 0 0 0");
}

TEST_P(CapturedSourceTest, WhatADeadCycleMayHaveSentIsSentAgainWhateverTheDigests) {
  Begin();
  bench_->config().agent.batch_bytes = 1'000;
  Sql("INSERT INTO people SELECT value + 5000, 'new', NULL FROM " + Series("generate_series(1, 300)") +
      "; UPDATE people SET name = 'y' WHERE id < 200");
  int pieces = 0;
  bench_->on_rows = [&](const Work&) {
    if (++pieces == 4) throw AgentDies{};
  };
  CycleReport report;
  EXPECT_FALSE(bench_->RunUntilDeath(&report));
  bench_->on_rows = nullptr;
  // The source is as it was before: digests alone would say that nothing is to be sent.
  Sql("DELETE FROM people WHERE id > 5000; UPDATE people SET name = 'name ' || id WHERE id < 200");
  report = Cycle();
  EXPECT_EQ(ReportOf(report, "people").deletes, 300U);
  EXPECT_EQ(ReportOf(report, "people").updates, 199U);
  EXPECT_EQ(Sent(ReportOf(Cycle(), "people")), "none 0 0 0");
}

TEST_P(CapturedSourceTest, ARestoredMirrorIsBroughtOn) {
  Begin();
  ASSERT_EQ(bench_->SaveMirror("old"), "");
  Sql("UPDATE people SET name = 'z' WHERE id = 9; DELETE FROM people WHERE id = 10");
  Cycle();
  Sql("INSERT INTO people VALUES(10, 'again', NULL), (4000, 'new', NULL); DELETE FROM parts WHERE b = 1");
  Cycle();
  ASSERT_EQ(bench_->RestoreMirror("old", By::kBackup), "");
  const CycleReport report = Cycle();
  EXPECT_EQ(ReportOf(report, "people").action, TableReport::Action::kChanges) << Summary(report);
  EXPECT_LE(ReportOf(report, "people").inserts, 2U);
  EXPECT_EQ(ReportOf(report, "parts").deletes, 167U);
}

TEST_P(CapturedSourceTest, ARestoredSourceHasOnlyItsDifferencesSent) {
  Begin();
  ASSERT_EQ(bench_->Save("old"), "");
  Sql("UPDATE people SET name = 'z' WHERE id < 20; DELETE FROM people WHERE id = 30");
  Cycle();
  ASSERT_EQ(bench_->Restore("old", By::kBackup), "");
  EXPECT_EQ(Sent(ReportOf(Cycle(), "people")), "changes 1 19 0");
  Sql("DELETE FROM people WHERE id = 31");
  Cycle();
  ASSERT_EQ(bench_->Restore("old", By::kMove), "");
  const CycleReport report = Cycle();
  EXPECT_EQ(Sent(ReportOf(report, "people")), "changes 1 0 0");
  EXPECT_THAT(report.notes, IsEmpty());
}

TEST_P(CapturedSourceTest, WithoutItsMemoryTheAgentPopulates) {
  Begin();
  const std::string saved = bench_->folder() + "/capture.saved";
  std::filesystem::copy_file(StatePath(), saved);
  RemoveState();
  Sql("DELETE FROM people WHERE id = 40");
  CycleReport report = Cycle();
  EXPECT_EQ(ReportOf(report, "people").action, TableReport::Action::kPopulate);
  RemoveState();
  std::filesystem::copy_file(saved, StatePath());
  Sql("DELETE FROM people WHERE id = 41");
  report = Cycle();
  EXPECT_EQ(ReportOf(report, "people").action, TableReport::Action::kPopulate)
      << "a memory that was set back is not believed";
  // Two misses in a row: it could be two sources.
  EXPECT_EQ(bench_->Run().outcome, Outcome::kStopped);
  ASSERT_EQ(here_->Mirrorctl({"resume", "Cust"}).exit_code, 0);
  EXPECT_EQ(Sent(ReportOf(Cycle(), "people")), "none 0 0 0");
}

TEST_P(CapturedSourceTest, AnotherSetOfColumnsIsNoticed) {
  Begin();
  Sql("ALTER TABLE people ADD COLUMN age INTEGER DEFAULT 7; UPDATE people SET age = 8 WHERE id = 1");
  Cycle();
  Sql("ALTER TABLE people DROP COLUMN photo; ALTER TABLE parts RENAME COLUMN v TO w; CREATE TABLE late(id "
      "INTEGER "
      "PRIMARY KEY); INSERT INTO late VALUES(1)");
  Cycle();
  Sql("DROP TABLE late");
  bench_->LetPass();
  EXPECT_EQ(Sent(ReportOf(Cycle(), "people")), "none 0 0 0");
}

TEST_P(CapturedSourceTest, ASourceThatIsEmptyByMistakeIsHeld) {
  Begin();
  ASSERT_EQ(bench_->Save("good"), "");
  Sql("DELETE FROM people");
  CycleReport report = bench_->Run();
  EXPECT_EQ(ReportOf(report, "people").result, TableResult::kHeld) << Summary(report);
  ASSERT_EQ(bench_->Restore("good", By::kBackup), "");
  Cycle();
  Sql("DELETE FROM people WHERE id > 1995");
  EXPECT_EQ(Sent(ReportOf(Cycle(), "people")), "changes 0 0 5");
}

TEST_P(CapturedSourceTest, LongValuesGoOnlyWhenTheyChanged) {
  Begin();
  Sql("UPDATE people SET photo = randomblob(5000000) WHERE id = 1; UPDATE people SET name = "
      "replace(hex(zeroblob(3000000)), '0', 'ab') WHERE id = 2");
  EXPECT_EQ(Sent(ReportOf(Cycle(), "people")), "changes 0 2 0");
  EXPECT_EQ(Sent(ReportOf(Cycle(), "people")), "none 0 0 0");
}

TEST_P(CapturedSourceTest, ADamagedMirrorIsFoundAndMended) {
  Begin();
  ASSERT_EQ(bench_->mirror().Execute(
                "DELETE FROM people WHERE id = 50; UPDATE parts SET v = 'wrong' WHERE a = 'k9'"),
            "");
  bench_->verify = true;
  const CycleReport report = bench_->Run();
  EXPECT_TRUE(report.Good()) << Summary(report);
  EXPECT_EQ(ReportOf(report, "people").repaired, 1U);
  EXPECT_EQ(ReportOf(report, "parts").repaired, 1U);
  EXPECT_EQ(bench_->Difference(), "");
}

TEST_P(CapturedSourceTest, WithHashesByColumnOnlyTheColumnsThatChangedAreSent) {
  Begin();
  for (const char* const name : {"people", "parts"}) {
    TableConfig table;
    table.name = name;
    table.column_hashes = true;
    bench_->source().tables.push_back(table);
  }
  EXPECT_EQ(Sent(ReportOf(Cycle(), "people")), "none 0 0 0") << "another form, and nothing changed";
  // What the mirror has in other columns shows which ones were written.
  ASSERT_EQ(
      bench_->mirror().Execute("UPDATE people SET photo = 'theirs' WHERE id IN (5, 6, 7); UPDATE parts SET v "
                               "= 'theirs' WHERE a = 'k5'"),
      "");
  Sql("UPDATE people SET name = 'x' WHERE id IN (5, 6); UPDATE people SET name = 'y', photo = NULL WHERE id "
      "= 7; "
      "UPDATE parts SET v = 'z' WHERE a = 'k5'");
  CycleReport report = bench_->Run();
  EXPECT_EQ(Sent(ReportOf(report, "people")), "changes 0 3 0");
  const auto photos = [this] {
    return bench_->mirror().Value(
        "SELECT group_concat(name || ':' || coalesce(photo, 'none')) FROM people WHERE id IN (5, 6, 7)");
  };
  EXPECT_EQ(photos(), "x:theirs,x:theirs,y:none");
  EXPECT_EQ(bench_->mirror().Value("SELECT v FROM parts WHERE a = 'k5'"), "z");
  // From an older state of the mirror the rows are whole.
  ASSERT_EQ(bench_->SaveMirror("old"), "");
  Sql("UPDATE people SET name = 'a' WHERE id = 5");
  bench_->Run();
  Sql("UPDATE people SET photo = 'b' WHERE id = 5");
  bench_->Run();
  EXPECT_EQ(photos(), "a:b,x:theirs,y:none");
  ASSERT_EQ(bench_->RestoreMirror("old", By::kBackup), "");
  bench_->Run();
  EXPECT_EQ(photos(), "a:b,x:theirs,y:none");
  // A cycle that died sends them whole, too.
  Sql("UPDATE people SET name = 'c' WHERE id BETWEEN 6 AND 900");
  bench_->config().agent.batch_bytes = 1'000;
  int pieces = 0;
  bench_->on_rows = [&](const Work&) {
    if (++pieces == 3) throw AgentDies{};
  };
  EXPECT_FALSE(bench_->RunUntilDeath(&report));
  bench_->on_rows = nullptr;
  Sql("UPDATE people SET photo = 'd' WHERE id BETWEEN 6 AND 900");
  Cycle();
}

TEST_P(CapturedSourceTest, ARowWithoutAKeyValueMakesItsTableOneWithoutAKey) {
  Begin();
  Sql("CREATE TABLE codes(code TEXT PRIMARY KEY, v); INSERT INTO codes VALUES('a', 1), ('b', 2)");
  EXPECT_EQ(Sent(ReportOf(Cycle(), "codes")), "populate 2 0 0");
  Sql("INSERT INTO codes VALUES(NULL, 3); UPDATE people SET name = 'x' WHERE id = 1");
  const CycleReport report = Cycle();
  EXPECT_EQ(Sent(ReportOf(report, "codes")), "populate 3 0 0");
  EXPECT_EQ(Sent(ReportOf(report, "people")), "changes 0 1 0");
  EXPECT_EQ(Sent(ReportOf(Cycle(), "codes")), "none 0 0 0");
}

TEST_P(CapturedSourceTest, AViewOfWhateverFormIsReadOnceAndWhole) {
  Begin();
  const std::pair<const char*, const char*> views[] = {
      {"by_name", "SELECT substr(name, -1) AS k, count(*) AS n, max(id) AS m FROM people GROUP BY 1"},
      {"distinct_ones",
       "SELECT DISTINCT substr(name, -1) AS k, length(name) > 3 AS n FROM people WHERE id < 1500"},
      {"both",
       "SELECT id AS k, name AS n FROM people WHERE id < 9 UNION ALL SELECT rowid + 100, note FROM notes"},
      {"merged", "SELECT id % 5 AS k, 1 AS n FROM people UNION SELECT id % 7 AS k, 1 FROM people"}};
  for (const auto& [name, sql] : views) {
    Sql(absl::StrCat("CREATE VIEW ", name, " AS ", sql));
    TableConfig table;
    table.name = name;
    table.key = {"k"};
    bench_->source().tables.push_back(table);
  }
  Sql("DELETE FROM people WHERE name IS NULL");
  const auto expect_same = [&] {
    const CycleReport report = bench_->Run();
    EXPECT_TRUE(report.Good()) << Summary(report);
    EXPECT_THAT(report.notes, testing::Each(testing::Not(HasSubstr("the key of another"))))
        << Summary(report);
    for (const auto& [name, sql] : views) {
      const std::string rows =
          absl::StrCat("SELECT group_concat(k || '=' || n) FROM (SELECT * FROM ", name, " ORDER BY k, n)");
      const Finished source = RunProgram("/usr/bin/sqlite3", {bench_->path(), rows});
      EXPECT_EQ(source.output, bench_->mirror().Value(rows) + "\n") << name;
    }
  };
  expect_same();
  Sql("UPDATE people SET name = 'name x' WHERE id % 10 = 3; DELETE FROM people WHERE id > 1000");
  expect_same();
}

TEST_P(CapturedSourceTest, ALongValueOfAFirstPopulationIsThere) {
  Begin();
  Sql("CREATE TABLE long(id INTEGER PRIMARY KEY, v); INSERT INTO long VALUES(1, randomblob(9000000)), (2, "
      "'b')");
  EXPECT_EQ(Sent(ReportOf(Cycle(), "long")), "populate 2 0 0");
  EXPECT_LE(ReportOf(Cycle(), "long").updates, 1U) << "once more, as its digest was not known";
  EXPECT_EQ(Sent(ReportOf(Cycle(), "long")), "none 0 0 0");
}

TEST_P(CapturedSourceTest, StagedOrNotWhatTheMirrorMasksIsSentWhenItChanges) {
  Install({.more_toml = "[[tenant]]\ncontext_id = \"Cust\"\n[[tenant.table]]\nname = \"people\"\nmask = "
                        "[\"name\"]\nmask_keep = 2\n"});
  bench_ = std::make_unique<AgentBench>(*here_, "Cust", here_->dir() + "/source");
  bench_->source().strategy = Strategy::kSynthetic;
  Sql(absl::StrCat("PRAGMA journal_mode = ", GetParam(), "; ", Series(kTables)));
  TableConfig people;
  people.name = "people";
  people.staged = true;
  bench_->source().tables.push_back(people);
  EXPECT_TRUE(bench_->Run().Good());
  EXPECT_TRUE(bench_->Run().Good());
  const auto name = [this] { return bench_->mirror().Value("SELECT name FROM people WHERE id = 5"); };
  const std::string before = name();
  Sql("UPDATE people SET name = 'another name of many letters' WHERE id = 5");
  EXPECT_TRUE(bench_->Run().Good());
  EXPECT_NE(name(), before);
  const std::string after = name();
  // Nor is it lost when the strategy is another one from then on.
  Sql("UPDATE people SET name = 'a third name' WHERE id = 5");
  bench_->source().tables[0].staged = false;
  bench_->source().tables[0].column_hashes = true;
  EXPECT_TRUE(bench_->Run().Good());
  EXPECT_NE(name(), after);
}

// --- By a column that only grows ---

constexpr char kOrders[] =
    "CREATE TABLE orders(id INTEGER PRIMARY KEY, at TEXT, v); INSERT INTO orders SELECT value, '2024-05-01 "
    "10:' || "
    "printf('%02d', value % 50) || ':30', value FROM generate_series(1, 500);";

constexpr char kGone[] = "CREATE TABLE gone(n INTEGER PRIMARY KEY, order_id INTEGER, at TEXT);";

class WatermarkTest : public CapturedSourceTest {
 protected:
  void Begin(const TableConfig& orders, const std::string& more = "") {
    Install();
    bench_ = std::make_unique<AgentBench>(*here_, "Cust", here_->dir() + "/source");
    bench_->source().strategy = Strategy::kSynthetic;
    bench_->source().tables.push_back(orders);
    Sql(absl::StrCat("PRAGMA journal_mode = ", GetParam(), "; ", Series(kOrders), more));
    EXPECT_EQ(Sent(ReportOf(Cycle(), "orders")), "populate 500 0 0");
  }
  static TableConfig Orders(const std::string& strategy) {
    TableConfig table;
    table.name = "Orders";
    table.strategy = StrategyNamed(strategy);
    table.watermark = "at";
    return table;
  }
  /// One whose deletes are not seen.
  std::string Run() {
    const CycleReport report = bench_->Run();
    EXPECT_TRUE(report.Good()) << Summary(report);
    return Sent(ReportOf(report, "orders"));
  }
  std::string Mirrored(const std::string& what) {
    return bench_->mirror().Value("SELECT " + what + " FROM orders");
  }
};

INSTANTIATE_TEST_SUITE_P(Journals, WatermarkTest, testing::Values("WAL", "DELETE"));

TEST_P(WatermarkTest, OnlyRowsBehindTheWatermarkAreSentAndTiesOnce) {
  for (const char* const index : {"", "CREATE INDEX orders_at ON orders(at);"}) {
    SCOPED_TRACE(index);
    here_.reset();
    bench_.reset();
    Begin(Orders("watermark"), index);
    EXPECT_EQ(Run(), "none 0 0 0");
    // The greatest value so far once more, and a greater one; what is older is not seen.
    Sql("INSERT INTO orders VALUES(1001, '2024-05-01 10:49:30', 'tie'), (1002, '2024-05-01 10:50:00', "
        "'new'), (1003, "
        "'2024-05-01 10:00:00', 'old'); UPDATE orders SET v = 'unseen' WHERE id = 1");
    EXPECT_EQ(Run(), "changes 2 0 0");
    EXPECT_EQ(Run(), "none 0 0 0");
    Sql("UPDATE orders SET v = 'seen', at = '2024-05-01 11:00:00' WHERE id IN (1, 2); DELETE FROM orders "
        "WHERE id = 3");
    EXPECT_EQ(Run(), "changes 2 0 0");
    EXPECT_EQ(Mirrored("count(*)"), "502");
    EXPECT_EQ(Mirrored("group_concat(id) FILTER (WHERE v IN ('seen', 'unseen', 'old', 'tie', 'new'))"),
              "1,2,1001,1002");
    Sql("INSERT INTO orders VALUES(1004, NULL, 'without')");
    const CycleReport report = bench_->Run();
    EXPECT_THAT(report.notes, testing::Contains(HasSubstr("1 row has no value in 'at'")));
  }
}

TEST_P(WatermarkTest, ARestoredMirrorIsBroughtOnAndADeadCycleIsSentAgain) {
  Begin(Orders("watermark"));
  ASSERT_EQ(bench_->SaveMirror("old"), "");
  Sql("UPDATE orders SET at = '2024-05-02', v = 'a' WHERE id <= 10");
  EXPECT_EQ(Run(), "changes 10 0 0");
  Sql("UPDATE orders SET at = '2024-05-03', v = 'b' WHERE id BETWEEN 6 AND 15");
  EXPECT_EQ(Run(), "changes 5 5 0") << "rows that were noted before count as updates";
  ASSERT_EQ(bench_->RestoreMirror("old", By::kBackup), "");
  Cycle();
  bench_->config().agent.batch_bytes = 1'000;
  Sql("UPDATE orders SET at = '2024-05-04', v = 'c' WHERE id > 100");
  int pieces = 0;
  bench_->on_rows = [&](const Work&) {
    if (++pieces == 2) throw AgentDies{};
  };
  CycleReport report;
  EXPECT_FALSE(bench_->RunUntilDeath(&report));
  bench_->on_rows = nullptr;
  Cycle();
}

TEST_P(WatermarkTest, DeletesComeFromAFeedOfTheirOwn) {
  TableConfig orders = Orders("watermark");
  orders.deletes_from = {"gone", "", {"order_id"}, "at"};
  // What the feed says of before the first look is known by the rows that are there.
  Begin(orders, absl::StrCat(kGone, "INSERT INTO gone VALUES(1, 7, '2024-01-01')"));
  EXPECT_EQ(Sent(ReportOf(Cycle(), "orders")), "none 0 0 0");
  Sql("DELETE FROM orders WHERE id IN (3, 4); INSERT INTO gone VALUES(2, 3, '2024-06-01'), (3, 4, "
      "'2024-06-01')");
  EXPECT_EQ(Sent(ReportOf(Cycle(), "orders")), "changes 0 0 2");
  EXPECT_EQ(Sent(ReportOf(Cycle(), "orders")), "none 0 0 0");
  Sql("DELETE FROM orders WHERE id = 5; INSERT INTO gone VALUES(4, 5, '2024-06-01'), (5, NULL, "
      "'2024-06-01')");
  CycleReport report = Cycle();
  EXPECT_EQ(Sent(ReportOf(report, "orders")), "changes 0 0 1") << "of the same moment as those before";
  EXPECT_THAT(report.notes, testing::Contains(HasSubstr("1 row names no key of table 'orders'")));
  EXPECT_EQ(Sent(ReportOf(Cycle(), "orders")), "none 0 0 0");
  Sql("DELETE FROM orders WHERE id = 6; INSERT INTO gone VALUES(6, 6, '2024-06-02'), (7, 9999, "
      "'2024-06-02'); "
      "INSERT INTO orders VALUES(6, '2024-01-01', 'made again, and behind the watermark')");
  EXPECT_EQ(Sent(ReportOf(Cycle(), "orders")), "changes 1 0 1");
  bench_->verify = true;
  report = Cycle();
  EXPECT_EQ(ReportOf(report, "orders").equality, TableReport::Equality::kEqual) << Summary(report);
  EXPECT_EQ(Sent(ReportOf(report, "orders")), "none 0 0 0");
}

TEST_P(WatermarkTest, WhatAFeedOfDeletesSaysIsLostByNoDeathAndNoRestore) {
  TableConfig orders = Orders("watermark");
  Begin(orders, kGone);
  // Deleted before the feed was configured: the mirror still has it.
  Sql("DELETE FROM orders WHERE id = 1; INSERT INTO gone VALUES(1, 1, '2024-06-01')");
  EXPECT_EQ(Run(), "none 0 0 0");
  bench_->source().tables[0].deletes_from = {"gone", "", {"order_id"}, "at"};
  EXPECT_EQ(Sent(ReportOf(Cycle(), "orders")), "changes 0 0 1");
  ASSERT_EQ(bench_->SaveMirror("old"), "");
  bench_->config().agent.batch_bytes = 1'000;
  Sql("INSERT INTO gone SELECT id, id, '2024-06-02' FROM orders WHERE id > 350; DELETE FROM orders WHERE id "
      "> 350; "
      "UPDATE orders SET at = '2024-06-02', v = 'x'");
  int pieces = 0;
  bench_->on_rows = [&](const Work&) {
    if (++pieces == 2) throw AgentDies{};
  };
  CycleReport report;
  EXPECT_FALSE(bench_->RunUntilDeath(&report));
  bench_->on_rows = nullptr;
  Cycle();
  EXPECT_EQ(Sent(ReportOf(Cycle(), "orders")), "none 0 0 0");
  ASSERT_EQ(bench_->RestoreMirror("old", By::kBackup), "");
  EXPECT_EQ(ReportOf(Cycle(), "orders").deletes, 150U);
  RemoveState();
  Sql("DELETE FROM orders WHERE id = 2; INSERT INTO gone VALUES(2, 2, '2024-06-02')");
  EXPECT_EQ(ReportOf(Cycle(), "orders").action, TableReport::Action::kPopulate);
}

TEST_P(WatermarkTest, WhatComesIntoAFeedIsSeenWhateverItsOwnerDoesWithIt) {
  TableConfig orders = Orders("watermark");
  orders.deletes_from = {"gone", "", {"order_id"}, "n"};
  Begin(orders, kGone);
  const auto deletes = [&](const std::string& sql) {
    Sql(sql);
    return ReportOf(Cycle(), "orders").deletes;
  };
  EXPECT_EQ(
      deletes("DELETE FROM orders WHERE id IN (1, 2); INSERT INTO gone VALUES(56, 1, 'a'), (57, 2, 'b')"),
      2U);
  // It is emptied, and its numbers begin anew.
  EXPECT_EQ(
      deletes("DELETE FROM gone; DELETE FROM orders WHERE id = 3; INSERT INTO gone(order_id) VALUES(3)"), 1U);
  EXPECT_EQ(deletes("DELETE FROM gone"), 0U);
  EXPECT_EQ(deletes("DELETE FROM orders WHERE id = 4; INSERT INTO gone(order_id) VALUES(4)"), 1U);
  EXPECT_EQ(deletes(""), 0U);
  // By another column, whose values sort before those of the one before.
  EXPECT_EQ(deletes("UPDATE gone SET at = '2024'"), 0U);
  bench_->source().tables[0].deletes_from->watermark = "at";
  EXPECT_EQ(deletes("DELETE FROM orders WHERE id = 5; INSERT INTO gone VALUES(9, 5, '2024')"), 2U)
      << "all that it names is asked for";
  // The same row twice within one moment.
  EXPECT_EQ(deletes("INSERT INTO orders VALUES(5, '2024-05-01 11:00:00', 'again')"), 0U);
  EXPECT_EQ(deletes("DELETE FROM orders WHERE id = 5; INSERT INTO gone VALUES(10, 5, '2024')"), 1U);
  EXPECT_EQ(deletes(""), 0U);
}

TEST_P(WatermarkTest, AStagedTableHasTheDeletesOfItsFeed) {
  TableConfig orders = Orders("watermark");
  orders.deletes_from = {"gone", "", {"order_id"}, "at"};
  orders.staged = true;
  Begin(orders, kGone);
  Sql("DELETE FROM orders WHERE id IN (3, 4); INSERT INTO gone VALUES(1, 3, '2024-06-01'), (2, 4, "
      "'2024-06-01')");
  Cycle();
  EXPECT_EQ(Sent(ReportOf(Cycle(), "orders")), "none 0 0 0");
}

TEST_P(WatermarkTest, KeysOfAFeedAreWhatThoseOfTheTableAre) {
  TableConfig orders = Orders("watermark");
  orders.deletes_from = {"gone", "", {"k"}, "n"};
  Begin(orders,
        "CREATE TABLE gone(n INTEGER PRIMARY KEY, k); CREATE TABLE reals(id REAL PRIMARY KEY NOT NULL, at "
        "TEXT);"
        "INSERT INTO reals VALUES(1, 'a'), (2.5, 'b'); CREATE TABLE names(id TEXT PRIMARY KEY NOT NULL, at "
        "TEXT);"
        "INSERT INTO names VALUES('1', 'a'), ('x', 'b')");
  for (const char* const name : {"reals", "names"}) {
    orders.name = name;
    bench_->source().tables.push_back(orders);
  }
  Cycle();
  // Of other kinds than the table's, and what no key of it can be.
  Sql("DELETE FROM orders WHERE id < 4; DELETE FROM reals WHERE id = 1; DELETE FROM names WHERE id = '1'; "
      "INSERT INTO gone(k) VALUES(1.0), ('2'), (3), ('1'), (x'05'), (2.5), ('x'), (NULL), (9e99)");
  const CycleReport report = Cycle();
  EXPECT_EQ(ReportOf(report, "orders").deletes, 3U) << Summary(report);
  EXPECT_EQ(ReportOf(report, "reals").deletes, 4U) << "of 2, 3 and 9e99 the mirror had nothing";
  EXPECT_EQ(
      Mirrored("count(*) || ' ' || (SELECT group_concat(id) FROM reals) || ' ' || (SELECT group_concat(id) "
               "FROM names)"),
      "497 2.5 x");
  EXPECT_THAT(report.notes, testing::Contains(HasSubstr("rows name no key of table 'orders'")));
}

TEST_P(WatermarkTest, ManyDeletesAndManyRowsThatComeToMatchGoAsWhatTheyAre) {
  TableConfig orders = Orders("watermark");
  Begin(orders, Series(absl::StrCat(kGone,
                                    "CREATE TABLE many(id INTEGER PRIMARY KEY, at TEXT, v);"
                                    "INSERT INTO many SELECT value, '2024-01-01', 'in' FROM "
                                    "generate_series(1, 3000); UPDATE many SET v = 'out' WHERE id > 1700")));
  TableConfig many = Orders("watermark");
  many.name = "many";
  many.steps.table = "many";
  many.steps.where = "v = 'in'";
  many.deletes_from = {"gone", "", {"order_id"}, "n"};
  bench_->source().tables.push_back(many);
  const auto sent = [&] {
    const CycleReport report = bench_->Run();
    EXPECT_TRUE(report.Good()) << Summary(report);
    return Sent(ReportOf(report, "many"));
  };
  sent();
  EXPECT_EQ(sent(), "none 0 0 0");
  EXPECT_EQ(bench_->mirror().Value("SELECT count(*) FROM many"), "1700");
  // More than the mirror may miss, and rows that it was never sent.
  Sql("UPDATE many SET v = 'in', at = '2024-01-02' WHERE id > 1700; INSERT INTO many SELECT value + 5000, "
      "NULL, "
      "'in' FROM " +
      Series("generate_series(1, 100)"));
  EXPECT_EQ(sent(), "changes 1300 0 0");
  Sql("INSERT INTO gone(order_id) SELECT id FROM many WHERE id <= 30; DELETE FROM many WHERE id <= 30; "
      "UPDATE many "
      "SET v = 'out', at = '2024-01-03' WHERE id BETWEEN 1000 AND 1050");
  EXPECT_EQ(sent(), "changes 0 0 81");
  EXPECT_EQ(sent(), "none 0 0 0");
  EXPECT_EQ(bench_->mirror().Value("SELECT count(*) FROM many"), "2919");
}

TEST_P(WatermarkTest, ADeclaredKeyThatIsNoneIsToldAndFailsNoRun) {
  Begin(Orders("watermark"), "CREATE VIEW twice AS SELECT id % 400 AS k, at, v FROM orders");
  TableConfig twice = Orders("watermark");
  twice.name = "twice";
  twice.key = {"k"};
  bench_->source().tables.push_back(twice);
  EXPECT_TRUE(bench_->Run().Good());
  bench_->verify = true;
  const CycleReport report = bench_->Run();
  EXPECT_TRUE(report.Good()) << Summary(report);
  EXPECT_EQ(ReportOf(report, "twice").equality, TableReport::Equality::kNotMeant);
  bench_->source().tables[1].strategy = Strategy::kSynthetic;
  bench_->source().tables[1].watermark.clear();
  bench_->verify = false;
  EXPECT_TRUE(bench_->Run().Good());
  bench_->verify = true;
  const CycleReport compared = bench_->Run();
  EXPECT_THAT(ReportOf(compared, "twice").unknown_because, HasSubstr("have the same key"));
  EXPECT_TRUE(compared.Good()) << Summary(compared);
}

TEST_P(WatermarkTest, NumbersThatAreKeptAsTextsAreToldWhereTheirOrderIsAnother) {
  Begin(Orders("watermark"),
        "CREATE TABLE counted(id INTEGER PRIMARY KEY, at TEXT); INSERT INTO counted VALUES(1, "
        "'8'), (2, '9')");
  TableConfig counted = Orders("watermark");
  counted.name = "counted";
  bench_->source().tables.push_back(counted);
  EXPECT_TRUE(bench_->Run().Good());
  Sql("INSERT INTO counted VALUES(3, '10')");
  const CycleReport report = bench_->Run();
  EXPECT_EQ(ReportOf(report, "counted").result, TableResult::kFailed);
  EXPECT_THAT(ReportOf(report, "counted").reason, HasSubstr("numbers that are kept as texts"));
}

TEST_P(WatermarkTest, AnEmptyTableOrOneThatShrinksMissesNoRow) {
  Begin(Orders("watermark"), "CREATE TABLE late(id INTEGER PRIMARY KEY, at TEXT, v)");
  TableConfig late = Orders("watermark");
  late.name = "late";
  bench_->source().tables.push_back(late);
  Cycle();
  Cycle();
  Sql("INSERT INTO late VALUES(1, '2024-01-01', 'a'), (2, '2024-01-02', 'b'), (3, '2024-01-03', 'c')");
  Cycle();
  Sql("DELETE FROM late WHERE id = 3");
  bench_->Run();
  Sql("INSERT INTO late VALUES(4, '2024-01-02 12:00:00', 'before the one that went')");
  bench_->Run();
  EXPECT_EQ(bench_->mirror().Value("SELECT group_concat(id) FROM late"), "1,2,3,4");
}

TEST_P(WatermarkTest, AFeedThatDoesNotFitItsTableFailsItAloneAndSaysWhy) {
  TableConfig orders = Orders("watermark");
  Begin(orders, kGone);
  const auto reason = [&](const DeletesFrom& feed) {
    bench_->source().tables[0].deletes_from = feed;
    const CycleReport report = bench_->Run();
    EXPECT_EQ(ReportOf(report, "gone").result, TableResult::kOk);
    return ReportOf(report, "orders").reason;
  };
  EXPECT_THAT(reason({"lost", "", {"id"}, "at"}),
              HasSubstr("'deletes_from', 'lost': the source has no such table"));
  EXPECT_THAT(reason({"gone", "", {"id"}, "at"}), HasSubstr("it has no column 'id'"));
  EXPECT_THAT(reason({"gone", "", {"order_id"}, "then"}), HasSubstr("it has no column 'then'"));
  EXPECT_THAT(reason({"gone", "", {"order_id", "n"}, "at"}), HasSubstr("'key' names 2 columns"));
  EXPECT_THAT(reason({"gone", "", {"at"}, "at"}), HasSubstr("column 'at' is named twice"));
}

TEST_P(WatermarkTest, WithCdcDeletesAndLateRowsAreSeenAndNothingIsSentTwice) {
  TableConfig orders = Orders("watermark_cdc");
  orders.precision.unit = TimeUnit::kHour;
  Begin(orders);
  EXPECT_EQ(Run(), "none 0 0 0");
  // The hour of the greatest value is looked at again, so a change that did not touch the column is seen
  // there.
  Sql("UPDATE orders SET v = 'x' WHERE id = 1; DELETE FROM orders WHERE id IN (2, 3); INSERT INTO orders "
      "VALUES(2001, '1999-01-01', 'late'), (2002, '2024-05-01 12:00:00', 'new')");
  EXPECT_EQ(Sent(ReportOf(Cycle(), "orders")), "changes 2 1 2");
  EXPECT_EQ(Sent(ReportOf(Cycle(), "orders")), "none 0 0 0");
  Sql("UPDATE orders SET v = 'unseen' WHERE id = 4");
  EXPECT_EQ(Run(), "none 0 0 0") << "its hour is over";
}

TEST_P(WatermarkTest, WithHashesByColumnOnlyTheColumnsThatChangedAreSent) {
  for (const char* const strategy : {"window", "watermark_cdc"}) {
    SCOPED_TRACE(strategy);
    here_.reset();
    bench_.reset();
    TableConfig orders = Orders(strategy);
    orders.column_hashes = true;
    Begin(orders, "ALTER TABLE orders ADD COLUMN w; UPDATE orders SET at = datetime('now', '-1 hour');");
    EXPECT_EQ(Run(), "none 0 0 0");
    // What the mirror has in other columns shows which ones were written.
    ASSERT_EQ(bench_->mirror().Execute("UPDATE orders SET w = 'theirs' WHERE id < 4"), "");
    Sql("UPDATE orders SET v = 'x', at = datetime('now') WHERE id = 1; UPDATE orders SET v = 'y', w = 'z', "
        "at = "
        "datetime('now') WHERE id = 2");
    EXPECT_EQ(Run(), "changes 0 2 0");
    EXPECT_EQ(Mirrored("group_concat(v || ':' || w) FILTER (WHERE id < 4)"), "x:theirs,y:z,3:theirs");
  }
}

TEST_P(WatermarkTest, AWindowSeesWhatIsInItAndNeverDeletes) {
  TableConfig orders = Orders("window");
  orders.window_ms = 2LL * 86'400'000;
  Begin(orders);
  EXPECT_EQ(Run(), "none 0 0 0");
  Sql("UPDATE orders SET v = 'unseen' WHERE id = 1; UPDATE orders SET at = date('now'), v = 'x' WHERE id IN "
      "(2, 3); "
      "DELETE FROM orders WHERE id = 4; INSERT INTO orders VALUES(3001, datetime('now', '-1 day'), 'new')");
  EXPECT_EQ(Run(), "changes 3 0 0");
  EXPECT_EQ(Run(), "none 0 0 0");
  Sql("UPDATE orders SET v = 'y' WHERE id = 2; DELETE FROM orders WHERE id = 3");
  EXPECT_EQ(Run(), "changes 0 1 0");
  EXPECT_EQ(Mirrored("count(*)"), "501");
  bench_->verify = true;
  CycleReport report = bench_->Run();
  EXPECT_EQ(ReportOf(report, "orders").equality, TableReport::Equality::kNotMeant);
  EXPECT_THAT(ReportOf(report, "orders").unknown_because, HasSubstr("sends no deletes"));
  EXPECT_EQ(Mirrored("count(*)"), "501") << "nothing was mended away";
  bench_->verify = false;
  const Finished set = RunProgram("/usr/bin/sqlite3", {StatePath(), "UPDATE captured SET looked_ms = 1000"});
  ASSERT_EQ(set.exit_code, 0) << set.errors;
  report = bench_->Run();
  EXPECT_THAT(report.notes, testing::Contains(HasSubstr("is longer ago than its window")));
}

TEST_P(WatermarkTest, AWindowIsOfTheKindThatItsColumnHolds) {
  TableConfig orders = Orders("window");
  orders.window_ms = 2LL * 86'400'000;
  Begin(orders,
        "CREATE TABLE logs(id INTEGER PRIMARY KEY, at DATETIME, v); INSERT INTO logs VALUES(1, "
        "unixepoch('now', '-1 hour'), 'a'), (2, unixepoch('now', '-9 days'), 'b')");
  orders.name = "logs";
  bench_->source().tables.push_back(orders);
  EXPECT_TRUE(bench_->Run().Good());
  Sql("UPDATE logs SET v = 'c'");
  const CycleReport report = bench_->Run();
  EXPECT_EQ(Sent(ReportOf(report, "logs")), "changes 0 1 0") << Summary(report);
  bench_->source().tables[1].time = TimeFormat::kIso;
  EXPECT_THAT(ReportOf(bench_->Run(), "logs").reason, HasSubstr("the greatest value of 'at' is a number"));
}

TEST_P(WatermarkTest, ATableThatDoesNotFitItsStrategyFailsAloneAndSaysWhy) {
  Begin(Orders("watermark"), "CREATE TABLE other(id INTEGER PRIMARY KEY); INSERT INTO other VALUES(1)");
  bench_->source().tables[0].watermark = "changed_at";
  Sql("INSERT INTO other VALUES(2)");
  const CycleReport report = bench_->Run();
  EXPECT_EQ(ReportOf(report, "orders").result, TableResult::kFailed);
  EXPECT_THAT(ReportOf(report, "orders").reason, HasSubstr("no column 'changed_at'"));
  EXPECT_EQ(Sent(ReportOf(report, "other")), "changes 1 0 0");
}

}  // namespace
}  // namespace mirror::captured_source_test
