#include "client/source/sqlite/log/log_check.h"

#include <gmock/gmock.h>

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

TEST_F(LogCheck, LooksWithoutATrace) {
  app_->Run("CREATE TABLE a (id INTEGER PRIMARY KEY); CREATE TABLE \"Some b\" (id INTEGER PRIMARY KEY)");
  EXPECT_EQ(Examine().presence, LogPresence::kNone);
  EXPECT_THAT(Ask(app_->handle(), "SELECT name FROM sqlite_schema WHERE name LIKE '\\_mirror%' ESCAPE '\\'"),
              IsEmpty());
  EXPECT_FALSE(ExamineLog(path_ + ".none", {}).ok());
}

}  // namespace
}  // namespace mirror::log_check_test
