// Columns that are left out, hashed or masked: what of them ever reaches the server's disk, and what a change
// of the rules leaves there.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/support/agent_bench.h"
#include "tests/support/places.h"
#include "tests/support/rows.h"
#include "tests/support/status_matchers.h"

namespace mirror::column_rules_test {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr char kRules[] =
    "[[tenant]]\ncontext_id = \"Cust\"\n"
    "[[tenant.table]]\nname = \"person\"\nleave_out = [\"note*\"]\nhash = [\"email\"]\n"
    "mask = [\"iban\", \"born\"]\nmask_keep = 4\n"
    "[[tenant.table]]\nname = \"login\"\nhash = [\"email\"]\n";

/// Values that nobody must find on the server's disk, in one form or another.
constexpr char kNote[] = "a word for the doctor alone", kEmail[] = "ada.lovelace@example.org",
               kIban[] = "DE02120300000000202051";

std::string Content(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

class ColumnRulesTest : public testing::Test {
 protected:
  void Start(const std::string& rules) {
    here_ = Installation::Make({.bin_dir = BinDir(), .more_toml = rules}).value();
    bench_ = std::make_unique<AgentBench>(*here_, "Cust", here_->dir() + "/source");
    Sql("CREATE TABLE person(id INTEGER PRIMARY KEY, name TEXT, email TEXT, iban TEXT, born INTEGER, "
        "note TEXT, note2 BLOB);"
        "CREATE TABLE login(email TEXT PRIMARY KEY NOT NULL, last TEXT) WITHOUT ROWID;"
        "PRAGMA journal_mode = WAL");
    ASSERT_THAT(bench_->Install(), IsOk());
    Sql(absl::StrCat("INSERT INTO person VALUES (1, 'Ada', '", kEmail, "', '", kIban, "', 18151210, '", kNote,
                     "', CAST('", kNote,
                     "' AS BLOB)), (2, 'Bob', NULL, NULL, NULL, NULL, NULL);"
                     "INSERT INTO login VALUES ('",
                     kEmail, "', 'monday'), ('bob@example.org', 'friday')"));
  }
  /// The next start has these in place of the former rules.
  void ChangeRules(const std::string& rules) {
    ASSERT_TRUE(here_->Stop().ok());
    std::string text = Content(here_->server_toml());
    text.resize(text.find("[[tenant]]\ncontext_id = \"Cust\""));
    std::ofstream(here_->server_toml(), std::ios::trunc) << text << rules;
    ASSERT_THAT(here_->Start(), IsOk());
    bench_->Connect();
  }
  void Sql(const std::string& sql) { ASSERT_EQ(bench_->Sql(sql), "") << sql; }
  void Cycle() {
    const CycleReport report = bench_->Run();
    ASSERT_TRUE(report.Good()) << Summary(report);
  }
  std::string Value(const std::string& sql) { return bench_->mirror().Value(sql); }

  /// Files under the data folder, and among the server's open and deleted ones, that hold `text`.
  std::vector<std::string> Holding(const std::string& text) {
    std::vector<std::string> found;
    const auto look = [&](const fs::path& path, const std::string& name) {
      if (Content(path).find(text) != std::string::npos) found.push_back(name);
    };
    for (const auto& entry : fs::recursive_directory_iterator(here_->data_dir())) {
      if (entry.is_regular_file()) look(entry.path(), entry.path().filename().string());
    }
    std::error_code error;
    const std::string open = absl::StrCat("/proc/", here_->server().pid(), "/fd");
    for (const auto& entry : fs::directory_iterator(open, error)) {
      const std::string target = fs::read_symlink(entry.path(), error).string();
      if (target.ends_with(" (deleted)") && entry.is_regular_file(error)) look(entry.path(), target);
    }
    return found;
  }

  std::unique_ptr<Installation> here_;
  std::unique_ptr<AgentBench> bench_;
};

TEST_F(ColumnRulesTest, WhatIsKeptOutReachesNoFileOfTheServer) {
  Start(kRules);
  Cycle();
  Sql(absl::StrCat("UPDATE person SET note = '", kNote, " twice', email = 'x", kEmail,
                   "' WHERE id = 1; INSERT INTO person SELECT 3, name, email, iban, born, note, note2 FROM "
                   "person WHERE id = 1; UPDATE person SET note = 'only that' WHERE id = 2"));
  Cycle();
  EXPECT_THAT(Holding("Ada"), Not(IsEmpty())) << "what is searched for is found";
  for (const char* secret : {kNote, kEmail, kIban, "18151210"})
    EXPECT_THAT(Holding(secret), IsEmpty()) << secret;
  here_->Kill();
  for (const char* secret : {kNote, kEmail, kIban, "18151210"})
    EXPECT_THAT(Holding(secret), IsEmpty()) << secret;
}

TEST_F(ColumnRulesTest, LeftOutIsNotThereHashesJoinAndMasksShowTheirEnd) {
  Start(kRules);
  Cycle();
  EXPECT_EQ(Value("SELECT group_concat(name) FROM pragma_table_info('person')"), "id,name,email,iban,born");
  EXPECT_EQ(Value("SELECT length(email) || typeof(email) FROM person WHERE id = 1"), "64text");
  EXPECT_EQ(Value("SELECT p.name || l.last FROM person p JOIN login l USING (email)"), "Adamonday");
  EXPECT_EQ(Value("SELECT iban || ' ' || born FROM person WHERE id = 1"), "****2051 ****");
  EXPECT_EQ(Value("SELECT email IS NULL AND iban IS NULL AND born IS NULL FROM person WHERE id = 2"), "1");
}

TEST_F(ColumnRulesTest, RowsWithAHashedKeyAreFoundAgain) {
  Start(kRules);
  Cycle();
  Sql(absl::StrCat("UPDATE login SET last = 'today' WHERE email = '", kEmail,
                   "'; DELETE FROM login WHERE email LIKE 'bob%'; INSERT INTO login VALUES ('c@example.org', "
                   "'never')"));
  Cycle();
  EXPECT_EQ(Value("SELECT group_concat(last) FROM (SELECT last FROM login ORDER BY last)"), "never,today");
}

TEST_F(ColumnRulesTest, OnlyWhatIsKeptAsItIsIsCompared) {
  Start(kRules);
  Cycle();
  bench_->verify = true;
  const CycleReport equal = bench_->Run();
  EXPECT_EQ(ReportOf(equal, "person").equality, TableReport::Equality::kEqual) << Summary(equal);
  EXPECT_THAT(ReportOf(equal, "login").unknown_because, HasSubstr("hashed"));
  ASSERT_EQ(bench_->mirror().Execute("UPDATE person SET name = 'Eve' WHERE id = 1"), "");
  const CycleReport differs = bench_->Run();
  EXPECT_EQ(ReportOf(differs, "person").repaired, 1U) << Summary(differs);
}

TEST_F(ColumnRulesTest, AChangeOfRulesPopulatesAnewAndWipesWhatWasThere) {
  Start("[[tenant]]\ncontext_id = \"Cust\"\n");
  Cycle();
  // Free pages and a table that was set aside hold it too.
  Sql("INSERT INTO person SELECT id + 10, name, email, iban, born, note, note2 FROM person");
  Sql("CREATE TABLE gone(id INTEGER PRIMARY KEY, email TEXT); INSERT INTO gone SELECT id, email FROM person");
  Cycle();
  Sql("DELETE FROM person WHERE id > 10; DROP TABLE gone");
  Cycle();
  ASSERT_THAT(Holding(kEmail), Not(IsEmpty()));

  ChangeRules(kRules);
  Cycle();

  for (const char* secret : {kNote, kEmail, kIban}) EXPECT_THAT(Holding(secret), IsEmpty()) << secret;
  EXPECT_THAT(here_->ServerLog(),
              AllOf(HasSubstr("the rule for column 'email' changed"), HasSubstr("mirror.scrubbed")));
  EXPECT_EQ(Value("SELECT count(*) FROM person WHERE length(email) = 64"), "1");
  EXPECT_EQ(Value("PRAGMA integrity_check"), "ok");

  ChangeRules("[[tenant]]\ncontext_id = \"Cust\"\n");
  Cycle();
  EXPECT_EQ(bench_->Difference(), "") << "and back";
}

TEST_F(ColumnRulesTest, WhileSomebodyReadsTheOldRowsTheWipingWaits) {
  Start("[[tenant]]\ncontext_id = \"Cust\"\n");
  Cycle();
  ChangeRules(kRules);
  {
    Partner reader(bench_->mirror_path(), /*read_only=*/true);
    reader.Run("BEGIN");
    ASSERT_EQ(reader.One("SELECT count(*) FROM person"), Cell(2));
    Cycle();
    EXPECT_THAT(here_->ServerLog(), HasSubstr("mirror.not_scrubbed"));
    EXPECT_EQ(reader.One("SELECT email FROM person WHERE id = 1"), Cell(kEmail));
  }
  Cycle();
  EXPECT_THAT(here_->ServerLog(), HasSubstr("mirror.scrubbed"));
  EXPECT_THAT(Holding(kEmail), IsEmpty());
}

TEST_F(ColumnRulesTest, AKeyCannotBeLeftOutOrMasked) {
  Start("[[tenant]]\ncontext_id = \"Cust\"\n[[tenant.table]]\nname = \"login\"\nmask = [\"email\"]\n");
  const CycleReport report = bench_->Run();
  EXPECT_THAT(ReportOf(report, "login").reason, HasSubstr("is in the key"));
  EXPECT_EQ(ReportOf(report, "person").result, TableResult::kOk);
  EXPECT_EQ(Value("SELECT count(*) FROM sqlite_schema WHERE name = 'login'"), "0");
}

TEST_F(ColumnRulesTest, AValueInPartsOfAHashedColumnIsRefusedBeforeItIsStored) {
  Start(kRules);
  Cycle();
  Sql(absl::StrCat("UPDATE person SET email = '", kEmail, "' || printf('%.5000000c', 'x') WHERE id = 2"));
  const CycleReport report = bench_->Run();
  EXPECT_THAT(ReportOf(report, "person").reason, HasSubstr("leave the column out")) << Summary(report);
  EXPECT_THAT(Holding(kEmail), IsEmpty());
  // Of one that is left out nothing is sent at all, and others travel as ever.
  Sql("UPDATE person SET email = NULL, note = printf('%.5000000c', 'n'), name = printf('%.5000000c', 'y') "
      "WHERE "
      "id = 2");
  Cycle();
  EXPECT_EQ(Value("SELECT length(name) FROM person WHERE id = 2"), "5000000");
}

TEST_F(ColumnRulesTest, HashesNeedAKey) {
  const auto here =
      Installation::Init(
          {.bin_dir = BinDir(), .settings = {{"data", "hash_key", "\"\""}}, .more_toml = kRules})
          .value();
  const auto started = here->Start();
  EXPECT_THAT(std::string(started.message()), AllOf(HasSubstr("hash_key"), HasSubstr("openssl rand")));
}

}  // namespace
}  // namespace mirror::column_rules_test
