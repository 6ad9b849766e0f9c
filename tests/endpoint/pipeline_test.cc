// What is done with a table between its source and the mirror: names, columns, rows, hashes and masks.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "certs/keyed_hash.h"
#include "tests/endpoint/endpoint_fixture.h"
#include "tests/support/agent_bench.h"
#include "tests/support/source_words.h"

namespace mirror::pipeline_test {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr char kSecret[] = "0123456789abcdef0123456789abcdef";
constexpr char kTables[] =
    "CREATE TABLE customer(id INTEGER PRIMARY KEY, email TEXT, phone TEXT, country TEXT, notes TEXT, n REAL);"
    "INSERT INTO customer VALUES(1, 'ada@x.dk', '+45 1234 5678', 'DK', 'one', 7), (2, 'bob@x.se', NULL, "
    "'SE', "
    "'two', 1.5), (3, NULL, '12', 'DK', 'three', NULL);"
    "CREATE TABLE other(id INTEGER PRIMARY KEY, v TEXT); INSERT INTO other VALUES(1, 'x');";

/// The strategy of the source, and its journal.
class PipelineTest : public EndpointTest, public testing::WithParamInterface<const char*> {
 protected:
  void Begin(const TableSteps& steps) {
    Install();
    bench_ = std::make_unique<AgentBench>(*here_, "Cust", here_->dir() + "/source");
    const std::string param = GetParam();
    const std::size_t space = param.find(' ');
    bench_->source().strategy = StrategyNamed(param.substr(0, space));
    bench_->source().hash_key = here_->dir() + "/hash.key";
    std::ofstream(bench_->source().hash_key) << kSecret << '\n';
    std::filesystem::permissions(bench_->source().hash_key, std::filesystem::perms::owner_read);
    Sql(absl::StrCat("PRAGMA journal_mode =", param.substr(space), "; ", kTables));
    if (IsLogged()) {
      ASSERT_THAT(bench_->Install(), IsOk());
    }
    Configure(steps);
    Cycle();
  }
  static bool IsLogged() { return std::string(GetParam()).starts_with("cdc"); }
  void Configure(TableSteps steps) {
    steps.table = "Customer";
    steps.line = 12;
    TableConfig table;
    table.name = steps.table;
    table.steps = std::move(steps);
    bench_->source().tables = {table};
  }
  void Sql(const std::string& sql) { ASSERT_EQ(bench_->Sql(sql), ""); }
  CycleReport Cycle() {
    CycleReport report = bench_->Run();
    EXPECT_TRUE(report.Good()) << Summary(report);
    return report;
  }
  static std::string Sent(const TableReport& table) {
    return absl::StrCat(std::string(ToString(table.action)), " ", table.inserts, " ", table.updates, " ",
                        table.deletes);
  }
  /// Compared by digests, and so equal to what is sent.
  void ExpectEqual(const std::string& table) {
    bench_->verify = true;
    const CycleReport report = bench_->Run();
    bench_->verify = false;
    EXPECT_TRUE(report.Good()) << Summary(report);
    EXPECT_EQ(ReportOf(report, table).equality, TableReport::Equality::kEqual) << Summary(report);
    EXPECT_EQ(ReportOf(report, table).repaired, 0U);
  }
  std::vector<std::string> Mirrored(const std::string& sql) { return bench_->mirror().Query(sql); }
  static std::string Hash(char kind, std::string_view value) {
    std::string hash;
    KeyedHash(TenantHashKey(kSecret, "Cust")).AppendHex(kind, value, &hash);
    return hash;
  }

  std::unique_ptr<AgentBench> bench_;
};

INSTANTIATE_TEST_SUITE_P(Strategies, PipelineTest,
                         testing::Values("cdc WAL", "synthetic WAL", "populate WAL"));

class FollowedTest : public PipelineTest {};
INSTANTIATE_TEST_SUITE_P(Strategies, FollowedTest,
                         testing::Values("cdc WAL", "cdc DELETE", "synthetic WAL", "synthetic DELETE"));

TEST_P(FollowedTest, ATableAndItsColumnsAreCalledOtherwise) {
  Begin({.as = "Client", .rename = {{"EMAIL", "mail"}, {"country", "land"}}});
  EXPECT_THAT(bench_->mirror().Tables(), ElementsAre("Client", "other"));
  EXPECT_THAT(bench_->mirror().Columns("Client"), ElementsAre("id", "mail", "phone", "land", "notes", "n"));
  Sql("UPDATE customer SET email = 'eve@x.dk' WHERE id = 1; DELETE FROM customer WHERE id = 2; INSERT INTO "
      "customer VALUES(4, 'd', 'd', 'NO', 'four', 4)");
  EXPECT_EQ(Sent(ReportOf(Cycle(), "Client")), "changes 1 1 1");
  EXPECT_EQ(bench_->mirror().Value("SELECT group_concat(id || mail || land) FROM Client WHERE mail <> ''"),
            "1eve@x.dkDK,4dNO");
  ExpectEqual("Client");
  EXPECT_EQ(Sent(ReportOf(Cycle(), "Client")), "none 0 0 0");
}

TEST_P(FollowedTest, OfColumnsThatAreNotSentNoChangeIsSent) {
  Begin({.columns = {"id", "Country", "notes"}});
  EXPECT_THAT(bench_->mirror().Columns("customer"), ElementsAre("id", "country", "notes"));
  Sql("UPDATE customer SET email = 'new', phone = NULL, n = 1e999");
  const CycleReport quiet = Cycle();
  EXPECT_EQ(ReportOf(quiet, "customer").updates, 0U) << "nor does an infinity there matter";
  Sql("UPDATE customer SET email = 'newer', notes = 'second' WHERE id = 2");
  EXPECT_EQ(Sent(ReportOf(Cycle(), "customer")), "changes 0 1 0");
  EXPECT_EQ(bench_->mirror().Value("SELECT notes FROM customer WHERE id = 2"), "second");
  ExpectEqual("customer");
}

TEST_P(FollowedTest, ALongValueBehindAColumnThatIsNotSentArrives) {
  Begin({.columns = {"id", "notes"}});
  Sql("UPDATE customer SET notes = replace(hex(zeroblob(3000000)), '0', 'ab') WHERE id = 3");
  EXPECT_EQ(Sent(ReportOf(Cycle(), "customer")), "changes 0 1 0");
  EXPECT_EQ(bench_->mirror().Value("SELECT length(notes) FROM customer WHERE id = 3"), "12000000");
  ExpectEqual("customer");
}

TEST_P(FollowedTest, ARowComesAndGoesWithWhatDecidesAboutIt) {
  Begin({.where = "country = 'DK' -- the home market"});
  EXPECT_EQ(bench_->mirror().Value("SELECT group_concat(id) FROM customer"), "1,3");
  EXPECT_EQ(bench_->mirror().RowCount("customer"), 2);
  Sql("UPDATE customer SET country = 'DK' WHERE id = 2");
  EXPECT_EQ(Sent(ReportOf(Cycle(), "customer")), "changes 1 0 0") << "whole";
  EXPECT_EQ(bench_->mirror().Value("SELECT email || notes || n FROM customer WHERE id = 2"),
            "bob@x.setwo1.5");
  Sql("UPDATE customer SET country = NULL WHERE id = 1");
  EXPECT_EQ(Sent(ReportOf(Cycle(), "customer")), "changes 0 0 1");
  EXPECT_EQ(bench_->mirror().Value("SELECT group_concat(id) FROM customer"), "2,3");
  Sql("UPDATE customer SET notes = 'unseen' WHERE id = 1; UPDATE customer SET notes = 'seen' WHERE id = 2");
  EXPECT_EQ(Sent(ReportOf(Cycle(), "customer")), "changes 0 1 0");
  Sql("UPDATE customer SET notes = 'still unseen' WHERE id = 1; INSERT INTO customer(id, country) VALUES(9, "
      "'NO')");
  Cycle();
  EXPECT_EQ(bench_->mirror().Value("SELECT group_concat(id || notes) FROM customer"), "2seen,3three");
  Sql("DELETE FROM customer WHERE id IN (1, 3)");
  Cycle();
  EXPECT_EQ(bench_->mirror().Value("SELECT group_concat(id) FROM customer"), "2");
  EXPECT_EQ(bench_->mirror().RowCount("customer"), 1);
  ExpectEqual("customer");
}

TEST_P(FollowedTest, ManyRowsThatAreNotSentAreNoDeletesToBeAfraidOf) {
  Begin({.where = "country = 'DK'"});
  Sql("INSERT INTO customer(id, country) WITH RECURSIVE n(i) AS (SELECT 10 UNION ALL SELECT i + 1 FROM n "
      "WHERE i "
      "< 5000) SELECT i, iif(i % 2, 'DK', 'SE') FROM n");
  EXPECT_EQ(ReportOf(Cycle(), "customer").inserts, 2495U);
  Sql("UPDATE customer SET notes = 'touched'");
  const CycleReport touched = Cycle();
  EXPECT_EQ(Sent(ReportOf(touched, "customer")), "changes 0 2497 0");
  Sql("DELETE FROM customer WHERE country = 'SE'");
  Cycle();
  EXPECT_EQ(bench_->mirror().RowCount("customer"), 2497);
  ExpectEqual("customer");
}

TEST_P(FollowedTest, HashesAndMasksAreTheDocumentedOnesAndFollowTheirRows) {
  Begin({.hash = {"email", "N"}, .mask = {{"phone", 4}}});
  EXPECT_EQ(bench_->mirror().Value("SELECT email FROM customer WHERE id = 1"), Hash('t', "ada@x.dk"));
  EXPECT_EQ(bench_->mirror().Value("SELECT n FROM customer WHERE id = 1"),
            Hash('i', std::string_view("\x07\0\0\0\0\0\0\0", 8)));
  EXPECT_THAT(Mirrored("SELECT phone, typeof(phone), typeof(email), typeof(n) FROM customer ORDER BY id"),
              ElementsAre(HasSubstr("****5678"), HasSubstr("null"), HasSubstr("****")));
  EXPECT_EQ(bench_->mirror().Value("SELECT count(*) FROM customer WHERE email IS NULL AND id = 3"), "1");
  ExpectEqual("customer");
  Sql("UPDATE customer SET email = 'eve@x.se', phone = '+46 0000 9999' WHERE id = 2");
  EXPECT_EQ(Sent(ReportOf(Cycle(), "customer")), "changes 0 1 0");
  EXPECT_EQ(bench_->mirror().Value("SELECT email || phone FROM customer WHERE id = 2"),
            Hash('t', "eve@x.se") + "****9999");
  ExpectEqual("customer");
  ASSERT_EQ(bench_->mirror().Execute("UPDATE customer SET email = 'wrong' WHERE id = 1"), "");
  bench_->verify = true;
  const CycleReport report = bench_->Run();
  EXPECT_EQ(ReportOf(report, "customer").repaired, 1U) << Summary(report);
  EXPECT_EQ(bench_->mirror().Value("SELECT email FROM customer WHERE id = 1"), Hash('t', "ada@x.dk"));
}

TEST_P(FollowedTest, ALongValueThatIsHashedIsRefusedAndNotSent) {
  Begin({.hash = {"notes"}});
  Sql("UPDATE customer SET notes = replace(hex(zeroblob(3000000)), '0', 'ab') WHERE id = 3");
  const CycleReport report = bench_->Run();
  EXPECT_EQ(ReportOf(report, "customer").result, TableResult::kFailed);
  EXPECT_THAT(ReportOf(report, "customer").reason,
              AllOf(HasSubstr("'notes'"), HasSubstr("over 4 MB"), HasSubstr("'where'")));
  EXPECT_EQ(bench_->mirror().Value("SELECT notes FROM customer WHERE id = 3"), Hash('t', "three"));
  EXPECT_EQ(ReportOf(report, "other").result, TableResult::kOk);
}

TEST_P(PipelineTest, AnotherConfigurationBringsTheMirrorInLine) {
  Begin({});
  EXPECT_EQ(bench_->mirror().Value("SELECT group_concat(email) FROM customer"), "ada@x.dk,bob@x.se");
  Configure({.hash = {"email"}});
  Cycle();
  EXPECT_EQ(bench_->mirror().Value("SELECT group_concat(email) FROM customer"),
            absl::StrCat(Hash('t', "ada@x.dk"), ",", Hash('t', "bob@x.se")));
  ExpectEqual("customer");
  Configure({.where = "country = 'SE'", .mask = {{"email", 2}}});
  Cycle();
  EXPECT_EQ(bench_->mirror().Value("SELECT group_concat(id || email) FROM customer"), "2****se");
  Configure({.where = "country = 'DK'", .mask = {{"email", 2}}});
  Cycle();
  EXPECT_EQ(bench_->mirror().Value("SELECT group_concat(id || coalesce(email, '')) FROM customer"),
            "1****dk,3");
  Configure({.columns = {"id", "notes"}, .rename = {{"notes", "remark"}}});
  Cycle();
  EXPECT_THAT(bench_->mirror().Columns("customer"), ElementsAre("id", "remark"));
  EXPECT_EQ(bench_->mirror().Value("SELECT group_concat(remark) FROM customer"), "one,two,three");
  ExpectEqual("customer");
  EXPECT_EQ(Sent(ReportOf(Cycle(), "customer")), "none 0 0 0");
  Configure({});
  Cycle();
  EXPECT_EQ(bench_->mirror().Value("SELECT group_concat(email) FROM customer"), "ada@x.dk,bob@x.se");
  ExpectEqual("customer");
  EXPECT_EQ(Sent(ReportOf(Cycle(), "customer")), "none 0 0 0");
}

TEST_P(FollowedTest, ACompositeKeyAndAColumnThatDecidesInIt) {
  Begin({});
  Sql("CREATE TABLE parts(a TEXT COLLATE NOCASE, b INTEGER, v, w AS (v || '!'), PRIMARY KEY(a, b)); INSERT "
      "INTO parts "
      "VALUES('x', 1, 'one'), ('y', 2, 'two'), ('z', 1, NULL)");
  TableConfig table;
  table.name = table.steps.table = "parts";
  table.steps.as = "pieces";
  table.steps.columns = {"a", "b", "v"};
  table.steps.rename = {{"a", "name"}};
  table.steps.where = "b = 1 AND coalesce(w, '') <> 'gone!'";
  table.steps.mask = {{"v", 1}};
  bench_->source().tables = {table};
  Cycle();
  const auto rows = [&] {
    return bench_->mirror().Value(
        "SELECT group_concat(name || b || coalesce(v, '-')) FROM (SELECT * FROM pieces ORDER BY name)");
  };
  EXPECT_EQ(rows(), "x1****e,z1-");
  Sql("UPDATE parts SET b = 1, v = 'second' WHERE a = 'y'; UPDATE parts SET b = 3 WHERE a = 'x'");
  EXPECT_EQ(Sent(ReportOf(Cycle(), "pieces")), IsLogged() ? "changes 1 0 3" : "changes 1 0 1");
  EXPECT_EQ(rows(), "y1****d,z1-");
  Sql("UPDATE parts SET v = 'gone' WHERE a = 'z'; UPDATE parts SET a = 'Y' WHERE a = 'y'");
  Cycle();
  EXPECT_EQ(rows(), "Y1****d") << "a generated column decided";
  ExpectEqual("pieces");
}

TEST_P(PipelineTest, AChangedConfigurationIsNotForgottenByAnAgentThatDies) {
  Begin({});
  Configure({.mask = {{"email", 0}}});
  bench_->on_rows = [](const Work&) { throw AgentDies{}; };
  CycleReport report;
  EXPECT_FALSE(bench_->RunUntilDeath(&report));
  bench_->on_rows = nullptr;
  Cycle();
  EXPECT_EQ(bench_->mirror().Value("SELECT group_concat(email) FROM customer"), "****,****");
}

TEST_P(PipelineTest, StepsThatDoNotFitAreToldAndLeaveTheMirrorAsItIs) {
  Begin({.columns = {"id", "email"}, .mask = {{"email", 2}}});
  const struct {
    TableSteps steps;
    const char* words;
  } cases[] = {
      {{.columns = {"id", "emial"}}, "has no column 'emial', which 'columns' names"},
      {{.columns = {"email"}}, "'columns' lacks 'id', which is in the key"},
      {{.rename = {{"nothing", "x"}}}, "has no column 'nothing', which 'rename' names"},
      {{.rename = {{"email", "phone"}}}, "phone"},
      {{.hash = {"id"}}, "'hash' names 'id', which is in the key"},
      {{.mask = {{"fone", 2}}}, "has no column 'fone', which 'mask' names"},
      {{.columns = {"id", "email"}, .where = "contry = 'DK'", .mask = {{"email", 2}}},
       "no such column: contry"},
      {{.columns = {"id", "email"}, .where = "id IN (SELECT id FROM other)", .mask = {{"email", 2}}},
       "SELECT"},
  };
  for (const auto& [steps, words] : cases) {
    SCOPED_TRACE(words);
    Configure(steps);
    const CycleReport report = bench_->Run();
    EXPECT_EQ(ReportOf(report, "customer").result, TableResult::kFailed) << Summary(report);
    EXPECT_THAT(ReportOf(report, "customer").reason, AllOf(HasSubstr(words), HasSubstr("in line 12")));
    EXPECT_EQ(ReportOf(report, "other").result, TableResult::kOk);
    EXPECT_THAT(bench_->mirror().Columns("customer"), ElementsAre("id", "email"));
    EXPECT_EQ(bench_->mirror().Value("SELECT group_concat(email) FROM customer"), "****dk,****se");
  }
  Configure({.columns = {"id", "email"}, .mask = {{"email", 2}}});
  Cycle();
  EXPECT_EQ(bench_->mirror().Value("SELECT group_concat(email) FROM customer"), "****dk,****se");
}

TEST_P(PipelineTest, AKeyThatOthersMayReadIsRefused) {
  Begin({});
  Configure({.hash = {"email"}});
  std::filesystem::permissions(bench_->source().hash_key, std::filesystem::perms::others_read,
                               std::filesystem::perm_options::add);
  const CycleReport report = bench_->Run();
  EXPECT_FALSE(report.Good());
  EXPECT_THAT(std::string(report.status.message()), HasSubstr("hash.key"));
}

TEST_P(PipelineTest, ATableThatIsNotThereIsTold) {
  Begin({});
  Configure({.as = "x"});
  bench_->source().tables[0].steps.table = "custmer";
  EXPECT_THAT(Cycle().notes, Contains(HasSubstr("the source has no table 'custmer'")));
}

class PipelineWatermarkTest : public PipelineTest {};
INSTANTIATE_TEST_SUITE_P(Strategies, PipelineWatermarkTest,
                         testing::Values("synthetic WAL", "synthetic DELETE"));

TEST_P(PipelineWatermarkTest, WhatDecidesAboutARowGoesWithItsWatermark) {
  Begin({});
  Sql("CREATE TABLE orders(id INTEGER PRIMARY KEY, at TEXT, v TEXT, open INTEGER); INSERT INTO orders "
      "VALUES(1, "
      "'2024-01-01', 'a', 1), (2, '2024-01-02', 'b', 0), (3, '2024-01-03', 'c', 1)");
  TableConfig orders;
  orders.name = orders.steps.table = "orders";
  orders.strategy = Strategy::kWatermarkCdc;
  orders.watermark = "AT";
  orders.precision.unit = TimeUnit::kDay;
  orders.steps.as = "sales";
  orders.steps.rename = {{"at", "moment"}};
  orders.steps.where = "open";
  bench_->source().tables = {orders};
  Cycle();
  EXPECT_EQ(bench_->mirror().Value("SELECT group_concat(id || v) FROM sales"), "1a,3c");
  Sql("UPDATE orders SET at = '2024-01-04', v = 'bb', open = 1 WHERE id = 2; UPDATE orders SET open = 0 "
      "WHERE id = "
      "1; INSERT INTO orders VALUES(4, '2024-01-05', 'd', 0)");
  EXPECT_EQ(Sent(ReportOf(Cycle(), "sales")), "changes 1 0 1");
  EXPECT_EQ(bench_->mirror().Value("SELECT group_concat(id || v) FROM sales"), "2bb,3c");
  // Rows behind the watermark are sent as they are to be now, too.
  bench_->source().tables[0].steps.mask = {{"v", 0}};
  EXPECT_EQ(Sent(ReportOf(Cycle(), "sales")), "changes 2 0 0");
  EXPECT_EQ(bench_->mirror().Value("SELECT group_concat(id || v) FROM sales"), "2****,3****");
  ExpectEqual("sales");
}

}  // namespace
}  // namespace mirror::pipeline_test
