// Definitions that change between two reads of the schema by the same look, and what renewing many logs runs.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/source/sqlite/log/log_tables.h"
#include "tests/client/source/logged_source.h"

namespace mirror::moving_schema_test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

/// Called once, right before the first statement of this text that any connection made from now on runs.
struct Interruption {
  std::string before;
  std::function<void()> act;
  std::vector<std::string> run = {};  ///< Texts of statements since the last one was set.
};
Interruption& TheInterruption() {
  static Interruption one;
  return one;
}

int Interrupt(unsigned /*kind*/, void* /*context*/, void* /*statement*/, void* text) {
  Interruption& one = TheInterruption();
  if (text == nullptr) return 0;
  one.run.emplace_back(static_cast<const char*>(text));
  if (one.act && one.run.back() == one.before) std::exchange(one.act, nullptr)();
  return 0;
}
int Watch(sqlite3* database, char** /*error*/, const struct sqlite3_api_routines* /*api*/) {
  return sqlite3_trace_v2(database, SQLITE_TRACE_STMT, &Interrupt, nullptr);
}

class MovingSchemaTest : public LoggedSource {
 protected:
  void SetUp() override {
    LoggedSource::SetUp();
    sqlite3_auto_extension(reinterpret_cast<void (*)()>(&Watch));
  }
  void TearDown() override {
    sqlite3_cancel_auto_extension(reinterpret_cast<void (*)()>(&Watch));
    TheInterruption() = {};
  }

  static std::int64_t Runs(std::string_view beginning) {
    const std::vector<std::string>& run = TheInterruption().run;
    return std::count_if(run.begin(), run.end(),
                         [&](const std::string& text) { return text.starts_with(beginning); });
  }
};

TEST_F(MovingSchemaTest, ATriggerThatGoesAfterTheSchemaWasReadIsMissedAllTheSame) {
  app_->Run("PRAGMA journal_mode = WAL");
  Start("CREATE TABLE t(id INTEGER PRIMARY KEY, v); CREATE TABLE u(id INTEGER PRIMARY KEY, v)");
  Open();
  // The look at the first table begins; the schema was read before it.
  TheInterruption() = {"BEGIN", [this] { app_->Run("DROP TRIGGER _mirror_2_insert"); }};
  const auto news = log_->Renew({"t", "u"});
  EXPECT_FALSE(TheInterruption().act) << "nothing was interrupted";
  ASSERT_THAT(news, IsOk());
  EXPECT_THAT(*news, ElementsAre(HasSubstr("table 'u': a trigger of its log is gone")));
  EXPECT_THAT(log_->Renew({"t", "u"}), IsOkAndHolds(IsEmpty()));
}

TEST_F(MovingSchemaTest, ManyLogsAreMadeInFewTransactionsAndOfAColumnOnlyOneTriggerIsMadeAnew) {
  constexpr std::size_t kTables = 2 * kRenewTables + 3;
  std::string tables, columns;
  std::vector<std::string> names;
  for (std::size_t i = 0; i < kTables; ++i) {
    names.push_back(absl::StrCat("t", i));
    absl::StrAppend(&tables, "CREATE TABLE t", i, "(id INTEGER PRIMARY KEY, v);");
    absl::StrAppend(&columns, "ALTER TABLE t", i, " ADD COLUMN w; INSERT INTO t", i, " VALUES (1, 2, 3);");
  }
  app_->Run(tables);
  auto log = ChangeLog::Install(Options());
  ASSERT_THAT(log, IsOk());
  TheInterruption() = {};
  ASSERT_THAT((*log)->Renew(names), IsOkAndHolds(IsEmpty()));
  EXPECT_EQ(Runs("BEGIN IMMEDIATE"), 3);
  EXPECT_EQ(Runs("CREATE TRIGGER"), 3 * static_cast<std::int64_t>(kTables));
  log->reset();
  Cycle();
  ExpectEqual();

  app_->Run(columns);
  Open();
  // By Open() they were renewed.
  EXPECT_THAT(news_, IsEmpty());
  app_->Run("ALTER TABLE t1 ADD COLUMN x; ALTER TABLE t2 ADD COLUMN x");
  TheInterruption() = {};
  ASSERT_THAT(log_->Renew(names), IsOkAndHolds(IsEmpty()));
  EXPECT_EQ(Runs("BEGIN IMMEDIATE"), 1);
  EXPECT_EQ(Runs("CREATE TRIGGER"), 2);
  EXPECT_EQ(Runs("DROP TRIGGER"), 2);
  app_->Run("INSERT INTO t1 VALUES (2, 3, 4, 5); UPDATE t1 SET x = 6; DELETE FROM t2");
  for (const auto& [table, sent] : Cycle()) EXPECT_EQ(sent.action, "changes") << table;
  ExpectEqual();
}

TEST_F(MovingSchemaTest, LogsOfOneTransactionThatAReaderKeepsFromBeingCommittedAreRenewedOnce) {
  Start("CREATE TABLE t(id INTEGER PRIMARY KEY, v); CREATE TABLE u(id INTEGER PRIMARY KEY, v)");
  Open();
  app_->Run("DROP TRIGGER _mirror_1_insert; DROP TRIGGER _mirror_2_update; INSERT INTO t VALUES (1, 1)");
  app_->Run("BEGIN");
  EXPECT_EQ(Ask(app_->handle(), "SELECT * FROM t").size(), 1);
  // A source with a rollback journal: the commit waits for readers, is taken back and tried again.
  TheInterruption() = {"ROLLBACK", [this] { app_->Run("COMMIT"); }};
  const auto news = log_->Renew({"t", "u"});
  EXPECT_FALSE(TheInterruption().act) << "nothing was interrupted";
  ASSERT_THAT(news, IsOk());
  EXPECT_THAT(*news, ElementsAre(HasSubstr("table 't': a trigger of its log is gone"),
                                 HasSubstr("table 'u': a trigger of its log is gone")));
  EXPECT_THAT(log_->Renew({"t", "u"}), IsOkAndHolds(IsEmpty()));
  EXPECT_THAT(Ask(app_->handle(), "SELECT count(*) AS n FROM _mirror_tables"), ElementsAre("n=i:2 "));
  Cycle();
  ExpectEqual();
}

TEST_F(MovingSchemaTest, ATableThatGoesMeanwhileLeavesNoLogOfTheTransactionHalfMade) {
  app_->Run("CREATE TABLE t(id INTEGER PRIMARY KEY, v); CREATE TABLE u(id INTEGER PRIMARY KEY, v)");
  auto log = ChangeLog::Install(Options());
  ASSERT_THAT(log, IsOk());
  TheInterruption() = {"BEGIN IMMEDIATE", [this] { app_->Run("DROP TABLE u"); }};
  EXPECT_THAT((*log)->Renew({"t", "u"}), StatusIs(absl::StatusCode::kNotFound, HasSubstr("'u'")));
  EXPECT_FALSE(TheInterruption().act) << "nothing was interrupted";
  EXPECT_THAT(Ask(app_->handle(),
                  "SELECT name FROM sqlite_schema WHERE type = 'trigger' OR name GLOB "
                  "'_mirror_log_*'"),
              IsEmpty());
  EXPECT_EQ((*log)->Find("t"), nullptr);
  EXPECT_THAT((*log)->Renew({"t"}), IsOkAndHolds(IsEmpty()));
  log->reset();
  Cycle();
  app_->Run("INSERT INTO t VALUES (1, 1)");
  EXPECT_EQ(Cycle()["t"].action, "changes");
  ExpectEqual();
}

}  // namespace
}  // namespace mirror::moving_schema_test
