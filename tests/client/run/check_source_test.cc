#include "client/run/check_source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "base/db/mariadb/connection.h"
#include "tests/client/local_zone.h"
#include "tests/support/mariadb/mariadb_server.h"
#include "tests/support/status_matchers.h"

namespace mirror::check_source_test {
namespace {

using testing::AllOf;
using testing::AnyOf;
using testing::HasSubstr;
using testing::Not;

constexpr std::int64_t kMinute = 60'000, kHour = 60 * kMinute;

SourceConfig Scheduled(const char* cron) {
  SourceConfig source;
  auto rule = CronRule::Parse(cron);
  EXPECT_THAT(rule, IsOk());
  source.cron = *std::move(rule);
  return source;
}

std::int64_t PauseOf(const SourceConfig& source) {
  return LongestPauseMs(source, std::chrono::sys_days(std::chrono::year(2026) / 5 / 4));
}

TEST(CheckSourceTest, TheLongestPauseIsTheIntervalOrTheLongestGapOfItsRule) {
  const LocalZone zone("UTC");
  SourceConfig source;
  source.interval_ms = 20 * kMinute;
  EXPECT_EQ(PauseOf(source), 20 * kMinute);
  EXPECT_EQ(PauseOf(Scheduled("0 * * * *")), kHour);
  EXPECT_EQ(PauseOf(Scheduled("30 6-20/2 * * mon-fri")), 58 * kHour) << "over a weekend";
  EXPECT_EQ(PauseOf(Scheduled("@yearly")), 366 * 24 * kHour);
}

TEST(CheckSourceTest, QuietHoursMakeAPauseLonger) {
  SourceConfig source;
  source.interval_ms = kHour;
  source.quiet = {{23 * 60, 6 * 60}, {12 * 60, 13 * 60}};
  EXPECT_EQ(PauseOf(source), 8 * kHour);
}

TEST(CheckSourceTest, OfFilesThereIsNothingToSay) { EXPECT_TRUE(CheckSource({}).all().empty()); }

/// What is said of a database whose binlog is to be read.
class CheckMariadbTest : public testing::Test {
 protected:
  void SetUp() override {
    SKIP_WITHOUT_MARIADB();
    server_ = MariadbServer::SharedWithBinlog();
    ASSERT_NE(server_, nullptr);
    database_ = server_->NewDatabase();
    auto opened = mariadb::Connection::Open({.dsn = server_->Dsn(database_)});
    ASSERT_THAT(opened, IsOk());
    connection_ = *std::move(opened);
    source_.kind = SourceKind::kMariadb;
    source_.context_id = "Cust";
    source_.interval_ms = kHour;
    source_.server.dsn = server_->Dsn(database_);
    Sql("CREATE TABLE t (id INT PRIMARY KEY)");
  }
  /// The server is that of other tests, too.
  void TearDown() override {
    if (connection_ == nullptr) return;
    Sql("SET GLOBAL binlog_row_image = FULL, GLOBAL sync_binlog = 0, GLOBAL binlog_expire_logs_seconds = 0");
  }
  void Sql(const std::string& sql) { ASSERT_THAT(connection_->Execute(sql), IsOk()) << sql; }
  /// "outcome step: words | next", of those of one step, or of all.
  std::string Said(const std::string& step = "") {
    std::string said;
    const SourceFindings found = CheckSource(source_);
    for (const SourceFinding& one : found.all()) {
      if (!step.empty() && one.step != step) continue;
      const char* const outcome = one.outcome == SourceFinding::Outcome::kOk     ? "ok"
                                  : one.outcome == SourceFinding::Outcome::kWarn ? "warn"
                                                                                 : "fail";
      absl::StrAppend(&said, outcome, " ", one.step, ": ", one.words, " | ", one.next, "\n");
    }
    return said;
  }

  MariadbServer* server_ = nullptr;
  std::string database_;
  std::unique_ptr<mariadb::Connection> connection_;
  SourceConfig source_;
};

TEST_F(CheckMariadbTest, SaysOneThingAfterTheOther) {
  Sql("SET GLOBAL sync_binlog = 1, GLOBAL binlog_expire_logs_seconds = 864000");
  const std::string said = Said();
  EXPECT_THAT(said, Not(AnyOf(HasSubstr("warn "), HasSubstr("fail "))));
  for (const char* const step :
       {"reach", "TLS", "version", "right SELECT", "binlog", "binlog expiry", "sync_binlog", "logged tables"})
    EXPECT_THAT(said, HasSubstr(absl::StrCat("ok ", step, ": "))) << step;
  EXPECT_THAT(said, HasSubstr(absl::StrCat("read as server_id ", DefaultServerId("Cust"))));
  source_.strategy = Strategy::kSynthetic;
  EXPECT_EQ(Said("binlog"), "") << "nobody reads it";
  source_.server.dsn = absl::StrCat("socket=/nowhere dbname=crm user=reader");
  EXPECT_EQ(CheckSource(source_).all().size(), 1U);
  EXPECT_THAT(Said(), AllOf(HasSubstr("fail reach: "), HasSubstr("The mirror stays unchanged"),
                            HasSubstr("the next cycle continues")));
}

TEST_F(CheckMariadbTest, ABinlogThatIsGoneTooSoonOrNeverAndWhatIsNotSyncedIsToldOf) {
  Sql("SET GLOBAL binlog_expire_logs_seconds = 90000");
  EXPECT_THAT(Said("binlog expiry"),
              AllOf(HasSubstr("warn "), HasSubstr("binlog_expire_logs_seconds = 97200")));
  source_.interval_ms = kMinute;
  EXPECT_THAT(Said("binlog expiry"), HasSubstr("ok "));
  Sql("SET GLOBAL binlog_expire_logs_seconds = 0");
  EXPECT_THAT(Said("binlog expiry"), AllOf(HasSubstr("warn "), HasSubstr("never removes its binlog")));
  Sql("SET GLOBAL sync_binlog = 0");
  EXPECT_THAT(Said("sync_binlog"), AllOf(HasSubstr("warn "), HasSubstr("sync_binlog is 0")));
}

TEST_F(CheckMariadbTest, TablesThatAreNotLoggedSayWhy) {
  Sql("CREATE TABLE m (id INT PRIMARY KEY) ENGINE = MyISAM");
  Sql("CREATE TABLE c (id INT PRIMARY KEY, t INT, FOREIGN KEY (t) REFERENCES t (id) ON DELETE CASCADE)");
  EXPECT_THAT(Said("not logged"), AllOf(HasSubstr("warn not logged: c: its foreign key 'c_ibfk_1'"),
                                        HasSubstr("warn not logged: m: ")));
  EXPECT_THAT(Said("engines"), HasSubstr("m (MyISAM)"));
  EXPECT_THAT(Said("logged tables"), HasSubstr("1 table"));
  TableConfig table;
  table.name = "c";
  table.strategy = Strategy::kSynthetic;
  source_.tables = {table};
  EXPECT_THAT(Said("not logged"), Not(HasSubstr("its foreign key")));
}

TEST_F(CheckMariadbTest, EachMissingRightAndSettingIsOneFinding) {
  Sql("CREATE OR REPLACE USER poor@localhost");
  Sql("CREATE TABLE u (id INT PRIMARY KEY, v INT)");
  Sql("GRANT SELECT ON " + database_ + ".t TO poor@localhost");
  Sql("GRANT SELECT (id) ON " + database_ + ".u TO poor@localhost");
  Sql("SET GLOBAL binlog_row_image = MINIMAL");
  source_.server.dsn = server_->Dsn(database_, "poor");
  const std::string said = Said();
  Sql("SET GLOBAL binlog_row_image = FULL");
  EXPECT_THAT(
      said, AllOf(HasSubstr("fail binlog: binlog_row_image is MINIMAL"),
                  HasSubstr("lacks the right REPLICATION SLAVE: GRANT REPLICATION SLAVE ON *.* TO "
                            "'poor'@'localhost'"),
                  HasSubstr("lacks the right BINLOG MONITOR"),
                  HasSubstr("fail right SELECT: the user may not read all of 1 table: u | GRANT SELECT ON `" +
                            database_ + "`.`u` TO 'poor'@'localhost'")));
  source_.server.dsn = server_->Dsn(server_->NewDatabase(), "root");
  EXPECT_THAT(Said("tables"), AllOf(HasSubstr("warn "), HasSubstr("GRANT SELECT ON ")));
}

TEST_F(CheckMariadbTest, WhereSingleTablesWereGrantedTheOthersAreToldOf) {
  Sql("CREATE OR REPLACE USER single@localhost");
  Sql("CREATE TABLE child (id INT PRIMARY KEY, t INT, FOREIGN KEY (t) REFERENCES t (id))");
  Sql("GRANT SELECT ON " + database_ + ".child TO single@localhost");
  EXPECT_EQ(Said("unseen tables"), "") << "who may read all";
  source_.server.dsn = server_->Dsn(database_, "single");
  EXPECT_THAT(Said("unseen tables"),
              AllOf(HasSubstr("warn unseen tables: the user has SELECT on one table of database '"),
                    HasSubstr("GRANT SELECT ON `" + database_ + "`.* TO 'single'@'localhost'"),
                    HasSubstr("in 'include'")));
  source_.include = {"child"};
  EXPECT_EQ(Said("unseen tables"), "") << "they are chosen by name";
  source_.include = {"*"};
  Sql("GRANT SELECT ON `" + database_ + "`.* TO single@localhost");
  EXPECT_EQ(Said("unseen tables"), "");
}

TEST_F(CheckMariadbTest, AnAnonymousUserIsTakenForAnother) {
  Sql("CREATE OR REPLACE USER anyhost@'%'");
  Sql("CREATE OR REPLACE USER ''@localhost IDENTIFIED BY 'x'");
  source_.server.dsn = server_->Dsn(database_, "anyhost");
  const std::string said = Said("reach");
  Sql("DROP USER ''@localhost");
  EXPECT_THAT(said, HasSubstr("MariaDB prefers an anonymous user to a user for any host ('%')"));
}

}  // namespace
}  // namespace mirror::check_source_test
