// What stands in a mirror's file besides the mirrored tables, when somebody takes it away, and files that are
// no mirror at all.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/tenant/mirror/idle_mirror.h"
#include "tests/server/tenant/tenant_bench.h"

namespace mirror::own_tables_test {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::HasSubstr;
using testing::Not;
using enum absl::StatusCode;

const Position kFive{Lsn{5}, "five"};

std::string Contents(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

class OwnTables : public TenantBench {
 protected:
  void MirrorPeople() { source_->Mirror(People(), {{1, "Ada", 36}}, kFive); }
  /// As far as the next cycle gets.
  absl::Status NextCycle() {
    source_->now += 1'000;
    const absl::StatusOr<Admission> admission = source_->Authenticate();
    if (!admission.ok()) return admission.status();
    source_->cycle = admission->cycle;
    return source_->Announce({People()}).status();
  }
  /// As 'mirrorctl reset --all' has a file set aside; gives the path that it has then.
  std::string SetAside() {
    std::string path;
    EXPECT_TRUE(tenant_->IsUnusable());
    source_->now += 1'000;
    EXPECT_THAT(tenant_->Rebuild(
                    [&](const std::optional<TenantRecord>& owner) {
                      absl::StatusOr<std::string> aside =
                          SetSqliteStoreAside(folder_.path(), "ctx", source_->now, owner);
                      if (aside.ok()) path = *aside;
                      return aside;
                    },
                    source_->now),
                IsOk());
    return path;
  }
};

TEST_F(OwnTables, EachThatIsDroppedByHandIsNoticedAndANewFileCanBeBegun) {
  MirrorPeople();
  std::vector<std::string> names = {"ctx_mirroring"};
  for (const std::vector<Cell>& row : Partner(path()).Ask(
           "SELECT name FROM sqlite_schema WHERE type = 'table' AND name LIKE '\\_mirror\\_%' "
           "ESCAPE '\\' AND name <> '_mirror_layout'")) {
    names.push_back(row.front().bytes);
  }
  ASSERT_GE(names.size(), 19U);
  for (const bool open : {true, false}) {
    for (const std::string& name : names) {
      SCOPED_TRACE(absl::StrCat(name, open ? ", open" : ", closed"));
      if (!open) tenant_.reset();
      ByHand("DROP TABLE " + name);
      if (!open) Restart();
      const absl::Status met = NextCycle();
      EXPECT_THAT(met, StatusIs(kDataLoss, AllOf(HasSubstr(absl::StrCat("'", name, "'")),
                                                 HasSubstr("by hand"), HasSubstr("reset ctx --all"))));
      SetAside();
      MirrorPeople();
      ASSERT_FALSE(HasFailure());
    }
  }
}

TEST_F(OwnTables, OneWhoseColumnsAreOthersCanBeSetAsideWhenAnOperatorMeetsIt) {
  MirrorPeople();
  ByHand("ALTER TABLE _mirror_parts DROP COLUMN data");
  EXPECT_TRUE(tenant_->IsUnusable());
  EXPECT_THAT(catalog_.Messages("mirror.damaged"), HasSubstr("'_mirror_parts.data'"));
  SetAside();
  MirrorPeople();
}

TEST_F(OwnTables, OneWhoseColumnsAreOthersSaysWhatMendsItAndIsSetAside) {
  MirrorPeople();
  for (const char* const column :
       {"_mirror_answers.reason", "_mirror_tenant.holder", "ctx_mirroring.state"}) {
    SCOPED_TRACE(column);
    const std::string_view name = column;
    ByHand(absl::StrCat("ALTER TABLE ", std::string(name.substr(0, name.find('.'))), " RENAME COLUMN ",
                        std::string(name.substr(name.find('.') + 1)), " TO other"));
    EXPECT_THAT(NextCycle(),
                StatusIs(kDataLoss, AllOf(HasSubstr(std::string(name.substr(name.find('.') + 1))),
                                          HasSubstr("reset ctx --all"))));
    SetAside();
    MirrorPeople();
  }
}

TEST_F(OwnTables, OneWhoseColumnsAreOthersIsNeitherSoundNorResumed) {
  MirrorPeople();
  ByHand("ALTER TABLE _mirror_answers RENAME COLUMN reason TO other");
  const auto names_it = StatusIs(kDataLoss, HasSubstr("'_mirror_answers.reason'"));
  EXPECT_THAT(tenant_->CheckIntegrity(), names_it);
  EXPECT_THAT(tenant_->Resume(source_->now), names_it);
  EXPECT_THAT(NextCycle(), names_it);

  ByHand("ALTER TABLE _mirror_answers RENAME COLUMN other TO reason");
  EXPECT_THAT(tenant_->Resume(source_->now), IsOk());
  MirrorPeople();
}

TEST_F(OwnTables, OneWhoseColumnsAreOthersIsDamagedWhenItIsOpened) {
  MirrorPeople();
  tenant_.reset();
  ByHand("ALTER TABLE _mirror_tenant RENAME COLUMN paused TO other");
  Restart();
  EXPECT_THAT(NextCycle(),
              StatusIs(kDataLoss, AllOf(HasSubstr("'_mirror_tenant.paused'"), HasSubstr("reset ctx --all"))));
  SetAside();
  MirrorPeople();
}

TEST_F(OwnTables, ATableWhoseDefinitionIsGoneIsLeftAsItIsAndSaysHowToMendIt) {
  MirrorPeople();
  for (const bool renamed : {true, false}) {
    SCOPED_TRACE(renamed ? "renamed" : "reset");
    ByHand("DELETE FROM _mirror_schema");
    source_->Begin();
    const TableAnswer refused = source_->Announced(People());
    EXPECT_EQ(refused.action, SchemaAction::kRefused);
    EXPECT_THAT(refused.reason,
                AllOf(HasSubstr("record of table 'people' is missing"), HasSubstr("rows were not changed"),
                      HasSubstr("'mirrorctl reset' of the table drops it"), Not(HasSubstr("did not make"))));
    EXPECT_EQ(Visible(People()), (Rows{{1, "Ada", 36}}));
    ASSERT_THAT(source_->Complete(), IsOk());
    if (renamed) {
      ByHand("ALTER TABLE people RENAME TO kept");
    } else {
      ASSERT_THAT(tenant_->Reset({"people"}, source_->now), IsOk());
    }
    MirrorPeople();
    EXPECT_EQ(Visible(People()), (Rows{{1, "Ada", 36}}));
    EXPECT_EQ(Partner(path()).One("SELECT count(*) FROM kept"), Cell(1));
  }
}

TEST_F(OwnTables, ADatabaseOfAnotherProgramIsLeftAsItIs) {
  for (const char* const mode : {"delete", "wal"}) {
    for (const char* const tables :
         {"CREATE TABLE album (id INTEGER PRIMARY KEY); INSERT INTO album VALUES (7)",
          "CREATE VIEW v AS SELECT 1",
          // A source with a change log, put there by mistake.
          "CREATE TABLE _mirror_layout (one INTEGER PRIMARY KEY, layout, program); "
          "INSERT INTO _mirror_layout VALUES (1, 3, 'x'); CREATE TABLE _mirror_source (id)"}) {
      SCOPED_TRACE(absl::StrCat(mode, ": ", tables));
      tenant_.reset();
      for (const char* const suffix : {"", "-wal", "-shm"}) std::filesystem::remove(path() + suffix);
      std::ofstream(path()).close();
      Partner(path()).Run(absl::StrCat("PRAGMA journal_mode = ", mode, "; ", tables));
      const std::string before = Contents(path());
      Restart();
      EXPECT_THAT(NextCycle(), StatusIs(kFailedPrecondition,
                                        AllOf(HasSubstr("another program"), HasSubstr("Move it out"))));
      EXPECT_THAT(catalog_.Messages("mirror.unavailable"), HasSubstr("another program"));
      tenant_.reset();
      EXPECT_EQ(Contents(path()), before);
      Restart();
      const std::string aside = SetAside();
      EXPECT_EQ(Contents(aside), before);
      MirrorPeople();
    }
  }
}

TEST_F(OwnTables, AFileThatIsCutOffWhileNothingOfItIsInMemoryIsDamagedAndNotNew) {
  MirrorPeople();
  ASSERT_THAT(tenant_->UnsignedReceipts(), IsOk());
  const std::shared_ptr<Tenant> tenant(tenant_.get(), [](Tenant*) {});
  ASSERT_TRUE(RestIfIdle(*Tenant::MirrorOf(tenant)));
  std::filesystem::resize_file(path() + "-wal", 0);
  std::filesystem::resize_file(path(), 0);
  EXPECT_THAT(NextCycle(),
              StatusIs(kDataLoss, AllOf(HasSubstr("it is empty"), HasSubstr("reset ctx --all"))));
  EXPECT_THAT(catalog_.Kinds(), Contains("mirror.damaged"));
  SetAside();
  MirrorPeople();
}

}  // namespace
}  // namespace mirror::own_tables_test
