// The way in which changes are found is changed between two runs: nothing is lost, and nothing is sent that
// the mirror has.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <tuple>

#include "absl/strings/str_cat.h"
#include "tests/endpoint/endpoint_fixture.h"
#include "tests/support/agent_bench.h"
#include "tests/support/source_words.h"
#include "tests/support/status_matchers.h"

namespace mirror::strategy_change_test {
namespace {

constexpr char kOrders[] =
    "PRAGMA journal_mode = WAL; CREATE TABLE orders(id INTEGER PRIMARY KEY, at TEXT, v);"
    "CREATE TABLE others(id TEXT PRIMARY KEY, v) WITHOUT ROWID;"
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000) INSERT INTO orders "
    "SELECT i, "
    "'2024-05-01 10:' || printf('%02d', i % 50), i FROM n; INSERT INTO others SELECT 'k' || id, v FROM "
    "orders";

using Pair = std::tuple<const char*, const char*>;

class ChangedSourceTest : public EndpointTest {
 protected:
  void Begin(const std::string& strategy) {
    Install();
    bench_ = std::make_unique<AgentBench>(*here_, "Cust", here_->dir() + "/source");
    Sql(kOrders);
    Use(strategy);
    EXPECT_EQ(ReportOf(Run(), "orders").action, TableReport::Action::kPopulate);
    ASSERT_EQ(bench_->Difference(), "");
  }
  void Use(const std::string& strategy) {
    SourceConfig& source = bench_->source();
    source.tables.clear();
    source.strategy = strategy == "cdc" ? Strategy::kCdc : Strategy::kSynthetic;
    if (strategy == "cdc") {
      ASSERT_THAT(bench_->Install(), IsOk());
      return;
    }
    TableConfig orders;
    orders.name = "orders";
    orders.strategy = StrategyNamed(strategy);
    if (strategy != "synthetic") orders.watermark = "at";
    orders.window_ms = 2LL * 86'400'000;
    source.tables.push_back(orders);
  }
  void Sql(const std::string& sql) { ASSERT_EQ(bench_->Sql(sql), ""); }
  CycleReport Run() {
    CycleReport report = bench_->Run();
    EXPECT_TRUE(report.Good()) << Summary(report);
    return report;
  }
  static std::uint64_t Rows(const TableReport& table) {
    return table.inserts + table.updates + table.deletes;
  }
  static std::string Sent(const TableReport& table) {
    return absl::StrCat(table.inserts, " ", table.updates, " ", table.deletes);
  }
  static bool SendsDeletes(const std::string& strategy) {
    return strategy != "watermark" && strategy != "window";
  }

  std::unique_ptr<AgentBench> bench_;
};

class StrategyChangeTest : public ChangedSourceTest, public testing::WithParamInterface<Pair> {};

std::string NameOf(const testing::TestParamInfo<Pair>& info) {
  std::string name = absl::StrCat(std::get<0>(info.param), "_to_", std::get<1>(info.param));
  name.erase(std::remove(name.begin(), name.end(), '-'), name.end());
  return name;
}

INSTANTIATE_TEST_SUITE_P(
    Pairs, StrategyChangeTest,
    testing::Combine(testing::Values("cdc", "synthetic", "watermark", "watermark_cdc", "window"),
                     testing::Values("cdc", "synthetic", "watermark", "watermark_cdc", "window")),
    NameOf);

TEST_P(StrategyChangeTest, NothingIsLostAndNothingIsSentThatTheMirrorHas) {
  const std::string former = std::get<0>(GetParam()), next = std::get<1>(GetParam());
  if (former == next) GTEST_SKIP() << "no change";
  Begin(former);
  Sql("UPDATE orders SET v = 'a', at = datetime('now') WHERE id <= 20; INSERT INTO orders VALUES(4001, "
      "datetime('now'), 'a')");
  EXPECT_EQ(Rows(ReportOf(Run(), "orders")), 21U);
  // Between the last run of the one and the first of the other; some where the other would not look.
  Sql("UPDATE orders SET v = 'b', at = datetime('now') WHERE id BETWEEN 11 AND 30; UPDATE orders SET v = 'c' "
      "WHERE "
      "id = 2000; INSERT INTO orders VALUES(4002, '2024-05-01 10:00', 'b'); DELETE FROM orders WHERE id IN "
      "(40, 41);"
      "UPDATE others SET v = 'd' WHERE id = 'k7'");
  Use(next);
  CycleReport report = Run();
  const bool deletes = SendsDeletes(former) || SendsDeletes(next);
  EXPECT_EQ(ReportOf(report, "orders").action, TableReport::Action::kChanges) << Summary(report);
  EXPECT_EQ(Rows(ReportOf(report, "orders")), deletes ? 24U : 22U) << Summary(report);
  if (deletes) {
    EXPECT_EQ(bench_->Difference(), "");
  }
  EXPECT_EQ(bench_->mirror().Value("SELECT count(*) FROM orders"), deletes ? "3000" : "3002");
  EXPECT_EQ(bench_->mirror().Value("SELECT v FROM orders WHERE id = 2000"), "c");
  EXPECT_LE(Rows(ReportOf(report, "others")), 1U) << "it is sent as before, or compared";
  EXPECT_EQ(Rows(ReportOf(Run(), "orders")), 0U);

  Sql("UPDATE orders SET v = 'e', at = datetime('now', '+1 minute') WHERE id = 50; INSERT INTO orders "
      "VALUES(4003, "
      "datetime('now', '+2 minutes'), 'e')");
  report = Run();
  EXPECT_EQ(Rows(ReportOf(report, "orders")), 2U) << Summary(report);
  EXPECT_EQ(bench_->mirror().Value("SELECT group_concat(v) FROM orders WHERE id IN (50, 4003)"), "e,e");
  EXPECT_EQ(Rows(ReportOf(Run(), "orders")), 0U);

  // And back.
  Sql("UPDATE orders SET v = 'f', at = datetime('now', '+3 minutes') WHERE id = 60; DELETE FROM orders WHERE "
      "id = 61");
  Use(former);
  report = Run();
  EXPECT_EQ(Rows(ReportOf(report, "orders")),
            deletes && SendsDeletes(former) + SendsDeletes(next) > 0 ? 2U : 1U)
      << Summary(report);
  Sql("UPDATE orders SET v = 'g', at = datetime('now', '+4 minutes') WHERE id = 62");
  EXPECT_EQ(Rows(ReportOf(Run(), "orders")), 1U);
  EXPECT_EQ(bench_->mirror().Value("SELECT group_concat(v) FROM orders WHERE id IN (60, 62)"), "f,g");
}

TEST_P(StrategyChangeTest, AKillInTheRunThatChangesItLosesNothing) {
  const std::string former = std::get<0>(GetParam()), next = std::get<1>(GetParam());
  if (former == next) GTEST_SKIP() << "no change";
  Begin(former);
  Run();
  Sql("UPDATE orders SET v = randomblob(500), at = datetime('now') WHERE id <= 300; INSERT INTO orders "
      "VALUES(4002, "
      "'2024-05-01 10:00', 'b')");
  Use(next);
  bench_->config().agent.batch_bytes = 10'000;
  for (int death = 1; death <= 3; ++death) {
    int pieces = 0;
    bench_->on_rows = [&](const Work&) {
      if (++pieces == death) throw AgentDies{};
    };
    CycleReport report;
    bench_->RunUntilDeath(&report);
  }
  bench_->on_rows = nullptr;
  Run();
  EXPECT_EQ(bench_->Difference(), "");
}

TEST_F(ChangedSourceTest, OtherColumnsOfACapturedTableDoNotSendItAgain) {
  Begin("synthetic");
  Sql("UPDATE orders SET v = 'x' WHERE id = 5; ALTER TABLE orders DROP COLUMN at");
  const CycleReport report = Run();
  EXPECT_EQ(Sent(ReportOf(report, "orders")), "1 0 0") << Summary(report);
  EXPECT_EQ(bench_->Difference(), "");
  EXPECT_EQ(Rows(ReportOf(Run(), "orders")), 0U);
}

TEST_F(ChangedSourceTest, ARunBeforeInstallIsNoOtherSourcesState) {
  Install();
  bench_ = std::make_unique<AgentBench>(*here_, "Cust", here_->dir() + "/source");
  Sql("CREATE TABLE notes(v); INSERT INTO notes VALUES (1), (1)");
  bench_->source().strategy = Strategy::kCdc;
  EXPECT_EQ(ReportOf(Run(), "notes").action, TableReport::Action::kPopulate);
  ASSERT_THAT(bench_->Install(), IsOk());
  const TableReport table = ReportOf(Run(), "notes");
  EXPECT_EQ(table.action, TableReport::Action::kPopulate) << "without a key it cannot be compared";
  EXPECT_EQ(table.reason, "the mirror's rows were sent before the change log was installed");
  EXPECT_THAT(here_->ServerLog(), testing::Not(testing::HasSubstr("source.restored")));
  EXPECT_EQ(bench_->Difference(), "");
}

TEST_F(ChangedSourceTest, ATableThatIsReadInAnotherWayIsNoOtherSourcesState) {
  Install();
  bench_ = std::make_unique<AgentBench>(*here_, "Cust", here_->dir() + "/source");
  Sql("CREATE TABLE notes(v); INSERT INTO notes VALUES (1), (1)");
  SourceConfig& source = bench_->source();
  TableConfig notes;
  notes.name = "notes";
  bool is_first = true;
  for (const Strategy strategy : {Strategy::kPopulate, Strategy::kSynthetic, Strategy::kPopulate}) {
    SCOPED_TRACE(ToString(strategy));
    notes.strategy = strategy;
    source.strategy = strategy;
    source.tables = {notes};
    const TableReport table = ReportOf(Run(), "notes");
    EXPECT_EQ(table.action, TableReport::Action::kPopulate) << "without a key it cannot be compared";
    EXPECT_EQ(table.reason, is_first ? "new in the mirror"
                                     : "the mirror's rows were sent when the table was read in another way");
    EXPECT_EQ(bench_->Difference(), "");
    is_first = false;
  }
  EXPECT_THAT(here_->ServerLog(), testing::Not(testing::HasSubstr("source.restored")));
}

TEST_F(ChangedSourceTest, AllTablesOfOneRunAreTakenOverByALog) {
  Begin("synthetic");
  Sql("CREATE TABLE t3(id INTEGER PRIMARY KEY); INSERT INTO t3 VALUES(1); CREATE TABLE t4(id INTEGER PRIMARY "
      "KEY); "
      "INSERT INTO t4 VALUES(1)");
  Run();
  Use("cdc");
  for (const TableReport& table : Run().tables)
    EXPECT_EQ(table.action, TableReport::Action::kNone) << table.table;
  EXPECT_EQ(bench_->Difference(), "");
}

TEST_F(ChangedSourceTest, TablesOfOneSourceMayHaveDifferentOnes) {
  Begin("cdc");
  TableConfig others;
  others.name = "others";
  others.strategy = Strategy::kSynthetic;
  bench_->source().tables.push_back(others);
  Sql("UPDATE others SET v = 'x' WHERE id = 'k9'; UPDATE orders SET v = 'x' WHERE id = 9");
  CycleReport report = Run();
  EXPECT_EQ(Sent(ReportOf(report, "orders")), "0 1 0") << Summary(report);
  EXPECT_EQ(Rows(ReportOf(report, "others")), 1U) << Summary(report);
  EXPECT_EQ(bench_->Difference(), "");
  Sql("DELETE FROM others WHERE id = 'k8'; DELETE FROM orders WHERE id = 8");
  report = Run();
  EXPECT_EQ(Sent(ReportOf(report, "orders")), "0 0 1") << Summary(report);
  EXPECT_EQ(Sent(ReportOf(report, "others")), "0 0 1") << Summary(report);
  EXPECT_EQ(bench_->Difference(), "");
}

TEST_F(ChangedSourceTest, AViewWithADeclaredKeyIsATable) {
  Begin("cdc");
  Sql("CREATE VIEW big AS SELECT id, id * 2 AS twice, v FROM orders WHERE id > 2990");
  EXPECT_EQ(ReportOf(Run(), "big").table, "") << "views are mirrored only where they are asked for";
  TableConfig view;
  view.name = "Big";
  view.strategy = Strategy::kSynthetic;
  view.key = {"id"};
  bench_->source().tables.push_back(view);
  EXPECT_EQ(Sent(ReportOf(Run(), "big")), "10 0 0");
  EXPECT_EQ(bench_->mirror().Value("SELECT sum(twice) FROM big"), "59910");
  Sql("UPDATE orders SET v = 'x' WHERE id IN (1, 2995); DELETE FROM orders WHERE id = 3000; INSERT INTO "
      "orders "
      "VALUES(5000, '', 1)");
  EXPECT_EQ(Sent(ReportOf(Run(), "big")), "1 1 1");
  bench_->verify = true;
  EXPECT_EQ(ReportOf(Run(), "big").equality, TableReport::Equality::kEqual);
  bench_->source().tables[0].key = {"nothing"};
  EXPECT_THAT(ReportOf(bench_->Run(), "big").reason, testing::HasSubstr("has no column 'nothing'"));
}

/// A key that the announced type does not hold comes with the change that only a comparison can find.
class MisfitKeyTest : public EndpointTest {
 protected:
  void Begin(const std::string& strategy) {
    Install();
    bench_ = std::make_unique<AgentBench>(*here_, "Cust", here_->dir() + "/source");
    Sql("PRAGMA journal_mode = WAL; CREATE TABLE items(doc INTEGER, nr INTEGER, v, PRIMARY KEY(doc, nr)); "
        "INSERT INTO items VALUES(1, 1, 'a'), (1, 2, 'b'), (2, 1, 'c')");
    bench_->source().strategy = StrategyNamed(strategy);
    if (strategy == "cdc") {
      ASSERT_THAT(bench_->Install(), IsOk());
    }
    ASSERT_TRUE(bench_->Run().Good());
    ASSERT_EQ(bench_->Difference(), "");
  }
  void Sql(const std::string& sql) { ASSERT_EQ(bench_->Sql(sql), ""); }
  /// It is found, told, and everything arrives, in this run or the next one.
  void ExpectToArrive() {
    CycleReport report = bench_->Run();
    if (!report.Good()) report = bench_->Run();
    EXPECT_TRUE(report.Good()) << Summary(report);
    EXPECT_EQ(bench_->Difference(), "") << Summary(report);
    EXPECT_EQ(bench_->mirror().Value("SELECT v FROM items WHERE nr = 'total'"), "all");
    Sql("UPDATE items SET v = 'later' WHERE nr = 'total'");
    EXPECT_TRUE(bench_->Run().Good());
    EXPECT_EQ(bench_->Difference(), "");
  }

  std::unique_ptr<AgentBench> bench_;
};

TEST_F(MisfitKeyTest, AStagedTableIsWidenedAndPopulated) {
  for (const char* const strategy : {"synthetic", "cdc"}) {
    SCOPED_TRACE(strategy);
    here_.reset();
    bench_.reset();
    Begin(strategy);
    TableConfig items;
    items.name = "items";
    items.staged = true;
    bench_->source().tables.push_back(items);
    ASSERT_TRUE(bench_->Run().Good());
    Sql("INSERT INTO items VALUES(2, 'total', 'all'); UPDATE items SET v = 'x' WHERE nr = 2");
    ExpectToArrive();
  }
}

TEST_F(MisfitKeyTest, AnotherStrategyLosesNothingOfTheTable) {
  Begin("cdc");
  Sql("INSERT INTO items VALUES(2, 'total', 'all'); UPDATE items SET v = 'x' WHERE nr = 2");
  bench_->source().strategy = Strategy::kSynthetic;
  ExpectToArrive();
}

TEST_F(MisfitKeyTest, AComparisonThatIsAskedForMendsIt) {
  Begin("synthetic");
  bench_->verify = true;
  Sql("INSERT INTO items VALUES(2, 'total', 'all')");
  ExpectToArrive();
}

TEST_F(ChangedSourceTest, AStagedTableIsComparedAndOnlyRealDifferencesAreSent) {
  for (const char* const strategy : {"synthetic", "watermark_cdc", "cdc"}) {
    SCOPED_TRACE(strategy);
    here_.reset();
    bench_.reset();
    Begin(strategy);
    if (bench_->source().tables.empty()) bench_->source().tables.push_back({.name = "orders"});
    bench_->source().tables[0].staged = true;
    EXPECT_EQ(Rows(ReportOf(Run(), "orders")), 0U);
    // At the target somebody changed, removed and added rows; one is already as the source will have it.
    ASSERT_EQ(bench_->mirror().Execute(
                  "UPDATE orders SET v = 'theirs' WHERE id = 7; DELETE FROM orders WHERE id IN (8, "
                  "9); INSERT INTO orders VALUES(9001, 'x', 'theirs'); UPDATE orders SET v = 'same' "
                  "WHERE id = 10"),
              "");
    Sql("UPDATE orders SET v = 'same' WHERE id = 10; UPDATE orders SET v = 'new', at = '2024-05-01 10:59' "
        "WHERE id = "
        "11");
    const CycleReport report = Run();
    EXPECT_EQ(bench_->Difference(), "") << Summary(report);
    if (strategy != std::string("cdc")) {
      EXPECT_EQ(Rows(ReportOf(report, "orders")), 5U) << Summary(report);
    }
    EXPECT_EQ(ReportOf(report, "orders").equality, TableReport::Equality::kEqual);
    EXPECT_EQ(Rows(ReportOf(Run(), "orders")), 0U);
  }
}

}  // namespace
}  // namespace mirror::strategy_change_test
