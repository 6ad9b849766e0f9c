// A whole server whose mirrors are in PostgreSQL: what sources and operators do most. The stores' contract
// has the rest.
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/db/postgres/connection.h"
#include "tests/endpoint/endpoint_fixture.h"
#include "tests/support/agent_bench.h"
#include "tests/support/postgres_server.h"
#include "tests/support/source_words.h"

namespace mirror::postgres_test {
namespace {

class PostgresEndpointTest : public EndpointTest {
 protected:
  void SetUp() override {
    SKIP_WITHOUT_POSTGRES();
    Install({.postgres = true});
    client_ = Client();
    source_.CreateTable(People());
    source_.CreateTable(Pairs());
    source_.CreateTable(Keyless());
    for (int i = 0; i < 100; ++i) source_.Put("people", {i, absl::StrCat("name ", i), i});
    for (int i = 0; i < 10; ++i) source_.Put("pairs", {i, "b", "v"});
    for (int i = 0; i < 5; ++i) source_.Put("keyless", {"same", i});
    options_.batch_rows = 10;
  }
  void Change(int round) {
    for (int i = 0; i < 25; ++i)
      source_.Update("people", {round + i}, {{"name", absl::StrCat("round ", round)}});
    source_.Delete("people", {90 + round});
    source_.Put("people", {1'000 + round, "new", round});
    source_.Update("pairs", {round, "b"}, {{"v", absl::StrCat("round ", round)}});
    source_.DeleteRow("keyless", {"same", round});
  }
  /// A cycle that leaves the mirror equal to the source: why `people` was populated in it.
  PopulateReason MirrorAgain() { return Mirror(source_, *client_, options_).tables.at("people").populate; }
  void KillAndStart() {
    here_->Kill();
    ASSERT_THAT(here_->Start(), IsOk());
    client_ = Client();
  }
  void Use(std::unique_ptr<Installation>& other) {
    std::swap(here_, other);
    client_ = Client();
  }

  std::unique_ptr<MirrorClient> client_;
  FakeSource source_;
  FakeCycleOptions options_;
};

TEST_F(PostgresEndpointTest, AKilledServerGoesOnWhereItsMirrorStands) {
  MirrorAgain();
  for (const bool stream : {false, true}) {
    options_.stream = stream;
    Change(stream ? 2 : 1);
    FakeCycleOptions dies = options_;
    dies.die_before_request = 4;
    dies.window = 1;
    ASSERT_EQ(source_.RunCycle(*client_, dies).end, FakeCycleReport::End::kDied);
    KillAndStart();
    EXPECT_EQ(MirrorAgain(), PopulateReason::kNone);
  }
}

TEST_F(PostgresEndpointTest, ASourceThatWasRestoredIsNoticed) {
  MirrorAgain();
  const FakeSource::Database backup = source_.Backup();
  Change(1);
  MirrorAgain();
  source_.Restore(backup);
  EXPECT_EQ(MirrorAgain(), PopulateReason::kAhead);
  EXPECT_EQ(MirrorAgain(), PopulateReason::kNone);
}

TEST_F(PostgresEndpointTest, ABackupOfEitherStoreGoesOnInTheOther) {
  std::unique_ptr<Installation> other = Installation::Make({.bin_dir = BinDir()}).value();
  for (int i = 0; i < 2; ++i) {
    MirrorAgain();
    Use(other);
  }
  for (int round = 1; round <= 2; ++round) {
    Change(round);
    EXPECT_EQ(MirrorAgain(), PopulateReason::kNone);
    const std::string backup = absl::StrCat(here_->dir(), "/backup.db");
    const Finished made = here_->Mirrorctl({"backup", "Cust", backup, "--drill"});
    ASSERT_EQ(made.exit_code, 0) << made.errors;
    Use(other);
    EXPECT_NE(Difference(source_, here_->mirror()), "") << "it has not heard of the changes";
    const Finished restored = here_->Mirrorctl({"restore", "Cust", backup, "--confirm", "Cust"});
    ASSERT_EQ(restored.exit_code, 0) << restored.errors;
    EXPECT_EQ(Difference(source_, here_->mirror()), "");
    EXPECT_EQ(MirrorAgain(), PopulateReason::kNone);
  }
}

TEST_F(PostgresEndpointTest, ATenantWhoseStateIsUnknownHidesNoOther) {
  MirrorAgain();
  const auto control = postgres::Connection::Open({.conninfo = here_->conninfo()});
  ASSERT_THAT(control, IsOk());
  ASSERT_THAT((*control)->Execute("INSERT INTO mirror_control.tenant SELECT 'Other', 'other', place, "
                                  "'Mirror_Other', 1, 'dreaming', state_ms, '' FROM mirror_control.tenant"),
              IsOk());
  const Finished all = here_->Mirrorctl({"tenants"});
  EXPECT_EQ(all.exit_code, 0) << all.errors;
  EXPECT_THAT(all.output, testing::ContainsRegex("Cust +good"));
  EXPECT_THAT(all.output, testing::ContainsRegex("Other +unknown"));
  EXPECT_THAT(all.errors, testing::HasSubstr("the mirror of 'Other' the state 'dreaming'"));
  const Finished failed = here_->Mirrorctl({"tenants", "--failed"});
  EXPECT_THAT(failed.output,
              testing::AllOf(testing::HasSubstr("Other"), testing::Not(testing::HasSubstr("Cust"))));
}

TEST_F(PostgresEndpointTest, WhatADatabaseThatLetsNobodyInSaysIsToldOnceOfWhatItHolds) {
  MirrorAgain();
  const auto dba = postgres::Connection::Open({.conninfo = PostgresServer::Shared()->Conninfo()});
  ASSERT_THAT(dba, IsOk());
  const std::string database = here_->conninfo().substr(here_->conninfo().find("test_"));
  const std::string name = database.substr(0, database.find_first_of(" ?&'"));
  ASSERT_THAT((*dba)->Execute(absl::StrCat("ALTER DATABASE ", name, " ALLOW_CONNECTIONS false")), IsOk());
  ASSERT_THAT((*dba)->Query("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = $1",
                            {name}),
              IsOk());
  // Until then it meets connections that have just been ended.
  for (int i = 0; i < 2; ++i) EXPECT_EQ(here_->Mirrorctl({"diagnose"}).exit_code, 1);
  const Finished diagnosed = here_->Mirrorctl({"diagnose", "--json"});
  ASSERT_THAT((*dba)->Execute(absl::StrCat("ALTER DATABASE ", name, " ALLOW_CONNECTIONS true")), IsOk());
  const auto json = nlohmann::json::parse(diagnosed.output, nullptr, /*allow_exceptions=*/false);
  ASSERT_FALSE(json.is_discarded()) << diagnosed.output << diagnosed.errors;
  const auto found = json["findings"].get<std::vector<std::string>>();
  EXPECT_THAT(found,
              testing::ElementsAre(
                  testing::AllOf(testing::StartsWith("nothing can be written in the control database: "),
                                 testing::Not(testing::HasSubstr("database: the control database"))),
                  testing::StartsWith("nothing can be written in the place 'p1': ")));
}

TEST_F(PostgresEndpointTest, ATenantThatIsNamedInAnotherCaseIsTheSameOneInEveryCommand) {
  MirrorAgain();
  const std::string backup = absl::StrCat(here_->dir(), "/backup.db");
  for (const std::vector<std::string>& command :
       std::vector<std::vector<std::string>>{{"tables", "cUST"},
                                             {"events", "cUST"},
                                             {"pause", "cUST"},
                                             {"resume", "cUST"},
                                             {"verify", "cUST"},
                                             {"invalidate", "cUST", "--table", "people"},
                                             {"backup", "cUST", backup},
                                             {"restore", "cUST", backup, "--confirm", "cUST"},
                                             {"reset", "cUST", "--all", "--confirm", "cUST"},
                                             {"delete", "cUST", "--confirm", "cUST"},
                                             {"allow", "cUST"}}) {
    const Finished done = here_->Mirrorctl(command);
    EXPECT_EQ(done.exit_code, 0) << command.front() << ": " << done.errors;
    EXPECT_THAT(done.errors, testing::HasSubstr("'cUST' is the tenant 'Cust'")) << command.front();
    EXPECT_THAT(here_->Mirrorctl({"tenants"}).output, testing::Not(testing::HasSubstr("cUST")));
  }
  const std::string events = here_->Mirrorctl({"events"}).output;
  EXPECT_THAT(events, testing::HasSubstr("mirror.deleted"));
  EXPECT_THAT(events, testing::Not(testing::HasSubstr("cUST")));
}

/// A value of the key has no place in its type: the table is refused while the row is there, and goes on when
/// it is gone.
void RefuseForAValueOfTheKey(Installation& here, Strategy strategy) {
  AgentBench bench(here, "Cust", here.dir() + "/source");
  ASSERT_EQ(bench.Sql("CREATE TABLE t (k TEXT PRIMARY KEY, v TEXT); INSERT INTO t VALUES ('a', 'b')"), "");
  bench.source().strategy = strategy;
  if (strategy == Strategy::kCdc) {
    ASSERT_THAT(bench.Install(), IsOk());
  }
  CycleReport report = bench.Run();
  ASSERT_TRUE(report.Good()) << Summary(report);
  ASSERT_EQ(bench.Sql("INSERT INTO t VALUES ('n' || char(0) || 'l', 'x')"), "");
  for (const bool repopulate : {false, true, false}) {
    report = bench.Run(repopulate);
    ASSERT_EQ(report.tables.size(), 1U);
    EXPECT_EQ(report.tables[0].result, TableResult::kRefused);
    EXPECT_THAT(report.tables[0].reason,
                testing::AllOf(testing::HasSubstr("Column 'k' of its key has the type TEXT"),
                               testing::HasSubstr("Correct or delete such rows")));
  }
  ASSERT_EQ(bench.Sql("DELETE FROM t WHERE v = 'x'; UPDATE t SET v = 'c'"), "");
  report = bench.Run();
  EXPECT_TRUE(report.Good()) << Summary(report);
  report = bench.Run(/*repopulate=*/true);
  EXPECT_TRUE(report.Good()) << Summary(report);
}

TEST_F(PostgresEndpointTest, ATableWithALogThatOneValueOfItsKeyRefusedGoesOnWhenItIsGone) {
  RefuseForAValueOfTheKey(*here_, Strategy::kCdc);
}

TEST_F(PostgresEndpointTest, AComparedTableThatOneValueOfItsKeyRefusedGoesOnWhenItIsGone) {
  RefuseForAValueOfTheKey(*here_, Strategy::kSynthetic);
}

TEST_F(PostgresEndpointTest, WhatIndexesPrintsMakesTheIndexThatTheServerMakesItself) {
  const std::string before = ReadFileText(here_->server_toml());
  WriteFileText(here_->server_toml(), before +
                                          "\n[[tenant]]\ncontext_id = \"*\"\nindexes = \"follow\"\n"
                                          "[[tenant.index]]\ntable = \"contact\"\n"
                                          "columns = [\"mail\", \"name\"]\nnocase = [\"mail\"]\n");
  ASSERT_EQ(here_->Mirrorctl({"keys", "--reload"}).exit_code, 0);
  AgentBench bench(*here_, "Cust", here_->dir() + "/source");
  ASSERT_EQ(bench.Sql("CREATE TABLE contact (id INTEGER PRIMARY KEY, name TEXT, mail TEXT, born INTEGER);"
                      "CREATE INDEX by_name ON contact (name COLLATE NOCASE DESC, born COLLATE NOCASE);"
                      "CREATE INDEX by_mail ON contact (mail COLLATE RTRIM);"
                      "INSERT INTO contact VALUES (1, 'Ada', 'a@x', 1815)"),
            "");
  const CycleReport report = bench.Run();
  ASSERT_TRUE(report.Good()) << Summary(report);
  const Finished shown = here_->Mirrorctl({"indexes", "Cust", "contact"});
  ASSERT_EQ(shown.exit_code, 0) << shown.errors;
  EXPECT_THAT(shown.output, testing::HasSubstr(R"("by_name" ON "contact" (lower("name") DESC, "born");)"));
  EXPECT_THAT(shown.output, testing::HasSubstr(R"((lower("mail"), "name"))"));

  const auto owner = postgres::Connection::Open({.conninfo = here_->conninfo()});
  ASSERT_THAT(owner, IsOk());
  ASSERT_THAT((*owner)->Execute(absl::StrCat("SET search_path = \"Mirror_Cust\";\n", shown.output)), IsOk());
  // Each term list is there twice: made by hand, and by the server.
  const auto twice = (*owner)->Query(
      "SELECT substring(indexdef FROM 'btree .*') FROM pg_indexes WHERE schemaname = 'Mirror_Cust' AND "
      "tablename = 'contact' GROUP BY 1 HAVING count(*) = 2 ORDER BY 1",
      {}, "looking for indexes");
  ASSERT_THAT(twice, IsOk());
  ASSERT_EQ(twice->rows(), 2);
  EXPECT_EQ(twice->Text(0, 0), "btree (lower(name) DESC, born)");
  EXPECT_EQ(twice->Text(1, 0), "btree (rtrim(mail))");
}

}  // namespace
}  // namespace mirror::postgres_test
