// Names of a hub's schema that another role has.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/hub/hub_schema.h"
#include "server/hub/postgres_hub_file.h"
#include "tests/support/hostile/hostile_role.h"
#include "tests/support/postgres_database.h"
#include "tests/support/status_matchers.h"

namespace mirror::foreign_hub_test {
namespace {

using absl::StatusCode;
using testing::HasSubstr;

class ForeignHubTest : public PostgresDatabaseTest {
 protected:
  void Fill() override {
    hostile_.emplace(*server_, conninfo_);
    rules_.storage = "Acme";
    rules_.entities.push_back({.name = "company"});
    auto control = PostgresControl::Open({.conninfo = hostile_->KeeperConninfo()});
    ASSERT_THAT(control.status(), IsOk());
    control_ = *std::move(control);
    auto file = OpenPostgresHubFile(control_, rules_);
    ASSERT_THAT(file.status(), IsOk());
    file_ = *std::move(file);
  }

  HubRules rules_;
  std::optional<HostileRole> hostile_;
  std::shared_ptr<PostgresControl> control_;
  std::unique_ptr<HubFile> file_;
};

TEST_F(ForeignHubTest, ItsRelationsAreAllThatItMakes) {
  const postgres::OwnRelations own = HubSchema("Acme").Own(rules_);
  std::vector<std::string> names = own.tables;
  names.insert(names.end(), own.views.begin(), own.views.end());
  const auto made = connection_->Query(
      "SELECT relname::text FROM pg_class WHERE relnamespace = 'mirror_hub_acme'::regnamespace AND relkind "
      "IN ('r', 'v')");
  ASSERT_THAT(made.status(), IsOk());
  std::vector<std::string> there;
  for (int row = 0; row < made->rows(); ++row) there.push_back(made->Text(row, 0));
  EXPECT_THAT(names, testing::UnorderedElementsAreArray(there));
}

TEST_F(ForeignHubTest, ATableOfAnotherRoleInItIsNotReadOrWritten) {
  for (const std::string& table : HubSchema("Acme").Own(rules_).tables) {
    for (const char* const how : {"view", "table", "trigger", "rule"}) {
      SCOPED_TRACE(absl::StrCat(table, " ", how));
      hostile_->Take("mirror_hub_acme", table, how);
      const auto says = StatusIs(StatusCode::kFailedPrecondition,
                                 HasSubstr(absl::StrCat("\"mirror_hub_acme\".\"", table, "\"")));
      EXPECT_THAT(file_->NoteNews(), says);
      EXPECT_THAT(file_->ReadNews().status(), says);
      EXPECT_THAT(file_->CountAll().status(), says);
      EXPECT_THAT(file_->Alone([] { return absl::OkStatus(); }), says);
      EXPECT_THAT(file_->Transact([](HubBook&) { return absl::OkStatus(); }), says);
      EXPECT_THAT(file_->Rewrite(), says);
      EXPECT_THAT(OpenPostgresHubFile(control_, rules_).status(), says);
      hostile_->GiveBack("mirror_hub_acme", table, how);
    }
  }
  EXPECT_FALSE(hostile_->Caught());
  EXPECT_THAT(file_->NoteNews(), IsOk());
}

TEST_F(ForeignHubTest, OneThatWasRemovedAndTakenIsNotWrittenTo) {
  ASSERT_THAT(file_->NoteNews(), IsOk());
  hostile_->Do("ALTER SCHEMA mirror_hub_acme RENAME TO saved");
  for (const char* const how : {"view", "table"}) {
    SCOPED_TRACE(how);
    hostile_->MakeSchema("mirror_hub_acme");
    for (const char* const table : {"_hub", "_hub_news", "golden_company"})
      hostile_->Take("mirror_hub_acme", table, how, absl::StrCat("saved.", table));
    const auto says = StatusIs(StatusCode::kFailedPrecondition,
                               HasSubstr("the schema \"mirror_hub_acme\" belongs to the role 'analyst'"));
    EXPECT_THAT(file_->NoteNews(), says);
    EXPECT_THAT(OpenPostgresHubFile(control_, rules_).status(), says);
    EXPECT_THAT(RemovePostgresHubFile(*control_, rules_), says);
    hostile_->Do("DROP SCHEMA mirror_hub_acme CASCADE");
  }
  EXPECT_FALSE(hostile_->Caught());
  EXPECT_THAT(RemovePostgresHubFile(*control_, rules_), IsOk());
}

}  // namespace
}  // namespace mirror::foreign_hub_test
