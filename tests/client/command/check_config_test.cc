#include "client/command/commands.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "certs/issue.h"
#include "tests/client/command/agent_toml.h"
#include "tests/client/source/source_database.h"
#include "tests/support/status_matchers.h"

namespace mirror::check_config_test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;

class CheckConfigTest : public testing::Test {
 protected:
  void SetUp() override {
    for (const std::string name : {"source", "application"}) {
      const PairFiles files{folder_ / (name + ".crt"), folder_ / (name + ".key")};
      ASSERT_THAT(IssueSigningKey(files, name, Algorithm::kEs256, {}), IsOk());
    }
    Sql(folder_ / "crm.db", "CREATE TABLE orders(id INTEGER PRIMARY KEY, name TEXT)");
  }
  int Check(const std::string& sources, const std::string& agent = "") {
    WriteAgentToml(folder_, kNoEndpoint, "[agent]\n" + agent + sources);
    std::ostringstream out, err;
    const int code = CheckConfig(folder_ / "mirror-agent.toml", out, err);
    out_ = out.str();
    err_ = err.str();
    return code;
  }

  TempFolder folder_;
  std::string out_, err_;
};

TEST_F(CheckConfigTest, WhatIsRightIsSaidSoAndNothingIsMade) {
  EXPECT_EQ(Check(Source("crm.db"), "state_dir = \"none/yet\"\n"), 0) << err_;
  EXPECT_THAT(out_,
              AllOf(HasSubstr("mirror-agent.toml: no errors\n"), HasSubstr("none/yet' is not there yet")));
  EXPECT_THAT(err_, IsEmpty());
  EXPECT_FALSE(std::filesystem::exists(folder_ / "none"));
  std::filesystem::create_directory(folder_ / "state");
  EXPECT_EQ(Check(Source("crm.db"), "state_dir = \"state\"\n"), 0) << err_;
  EXPECT_TRUE(std::filesystem::is_empty(folder_ / "state"));
}

TEST_F(CheckConfigTest, OfAServersDatabaseThePasswordFileIsLookedAtAndNobodyIsCalled) {
  const std::string source =
      "[[source]]\ncontext_id = \"Cust\"\nkind = \"postgres\"\ndsn = \"host=/nowhere dbname=crm\"\n"
      "strategy = \"synthetic\"\n";
  EXPECT_EQ(Check(source), 0) << err_;
  const std::string with_password = source + "password_file = \"pg.pw\"\n";
  EXPECT_EQ(Check(with_password), 2);
  EXPECT_THAT(err_, AllOf(HasSubstr("'password_file' of the [[source]] 'Cust': "), HasSubstr("pg.pw")));
  std::ofstream(folder_ / "pg.pw") << "*:*:*:*:sesame\n";
  ASSERT_EQ(chmod((folder_ / "pg.pw").c_str(), 0644), 0);
  EXPECT_EQ(Check(with_password), 2);
  EXPECT_THAT(err_, AllOf(HasSubstr("pg.pw"), testing::Not(HasSubstr("sesame"))));
  ASSERT_EQ(chmod((folder_ / "pg.pw").c_str(), 0600), 0);
  EXPECT_EQ(Check(with_password), 0) << err_;
}

TEST_F(CheckConfigTest, AKeyThatIsNoneIsNamedWithItsLine) {
  EXPECT_EQ(Check(Source("crm.db"), "windows = 3\n"), 2);
  EXPECT_THAT(err_, HasSubstr("mirror-agent.toml:11: [agent] 'windows' is not a key"));
  EXPECT_THAT(out_, IsEmpty());
}

TEST_F(CheckConfigTest, WhatTheConfigurationNamesIsLookedAt) {
  EXPECT_EQ(Check(Source("gone.db")), 2);
  EXPECT_THAT(err_, AllOf(HasSubstr("[[source]] 'Cust' is '"), HasSubstr("gone.db', which cannot be read")));
  std::ofstream(folder_ / "file") << "no folder";
  EXPECT_EQ(Check(Source("crm.db"), "state_dir = \"file/state\"\n"), 2);
  EXPECT_THAT(err_, AllOf(HasSubstr("[agent] 'state_dir' is '"), HasSubstr("nothing can be made in '")));
  EXPECT_EQ(Check(Source("crm.db", "[[source.table]]\nname = \"orders\"\nhash = [\"name\"]\n"),
                  "hash_key = \"none.key\"\n"),
            2);
  EXPECT_THAT(err_, HasSubstr("none.key"));
  std::filesystem::remove(folder_ / "source.key");
  EXPECT_EQ(Check(Source("crm.db")), 2);
  EXPECT_THAT(err_, HasSubstr("source.key"));
}

TEST_F(CheckConfigTest, ASourceThatIsNoFileOrNoFolderIsRefusedAndSaysWhatItIs) {
  ASSERT_EQ(mkfifo((folder_ / "pipe").c_str(), 0600), 0);
  std::filesystem::create_directory(folder_ / "exports");
  EXPECT_EQ(Check(Source("pipe")), 2);
  EXPECT_THAT(err_, HasSubstr("pipe', which is a pipe: 'path' must be a SQLite database\n"));
  EXPECT_EQ(Check(Source("exports")), 2);
  EXPECT_THAT(err_, AllOf(HasSubstr("exports', which is a folder: 'path' must be a SQLite database. "),
                          HasSubstr("write 'folder' in place of 'path'")));
  for (const std::string text : {"id;name\n1;Ada\n", "SQLite"}) {
    std::ofstream(folder_ / "orders.csv") << text;
    EXPECT_EQ(Check(Source("orders.csv")), 2);
    EXPECT_THAT(err_,
                HasSubstr("orders.csv', which has no SQLite header: 'path' must name a SQLite database\n"));
  }
  std::ofstream(folder_ / "empty.db").flush();
  EXPECT_EQ(Check(Source("empty.db")), 0) << err_;
  EXPECT_EQ(Check(Source("/dev/null")), 2);
  EXPECT_THAT(err_, HasSubstr("'/dev/null', which is a device: "));
  const auto files = [](const std::string& folder) {
    return "[[source]]\ncontext_id = \"Cust\"\nkind = \"csv\"\nfolder = \"" + folder +
           "\"\n[[source.table]]\nname = \"orders\"\nkey = [\"id\"]\n";
  };
  EXPECT_EQ(Check(files("exports")), 0) << err_;
  EXPECT_EQ(Check(files("crm.db")), 2);
  EXPECT_THAT(err_,
              HasSubstr("crm.db', which is a file: 'folder' must be the folder that holds the files\n"));
}

}  // namespace
}  // namespace mirror::check_config_test
