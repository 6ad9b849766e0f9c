#include "server/config/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "base/name_pattern.h"
#include "tests/support/processes.h"
#include "tests/support/status_matchers.h"
#include "tests/support/variable.h"

namespace mirror::config_test {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

/// The smallest file that is right: what has no default.
constexpr char kSmall[] = R"([listen]
certificate = "tls/server.crt"
key = "tls/server.key"
[admin]
certificate = "admin/server.crt"
key = "admin/server.key"
client_ca = "/etc/mirror/ca.crt"
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

class ConfigFile {
 public:
  explicit ConfigFile(const std::string& text) { WriteFileText(path(), text); }
  std::string path() const { return folder_.path() + "/mirror-server.toml"; }
  std::string folder() const { return folder_.path(); }
  absl::StatusOr<ServerConfig> Load() const { return LoadServerConfig(path()); }

 private:
  TempFolder folder_;
};

TEST(ConfigTest, SmallestFileGetsEveryDefaultOfTheSample) {
  const ConfigFile file(kSmall);

  const absl::StatusOr<ServerConfig> config = file.Load();

  ASSERT_THAT(config, IsOk());
  EXPECT_EQ(config->listen.address, "127.0.0.1");
  EXPECT_EQ(config->listen.port, 7443);
  EXPECT_EQ(config->listen.certificate, file.folder() + "/tls/server.crt");
  EXPECT_EQ(config->admin.port, 7444);
  EXPECT_EQ(config->admin.client_ca, "/etc/mirror/ca.crt");
  EXPECT_EQ(config->data.dir, file.folder() + "/data");
  EXPECT_EQ(config->data.drop_grace, std::chrono::hours(168));
  EXPECT_EQ(config->data.wal_bytes_max, 1ULL << 30);
  EXPECT_THAT(config->tokens.algorithms, ElementsAre("ES256", "RS256"));
  EXPECT_EQ(config->tokens.lifetime_max, std::chrono::minutes(30));
  EXPECT_EQ(config->limits, LimitsConfig{});
  EXPECT_EQ(config->limits.message_bytes_max, 16U << 20);
  EXPECT_EQ(config->limits.value_bytes_max, 1'000'000'000U);
  EXPECT_EQ(config->log_level, LogLevel::kInfo);
  ASSERT_EQ(config->issuers.size(), 1U);
  EXPECT_EQ(config->issuers[0].keys, file.folder() + "/issuers/production");
  EXPECT_THAT(config->issuers[0].contexts, ElementsAre("Cust*"));
}

TEST(ConfigTest, EveryKeyOfAFileIsRead) {
  const ConfigFile file(absl::StrCat(
      absl::StrReplaceAll(kSmall, {{"[admin]\n",
                                    "address = \"::1\"\nport = 0\nplaintext = true\nreflection = false\n"
                                    "connections_max = 7\nconnections_per_address_max = 3\n"
                                    "proxies = [\"10.0.0.0/8\", \"2001:db8::7\"]\n"
                                    "[admin]\naddress = \"0.0.0.0\"\nport = 1\n"}}),
      "[data]\ndir = \"/srv/mirror\"\nautomatic_provisioning = false\ndrop_grace = \"36h\"\nwal_max = "
      "\"2GB\"\n"
      "open_tenants_max = 5\n[tokens]\nalgorithms = [\"RS256\"]\ncontext_claim = \"ctx\"\nlifetime_max = "
      "\"90s\"\n"
      "leeway = \"0s\"\n[limits]\nmessage_bytes_max = 1048576\ncolumns_max = 3\ntables_max = "
      "4\nbatch_rows_max = 5\n"
      "batch_cells_max = 6000\nbytes_in_flight_tenant_max = \"8MiB\"\nbytes_in_flight_max = \"9MiB\"\n"
      "streams_per_tenant_max = 2\ncalls_max = 8\nnonces_max = 9\nvalue_bytes_max = \"10MB\"\ncycle_idle = "
      "\"1m\"\n"
      "[log]\nlevel = \"debug\"\n"));

  const absl::StatusOr<ServerConfig> config = file.Load();

  ASSERT_THAT(config, IsOk());
  EXPECT_EQ(config->listen.address, "::1");
  EXPECT_EQ(config->listen.port, 0);
  EXPECT_TRUE(config->listen.plaintext);
  EXPECT_EQ(config->listen.connections_max, 7U);
  EXPECT_EQ(config->listen.connections_per_address_max, 3U);
  EXPECT_THAT(config->listen.proxies, ElementsAre("10.0.0.0/8", "2001:db8::7"));
  EXPECT_EQ(config->http.proxies, config->listen.proxies);
  EXPECT_EQ(config->admin.address, "0.0.0.0");
  EXPECT_EQ(config->data.dir, "/srv/mirror");
  EXPECT_FALSE(config->data.automatic_provisioning);
  EXPECT_EQ(config->data.drop_grace, std::chrono::hours(36));
  EXPECT_EQ(config->data.wal_bytes_max, 2'000'000'000U);
  EXPECT_EQ(config->data.open_tenants_max, 5U);
  EXPECT_THAT(config->tokens.algorithms, ElementsAre("RS256"));
  EXPECT_EQ(config->tokens.context_claim, "ctx");
  EXPECT_EQ(config->tokens.lifetime_max, std::chrono::seconds(90));
  EXPECT_EQ(config->tokens.leeway, std::chrono::seconds(0));
  EXPECT_EQ(config->limits.message_bytes_max, 1U << 20);
  EXPECT_EQ(config->limits.columns_max, 3U);
  EXPECT_EQ(config->limits.tables_max, 4U);
  EXPECT_EQ(config->limits.batch_rows_max, 5U);
  EXPECT_EQ(config->limits.batch_cells_max, 6'000U);
  EXPECT_EQ(config->limits.bytes_in_flight_tenant_max, 8U << 20);
  EXPECT_EQ(config->limits.bytes_in_flight_max, 9U << 20);
  EXPECT_EQ(config->limits.streams_per_tenant_max, 2U);
  EXPECT_EQ(config->limits.calls_max, 8U);
  EXPECT_EQ(config->limits.nonces_max, 9U);
  EXPECT_EQ(config->limits.value_bytes_max, 10'000'000U);
  EXPECT_EQ(config->limits.cycle_idle, std::chrono::minutes(1));
  EXPECT_EQ(config->log_level, LogLevel::kDebug);
}

TEST(ConfigTest, FreshnessIsReadForTenantsAndTables) {
  const ConfigFile file(absl::StrCat(kSmall,
                                     "[[tenant]]\ncontext_id = \"*\"\nfreshness = \"60s\"\n"
                                     "[[tenant.table]]\nname = \"log_*\"\nfreshness = \"0s\"\n"
                                     "[[tenant]]\ncontext_id = \"Quiet\"\nbreaker = false\n"));
  const absl::StatusOr<ServerConfig> config = file.Load();
  ASSERT_THAT(config, IsOk());
  EXPECT_THAT(config->freshness,
              ElementsAre(FreshnessRule{"*", "*", false, 60'000}, FreshnessRule{"*", "log_*", true, 0}));
}

TEST(ConfigTest, IndexesAreFollowedWhereATenantSaysSo) {
  const ConfigFile file(absl::StrCat(kSmall,
                                     "[[tenant]]\ncontext_id = \"Cust*\"\nindexes = \"follow\"\n"
                                     "[[tenant]]\ncontext_id = \"*\"\nfreshness = \"60s\"\n"
                                     "[[tenant]]\ncontext_id = \"Cust2\"\nindexes = \"none\"\n"));
  const absl::StatusOr<ServerConfig> config = file.Load();
  ASSERT_THAT(config, IsOk());
  EXPECT_THAT(config->indexes.follow, ElementsAre(TenantSwitch{"Cust*", true}, TenantSwitch{"Cust2", false}));
  EXPECT_THAT(config->breaker.rules, testing::IsEmpty()) << "they say nothing of it";
}

TEST(ConfigTest, IndexesOfTheServersOwnAreReadOfEachTenant) {
  const ConfigFile file(absl::StrCat(kSmall,
                                     "[[tenant]]\ncontext_id = \"Cust*\"\n"
                                     "[[tenant.index]]\ntable = \"people\"\ncolumns = [\"name\", \"age\"]\n"
                                     "[[tenant.index]]\ntable = \"log_*\"\ncolumns = [\"at\", \"Who\"]\n"
                                     "name = \"newest\"\ndescending = [\"AT\"]\nnocase = [\"who\"]\n"
                                     "[[tenant]]\ncontext_id = \"Other\"\n"
                                     "[[tenant.index]]\ntable = \"t\"\ncolumns = [\"c\"]\n"));
  const absl::StatusOr<ServerConfig> config = file.Load();
  ASSERT_THAT(config, IsOk());
  EXPECT_THAT(
      config->indexes.configured,
      ElementsAre(
          ConfiguredIndex{"Cust*", "people", {"name_age", false, {{"name"}, {"age"}}}},
          ConfiguredIndex{
              "Cust*", "log_*", {"newest", false, {{"at", true}, {"Who", false, Collation::kNocase}}}},
          ConfiguredIndex{"Other", "t", {"c", false, {{"c"}}}}));
  EXPECT_THAT(ConfiguredFor(config->indexes, "Cust1"), testing::SizeIs(2));
}

TEST(ConfigTest, MetricsAreOnLoopbackUnlessSomebodySaysOtherwise) {
  const ConfigFile plain(kSmall);
  EXPECT_EQ(plain.Load()->metrics, (MetricsConfig{true, "127.0.0.1", 7445, false}));
  const ConfigFile open(absl::StrCat(kSmall, "[metrics]\naddress = \"0.0.0.0\"\n"));
  EXPECT_THAT(open.Load(), StatusIs(absl::StatusCode::kInvalidArgument,
                                    AllOf(HasSubstr("[metrics] 'address'"), HasSubstr("allow_remote"))));
  const ConfigFile meant(absl::StrCat(kSmall, "[metrics]\naddress = \"0.0.0.0\"\nallow_remote = true\n"));
  EXPECT_THAT(meant.Load(), IsOk());
  const ConfigFile off(absl::StrCat(kSmall, "[metrics]\naddress = \"0.0.0.0\"\nenabled = false\n"));
  EXPECT_THAT(off.Load(), IsOk());
  const ConfigFile taken(absl::StrCat(kSmall, "[metrics]\nport = 7443\n"));
  EXPECT_THAT(taken.Load(), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("[metrics] 'port'")));
}

TEST(ConfigTest, TheBreakersLimitsAreReadForAllForTenantsAndForTables) {
  const ConfigFile file(absl::StrCat(kSmall,
                                     "[breaker]\nrows_percent = 40\nwindow = \"12h\"\nmiss_window = \"0s\"\n"
                                     "[[tenant]]\ncontext_id = \"Cust1*\"\nrows_min = "
                                     "5\n[[tenant.table]]\nname = \"log_*\"\nbreaker = false\n"
                                     "[[tenant]]\ncontext_id = \"Quiet\"\nbreaker = false\n"));
  const absl::StatusOr<ServerConfig> config = file.Load();
  ASSERT_THAT(config, IsOk());
  EXPECT_EQ(config->miss_window_ms, 0);
  const BreakerLimits other = LimitsOf(config->breaker, "Other", "t");
  EXPECT_EQ(other.rows_percent, 40);
  EXPECT_EQ(other.rows_min, 1'000);
  EXPECT_EQ(other.window_ms, 12 * 3'600'000);
  EXPECT_EQ(LimitsOf(config->breaker, "Cust17", "t").rows_min, 5);
  EXPECT_FALSE(LimitsOf(config->breaker, "Cust17", "log_x").on);
  EXPECT_TRUE(LimitsOf(config->breaker, "Other", "log_x").on);
  EXPECT_FALSE(LimitsOf(config->breaker, "Quiet", "t").on);
}

TEST(ConfigTest, JournalAndHistoryAreOfTables) {
  const ConfigFile file(absl::StrCat(kSmall,
                                     "[journal]\nkeep = \"2d\"\nmax = \"8MiB\"\n"
                                     "[[tenant]]\ncontext_id = \"Cust1*\"\n"
                                     "[[tenant.table]]\nname = \"*\"\njournal = \"keys\"\n"
                                     "[[tenant.table]]\nname = \"orders\"\nhistory = true\nhistory_keep = "
                                     "\"400d\"\nhistory_max = \"1GiB\"\n"
                                     "[[tenant.table]]\nname = \"log\"\njournal = \"off\"\n"));
  const absl::StatusOr<ServerConfig> config = file.Load();
  ASSERT_THAT(config, IsOk());
  EXPECT_EQ(JournalRulesOf(config->journal, "Other"), nullptr);
  const auto rules = JournalRulesOf(config->journal, "Cust17");
  ASSERT_NE(rules, nullptr);
  EXPECT_EQ(rules->keep_ms(), 2 * 86'400'000);
  EXPECT_EQ(rules->bytes_max(), 8ULL << 20);
  EXPECT_EQ(rules->Of("people"), (TableJournal{.journal = true}));
  EXPECT_EQ(rules->Of("log"), TableJournal{});
  EXPECT_EQ(rules->Of("ORDERS"), (TableJournal{.journal = true,
                                               .history = true,
                                               .history_keep_ms = 400LL * 86'400'000,
                                               .history_bytes_max = 1ULL << 30}));
}

/// A change of the small file that makes it wrong.
struct Wrong {
  std::string name;
  std::string from, to;  ///< Replaced; an empty `from` adds at the end.
  std::string where;     ///< "7: [admin] 'port'", what follows the file's name.
  std::string why;
};

class WrongConfigTest : public testing::TestWithParam<Wrong> {};

TEST_P(WrongConfigTest, IsNamedWithFileLineAndKey) {
  const Wrong& test = GetParam();
  const ConfigFile file(test.from.empty() ? absl::StrCat(kSmall, test.to)
                                          : absl::StrReplaceAll(kSmall, {{test.from, test.to}}));

  EXPECT_THAT(file.Load(),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       AllOf(HasSubstr(absl::StrCat(file.path(), ":", test.where)), HasSubstr(test.why))));
}

INSTANTIATE_TEST_SUITE_P(
    Config, WrongConfigTest,
    testing::Values(
        Wrong{"KeyWithATypingError", "key_id =", "keyid =", "11: [application] 'keyid'",
              "did you mean 'key_id'?"},
        Wrong{"KeyThatIsNothing", "", "[log]\nzzzzzzzzz = 1\n", "18: [log] 'zzzzzzzzz'", "there are: level"},
        Wrong{"TableWithATypingError", "", "[limit]\n", "17: 'limit'", "did you mean 'limits'?"},
        Wrong{"TableThatIsAValue", "[listen]\n", "log = 1\n[listen]\n", "1: 'log'", "written as [log]"},
        Wrong{"SingleBracketIssuer", "[[issuer]]", "[issuer]", "12: 'issuer'", "two brackets"},
        Wrong{"HistoryWithoutJournal", "",
              "[[tenant]]\ncontext_id = \"a\"\n[[tenant.table]]\nname = \"t\"\njournal = \"off\"\nhistory = "
              "true\n",
              "21: [[tenant.table]] 'journal'", "history needs it"},
        Wrong{"TenantWithoutPattern", "", "[[tenant]]\nrows_min = 1\n", "17: [[tenant]]", "'context_id'"},
        Wrong{"SingleBracketTenant", "", "[tenant]\nrows_min = 1\n", "17: 'tenant'", "two brackets"},
        Wrong{"PercentTooLarge", "", "[breaker]\nrows_percent = 101\n", "18: [breaker] 'rows_percent'",
              "0 to 100"},
        Wrong{"RuleThatATableHasNot", "",
              "[[tenant]]\ncontext_id = \"a\"\n[[tenant.table]]\nname = \"t\"\ntables_min = 3\n",
              "21: [[tenant.table]] 'tables_min'", "not a key"},
        Wrong{"IndexesThatAreNoChoice", "", "[[tenant]]\ncontext_id = \"a\"\nindexes = \"unique\"\n",
              "19: [[tenant]] 'indexes'", "follow"},
        Wrong{"IndexWithATypingError", "",
              "[[tenant]]\ncontext_id = \"a\"\n[[tenant.index]]\ntable = \"t\"\ncolums = [\"c\"]\n",
              "21: [[tenant.index]] 'colums'", "did you mean 'columns'?"},
        Wrong{"IndexWithoutColumns", "", "[[tenant]]\ncontext_id = \"a\"\n[[tenant.index]]\ntable = \"t\"\n",
              "19: [[tenant.index]]", "'columns'"},
        Wrong{"IndexUnderATable", "",
              "[[tenant]]\ncontext_id = \"a\"\n[[tenant.table]]\nname = \"t\"\nindex = 1\n",
              "21: [[tenant.table]] 'index'", "not a key"},
        Wrong{"IndexThatIsStatement", "",
              "[[tenant]]\ncontext_id = \"a\"\n[[tenant.index]]\ntable = \"t\"\ncolumns = [\"c\"]\nname "
              "= \"x on t (c)\"\n",
              "22: [[tenant.index]] 'name'", "letters, digits and '_'"},
        Wrong{"IndexWithAColumnTwice", "",
              "[[tenant]]\ncontext_id = \"a\"\n[[tenant.index]]\ntable = \"t\"\ncolumns = [\"c\", \"C\"]\n",
              "21: [[tenant.index]] 'columns'", "names 'C' twice"},
        Wrong{"IndexThatSortsAnotherColumn", "",
              "[[tenant]]\ncontext_id = \"a\"\n[[tenant.index]]\ntable = \"t\"\ncolumns = [\"born\"]\n"
              "descending = [\"bron\"]\n",
              "22: [[tenant.index]] 'descending'", "did you mean 'born'?"},
        Wrong{"NotToml", "[admin]", "[admin", "4: not TOML", ""},
        Wrong{"KeyTwice", "[admin]", "key = \"x\"\n[admin]", "4: not TOML", "key"},
        Wrong{"PortTooLarge", "[admin]\n", "[admin]\nport = 65536\n", "5: [admin] 'port'",
              "0 to 65535, not 65536"},
        Wrong{"PortNegative", "[admin]\n", "[admin]\nport = -1\n", "5: [admin] 'port'", "not -1"},
        Wrong{"PortAsText", "[admin]\n", "[admin]\nport = \"1\"\n", "5: [admin] 'port'", "not a text"},
        Wrong{"SamePorts", "[admin]\n", "[admin]\nport = 7443\n", "5: [admin] 'port'", "a port of its own"},
        Wrong{"AddressIsAName", "[admin]\n", "[admin]\naddress = \"example.com\"\n", "5: [admin] 'address'",
              "IP address"},
        Wrong{"ReflectionThatHasGone", "[admin]\n", "reflection = true\n[admin]\n",
              "4: [listen] 'reflection'",
              "can only be false: servers never describe their calls. Remove the line, and give tools the "
              ".proto files: 'grpcurl -import-path proto -proto mirror/v1/mirror_client.proto"},
        Wrong{"ReflectionAsText", "[admin]\n", "reflection = \"no\"\n[admin]\n", "4: [listen] 'reflection'",
              "true or false, not a text"},
        Wrong{"FlagAsNumber", "", "[data]\nautomatic_provisioning = 1\n",
              "18: [data] 'automatic_provisioning'", "true or false, not a whole number"},
        Wrong{"EmptyText", "\"app-1\"", "\"\"", "11: [application] 'key_id'", "must not be empty"},
        Wrong{"SizeWithoutMeaning", "", "[limits]\nmessage_bytes_max = \"16 apples\"\n",
              "18: [limits] 'message_bytes_max'", "64KiB to 256MiB"},
        Wrong{"SizeTooSmall", "", "[limits]\nmessage_bytes_max = 1\n", "18: [limits] 'message_bytes_max'",
              "not '1'"},
        Wrong{"SizeTooLarge", "", "[limits]\nvalue_bytes_max = \"2GB\"\n", "18: [limits] 'value_bytes_max'",
              "1GB"},
        Wrong{"SizeOverflows", "", "[limits]\nvalue_bytes_max = \"18446744073709551615GiB\"\n",
              "18: [limits] 'value_bytes_max'", "must be a size"},
        Wrong{"TimeWithoutUnit", "", "[limits]\ncycle_idle = \"10\"\n", "18: [limits] 'cycle_idle'",
              "s, m, h or d"},
        Wrong{"TimeAsNumber", "", "[limits]\ncycle_idle = 10\n", "18: [limits] 'cycle_idle'",
              "not a whole number"},
        Wrong{"TimeTooLong", "", "[tokens]\nlifetime_max = \"31m\"\n", "18: [tokens] 'lifetime_max'",
              "10s to 30m"},
        Wrong{"NoAlgorithm", "", "[tokens]\nalgorithms = []\n", "18: [tokens] 'algorithms'", "at least one"},
        Wrong{"AlgorithmNone", "", "[tokens]\nalgorithms = [\"none\"]\n", "18: [tokens] 'algorithms'",
              "'none'"},
        Wrong{"AlgorithmHs256", "", "[tokens]\nalgorithms = [\"HS256\"]\n", "18: [tokens] 'algorithms'",
              "did you mean 'ES256'?"},
        Wrong{"AlgorithmsNotAList", "", "[tokens]\nalgorithms = \"ES256\"\n", "18: [tokens] 'algorithms'",
              "a list"},
        Wrong{"ClaimThatMeansSomethingElse", "", "[tokens]\ncontext_claim = \"aud\"\n",
              "18: [tokens] 'context_claim'", "means something else"},
        Wrong{"PatternWithABlank", "\"Cust*\"", "\"Cust *\"", "16: [[issuer]] 'contexts'", "'Cust *'"},
        Wrong{"NoContexts", "[\"Cust*\"]", "[]", "16: [[issuer]] 'contexts'", "at least one"},
        Wrong{"IssuerWithoutKeys", "keys = \"issuers/production\"\n", "", "12: [[issuer]]", "has no 'keys'"},
        Wrong{
            "IssuerTwice", "",
            "[[issuer]]\nname = \"Source\"\nenvironment = \"production\"\nkeys = \"k\"\ncontexts = [\"x\"]\n",
            "17: [[issuer]] 'name'", "is there twice"},
        Wrong{"LogLevel", "", "[log]\nlevel = \"warning\"\n", "18: [log] 'level'", "did you mean 'warn'?"},
        Wrong{"TenantUnderMessage", "", "[limits]\nbytes_in_flight_tenant_max = \"1MiB\"\n",
              "18: [limits] 'bytes_in_flight_tenant_max'", "below 'message_bytes_max' (16MiB)"},
        Wrong{"AllUnderTenant", "", "[limits]\nbytes_in_flight_max = \"32MiB\"\n",
              "18: [limits] 'bytes_in_flight_max'", "below 'bytes_in_flight_tenant_max' (64MiB)"},
        Wrong{"PlaintextInTheOpen", "[admin]\n", "plaintext = true\naddress = \"0.0.0.0\"\n[admin]\n",
              "4: [listen] 'plaintext'", "loopback"},
        Wrong{"PlaintextWithClientCa", "[admin]\n", "plaintext = true\nclient_ca = \"ca.crt\"\n[admin]\n",
              "5: [listen] 'client_ca'", "without TLS"}),
    [](const auto& test) { return test.param.name; });

/// A key without a default, by the line that gives it.
struct Missing {
  std::string name, line, key, variable;
};

class MissingKeyTest : public testing::TestWithParam<Missing> {};

TEST_P(MissingKeyTest, IsNamedWithTheVariableThatMayGiveIt) {
  const Missing& test = GetParam();
  const ConfigFile file(absl::StrReplaceAll(kSmall, {{test.line, ""}}));

  EXPECT_THAT(file.Load(),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       AllOf(HasSubstr(absl::StrCat(test.key, " is missing")), HasSubstr(test.variable))));

  const Variable variable(test.variable.c_str(), "given");
  EXPECT_THAT(file.Load(), IsOk());
}

INSTANTIATE_TEST_SUITE_P(Config, MissingKeyTest,
                         testing::Values(Missing{"Certificate", "certificate = \"tls/server.crt\"\n",
                                                 "[listen] 'certificate'", "MIRROR_LISTEN_CERTIFICATE"},
                                         Missing{"AdminCa", "client_ca = \"/etc/mirror/ca.crt\"\n",
                                                 "[admin] 'client_ca'", "MIRROR_ADMIN_CLIENT_CA"},
                                         Missing{"ApplicationId", "id = \"app\"\n", "[application] 'id'",
                                                 "MIRROR_APPLICATION_ID"},
                                         Missing{"ApplicationKeyId", "key_id = \"app-1\"\n",
                                                 "[application] 'key_id'", "MIRROR_APPLICATION_KEY_ID"}),
                         [](const auto& test) { return test.param.name; });

TEST(ConfigTest, FileWithoutIssuerIsRefused) {
  const std::string text = kSmall;
  const ConfigFile file(text.substr(0, text.find("[[issuer]]")));

  EXPECT_THAT(file.Load(), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("no [[issuer]]")));
}

TEST(ConfigTest, EnvironmentTakesThePlaceOfTheFile) {
  const ConfigFile file(absl::StrCat(kSmall, "[limits]\ncalls_max = 5\n"));
  const Variable port("MIRROR_LISTEN_PORT", "1234"), calls("MIRROR_LIMITS_CALLS_MAX", "6"),
      dir("MIRROR_DATA_DIR", "elsewhere"), algorithms("MIRROR_TOKENS_ALGORITHMS", "RS256, ES256"),
      plaintext("MIRROR_LISTEN_PLAINTEXT", "true"), idle("MIRROR_LIMITS_CYCLE_IDLE", "2m"),
      level("MIRROR_LOG_LEVEL", "error"), empty("MIRROR_ADMIN_PORT", "");

  const absl::StatusOr<ServerConfig> config = file.Load();

  ASSERT_THAT(config, IsOk());
  EXPECT_EQ(config->listen.port, 1234);
  EXPECT_EQ(config->limits.calls_max, 6U);
  EXPECT_EQ(config->data.dir, file.folder() + "/elsewhere");
  EXPECT_THAT(config->tokens.algorithms, ElementsAre("RS256", "ES256"));
  EXPECT_TRUE(config->listen.plaintext);
  EXPECT_EQ(config->limits.cycle_idle, std::chrono::minutes(2));
  EXPECT_EQ(config->log_level, LogLevel::kError);
  EXPECT_EQ(config->admin.port, 7444) << "an empty variable says nothing";
}

TEST(ConfigTest, WrongVariableIsNamed) {
  const ConfigFile file(kSmall);
  for (const auto& [name, value] :
       std::vector<std::pair<const char*, const char*>>{{"MIRROR_LISTEN_PORT", "http"},
                                                        {"MIRROR_LISTEN_PORT", "99999"},
                                                        {"MIRROR_LISTEN_PLAINTEXT", "yes"},
                                                        {"MIRROR_DATA_WAL_MAX", "much"},
                                                        {"MIRROR_LIMITS_CYCLE_IDLE", "soon"},
                                                        {"MIRROR_TOKENS_ALGORITHMS", "ES256,none"},
                                                        {"MIRROR_LOG_LEVEL", "loud"}}) {
    const Variable variable(name, value);
    EXPECT_THAT(file.Load(), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(absl::StrCat(name, " "))))
        << value;
  }
}

TEST(ConfigTest, UnknownVariableOfASectionIsNamedAndOthersAreLeftAlone) {
  const ConfigFile file(kSmall);
  {
    const Variable mistyped("MIRROR_LISTEN_PRT", "1");
    EXPECT_THAT(file.Load(), StatusIs(absl::StatusCode::kInvalidArgument,
                                      AllOf(HasSubstr("MIRROR_LISTEN_PRT is not a variable of [listen]"),
                                            HasSubstr("did you mean 'MIRROR_LISTEN_PORT'"))));
  }
  const Variable empty("MIRROR_LISTEN_PRT", ""), test("MIRROR_TEST_SEED", "1"),
      crash("MIRROR_CRASH_AT", "x:1"), agent("MIRROR_AGENT_WINDOW", "2"), other("MIRROR", "x");
  // What Kubernetes sets for a service that is called mirror-server.
  const Variable host("MIRROR_SERVER_SERVICE_HOST", "10.0.0.9"),
      named("MIRROR_SERVER_SERVICE_PORT_GRPC", "1"), port("MIRROR_SERVER_PORT", "tcp://10.0.0.9:1"),
      address("MIRROR_SERVER_PORT_1_TCP_ADDR", "10.0.0.9");
  EXPECT_THAT(file.Load(), IsOk());
}

TEST(ConfigTest, KeyThatStandsEmptyIsNamedWithItsLine) {
  const ConfigFile file(
      absl::StrReplaceAll(kSmall, {{"client_ca = \"/etc/mirror/ca.crt\"", "client_ca = \"\""}}));
  EXPECT_THAT(file.Load(),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       testing::ContainsRegex(":[0-9]+: \\[admin\\] 'client_ca' must not be empty")));
}

TEST(ConfigTest, HooksAreReadWithTheirDefaults) {
  const ConfigFile file(absl::StrCat(kSmall, R"(
[[hook]]
on = ["completed", "authenticated"]
command = ["/bin/program", "a b"]
[[hook]]
name = "web"
on = ["event"]
context_id = "Cust*"
url = "https://example.org/hook"
timeout = "1m"
[[hook]]
on = ["table", "wiped"]
sql = "INSERT INTO a VALUES (:cycle); SELECT 1"
[hooks]
authenticated_timeout = "3s"
)"));
  const auto config = file.Load();
  ASSERT_THAT(config, IsOk());
  ASSERT_EQ(config->hooks.hooks.size(), 3U);
  EXPECT_EQ(config->hooks.authenticated_timeout, std::chrono::seconds(3));
  const HookConfig& first = config->hooks.hooks[0];
  EXPECT_EQ(first.name, "hook-1");
  EXPECT_EQ(first.context_id, "*");
  EXPECT_EQ(first.timeout, std::chrono::seconds(10));
  EXPECT_THAT(first.command, ElementsAre("/bin/program", "a b"));
  EXPECT_EQ(config->hooks.hooks[1].timeout, std::chrono::minutes(1));
  EXPECT_THAT(config->hooks.hooks[2].on, ElementsAre("table", "wiped"));
}

TEST(ConfigTest, AWrongHookIsNamedWithItsLineAndWithoutItsAddress) {
  const std::vector<std::pair<std::string, std::string>> wrong = {
      {"command = [\"/bin/program\"]", "has no 'on'"},
      {"on = [\"completed\"]", "exactly one of 'command', 'sql' and 'url'"},
      {"on = [\"completed\"]\ncommand = [\"/a\"]\nsql = \"SELECT 1\"", "exactly one of"},
      {"on = [\"complete\"]\ncommand = [\"/a\"]", "did you mean 'completed'"},
      {"on = [\"completed\"]\ncommand = [\"program\"]", "absolute path"},
      {"on = [\"completed\"]\nurl = \"ftp://example.org/secret\"", "'url' must be a URL"},
      {"on = [\"completed\"]\nsql = \"SELECT 'a\"", "'sql' must be whole SQL statements"},
      {"on = [\"completed\"]\nsql = \" \"", "'sql' must be whole SQL statements"},
      {"on = [\"completed\"]\ncommand = [\"/a\"]\ntimeout = \"0s\"", "'timeout' must be a time from 1s"},
      {"on = [\"completed\"]\ncommand = [\"/a\"]\non_error = \"refuse\"", "on_error"},
      {"on = [\"authenticated\"]\ncommand = [\"/a\"]\non_error = \"perhaps\"", "on_error"},
      {"on = [\"completed\"]\ncommand = [\"/a\"]\nname = \"x\"\n[[hook]]\nname = \"x\"\non = "
       "[\"event\"]\ncommand = [\"/a\"]",
       "is there twice"}};
  for (const auto& [text, words] : wrong) {
    const ConfigFile file(absl::StrCat(kSmall, "[[hook]]\n", text, "\n"));
    const absl::Status status = file.Load().status();
    EXPECT_THAT(status, StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(words))) << text;
    EXPECT_THAT(std::string(status.message()), testing::ContainsRegex("toml:[0-9]+: "));
    EXPECT_THAT(std::string(status.message()), testing::Not(HasSubstr("secret")));
  }
}

TEST(ConfigTest, FileThatIsNotThereIsNotFound) {
  const TempFolder folder;
  EXPECT_THAT(LoadServerConfig(folder.path() + "/none.toml"),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("mirrorctl init")));
  EXPECT_THAT(LoadServerConfig(folder.path()),
              StatusIs(absl::StatusCode::kPermissionDenied, HasSubstr("file")));
}

struct Pattern {
  std::string name, text, pattern;
  bool matches;
};

class ContextPatternTest : public testing::TestWithParam<Pattern> {};

TEST_P(ContextPatternTest, MatchesTheWholeText) {
  EXPECT_EQ(MatchesExactly(GetParam().text, GetParam().pattern), GetParam().matches);
}

INSTANTIATE_TEST_SUITE_P(
    Config, ContextPatternTest,
    testing::Values(
        Pattern{"Same", "Cust1", "Cust1", true}, Pattern{"OtherCase", "cust1", "Cust1", false},
        Pattern{"Longer", "Cust12", "Cust1", false}, Pattern{"Shorter", "Cust", "Cust1", false},
        Pattern{"Any", "Cust1", "*", true}, Pattern{"Prefix", "Cust1", "Cust*", true},
        Pattern{"PrefixAlone", "Cust", "Cust*", true}, Pattern{"OtherPrefix", "MyCust1", "Cust*", false},
        Pattern{"Suffix", "a-test", "*-test", true}, Pattern{"SuffixAgain", "a-test-test", "*-test", true},
        Pattern{"Middle", "aXbXc", "a*X*c", true}, Pattern{"MiddleMissing", "abc", "a*X*c", false},
        Pattern{"ManyStars", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab", "*a*a*a*a*a*c", false}),
    [](const auto& test) { return test.param.name; });

}  // namespace
}  // namespace mirror::config_test
