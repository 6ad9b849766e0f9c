#include "client/source/sqlite/log/log_check.h"

#include <gmock/gmock.h>

#include "client/source/sqlite/log/trigger_trial.h"
#include "tests/client/source/logged_source.h"

namespace mirror::log_check_test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;
using testing::UnorderedElementsAre;

class LogCheck : public LoggedSource {
 protected:
  LogFindings Examine() {
    const auto found = ExamineLog(path_, {"a", "Some b"});
    EXPECT_THAT(found, IsOk());
    return found.ok() ? *found : LogFindings{};
  }
  void StartTwo() {
    Start(
        "CREATE TABLE a (id INTEGER PRIMARY KEY, v); CREATE TABLE \"Some b\" (id INTEGER PRIMARY KEY, u "
        "UNIQUE);");
  }
};

TEST_F(LogCheck, WhatInstallAndCyclesLeftIsWhole) {
  StartTwo();
  app_->Run("INSERT INTO a VALUES (1, 2); ALTER TABLE a ADD COLUMN later");
  const LogFindings found = Examine();
  EXPECT_EQ(found.presence, LogPresence::kWhole);
  EXPECT_EQ(found.logged, 2U);
  EXPECT_THAT(found.damaged, IsEmpty());
  EXPECT_THAT(found.blocked, IsEmpty());
  EXPECT_THAT(found.unlogged, IsEmpty());
}

TEST_F(LogCheck, ADroppedLogKeepsTheApplicationFromWriting) {
  StartTwo();
  const std::string log = Ask(app_->handle(), "SELECT log FROM _mirror_tables WHERE name = 'Some b'").front();
  const std::string number = log.substr(log.find("i:") + 2, 1);
  app_->Run("DROP TABLE _mirror_log_" + number);
  EXPECT_NE(app_->Try("INSERT INTO \"Some b\" VALUES (1, 1)"), SQLITE_OK);
  const LogFindings found = Examine();
  EXPECT_THAT(found.blocked, ElementsAre("some b"));
  EXPECT_THAT(found.damaged, UnorderedElementsAre(Pair("Some b", HasSubstr("its log was dropped"))));
  EXPECT_EQ(found.logged, 1U);
}

TEST_F(LogCheck, TriggersWithoutAnythingBehindThemAreFoundToo) {
  StartTwo();
  app_->Run("DROP TABLE _mirror_tables; DROP TABLE _mirror_source; DROP TABLE _mirror_lineage");
  EXPECT_EQ(Examine().presence, LogPresence::kNone);
  EXPECT_THAT(Examine().blocked, IsEmpty());
  app_->Run("DROP TABLE _mirror_log_1; DROP TABLE _mirror_log_2");
  EXPECT_THAT(Examine().blocked, UnorderedElementsAre("a", "some b"));
}

TEST_F(LogCheck, WritesAreTriedAndTakenBack) {
  StartTwo();
  app_->Run("INSERT INTO a VALUES (1, 2); INSERT INTO \"Some b\" VALUES (1, 1), (2, 2)");
  const auto before = Ask(app_->handle(), "SELECT * FROM a");
  const auto logged = Ask(app_->handle(), "SELECT count(*) FROM _mirror_log_2");
  EXPECT_THAT(TryWrites(path_), IsOkAndHolds(IsEmpty()));
  // A trigger as an earlier version made it.
  app_->Run(
      "DROP TRIGGER _mirror_1_before_insert; CREATE TRIGGER _mirror_1_before_insert BEFORE INSERT ON \"Some "
      "b\" "
      "BEGIN INSERT INTO _mirror_log_1 (k0, m0) SELECT id, NULL FROM \"Some b\" WHERE u = \"active\"; END");
  EXPECT_THAT(TryWrites(path_), IsOkAndHolds(ElementsAre(Pair("Some b", HasSubstr("no such column")))));
  // What the application's own triggers refuse is its own affair, and hides nothing.
  app_->Run("CREATE TRIGGER neither BEFORE UPDATE ON \"Some b\" BEGIN SELECT RAISE(ABORT, 'no'); END");
  EXPECT_THAT(TryWrites(path_), IsOkAndHolds(ElementsAre(Pair("Some b", HasSubstr("no such column")))));
  app_->Run(
      "CREATE TRIGGER no BEFORE UPDATE ON a BEGIN SELECT RAISE(ROLLBACK, 'no'); END; "
      "DROP TRIGGER _mirror_1_before_insert");
  EXPECT_THAT(TryWrites(path_), IsOkAndHolds(IsEmpty()));
  EXPECT_EQ(Ask(app_->handle(), "SELECT * FROM a"), before);
  EXPECT_EQ(Ask(app_->handle(), "SELECT count(*) FROM _mirror_log_2"), logged);
  EXPECT_EQ(Ask(app_->handle(), "SELECT count(*) AS n FROM sqlite_schema WHERE name GLOB '_mirror_2_*'"),
            std::vector<std::string>{"n=i:3 "});
}

TEST_F(LogCheck, LooksWithoutATrace) {
  app_->Run("CREATE TABLE a (id INTEGER PRIMARY KEY); CREATE TABLE \"Some b\" (id INTEGER PRIMARY KEY)");
  EXPECT_EQ(Examine().presence, LogPresence::kNone);
  EXPECT_THAT(Ask(app_->handle(), "SELECT name FROM sqlite_schema WHERE name LIKE '\\_mirror%' ESCAPE '\\'"),
              IsEmpty());
  EXPECT_FALSE(ExamineLog(path_ + ".none", {}).ok());
}

}  // namespace
}  // namespace mirror::log_check_test
