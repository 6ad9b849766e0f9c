#include "server/tenant/tenants.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "server/store/sqlite/file/sqlite_quarantine.h"
#include "server/store/sqlite/sqlite_home.h"
#include "server/tenant/mirror/idle_mirror.h"
#include "tests/server/tenant/tenant_bench.h"

namespace mirror::tenants_test {
namespace {

namespace fs = std::filesystem;

using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

const Position kFive{Lsn{5}, "five"}, kTen{Lsn{10}, "ten"};

std::int64_t NowMs() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

class TenantsTest : public testing::Test {
 protected:
  TenantsTest() : events_(catalog_) {
    spdlog::set_level(spdlog::level::off);
    sqlite_.build_beside = true;
  }

  std::unique_ptr<Tenants> Open() {
    home_.reset();
    absl::StatusOr<std::unique_ptr<StoreHome>> home = OpenSqliteHome(folder_.path(), sqlite_);
    EXPECT_THAT(home, IsOk());
    if (!home.ok()) return nullptr;
    home_ = *std::move(home);
    absl::StatusOr<std::unique_ptr<Tenants>> tenants = Tenants::Open(*home_, options_, events_);
    EXPECT_THAT(tenants, IsOk());
    return tenants.ok() ? *std::move(tenants) : nullptr;
  }
  static Caller CallerOf(const std::string& context_id) {
    return {.context_id = context_id, .issuer = "issuer", .environment = "prod"};
  }
  /// A whole cycle of a new tenant.
  void MirrorPeople(Tenants& tenants, const std::string& context_id, const Rows& rows = {{1, "Ada", 36}}) {
    const auto tenant = tenants.FindOrTakeIn(CallerOf(context_id));
    ASSERT_THAT(tenant, IsOk());
    SourceCalls source(**tenant, context_id);
    source.Mirror(People(), rows, kFive);
  }
  Rows Visible(const std::string& context_id) const {
    return ReadMirror(SqlitePath(folder_.path(), context_id), People());
  }

  ScratchFolder folder_;
  RememberingCatalog catalog_;
  Events events_;
  TenantsOptions options_;
  SqliteOptions sqlite_;
  std::unique_ptr<StoreHome> home_;
};

TEST_F(TenantsTest, AFolderBelongsToOneServer) {
  auto first = Open();
  EXPECT_THAT(OpenSqliteHome(folder_.path(), sqlite_),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr(folder_.path())));
  first.reset();
  home_.reset();
  EXPECT_THAT(OpenSqliteHome(folder_.path(), sqlite_), IsOk());
}

TEST_F(TenantsTest, AFolderThatIsNotThereIsRefused) {
  EXPECT_THAT(OpenSqliteHome(folder_.path() + "/nowhere", sqlite_),
              StatusIs(absl::StatusCode::kFailedPrecondition));
}

TEST_F(TenantsTest, TenantsAreFoundAgainFromTheirFiles) {
  {
    const auto tenants = Open();
    MirrorPeople(*tenants, "Cust-1");
    MirrorPeople(*tenants, "cust_2");
  }
  std::ofstream(folder_.path() + "/Mirror_not a context.db") << "x";
  std::ofstream(folder_.path() + "/other.db") << "x";
  fs::remove(folder_.path() + "/catalog.db");

  const auto tenants = Open();

  EXPECT_THAT(tenants->All(), SizeIs(2));
  const auto found = tenants->Find(CallerOf("Cust-1"));
  ASSERT_THAT(found, IsOk());
  SourceCalls source(**found, "Cust-1");
  source.now += 10'000;
  source.Begin();
  EXPECT_EQ(source.Announced(People()).position, kFive);
}

TEST_F(TenantsTest, ALogThatAKillLeftIsTakenInBehindTheStart) {
  const std::string path = SqlitePath(folder_.path(), "ctx"), kept = folder_.path() + "/kept";
  {
    const auto tenants = Open();
    MirrorPeople(*tenants, "ctx");
    SourceCalls source(**tenants->Find(CallerOf("ctx")), "ctx");
    source.now += 10'000;
    source.Begin();
    ASSERT_THAT(source.Announce({People()}), IsOk());
    ASSERT_THAT(source.Send(People(), {.rows = {{2, "x", 1}}, .base_lsn = 5, .commit = kTen}).status, IsOk());
    for (const char* const suffix : {"", "-wal"}) fs::copy_file(path + suffix, kept + suffix);
  }
  for (const char* const suffix : {"", "-wal"})
    fs::copy_file(kept + suffix, path + suffix, fs::copy_options::overwrite_existing);

  const auto tenants = Open();
  // Nobody calls for it.
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (home_->LogBytes("ctx") > 0 && std::chrono::steady_clock::now() < end) std::this_thread::yield();
  EXPECT_EQ(home_->LogBytes("ctx"), 0U);
  SourceCalls source(**tenants->Find(CallerOf("ctx")), "ctx");
  source.now += 20'000;
  source.Begin("holder", /*take_over=*/true);
  EXPECT_EQ(source.Announced(People()).position, kTen);
}

TEST_F(TenantsTest, WhatHasTheNameOfADeletedMirrorIsLeftAlone) {
  const auto tenants = Open();
  MirrorPeople(*tenants, "ctx");
  const std::shared_ptr<Tenant> deleted = *tenants->Find("ctx");
  int looks = 0;
  deleted->CloseIfIdle();
  WhileClosed(*Tenant::MirrorOf(deleted), [&] { ++looks; });
  EXPECT_EQ(looks, 1);

  ASSERT_THAT(tenants->Delete("ctx"), IsOk());
  ASSERT_THAT(tenants->Allow("ctx"), IsOk());
  MirrorPeople(*tenants, "ctx");
  WhileClosed(*Tenant::MirrorOf(deleted), [&] { ++looks; });
  EXPECT_EQ(looks, 1);
}

TEST_F(TenantsTest, AnotherSpellingOfATenantIsRefusedAndNotTold) {
  const auto tenants = Open();
  MirrorPeople(*tenants, "Cust-1");
  for (const bool take_in : {false, true}) {
    const auto found =
        take_in ? tenants->FindOrTakeIn(CallerOf("CUST-1")) : tenants->Find(CallerOf("CUST-1"));
    EXPECT_THAT(found, StatusIs(absl::StatusCode::kPermissionDenied, testing::Not(HasSubstr("Cust-1"))));
  }
  EXPECT_THAT(tenants->Find(CallerOf("unknown")), StatusIs(absl::StatusCode::kPermissionDenied));
  EXPECT_THAT(tenants->All(), SizeIs(1));
}

TEST_F(TenantsTest, WhatIsNoContextIdReachesNoPath) {
  const auto tenants = Open();
  for (const std::string& id : {std::string(), std::string("../x"), std::string("a/b"), std::string("a b"),
                                std::string("a\0b", 3), std::string(65, 'a'), std::string("\xc3\xa4")}) {
    EXPECT_THAT(tenants->FindOrTakeIn(CallerOf(id)), testing::Not(IsOk())) << id;
  }
  EXPECT_THAT(tenants->All(), IsEmpty());
}

TEST_F(TenantsTest, WithoutProvisioningAnUnknownTenantIsRefused) {
  options_.tenant.automatic_provisioning = false;
  const auto tenants = Open();
  EXPECT_THAT(tenants->FindOrTakeIn(CallerOf("new")), StatusIs(absl::StatusCode::kPermissionDenied));
}

TEST_F(TenantsTest, AProbeOfANewTenantLeavesNothingToList) {
  const auto tenants = Open();
  const auto tenant = tenants->FindOrTakeIn(CallerOf("new"));
  ASSERT_THAT(tenant, IsOk());
  SourceCalls source(**tenant, "new");
  EXPECT_THAT(source.Authenticate("h", false, true), testing::Not(IsOk()));
  EXPECT_THAT(tenants->All(), IsEmpty());
}

TEST_F(TenantsTest, WhatWasOnlyProbedIsForgottenAndWhatIsThereIsNot) {
  const auto tenants = Open();
  MirrorPeople(*tenants, "there");
  ASSERT_THAT(tenants->FindOrTakeIn(CallerOf("new")), IsOk());
  for (const char* const id : {"new", "there", "never-heard-of"}) tenants->ForgetUnlessThere(id);
  EXPECT_THAT(tenants->Find(std::string("new")), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(tenants->Find(std::string("there")), IsOk());

  const auto used = tenants->FindOrTakeIn(CallerOf("new"));
  tenants->ForgetUnlessThere("new");
  EXPECT_THAT(tenants->Find(std::string("new")), IsOk()) << "a call is under way";
}

TEST_F(TenantsTest, ATenantWhoseFileWasMovedAwayIsNotForgotten) {
  { MirrorPeople(*Open(), "Cust"); }
  options_.tenant.automatic_provisioning = false;
  const auto tenants = Open();
  const std::string path = tenants->home().Location("Cust");
  fs::rename(path, path + ".away");
  {
    const auto tenant = tenants->FindOrTakeIn(CallerOf("Cust"));
    ASSERT_THAT(tenant, IsOk());
    EXPECT_THAT(SourceCalls(**tenant, "Cust").Authenticate(), StatusIs(absl::StatusCode::kPermissionDenied));
  }
  tenants->ForgetUnlessThere("Cust");
  EXPECT_THAT(tenants->FindOrTakeIn(CallerOf("CUST")), StatusIs(absl::StatusCode::kPermissionDenied));
  fs::rename(path + ".away", path);

  EXPECT_THAT(tenants->Find(std::string("Cust")), IsOk());
  EXPECT_THAT(tenants->All(), SizeIs(1));
  const auto tenant = tenants->FindOrTakeIn(CallerOf("Cust"));
  ASSERT_THAT(tenant, IsOk());
  SourceCalls source(**tenant, "Cust");
  source.now += 10'000;
  source.Begin();
  EXPECT_EQ(source.Announced(People()).position, kFive);
}

TEST_F(TenantsTest, ASpellingThatWasOnlyProbedDoesNotKeepTheRightOneOut) {
  const auto tenants = Open();
  ASSERT_THAT(tenants->FindOrTakeIn(CallerOf("CUST")), IsOk());
  MirrorPeople(*tenants, "Cust");
  EXPECT_THAT(tenants->FindOrTakeIn(CallerOf("CUST")), StatusIs(absl::StatusCode::kPermissionDenied));
}

TEST_F(TenantsTest, ADamagedTenantIsKnownToBeSoAfterARestart) {
  {
    const auto tenants = Open();
    MirrorPeople(*tenants, "sick");
    MirrorPeople(*tenants, "well");
  }
  ASSERT_THAT(WriteQuarantine(SqlitePath(folder_.path(), "sick"), "pages are lost"), IsOk());
  const auto tenants = Open();
  // What the catalog kept is from before.
  TenantSummary kept;
  kept.known = true;
  kept.rows = 7;
  for (const char* const id : {"sick", "well"}) tenants->Remember(id, kept);
  std::map<std::string, std::string> seen;
  for (const Tenants::Seen& tenant : tenants->AllSeen()) {
    EXPECT_EQ(tenant.summary->rows, 7);
    EXPECT_EQ(tenant.summary->quarantined, !tenant.summary->quarantine.empty());
    seen[tenant.context_id] = tenant.summary->quarantine;
  }
  EXPECT_EQ(seen, (std::map<std::string, std::string>{{"sick", "pages are lost"}, {"well", ""}}));
}

TEST_F(TenantsTest, AMirrorThatAKillLeftWithTwoNamesHasOneAgain) {
  { MirrorPeople(*Open(), "ctx"); }
  const std::string path = SqlitePath(folder_.path(), "ctx");
  ASSERT_THAT(KeepSqliteStore(folder_.path(), "ctx", 1), IsOkAndHolds(path + ".replaced-1"));
  std::ofstream(path + ".replaced-0") << "of an earlier restore";
  ASSERT_EQ(fs::hard_link_count(path), 2U);
  const auto tenants = Open();
  EXPECT_EQ(fs::hard_link_count(path), 1U);
  EXPECT_FALSE(fs::exists(path + ".replaced-1"));
  EXPECT_FALSE(fs::exists(path + ".replaced-1-wal"));
  EXPECT_TRUE(fs::exists(path + ".replaced-0"));
  EXPECT_THAT(Visible("ctx"), SizeIs(1));
}

TEST_F(TenantsTest, ADeletionThatFailsHalfWayKeepsTheSourceAwayAndIsFinishedByTheNext) {
  { MirrorPeople(*Open(), "half"); }
  const auto tenants = Open();
  const std::string index = tenants->home().Location("half") + "-shm";
  fs::remove(index);
  fs::create_directories(index + "/in the way");

  EXPECT_THAT(tenants->Delete("half"), StatusIs(absl::StatusCode::kUnavailable));

  EXPECT_THAT(tenants->FindOrTakeIn(CallerOf("half")), IsOkAndHolds(nullptr));
  EXPECT_THAT(*tenants->Deleted(), testing::ElementsAre("half"));
  EXPECT_THAT(tenants->Allow("Half"), StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(tenants->FindOrMake("half"), StatusIs(absl::StatusCode::kFailedPrecondition));
  fs::remove_all(index);
  ASSERT_THAT(tenants->Delete("half"), IsOk());
  ASSERT_THAT(tenants->Allow("half"), IsOk());
  MirrorPeople(*tenants, "half");
}

TEST_F(TenantsTest, ADeletionTakesWhatWasKeptOfTheMirrorWithIt) {
  const auto tenants = Open();
  MirrorPeople(*tenants, "gone");
  const std::string path = folder_.path() + "/Mirror_gone.db", other = folder_.path() + "/Mirror_gone2.db";
  const std::vector<std::string> kept = {".replaced-7", ".reset-8", ".damaged-9", ".damaged-9-wal"};
  for (const std::string& name : kept) {
    std::ofstream(path + name) << "rows";
    std::ofstream(other + name) << "another tenant's";
  }
  ASSERT_THAT(tenants->Delete("gone"), IsOk());
  for (const std::string& name : kept) {
    EXPECT_FALSE(fs::exists(path + name)) << name;
    EXPECT_TRUE(fs::exists(other + name)) << name;
  }
}

TEST_F(TenantsTest, ADeletionThatCouldNotBeginChangesNothing) {
  const auto tenants = Open();
  MirrorPeople(*tenants, "stays");
  // Whatever the mark is called.
  for (const char* const mark : {".deleted", ".deleting"})
    fs::create_directory(folder_.path() + "/Mirror_stays" + mark);

  EXPECT_THAT(tenants->Delete("stays"), StatusIs(absl::StatusCode::kUnavailable));

  EXPECT_THAT(*tenants->Deleted(), IsEmpty());
  const auto tenant = tenants->FindOrTakeIn(CallerOf("stays"));
  ASSERT_THAT(tenant, IsOk());
  ASSERT_THAT(*tenant, testing::NotNull());
  SourceCalls source(**tenant, "stays");
  source.now += 10'000;
  source.Begin();
  EXPECT_EQ(source.Announced(People()).position, kFive);
}

TEST_F(TenantsTest, AMarkOnDiskThatWasNotKnownOfIsTakenAway) {
  const auto tenants = Open();
  std::ofstream(folder_.path() + "/Mirror_Marked.deleted") << "";
  EXPECT_THAT(tenants->Allow("marked"), IsOk());
  EXPECT_THAT(FindDeletedMarks(folder_.path()), IsOkAndHolds(IsEmpty()));
}

TEST_F(TenantsTest, ADeletedTenantStaysAwayUntilItIsAllowedAgain) {
  auto tenants = Open();
  MirrorPeople(*tenants, "gone");
  MirrorPeople(*tenants, "stays");
  const auto held = tenants->Find(CallerOf("gone"));
  ASSERT_THAT(held, IsOk());

  ASSERT_THAT(tenants->Delete("GONE"), IsOk());

  for (const char* const suffix : {"", "-wal", "-shm"})
    EXPECT_FALSE(fs::exists(tenants->home().Location("gone") + suffix));
  SourceCalls late(**held, "gone");
  EXPECT_THAT(late.Authenticate(), StatusIs(absl::StatusCode::kPermissionDenied))
      << "a call that was under way";
  EXPECT_FALSE(fs::exists(tenants->home().Location("gone")));
  EXPECT_THAT(tenants->Delete("gone"), StatusIs(absl::StatusCode::kNotFound, HasSubstr("mirrorctl allow")));
  // Also over a restart that finds no catalog.
  for (int start = 0; start < 2; ++start) {
    EXPECT_THAT(tenants->FindOrTakeIn(CallerOf("gone")), IsOkAndHolds(nullptr));
    EXPECT_THAT(tenants->FindOrTakeIn(CallerOf("Gone")), IsOkAndHolds(nullptr)) << "whatever its spelling";
    EXPECT_THAT(tenants->Find(CallerOf("gone")), StatusIs(absl::StatusCode::kPermissionDenied));
    EXPECT_THAT(*tenants->Deleted(), testing::ElementsAre("gone"));
    EXPECT_THAT(tenants->Allow("stays"), StatusIs(absl::StatusCode::kNotFound));
    tenants.reset();
    tenants = Open();
  }
  ASSERT_THAT(tenants->Allow("Gone"), IsOk());
  EXPECT_THAT(*tenants->Deleted(), IsEmpty());
  tenants.reset();
  tenants = Open();
  MirrorPeople(*tenants, "gone", {{7, "new", 1}});
  EXPECT_EQ(Visible("gone"), (Rows{{7, "new", 1}}));
  EXPECT_THAT(Visible("stays"), SizeIs(1));
}

TEST_F(TenantsTest, ADeletionThatDiedBeforeItsFilesWereGoneIsFinishedByTheNextStart) {
  { MirrorPeople(*Open(), "half"); }
  ASSERT_THAT(SetDeletingMark(folder_.path(), "half"), IsOk());
  for (int start = 0; start < 2; ++start) {
    const auto tenants = Open();
    EXPECT_FALSE(fs::exists(tenants->home().Location("half")));
    EXPECT_THAT(tenants->FindOrTakeIn(CallerOf("half")), IsOkAndHolds(nullptr));
    EXPECT_THAT(*tenants->Deleted(), testing::ElementsAre("half"));
  }
}

TEST_F(TenantsTest, ADeletionThatIsForgottenLeavesNothingAndKeepsNobodyAway) {
  const auto tenants = Open();
  MirrorPeople(*tenants, "gone");
  std::ofstream(folder_.path() + "/Mirror_gone.db.replaced-7") << "rows";
  ASSERT_THAT(tenants->Delete("Gone", Deleted::kForgotten), IsOk());
  EXPECT_THAT(*tenants->Deleted(), IsEmpty());
  for (const auto& entry : fs::directory_iterator(folder_.path()))
    EXPECT_THAT(entry.path().filename().string(), testing::Not(HasSubstr("gone")));
  EXPECT_THAT(tenants->Delete("gone"), StatusIs(absl::StatusCode::kNotFound, HasSubstr("there is no")));
  MirrorPeople(*tenants, "gone", {{7, "new", 1}});
  EXPECT_EQ(Visible("gone"), (Rows{{7, "new", 1}}));
}

TEST_F(TenantsTest, AForgottenDeletionThatDiedBeforeItsFilesWereGoneIsFinishedByTheNextStart) {
  { MirrorPeople(*Open(), "half"); }
  ASSERT_THAT(SetDeletingMark(folder_.path(), "half", Deleted::kForgotten), IsOk());
  const auto tenants = Open();
  EXPECT_FALSE(fs::exists(tenants->home().Location("half")));
  EXPECT_THAT(*tenants->Deleted(), IsEmpty());
  EXPECT_THAT(FindDeletedMarks(folder_.path()), IsOkAndHolds(IsEmpty()));
  EXPECT_THAT(FindDeletingMarks(folder_.path()), IsOkAndHolds(IsEmpty()));
  MirrorPeople(*tenants, "half");
}

TEST_F(TenantsTest, WhatAnOperatorBeganToDeleteIsNotForgotten) {
  { MirrorPeople(*Open(), "half"); }
  const auto tenants = Open();
  const std::string index = tenants->home().Location("half") + "-shm";
  fs::remove(index);
  fs::create_directories(index + "/in the way");
  ASSERT_THAT(tenants->Delete("half"), StatusIs(absl::StatusCode::kUnavailable));
  fs::remove_all(index);
  ASSERT_THAT(tenants->Delete("half", Deleted::kForgotten), IsOk());
  EXPECT_THAT(*tenants->Deleted(), testing::ElementsAre("half"));
  EXPECT_THAT(tenants->FindOrTakeIn(CallerOf("half")), IsOkAndHolds(nullptr));
}

TEST_F(TenantsTest, AMirrorThatWasPutInADeletedOnesPlaceIsLetInByTheNextStart) {
  const std::string copy = folder_.path() + "/copy";
  {
    const auto tenants = Open();
    MirrorPeople(*tenants, "back");
    Partner(tenants->home().Location("back")).Run("VACUUM INTO '" + copy + "'");
    ASSERT_THAT(tenants->Delete("back"), IsOk());
  }
  // As a restore that died before it was told does.
  fs::rename(copy, SqlitePath(folder_.path(), "back"));
  const auto tenants = Open();
  EXPECT_THAT(*tenants->Deleted(), IsEmpty());
  EXPECT_THAT(Visible("back"), SizeIs(1));
  const auto tenant = tenants->FindOrTakeIn(CallerOf("back"));
  ASSERT_THAT(tenant, IsOk());
  EXPECT_THAT(*tenant, testing::NotNull());
  EXPECT_THAT(catalog_.Kinds(), testing::Contains("tenant.allowed"));
}

TEST_F(TenantsTest, ADamagedMirrorStopsItsOwnTenantOnly) {
  {
    const auto tenants = Open();
    MirrorPeople(*tenants, "sick");
    MirrorPeople(*tenants, "well");
  }
  std::ofstream(SqlitePath(folder_.path(), "sick"), std::ios::trunc) << std::string(9'000, 'x');
  const auto tenants = Open();

  SourceCalls sick(**tenants->Find(CallerOf("sick")), "sick");
  sick.now += 10'000;
  EXPECT_THAT(sick.Authenticate(), StatusIs(absl::StatusCode::kDataLoss));

  SourceCalls well(**tenants->Find(CallerOf("well")), "well");
  well.now += 10'000;
  well.Begin();
  EXPECT_EQ(well.Announced(People()).position, kFive);
  EXPECT_NE((*tenants->Find("sick"))->Info()->quarantine, "");
  EXPECT_EQ((*tenants->Find("well"))->Info()->quarantine, "");
  // The operator gives it up: it begins anew.
  ASSERT_THAT(tenants->Delete("sick"), IsOk());
  ASSERT_THAT(tenants->Allow("sick"), IsOk());
  MirrorPeople(*tenants, "sick", {{2, "again", 1}});
  EXPECT_THAT(Visible("sick"), SizeIs(1));
}

TEST_F(TenantsTest, ACleanStopEndsTheRunningCycles) {
  auto tenants = Open();
  MirrorPeople(*tenants, "ctx");
  const auto tenant = *tenants->Find(CallerOf("ctx"));
  SourceCalls source(*tenant, "ctx");
  source.now = NowMs();  // A stop takes the time from the clock.
  source.Begin();
  ASSERT_THAT(source.Announce({People()}), IsOk());

  tenants->EndCycles();

  EXPECT_THAT(source.Apply(MakeBatch(People(), {.rows = {{2, "x", 1}}, .base_lsn = 5})),
              StatusIs(absl::StatusCode::kAborted));
  EXPECT_TRUE(source.Authenticate("another")->accepted) << "nobody has to wait ten minutes";
}

TEST_F(TenantsTest, ACycleOfAnEarlierServerIsNotEndedByAStop) {
  // A cycle that this process did not serve may go on elsewhere.
  std::int64_t cycle = 0;
  {
    const auto tenants = Open();
    MirrorPeople(*tenants, "ctx");
    SourceCalls source(**tenants->Find(CallerOf("ctx")), "ctx");
    source.now += 10'000;
    source.Begin();
    ASSERT_THAT(source.Announce({People()}), IsOk());
    cycle = source.cycle;
  }
  Open()->EndCycles();
  const auto tenants = Open();
  SourceCalls source(**tenants->Find(CallerOf("ctx")), "ctx");
  source.now += 11'000;
  source.cycle = cycle;
  EXPECT_THAT(source.Send(People(), {.rows = {{2, "x", 1}}, .base_lsn = 5}).status, IsOk())
      << "kill -9 and a start: the source goes on";
}

TEST_F(TenantsTest, FewDatabasesStayOpenForManyTenantsAtOnce) {
  constexpr int kTenants = 20, kThreads = 4, kRounds = 3;
  options_.open_max = 3;
  const auto tenants = Open();
  std::atomic<int> wrong = 0;
  std::atomic<std::size_t> most_open = 0;
  const auto work = [&](int thread) {
    for (int round = 0; round < kRounds; ++round) {
      // Each tenant has one source; its calls come in a row, while others open and close around it.
      for (int i = thread; i < kTenants; i += kThreads) {
        const std::string id = "tenant-" + std::to_string(i);
        const auto tenant = tenants->FindOrTakeIn(CallerOf(id));
        if (!tenant.ok()) {
          ++wrong;
          continue;
        }
        SourceCalls source(**tenant, id);
        source.now += (round + 1) * 10'000;
        const auto admission = source.Authenticate();
        if (!admission.ok() || !admission->accepted) {
          ++wrong;
          continue;
        }
        source.cycle = admission->cycle;
        const auto answers = source.Announce({People()});
        if (!answers.ok() || (*answers)[0].position.lsn.value != (round == 0 ? -1 : round * 10)) ++wrong;
        BatchSpec spec = {.rows = {{i, id, round}}, .base_lsn = round == 0 ? -1 : round * 10};
        if (round == 0) spec.populate = PopulateReason::kMinusOne;
        for (std::uint64_t seq = 1; seq <= 3; ++seq) {
          spec.seq = seq;
          spec.rows[0][0] = i * 100 + static_cast<int>(seq);
          if (seq > 1) spec.populate = PopulateReason::kNone;
          if (seq == 3) spec.commit = Position{Lsn{(round + 1) * 10}, id};
          if (!source.Send(People(), spec).status.ok()) ++wrong;
          std::size_t open = tenants->open_count(), most = most_open;
          while (open > most && !most_open.compare_exchange_weak(most, open)) {
          }
        }
        const auto verdicts = source.Complete({{.table = "people", .row_count = 3}});
        if (!verdicts.ok() || (*verdicts)[0].comparison != Comparison::kEqual) ++wrong;
      }
    }
  };
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) threads.emplace_back(work, i);
  for (std::thread& thread : threads) thread.join();

  EXPECT_EQ(wrong, 0);
  EXPECT_LE(most_open, options_.open_max + kThreads) << "those in use cannot be closed";
  EXPECT_THAT((*tenants->Find("tenant-0"))->Info(), IsOk());
  EXPECT_LE(tenants->open_count(), options_.open_max);
  for (int i = 0; i < kTenants; ++i) {
    const std::string id = "tenant-" + std::to_string(i);
    EXPECT_EQ(Visible(id), (Rows{{i * 100 + 1, id, kRounds - 1},
                                 {i * 100 + 2, id, kRounds - 1},
                                 {i * 100 + 3, id, kRounds - 1}}));
  }
}

/// Connections to SQLite that are open, as long as one of this stands. Threads: one asks while none works.
class OpenConnections {
 public:
  OpenConnections() { sqlite3_auto_extension(reinterpret_cast<void (*)()>(Opened)); }
  ~OpenConnections() { sqlite3_cancel_auto_extension(reinterpret_cast<void (*)()>(Opened)); }

  static int CountWithStatements() {
    const std::lock_guard lock(mutex());
    int count = 0;
    for (sqlite3* const one : all()) count += sqlite3_next_stmt(one, nullptr) != nullptr ? 1 : 0;
    return count;
  }

 private:
  static std::mutex& mutex() {
    static std::mutex mutex;
    return mutex;
  }
  static std::set<sqlite3*>& all() {
    static std::set<sqlite3*> all;
    return all;
  }
  static int Opened(sqlite3* connection, char**, const void*) {
    const std::lock_guard lock(mutex());
    all().insert(connection);
    return sqlite3_create_function_v2(
        connection, "told_when_it_is_closed", 0, SQLITE_UTF8, connection, [](auto...) {}, nullptr, nullptr,
        [](void* closed) {
          const std::lock_guard closing(mutex());
          all().erase(static_cast<sqlite3*>(closed));
        });
  }
};

TEST_F(TenantsTest, TheTenantsWhoseCyclesWereLastKeepTheirStatements) {
  const OpenConnections connections;
  const auto tenants = Open();
  constexpr int kTenants = static_cast<int>(WarmMirrors::kMax) + 5;
  for (int i = 0; i < kTenants; ++i) {
    const std::string id = "tenant-" + std::to_string(i);
    MirrorPeople(*tenants, id);
    SourceCalls source(**tenants->Find(CallerOf(id)), id);
    source.now += 10'000;
    source.Begin();
    ASSERT_THAT(source.Announce({People()}), IsOk());
    ASSERT_THAT(source.Complete({{.table = "people", .row_count = 1}}), IsOk());
    EXPECT_EQ(OpenConnections::CountWithStatements(), std::min(i + 1, static_cast<int>(WarmMirrors::kMax)));
  }
  EXPECT_EQ(tenants->open_count(), static_cast<std::size_t>(kTenants));
}

TEST_F(TenantsTest, ACycleGoesOnOverAClosedDatabase) {
  options_.open_max = 1;
  const auto tenants = Open();
  MirrorPeople(*tenants, "ctx");
  const auto tenant = *tenants->Find(CallerOf("ctx"));
  SourceCalls source(*tenant, "ctx");
  source.now += 10'000;
  source.Begin();
  ASSERT_THAT(source.Announce({People()}), IsOk());
  ASSERT_THAT(source.Send(People(), {.populate = PopulateReason::kRequested, .target = kTen}).status, IsOk());
  for (std::uint64_t seq = 2; seq < 5; ++seq) {
    MirrorPeople(*tenants, "other-" + std::to_string(seq));
    EXPECT_FALSE(tenant->is_open());
    ASSERT_THAT(source.Send(People(), {.rows = {{static_cast<int>(seq), "x", 1}}, .seq = seq}).status,
                IsOk());
  }
  ASSERT_THAT(source.Send(People(), {.seq = 5, .commit = kTen}).status, IsOk());
  EXPECT_THAT(Visible("ctx"), SizeIs(3));
}

}  // namespace
}  // namespace mirror::tenants_test
