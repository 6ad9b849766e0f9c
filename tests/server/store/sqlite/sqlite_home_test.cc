#include "server/store/sqlite/sqlite_home.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/store/sqlite/file/sqlite_quarantine.h"
#include "tests/support/rows.h"
#include "tests/support/status_matchers.h"

// What StoreHome promises, of a home that is a folder.

namespace mirror::sqlite_home_test {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::UnorderedElementsAre;
using enum absl::StatusCode;

constexpr std::int64_t kNow = 1'700'000'000'000;

class SqliteHomeTest : public testing::Test {
 protected:
  SqliteHomeTest() { OpenHome(false); }

  void OpenHome(bool build_beside) {
    home_.reset();
    SqliteOptions options;
    options.build_beside = build_beside;
    absl::StatusOr<std::unique_ptr<StoreHome>> home = OpenSqliteHome(folder_.path(), options);
    ASSERT_THAT(home, IsOk());
    home_ = *std::move(home);
  }
  absl::StatusOr<std::unique_ptr<Store>> Open(const std::string& context_id, bool create = false) {
    return home_->Open(context_id, create, {});
  }
  /// Makes a mirror of the tenant, which is told apart by the reason of its pause.
  void Make(const std::string& context_id, const std::string& reason) {
    absl::StatusOr<std::unique_ptr<Store>> store = Open(context_id, /*create=*/true);
    ASSERT_THAT(store, IsOk());
    Mark(**store, reason);
  }
  static void Mark(Store& store, const std::string& reason) {
    absl::StatusOr<TenantRecord> tenant = store.records().ReadTenant();
    ASSERT_THAT(tenant, IsOk());
    Plan plan;
    plan.tenant = *tenant;
    plan.tenant->paused = true;
    plan.tenant->pause_reason = reason;
    ASSERT_THAT(store.Commit(plan), IsOk());
  }
  static std::string MarkOf(absl::StatusOr<std::unique_ptr<Store>> store) {
    if (!store.ok()) return absl::StrCat("error: ", store.status().message());
    const absl::StatusOr<TenantRecord> tenant = (*store)->records().ReadTenant();
    return tenant.ok() ? tenant->pause_reason : absl::StrCat("error: ", tenant.status().message());
  }
  static std::string MarkIn(const std::string& path) {
    return Partner(path, /*read_only=*/true).One("SELECT pause_reason FROM _mirror_tenant").bytes;
  }
  std::unique_ptr<MirrorCopy> NewCopy(const std::string& context_id) {
    absl::StatusOr<std::unique_ptr<MirrorCopy>> copy = home_->NewCopy(context_id);
    EXPECT_THAT(copy, IsOk());
    return copy.ok() ? *std::move(copy) : nullptr;
  }
  /// A copy of the mirror as it is, outside of the home.
  std::string CopyOut(const std::string& context_id) {
    const std::string path = absl::StrCat(outside_.path(), "/", context_id, ".db");
    const absl::StatusOr<std::unique_ptr<Store>> store = Open(context_id);
    EXPECT_THAT(store, IsOk());
    const absl::StatusOr<std::unique_ptr<Snapshot>> snapshot = (*store)->OpenSnapshot();
    EXPECT_THAT(snapshot, IsOk());
    const auto made =
        home_->CopyOut(context_id, **snapshot, path, [](std::uint64_t, std::uint64_t) { return true; });
    EXPECT_THAT(made, IsOk());
    EXPECT_EQ(made.value_or(CopyReport{}).bytes, fs::file_size(path));
    EXPECT_THAT(made.value_or(CopyReport{}).left_out, IsEmpty());
    return path;
  }
  std::vector<std::string> Files(const std::string& folder = "") const {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(folder_.path() + folder))
      names.push_back(entry.path().filename().string());
    return names;
  }

  ScratchFolder folder_, outside_;
  std::unique_ptr<StoreHome> home_;
};

// --- The home
// -------------------------------------------------------------------------------------------------

TEST_F(SqliteHomeTest, BelongsToOneProcessAsLongAsItIsOpen) {
  EXPECT_THAT(OpenSqliteHome(folder_.path(), {}), StatusIs(kFailedPrecondition, HasSubstr(folder_.path())));
  home_.reset();
  EXPECT_THAT(OpenSqliteHome(folder_.path(), {}), IsOk());
}

TEST_F(SqliteHomeTest, OneThatIsNotThereIsRefused) {
  EXPECT_THAT(OpenSqliteHome(folder_.path() + "/nowhere", {}),
              StatusIs(kFailedPrecondition, HasSubstr("cannot be written")));
}

TEST_F(SqliteHomeTest, RecoverListsMirrorsAndThoseThatWereBegunAndNothingElse) {
  Make("Cust-1", "one");
  Make("sick", "two");
  ASSERT_THAT(WriteQuarantine(home_->Location("sick"), "pages are lost"), IsOk());
  OpenHome(/*build_beside=*/true);
  TenantRecord owner;
  owner.context_id = "begun";
  ASSERT_THAT(home_->SetAside("begun", kNow, owner), IsOk()) << "there is a claim and no file";
  std::ofstream(folder_.path() + "/Mirror_not a context.db") << "x";
  std::ofstream(folder_.path() + "/other.db") << "x";
  ASSERT_FALSE(fs::exists(home_->Location("begun")));

  const absl::StatusOr<std::vector<StoreHome::Found>> found = home_->Recover();

  ASSERT_THAT(found, IsOk());
  std::vector<std::string> told;
  for (const StoreHome::Found& one : *found) told.push_back(one.context_id + ": " + one.quarantine);
  EXPECT_THAT(told, UnorderedElementsAre("Cust-1: ", "begun: ", "sick: pages are lost"));
  EXPECT_TRUE(home_->Exists("begun"));
  EXPECT_TRUE(home_->Exists("Cust-1"));
  EXPECT_FALSE(home_->Exists("other"));
}

TEST_F(SqliteHomeTest, RecoverRemovesCopiesThatAKillLeftAndPutsALogIntoItsFile) {
  Make("ctx", "before");
  fs::create_directories(absl::StrCat(folder_.path(), "/", kWorkFolder, "/abc"));
  std::string log;
  {
    const absl::StatusOr<std::unique_ptr<Store>> store = Open("ctx");
    Mark(**store, "in the log");
    EXPECT_GT(home_->LogBytes("ctx"), 0U);
    EXPECT_EQ(home_->Bytes("ctx"), fs::file_size(home_->Location("ctx")) + home_->LogBytes("ctx"));
    fs::copy_file(home_->Location("ctx"), outside_.path() + "/ctx.db");
    fs::copy_file(home_->Location("ctx") + "-wal", outside_.path() + "/ctx.db-wal");
  }
  // As kill -9 leaves it.
  for (const char* const part : {"", "-wal"})
    fs::copy_file(outside_.path() + "/ctx.db" + part, home_->Location("ctx") + part,
                  fs::copy_options::overwrite_existing);

  const absl::StatusOr<std::vector<StoreHome::Found>> found = home_->Recover();
  ASSERT_THAT(found, IsOkAndHolds(testing::SizeIs(1)));
  EXPECT_TRUE(found->front().has_log);
  EXPECT_EQ(MarkOf(Open("ctx")), "in the log");

  EXPECT_FALSE(fs::exists(absl::StrCat(folder_.path(), "/", kWorkFolder)));
  EXPECT_EQ(home_->LogBytes("ctx"), 0U);
  EXPECT_EQ(MarkOf(Open("ctx")), "in the log");
}

TEST_F(SqliteHomeTest, AFolderThatIsGoneIsToldOf) {
  const std::string aside = folder_.path() + ".aside";
  fs::rename(folder_.path(), aside);
  EXPECT_THAT(home_->Recover(), StatusIs(kUnavailable, HasSubstr(folder_.path())));
  EXPECT_THAT(home_->FindDeleting(), StatusIs(kUnavailable));
  EXPECT_THAT(home_->FindDeleted(), StatusIs(kUnavailable));
  EXPECT_THAT(home_->BeginDeletion("ctx"), StatusIs(kUnavailable));
  EXPECT_THAT(home_->FindSpace(), StatusIs(kUnavailable, HasSubstr(folder_.path())));
  EXPECT_THAT(home_->SyncTime(), StatusIs(kUnavailable, HasSubstr(folder_.path())));
  EXPECT_THAT(home_->TryWriting(), testing::ElementsAre(testing::AllOf(HasSubstr("nothing can be written"),
                                                                       HasSubstr(folder_.path()))));
  fs::rename(aside, folder_.path());
}

TEST_F(SqliteHomeTest, TellsWhereMirrorsStandAndHowMuchRoomThereIs) {
  Make("ctx", "x");
  EXPECT_EQ(home_->Location("ctx"), folder_.path() + "/Mirror_ctx.db");
  EXPECT_EQ(home_->Location("other"), folder_.path() + "/Mirror_other.db");
  EXPECT_GT(home_->Bytes("ctx"), 0U);
  EXPECT_EQ(home_->Bytes("other"), 0U);
  EXPECT_EQ(home_->LogBytes("other"), 0U);
  const absl::StatusOr<StoreHome::Space> space = home_->FindSpace();
  ASSERT_THAT(space, IsOk());
  EXPECT_GT(space->free_bytes, 0U);
  EXPECT_GT(space->size_bytes, space->free_bytes);
  const std::vector<std::string> before = Files();
  EXPECT_GT(home_->SyncTime()->count(), 0);
  EXPECT_THAT(home_->TryWriting(), testing::IsEmpty());
  EXPECT_EQ(Files(), before);
}

// --- A mirror
// -------------------------------------------------------------------------------------------------

TEST_F(SqliteHomeTest, OpensWhatIsThereAndMakesOneOnlyWhereItIsAsked) {
  EXPECT_THAT(Open("ctx"), StatusIs(kNotFound));
  EXPECT_FALSE(home_->Exists("ctx"));
  Make("ctx", "mine");
  EXPECT_TRUE(home_->Exists("ctx"));
  EXPECT_EQ(MarkOf(Open("ctx")), "mine");
  EXPECT_THAT(Open("../x", true), StatusIs(kInvalidArgument)) << "no context id, so no path";
}

TEST_F(SqliteHomeTest, TheMirrorOfAnotherIsNotTrusted) {
  Make("ctx", "mine");
  fs::copy_file(home_->Location("ctx"), home_->Location("other"));
  EXPECT_THAT(Open("other"), StatusIs(kFailedPrecondition));
}

TEST_F(SqliteHomeTest, WhatRefusesABuildingRefusesTheOpening) {
  OpenHome(/*build_beside=*/true);
  const auto refuse = [] { return absl::ResourceExhaustedError("too many"); };
  EXPECT_THAT(home_->Open("ctx", true, refuse), StatusIs(kResourceExhausted, "too many"));
  EXPECT_FALSE(home_->Exists("ctx"));
  const auto place = std::make_shared<int>(1);
  {
    const auto store =
        home_->Open("ctx", true, [&]() -> absl::StatusOr<std::shared_ptr<void>> { return place; });
    ASSERT_THAT(store, IsOk());
    EXPECT_EQ(place.use_count(), 2);
  }
  EXPECT_EQ(place.use_count(), 1);
}

TEST_F(SqliteHomeTest, WhatIsSetAsideStaysAndTheNewOneIsItsOwnersFromTheBeginning) {
  Make("ctx", "damaged");
  ASSERT_THAT(WriteQuarantine(home_->Location("ctx"), "pages are lost"), IsOk());
  TenantRecord owner;
  owner.context_id = "ctx";
  owner.issuer = "issuer";
  owner.environment = "prod";
  owner.cycle = 7;

  const absl::StatusOr<std::string> aside = home_->SetAside("ctx", kNow, owner);

  ASSERT_THAT(aside, IsOkAndHolds(absl::StrCat(home_->Location("ctx"), ".damaged-", kNow)));
  EXPECT_EQ(MarkIn(*aside), "damaged");
  EXPECT_FALSE(fs::exists(home_->Location("ctx")));
  EXPECT_TRUE(home_->Exists("ctx")) << "the tenant is nobody's at no moment";
  const absl::StatusOr<std::unique_ptr<Store>> store = Open("ctx");
  ASSERT_THAT(store, IsOk());
  const absl::StatusOr<TenantRecord> begun = (*store)->records().ReadTenant();
  ASSERT_THAT(begun, IsOk());
  EXPECT_EQ(begun->issuer, "issuer");
  EXPECT_EQ(begun->cycle, 7);
  EXPECT_EQ((*store)->upkeep().Quarantined(), "");
}

// --- Deletions
// -------------------------------------------------------------------------------------------------

TEST_F(SqliteHomeTest, ADeletionIsKnownFromItsBeginningUntilItIsAllowedAgain) {
  Make("ctx", "x");
  for (const char* const kept : {".replaced-1", ".reset-1", ".damaged-1"})
    std::ofstream(home_->Location("ctx") + kept) << "rows of the customer";
  for (int twice = 0; twice < 2; ++twice) ASSERT_THAT(home_->BeginDeletion("ctx"), IsOk());
  EXPECT_THAT(*home_->FindDeleting(), ElementsAre("ctx"));
  EXPECT_THAT(*home_->FindDeleted(), IsEmpty());
  EXPECT_TRUE(home_->Exists("ctx"));

  ASSERT_THAT(home_->FinishDeletion("ctx"), IsOk());

  EXPECT_FALSE(home_->Exists("ctx"));
  EXPECT_THAT(*home_->FindDeleting(), IsEmpty());
  EXPECT_THAT(*home_->FindDeleted(), ElementsAre("ctx"));
  EXPECT_THAT(Files(), UnorderedElementsAre("server.lock", "Mirror_ctx.deleted"));
  OpenHome(false);
  EXPECT_THAT(*home_->FindDeleted(), ElementsAre("ctx"));
  ASSERT_THAT(home_->AllowAgain("ctx"), IsOk());
  EXPECT_THAT(*home_->FindDeleted(), IsEmpty());
}

TEST_F(SqliteHomeTest, ADeletionThatFailsCanBeFinishedLater) {
  Make("ctx", "x");
  const std::string in_the_way = home_->Location("ctx") + "-shm";
  fs::remove(in_the_way);
  fs::create_directories(in_the_way + "/folder");
  ASSERT_THAT(home_->BeginDeletion("ctx"), IsOk());
  EXPECT_THAT(home_->FinishDeletion("ctx"), StatusIs(kUnavailable, HasSubstr(in_the_way)));
  EXPECT_THAT(*home_->FindDeleting(), ElementsAre("ctx"));
  fs::remove_all(in_the_way);
  EXPECT_THAT(home_->FinishDeletion("ctx"), IsOk());
  EXPECT_THAT(*home_->FindDeleted(), ElementsAre("ctx"));
}

// --- Copies
// -------------------------------------------------------------------------------------------------

TEST_F(SqliteHomeTest, ACopyIsNoMirrorAndGoesWithItsObject) {
  Make("ctx", "mine");
  const std::string path = CopyOut("ctx");
  {
    const std::unique_ptr<MirrorCopy> copy = NewCopy("new");
    EXPECT_FALSE(home_->Exists("new"));
    ASSERT_THAT(copy->CopyOf(path), IsOk());
    EXPECT_EQ(copy->Bytes(), fs::file_size(path));
    EXPECT_THAT(copy->Open(), StatusIs(kFailedPrecondition, HasSubstr("it is the mirror of 'ctx'")));
    EXPECT_FALSE(home_->Exists("new"));
  }
  EXPECT_THAT(Files(absl::StrCat("/", kWorkFolder)), IsEmpty());
  EXPECT_THAT(Files("/"), testing::Not(testing::Contains(HasSubstr("new"))));
}

TEST_F(SqliteHomeTest, ACopyTakesThePlaceOfAMirrorWhichStaysBesideIt) {
  Make("ctx", "older");
  const std::unique_ptr<MirrorCopy> copy = NewCopy("ctx");
  {
    const absl::StatusOr<std::unique_ptr<Store>> store = Open("ctx");
    const absl::StatusOr<std::unique_ptr<Snapshot>> snapshot = (*store)->OpenSnapshot();
    ASSERT_THAT(snapshot, IsOk());
    ASSERT_THAT(copy->CopyOf(**snapshot, [](std::uint64_t, std::uint64_t) { return true; }), IsOk());
    Mark(**store, "newer");
  }
  EXPECT_EQ(MarkOf(copy->Open()), "older");
  {
    const absl::StatusOr<std::unique_ptr<Store>> opened = copy->Open();
    ASSERT_THAT(opened, IsOk());
    Mark(**opened, "older, changed");
    ASSERT_THAT((*opened)->upkeep().CheckWhole({}), IsOk());
  }

  const absl::StatusOr<ReplacedMirror> replaced =
      copy->Replace(kNow, [](std::uint64_t, std::uint64_t) { return true; });

  ASSERT_THAT(replaced, IsOk());
  EXPECT_EQ(replaced->kept, absl::StrCat(home_->Location("ctx"), ".replaced-", kNow));
  EXPECT_EQ(MarkOf(Open("ctx")), "older, changed");
  EXPECT_EQ(MarkIn(replaced->kept), "newer");
}

TEST_F(SqliteHomeTest, ACopyOfATenantWithoutMirrorReplacesNothing) {
  Make("ctx", "mine");
  const std::string path = CopyOut("ctx");
  ASSERT_THAT(home_->BeginDeletion("ctx"), IsOk());
  ASSERT_THAT(home_->FinishDeletion("ctx"), IsOk());
  const std::unique_ptr<MirrorCopy> copy = NewCopy("ctx");
  ASSERT_THAT(copy->CopyOf(path), IsOk());
  EXPECT_THAT(copy->Replace(kNow, [](std::uint64_t, std::uint64_t) { return true; }),
              IsOkAndHolds(testing::Field(&ReplacedMirror::kept, "")));
  EXPECT_EQ(MarkOf(Open("ctx")), "mine");
}

TEST_F(SqliteHomeTest, ACopyIsKeptBesideAMirrorThatGoesOn) {
  Make("ctx", "before");
  const std::unique_ptr<MirrorCopy> copy = NewCopy("ctx");
  ASSERT_THAT(copy->CopyOf(CopyOut("ctx")), IsOk());
  const absl::StatusOr<std::string> kept = copy->Keep(kNow);
  ASSERT_THAT(kept, IsOkAndHolds(absl::StrCat(home_->Location("ctx"), ".reset-", kNow)));
  Mark(**Open("ctx"), "after");
  EXPECT_EQ(MarkIn(*kept), "before");
  EXPECT_EQ(MarkOf(Open("ctx")), "after");
}

TEST_F(SqliteHomeTest, WithoutRoomForACopyNothingIsDone) {
  std::ofstream(absl::StrCat(folder_.path(), "/", kWorkFolder)) << "no folder";
  EXPECT_THAT(home_->NewCopy("ctx"), StatusIs(kUnavailable, HasSubstr("Nothing was done")));
}

TEST_F(SqliteHomeTest, CopiesGoOutsideOfTheHomeUnderWholePaths) {
  EXPECT_THAT(home_->CheckCopyOut(outside_.path() + "/x.db"), IsOk());
  for (const std::string& path :
       {std::string(), std::string("x.db"), folder_.path() + "/x.db",
        folder_.path() + "/../" + fs::path(folder_.path()).filename().string() + "/x"}) {
    EXPECT_THAT(home_->CheckCopyOut(path), StatusIs(kInvalidArgument, HasSubstr("Nothing was done"))) << path;
    EXPECT_THAT(home_->CheckCopyIn(path), StatusIs(kInvalidArgument)) << path;
  }
}

TEST_F(SqliteHomeTest, ACopyIsReadFromAFileThatIsAllThereByItself) {
  Make("ctx", "x");
  const std::string path = CopyOut("ctx");
  EXPECT_THAT(home_->CheckCopyIn(path), IsOk());
  EXPECT_THAT(home_->CheckCopyIn(outside_.path() + "/none.db"), StatusIs(kNotFound));
  EXPECT_THAT(home_->CheckCopyIn(outside_.path()), StatusIs(kNotFound));
  std::ofstream(path + "-wal") << "a log";
  EXPECT_THAT(home_->CheckCopyIn(path),
              StatusIs(kFailedPrecondition, HasSubstr("has a log (-wal) beside it")));
}

}  // namespace
}  // namespace mirror::sqlite_home_test
