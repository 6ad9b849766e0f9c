#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/config/config.h"
#include "tests/support/processes.h"
#include "tests/support/status_matchers.h"
#include "tests/support/variable.h"

namespace mirror::postgres_keys_test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

/// What stands before the store: 16 lines.
constexpr char kRest[] = R"([listen]
certificate = "tls/server.crt"
key = "tls/server.key"
[admin]
certificate = "a.crt"
key = "a.key"
client_ca = "ca.crt"
[application]
id = "app"
key = "app.key"
key_id = "app-1"
[[issuer]]
name = "Source"
environment = "production"
keys = "issuers/production"
contexts = ["Cust*"]
)";
constexpr char kPostgres[] = R"([data]
store = "postgres"
[postgres]
control = "host=/run/postgresql dbname=mirrors user=mirror"
[[postgres.place]]
name = "p1"
conninfo = "host=/run/postgresql dbname=mirrors user=mirror"
)";

class PostgresKeysTest : public testing::Test {
 protected:
  absl::StatusOr<ServerConfig> Load(const std::string& store) {
    WriteFileText(path(), absl::StrCat(kRest, store));
    return LoadServerConfig(path());
  }
  std::string path() const { return folder_.path() + "/mirror-server.toml"; }

  TempFolder folder_;
};

TEST_F(PostgresKeysTest, AMirrorIsInSqliteUnlessTheFileSaysOtherwise) {
  const auto config = Load("");
  ASSERT_THAT(config, IsOk());
  EXPECT_EQ(config->data.store, StoreKind::kSqlite);
  EXPECT_EQ(config->postgres, PostgresConfig{});
}

TEST_F(PostgresKeysTest, TheSmallestFileGetsEveryDefault) {
  const auto config = Load(kPostgres);
  ASSERT_THAT(config, IsOk());
  EXPECT_EQ(config->data.store, StoreKind::kPostgres);
  EXPECT_EQ(config->postgres.control, "host=/run/postgresql dbname=mirrors user=mirror");
  EXPECT_EQ(config->postgres.passfile, "");
  EXPECT_TRUE(config->postgres.replicated);
  EXPECT_EQ(config->postgres.merge_rows_max, 20'000'000);
  ASSERT_EQ(config->postgres.places.size(), 1U);
  EXPECT_EQ(config->postgres.places[0].name, "p1");
  EXPECT_EQ(config->postgres.places[0].connections, 8U);
  EXPECT_EQ(config->postgres.places[0].relations_max, 100'000);
}

TEST_F(PostgresKeysTest, EveryKeyIsRead) {
  const auto config = Load(R"([data]
store = "postgres"
[postgres]
control = "postgresql://mirror@db1/control?sslmode=verify-full"
passfile = "pgpass"
durability = "local"
merge_rows_max = 5
[[postgres.place]]
name = "p1"
conninfo = "host=db1 dbname=mirrors"
connections = 3
relations_max = 1000
[[postgres.place]]
name = "p2"
conninfo = "host=db2 dbname=mirrors"
kind = "citus"
)");
  ASSERT_THAT(config, IsOk());
  EXPECT_EQ(config->postgres.passfile, folder_.path() + "/pgpass");
  EXPECT_FALSE(config->postgres.replicated);
  EXPECT_EQ(config->postgres.merge_rows_max, 5);
  ASSERT_EQ(config->postgres.places.size(), 2U);
  EXPECT_EQ(config->postgres.places[0].connections, 3U);
  EXPECT_EQ(config->postgres.places[0].relations_max, 1'000);
  EXPECT_EQ(config->postgres.places[1].conninfo, "host=db2 dbname=mirrors");
  EXPECT_FALSE(config->postgres.places[0].citus);
  EXPECT_TRUE(config->postgres.places[1].citus);
}

TEST_F(PostgresKeysTest, SeveralHostsGoWithAReplicatedPlace) {
  const std::string hosts = "host=a,b dbname=m target_session_attrs=read-write";
  EXPECT_THAT(Load(absl::StrCat("[data]\nstore = \"postgres\"\n[postgres]\ncontrol = \"", hosts,
                                "\"\n[[postgres.place]]\nname = \"p1\"\nconninfo = \"", hosts, "\"\n")),
              IsOk());
}

TEST_F(PostgresKeysTest, APassfileMayStandInAConnectionStringAlone) {
  EXPECT_THAT(Load("[data]\nstore = \"postgres\"\n[postgres]\ncontrol = \"dbname=m passfile=/etc/a\"\n"
                   "[[postgres.place]]\nname = \"p1\"\nconninfo = \"dbname=m passfile=/etc/b\"\n"),
              IsOk());
}

TEST_F(PostgresKeysTest, VariablesTakeThePlaceOfTheFile) {
  const Variable store("MIRROR_DATA_STORE", "postgres"), control("MIRROR_POSTGRES_CONTROL", "dbname=other"),
      passfile("MIRROR_POSTGRES_PASSFILE", "/run/secrets/pgpass"),
      durability("MIRROR_POSTGRES_DURABILITY", "local");
  // What Kubernetes and Docker make for a service of that name.
  const Variable port("MIRROR_POSTGRES_PORT", "tcp://10.0.0.1:5432"),
      host("MIRROR_POSTGRES_SERVICE_HOST", "10.0.0.1");
  const auto config = Load("[[postgres.place]]\nname = \"p1\"\nconninfo = \"dbname=m\"\n");
  ASSERT_THAT(config, IsOk());
  EXPECT_EQ(config->data.store, StoreKind::kPostgres);
  EXPECT_EQ(config->postgres.control, "dbname=other");
  EXPECT_EQ(config->postgres.passfile, "/run/secrets/pgpass");
  EXPECT_FALSE(config->postgres.replicated);
}

TEST_F(PostgresKeysTest, AWrongVariableIsNamedAndNotShown) {
  {
    const Variable control("MIRROR_POSTGRES_CONTROL", "dbname=m password=hunter2");
    EXPECT_THAT(Load(kPostgres), StatusIs(absl::StatusCode::kInvalidArgument,
                                          AllOf(HasSubstr("MIRROR_POSTGRES_CONTROL cannot be used"),
                                                HasSubstr("passfile"), Not(HasSubstr("hunter2")))));
  }
  {
    const Variable place("MIRROR_POSTGRES_PLACE", "dbname=m");
    EXPECT_THAT(Load(kPostgres), StatusIs(absl::StatusCode::kInvalidArgument,
                                          HasSubstr("MIRROR_POSTGRES_PLACE has no variable")));
  }
  const Variable control("MIRROR_POSTGRES_CONTROL", "dbname=m");
  EXPECT_THAT(Load(""), StatusIs(absl::StatusCode::kInvalidArgument,
                                 HasSubstr("MIRROR_POSTGRES_CONTROL works only with [data] 'store'")));
}

/// What stands behind the rest, and is wrong.
struct Wrong {
  std::string name, store;
  std::string where;  ///< "7: [admin] 'port'", what follows the file's name.
  std::string why;
};

class WrongPostgresTest : public PostgresKeysTest, public testing::WithParamInterface<Wrong> {};

TEST_P(WrongPostgresTest, IsNamedWithFileLineAndKeyAndWithoutItsConninfo) {
  const Wrong& test = GetParam();
  EXPECT_THAT(Load(test.store), StatusIs(absl::StatusCode::kInvalidArgument,
                                         AllOf(HasSubstr(absl::StrCat(path(), ":", test.where)),
                                               HasSubstr(test.why), Not(HasSubstr("hunter2")))));
}

std::string Postgres(const std::string& keys, const std::string& place) {
  return absl::StrCat("[data]\nstore = \"postgres\"\n[postgres]\n", keys, "[[postgres.place]]\n", place);
}
constexpr char kControl[] = "control = \"dbname=m\"\n";
constexpr char kPlace[] = "name = \"p1\"\nconninfo = \"dbname=m\"\n";

INSTANTIATE_TEST_SUITE_P(
    Config, WrongPostgresTest,
    testing::Values(
        Wrong{"StoreWithATypingError", "[data]\nstore = \"postgre\"\n", "18: [data] 'store'",
              "did you mean 'postgres'?"},
        Wrong{"KeysWithoutTheStore", absl::StrCat("[postgres]\n", kControl), "18: [postgres] 'control'",
              "works only with [data] 'store' = \"postgres\""},
        Wrong{"PlaceWithoutTheStore", absl::StrCat("[[postgres.place]]\n", kPlace), "17: [postgres] 'place'",
              "works only with [data] 'store' = \"postgres\""},
        Wrong{"NoControl", Postgres("", kPlace), "19: [postgres] 'control'", "MIRROR_POSTGRES_CONTROL"},
        Wrong{"NoPlace", absl::StrCat("[data]\nstore = \"postgres\"\n[postgres]\n", kControl),
              "18: [data] 'store'", "no [[postgres.place]]"},
        Wrong{"KeyWithATypingError", Postgres("controll = \"\"\n", kPlace), "20: [postgres] 'controll'",
              "did you mean 'control'?"},
        Wrong{"KeyOfManyServers", Postgres(absl::StrCat(kControl, "address = \"a:1\"\n"), kPlace),
              "21: [postgres] 'address'", "is not a key"},
        Wrong{"SingleBracketPlace",
              absl::StrCat("[data]\nstore = \"postgres\"\n[postgres]\n", kControl, "[postgres.place]\n",
                           kPlace),
              "21: 'place'", "[[postgres.place]], with two brackets"},
        Wrong{"PasswordInControl", Postgres("control = \"dbname=m password=hunter2\"\n", kPlace),
              "20: [postgres] 'control'", "holds a password"},
        Wrong{"PasswordInAUrl",
              Postgres(kControl, "name = \"p1\"\nconninfo = \"postgresql://mirror:hunter2@db1/m\"\n"),
              "23: [[postgres.place]] 'conninfo'", "holds a password"},
        Wrong{"TwoPassfiles",
              Postgres(absl::StrCat(kControl, "passfile = \"pgpass\"\n"),
                       "name = \"p1\"\nconninfo = \"dbname=m passfile=/etc/other\"\n"),
              "24: [[postgres.place]] 'conninfo'", "names a passfile, but the server reads only the one"},
        Wrong{"TwoPassfilesOfControl",
              Postgres("control = \"dbname=m passfile=/etc/other\"\npassfile = \"pgpass\"\n", kPlace),
              "20: [postgres] 'control'", "names a passfile"},
        Wrong{"AService", Postgres(kControl, "name = \"p1\"\nconninfo = \"service=crm\"\n"),
              "23: [[postgres.place]] 'conninfo'", "names a service"},
        Wrong{"ConninfoThatCannotBeRead", Postgres("control = \"hunter2\"\n", kPlace),
              "20: [postgres] 'control'", "cannot be read"},
        Wrong{"EmptyConninfo", Postgres("control = \"\"\n", kPlace), "20: [postgres] 'control'",
              "must not be empty"},
        Wrong{"DurabilityThatIsNone", Postgres("durability = \"none\"\n", kPlace),
              "20: [postgres] 'durability'", "replicated"},
        Wrong{"MergeOfNothing", Postgres("merge_rows_max = 0\n", kPlace), "20: [postgres] 'merge_rows_max'",
              "not 0"},
        Wrong{"SeveralHostsAndLocal",
              Postgres(absl::StrCat(kControl, "durability = \"local\"\n"),
                       "name = \"p1\"\nconninfo = \"host=a,b target_session_attrs=read-write\"\n"),
              "24: [[postgres.place]] 'conninfo'", "\"local\""},
        Wrong{"SeveralHostsOfControlAndLocal",
              Postgres("control = \"postgresql://a,b/m\"\ndurability = \"local\"\n", kPlace),
              "20: [postgres] 'control'", "\"local\""},
        Wrong{"SeveralHostsAndAnyOfThem", Postgres(kControl, "name = \"p1\"\nconninfo = \"host=a,b\"\n"),
              "23: [[postgres.place]] 'conninfo'", "target_session_attrs=read-write"},
        Wrong{"PlaceWithoutName", Postgres(kControl, "conninfo = \"dbname=m\"\n"), "21: [[postgres.place]]",
              "has no 'name'"},
        Wrong{"PlaceWithoutConninfo", Postgres(kControl, "name = \"p1\"\n"), "21: [[postgres.place]]",
              "has no 'conninfo'"},
        Wrong{"PlaceNamedAsAPath", Postgres(kControl, "name = \"a/b\"\n"), "22: [[postgres.place]] 'name'",
              "letters, digits"},
        Wrong{"PlaceTwice", Postgres(kControl, absl::StrCat(kPlace, "[[postgres.place]]\n", kPlace)),
              "25: [[postgres.place]] 'name'", "is there twice"},
        Wrong{"NoConnection", Postgres(kControl, absl::StrCat(kPlace, "connections = 0\n")),
              "24: [[postgres.place]] 'connections'", "1 to 1000"},
        Wrong{
            "HookBySql",
            absl::StrCat(kPostgres, "[[hook]]\nname = \"runs\"\non = [\"completed\"]\nsql = \"SELECT 1\"\n"),
            "27: [[hook]] 'sql'", "'command'"}),
    [](const auto& test) { return test.param.name; });

TEST_F(PostgresKeysTest, HooksByCommandAndUrlAreTaken) {
  EXPECT_THAT(
      Load(absl::StrCat(kPostgres,
                        "[[hook]]\nname = \"a\"\non = [\"completed\"]\ncommand = [\"/bin/true\"]\n"
                        "[[hook]]\nname = \"b\"\non = [\"event\"]\nurl = \"https://example.org/b\"\n")),
      IsOk());
}

}  // namespace
}  // namespace mirror::postgres_keys_test
