// The source's indexes and foreign keys on their way: a real agent announces them, a real server keeps, shows
// and makes them.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "proto/wire/source_objects_codec.h"
#include "tests/endpoint/endpoint_fixture.h"
#include "tests/support/agent_bench.h"
#include "tests/support/source_words.h"

namespace mirror::indexes_test {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

constexpr char kTables[] =
    "CREATE TABLE company (id INTEGER PRIMARY KEY, name TEXT);"
    "CREATE TABLE person (id INTEGER PRIMARY KEY, company INTEGER REFERENCES company ON DELETE CASCADE, name "
    "TEXT, mail TEXT UNIQUE, born INTEGER);"
    "CREATE INDEX by_company ON person (company, name COLLATE NOCASE DESC);"
    "CREATE INDEX living ON person (born) WHERE born > 1900;"
    "CREATE INDEX lowered ON person (lower(name));"
    "CREATE VIEW people AS SELECT * FROM person;"
    "INSERT INTO company VALUES (1, 'one'), (2, 'two');"
    "INSERT INTO person VALUES (1, 1, 'Ada', 'a@x', 1815), (2, 2, 'Grace', 'g@x', 1906);";
constexpr char kFollow[] = "[[tenant]]\ncontext_id = \"*\"\nindexes = \"follow\"\n";
constexpr char kOwn[] =
    "SELECT tbl_name || ' ' || substr(sql, instr(sql, '(')) FROM sqlite_schema WHERE type = 'index' AND "
    "substr(name, 1, 14) = '_mirror_index_' ORDER BY 1";

class IndexesTest : public EndpointTest {
 protected:
  void Start(const std::string& more_toml, const std::string& strategy = "synthetic") {
    Install({.more_toml = more_toml});
    bench_ = std::make_unique<AgentBench>(*here_, "Cust", here_->dir() + "/source");
    bench_->source().strategy = StrategyNamed(strategy);
    ASSERT_EQ(bench_->Sql(kTables), "");
    if (strategy == "cdc") {
      ASSERT_THAT(bench_->Install(), IsOk());
    }
  }
  CycleReport Cycle() {
    CycleReport report = bench_->Run();
    EXPECT_TRUE(report.Good()) << Summary(report);
    return report;
  }
  std::string Shown(const std::vector<std::string>& more = {}) {
    std::vector<std::string> arguments = {"indexes", "Cust"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const Finished shown = here_->Mirrorctl(arguments);
    return shown.exit_code == 0 ? shown.output : absl::StrCat(shown.exit_code, ": ", shown.errors);
  }
  std::vector<std::string> Own() { return bench_->mirror().Query(kOwn); }

  std::unique_ptr<AgentBench> bench_;
};

TEST_F(IndexesTest, WhatTheSourceHasIsShownAsSqlThatRunsOnTheMirror) {
  Start("");
  Cycle();
  const std::string shown = Shown();
  EXPECT_EQ(shown,
            "-- table \"company\"\n"
            "-- table \"person\"\n"
            "CREATE INDEX IF NOT EXISTS \"by_company\" ON \"person\" (\"company\", \"name\" COLLATE NOCASE "
            "DESC);\n"
            "CREATE INDEX IF NOT EXISTS \"index_person_mail\" ON \"person\" (\"mail\");  -- UNIQUE at the "
            "source\n"
            "-- INDEX \"living\" is left out: it is partial\n"
            "-- INDEX \"lowered\" is left out: it is over an expression\n"
            "-- FOREIGN KEY (\"company\") REFERENCES \"company\" ON DELETE CASCADE\n");
  EXPECT_THAT(Own(), IsEmpty());
  ASSERT_EQ(bench_->mirror().Execute(shown), "");
  EXPECT_EQ(bench_->mirror().Value("SELECT count(*) FROM sqlite_schema WHERE type = 'index' AND tbl_name = "
                                   "'person' AND sql IS NOT NULL"),
            "2");
  EXPECT_EQ(Shown({"company"}), "-- table \"company\"\n");
  EXPECT_THAT(Shown({"nobody"}), AllOf(HasSubstr("1: "), HasSubstr("nobody")));
  EXPECT_THAT(here_->Mirrorctl({"indexes", "Strange"}).errors, HasSubstr("Strange"));
  EXPECT_THAT(Shown({"--json"}), HasSubstr("\"collation\": \"NOCASE\""));
  // Information: nothing is populated for it.
  ASSERT_EQ(bench_->Sql("DROP INDEX by_company; CREATE INDEX by_born ON person (born)"), "");
  EXPECT_EQ(ReportOf(Cycle(), "person").action, TableReport::Action::kNone);
  EXPECT_THAT(Shown(), AllOf(HasSubstr("by_born"), Not(HasSubstr("by_company"))));
}

TEST_F(IndexesTest, WhatDoesNotLeaveIsNotNamed) {
  Start("");
  TableConfig table;
  table.name = "person";
  table.steps.table = "person";
  table.steps.as = "Client";
  table.steps.columns = {"id", "company", "born", "name"};
  table.steps.rename = {{"company", "firm"}};
  TableConfig company;
  company.name = "company";
  company.steps.table = "company";
  company.steps.as = "firms";
  bench_->source().tables = {table, company};
  Cycle();
  EXPECT_EQ(Shown({"Client"}),
            "-- table \"Client\"\n"
            "CREATE INDEX IF NOT EXISTS \"by_company\" ON \"Client\" (\"firm\", \"name\" COLLATE NOCASE "
            "DESC);\n"
            "-- FOREIGN KEY (\"firm\") REFERENCES \"firms\" ON DELETE CASCADE\n"
            "-- and 3 more that the source did not name\n");
}

TEST_F(IndexesTest, FollowedOnesComeAndGoWithTheSources) {
  Start(kFollow, "cdc");
  Cycle();
  EXPECT_THAT(Own(), ElementsAre("text:person (\"company\", \"name\" COLLATE NOCASE DESC)",
                                 "text:person (\"mail\")"));
  EXPECT_THAT(Shown(), HasSubstr("makes these indexes itself"));
  ASSERT_EQ(bench_->Sql("DROP INDEX by_company; CREATE INDEX by_born ON person (born)"), "");
  EXPECT_EQ(ReportOf(Cycle(), "person").action, TableReport::Action::kNone);
  EXPECT_THAT(Own(), ElementsAre("text:person (\"born\")", "text:person (\"mail\")"));
  // What another row has in the same batch until it is its turn.
  ASSERT_EQ(
      bench_->Sql("UPDATE person SET mail = 'x' WHERE id = 1; UPDATE person SET mail = 'a@x' WHERE id = "
                  "2; UPDATE person SET mail = 'g@x' WHERE id = 1"),
      "");
  Cycle();
  ASSERT_EQ(bench_->mirror().Execute("CREATE INDEX mine ON person (name)"), "");
  EXPECT_TRUE(bench_->Run(/*repopulate=*/true).Good());
  EXPECT_THAT(Own(), SizeIs(2));
  EXPECT_EQ(bench_->mirror().Value("SELECT count(*) FROM sqlite_schema WHERE name = 'mine'"), "1");
  EXPECT_EQ(bench_->Difference(), "");
}

TEST_F(IndexesTest, ThoseOfTheConfigurationComeAndGoWithAReload) {
  Start("");
  const std::string before = ReadFileText(here_->server_toml());
  const auto configure = [&](const std::string& rules) {
    WriteFileText(here_->server_toml(), before + "\n" + rules);
    const Finished reloaded = here_->Mirrorctl({"keys", "--reload"});
    EXPECT_EQ(reloaded.exit_code, 0) << reloaded.errors;
    EXPECT_THAT(Events("keys.reloaded").back().message(), Not(HasSubstr("restart")));
  };
  Cycle();
  configure(
      "[[tenant]]\ncontext_id = \"Cust\"\n"
      "[[tenant.index]]\ntable = \"person\"\ncolumns = [\"born\", \"name\"]\nname = \"oldest\"\nnocase = "
      "[\"name\"]\n"
      "[[tenant.index]]\ntable = \"company\"\ncolumns = [\"nmae\"]\n");
  EXPECT_THAT(Shown({"person"}), HasSubstr("not there yet"));
  EXPECT_EQ(ReportOf(Cycle(), "person").action, TableReport::Action::kNone);
  EXPECT_THAT(Own(), ElementsAre("text:person (\"born\", \"name\" COLLATE NOCASE)"));
  EXPECT_THAT(Shown(), AllOf(HasSubstr("-- [[tenant.index]] \"_mirror_index_set_"),
                             HasSubstr("not made, the table has no column 'nmae'")));
  EXPECT_THAT(WaitForEvent("indexes.rule_idle").message(), HasSubstr("table 'company' has no column 'nmae'"));
  ASSERT_EQ(bench_->mirror().Execute("CREATE INDEX mine ON person (name)"), "");
  EXPECT_TRUE(bench_->Run(/*repopulate=*/true).Good());
  EXPECT_THAT(Own(), SizeIs(1)) << "a population keeps it";
  // What is wrong changes nothing.
  WriteFileText(here_->server_toml(), before + "\n[[tenant]]\ncontext_id = \"Cust\"\n[[tenant.index]]\n");
  EXPECT_EQ(here_->Mirrorctl({"keys", "--reload"}).exit_code, 1);
  Cycle();
  EXPECT_THAT(Own(), SizeIs(1));
  configure("[[tenant]]\ncontext_id = \"Cust\"\nindexes = \"follow\"\n");
  Cycle();
  EXPECT_THAT(Own(), ElementsAre("text:person (\"company\", \"name\" COLLATE NOCASE DESC)",
                                 "text:person (\"mail\")"));
  configure("");
  Cycle();
  EXPECT_THAT(Own(), IsEmpty());
  EXPECT_EQ(bench_->mirror().Value("SELECT count(*) FROM sqlite_schema WHERE name = 'mine'"), "1");
  EXPECT_EQ(bench_->Difference(), "");
}

TEST_F(IndexesTest, AServerThatDiesWhileItMakesThemGoesOnWithThem) {
  Start(kFollow);
  Cycle();
  const std::vector<std::string> before = Own();
  ASSERT_THAT(before, SizeIs(2));
  int round = 0;
  for (const char* const point : {"index.making:1", "index.changed:1", "index.changed:2"}) {
    SCOPED_TRACE(point);
    // The columns change places, so one goes and another comes.
    const std::string columns = ++round % 2 == 1 ? "name, company" : "company, name";
    ASSERT_EQ(bench_->Sql("DROP INDEX by_company; CREATE INDEX by_company ON person (" + columns + ")"), "");
    ASSERT_THAT(here_->Stop(), IsOkAndHolds(0));
    here_->set_environment({absl::StrCat("MIRROR_CRASH_AT=", point)});
    ASSERT_THAT(here_->Start(), IsOk());
    bench_->Connect();
    EXPECT_FALSE(bench_->Run().Good());
    ASSERT_THAT(here_->server().Wait(std::chrono::seconds(20)), IsOk()) << "it was to be killed";
    here_->set_environment({});
    ASSERT_THAT(here_->Start(), IsOk());
    bench_->Connect();
    Cycle();
    EXPECT_THAT(Own(), SizeIs(2));
    const char* const made = round % 2 == 1 ? "(\"name\", \"company\")" : "(\"company\", \"name\")";
    EXPECT_THAT(Own(), Contains(HasSubstr(made)));
    EXPECT_EQ(bench_->Difference(), "");
  }
}

TEST_F(IndexesTest, AnAnnouncementOfAMillionIndexesIsRefusedAndWrongOnesAreIgnored) {
  Install({.more_toml = kFollow});
  const auto client = Client();
  const std::int64_t cycle = Begin(*client);
  v1::TableSchemaRequest request = Announcement(cycle, {People()});
  v1::SourceObjects& objects = *request.mutable_tables(0)->mutable_source_objects();
  for (int i = 0; i < 1'000'000; ++i) objects.add_indexes()->set_name("i");
  EXPECT_THAT(client->TableSchema(request).status(), StatusIs(absl::StatusCode::kResourceExhausted));
  objects.mutable_indexes()->DeleteSubrange(1'000, 999'000);
  ASSERT_THAT(client->TableSchema(request), IsOk());
  EXPECT_THAT(WaitForEvent("indexes.ignored").message(), HasSubstr("64"));
  // The same cycle, and now they can be meant.
  objects.Clear();
  SourceObjects sound;
  sound.indexes = {{"a\"; DROP TABLE people; --", true, {{"name"}}}};
  EncodeObjects(sound, &objects);
  const absl::StatusOr<v1::TableSchemaResponse> answer = client->TableSchema(request);
  ASSERT_THAT(answer, IsOk());
  EXPECT_EQ(Send(*client, cycle, Population(People(), {{1, "Ada", 36}}, {Lsn{5}, "five"})).code(), 0);
  EXPECT_THAT(Complete(*client, cycle), IsOk());
  EXPECT_THAT(here_->mirror().Query(kOwn), ElementsAre("text:people (\"name\")"));
  EXPECT_EQ(here_->mirror().Value("SELECT count(*) FROM people"), "1");
}

TEST_F(IndexesTest, OfAnOlderAgentThatIsSaid) {
  Install();
  const auto client = Client();
  Fill(*client, People(), {{1, "Ada", 36}}, {Lsn{5}, "five"});
  const Finished shown = here_->Mirrorctl({"indexes", "Cust"});
  EXPECT_EQ(shown.exit_code, 1);
  EXPECT_THAT(shown.errors, HasSubstr("agent is older than 0.2"));
}

}  // namespace
}  // namespace mirror::indexes_test
