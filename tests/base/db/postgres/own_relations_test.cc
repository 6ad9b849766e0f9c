#include "base/db/postgres/own_relations.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <regex>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/db/postgres/pipeline.h"
#include "base/db/postgres/transaction.h"
#include "tests/support/hostile/hostile_role.h"
#include "tests/support/postgres_database.h"
#include "tests/support/status_matchers.h"

namespace mirror::postgres::own_relations_test {
namespace {

using absl::StatusCode;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

class PostgresOwnRelations : public PostgresDatabaseTest {
 protected:
  void Fill() override {
    hostile_.emplace(*server_, conninfo_);
    keeper_ = Connect(hostile_->KeeperConninfo());
    ASSERT_THAT(
        keeper_->Execute("CREATE SCHEMA \"S\"; CREATE TABLE \"S\".a (k bigint); CREATE TABLE \"S\".b (k "
                         "bigint); CREATE VIEW \"S\".v AS SELECT k FROM \"S\".a; CREATE INDEX i ON \"S\".a "
                         "(k); CREATE TABLE \"S\".\"Orders\" (k bigint); INSERT INTO \"S\".a VALUES (7)"),
        IsOk());
  }
  absl::Status Find(const OwnRelations& own) { return OwnGuard(own).Find(*keeper_).status(); }
  /// Reads a table after the guard.
  absl::Status Read(const OwnRelations& own, const std::string& table) {
    const OwnGuard guard(own);
    Pipeline pipeline(*keeper_);
    guard.QueueIn(pipeline);
    pipeline.Queue(absl::StrCat("SELECT count(*) FROM ", table));
    absl::Status read = pipeline.Run().status();
    if (!read.ok()) {
      EXPECT_EQ(pipeline.failed(), 0);
      EXPECT_TRUE(OwnGuard::IsRefusal(read)) << read;
    }
    return read;
  }
  /// Executes the statement that a message offers, as a superuser.
  void Mend(const absl::Status& told) {
    const std::string message(told.message());
    std::smatch found;
    ASSERT_TRUE(std::regex_search(message, found, std::regex("(DROP [A-Z ]+ [^,;]+?)(,|;)"))) << told;
    hostile_->Do(found[1]);
  }

  const OwnRelations own_ = {
      .schema = "S", .tables = {"a", "b", "c"}, .views = {"v"}, .indexes = {"i"}, .shared = {"Orders"}};
  std::optional<HostileRole> hostile_;
  std::unique_ptr<Connection> keeper_;
};

TEST_F(PostgresOwnRelations, WhatIsOursIsFoundAndWhatIsMissingIsNot) {
  const auto found = OwnGuard(own_).Find(*keeper_);
  ASSERT_THAT(found.status(), IsOk());
  EXPECT_TRUE(found->has_schema);
  EXPECT_THAT(found->names, ElementsAre("Orders", "a", "b", "i", "v"));
  const auto none = OwnGuard({.schema = "s", .tables = {"a"}}).Find(*keeper_);
  ASSERT_THAT(none.status(), IsOk());
  EXPECT_FALSE(none->has_schema);
  EXPECT_THAT(none->names, ElementsAre());
  EXPECT_THAT(Read(own_, "\"S\".a"), IsOk());
}

TEST_F(PostgresOwnRelations, EveryKindOfRelationOfAnotherRoleIsToldWithTheStatementThatMendsIt) {
  for (const char* const how : {"view", "table", "matview", "sequence", "index", "composite", "enum"}) {
    SCOPED_TRACE(how);
    hostile_->Take("S", "c", how);
    const absl::Status told = Find(own_);
    EXPECT_THAT(told, StatusIs(StatusCode::kFailedPrecondition,
                               AllOf(HasSubstr("\"S\".\"c\" is "), HasSubstr("of the role 'analyst'"))));
    EXPECT_TRUE(IsForeign(told));
    EXPECT_FALSE(Read(own_, "\"S\".c").ok());
    Mend(told);
    EXPECT_THAT(Find(own_), IsOk());
  }
  EXPECT_FALSE(hostile_->Caught());
}

TEST_F(PostgresOwnRelations, ASchemaAndATableOfAnotherRoleAreOfferedToBeOwnedFirst) {
  hostile_->Do("ALTER TABLE \"S\".b OWNER TO analyst");
  EXPECT_THAT(
      Find(own_),
      StatusIs(StatusCode::kFailedPrecondition,
               AllOf(HasSubstr("ALTER TABLE \"S\".\"b\" OWNER TO \"keeper\"; otherwise DROP TABLE"))));
  hostile_->Do("ALTER SCHEMA \"S\" OWNER TO analyst");
  const absl::Status told = Find(own_);
  EXPECT_THAT(told, StatusIs(StatusCode::kFailedPrecondition,
                             AllOf(HasSubstr("the schema \"S\" belongs to the role 'analyst'"),
                                   HasSubstr("ALTER SCHEMA \"S\" OWNER TO \"keeper\", and the same"))));
  EXPECT_TRUE(IsForeign(told));
  hostile_->Do("ALTER SCHEMA \"S\" OWNER TO keeper; ALTER TABLE \"S\".b OWNER TO keeper");
  EXPECT_THAT(Find(own_), IsOk());
}

TEST_F(PostgresOwnRelations, ARoleOfWhichOursIsAMemberIsAnotherRole) {
  hostile_->Do("ALTER TABLE \"S\".b OWNER TO analyst; GRANT analyst TO keeper");
  EXPECT_TRUE(IsForeign(Find(own_)));
  hostile_->Do("REVOKE analyst FROM keeper");
}

TEST_F(PostgresOwnRelations, OurOwnRelationOfAnotherKindIsTold) {
  ASSERT_THAT(keeper_->Execute("CREATE VIEW \"S\".c AS SELECT 1 AS k"), IsOk());
  const absl::Status told = Find(own_);
  EXPECT_THAT(told, StatusIs(StatusCode::kFailedPrecondition,
                             HasSubstr("\"S\".\"c\" is a view of the role 'keeper'")));
  Mend(told);
  ASSERT_THAT(keeper_->Execute("CREATE TABLE \"S\".c (k int) PARTITION BY RANGE (k)"), IsOk());
  EXPECT_THAT(Find(own_),
              StatusIs(StatusCode::kFailedPrecondition, HasSubstr("\"S\".\"c\" is a partitioned table")));
  EXPECT_THAT(Find({.schema = "S", .shared = {"c"}}), IsOk());
}

TEST_F(PostgresOwnRelations, TriggersAndRulesAreToldUnlessTheyAreDisabledOrOnASharedTable) {
  for (const char* const how : {"trigger", "rule"}) {
    SCOPED_TRACE(how);
    hostile_->Take("S", "a", how);
    const absl::Status told = Find(own_);
    EXPECT_THAT(told, StatusIs(StatusCode::kFailedPrecondition, HasSubstr(absl::StrCat("has the ", how))));
    EXPECT_THAT(Find({.schema = "S", .shared = {"a"}}), IsOk());
    if (how == std::string_view("trigger")) {
      hostile_->Do("ALTER TABLE \"S\".a DISABLE TRIGGER hostile");
      EXPECT_THAT(Find(own_), IsOk());
      hostile_->Do("ALTER TABLE \"S\".a ENABLE REPLICA TRIGGER hostile");
      EXPECT_TRUE(IsForeign(Find(own_)));
    }
    Mend(told);
    EXPECT_THAT(Find(own_), IsOk());
  }
}

TEST_F(PostgresOwnRelations, AnArrayTypeTakesNoName) {
  ASSERT_THAT(keeper_->Execute("CREATE TABLE \"S\".c (k int)"), IsOk());
  EXPECT_THAT(Find({.schema = "S", .tables = {"_c"}}), IsOk());
  EXPECT_THAT(keeper_->Execute("CREATE TABLE \"S\"._c (k int)"), IsOk());
}

TEST_F(PostgresOwnRelations, AGuardKeepsTheStatementsAfterItFromRunning) {
  for (const char* const how : {"view", "table"}) {
    SCOPED_TRACE(how);
    hostile_->Take("S", "b", how);
    EXPECT_FALSE(Read(own_, "\"S\".b").ok());
    EXPECT_FALSE(hostile_->Caught());
    hostile_->GiveBack("S", "b", how);
  }
  // The same without a guard: the trap is one.
  hostile_->Take("S", "b", "table");
  EXPECT_THAT(keeper_->Number("SELECT count(*) FROM \"S\".b"), IsOk());
  EXPECT_TRUE(hostile_->Caught());
}

TEST_F(PostgresOwnRelations, APreparedGuardStillLooks) {
  for (int i = 0; i < 10; ++i) EXPECT_THAT(Read(own_, "\"S\".a"), IsOk());
  hostile_->Take("S", "b", "view");
  EXPECT_FALSE(Read(own_, "\"S\".a").ok());
  EXPECT_FALSE(hostile_->Caught());
}

TEST_F(PostgresOwnRelations, ALockRunsNothing) {
  for (const char* const how : {"view", "table"}) {
    SCOPED_TRACE(how);
    hostile_->Take("S", "b", how);
    Transaction transaction(*keeper_);
    ASSERT_THAT(transaction.Begin({.read_only = true}), IsOk());
    keeper_->Execute("LOCK TABLE \"S\".b IN ACCESS SHARE MODE").IgnoreError();
    ASSERT_THAT(transaction.RollBack(), IsOk());
    hostile_->GiveBack("S", "b", how);
  }
  EXPECT_FALSE(hostile_->Caught());
}

TEST_F(PostgresOwnRelations, ARoleThatIsGoneReadsNothing) {
  hostile_->Do("CREATE ROLE passing LOGIN");
  std::string conninfo = hostile_->KeeperConninfo();
  conninfo.replace(conninfo.find("keeper"), 6, "passing");
  const auto passing = Connect(conninfo);
  hostile_->Do("DROP ROLE passing");
  const OwnGuard guard({.schema = "none", .tables = {"none"}});
  EXPECT_FALSE(guard.Find(*passing).ok());
  Pipeline pipeline(*passing);
  guard.QueueIn(pipeline);
  EXPECT_FALSE(pipeline.Run().ok());
}

TEST_F(PostgresOwnRelations, ASessionOfTablesOnlyReadsNoView) {
  hostile_->Take("S", "b", "view");
  const auto opened = Connection::Open({.conninfo = hostile_->KeeperConninfo(), .tables_only = true});
  ASSERT_THAT(opened, IsOk());
  Connection& session = **opened;
  EXPECT_THAT(session.Number("SELECT k FROM \"S\".a"), IsOkAndHolds(7));
  const auto has_it =
      session.Number("SELECT count(*) FROM pg_settings WHERE name = 'restrict_nonsystem_relation_kind'");
  ASSERT_THAT(has_it.status(), IsOk());
  if (*has_it == 0) GTEST_SKIP() << "this PostgreSQL does not have restrict_nonsystem_relation_kind";
  EXPECT_THAT(session.Number("SELECT k FROM \"S\".b").status(),
              StatusIs(StatusCode::kNotFound, HasSubstr("restricted")));
  EXPECT_FALSE(hostile_->Caught());
}

}  // namespace
}  // namespace mirror::postgres::own_relations_test
