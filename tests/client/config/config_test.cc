#include "client/config/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <ctime>
#include <filesystem>
#include <fstream>
#include <string>

#include "absl/strings/str_cat.h"
#include "base/name_pattern.h"
#include "tests/client/source/source_database.h"
#include "tests/support/status_matchers.h"

namespace mirror::config_test {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;

constexpr char kIdentity[] = R"([endpoint]
address = "127.0.0.1:5443"
ca = "tls/ca.crt"
[identity]
issuer = "Source"
key = "source/source-1.key"
key_id = "source-1"
application_id = "mirror"
application_certificate = "/etc/mirror/app.crt"
)";  // Ten lines.

class ConfigTest : public testing::Test {
 protected:
  absl::StatusOr<AgentConfig> Load(const std::string& text) {
    std::ofstream(file_) << text;
    return LoadAgentConfig(file_);
  }
  TempFolder folder_;
  std::string file_ = folder_ / "mirror-agent.toml";
};

TEST_F(ConfigTest, ReadsEveryKeyAndSeesPathsFromTheFilesFolder) {
  const auto config = Load(std::string(kIdentity) + R"(context_claim = "ctx"
[agent]
state_dir = "../state"
batch_bytes = "2MB"
window = 8
[[source]]
context_id = "Cust26759"
kind = "sqlite"
path = "crm.db"
strategy = "cdc"
include = ["a*"]
skip = ["tmp_*", "log"]
[[source]]
context_id = "Cust2"
path = "/data/other.db"
)");
  ASSERT_THAT(config, IsOk());
  EXPECT_EQ(config->endpoint.address, "127.0.0.1:5443");
  EXPECT_EQ(config->endpoint.ca, folder_ / "tls/ca.crt");
  EXPECT_EQ(config->identity.key, folder_ / "source/source-1.key");
  EXPECT_EQ(config->identity.application_certificate, "/etc/mirror/app.crt");
  EXPECT_EQ(config->identity.context_claim, "ctx");
  EXPECT_EQ(config->agent.state_dir,
            (std::filesystem::path(folder_.path()).parent_path() / "state").string());
  EXPECT_EQ(config->agent.batch_bytes, 2'000'000U);
  EXPECT_EQ(config->agent.window, 8U);
  ASSERT_EQ(config->sources.size(), 2U);
  EXPECT_EQ(config->sources[0].path, folder_ / "crm.db");
  EXPECT_EQ(config->sources[0].strategy, Strategy::kCdc);
  EXPECT_THAT(config->sources[0].skip, ElementsAre("tmp_*", "log"));
  EXPECT_EQ(config->sources[1].path, "/data/other.db");
  EXPECT_THAT(config->sources[1].include, ElementsAre("*"));
}

TEST_F(ConfigTest, DefaultsAreThoseOfTheSampleAndEmptyPathsMeanNone) {
  const auto config = Load(std::string(R"([endpoint]
address = "mirror.example.com:443"
ca = ""
certificate = ""
key = ""
)") + std::string(kIdentity).substr(std::string(kIdentity).find("[identity]")));
  ASSERT_THAT(config, IsOk());
  EXPECT_EQ(config->endpoint.ca, "");
  EXPECT_EQ(config->agent.state_dir, folder_ / "agent-state");
  EXPECT_EQ(config->agent.batch_bytes, 1'000'000U);
  EXPECT_EQ(config->agent.window, 4U);
  EXPECT_FALSE(config->endpoint.plaintext);
  EXPECT_TRUE(config->sources.empty());
}

TEST_F(ConfigTest, FollowOfTheAgentHoldsForEachSourceWithALogThatDoesNotSayOtherwise) {
  const auto config = Load(std::string(kIdentity) + R"([agent]
follow = true
[[source]]
context_id = "a"
path = "a.db"
follow_delay = "2s"
[[source]]
context_id = "b"
path = "b.db"
follow = false
[[source]]
context_id = "c"
path = "c.db"
strategy = "synthetic"
[[source]]
context_id = "d"
kind = "odbc"
dsn = "DSN=CRM"
[[source]]
context_id = "e"
kind = "mariadb"
dsn = "host=db1 dbname=crm user=reader"
[[source]]
context_id = "f"
path = "f.db"
strategy = "populate"
[[source.table]]
name = "logged"
strategy = "cdc"
)");
  ASSERT_THAT(config, IsOk());
  std::vector<bool> followed;
  for (const SourceConfig& source : config->sources) followed.push_back(source.follow);
  EXPECT_THAT(followed, ElementsAre(true, false, false, false, true, true));
  EXPECT_EQ(config->sources.front().follow_delay_ms, 2'000);
}

TEST_F(ConfigTest, ASourceHasTimesListsAndLimits) {
  const auto config = Load(std::string(kIdentity) + R"([[source]]
context_id = "a"
path = "x"
interval = "90s"
quiet = ["23:00-06:00", "12:00-12:30"]
blocked = { salaries = "personal" }
retention = "1h"
max_log = 5000
copy_at_once = "3MB"
accept = ["insert", "update"]
accept_tables = ["cust*"]
accept_columns = ["customer.city"]
layout = "datajoin"
capture = "outbox"
skip = ["tmp*"]
[[source]]
context_id = "b"
path = "y"
cron = "30 6 * * mon-fri"
)");
  ASSERT_THAT(config, IsOk());
  const SourceConfig& source = config->sources[0];
  EXPECT_EQ(source.interval_ms, 90'000);
  ASSERT_EQ(source.quiet.size(), 2U);
  EXPECT_TRUE(source.quiet[0].Holds(0));
  EXPECT_FALSE(source.quiet[0].Holds(6 * 60));
  EXPECT_TRUE(source.quiet[1].Holds(12 * 60 + 29));
  EXPECT_THAT(source.blocked, ElementsAre(testing::Pair("salaries", "personal")));
  EXPECT_EQ(source.retention_ms, 3'600'000);
  EXPECT_EQ(source.max_log, 5'000);
  EXPECT_EQ(source.copy_at_once_bytes, 3'000'000);
  EXPECT_TRUE(source.accept.inserts && source.accept.updates && !source.accept.deletes);
  EXPECT_THAT(source.accept.tables, ElementsAre("cust*"));
  EXPECT_THAT(source.accept.columns, ElementsAre("customer.city"));
  EXPECT_TRUE(source.exchange.datajoin());
  EXPECT_EQ(source.exchange.capture, ChangeCapture::kOutbox);
  EXPECT_THAT(source.skip,
              ElementsAre("tmp*", "ds_change_outbox", "ds_change_inbox", "ds_program_parameter"));
  EXPECT_FALSE(source.cron);
  const SourceConfig& other = config->sources[1];
  EXPECT_FALSE(other.exchange.datajoin());
  EXPECT_THAT(other.skip, testing::IsEmpty());
  ASSERT_TRUE(other.cron);
  EXPECT_EQ(other.cron->text(), "30 6 * * mon-fri");
  EXPECT_EQ(other.interval_ms, 20 * 60'000);
  EXPECT_EQ(other.retention_ms, 7LL * 86'400'000);
  EXPECT_EQ(other.strategy, Strategy::kCdc);
}

TEST_F(ConfigTest, MissingFileSaysWhereOneComesFrom) {
  EXPECT_THAT(LoadAgentConfig(folder_ / "none.toml"),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("init")));
  EXPECT_THAT(LoadAgentConfig(folder_.path()),
              StatusIs(absl::StatusCode::kPermissionDenied, HasSubstr("is a folder, and not a file")));
}

TEST_F(ConfigTest, ReadsWhatIsDoneWithATable) {
  const auto config = Load(std::string(kIdentity) + R"([agent]
hash_key = "hash.key"
[[source]]
context_id = "Cust26759"
path = "crm.db"
[[source.table]]
name = "customer"
as = "client"
columns = ["id", "email", "phone", "country"]
rename = { country = "land" }
where = "country = 'DK'"
hash = ["email"]
mask = { phone = 4 }
)");
  ASSERT_THAT(config, IsOk());
  EXPECT_EQ(config->sources[0].hash_key, folder_ / "hash.key");
  const TableSteps& steps = config->sources[0].tables.at(0).steps;
  EXPECT_EQ(steps.table, "customer");
  EXPECT_EQ(steps.as, "client");
  EXPECT_EQ(steps.line, 15);
  EXPECT_THAT(steps.columns, ElementsAre("id", "email", "phone", "country"));
  EXPECT_THAT(steps.rename, ElementsAre(testing::Pair("country", "land")));
  EXPECT_EQ(steps.where, "country = 'DK'");
  EXPECT_THAT(steps.hash, ElementsAre("email"));
  EXPECT_THAT(steps.mask, ElementsAre(testing::Pair("phone", 4U)));
}

TEST_F(ConfigTest, WordsOfATableAreRead) {
  const auto config = Load(std::string(kIdentity) + R"([log]
format = "json"
[[source]]
context_id = "a"
path = "x"
strategy = "synthetic"
[[source.table]]
name = "by_hour"
strategy = "watermark_cdc"
watermark = "at"
precision = "hour"
push = "staged"
deletes = "mark"
[[source.table]]
name = "by_step"
strategy = "watermark_cdc"
watermark = "at"
precision = 100
[[source.table]]
name = "by_time"
strategy = "window"
watermark = "at"
time = "unix_ms"
[[source]]
context_id = "b"
kind = "csv"
folder = "drop"
[[source.table]]
name = "people"
files = "all"
key = ["id"]
types = { id = "integer", note = "text" }
encoding = "latin-1"
)");
  ASSERT_THAT(config, IsOk());
  EXPECT_EQ(config->log_format, LogFormat::kJson);
  const std::vector<TableConfig>& tables = config->sources.at(0).tables;
  ASSERT_EQ(tables.size(), 3U);
  EXPECT_EQ(tables[0].strategy, Strategy::kWatermarkCdc);
  EXPECT_EQ(tables[0].precision, Precision{.unit = TimeUnit::kHour});
  EXPECT_TRUE(tables[0].staged);
  EXPECT_EQ(tables[0].deletes, Deletes::kMark);
  EXPECT_EQ(tables[1].precision, Precision{.step = 100});
  EXPECT_FALSE(tables[1].staged);
  EXPECT_EQ(tables[1].deletes, Deletes::kApply);
  EXPECT_EQ(tables[1].time, std::nullopt);
  EXPECT_EQ(tables[2].time, TimeFormat::kUnixMs);
  EXPECT_EQ(tables[2].precision, Precision());
  const SourceConfig& files = config->sources.at(1);
  EXPECT_EQ(files.kind, SourceKind::kCsv);
  EXPECT_EQ(files.strategy, Strategy::kSynthetic);
  ASSERT_EQ(files.tables.size(), 1U);
  EXPECT_EQ(files.tables[0].strategy, std::nullopt);
  EXPECT_TRUE(files.tables[0].all_files);
  EXPECT_EQ(files.tables[0].types.at("id"), Type::kInt64);
  EXPECT_EQ(files.tables[0].encoding, FileEncoding::kLatin1);
}

struct WrongCase {
  std::string name, text;  ///< After kIdentity: it begins in line 11.
  std::string want;        ///< Part of the message, after the file's name.
};

class WrongConfigTest : public ConfigTest, public testing::WithParamInterface<WrongCase> {};

TEST_P(WrongConfigTest, NamesKeyAndLine) {
  const auto config = Load(kIdentity + GetParam().text);
  EXPECT_THAT(config, StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(file_ + GetParam().want)));
}

INSTANTIATE_TEST_SUITE_P(
    Config, WrongConfigTest,
    testing::Values(
        WrongCase{
            "TwoLogsOfOneDatabase",
            "[[source]]\ncontext_id = \"a\"\npath = \"x\"\n[[source]]\ncontext_id = \"b\"\npath = \"./x\"\n",
            ":15: [[source]] 'path' is already used by the [[source]] in line 10: two sources with strategy "
            "\"cdc\""},
        WrongCase{"IntervalWithoutUnit", "[[source]]\ncontext_id = \"a\"\npath = \"x\"\ninterval = \"20\"\n",
                  ":13: [[source]] 'interval' must be a time from 100ms to 7d"},
        WrongCase{"IntervalTooShort", "[[source]]\ncontext_id = \"a\"\npath = \"x\"\ninterval = \"99ms\"\n",
                  ":13: [[source]] 'interval' must be a time from"},
        WrongCase{"IntervalOverflow",
                  "[[source]]\ncontext_id = \"a\"\npath = \"x\"\ninterval = \"9223372036854775807d\"\n",
                  ":13: [[source]] 'interval' must be a time from"},
        WrongCase{"RetentionOfNothing", "[[source]]\ncontext_id = \"a\"\npath = \"x\"\nretention = \"0s\"\n",
                  ":13: [[source]] 'retention' must be a time from 1s"},
        WrongCase{"SmallLog", "[[source]]\ncontext_id = \"a\"\npath = \"x\"\nmax_log = 10\n",
                  ":13: [[source]] 'max_log' must be a whole number from 1000"},
        WrongCase{"AcceptOfAnotherWord",
                  "[[source]]\ncontext_id = \"a\"\npath = \"x\"\naccept = [\"insert\", \"upsert\"]\n",
                  ":13: [[source]] 'accept' must hold \"insert\", \"update\" or \"delete\", not \"upsert\""},
        WrongCase{"AcceptWithoutALog",
                  "[[source]]\ncontext_id = \"a\"\npath = \"x\"\nstrategy = \"synthetic\"\naccept = "
                  "[\"insert\"]\n",
                  ":14: [[source]] 'accept' needs a change log"},
        WrongCase{"AcceptOfAnotherKind",
                  "[[source]]\ncontext_id = \"a\"\nkind = \"odbc\"\ndsn = \"DSN=crm\"\naccept = "
                  "[\"insert\"]\n",
                  ":14: [[source]] 'accept' is not for kind = \"odbc\""},
        WrongCase{"AcceptColumnsWithoutATable",
                  "[[source]]\ncontext_id = \"a\"\npath = \"x\"\naccept = [\"insert\"]\naccept_columns = "
                  "[\"city\"]\n",
                  ":14: [[source]] 'accept_columns' must hold columns with their tables"},
        WrongCase{"LayoutWithoutAccept",
                  "[[source]]\ncontext_id = \"a\"\npath = \"x\"\nlayout = \"datajoin\"\n",
                  ":13: [[source]] 'layout' needs 'accept'"},
        WrongCase{"LayoutOfAnotherWord", "[[source]]\ncontext_id = \"a\"\npath = \"x\"\nlayout = \"sesam\"\n",
                  ":13: [[source]] 'layout' must be one of \"plain\", \"datajoin\", not 'sesam'"},
        WrongCase{
            "LayoutOfAnotherKind",
            "[[source]]\ncontext_id = \"a\"\nkind = \"odbc\"\ndsn = \"DSN=CRM\"\nlayout = \"datajoin\"\n",
            ":14: [[source]] 'layout' is not for kind = \"odbc\""},
        WrongCase{
            "CaptureWithoutALayout",
            "[[source]]\ncontext_id = \"a\"\npath = \"x\"\naccept = [\"insert\"]\ncapture = \"outbox\"\n",
            ":14: [[source]] 'capture' needs layout = \"datajoin\", which is not set"},
        WrongCase{"LargeCopy", "[[source]]\ncontext_id = \"a\"\npath = \"x\"\ncopy_at_once = \"17GB\"\n",
                  ":13: [[source]] 'copy_at_once' must be"},
        WrongCase{"CronWithoutADay", "[[source]]\ncontext_id = \"a\"\npath = \"x\"\ncron = \"0 6 * *\"\n",
                  ":13: [[source]] 'cron' is not a schedule: '0 6 * *' has 4 fields"},
        WrongCase{"CronOfADayThatNeverComes",
                  "[[source]]\ncontext_id = \"a\"\npath = \"x\"\ncron = \"0 6 31 2 *\"\n",
                  ":13: [[source]] 'cron' is not a schedule: '0 6 31 2 *' is never due"},
        WrongCase{"CronAsAList", "[[source]]\ncontext_id = \"a\"\npath = \"x\"\ncron = [\"@daily\"]\n",
                  ":13: [[source]] 'cron' must be a text, not a list"},
        WrongCase{"CronAndInterval",
                  "[[source]]\ncontext_id = \"a\"\npath = \"x\"\ninterval = \"1h\"\ncron = \"@daily\"\n",
                  ":14: [[source]] 'cron' and 'interval' both say when it runs"},
        WrongCase{"FollowWithoutALog",
                  "[[source]]\ncontext_id = \"a\"\npath = \"x\"\nstrategy = \"synthetic\"\nfollow = true\n",
                  ":14: [[source]] 'follow' needs the change log"},
        WrongCase{"FollowOfOdbc",
                  "[[source]]\ncontext_id = \"a\"\nkind = \"odbc\"\ndsn = \"DSN=CRM\"\nfollow = true\n",
                  ":14: [[source]] 'follow' is not for kind = \"odbc\""},
        WrongCase{"FollowOfFiles",
                  "[[source]]\ncontext_id = \"a\"\nkind = \"csv\"\nfolder = \"x\"\nfollow = true\n",
                  ":14: [[source]] 'follow' is not for kind = \"csv\""},
        WrongCase{"FollowDelayAlone", "[[source]]\ncontext_id = \"a\"\npath = \"x\"\nfollow_delay = \"1s\"\n",
                  ":13: [[source]] 'follow_delay' goes with follow = true"},
        WrongCase{"LongFollowDelay",
                  "[[source]]\ncontext_id = \"a\"\npath = \"x\"\nfollow = true\nfollow_delay = \"11s\"\n",
                  ":14: [[source]] 'follow_delay' must be"},
        WrongCase{"QuietWithoutEnd", "[[source]]\ncontext_id = \"a\"\npath = \"x\"\nquiet = [\"23:00\"]\n",
                  ":13: [[source]] 'quiet' must hold times of the day, as \"23:00-06:00\""},
        WrongCase{"QuietOutOfTheDay",
                  "[[source]]\ncontext_id = \"a\"\npath = \"x\"\nquiet = [\"24:00-06:00\"]\n",
                  ":13: [[source]] 'quiet' must hold times of the day"},
        WrongCase{"QuietForNoTime",
                  "[[source]]\ncontext_id = \"a\"\npath = \"x\"\nquiet = [\"06:00-06:00\"]\n",
                  ":13: [[source]] 'quiet' must hold times of the day"},
        WrongCase{"BlockedWithoutReason",
                  "[[source]]\ncontext_id = \"a\"\npath = \"x\"\nblocked = { salaries = \"\" }\n",
                  ":13: [[source]] 'blocked' needs a reason for 'salaries'"},
        WrongCase{"BlockedAsList", "[[source]]\ncontext_id = \"a\"\npath = \"x\"\nblocked = [\"salaries\"]\n",
                  ":13: [[source]] 'blocked' must be a table of names and reasons"},
        WrongCase{"HashWithoutKey",
                  "[[source]]\ncontext_id = \"a\"\npath = \"x\"\n[[source.table]]\nname = \"t\"\nhash = "
                  "[\"x\"]\n",
                  ":15: [[source.table]] 'hash' needs 'hash_key' in [agent]"},
        WrongCase{"HashedAndMasked",
                  "[agent]\nhash_key = \"k\"\n[[source]]\ncontext_id = \"a\"\npath = "
                  "\"x\"\n[[source.table]]\nname = \"t\"\nhash = [\"x\"]\nmask = { X = 2 }\n",
                  ":18: [[source.table]] 'mask' names 'X', which 'hash' also names"},
        WrongCase{"MaskOfWhatIsNotSent",
                  "[[source]]\ncontext_id = \"a\"\npath = \"x\"\n[[source.table]]\nname = \"t\"\ncolumns = "
                  "[\"y\"]\nmask = { x = 2 }\n",
                  ":16: [[source.table]] 'mask' names 'x', which is not among 'columns'"},
        WrongCase{"MaskThatHidesNothing",
                  "[[source]]\ncontext_id = \"a\"\npath = \"x\"\n[[source.table]]\nname = \"t\"\nmask = { x "
                  "= 17 }\n",
                  ":15: [[source.table]] 'mask' 'x' must be a whole number from 0 to 16"},
        WrongCase{"WatermarkThatIsNotSent",
                  "[[source]]\ncontext_id = \"a\"\npath = \"x\"\nstrategy = "
                  "\"synthetic\"\n[[source.table]]\nname = \"t\"\nstrategy = \"watermark\"\nwatermark = "
                  "\"at\"\ncolumns = [\"id\"]\n",
                  ":18: [[source.table]] 'columns' must hold 'at'"},
        WrongCase{"TwoTablesOfOneName",
                  "[[source]]\ncontext_id = \"a\"\npath = \"x\"\n[[source.table]]\nname = "
                  "\"t\"\n[[source.table]]\nname = \"u\"\nas = \"T\"\n",
                  ":17: [[source.table]] 'as' 'T' is already the mirror's name of the table in line 13"},
        WrongCase{"UnknownKey", "[agent]\nwindou = 3\n",
                  ":11: [agent] 'windou' is not a key; did you mean 'window'?"},
        WrongCase{"UnknownKeyOfASource", "[[source]]\ncontext_id = \"a\"\npath = \"x\"\nstrategi = \"cdc\"\n",
                  ":13: [[source]] 'strategi' is not a key; did you mean 'strategy'?"},
        WrongCase{"NothingLikeIt", "[agent]\nqqqqqqq = 3\n",
                  ":11: [agent] 'qqqqqqq' is not a key; there are: state_dir"},
        WrongCase{"UnknownTable", "[agents]\n",
                  ":10: 'agents' is not a table of this file; did you mean 'agent'?"},
        WrongCase{"TextForNumber", "[agent]\nwindow = \"4\"\n",
                  ":11: [agent] 'window' must be a whole number from 1 to 64, not a text"},
        WrongCase{"WindowOfNothing", "[agent]\nwindow = 0\n",
                  ":11: [agent] 'window' must be a whole number from 1 to 64, not 0"},
        WrongCase{"NumberForText", "[agent]\nstate_dir = 4\n",
                  ":11: [agent] 'state_dir' must be a text, not a whole number"},
        WrongCase{"EmptyText", "[agent]\nstate_dir = \"\"\n", ":11: [agent] 'state_dir' must not be empty"},
        WrongCase{"BatchTooSmall", "[agent]\nbatch_bytes = \"10\"\n",
                  ":11: [agent] 'batch_bytes' must be a size from 1KB to 8MB"},
        WrongCase{"BatchTooLarge", "[agent]\nbatch_bytes = 8000001\n",
                  ":11: [agent] 'batch_bytes' must be a size"},
        WrongCase{"BatchOverflow", "[agent]\nbatch_bytes = \"18446744073709551615MB\"\n",
                  ":11: [agent] 'batch_bytes'"},
        WrongCase{"BatchNoUnit", "[agent]\nbatch_bytes = \"1 parsec\"\n", ":11: [agent] 'batch_bytes'"},
        WrongCase{"NotToml", "[agent\n", ":10: not TOML"},
        WrongCase{"KeyTwice", "[agent]\nwindow = 3\nwindow = 4\n", ":12: not TOML"},
        WrongCase{"OneBracket", "[source]\ncontext_id = \"a\"\n",
                  ":10: 'source' must be written as [[source]]"},
        WrongCase{"NoContextId", "[[source]]\npath = \"x\"\n", ":10: [[source]] has no 'context_id'"},
        WrongCase{"NoPath", "\n[[source]]\ncontext_id = \"a\"\n", ":11: [[source]] has no 'path'"},
        WrongCase{"ContextIdWithSlash", "[[source]]\ncontext_id = \"a/b\"\npath = \"x\"\n",
                  ":11: [[source]] 'context_id' must be 1 to 64"},
        WrongCase{"OneTenantTwice",
                  "[[source]]\ncontext_id = \"Cust\"\npath = \"x\"\n[[source]]\npath = \"y\"\ncontext_id = "
                  "\"CUST\"\n",
                  ":15: [[source]] 'context_id' 'CUST' is already the tenant of the [[source]] in line 10"},
        WrongCase{"UnknownKind", "[[source]]\nkind = \"oracle\"\n",
                  ":11: [[source]] 'kind' must be one of \"sqlite\", \"csv\", \"xlsx\", \"postgres\", "},
        WrongCase{"NearStrategy", "[[source]]\nstrategy = \"cdx\"\n",
                  ":11: [[source]] 'strategy' must be one of \"cdc\", \"synthetic\", \"watermark\", "
                  "\"watermark_cdc\", "
                  "\"window\", \"populate\", not 'cdx'; did you mean 'cdc'?"},
        WrongCase{"FolderOfADatabase", "[[source]]\ncontext_id = \"a\"\npath = \"x\"\nfolder = \"y\"\n",
                  ":13: [[source]] 'folder' is for kind = \"csv\" or \"xlsx\" only"},
        WrongCase{"PathOfAFolder", "[[source]]\ncontext_id = \"a\"\nkind = \"csv\"\npath = \"x\"\n",
                  ":13: [[source]] 'path' is not for kind = \"csv\""},
        WrongCase{"FolderWithoutTables", "[[source]]\ncontext_id = \"a\"\nkind = \"csv\"\nfolder = \"x\"\n",
                  ":10: [[source]] has no [[source.table]]"},
        WrongCase{"FilesHaveNoLog",
                  "[[source]]\ncontext_id = \"a\"\nkind = \"csv\"\nfolder = \"x\"\nstrategy = \"cdc\"\n",
                  ":14: [[source]] 'strategy' must not be \"cdc\" for files"},
        WrongCase{"TableWithoutName", "[[source]]\ncontext_id = \"a\"\npath = \"x\"\n[[source.table]]\n",
                  ":13: [[source.table]] has no 'name'"},
        WrongCase{"TableTwice",
                  "[[source]]\ncontext_id = \"a\"\npath = \"x\"\n[[source.table]]\nname = "
                  "\"t\"\n[[source.table]]\nname "
                  "= \"T\"\n",
                  ":15: [[source.table]] 'name' 'T' is already the name of the table in line 13"},
        WrongCase{
            "KeyOfADatabase",
            "[[source]]\ncontext_id = \"a\"\npath = \"x\"\n[[source.table]]\nname = \"t\"\nkey = [\"id\"]\n",
            ":15: [[source.table]] 'key' is only for files, and for views and tables without a primary key"},
        WrongCase{"LogOfAFile",
                  "[[source]]\ncontext_id = \"a\"\nkind = \"csv\"\nfolder = \"x\"\n[[source.table]]\nname = "
                  "\"t\"\nstrategy = \"cdc\"\n",
                  ":16: [[source.table]] 'strategy' must not be \"cdc\" for files"},
        WrongCase{"HashesOfALog",
                  "[[source]]\ncontext_id = \"a\"\npath = \"x\"\n[[source.table]]\nname = "
                  "\"t\"\ncolumn_hashes = true\n",
                  ":15: [[source.table]] 'column_hashes' has no effect with strategy = \"cdc\""},
        WrongCase{"DeletesOfAnotherKind",
                  "[[source]]\ncontext_id = \"a\"\npath = \"x\"\n[[source.table]]\nname = "
                  "\"t\"\ndeletes = \"keep\"\n",
                  ":15: [[source.table]] 'deletes' must be one of \"apply\", \"ignore\", \"mark\""},
        WrongCase{"WatermarkBesideALog",
                  "[[source]]\ncontext_id = \"a\"\npath = \"x\"\n[[source.table]]\nname = \"t\"\nwatermark = "
                  "\"at\"\n",
                  ":15: [[source.table]] 'watermark' has no effect with strategy = \"cdc\""},
        WrongCase{"WatermarkWithoutColumn",
                  "[[source]]\ncontext_id = \"a\"\npath = \"x\"\nstrategy = "
                  "\"synthetic\"\n[[source.table]]\nname = "
                  "\"t\"\nstrategy = \"watermark\"\n",
                  ":14: [[source.table]] with strategy = \"watermark\" needs 'watermark'"},
        WrongCase{"WindowOfAWatermark",
                  "[[source]]\ncontext_id = \"a\"\npath = \"x\"\nstrategy = "
                  "\"synthetic\"\n[[source.table]]\nname = "
                  "\"t\"\nstrategy = \"watermark\"\nwatermark = \"w\"\nwindow = \"1d\"\n",
                  ":18: [[source.table]] 'window' has no effect with strategy = \"watermark\""},
        WrongCase{
            "FeedOfAnotherStrategy",
            "[[source]]\ncontext_id = \"a\"\npath = \"x\"\nstrategy = \"synthetic\"\n[[source.table]]\nname "
            "= \"t\"\ndeletes_from = { table = \"g\", key = [\"k\"], watermark = \"n\" }\n",
            ":16: [[source.table]] 'deletes_from' has no effect with strategy = \"synthetic\""},
        WrongCase{
            "FeedWithoutKey",
            "[[source]]\ncontext_id = \"a\"\npath = \"x\"\nstrategy = \"synthetic\"\n[[source.table]]\nname "
            "= \"t\"\nstrategy = \"watermark\"\nwatermark = \"w\"\ndeletes_from = { table = \"g\", watermark "
            "= \"n\" }\n",
            ":18: [[source.table]] 'deletes_from' needs 'table' (of files: 'file'), 'key' and 'watermark'"},
        WrongCase{"FeedOfAFile",
                  "[[source]]\ncontext_id = \"a\"\npath = \"x\"\nstrategy = "
                  "\"synthetic\"\n[[source.table]]\nname = \"t\"\nstrategy = \"watermark\"\nwatermark = "
                  "\"w\"\ndeletes_from = { file = \"g\", key = [\"k\"], watermark = \"n\" }\n",
                  ":18: [[source.table]] 'deletes_from' takes 'table' here, since the source is a database"},
        WrongCase{
            "FeedWithAnotherWord",
            "[[source]]\ncontext_id = \"a\"\npath = \"x\"\nstrategy = \"synthetic\"\n[[source.table]]\nname "
            "= \"t\"\nstrategy = \"watermark\"\nwatermark = \"w\"\ndeletes_from = { tables = \"g\" }\n",
            ":18: [source.table.deletes_from] 'tables' is not a key; did you mean 'table'?"},
        WrongCase{"AllFilesOfADatabase",
                  "[[source]]\ncontext_id = \"a\"\npath = \"x\"\nstrategy = "
                  "\"synthetic\"\n[[source.table]]\nname = \"t\"\nfiles = \"all\"\n",
                  ":16: [[source.table]] 'files' is for kind = \"csv\" or \"xlsx\" only"},
        WrongCase{"SeparatorOfTwo",
                  "[[source]]\ncontext_id = \"a\"\nkind = \"csv\"\nfolder = \"x\"\n[[source.table]]\nname = "
                  "\"t\"\nseparator = \"::\"\n",
                  ":16: [[source.table]] 'separator' must be one ASCII character"},
        WrongCase{"DecimalOfAnotherSign",
                  "[[source]]\ncontext_id = \"a\"\nkind = \"csv\"\nfolder = \"x\"\n[[source.table]]\nname = "
                  "\"t\"\ndecimal = \"'\"\n",
                  ":16: [[source.table]] 'decimal' must be one of \".\", \",\", not"},
        WrongCase{"DecimalOfAWorkbook",
                  "[[source]]\ncontext_id = \"a\"\nkind = \"xlsx\"\nfolder = \"x\"\n[[source.table]]\nname = "
                  "\"t\"\ndecimal = \",\"\n",
                  ":16: [[source.table]] 'decimal' is for kind = \"csv\" only"},
        WrongCase{
            "TypeOfAColumn",
            "[[source]]\ncontext_id = \"a\"\nkind = \"csv\"\nfolder = \"x\"\n[[source.table]]\nname = "
            "\"t\"\ntypes = { id = \"int\" }\n",
            ":16: [[source.table]] 'types' 'id' must be one of \"integer\", \"real\", \"text\", not 'int'"},
        WrongCase{"KeyThatNamesAColumnTwice",
                  "[[source]]\ncontext_id = \"a\"\nkind = \"csv\"\nfolder = \"x\"\n[[source.table]]\nname = "
                  "\"t\"\nkey = [\"id\", \"ID\"]\n",
                  ":16: [[source.table]] 'key' names column 'ID' twice: names that differ by case alone"},
        WrongCase{"TypesThatNameAColumnTwice",
                  "[[source]]\ncontext_id = \"a\"\nkind = \"csv\"\nfolder = \"x\"\n[[source.table]]\nname = "
                  "\"t\"\ntypes = { id = \"text\", ID = \"integer\" }\n",
                  ":16: [[source.table]] 'types' names column 'id' twice"},
        WrongCase{
            "RenameThatNamesAColumnTwice",
            "[[source]]\ncontext_id = \"a\"\npath = \"x\"\n[[source.table]]\nname = \"t\"\nrename = { id "
            "= \"a\", ID = \"b\" }\n",
            ":15: [[source.table]] 'rename' names column 'id' twice"},
        WrongCase{
            "MaskThatNamesAColumnTwice",
            "[[source]]\ncontext_id = \"a\"\npath = \"x\"\n[[source.table]]\nname = \"t\"\nmask = { n = 2, "
            "N = 4 }\n",
            ":15: [[source.table]] 'mask' names column 'n' twice"},
        WrongCase{
            "FeedWhoseKeyNamesAColumnTwice",
            "[[source]]\ncontext_id = \"a\"\npath = \"x\"\nstrategy = \"synthetic\"\n[[source.table]]\nname "
            "= \"t\"\nstrategy = \"watermark\"\nwatermark = \"w\"\ndeletes_from = { table = \"g\", key = "
            "[\"k\", \"K\"], watermark = \"n\" }\n",
            ":18: [source.table.deletes_from] 'key' names column 'K' twice"},
        WrongCase{"IncludeIsNoList", "[[source]]\ninclude = \"*\"\n",
                  ":11: [[source]] 'include' must be a list of texts"},
        WrongCase{"SkipHoldsANumber", "[[source]]\nskip = [\"a\", 5]\n",
                  ":11: [[source]] 'skip' must hold texts"}),
    [](const auto& test) { return test.param.name; });

TEST_F(ConfigTest, EveryKindOfSourceSaysWhatItIs) {
  for (const auto& [word, kind] : SourceKindWords()) {
    const KindTraits& traits = TraitsOf(kind);
    EXPECT_EQ(traits.kind, kind) << word;
    EXPECT_TRUE(traits.has_log || !IsLogged(traits.strategy)) << word;
    const std::string source =
        absl::StrCat(kIdentity, "[[source]]\ncontext_id = \"a\"\nkind = \"", word, "\"\n", traits.place_key,
                     " = \"", IsServer(kind) ? "host=x dbname=x user=x" : "x", "\"\n");
    const std::string table = "[[source.table]]\nname = \"t\"\n";
    if (!traits.has_reader) {
      EXPECT_THAT(Load(source + table),
                  StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(":12: [[source]] 'kind' is")))
          << word;
      continue;
    }
    const std::string synthetic = source + "strategy = \"synthetic\"\n";
    ASSERT_THAT(Load(synthetic + table), IsOk()) << word;
    EXPECT_EQ(Load(synthetic).ok(), !traits.lists_tables) << word;
    const auto config = Load(source + table);
    ASSERT_EQ(config.ok(), traits.reads_log || traits.strategy != Strategy::kCdc) << word;
    if (config.ok()) {
      EXPECT_EQ(config->sources[0].strategy, traits.strategy) << word;
    }
  }
}

TEST_F(ConfigTest, ThousandsOfSourcesAreReadInSecondsAndASharedOneIsStillRefused) {
  std::string text = kIdentity;
  for (int i = 0; i < 5'000; ++i) {
    const std::string name = absl::StrCat("s", i);
    std::ofstream(folder_ / name) << name;
    absl::StrAppend(&text, "[[source]]\ncontext_id = \"", name, "\"\npath = \"", name, "\"\n");
  }
  const std::clock_t begin = std::clock();
  const auto config = Load(text);
  ASSERT_THAT(config, IsOk());
  EXPECT_EQ(config->sources.size(), 5'000U);
  // Of this process alone: to look at each two of the files takes more, on any machine.
  EXPECT_LT(static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC, 8);

  std::filesystem::create_symlink(folder_ / "s3", folder_ / "link");
  EXPECT_THAT(
      Load(text + "[[source]]\ncontext_id = \"other\"\npath = \"link\"\n"),
      StatusIs(absl::StatusCode::kInvalidArgument,
               HasSubstr(":15012: [[source]] 'path' is already used by the [[source]] in line 19: two")));
  EXPECT_THAT(
      Load(text + "[[source]]\ncontext_id = \"S4\"\npath = \"s4\"\n"),
      StatusIs(
          absl::StatusCode::kInvalidArgument,
          HasSubstr(":15011: [[source]] 'context_id' 'S4' is already the tenant of the [[source]] in line 22 "
                    "('s4')")));
}

TEST_F(ConfigTest, WrongEndpointIsNamed) {
  const auto with = [&](const std::string& endpoint) {
    return Load(endpoint + std::string(kIdentity).substr(std::string(kIdentity).find("[identity]")));
  };
  EXPECT_THAT(
      with("[endpoint]\naddress = \"host\"\n"),
      StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(":2: [endpoint] 'address' must be host:port")));
  const auto refusal = [&](const std::string& address) {
    const absl::Status status = with(absl::StrCat("[endpoint]\naddress = \"", address, "\"\n")).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << address;
    const std::string quoted =
        absl::StrCat("must be host:port, as \"mirror.example.com:5443\", not '", address, "': ");
    EXPECT_THAT(status.message(), HasSubstr(quoted));
    return std::string(status.message().substr(status.message().find(quoted) + quoted.size()));
  };
  const std::string port = "the port must be a number from 1 to 65535";
  for (const char* const address : {"host:0", "host:70000", "host:65536", "host:1x", "host:", "[::1]:0"}) {
    EXPECT_EQ(refusal(address), port) << address;
  }
  EXPECT_EQ(refusal("host"), "it has no port");
  EXPECT_EQ(refusal(":1"), "it has no host");
  EXPECT_EQ(refusal("https://host:1"), "leave out everything up to '://'");
  EXPECT_EQ(refusal("::1:1"), "write an IPv6 address in brackets");
  EXPECT_EQ(refusal("[::1:1"), "write an IPv6 address in brackets");
  EXPECT_EQ(refusal("[host]:1"), "'host' is not an IPv6 address");
  EXPECT_EQ(refusal("[::1]"), "it has no port");
  EXPECT_EQ(refusal("[fe80::1%]:1"), "'fe80::1%' is not an IPv6 address");
  EXPECT_EQ(refusal("[fe80::1%e/x y]:1"), "'fe80::1%e/x y' is not an IPv6 address");
  EXPECT_EQ(refusal("a b:1"), "a host has only letters, digits, '.', '-' and '_'");
  const std::string longest(63, 'a');
  for (const std::string& host :
       std::vector<std::string>{"a..b", ".a", "a..", longest + "a", "x." + longest + "a.y"}) {
    EXPECT_EQ(refusal(host + ":1"), "each part of a host's name has 1 to 63 characters") << host;
  }
  EXPECT_THAT(with("[endpoint]\naddress = \"" + longest + ".example.:1\"\n"), IsOk());
  for (const std::string host : {"256.1.1.1", "1.2.3", "12345", "1.2.3.4.5"}) {
    EXPECT_EQ(refusal(host + ":1"),
              "'" + host + "' is not an IPv4 address, which has four numbers from 0 to 255");
  }
  for (const char* const address : {"255.1.1.1:65535", "1.example.com:1", "[fe80::1%eth0]:1"}) {
    EXPECT_THAT(with(absl::StrCat("[endpoint]\naddress = \"", address, "\"\n")), IsOk()) << address;
  }
  EXPECT_THAT(with("[endpoint]\naddress = \"host:1\"\nplaintext = true\n"),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr(":3: [endpoint] 'plaintext' is for a loopback")));
  EXPECT_THAT(with("[endpoint]\naddress = \"127.evil.com:1\"\nplaintext = true\n"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("loopback")));
  EXPECT_THAT(with("[endpoint]\naddress = \"[::1]:1\"\nplaintext = true\n"), IsOk());
  EXPECT_THAT(with("[endpoint]\naddress = \"host:1\"\ncertificate = \"c\"\n"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("'certificate' and 'key' go together")));
  EXPECT_THAT(with(""),
              StatusIs(absl::StatusCode::kInvalidArgument, AllOf(HasSubstr("[endpoint] 'address' is missing"),
                                                                 HasSubstr("MIRROR_ENDPOINT_ADDRESS"))));
}

TEST_F(ConfigTest, EnvironmentWinsOverTheFileAndIsNamedWhenWrong) {
  setenv("MIRROR_ENDPOINT_ADDRESS", "localhost:7", 1);
  setenv("MIRROR_AGENT_STATE_DIR", "here", 1);
  setenv("MIRROR_AGENT_WINDOW", "9", 1);
  setenv("MIRROR_IDENTITY_KEY_ID", "", 1);  // Empty counts as absent.
  auto config = Load(kIdentity);
  ASSERT_THAT(config, IsOk());
  EXPECT_EQ(config->endpoint.address, "localhost:7");
  EXPECT_EQ(config->agent.state_dir, folder_ / "here");
  EXPECT_EQ(config->agent.window, 9U);
  EXPECT_EQ(config->identity.key_id, "source-1");
  setenv("MIRROR_AGENT_WINDW", "9", 1);
  setenv("MIRROR_LISTEN_PORT", "9", 1);  // Of the server.
  EXPECT_THAT(Load(kIdentity), StatusIs(absl::StatusCode::kInvalidArgument,
                                        AllOf(HasSubstr("MIRROR_AGENT_WINDW is not a variable"),
                                              HasSubstr("did you mean 'MIRROR_AGENT_WINDOW'"))));
  unsetenv("MIRROR_AGENT_WINDW");
  unsetenv("MIRROR_LISTEN_PORT");
  setenv("MIRROR_AGENT_WINDOW", "9x", 1);
  EXPECT_THAT(Load(kIdentity),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("MIRROR_AGENT_WINDOW must be")));
  for (const char* name : {"MIRROR_ENDPOINT_ADDRESS", "MIRROR_AGENT_STATE_DIR", "MIRROR_AGENT_WINDOW",
                           "MIRROR_IDENTITY_KEY_ID"}) {
    unsetenv(name);
  }
}

TEST(NamePatternTest, StarStandsForAnyCharacters) {
  EXPECT_TRUE(MatchesPattern("Orders", "orders"));
  EXPECT_TRUE(MatchesPattern("Orders", "*"));
  EXPECT_TRUE(MatchesPattern("", "*"));
  EXPECT_TRUE(MatchesPattern("tmp_a", "tmp_*"));
  EXPECT_TRUE(MatchesPattern("a_b_c_b", "a*b"));
  EXPECT_TRUE(MatchesPattern("abc", "*b*"));
  EXPECT_FALSE(MatchesPattern("tmp", "tmp_*"));
  EXPECT_FALSE(MatchesPattern("Orders", "order"));
  EXPECT_FALSE(MatchesPattern("Orders", ""));
  EXPECT_FALSE(MatchesPattern("abc", "a*d"));
  EXPECT_FALSE(MatchesPattern("a", "?"));
}

}  // namespace
}  // namespace mirror::config_test
