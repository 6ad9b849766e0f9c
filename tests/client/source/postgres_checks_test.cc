// What is told of a PostgreSQL database before a cycle meets it.
#include <utility>

#include "client/source/postgres/postgres_checks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/db/postgres/connection.h"
#include "client/source/postgres/log_checks.h"
#include "tests/support/postgres_server.h"
#include "tests/support/status_matchers.h"

namespace mirror::postgres_checks_test {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::HasSubstr;
using testing::Not;

constexpr char kRole[] = "checked";
constexpr char kRights[] =
    "CREATE ROLE checked LOGIN REPLICATION; GRANT SELECT ON ALL TABLES IN SCHEMA public TO checked;";

/// An application's database on a server whose log can be read.
class PostgresChecksTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    if (!PostgresServer::WhyNot().empty()) return;
    auto started = PostgresServer::Start(
        {"wal_level=logical", "max_replication_slots=2", "max_wal_senders=2", "max_prepared_transactions=2"});
    ASSERT_THAT(started, IsOk());
    server_ = started->release();
  }
  static void TearDownTestSuite() {
    delete server_;
    server_ = nullptr;
  }

  void SetUp() override {
    SKIP_WITHOUT_POSTGRES();
    ASSERT_NE(server_, nullptr);
    conninfo_ = server_->NewDatabase();
    connection_ = Connect(conninfo_);
    Sql("CREATE TABLE contact (id int PRIMARY KEY, name text)");
    options_.access.dsn = absl::StrCat(conninfo_, " user=", kRole);
    log_.slot = log_.publication = "of_crm";
    log_.pause_ms = 20 * 60'000;
    log_.logs = [](const std::string&) { return true; };
    options_.then = [this](const PostgresCheckLook& look) { CheckPostgresLog(look, log_); };
  }
  void TearDown() override {
    if (connection_ == nullptr) return;
    Sql("ROLLBACK");
    Sql("SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots");
    Sql("DROP OWNED BY checked; DROP ROLE checked");
    for (const char* const setting : {"max_slot_wal_keep_size", "wal_level"}) {
      Sql(absl::StrCat("ALTER SYSTEM RESET ", setting));
    }
    Sql("SELECT pg_reload_conf()");
  }

  static std::unique_ptr<postgres::Connection> Connect(const std::string& conninfo) {
    auto opened = postgres::Connection::Open(
        {.conninfo = conninfo,
         .settings = {{"search_path", "public, pg_catalog"}, {"default_transaction_read_only", "off"}}});
    EXPECT_THAT(opened, IsOk());
    return *std::move(opened);
  }
  void Sql(const std::string& sql) { ASSERT_THAT(connection_->Execute(sql), IsOk()) << sql; }
  /// As 'install' does, one after the other.
  void MakeLog() {
    Sql("CREATE PUBLICATION of_crm FOR TABLE contact");
    Sql("SELECT pg_create_logical_replication_slot('of_crm', 'pgoutput')");
  }
  void Set(const std::string& setting) {
    Sql("ALTER SYSTEM SET " + setting);
    Sql("SELECT pg_reload_conf()");
    const std::string name = setting.substr(0, setting.find(' '));
    const auto before = std::chrono::steady_clock::now();
    // Each session hears of it at its next statement after the signal.
    while (connection_
               ->Number("SELECT count(*) FROM pg_settings WHERE sourcefile LIKE '%auto.conf' AND name = '" +
                        name + "'")
               .value_or(0) == 0) {
      ASSERT_LT(std::chrono::steady_clock::now() - before, std::chrono::seconds(20));
    }
  }

  /// "WARN slot" to words and what to do; those of a step with the same name together.
  std::vector<std::pair<std::string, std::string>> Look() {
    std::vector<std::pair<std::string, std::string>> said;
    const SourceFindings findings = CheckPostgresSource(options_);
    for (const SourceFinding& one : findings.all()) {
      EXPECT_EQ(one.next.empty(), one.outcome == SourceFinding::Outcome::kOk) << one.step;
      const char* const outcome = one.outcome == SourceFinding::Outcome::kOk     ? "OK "
                                  : one.outcome == SourceFinding::Outcome::kWarn ? "WARN "
                                                                                 : "FAIL ";
      said.emplace_back(outcome + one.step, absl::StrCat(one.words, " DO ", one.next));
    }
    return said;
  }
  /// What was said of a step; empty: nothing.
  std::string Said(const std::string& step) {
    std::string words;
    for (const auto& [name, said] : Look()) {
      if (name == step) absl::StrAppend(&words, said, "\n");
    }
    return words;
  }
  /// All steps that need doing.
  std::string Needy() {
    std::string needy;
    for (const auto& [name, said] : Look()) {
      if (!name.starts_with("OK")) absl::StrAppend(&needy, name, ": ", said, "\n");
    }
    return needy;
  }

  static PostgresServer* server_;
  std::string conninfo_;
  std::unique_ptr<postgres::Connection> connection_;
  PostgresCheckOptions options_;
  PostgresLogCheckOptions log_;
};

PostgresServer* PostgresChecksTest::server_ = nullptr;

TEST_F(PostgresChecksTest, WhatIsAsItHasToBeNeedsNothing) {
  Sql(kRights);
  MakeLog();
  Set("max_slot_wal_keep_size = '50GB'");
  EXPECT_EQ(Needy(), "");
  std::vector<std::string> steps;
  for (const auto& [step, words] : Look()) steps.push_back(step);
  EXPECT_THAT(
      steps, testing::ElementsAre("OK reach", "OK right LOGIN", "OK right CONNECT", "OK TLS", "OK version",
                                  "OK right USAGE", "OK right SELECT", "OK right REPLICATION", "OK wal_level",
                                  "OK WAL senders", "OK slot", "OK kept WAL", "OK publication",
                                  "OK logged tables", "OK open transactions"));
}

TEST_F(PostgresChecksTest, WithoutALogOnlyReadingIsLookedAt) {
  Sql("CREATE ROLE checked LOGIN; GRANT SELECT ON contact TO checked");
  options_.then = nullptr;
  EXPECT_EQ(Needy(), "");
  EXPECT_EQ(Said("OK wal_level"), "");
}

TEST_F(PostgresChecksTest, EachMissingRightIsNamedWithWhatGrantsIt) {
  Sql("CREATE ROLE checked LOGIN; REVOKE USAGE ON SCHEMA public FROM PUBLIC");
  EXPECT_THAT(Said("FAIL right USAGE"), HasSubstr("GRANT USAGE ON SCHEMA \"public\" TO \"checked\""));
  Sql("GRANT USAGE ON SCHEMA public TO checked");
  EXPECT_THAT(
      Said("FAIL right SELECT"),
      AllOf(HasSubstr("contact"), HasSubstr("GRANT SELECT ON \"public\".\"contact\" TO \"checked\"")));
  Sql("GRANT SELECT (id) ON contact TO checked");
  EXPECT_NE(Said("FAIL right SELECT"), "") << "the other column may not be read";
  Sql("GRANT SELECT ON contact TO checked");
  EXPECT_NE(Said("OK right SELECT"), "");
  EXPECT_THAT(Said("FAIL right REPLICATION"), HasSubstr("ALTER ROLE \"checked\" REPLICATION"));
}

TEST_F(PostgresChecksTest, WhoIsNotLetInIsToldWhichRightIsMissing) {
  Sql("CREATE ROLE checked LOGIN");
  const std::string name = connection_->Query("SELECT current_database()::text")->Text(0, 0);
  Sql(absl::StrCat("REVOKE CONNECT ON DATABASE \"", name, "\" FROM PUBLIC"));
  EXPECT_THAT(Said("FAIL reach"), HasSubstr("GRANT CONNECT"));
  Sql(absl::StrCat("GRANT CONNECT ON DATABASE \"", name, "\" TO PUBLIC; ALTER ROLE checked NOLOGIN"));
  EXPECT_THAT(Said("FAIL reach"), HasSubstr("not permitted to log in"));
  EXPECT_EQ(Look().size(), 1U) << "nothing behind it can be asked";
}

TEST_F(PostgresChecksTest, ASuperuserIsMoreThanItNeeds) {
  Sql("CREATE ROLE checked LOGIN SUPERUSER");
  EXPECT_THAT(Said("OK reach"), HasSubstr("a superuser, which is not needed"));
  EXPECT_NE(Said("OK right REPLICATION"), "");
}

TEST_F(PostgresChecksTest, PoliciesThatHideRowsFail) {
  Sql("ALTER TABLE contact ENABLE ROW LEVEL SECURITY");
  Sql(kRights);
  EXPECT_THAT(Said("FAIL row security"), AllOf(HasSubstr("contact"), HasSubstr("BYPASSRLS")));
  Sql("ALTER ROLE checked BYPASSRLS");
  EXPECT_EQ(Said("FAIL row security"), "");
}

TEST_F(PostgresChecksTest, TablesThatAreNotLoggedSayWhy) {
  Sql("CREATE TABLE keyless (id int); CREATE UNLOGGED TABLE brief (id int PRIMARY KEY);"
      "CREATE TABLE late (id int PRIMARY KEY DEFERRABLE);"
      "CREATE TABLE computed (id int, twice int GENERATED ALWAYS AS (id * 2) STORED PRIMARY KEY);"
      "CREATE TABLE whole (id int PRIMARY KEY); ALTER TABLE whole REPLICA IDENTITY FULL;"
      "CREATE TABLE parted (id int PRIMARY KEY) PARTITION BY RANGE (id);"
      "CREATE TABLE part_1 PARTITION OF parted FOR VALUES FROM (0) TO (9);"
      "ALTER TABLE part_1 REPLICA IDENTITY NOTHING");
  Sql(kRights);
  MakeLog();
  const std::string said = Said("WARN not logged");
  for (const char* const table :
       {"keyless: it has no primary key", "brief: it is unlogged", "late: its primary key is deferrable",
        "computed: a column of its primary key", "whole: its replica identity is FULL",
        "parted: of its partition "})
    EXPECT_THAT(said, HasSubstr(table));
  EXPECT_THAT(Said("OK generated columns"), HasSubstr("computed.twice"));
  EXPECT_THAT(Said("OK logged tables"), HasSubstr("1 table"));
  // Who says that they are synthetic has been told.
  log_.logs = [](const std::string& table) { return table == "contact"; };
  EXPECT_EQ(Said("WARN not logged"), "");
}

TEST_F(PostgresChecksTest, TablesThatAreNotChosenAreNoMatter) {
  Sql("CREATE TABLE keyless (id int); CREATE TABLE other (id int PRIMARY KEY)");
  Sql(kRights);
  Sql("REVOKE SELECT ON other FROM checked");
  MakeLog();
  options_.choice.skip = {"keyless", "other"};
  EXPECT_EQ(Said("WARN not logged") + Said("WARN not in publication") + Said("FAIL right SELECT"), "");
  options_.choice.include = {"no_such"};
  EXPECT_THAT(Said("WARN tables"), HasSubstr("no table"));
}

TEST_F(PostgresChecksTest, APublicationIsLookedInto) {
  Sql("CREATE TABLE other (id int PRIMARY KEY)");
  Sql(kRights);
  EXPECT_THAT(Said("WARN publication"), HasSubstr("mirror-agent install"));
  MakeLog();
  // The least role owns none of them.
  EXPECT_THAT(Said("WARN not in publication"), AllOf(HasSubstr("other"), HasSubstr("install --print-sql")));
  const std::string least = std::exchange(options_.access.dsn, conninfo_);
  EXPECT_THAT(
      Said("WARN not in publication"),
      AllOf(HasSubstr("DO run 'mirror-agent install', which adds them"), Not(HasSubstr("--print-sql"))));
  options_.access.dsn = least;
  Sql("ALTER PUBLICATION of_crm SET (publish = 'insert, update')");
  EXPECT_THAT(Said("FAIL publication"), HasSubstr("leaves out inserts"));
  Sql("ALTER PUBLICATION of_crm SET (publish = 'insert, update, delete, truncate', "
      "publish_via_partition_root = true)");
  EXPECT_THAT(Said("FAIL publication"), HasSubstr("publish_via_partition_root"));
  Sql("DROP PUBLICATION of_crm; CREATE PUBLICATION of_crm FOR TABLE contact WHERE (id > 5), other (id)");
  EXPECT_THAT(Said("FAIL narrowed tables"), AllOf(HasSubstr("contact"), HasSubstr("other")));
  Sql("DROP PUBLICATION of_crm; CREATE PUBLICATION of_crm FOR ALL TABLES");
  EXPECT_THAT(Said("FAIL publication"), HasSubstr("for all tables"));
}

TEST_F(PostgresChecksTest, ASlotIsLookedAt) {
  Sql(kRights);
  EXPECT_THAT(Said("WARN slot"),
              HasSubstr("'mirror-agent install --print-sql --config FILE | psql -v ON_ERR"));
  Sql("SELECT pg_create_logical_replication_slot('of_crm', 'test_decoding')");
  EXPECT_THAT(Said("FAIL slot"), HasSubstr("belongs to another program"));
  Sql("SELECT pg_drop_replication_slot('of_crm')");
  MakeLog();
  Sql("INSERT INTO contact SELECT g, repeat('x', 100) FROM generate_series(1, 1000) g");
  EXPECT_THAT(Said("OK slot"), HasSubstr("keeps "));
  log_.max_wal_bytes = 10'000;
  EXPECT_THAT(Said("WARN slot"), HasSubstr("over max_wal"));
}

TEST_F(PostgresChecksTest, ALostSlotIsSaidToBeLost) {
  Sql(kRights);
  MakeLog();
  Set("max_slot_wal_keep_size = '1MB'");
  for (int i = 0; i < 3; ++i) Sql("SELECT pg_switch_wal(); CREATE TABLE t (i int); DROP TABLE t; CHECKPOINT");
  EXPECT_THAT(Said("FAIL slot"), AllOf(HasSubstr("is lost"), HasSubstr("compares")));
}

TEST_F(PostgresChecksTest, WithoutALimitAnAgentThatNeverComesBackHasAPrice) {
  Sql(kRights);
  MakeLog();
  EXPECT_THAT(Said("WARN kept WAL"), AllOf(HasSubstr("the slot keeps "), HasSubstr("and this server "),
                                           HasSubstr("ALTER SYSTEM SET max_slot_wal_keep_size = '19073MB'")));
  log_.pause_ms = 0;
  Set("max_slot_wal_keep_size = '64MB'");
  EXPECT_THAT(Said("WARN kept WAL"), HasSubstr("less than max_wal"));
  log_.max_wal_bytes = 1'000'000;
  EXPECT_THAT(Said("OK kept WAL"), HasSubstr("64.0MiB"));
}

TEST_F(PostgresChecksTest, RoomForASlotIsLookedFor) {
  Sql(kRights);
  EXPECT_THAT(Said("OK replication slots"), HasSubstr("0 of 2"));
  Sql("SELECT pg_create_physical_replication_slot('a'), pg_create_physical_replication_slot('b')");
  EXPECT_THAT(Said("FAIL replication slots"), HasSubstr("max_replication_slots"));
}

TEST_F(PostgresChecksTest, TransactionsThatANewTableWaitsForAreNamed) {
  Sql(kRights);
  MakeLog();
  log_.snapshot_wait_ms = 0;
  EXPECT_NE(Said("OK open transactions"), "");
  const auto writer = Connect(conninfo_);
  ASSERT_THAT(writer->Execute("BEGIN; INSERT INTO contact VALUES (1, 'a')"), IsOk());
  EXPECT_THAT(Said("OK open transactions"), HasSubstr("this role cannot see how long 1 more have been open"));
  Sql("GRANT pg_read_all_stats TO checked");
  // It is older than no time at all once a second has passed: a clock of whole seconds.
  log_.snapshot_wait_ms = -1'000;
  EXPECT_THAT(Said("WARN open transactions"), HasSubstr(absl::StrCat("process ", writer->server_pid())));
  ASSERT_THAT(writer->Execute("PREPARE TRANSACTION 'forgotten'"), IsOk());
  EXPECT_THAT(Said("WARN open transactions"),
              AllOf(HasSubstr("PREPARE TRANSACTION 'forgotten'"), Not(HasSubstr("process "))));
  Sql("ROLLBACK PREPARED 'forgotten'");
}

TEST_F(PostgresChecksTest, AStandbyHasNoSlot) {
  Sql(kRights);
  connection_.reset();
  ASSERT_THAT(server_->StartAsStandby(), IsOk());
  EXPECT_THAT(Said("FAIL change log"), HasSubstr("is a standby"));
  EXPECT_NE(Said("OK right SELECT"), "") << "it can be read";
  // For those that follow.
  TearDownTestSuite();
  SetUpTestSuite();
}

TEST_F(PostgresChecksTest, AServerWithoutLogicalDecodingIsTold) {
  auto other = PostgresServer::Start({"wal_level=replica"});
  ASSERT_THAT(other, IsOk());
  options_.access.dsn = (*other)->Conninfo();
  ASSERT_THAT(Connect(options_.access.dsn)->Execute("CREATE TABLE contact (id int PRIMARY KEY)"), IsOk());
  EXPECT_THAT(Said("FAIL wal_level"), AllOf(HasSubstr("is replica"), HasSubstr("wal_level = 'logical'")));
  Sql("CREATE ROLE checked");
}

TEST_F(PostgresChecksTest, AServerThatIsDownIsOneFinding) {
  Sql("CREATE ROLE checked");
  options_.access.dsn = "host=/nowhere dbname=crm user=checked";
  const auto said = Look();
  ASSERT_EQ(said.size(), 1U);
  EXPECT_EQ(said[0].first, "FAIL reach");
}

}  // namespace
}  // namespace mirror::postgres_checks_test
