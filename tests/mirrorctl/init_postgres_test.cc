// 'mirrorctl init --store postgres': what it writes, and what it refuses before anything is there.

#include "tools/mirrorctl/init/init_postgres.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/text/text_stream.h"
#include "server/config/config.h"
#include "tests/certs/test_keys.h"
#include "tests/support/processes.h"
#include "tests/support/status_matchers.h"
#include "tools/mirrorctl/init/init_system.h"

namespace mirror::init_postgres_test {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kUrl[] = "postgresql://mirror@db.example.org/mirrors?sslmode=verify-full";
constexpr char kHosts[] =
    "host=a,b port=5433 dbname=mirrors user=mirror sslmode=verify-full target_session_attrs=read-write";

class InitPostgresTest : public testing::Test {
 protected:
  struct Result {
    int exit_code = 0;
    std::string out, err;
  };
  /// As it is typed.
  Result Run(const std::vector<std::string>& more) {
    std::vector<std::string> words = {"mirrorctl", "init", "--dir", dir(), "--context-id", "Cust26759"};
    words.insert(words.end(), more.begin(), more.end());
    std::vector<const char*> argv;
    for (const std::string& word : words) argv.push_back(word.c_str());
    std::ostringstream out, err;
    Console console{out, err};
    const cli::Program program("A test's.", "mirrorctl", "1");
    AddInit(program, console);
    const cli::Outcome outcome = program.Parse(static_cast<int>(argv.size()), argv.data(), out);
    if (!outcome.wrong.empty()) return {Console::kWrongUsage, out.str(), outcome.wrong};
    return {console.exit_code, out.str(), err.str()};
  }
  std::string dir() const { return folder_.path() + "/dev"; }
  std::string Text(const std::string& name) const { return ReadText(dir() + "/" + name); }

  TempFolder folder_;
};

TEST_F(InitPostgresTest, WritesAConfigurationThatTheServerTakes) {
  const Result made = Run({"--store", "postgres", "--postgres", kUrl});
  ASSERT_EQ(made.exit_code, 0) << made.err;
  const auto config = LoadServerConfig(dir() + "/mirror-server.toml");
  ASSERT_THAT(config, IsOk());
  EXPECT_EQ(config->data.store, StoreKind::kPostgres);
  EXPECT_EQ(config->postgres.control, kUrl);
  EXPECT_EQ(config->postgres.passfile, dir() + "/pgpass");
  EXPECT_FALSE(config->postgres.replicated) << "there is one host, and no standby that init knows of";
  EXPECT_EQ(config->postgres.merge_rows_max, PostgresConfig().merge_rows_max);
  ASSERT_EQ(config->postgres.places.size(), 1U);
  EXPECT_EQ(config->postgres.places[0].name, "p1");
  EXPECT_EQ(config->postgres.places[0].conninfo, kUrl);
  EXPECT_EQ(config->postgres.places[0].connections, PostgresPlaceConfig().connections);
}

TEST_F(InitPostgresTest, ThePassfileIsItsOwnersAloneAndHasTheLineToFillIn) {
  ASSERT_EQ(Run({"--store", "postgres", "--postgres", kUrl}).exit_code, 0);
  struct stat info = {};
  ASSERT_EQ(stat((dir() + "/pgpass").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 0600U);
  EXPECT_THAT(Text("pgpass"), HasSubstr("\n# db.example.org:*:mirrors:mirror:PASSWORD\n"));
}

TEST_F(InitPostgresTest, SaysWhatADatabaseNeeds) {
  const Result made = Run({"--store", "postgres", "--postgres", kUrl});
  EXPECT_THAT(
      made.out,
      AllOf(HasSubstr("CREATE ROLE \"mirror\" LOGIN;"),
            HasSubstr("CREATE DATABASE \"mirrors\" OWNER \"mirror\" ENCODING 'UTF8' TEMPLATE template0;"),
            HasSubstr("REVOKE CONNECT ON DATABASE \"mirrors\" FROM PUBLIC;"),
            HasSubstr("GRANT SET ON PARAMETER session_replication_role TO \"mirror\";"),
            HasSubstr("write it only into " + dir() + "/pgpass,"), HasSubstr("durability is \"local\""),
            Not(HasSubstr("sslmode"))));
}

TEST_F(InitPostgresTest, OverANetworkWithoutSslmodeAHintIsGiven) {
  EXPECT_THAT(Run({"--store", "postgres", "--postgres", "postgresql://mirror@db1/mirrors"}).out,
              HasSubstr("sslmode=verify-full"));
}

TEST_F(InitPostgresTest, AMachinesOwnDatabaseNeedsNoSslmode) {
  EXPECT_THAT(
      Run({"--store", "postgres", "--postgres", "host=/run/postgresql dbname=mirrors user=mirror"}).out,
      Not(HasSubstr("sslmode")));
}

TEST_F(InitPostgresTest, SeveralHostsOfAUrlWithoutAPortHaveAnyPortEach) {
  ASSERT_EQ(Run({"--store", "postgres", "--postgres",
                 "postgresql://mirror@db1,db2/mirrors?target_session_attrs=read-write"})
                .exit_code,
            0);
  EXPECT_THAT(Text("pgpass"),
              HasSubstr("# db1:*:mirrors:mirror:PASSWORD\n# db2:*:mirrors:mirror:PASSWORD\n"));
}

TEST_F(InitPostgresTest, SeveralHostsAreReplicatedAndHaveALineEach) {
  const Result made = Run({"--store", "postgres", "--postgres", kHosts});
  ASSERT_EQ(made.exit_code, 0) << made.err;
  const auto config = LoadServerConfig(dir() + "/mirror-server.toml");
  ASSERT_THAT(config, IsOk());
  EXPECT_TRUE(config->postgres.replicated);
  EXPECT_THAT(made.out, Not(HasSubstr("durability")));
  EXPECT_THAT(Text("pgpass"),
              HasSubstr("# a:5433:mirrors:mirror:PASSWORD\n# b:5433:mirrors:mirror:PASSWORD\n"));
}

TEST_F(InitPostgresTest, OnANarrowTerminalWordsAreWrappedAndStatementsAreNot) {
  InitOptions options;
  options.postgres = "postgresql://mirror@db.example.org/a_database_whose_name_is_rather_long";
  std::ostringstream shown;
  TextStream out(shown, {.width = 80});
  PrintDatabase(options, "dev/pgpass", out);
  out.flush();
  const std::string text = shown.str();
  EXPECT_THAT(text, AllOf(HasSubstr("\n  CREATE DATABASE \"a_database_whose_name_is_rather_long\" OWNER "
                                    "\"mirror\" ENCODING 'UTF8' TEMPLATE template0;\n"),
                          HasSubstr("sslrootcert"), HasSubstr("\"replicated\"")));
  const std::vector<std::string> lines = absl::StrSplit(text, '\n');
  for (const std::string& line : lines) {
    if (!line.ends_with(';')) {
      EXPECT_LE(line.size(), 80U) << line;
    }
  }
}

TEST_F(InitPostgresTest, NamesThatNeedItAreQuotedAndEscaped) {
  const Result made = Run({"--store", "postgres", "--postgres", "host=::1 dbname='my db' user='o\"x:y'"});
  ASSERT_EQ(made.exit_code, 0) << made.err;
  EXPECT_THAT(made.out, AllOf(HasSubstr("CREATE ROLE \"o\"\"x:y\" LOGIN;"), HasSubstr("DATABASE \"my db\"")));
  EXPECT_THAT(Text("pgpass"), HasSubstr("# \\:\\:1:*:my db:o\"x\\:y:PASSWORD\n"));
  EXPECT_THAT(LoadServerConfig(dir() + "/mirror-server.toml"), IsOk());
}

TEST_F(InitPostgresTest, WithoutItTheKeysStandThereAsACommentThatCanBeTaken) {
  ASSERT_EQ(Run({}).exit_code, 0);
  EXPECT_FALSE(std::filesystem::exists(dir() + "/pgpass"));
  std::string text = Text("mirror-server.toml");
  EXPECT_THAT(text, HasSubstr("store = \"sqlite\""));
  // Taken as it stands, but for the store.
  const std::size_t begin = text.find("# [postgres]"), end = text.find("\n\n", begin);
  ASSERT_NE(begin, std::string::npos);
  std::string block = text.substr(begin, end - begin);
  for (std::size_t at = 0; at != std::string::npos; at = block.find("\n# ", at)) {
    block.erase(at == 0 ? 0 : at + 1, 2);
    ++at;
  }
  text.replace(begin, end - begin, block);
  text.replace(text.find("\"sqlite\""), 8, "\"postgres\"");
  WriteText(dir() + "/mirror-server.toml", text);
  const auto config = LoadServerConfig(dir() + "/mirror-server.toml");
  ASSERT_THAT(config, IsOk());
  EXPECT_EQ(config->postgres.places.size(), 1U);
}

TEST_F(InitPostgresTest, WhatIsWrongIsSaidBeforeAnythingIsThere) {
  const struct {
    const char *url, *why;
  } all[] = {{"postgresql://mirror:hunter2@db/mirrors", "holds a password"},
             {"host=db dbname=mirrors user=mirror password=hunter2", "holds a password"},
             {"postgresql://db/mirrors", "names no role"},
             {"postgresql://mirror@db", "names no database"},
             {"postgresql://mirror@a,b/mirrors", "target_session_attrs=read-write"},
             {"postgresql://mirror@db:77777/mirrors", "'77777' is not a port"},
             {"mirrors", "cannot be read"}};
  for (const auto& [url, why] : all) {
    const Result refused = Run({"--store", "postgres", "--postgres", url});
    EXPECT_EQ(refused.exit_code, Console::kWrongUsage) << url;
    EXPECT_THAT(refused.err, AllOf(HasSubstr(why), HasSubstr("Nothing was made"), Not(HasSubstr("hunter2"))));
    EXPECT_THAT(refused.out, Not(HasSubstr("hunter2")));
    EXPECT_FALSE(std::filesystem::exists(dir())) << url;
  }
}

TEST_F(InitPostgresTest, StoreAndUrlGoTogether) {
  for (const std::vector<std::string>& half : {std::vector<std::string>{"--store", "postgres"},
                                               {"--postgres", kUrl},
                                               {"--store", "sqlite", "--postgres", kUrl}}) {
    const Result refused = Run(half);
    EXPECT_EQ(refused.exit_code, Console::kWrongUsage);
    EXPECT_THAT(refused.err, HasSubstr("go together"));
  }
  EXPECT_EQ(Run({"--store", "mysql"}).exit_code, Console::kWrongUsage);
  EXPECT_FALSE(std::filesystem::exists(dir()));
}

TEST_F(InitPostgresTest, AContextIdThatPostgresqlHasNoNameForIsRefused) {
  InitOptions options;
  options.dir = dir();
  options.context_id = std::string(54, 'x');
  options.postgres = kUrl;
  EXPECT_THAT(Init(options), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("53")));
  options.postgres.clear();
  EXPECT_THAT(Init(options), IsOk());
}

}  // namespace
}  // namespace mirror::init_postgres_test
