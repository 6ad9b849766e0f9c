// Whose change log it is, where two agents read one source.

#include "client/source/sqlite/log/log_check.h"

#include <gmock/gmock.h>

#include <filesystem>
#include <memory>
#include <string>

#include "client/source/sqlite/log/change_log.h"
#include "tests/client/source/logged_source.h"
#include "tests/client/source/source_database.h"
#include "tests/support/status_matchers.h"

namespace mirror::log_owner_test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::IsNull;
using testing::NotNull;

constexpr char kTables[] =
    "CREATE TABLE t(id INTEGER PRIMARY KEY, v); CREATE TABLE u(id INTEGER PRIMARY KEY)";

class LogOwnerTest : public testing::Test {
 protected:
  void SetUp() override {
    Sql(path_, kTables);
    for (const char* const agent : {"a", "b"}) std::filesystem::create_directory(Folder(agent));
  }

  std::string Folder(const std::string& agent) const { return folder_ / agent; }
  ChangeLogOptions Of(const std::string& agent, const std::string& source_id = "") const {
    ChangeLogOptions options;
    options.path = path_;
    options.host = host_;
    options.owner = {"Tenant_" + agent, Folder(agent), host_, source_id};
    return options;
  }
  ChangeLogOptions TakingOver(const std::string& agent) const {
    ChangeLogOptions options = Of(agent);
    options.owner.takes_over = true;
    return options;
  }
  /// With logs of these tables. Gives the source's id.
  std::string Use(const std::string& agent, const std::vector<std::string>& tables) {
    const auto log = ChangeLog::Install(Of(agent));
    EXPECT_THAT(log, IsOk());
    if (!log.ok()) return "";
    EXPECT_THAT((*log)->Bind({}), IsOk());
    EXPECT_THAT((*log)->Renew(tables), IsOk());
    return (*log)->source_id();
  }
  std::vector<std::string> Schema() const {
    return Ask(Application(path_).handle(), "SELECT type, name, sql FROM sqlite_schema");
  }
  auto IsRefusedFor(const std::string& owner) const {
    return StatusIs(absl::StatusCode::kFailedPrecondition,
                    AllOf(HasSubstr("tenant 'Tenant_" + owner + "', state_dir '" + Folder(owner) + "'"),
                          HasSubstr("'mirror-agent install --take-over'")));
  }

  TempFolder folder_;
  std::string path_ = folder_ / "source.db";
  std::string host_ = "here";
};

TEST_F(LogOwnerTest, AnotherAgentIsRefusedAndChangesNothing) {
  const std::string id = Use("a", {"t", "u"});
  const auto before = Schema();
  EXPECT_THAT(ChangeLog::Open(Of("b")).status(), IsRefusedFor("a"));
  EXPECT_THAT(ChangeLog::Install(Of("b")).status(), IsRefusedFor("a"));
  EXPECT_THAT(ChangeLog::Uninstall(Of("b")).status(), IsRefusedFor("a"));
  EXPECT_THAT(ChangeLog::Waiting(path_, Of("b").owner).status(), IsRefusedFor("a"));
  EXPECT_THAT(ExamineLog(path_, {"t", "u"}, Of("b").owner).status(), IsRefusedFor("a"));
  EXPECT_EQ(Schema(), before);
  EXPECT_THAT(ChangeLog::Waiting(path_, Of("a").owner), IsOk());
  EXPECT_THAT(ExamineLog(path_, {"t", "u"}, Of("a").owner), IsOk());
  EXPECT_EQ(Use("a", {"t", "u"}), id);
  EXPECT_EQ(Schema(), before);
  // Another tenant of the same agent is another one, too.
  ChangeLogOptions sibling = Of("a");
  sibling.owner.context_id = "Other";
  EXPECT_THAT(ChangeLog::Open(sibling).status(), IsRefusedFor("a"));
}

TEST_F(LogOwnerTest, WhoTakesItOverHasItAndTheFormerIsRefused) {
  const std::string id = Use("a", {"t"});
  EXPECT_THAT(ChangeLog::Install(TakingOver("b")), IsOkAndHolds(NotNull()));
  EXPECT_THAT(ChangeLog::Open(Of("a")).status(), IsRefusedFor("b"));
  EXPECT_EQ(Use("b", {"t"}), id);
}

TEST_F(LogOwnerTest, ALogWithoutAnOwnerIsThatOfWhoUsesItFirst) {
  Use("a", {"t"});
  Sql(path_, "DROP TABLE _mirror_owner");
  EXPECT_THAT(ChangeLog::Open(Of("b")), IsOkAndHolds(NotNull()));
  EXPECT_THAT(ChangeLog::Open(Of("a")).status(), IsRefusedFor("b"));
  Sql(path_, "DELETE FROM _mirror_owner");
  EXPECT_THAT(ChangeLog::Open(Of("a")), IsOkAndHolds(NotNull()));
  EXPECT_THAT(ChangeLog::Open(Of("b")).status(), IsRefusedFor("a"));
}

TEST_F(LogOwnerTest, TheOwnersUninstallLeavesItToAnybody) {
  Use("a", {"t"});
  EXPECT_THAT(ChangeLog::Uninstall(Of("a")), IsOkAndHolds(true));
  EXPECT_THAT(Ask(Application(path_).handle(), "SELECT name FROM sqlite_schema WHERE name GLOB '_mirror_*'"),
              IsEmpty());
  Use("b", {"u"});
  EXPECT_THAT(ChangeLog::Open(Of("a")).status(), IsRefusedFor("b"));
}

TEST_F(LogOwnerTest, AnOwnerWithoutALogKeepsNobodyOut) {
  Use("a", {"t"});
  // As a program leaves it that knows of no owners.
  Sql(path_,
      "DROP TRIGGER _mirror_1_insert; DROP TRIGGER _mirror_1_update; DROP TRIGGER _mirror_1_delete; DROP "
      "TABLE "
      "_mirror_log_1; DROP TABLE _mirror_source; DROP TABLE _mirror_tables; DROP TABLE _mirror_lineage");
  EXPECT_THAT(ChangeLog::Open(Of("b")), IsOkAndHolds(IsNull()));
  Use("b", {"t"});
  EXPECT_THAT(ChangeLog::Open(Of("a")).status(), IsRefusedFor("b"));
}

TEST_F(LogOwnerTest, AnotherAgentMakesNoLogAnewThatIsNotWhole) {
  Use("a", {"t"});
  Sql(path_, "DROP TABLE _mirror_lineage");
  EXPECT_THAT(ChangeLog::Install(Of("b")).status(), IsRefusedFor("a"));
  EXPECT_THAT(ChangeLog::Uninstall(Of("b")).status(), IsRefusedFor("a"));
  EXPECT_THAT(ChangeLog::Install(Of("a")), IsOkAndHolds(NotNull()));
}

TEST_F(LogOwnerTest, AStateFolderThatWasMovedOwnsItStill) {
  const std::string id = Use("a", {"t"});
  ChangeLogOptions moved = Of("a", id);
  moved.owner.state_dir = Folder("c");
  EXPECT_THAT(ChangeLog::Open(moved).status(), IsRefusedFor("a")) << "it is there still";
  std::filesystem::rename(Folder("a"), Folder("c"));
  ChangeLogOptions unknown = moved;
  unknown.owner.source_id = "another";
  EXPECT_THAT(ChangeLog::Open(unknown).status(), IsRefusedFor("a"));
  ChangeLogOptions other = moved;
  other.owner.context_id = "Other";
  EXPECT_THAT(ChangeLog::Open(other).status(), IsRefusedFor("a"));
  EXPECT_THAT(ChangeLog::Open(moved), IsOkAndHolds(NotNull()));
  EXPECT_THAT(ChangeLog::Open(moved), IsOkAndHolds(NotNull()));
}

TEST_F(LogOwnerTest, ThatOfACopiedFileIsNobodysAndThatOfARenamedOneIsNot) {
  Use("a", {"t"});
  const std::string first = path_;
  path_ = folder_ / "copy.db";
  std::filesystem::copy_file(first, path_);
  EXPECT_THAT(ChangeLog::Open(Of("b")), IsOkAndHolds(NotNull()));
  path_ = folder_ / "renamed.db";
  std::filesystem::rename(first, path_);
  EXPECT_THAT(ChangeLog::Open(Of("b")).status(), IsRefusedFor("a"));
  EXPECT_THAT(ChangeLog::Open(Of("a")), IsOkAndHolds(NotNull()));
  host_ = "there";
  EXPECT_THAT(ChangeLog::Open(Of("b")), IsOkAndHolds(NotNull())) << "on another machine it is a copy";
}

TEST_F(LogOwnerTest, WhoDoesNotAskChangesNoOwner) {
  ChangeLogOptions nobody = Of("b");
  nobody.owner = {};
  EXPECT_THAT(ChangeLog::Install(nobody), IsOkAndHolds(NotNull()));
  Use("a", {"t"});
  EXPECT_THAT(ChangeLog::Open(nobody), IsOkAndHolds(NotNull()));
  EXPECT_THAT(ChangeLog::Open(Of("b")).status(), IsRefusedFor("a"));
}

}  // namespace
}  // namespace mirror::log_owner_test
