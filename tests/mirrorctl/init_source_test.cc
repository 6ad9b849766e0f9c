// 'mirrorctl init --source' with a database of a server: what it writes, and what it refuses before anything
// is there.

#include "tools/mirrorctl/init/init_source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/db/mariadb/connection.h"
#include "client/config/config.h"
#include "client/run/check_source.h"
#include "client/run/open_source.h"
#include "server/config/config.h"
#include "server/plan/tenant_rules.h"
#include "tests/certs/test_keys.h"
#include "tests/client/source/source_database.h"
#include "tests/support/mariadb/mariadb_server.h"
#include "tests/support/postgres_database.h"
#include "tests/support/processes.h"
#include "tests/support/status_matchers.h"

namespace mirror::init_source_test {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kUrl[] = "postgresql://reader@db.example.org:5433/crm?sslmode=verify-full";

/// 'mirrorctl init' as it is typed.
class InitSource {
 public:
  int Run(const std::string& source, const std::vector<std::string>& more = {}) {
    std::vector<std::string> words = {"mirrorctl",    "init",      "--dir",    dir(),
                                      "--context-id", "Cust26759", "--source", source};
    words.insert(words.end(), more.begin(), more.end());
    std::vector<const char*> argv;
    for (const std::string& word : words) argv.push_back(word.c_str());
    std::ostringstream said, wrong;
    Console console{said, wrong};
    const cli::Program program("A test's.", "mirrorctl", "1");
    AddInit(program, console);
    const cli::Outcome outcome = program.Parse(static_cast<int>(argv.size()), argv.data(), said);
    out = said.str();
    err = outcome.wrong + wrong.str();
    return outcome.wrong.empty() ? console.exit_code : Console::kWrongUsage;
  }
  std::string dir() const { return folder_.path() + "/dev"; }
  absl::StatusOr<SourceConfig> Source() const {
    const absl::StatusOr<AgentConfig> config = LoadAgentConfig(dir() + "/mirror-agent.toml");
    if (!config.ok()) return config.status();
    if (config->sources.size() != 1) return absl::NotFoundError("no [[source]]");
    return config->sources[0];
  }

  std::string out, err;

 private:
  TempFolder folder_;
};

TEST(InitSourceTest, WritesASourceThatTheAgentTakes) {
  InitSource init;
  ASSERT_EQ(init.Run(kUrl), 0) << init.err;
  const absl::StatusOr<SourceConfig> source = init.Source();
  ASSERT_THAT(source, IsOk());
  EXPECT_EQ(source->kind, SourceKind::kPostgres);
  EXPECT_EQ(source->server.dsn, "host=db.example.org port=5433 dbname=crm user=reader sslmode=verify-full");
  EXPECT_EQ(source->server.password_file, init.dir() + "/source/pgpass");
  EXPECT_EQ(source->server.schema, "public");
  EXPECT_EQ(source->strategy,
            TraitsOf(SourceKind::kPostgres).reads_log ? Strategy::kCdc : Strategy::kSynthetic);
  EXPECT_EQ(source->follow, TraitsOf(SourceKind::kPostgres).reads_log);
  const ServerSource by_default;
  EXPECT_EQ(source->server.snapshot_wait_ms, by_default.snapshot_wait_ms);
  EXPECT_EQ(source->server.max_stage_bytes, by_default.max_stage_bytes);
  EXPECT_EQ(source->server.max_wal_bytes, by_default.max_wal_bytes);
  const SourceConfig plain;
  EXPECT_EQ(source->retention_ms, plain.retention_ms);
  EXPECT_EQ(source->interval_ms, plain.interval_ms);
  EXPECT_EQ(source->verify_interval_ms, plain.verify_interval_ms);
  EXPECT_THAT(ReadText(init.dir() + "/mirror-agent.toml"),
              AllOf(HasSubstr(absl::StrCat("# slot = \"", SlotName("Cust26759"), "\"")),
                    HasSubstr(absl::StrCat("# publication = \"", SlotName("Cust26759"), "\""))));
}

TEST(InitSourceTest, OnlyASqliteDatabaseInWalModeIsFollowed) {
  TempFolder folder;
  for (const std::string mode : {"wal", "delete"}) {
    const std::string path = folder / absl::StrCat(mode, ".db");
    Sql(path, absl::StrCat("PRAGMA journal_mode = ", mode, "; CREATE TABLE a(id INTEGER PRIMARY KEY)"));
    InitSource init;
    ASSERT_EQ(init.Run(path), 0) << init.err;
    const absl::StatusOr<SourceConfig> source = init.Source();
    ASSERT_THAT(source, IsOk());
    EXPECT_EQ(source->follow, mode == "wal");
    EXPECT_THAT(ReadText(init.dir() + "/mirror-agent.toml"),
                HasSubstr(mode == "wal" ? "\nfollow = true " : "\n# follow = true "));
  }
}

TEST(InitSourceTest, TheServerExpectsEachTableWithinThreeIntervalsOfTheAgent) {
  InitSource init;
  ASSERT_EQ(init.Run(kUrl), 0) << init.err;
  const auto source = init.Source();
  ASSERT_THAT(source, IsOk());
  const absl::StatusOr<ServerConfig> server = LoadServerConfig(init.dir() + "/mirror-server.toml");
  ASSERT_THAT(server, IsOk());
  const FreshnessTargets targets = TargetsOf(server->freshness, "Cust26759", {"Album"});
  EXPECT_EQ(targets.all_ms, 3 * source->interval_ms);
  EXPECT_THAT(targets.tables, testing::IsEmpty());
}

TEST(InitSourceTest, ThePassfileIsItsOwnersAloneAndHasTheLineToFillIn) {
  InitSource init;
  ASSERT_EQ(init.Run(kUrl), 0) << init.err;
  struct stat info = {};
  ASSERT_EQ(stat((init.dir() + "/source/pgpass").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 0600U);
  EXPECT_THAT(ReadText(init.dir() + "/source/pgpass"),
              HasSubstr("\n# db.example.org:5433:crm:reader:PASSWORD\n"));
  EXPECT_THAT(init.out, HasSubstr("write it only into " + init.dir() + "/source/pgpass,"));
}

TEST(InitSourceTest, SaysWhatTheDatabaseHasToGrant) {
  InitSource init;
  ASSERT_EQ(init.Run(kUrl), 0) << init.err;
  EXPECT_THAT(init.out,
              AllOf(HasSubstr("CREATE ROLE \"reader\" LOGIN"),
                    HasSubstr("GRANT CONNECT ON DATABASE \"crm\" TO \"reader\";"),
                    HasSubstr("GRANT USAGE ON SCHEMA public TO \"reader\";"),
                    HasSubstr("GRANT SELECT ON ALL TABLES IN SCHEMA public TO \"reader\";"),
                    HasSubstr("ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO "),
                    HasSubstr("the source " + std::string(kUrl)), Not(HasSubstr("in the clear"))));
}

TEST(InitSourceTest, TheLogOfPostgresIsMadeByWhoOwnsTheTables) {
  InitSource init;
  ASSERT_EQ(init.Run(kUrl), 0) << init.err;
  EXPECT_THAT(init.out, HasSubstr("mirror-agent install --config " + init.dir() +
                                  "/mirror-agent.toml --print-sql | psql -v ON_ERROR_STOP=1 "
                                  "'host=db.example.org port=5433 dbname=crm user=postgres "
                                  "sslmode=verify-full'\n  mirror-agent once "));
}

TEST(InitSourceTest, ARoleThatIsNotNamedIsTheAgents) {
  InitSource init;
  ASSERT_EQ(init.Run("postgres://db1/crm"), 0) << init.err;
  EXPECT_EQ(init.Source()->server.dsn, "host=db1 dbname=crm user=mirror_agent");
  EXPECT_THAT(init.out, AllOf(HasSubstr("CREATE ROLE \"mirror_agent\""), HasSubstr("in the clear")));
}

TEST(InitSourceTest, OddNamesAreWrittenAsLibpqReadsThem) {
  InitSource init;
  ASSERT_EQ(init.Run("postgresql://o'x%20y@/my%20%5Cdb?host=/run/post%20gres"), 0) << init.err;
  const std::string dsn = init.Source()->server.dsn;
  EXPECT_EQ(dsn, R"(host='/run/post gres' dbname='my \\db' user='o\'x y')");
  const auto parameters = postgres::ReadConninfo(dsn);
  ASSERT_THAT(parameters, IsOk());
  EXPECT_EQ(*postgres::FindParameter(*parameters, "dbname"), "my \\db");
}

TEST(InitSourceTest, WhatIsWrongIsSaidBeforeAnythingIsThere) {
  const struct {
    const char *url, *why;
  } all[] = {
      {"postgresql://reader:hunter2@db/crm", "holds a password"},
      {"postgresql://reader@db/crm?password=hunter2", "holds a password"},
      {"postgresql://reader@db", "names no database"},
      {"postgresql://reader@a,b/crm", "target_session_attrs=read-write"},
      {"postgresql://reader@db:77777/crm", "'77777' is not a port"},
      {"postgresql://reader@db/crm?no=such", "cannot be read"},
      {"postgresql://reader@db/crm?passfile=/etc/x", "passfile"},
      {"mariadb://reader:hunter2@db/crm", "Example: --source mariadb://mirror_agent@db.example.org/crm"},
      {"mysql://reader:hunter2@db/crm",
       "give a MariaDB as mariadb://user@host/database, and a MySQL "
       "by ODBC: --source 'odbc:DRIVER="},
      {"oracle://db/crm", "is not a known kind of URL"},
      {"odbc://reader:hunter2@db/crm", "Example: --source 'odbc:DRIVER="},
      {"crm.toml", "is not a file"}};
  for (const auto& [url, why] : all) {
    InitSource init;
    EXPECT_NE(init.Run(url), 0) << url;
    EXPECT_THAT(init.err, AllOf(HasSubstr(why), HasSubstr("Nothing was made"), Not(HasSubstr("hunter2"))));
    EXPECT_THAT(init.out, Not(HasSubstr("hunter2")));
    EXPECT_FALSE(std::filesystem::exists(init.dir())) << url;
  }
}

TEST(InitSourceTest, OfEachKindTheDsnIsInItsOwnWords) {
  EXPECT_THAT(SourceDsn("mariadb://db1:3307/crm?tls=verify"),
              IsOkAndHolds("host=db1 port=3307 dbname=crm user=mirror_agent tls=verify"));
  EXPECT_THAT(SourceDsn("mariadb://reader@[::1]/crm"), IsOkAndHolds("host=::1 dbname=crm user=reader"));
  EXPECT_THAT(SourceDsn("mariadb:///crm?socket=/run/my.sock"),
              IsOkAndHolds("dbname=crm user=mirror_agent socket=/run/my.sock"));
  EXPECT_THAT(SourceDsn("odbc:CRM"), IsOkAndHolds("DSN=CRM"));
  EXPECT_THAT(SourceDsn("odbc:Driver=SQLite3;Database=/srv/crm.db"),
              IsOkAndHolds("Driver=SQLite3;Database=/srv/crm.db"));
  for (const char* const secret :
       {"mariadb://reader:hunter2@db/crm", "mariadb://db/crm?password=hunter2", "odbc:DSN=CRM;PWD=hunter2"}) {
    EXPECT_THAT(SourceDsn(secret), StatusIs(absl::StatusCode::kInvalidArgument,
                                            AllOf(HasSubstr("holds a password"), Not(HasSubstr("hunter2")))));
  }
  for (const char* const nothing : {"mariadb://db", "mariadb://db/", "odbc:", "crm.db"})
    EXPECT_THAT(SourceDsn(nothing), StatusIs(absl::StatusCode::kInvalidArgument));
}

/// Each kind that has a reader is written as its loader takes it; the others are refused with words.
TEST(InitSourceTest, EveryKindThatCanBeReadIsWrittenAndNoOther) {
  const struct {
    const char* source;
    SourceKind kind;
  } all[] = {{"postgresql://db/crm", SourceKind::kPostgres},
             {"mariadb://db/crm", SourceKind::kMariadb},
             {"odbc:CRM", SourceKind::kOdbc}};
  for (const auto& [name, kind] : all) {
    InitSource init;
    const int code = init.Run(name);
    if (TraitsOf(kind).has_reader) {
      ASSERT_EQ(code, 0) << name << ": " << init.err;
      const absl::StatusOr<SourceConfig> source = init.Source();
      ASSERT_THAT(source, IsOk()) << name;
      EXPECT_EQ(source->kind, kind);
    } else {
      EXPECT_NE(code, 0) << name;
      EXPECT_THAT(init.err, HasSubstr("cannot read"));
      EXPECT_FALSE(std::filesystem::exists(init.dir()));
    }
  }
}

/// A MariaDB that is there.
class InitMariadbTest : public testing::Test {
 protected:
  static std::string Url(const MariadbServer& server) {
    return absl::StrCat("mariadb://root@/mysql?socket=", server.socket());
  }
};

TEST_F(InitMariadbTest, ItsBinlogIsReadWhereItsSettingsAllowItAndElseWhatIsMissingIsSaid) {
  SKIP_WITHOUT_MARIADB();
  InitSource logged;
  ASSERT_EQ(logged.Run(Url(*MariadbServer::SharedWithBinlog())), 0) << logged.err;
  EXPECT_EQ(logged.Source()->strategy, Strategy::kCdc);
  EXPECT_THAT(logged.out,
              AllOf(HasSubstr("GRANT REPLICATION SLAVE, BINLOG MONITOR ON *.* TO 'root'@'localhost';"),
                    HasSubstr("mirror-agent install"), Not(HasSubstr("synthetic"))));
  InitSource plain;
  ASSERT_EQ(plain.Run(Url(*MariadbServer::Shared())), 0) << plain.err;
  EXPECT_EQ(plain.Source()->strategy, Strategy::kSynthetic);
  EXPECT_THAT(plain.out,
              AllOf(HasSubstr("the server writes no binlog: set log_bin"),
                    HasSubstr("\"synthetic\" was written"), Not(HasSubstr("mirror-agent install --config"))));
}

TEST_F(InitMariadbTest, OneThatIsNotReachedIsWrittenForItsLogWithWhatItNeeds) {
  InitSource init;
  ASSERT_EQ(init.Run("mariadb://reader@/crm?socket=/nowhere"), 0) << init.err;
  EXPECT_EQ(init.Source()->strategy, Strategy::kCdc);
  EXPECT_THAT(init.out, AllOf(HasSubstr("GRANT SELECT ON `crm`.* TO 'reader'@'localhost';"),
                              HasSubstr("binlog_row_metadata = FULL")));
  EXPECT_EQ(init.Source()->server.password_file, "") << "by a socket";
}

TEST_F(InitMariadbTest, TheStatementsAreTypedAtAServerAsItComes) {
  SKIP_WITHOUT_MARIADB();
  MariadbServer* const server = MariadbServer::SharedWithBinlog();
  InitSource init;
  ASSERT_EQ(init.Run(absl::StrCat("mariadb://init_source@/test?socket=", server->socket())), 0) << init.err;
  auto administrator = mariadb::Connection::Open({.dsn = server->Dsn("mysql")});
  ASSERT_THAT(administrator, IsOk());
  std::istringstream lines(init.out);
  int statements = 0;
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with("  INSTALL") && !line.starts_with("  CREATE USER") && !line.starts_with("  GRANT"))
      continue;
    // Another test of this process may have loaded it.
    const absl::Status typed = (*administrator)->Execute(line);
    EXPECT_TRUE(typed.ok() || line.starts_with("  INSTALL")) << line << typed;
    ++statements;
  }
  EXPECT_EQ(statements, 4);
  ASSERT_THAT((*administrator)->Execute("DROP USER init_source@localhost"), IsOk());
}

TEST(InitSourceTest, AMariadbElsewhereHasAFileForItsPassword) {
  InitSource init;
  ASSERT_EQ(init.Run("mariadb://reader@192.0.2.1/crm"), 0) << init.err;
  const std::string file = init.dir() + "/source/password";
  EXPECT_EQ(init.Source()->server.password_file, file);
  struct stat info = {};
  ASSERT_EQ(stat(file.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 0600U);
  EXPECT_EQ(info.st_size, 0);
  EXPECT_THAT(init.out, AllOf(HasSubstr("The password goes into " + file + ", which is empty"),
                              HasSubstr("INSTALL SONAME 'auth_ed25519';")));
}

TEST(InitSourceTest, OfOdbcRightsDriverAndPasswordAreSaid) {
  InitSource init;
  ASSERT_EQ(init.Run("odbc:CRM"), 0) << init.err;
  EXPECT_THAT(init.out, AllOf(HasSubstr("GRANT SELECT"), HasSubstr("odbc-mariadb"),
                              HasSubstr("'password_file'"), Not(HasSubstr("mirror-agent install"))));
}

/// A database that is there.
class InitSourceDatabaseTest : public PostgresDatabaseTest {};

TEST_F(InitSourceDatabaseTest, WhatIsWrittenIsReadOnceTheStatementsAreTyped) {
  ASSERT_THAT(connection_->Execute("CREATE TABLE public.contact (id int PRIMARY KEY, name text)"), IsOk());
  const auto parameters = postgres::ReadConninfo(conninfo_);
  ASSERT_THAT(parameters, IsOk());
  const std::string database = *postgres::FindParameter(*parameters, "dbname");
  InitSource init;
  ASSERT_EQ(init.Run(absl::StrCat("postgresql://init_source@/", database, "?host=", server_->folder())), 0)
      << init.err;
  const absl::StatusOr<SourceConfig> source = init.Source();
  ASSERT_THAT(source, IsOk());
  EXPECT_THAT(OpenReader(*source, {})->TableNames(), Not(IsOk())) << "there is no such role yet";
  // What was printed, but for settings of a whole server.
  std::istringstream lines(init.out);
  int statements = 0;
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with("  CREATE ROLE") && !line.starts_with("  GRANT") &&
        !line.starts_with("  ALTER DEFAULT"))
      continue;
    ASSERT_THAT(connection_->Execute(line), IsOk()) << line;
    ++statements;
  }
  EXPECT_EQ(statements, 5);
  ASSERT_THAT(connection_->Execute("CREATE TABLE public.later (id int PRIMARY KEY)"), IsOk());
  EXPECT_THAT(OpenReader(*source, {})->TableNames(), IsOkAndHolds(ElementsAre("contact", "later")));
  const SourceFindings findings = CheckSource(*source);
  for (const SourceFinding& one : findings.all()) {
    if (one.step.starts_with("right")) {
      EXPECT_EQ(one.outcome, SourceFinding::Outcome::kOk) << one.step << ": " << one.words;
    }
  }
  ASSERT_THAT(connection_->Execute("DROP OWNED BY init_source; DROP ROLE init_source"), IsOk());
}

}  // namespace
}  // namespace mirror::init_source_test
