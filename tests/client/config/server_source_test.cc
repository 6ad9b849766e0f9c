#include "client/config/source_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "absl/strings/str_cat.h"
#include "client/config/config.h"
#include "client/config/dsn.h"
#include "tests/client/source/source_database.h"
#include "tests/support/status_matchers.h"

namespace mirror::server_source_test {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using testing::Pair;

constexpr char kBefore[] = R"([endpoint]
address = "127.0.0.1:5443"
[identity]
issuer = "Source"
key = "source-1.key"
key_id = "source-1"
application_id = "mirror"
application_certificate = "app.crt"
[[source]]
context_id = "Cust42"
kind = "postgres"
)";  // Eleven lines.

class ServerSourceTest : public testing::Test {
 protected:
  absl::StatusOr<AgentConfig> Load(const std::string& text) {
    std::ofstream(file_) << text;
    return LoadAgentConfig(file_);
  }
  /// A source of kind postgres with these keys.
  absl::StatusOr<AgentConfig> LoadSource(const std::string& keys) { return Load(kBefore + keys); }

  TempFolder folder_;
  std::string file_ = folder_ / "mirror-agent.toml";
};

constexpr char kDsn[] = "dsn = \"host=db1 dbname=crm user=mir\"\nstrategy = \"synthetic\"\n";

TEST_F(ServerSourceTest, ReadsEveryKeyAndSeesThePasswordFileFromTheFilesFolder) {
  const auto config = LoadSource(R"(dsn = "host=db1,db2 dbname=crm user=mir sslmode=verify-full"
strategy = "synthetic"
password_file = "pg.pw"
schemas = ["crm"]
include = ["a*"]
skip = ["tmp_*"]
blocked = { salaries = "personal" }
retention = "1h"
slot = "mirror_1"
publication = "Mirror 1"
snapshot_wait = "5s"
max_stage = "2GB"
max_wal = "3GB"
)");
  ASSERT_THAT(config, IsOk());
  const SourceConfig& source = config->sources[0];
  EXPECT_EQ(source.kind, SourceKind::kPostgres);
  EXPECT_EQ(source.path, "PostgreSQL at \"db1,db2, database crm\"");
  EXPECT_EQ(source.server.dsn, "host=db1,db2 dbname=crm user=mir sslmode=verify-full");
  EXPECT_EQ(source.server.password_file, folder_ / "pg.pw");
  EXPECT_EQ(source.server.schema, "crm");
  EXPECT_THAT(source.include, ElementsAre("a*"));
  EXPECT_THAT(source.skip, ElementsAre("tmp_*"));
  EXPECT_THAT(source.blocked, ElementsAre(Pair("salaries", "personal")));
  EXPECT_EQ(source.retention_ms, 3'600'000);
  EXPECT_EQ(source.server.slot, "mirror_1");
  EXPECT_EQ(source.server.publication, "Mirror 1");
  EXPECT_EQ(source.server.snapshot_wait_ms, 5'000);
  EXPECT_EQ(source.server.max_stage_bytes, 2'000'000'000);
  EXPECT_EQ(source.server.max_wal_bytes, 3'000'000'000);
}

TEST_F(ServerSourceTest, TheDefaultsAreThoseOfTheReference) {
  const auto config = LoadSource(kDsn);
  ASSERT_THAT(config, IsOk());
  const ServerSource& server = config->sources[0].server;
  EXPECT_EQ(server.password_file, "");
  EXPECT_EQ(server.schema, "public");
  EXPECT_EQ(server.slot, "");
  EXPECT_EQ(server.publication, "");
  EXPECT_EQ(server.snapshot_wait_ms, 30'000);
  EXPECT_EQ(server.max_stage_bytes, 10'000'000'000);
  EXPECT_EQ(server.max_wal_bytes, 10'000'000'000);
}

struct WrongServerCase {
  const char* name;
  const char* keys;
  const char* words;
};

class WrongServerSource : public ServerSourceTest, public testing::WithParamInterface<WrongServerCase> {};

TEST_P(WrongServerSource, IsNamedWithItsLineAndShowsNothing) {
  const auto config = LoadSource(GetParam().keys);
  EXPECT_THAT(config, StatusIs(absl::StatusCode::kInvalidArgument,
                               AllOf(HasSubstr(GetParam().words), Not(HasSubstr("sesame")))));
}

INSTANTIATE_TEST_SUITE_P(
    Cases, WrongServerSource,
    testing::Values(
        WrongServerCase{"NoDsn", "strategy = \"synthetic\"\n", ":9: [[source]] has no 'dsn', which it needs"},
        WrongServerCase{"EmptyDsn", "dsn = \"\"\n", ":12: [[source]] 'dsn' must not be empty"},
        WrongServerCase{"Password", "dsn = \"host=db1 password=sesame\"\nstrategy = \"synthetic\"\n",
                        ":12: [[source]] 'dsn' cannot be used: the connection string holds a password"},
        WrongServerCase{"QuotedPassword",
                        "dsn = \"host=db1 password = 'sesame street'\"\nstrategy = \"synthetic\"\n",
                        ":12: [[source]] 'dsn' cannot be used: the connection string holds a password"},
        WrongServerCase{"PasswordOfAUri",
                        "dsn = \"postgresql://mir:sesame@db1/crm\"\nstrategy = \"synthetic\"\n",
                        ":12: [[source]] 'dsn' cannot be used: the connection string holds a password"},
        WrongServerCase{"PasswordBehindAUri",
                        "dsn = \"postgresql://db1/crm?password=sesame\"\nstrategy = \"synthetic\"\n",
                        ":12: [[source]] 'dsn' cannot be used: the connection string holds a password"},
        WrongServerCase{"PasswordOfAKey", "dsn = \"host=db1 sslpassword=sesame\"\nstrategy = \"synthetic\"\n",
                        ":12: [[source]] 'dsn' cannot be used: the connection string holds a password"},
        WrongServerCase{"Passfile", "dsn = \"host=db1 passfile=/etc/sesame\"\nstrategy = \"synthetic\"\n",
                        ":12: [[source]] 'dsn' names a passfile: remove that, and set 'password_file' to"},
        WrongServerCase{"Service", "dsn = \"service=sesame\"\nstrategy = \"synthetic\"\n",
                        ":12: [[source]] 'dsn' cannot be used: the connection string names a service"},
        WrongServerCase{"NoConninfo", "dsn = \"sesame\"\nstrategy = \"synthetic\"\n",
                        ":12: [[source]] 'dsn' cannot be used: the connection string cannot be read"},
        WrongServerCase{"TwoLines", "dsn = \"host=db1\\ndbname=sesame\"\nstrategy = \"synthetic\"\n",
                        ":12: [[source]] 'dsn' must be one line"},
        WrongServerCase{"NoSchema", "dsn = \"host=db1\"\nschemas = []\n",
                        ":13: [[source]] 'schemas' must hold exactly one name"},
        WrongServerCase{"TwoSchemas", "dsn = \"host=db1\"\nschemas = [\"a\", \"b\"]\n",
                        ":13: [[source]] 'schemas' must hold exactly one name"},
        WrongServerCase{"SlotWithACapital", "dsn = \"host=db1\"\nslot = \"Mirror\"\n",
                        ":13: [[source]] 'slot' must be 1 to 63 of the letters a-z, digits and '_'"},
        WrongServerCase{"EmptyPublication", "dsn = \"host=db1\"\npublication = \"\"\n",
                        ":13: [[source]] 'publication' must be a name of 1 to 63 bytes"},
        WrongServerCase{"StageTooSmall", "dsn = \"host=db1\"\nmax_stage = \"1KB\"\n",
                        ":13: [[source]] 'max_stage' must be"},
        WrongServerCase{"Path", "dsn = \"host=db1\"\npath = \"crm.db\"\n",
                        ":13: [[source]] 'path' is not for kind = \"postgres\""},
        WrongServerCase{"Folder", "dsn = \"host=db1\"\nfolder = \"crm\"\n",
                        ":13: [[source]] 'folder' is for kind = \"csv\" or \"xlsx\" only"},
        WrongServerCase{"MaxLog", "dsn = \"host=db1\"\nmax_log = 5000\n",
                        ":13: [[source]] 'max_log' is not for kind = \"postgres\""},
        WrongServerCase{"CopyAtOnce", "dsn = \"host=db1\"\ncopy_at_once = \"5MB\"\n",
                        ":13: [[source]] 'copy_at_once' is not for kind = \"postgres\""},
        WrongServerCase{"ServerId", "dsn = \"host=db1\"\nserver_id = 5\n",
                        ":13: [[source]] 'server_id' is for kind = \"mariadb\" only"},
        WrongServerCase{"Dialect", "dsn = \"host=db1\"\ndialect = \"mysql\"\n",
                        ":13: [[source]] 'dialect' is for kind = \"odbc\" only"},
        WrongServerCase{"FileOfATable",
                        "dsn = \"host=db1\"\nstrategy = \"synthetic\"\n[[source.table]]\nname = \"t\"\n"
                        "file = \"x\"\n",
                        ":16: [[source.table]] 'file' is for kind = \"csv\" or \"xlsx\" only"},
        WrongServerCase{"FeedOfAFile",
                        "dsn = \"host=db1\"\nstrategy = \"synthetic\"\n[[source.table]]\nname = \"t\"\n"
                        "strategy = \"watermark\"\nwatermark = \"w\"\n"
                        "deletes_from = { file = \"g\", key = [\"k\"], watermark = \"n\" }\n",
                        ":18: [[source.table]] 'deletes_from' takes 'table' here, since the source is a "
                        "database"}),
    [](const auto& test) { return test.param.name; });

TEST_F(ServerSourceTest, ALogThatIsNotReadIsRefusedWhereItIsAskedFor) {
  if (TraitsOf(SourceKind::kPostgres).reads_log) GTEST_SKIP() << "it is read";
  EXPECT_THAT(
      LoadSource("dsn = \"host=db1\"\n"),
      StatusIs(absl::StatusCode::kInvalidArgument,
               HasSubstr(":11: [[source]] 'kind' needs the log of PostgreSQL databases, which this build "
                         "cannot read: set strategy = \"synthetic\"")));
  EXPECT_THAT(LoadSource("dsn = \"host=db1\"\nstrategy = \"cdc\"\n"),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr(":13: [[source]] 'strategy' needs the log of PostgreSQL databases, which")));
  EXPECT_THAT(LoadSource(std::string(kDsn) + "[[source.table]]\nname = \"t\"\nstrategy = \"cdc\"\n"),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr(":16: [[source.table]] 'strategy' must not be \"cdc\"")));
  for (const char* const strategy : {"synthetic", "populate"}) {
    EXPECT_THAT(LoadSource(absl::StrCat("dsn = \"host=db1\"\nstrategy = \"", strategy, "\"\n")), IsOk());
  }
}

TEST_F(ServerSourceTest, WhatAnExchangeMayWriteIsLimitedAtEachKindThatTakesDeliveries) {
  const std::string before(kBefore, std::string_view(kBefore).find("[[source]]"));
  for (const char* const kind : {"postgres", "mariadb"}) {
    const auto config =
        Load(absl::StrCat(before, "[[source]]\ncontext_id = \"a\"\nkind = \"", kind,
                          "\"\ndsn = \"host=db1 dbname=crm user=mir\"\naccept = [\"update\"]\n"
                          "accept_tables = [\"cust*\"]\naccept_columns = [\"customer.city\"]\n"));
    ASSERT_THAT(config, IsOk()) << kind;
    EXPECT_THAT(config->sources[0].accept.tables, ElementsAre("cust*"));
    EXPECT_THAT(config->sources[0].accept.columns, ElementsAre("customer.city"));
  }
}

TEST_F(ServerSourceTest, TheBinlogIsReadAsSomebodyWhomNoOtherSourceIs) {
  const std::string dsn = "dsn = \"host=db1 dbname=crm user=mir\"\n";
  const std::string before(kBefore, std::string_view(kBefore).find("[[source]]"));
  const auto load = [&](const std::string& first, const std::string& second) {
    return Load(absl::StrCat(before, "[[source]]\ncontext_id = \"a\"\nkind = \"mariadb\"\n", dsn, first,
                             "[[source]]\ncontext_id = \"b\"\nkind = \"mariadb\"\n", dsn, second));
  };
  const auto config = load("", "server_id = 42\n");
  ASSERT_THAT(config, IsOk());
  EXPECT_EQ(config->sources[0].strategy, Strategy::kCdc);
  EXPECT_EQ(ServerIdOf(config->sources[0]), DefaultServerId("a"));
  EXPECT_EQ(ServerIdOf(config->sources[1]), 42U);
  EXPECT_GE(DefaultServerId("a"), 1U << 31);
  EXPECT_NE(DefaultServerId("a"), DefaultServerId("b"));
  EXPECT_EQ(DefaultServerId("A"), DefaultServerId("a")) << "no two context ids differ by that alone";
  EXPECT_THAT(load("server_id = 42\n", "server_id = 42\n").status(),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("'server_id' makes the replica's number the same as in the [[source]]")));
}

TEST_F(ServerSourceTest, TwoSourcesOfOneDatabaseAreTwoWithoutALog) {
  EXPECT_THAT(LoadSource(absl::StrCat(kDsn, "[[source]]\ncontext_id = \"b\"\nkind = \"postgres\"\n", kDsn)),
              IsOk());
}

TEST_F(ServerSourceTest, NoTwoReadOneSlotOrPublication) {
  if (!TraitsOf(SourceKind::kPostgres).reads_log) GTEST_SKIP() << "no log is read";
  const auto two = [this](const std::string& first, const std::string& second) {
    return LoadSource(absl::StrCat("dsn = \"host=db1 dbname=crm\"\n", first,
                                   "[[source]]\ncontext_id = \"b\"\nkind = \"postgres\"\n", second))
        .status();
  };
  const std::string same = "dsn = \"host=db1 dbname=crm\"\n", other = "dsn = \"host=db1 dbname=hr\"\n";
  EXPECT_THAT(two("", same), IsOk());
  EXPECT_THAT(two("slot = \"s\"\n", other + "slot = \"s\"\n"),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("'slot' makes the slot the same as in the [[source]] in line 9")));
  EXPECT_THAT(two("slot = \"s\"\n", "dsn = \"host=db2\"\nslot = \"s\"\n"), IsOk());
  EXPECT_THAT(two("publication = \"p\"\n", other + "publication = \"p\"\n"), IsOk());
  EXPECT_THAT(two("publication = \"p\"\n", same + "publication = \"p\"\n"),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("'publication' makes the publication the same as in the [[source]] in")));
}

TEST(SlotName, IsWhatPostgresTakesAndOneForEachContextId) {
  EXPECT_EQ(SlotName("cust42"), "_mirror_cust42");
  EXPECT_EQ(SlotName("Cust42"), "_mirror_cust42");
  EXPECT_EQ(SlotName("a_b"), "_mirror_a_b");
  EXPECT_THAT(SlotName("a-b"), testing::MatchesRegex("_mirror_a_b_[0-9a-f]{8}"));
  EXPECT_NE(SlotName("a-b"), SlotName("a_b"));
  EXPECT_EQ(SlotName("A-b"), SlotName("a-B"));
  const std::string longest(64, 'x');
  EXPECT_EQ(SlotName(longest).size(), 63U);
  EXPECT_NE(SlotName(longest), SlotName(longest.substr(1)));
  EXPECT_EQ(SlotName(std::string(55, 'x')), "_mirror_" + std::string(55, 'x'));
}

TEST(Dsn, APasswordIsFoundInThoseOfEveryKind) {
  for (const char* const dsn : {"host=db1 password=sesame", "host=db1 Password = sesame", "user=a;passwd='x'",
                                "mariadb://mir:sesame@db1/crm", "socket=/run/db passphrase=x"}) {
    EXPECT_THAT(DsnProblem(SourceKind::kMariadb, dsn), HasSubstr("holds a password")) << dsn;
  }
  for (const char* const dsn :
       {"DSN=crm;PWD=sesame", "Driver={MariaDB};UID=mir; pwd = {a;b}", "PASSWORD=x",
        "Driver={x};Server=db1;PWD={}", "DSN=crm;SERVER=db1\tPWD\t=sesame", "DSN=crm;AccessToken=sesame",
        "DSN=crm;SSLKeyPassword=sesame", "DSN=crm;SPassword=sesame", "DSN=crm;socket={;SPassword=sesame}"}) {
    EXPECT_THAT(DsnProblem(SourceKind::kOdbc, dsn),
                AllOf(HasSubstr("holds a password"), Not(HasSubstr("sesame"))))
        << dsn;
  }
  for (const char* const dsn : {"DSN=crm;UID=mir", "Driver={MariaDB Unicode};SERVER=db1;DATABASE=pwd"}) {
    EXPECT_EQ(DsnProblem(SourceKind::kOdbc, dsn), "") << dsn;
  }
  EXPECT_EQ(DsnProblem(SourceKind::kMariadb, "host=db1 dbname=crm user=mir tls=verify tls_ca=ca.crt"), "");
}

TEST(Dsn, APasswordWithinAValueIsFoundToo) {
  // A quote went wrong: libpq takes the password for a part of the host's name.
  for (const char* const dsn :
       {"host='db1 password=sesame' dbname=crm", "postgresql://db1/crm%20password%3Dsesame"}) {
    EXPECT_THAT(DsnProblem(SourceKind::kPostgres, dsn),
                AllOf(HasSubstr("holds a password"), Not(HasSubstr("sesame"))))
        << dsn;
  }
  EXPECT_EQ(DsnProblem(SourceKind::kPostgres, "postgresql://mir@db1/crm?options=-c%20geqo%3Doff"), "");
}

TEST(Dsn, ItsPlaceIsToldWithoutWhoConnects) {
  EXPECT_EQ(DsnPlace(SourceKind::kPostgres, "postgresql://mir@db1:5433/crm"),
            "PostgreSQL at \"db1, port 5433, database crm\"");
  EXPECT_EQ(DsnPlace(SourceKind::kMariadb, "host=db1 port=3307 dbname=crm user=mir"),
            "MariaDB at \"db1, port 3307, database crm\"");
  EXPECT_EQ(DsnPlace(SourceKind::kOdbc, "DSN=crm;UID=mir"), "ODBC at \"crm\"");
  EXPECT_EQ(DsnPlace(SourceKind::kOdbc, "FILEDSN=/x"), "ODBC at \"its default address\"");
}

}  // namespace
}  // namespace mirror::server_source_test
