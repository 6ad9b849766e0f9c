#include "server/tenant/tenant.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <functional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "tests/server/tenant/tenant_bench.h"
#include "tests/support/forwarding_store.h"

// Cycles without the network: what a source is answered, and what the mirror holds afterwards.

namespace mirror::tenant_test {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

constexpr absl::StatusCode kAborted = absl::StatusCode::kAborted;
constexpr absl::StatusCode kFailedPrecondition = absl::StatusCode::kFailedPrecondition;
constexpr absl::StatusCode kPermissionDenied = absl::StatusCode::kPermissionDenied;

const Position kFive{Lsn{5}, "five"}, kTen{Lsn{10}, "ten"}, kTwenty{Lsn{20}, "twenty"};

class TenantTest : public TenantBench {
 protected:
  using TenantBench::TenantBench;

  /// people(1 Ada 36, 2 Grace 45) at LSN 5, by a cycle that was completed.
  void MirrorPeople() { source_->Mirror(People(), {{1, "Ada", 36}, {2, "Grace", 45}}, kFive); }
  /// The same, and another cycle is running in which it is announced.
  void BeginAgain() {
    source_->Begin();
    ASSERT_THAT(source_->Announce({People()}), IsOk());
  }
  static BatchSpec Rows5(Rows rows, std::uint64_t seq = 1, std::optional<Position> commit = {}) {
    return {.rows = std::move(rows), .seq = seq, .base_lsn = 5, .target = kTen, .commit = std::move(commit)};
  }
};

// --- Authenticate
// -------------------------------------------------------------------------------------------

TEST_F(TenantTest, TheFirstContactMakesTheMirrorAndBeginsACycle) {
  const auto admission = source_->Authenticate();

  ASSERT_THAT(admission, IsOk());
  EXPECT_TRUE(admission->accepted);
  EXPECT_EQ(admission->cycle, source_->now);
  EXPECT_TRUE(std::filesystem::exists(path()));
  EXPECT_THAT(catalog_.Kinds(), Contains("tenant.created"));
}

class WithoutProvisioning : public TenantTest {
 protected:
  WithoutProvisioning() : TenantTest(TenantOptions{.automatic_provisioning = false}) {}
};

TEST_F(WithoutProvisioning, ANewTenantIsRefusedAndLeavesNoFile) {
  EXPECT_THAT(source_->Authenticate(), StatusIs(kPermissionDenied, HasSubstr("operator")));
  EXPECT_FALSE(std::filesystem::exists(path()));
}

TEST_F(TenantTest, AProbeOfANewTenantLeavesNoFile) {
  EXPECT_THAT(source_->Authenticate("holder", false, true), StatusIs(kPermissionDenied));
  EXPECT_FALSE(std::filesystem::exists(path()));
}

TEST_F(TenantTest, AProbeBeginsNoCycleAndDisturbsNone) {
  MirrorPeople();
  BeginAgain();

  const auto probe = source_->Authenticate("other", true, true);

  ASSERT_THAT(probe, IsOk());
  EXPECT_FALSE(probe->accepted);
  EXPECT_THAT(source_->Send(People(), Rows5({{3, "Joan", 1}})).status, IsOk());
}

TEST_F(TenantTest, TheCycleIsTheTimeAndAlwaysGrows) {
  source_->Begin();
  const std::int64_t first = source_->cycle;
  ASSERT_THAT(source_->Complete(), IsOk());

  const auto same_moment = source_->Authenticate();
  ASSERT_THAT(same_moment, IsOk());
  EXPECT_GT(same_moment->cycle, first);
  source_->cycle = same_moment->cycle;
  ASSERT_THAT(source_->Complete(), IsOk());

  source_->now -= 60'000;  // The clock goes back; tokens are still good.
  const auto earlier = source_->Authenticate();
  ASSERT_THAT(earlier, IsOk());
  EXPECT_GT(earlier->cycle, same_moment->cycle);
  source_->cycle = earlier->cycle;
  ASSERT_THAT(source_->Complete(), IsOk());

  source_->now += 120'000;
  EXPECT_EQ(source_->Authenticate()->cycle, source_->now);
}

TEST_F(TenantTest, ARunningCycleIsBusyWithItsHolder) {
  MirrorPeople();
  source_->Begin("lock-1");
  const std::int64_t since = source_->now;
  ASSERT_THAT(source_->Announce({People()}), IsOk());
  source_->now += 5'000;

  const auto admission = source_->Authenticate("lock-2");

  ASSERT_THAT(admission, IsOk());
  EXPECT_FALSE(admission->accepted);
  ASSERT_TRUE(admission->busy);
  EXPECT_EQ(admission->busy->cycle, source_->cycle);
  EXPECT_EQ(admission->busy->holder, "lock-1");
  EXPECT_EQ(admission->busy->since_ms, since);
  EXPECT_THAT(source_->Send(People(), Rows5({{3, "Joan", 1}})).status, IsOk()) << "the cycle goes on";
}

struct TakeOver {
  std::string name, holder;
  bool take_over = false, accepted = false;
};

class TakeOverTest : public TenantTest, public testing::WithParamInterface<TakeOver> {};

TEST_P(TakeOverTest, IsForTheOwnHolderOnly) {
  MirrorPeople();
  source_->Begin("lock-1");
  ASSERT_THAT(source_->Announce({People()}), IsOk());
  const std::int64_t first = source_->cycle;
  source_->now += 1'000;

  const auto admission = source_->Authenticate(GetParam().holder, GetParam().take_over);

  ASSERT_THAT(admission, IsOk());
  EXPECT_EQ(admission->accepted, GetParam().accepted);
  EXPECT_EQ(admission->busy.has_value(), !GetParam().accepted);
  source_->cycle = first;
  const BatchOutcome outcome = source_->Send(People(), Rows5({{3, "Joan", 1}}));
  EXPECT_THAT(outcome.status.code(), GetParam().accepted ? kAborted : absl::StatusCode::kOk);
}

INSTANTIATE_TEST_SUITE_P(Holder, TakeOverTest,
                         testing::Values(TakeOver{"Own", "lock-1", true, true},
                                         TakeOver{"OwnWithoutAsking", "lock-1", false, false},
                                         TakeOver{"Another", "lock-2", true, false},
                                         TakeOver{"None", "", true, false},
                                         TakeOver{"OwnInAnotherCase", "LOCK-1", true, false}),
                         [](const auto& test) { return test.param.name; });

TEST_F(TenantTest, ACycleWithoutHolderCannotBeTakenOver) {
  source_->Begin("");
  EXPECT_FALSE(source_->Authenticate("", true)->accepted);
}

TEST_F(TenantTest, AfterTenMinutesWithoutProgressTheNextOneMayBegin) {
  source_->Begin();
  source_->now += 600'000;
  EXPECT_FALSE(source_->Authenticate("other")->accepted);
  source_->now += 1;
  EXPECT_TRUE(source_->Authenticate("other")->accepted);
}

TEST_F(TenantTest, AfterTenMinutesWithoutProgressTheCycleIsOverThoughNobodyTookItsPlace) {
  MirrorPeople();
  BeginAgain();
  source_->now += 600'001;

  EXPECT_THAT(source_->Apply(MakeBatch(People(), Rows5({{3, "Joan", 1}}))),
              StatusIs(kAborted, HasSubstr("no progress")));

  EXPECT_THAT(Visible(People()), SizeIs(2));
  EXPECT_TRUE(source_->Authenticate("other")->accepted);
}

TEST_F(TenantTest, ProgressKeepsACycleAlive) {
  MirrorPeople();
  BeginAgain();
  for (int i = 1; i <= 3; ++i) {
    source_->now += 599'000;
    ASSERT_THAT(source_->Send(People(), Rows5({{i, "x", i}}, static_cast<std::uint64_t>(i))).status, IsOk());
  }
  EXPECT_THAT(source_->Complete(), IsOk());
}

TEST_F(TenantTest, TablesThatAreNotAnnouncedAnyMoreAreAnEvent) {
  MirrorPeople();
  BeginAgain();
  EXPECT_EQ(catalog_.Messages("tables.retired"), "");
  ASSERT_THAT(source_->Complete(), IsOk());
  source_->Begin();
  ASSERT_THAT(source_->Announce({Pairs()}), IsOk());
  EXPECT_THAT(catalog_.Messages("tables.retired"), HasSubstr("1 table any more: people"));
}

/// Eleven minutes pass from each look at it to the next.
std::chrono::steady_clock::time_point HurryingTime() {
  static std::atomic<int> looks = 0;
  return std::chrono::steady_clock::time_point(std::chrono::minutes(11 * ++looks));
}

TEST_F(TenantTest, ACallThatTakesElevenMinutesIsProgressUntilItsEnd) {
  MirrorPeople();
  options_.steady_now = &HurryingTime;
  Restart();
  BeginAgain();
  ASSERT_THAT(source_->Send(People(), Rows5({{1, "x", 1}}, 1)).status, IsOk());
  source_->now += 11 * 60'000;
  EXPECT_FALSE(source_->Authenticate("other")->accepted);
  ASSERT_THAT(source_->Send(People(), Rows5({{2, "x", 2}}, 2)).status, IsOk());
  source_->now += 21 * 60'000;
  EXPECT_FALSE(source_->Authenticate("other")->accepted);
  source_->now += 1;
  EXPECT_TRUE(source_->Authenticate("other")->accepted);
}

TEST_F(TenantTest, APausedTenantDoesNotReplicateUntilItIsResumed) {
  MirrorPeople();
  BeginAgain();
  ASSERT_THAT(tenant_->Pause("moving house", source_->now), IsOk());

  EXPECT_THAT(source_->Apply(MakeBatch(People(), Rows5({{3, "Joan", 1}}))), StatusIs(kAborted));
  Restart();
  const auto paused = source_->Authenticate();
  ASSERT_THAT(paused, IsOk());
  EXPECT_FALSE(paused->accepted);
  EXPECT_TRUE(paused->do_not_replicate);
  EXPECT_EQ(paused->reason, "moving house");

  ASSERT_THAT(tenant_->Resume(source_->now), IsOk());
  source_->Begin();
  EXPECT_EQ(source_->Announced(People()).position, kFive);
}

struct Stranger {
  std::string name, issuer, environment;
};

class StrangerTest : public TenantTest, public testing::WithParamInterface<Stranger> {};

TEST_P(StrangerTest, IsRefusedByEveryCallAndChangesNothing) {
  MirrorPeople();
  BeginAgain();
  const Caller own = source_->caller;
  source_->caller.issuer = GetParam().issuer;
  source_->caller.environment = GetParam().environment;
  const TestBatch batch = MakeBatch(People(), Rows5({{3, "Joan", 1}}));

  EXPECT_THAT(source_->Authenticate("holder", true), StatusIs(kPermissionDenied));
  EXPECT_THAT(source_->Authenticate("holder", false, true), StatusIs(kPermissionDenied));
  EXPECT_THAT(source_->Announce({Pairs()}), StatusIs(kPermissionDenied));
  EXPECT_THAT(source_->Apply(batch), StatusIs(kPermissionDenied));
  EXPECT_THAT(tenant_->Wipe(source_->caller, source_->cycle, "people", kTen, PopulateReason::kRequested,
                            source_->now),
              StatusIs(kPermissionDenied));
  EXPECT_THAT(source_->Complete(), StatusIs(kPermissionDenied));

  source_->caller = own;
  EXPECT_THAT(source_->Apply(batch), IsOk()) << "the owner's cycle goes on";
  EXPECT_THAT(Visible(People()), SizeIs(3));
}

INSTANTIATE_TEST_SUITE_P(Owner, StrangerTest,
                         testing::Values(Stranger{"Issuer", "another", "prod"},
                                         Stranger{"Environment", "issuer", "stage"},
                                         Stranger{"NoIssuer", "", "prod"},
                                         Stranger{"IssuerInAnotherCase", "Issuer", "prod"}),
                         [](const auto& test) { return test.param.name; });

TEST_F(TenantTest, ANonceIsGoodForOneAuthenticate) {
  MirrorPeople();
  source_->Begin();
  const Caller used = source_->caller;
  Restart();

  // The endpoint answers UNAUTHENTICATED for it.
  EXPECT_THAT(tenant_->Authenticate(used, "holder", true, false, source_->now),
              StatusIs(absl::StatusCode::kUnauthenticated, HasSubstr("nonce")));
  EXPECT_THAT(tenant_->Authenticate(used, "holder", true, true, source_->now),
              StatusIs(absl::StatusCode::kUnauthenticated));
  source_->caller = used;
  EXPECT_THAT(source_->Announce({People()}), IsOk()) << "the running cycle goes on";
}

TEST_F(TenantTest, ATokenThatEndsBeforeTheHighestTimeSeenCannotBeJudged) {
  MirrorPeople();
  const std::int64_t present = source_->now;
  source_->now += 86'400'000;  // The server's clock is a day ahead for one call.
  source_->Begin();
  ASSERT_THAT(source_->Complete(), IsOk());
  source_->now = present + 1'000;

  EXPECT_THAT(source_->Authenticate(), StatusIs(absl::StatusCode::kUnauthenticated, HasSubstr("clock")));

  ASSERT_THAT(tenant_->Resume(source_->now), IsOk());
  source_->Begin();
  EXPECT_EQ(source_->Announced(People()).position, kFive);
}

class FewNonces : public TenantTest {
 protected:
  FewNonces() : TenantTest(TenantOptions{.nonces_max = 3}) {}
};

TEST_F(FewNonces, FullMemoryRefusesAuthenticateAndTheRunningCycleGoesOn) {
  source_->Begin();
  ASSERT_THAT(source_->Announce({People()}), IsOk());
  ASSERT_THAT(source_->Authenticate("other"), IsOk());
  ASSERT_THAT(source_->Authenticate("other"), IsOk());

  EXPECT_THAT(source_->Authenticate("other"), StatusIs(absl::StatusCode::kResourceExhausted));

  source_->Populate(People(), {{1, "Ada", 36}}, kFive);
  ASSERT_THAT(source_->Complete(), IsOk());
  source_->now += 400'000;  // Their tokens have expired.
  EXPECT_TRUE(source_->Authenticate()->accepted);
}

// --- TableSchema
// --------------------------------------------------------------------------------------------

TEST_F(TenantTest, TheFirstAnnouncementCreatesAndTheNextFindsAllUnchanged) {
  source_->Begin();
  const TableAnswer created = source_->Announced(People());
  EXPECT_TRUE(created.wanted);
  EXPECT_EQ(created.action, SchemaAction::kCreated);
  EXPECT_EQ(created.position, Position{});
  EXPECT_EQ(created.schema_hash, SchemaHash(People()));
  source_->Populate(People(), {{1, "Ada", 36}}, kFive);
  ASSERT_THAT(source_->Complete(), IsOk());

  source_->Begin();
  const TableAnswer unchanged = source_->Announced(People());
  EXPECT_EQ(unchanged.action, SchemaAction::kUnchanged);
  EXPECT_EQ(unchanged.position, kFive);
  EXPECT_EQ(unchanged.pending, std::nullopt);
  EXPECT_EQ(unchanged.row_count, 1);
}

TEST_F(TenantTest, OnlyTheRunningCycleMayAnnounce) {
  MirrorPeople();
  EXPECT_THAT(source_->Announce({People()}), StatusIs(kAborted)) << "it was completed";
  BeginAgain();
  source_->cycle += 1;
  EXPECT_THAT(source_->Announce({People()}), StatusIs(kAborted));
}

TEST_F(TenantTest, TheSameAnnouncementAgainGetsTheSameAnswer) {
  MirrorPeople();
  TableSchema changed = People();
  changed.columns[2].type = Type::kInt64;
  source_->Begin();
  const std::vector<AnnouncedTable> tables = {
      {"people", changed}, {"pairs", Pairs()}, {"bad", absl::InvalidArgumentError("table 'bad': it is odd")}};
  const auto announce = [&] {
    return TablesOf(
        tenant_->Announce(source_->caller, source_->cycle, "source", "digest", tables, source_->now));
  };
  const auto first = announce();
  ASSERT_THAT(first, IsOk());
  ASSERT_THAT(*first, SizeIs(3));
  EXPECT_EQ((*first)[0].action, SchemaAction::kAltered);
  EXPECT_EQ((*first)[1].action, SchemaAction::kCreated);
  EXPECT_EQ((*first)[2].action, SchemaAction::kRefused);

  for (const bool restarted : {false, true}) {
    if (restarted) {
      const std::int64_t cycle = source_->cycle;
      Restart();
      source_->cycle = cycle;
    }
    const auto again = announce();
    ASSERT_THAT(again, IsOk());
    for (std::size_t i = 0; i < 3; ++i) {
      EXPECT_EQ((*again)[i].action, (*first)[i].action);
      EXPECT_EQ((*again)[i].reason, (*first)[i].reason);
      EXPECT_EQ((*again)[i].wanted, (*first)[i].wanted);
      EXPECT_EQ((*again)[i].schema_hash, (*first)[i].schema_hash);
    }
  }
  ASSERT_THAT(source_->Send(changed, Rows5({{3, "x", 1}})).status, IsOk());
  EXPECT_THAT(announce(), IsOk()) << "after a batch, too";
}

TEST_F(TenantTest, AnotherAnnouncementIsTakenBeforeTheFirstBatch) {
  MirrorPeople();
  BeginAgain();
  const auto other = source_->Announce({People(), Pairs()});
  ASSERT_THAT(other, IsOk());
  EXPECT_EQ((*other)[1].action, SchemaAction::kCreated);
}

struct AfterBatch {
  std::string name;
  BatchSpec spec;
};

class AnotherAnnouncement : public TenantTest, public testing::WithParamInterface<AfterBatch> {};

TEST_P(AnotherAnnouncement, IsRefusedAfterABatch) {
  MirrorPeople();
  BeginAgain();
  ASSERT_THAT(source_->Send(People(), GetParam().spec).status, IsOk());

  EXPECT_THAT(source_->Announce({People(), Pairs()}), StatusIs(kFailedPrecondition, HasSubstr("next one")));

  EXPECT_EQ(Partner(path()).One("SELECT count(*) FROM sqlite_schema WHERE name = 'pairs'"), Cell(0));
}

INSTANTIATE_TEST_SUITE_P(
    Batch, AnotherAnnouncement,
    testing::Values(AfterBatch{"WithRows", {.rows = {{3, "Joan", 1}}, .base_lsn = 5}},
                    AfterBatch{"OfCommitOnly", {.base_lsn = 5, .commit = Position{Lsn{10}, "ten"}}},
                    AfterBatch{"OfAPopulation", {.populate = PopulateReason::kRequested}}),
    [](const auto& test) { return test.param.name; });

TEST_F(TenantTest, ARefusedTableStopsNoOtherAndIsNotDropped) {
  MirrorPeople();
  source_->Begin();

  const auto answers = TablesOf(tenant_->Announce(
      source_->caller, source_->cycle, "source", "d",
      {{"PEOPLE", absl::InvalidArgumentError("table 'PEOPLE': a column twice")}, {"pairs", Pairs()}},
      source_->now));

  ASSERT_THAT(answers, IsOk());
  EXPECT_FALSE((*answers)[0].wanted);
  EXPECT_THAT((*answers)[0].reason, HasSubstr("a column twice"));
  EXPECT_TRUE((*answers)[1].wanted);
  EXPECT_THAT(Visible(People()), SizeIs(2));
  for (const bool restarted : {false, true}) {
    if (restarted) Restart();
    EXPECT_THAT(source_->Send(People(), Rows5({{3, "Joan", 1}})).status,
                StatusIs(kFailedPrecondition, HasSubstr("not agreed")));
    EXPECT_THAT(
        tenant_
            ->Wipe(source_->caller, source_->cycle, "people", kTen, PopulateReason::kRequested, source_->now)
            ->status,
        StatusIs(kFailedPrecondition));
  }
  EXPECT_THAT(Visible(People()), SizeIs(2));
  ASSERT_THAT(source_->Complete(), IsOk());
  source_->Begin();
  EXPECT_EQ(source_->Announced(People()).position, kFive) << "well again, and where it was";
}

TEST_F(TenantTest, ATableUnderANameOfTheMirrorsOwnIsRefused) {
  source_->Begin();
  const auto answers =
      source_->Announce({People("ctx_mirroring"), People("_mirror_tenant"), People("sqlite_x"), People()});
  ASSERT_THAT(answers, IsOk());
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ((*answers)[static_cast<std::size_t>(i)].action, SchemaAction::kRefused);
    EXPECT_FALSE((*answers)[static_cast<std::size_t>(i)].wanted);
  }
  EXPECT_EQ((*answers)[3].action, SchemaAction::kCreated);
}

TEST_F(TenantTest, ATableThatSomebodyElseMadeIsRefusedAndLeftAlone) {
  source_->Begin();
  ByHand("CREATE TABLE people (mine TEXT); INSERT INTO people VALUES ('precious')");

  const TableAnswer answer = source_->Announced(People());

  EXPECT_EQ(answer.action, SchemaAction::kRefused);
  EXPECT_THAT(answer.reason, HasSubstr("did not make"));
  EXPECT_EQ(Partner(path()).One("SELECT mine FROM people"), Cell("precious"));
  EXPECT_THAT(source_->Send(People(), {.rows = {{1, "x", 1}}, .populate = PopulateReason::kRequested}).status,
              StatusIs(kFailedPrecondition));
}

TEST_F(TenantTest, ATableThatIsGoneAtTheSourceIsPutAsideAndComesBackNew) {
  MirrorPeople();
  source_->Mirror(Pairs(), {{1, "b", "v"}}, kFive);  // people is not listed any more.

  EXPECT_ANY_THROW(Visible(People()));
  const auto aside = [&] {
    return Partner(path())
        .One(
            "SELECT count(*) FROM sqlite_schema WHERE name LIKE '\\_mirror\\_dropped\\__%' ESCAPE '\\' AND "
            "type = 'table'")
        .integer;
  };
  EXPECT_EQ(aside(), 1);

  source_->Begin();
  const auto answers = source_->Announce({People(), Pairs()});
  ASSERT_THAT(answers, IsOk());
  EXPECT_EQ((*answers)[0].action, SchemaAction::kCreated);
  EXPECT_EQ((*answers)[0].position, Position{});
  EXPECT_THAT(Visible(People()), IsEmpty());
  EXPECT_EQ(aside(), 1);
  ASSERT_THAT(source_->Complete(), IsOk());

  source_->now += 7LL * 86'400'000;
  source_->Begin();
  ASSERT_THAT(source_->Announce({People(), Pairs()}), IsOk());
  EXPECT_EQ(aside(), 0) << "seven days later";
}

/// Fails the n-th commit as a full disk would: nothing of it is there.
class FailingStore final : public ForwardingStore {
 public:
  FailingStore(std::unique_ptr<Store> store, int* countdown)
      : ForwardingStore(std::move(store)), countdown_(countdown) {}

 protected:
  absl::StatusOr<CommitResult> CommitWork(StoreWork& work, const Plan& plan, Savepoints savepoints) override {
    if (*countdown_ > 0 && --*countdown_ == 0) return absl::UnavailableError("the disk is full");
    return ForwardingStore::CommitWork(work, plan, savepoints);
  }

 private:
  int* countdown_;
};

TEST_F(TenantTest, AnAnnouncementThatFailedHalfWayIsSafeToRepeat) {
  for (const int failing : {1, 2, 3}) {
    SCOPED_TRACE(failing);
    RememberingCatalog catalog;
    Events events(catalog);
    ScratchFolder folder;
    int countdown = 0;
    Tenant tenant(
        "ctx",
        [&](bool create) -> absl::StatusOr<std::unique_ptr<Store>> {
          auto store = OpenSqliteStore(folder.path(), "ctx", create, {});
          if (!store.ok()) return store.status();
          return std::make_unique<FailingStore>(*std::move(store), &countdown);
        },
        TenantOptions{}, events, [](Tenant&) {});
    SourceCalls source(tenant, "ctx");
    // In the former cycle `people` was refused and `pairs` made.
    source.Begin();
    ASSERT_THAT(
        tenant.Announce(source.caller, source.cycle, "source", "1",
                        {{"people", absl::InvalidArgumentError("table 'people': odd")}, {"pairs", Pairs()}},
                        source.now),
        IsOk());
    ASSERT_THAT(source.Complete(), IsOk());
    // Now it is well, `pairs` cannot be changed in place, and `keyless` is in the way of the partner's own.
    Partner(SqlitePath(folder.path(), "ctx")).Run("CREATE INDEX i ON pairs (v); CREATE TABLE keyless (x)");
    TableSchema pairs = Pairs();
    pairs.columns.pop_back();
    source.Begin();
    countdown = failing;
    auto answers = source.Announce({People(), pairs, Keyless()});
    if (!answers.ok()) {
      EXPECT_THAT(answers, StatusIs(absl::StatusCode::kUnavailable));
      answers = source.Announce({People(), pairs, Keyless()});
    }
    countdown = 0;
    ASSERT_THAT(answers, IsOk());
    EXPECT_TRUE((*answers)[0].wanted);
    EXPECT_EQ((*answers)[0].schema_hash, SchemaHash(People()));
    EXPECT_EQ((*answers)[1].position, Position{});
    source.Populate(People(), {{1, "Ada", 36}}, kFive);
    source.Populate(pairs, {{1, "b"}}, kFive);
    EXPECT_THAT(source.Send(Keyless(), {.rows = {{"x", 1}}, .populate = PopulateReason::kRequested}).status,
                StatusIs(kFailedPrecondition));
  }
}

// --- RowData
// ------------------------------------------------------------------------------------------------

TEST_F(TenantTest, ABatchBeforeTableSchemaIsRefused) {
  MirrorPeople();
  source_->Begin();

  EXPECT_THAT(source_->Send(People(), Rows5({{3, "Joan", 1}})).status,
              StatusIs(kFailedPrecondition, HasSubstr("TableSchema")));

  EXPECT_THAT(Visible(People()), SizeIs(2));
}

TEST_F(TenantTest, ABatchOfAnotherDefinitionIsRefused) {
  MirrorPeople();
  BeginAgain();
  BatchSpec spec = Rows5({{3, "Joan", 1}});
  spec.schema_hash = "another";

  EXPECT_THAT(source_->Send(People(), spec).status, StatusIs(kFailedPrecondition, HasSubstr("schema_hash")));

  EXPECT_THAT(Visible(People()), SizeIs(2));
}

TEST_F(TenantTest, ABatchThatTheCodecRefusedIsItsOwnFaultOnly) {
  source_->Begin();
  ASSERT_THAT(source_->Announce({People(), Pairs()}), IsOk());
  const TestBatch twice =
      MakeBatch(People(), {.rows = {{1, "a", 1}, {1, "b", 1}}, .populate = PopulateReason::kRequested});
  ASSERT_THAT(twice.batch, StatusIs(absl::StatusCode::kInvalidArgument));

  const auto outcomes = source_->Apply(
      {twice, MakeBatch(People(), {.rows = {{2, "c", 1}}, .seq = 2}),
       MakeBatch(Pairs(),
                 {.rows = {{1, "b", "v"}}, .populate = PopulateReason::kRequested, .commit = kFive})});

  ASSERT_THAT(outcomes, IsOk());
  ASSERT_THAT(*outcomes, SizeIs(3));
  EXPECT_THAT((*outcomes)[0].status, StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_EQ((*outcomes)[0].applied_seq, 0U);
  EXPECT_THAT((*outcomes)[1].status, StatusIs(kAborted));
  EXPECT_THAT((*outcomes)[2].status, IsOk());
  EXPECT_TRUE((*outcomes)[2].durable);
  EXPECT_EQ((*outcomes)[2].lsn, Lsn{5});
  EXPECT_THAT(Visible(Pairs()), SizeIs(1));
}

TEST_F(TenantTest, ALostAcknowledgementDoublesNothing) {
  for (const TableSchema& table : {People(), Keyless()}) {
    SCOPED_TRACE(table.name);
    source_->Begin();
    ASSERT_THAT(source_->Announce({table}), IsOk());
    const bool keyed = !table.Key().empty();
    const Row row = keyed ? Row{1, "Ada", 36} : Row{"Ada", 36};
    const TestBatch first =
        MakeBatch(table, {.rows = {row}, .populate = PopulateReason::kMinusOne, .target = kFive});
    const TestBatch second = MakeBatch(
        table, {.rows = {keyed ? Row{2, "x", 1} : row}, .seq = 2, .target = kFive, .commit = kFive});
    ASSERT_THAT(source_->Apply(first), IsOk());
    for (int i = 0; i < 3; ++i) {
      const auto again = source_->Apply(first);
      ASSERT_THAT(again, IsOk());
      EXPECT_THAT((*again)[0].status, IsOk());
      EXPECT_TRUE((*again)[0].repeated);
      EXPECT_FALSE((*again)[0].durable) << "a population's rows are with its commit";
      EXPECT_EQ((*again)[0].applied_seq, 1U);
    }
    ASSERT_THAT(source_->Apply({first, second, second, first}), IsOk());
    const auto last = source_->Apply(second);
    EXPECT_TRUE((*last)[0].repeated);
    EXPECT_TRUE((*last)[0].durable);
    EXPECT_EQ((*last)[0].lsn, Lsn{5});

    EXPECT_THAT(Visible(table), SizeIs(2));
    const auto verdicts = source_->Complete({{.table = table.name, .row_count = 2}});
    ASSERT_THAT(verdicts, IsOk());
    EXPECT_EQ((*verdicts)[0].comparison, Comparison::kEqual);
  }
}

TEST_F(TenantTest, ARepeatedBatchAfterARestartDoublesNothing) {
  source_->Begin();
  ASSERT_THAT(source_->Announce({Keyless()}), IsOk());
  const TestBatch first =
      MakeBatch(Keyless(), {.rows = {{"Ada", 36}}, .populate = PopulateReason::kMinusOne});
  ASSERT_THAT(source_->Apply(first), IsOk());
  Restart();
  const auto again = source_->Apply(first);
  ASSERT_THAT(again, IsOk());
  EXPECT_TRUE((*again)[0].repeated);
  ASSERT_THAT(source_->Send(Keyless(), {.seq = 2, .commit = kTen}).status, IsOk());
  EXPECT_THAT(Visible(Keyless()), SizeIs(1));
}

TEST_F(TenantTest, ABatchOfAnEndedCycleChangesNothing) {
  MirrorPeople();
  BeginAgain();
  const std::int64_t old_cycle = source_->cycle;
  source_->now += 601'000;
  source_->Begin("other");
  ASSERT_THAT(source_->Announce({People()}), IsOk());
  const std::int64_t new_cycle = source_->cycle;

  for (const std::int64_t cycle : {old_cycle, new_cycle + 1, std::int64_t{0}}) {
    source_->cycle = cycle;
    EXPECT_THAT(source_->Apply(MakeBatch(People(), Rows5({{1, "late", 1}}, 1, kTen))), StatusIs(kAborted));
    EXPECT_THAT(source_->Complete(), StatusIs(kAborted));
  }

  EXPECT_THAT(Visible(People()), Contains(Row{1, "Ada", 36}));
  source_->cycle = new_cycle;
  EXPECT_THAT(source_->Send(People(), Rows5({{1, "new", 1}}, 1, kTen)).status, IsOk());
}

TEST_F(TenantTest, ACommitCannotOvertakeRowsThatWereRefused) {
  MirrorPeople();
  BeginAgain();
  const TestBatch missing = MakeBatch(People(), {.operation = Operation::kUpdate,
                                                 .rows = {{7, 1}},
                                                 .columns = {"id", "age"},
                                                 .base_lsn = 5,
                                                 .target = kTen});
  const TestBatch commit = MakeBatch(People(), Rows5({}, 2, kTen));

  const auto together = source_->Apply({missing, commit});
  ASSERT_THAT(together, IsOk());
  EXPECT_THAT((*together)[0].status, StatusIs(kFailedPrecondition));
  EXPECT_THAT((*together)[1].status, StatusIs(kAborted));
  const auto alone = source_->Apply(commit, true);  // Even a unary call gets its answer at once.
  ASSERT_THAT(alone, IsOk());
  EXPECT_THAT((*alone)[0].status, StatusIs(kAborted));

  EXPECT_EQ(Metadata("lsn"), Cell(5));
}

TEST_F(TenantTest, MissingRowsAreNamedAndTheSameBatchIsSentWithoutThem) {
  MirrorPeople();
  BeginAgain();
  const auto update = [](Rows rows) {
    return BatchSpec{.operation = Operation::kUpdate,
                     .rows = std::move(rows),
                     .columns = {"id", "age"},
                     .base_lsn = 5,
                     .target = kTen};
  };
  const BatchOutcome refused = source_->Send(People(), update({{1, 37}, {8, 8}, {2, 46}, {9, 9}}));
  EXPECT_THAT(refused.status, StatusIs(kFailedPrecondition, HasSubstr("2 rows of batch 1")));
  EXPECT_THAT(refused.missing_rows, ElementsAre(1, 3));
  EXPECT_FALSE(refused.more_missing);
  EXPECT_EQ(refused.applied_seq, 0U);
  EXPECT_FALSE(refused.durable);
  EXPECT_THAT(Visible(People()), Contains(Row{1, "Ada", 36}));

  EXPECT_THAT(source_->Send(People(), update({{1, 37}, {2, 46}})).status, IsOk());
  EXPECT_THAT(source_->Send(People(), Rows5({{8, "h", 8}, {9, "i", 9}}, 2)).status, IsOk());
  EXPECT_THAT(source_->Send(People(), Rows5({}, 3, kTen)).status, IsOk());

  EXPECT_THAT(Visible(People()),
              ElementsAre(Row{1, "Ada", 37}, Row{2, "Grace", 46}, Row{8, "h", 8}, Row{9, "i", 9}));
  EXPECT_EQ(Metadata("lsn"), Cell(10));
}

TEST_F(TenantTest, MoreThanAThousandMissingRowsStopTheTableForThisCycle) {
  MirrorPeople();
  source_->Begin();
  ASSERT_THAT(source_->Announce({People(), Pairs()}), IsOk());
  Rows rows;
  for (int i = 0; i < 1'001; ++i) rows.push_back({100 + i, 1});
  const BatchOutcome outcome = source_->Send(People(), {.operation = Operation::kUpdate,
                                                        .rows = rows,
                                                        .columns = {"id", "age"},
                                                        .base_lsn = 5,
                                                        .target = kTen});
  EXPECT_THAT(outcome.status, StatusIs(kFailedPrecondition, HasSubstr("next cycle")));
  EXPECT_THAT(outcome.missing_rows, SizeIs(1'000));
  EXPECT_TRUE(outcome.more_missing);
  EXPECT_EQ(outcome.lsn, Lsn{});
  EXPECT_EQ(outcome.applied_seq, 0U);

  for (const bool restarted : {false, true}) {
    if (restarted) Restart();
    EXPECT_THAT(source_->Send(People(), Rows5({{3, "x", 1}})).status, Not(IsOk()));
    EXPECT_THAT(source_->Send(People(), Rows5({}, 1, kTen)).status, Not(IsOk()));
    EXPECT_THAT(
        source_
            ->Send(People(), {.rows = {{3, "x", 1}}, .populate = PopulateReason::kRequested, .commit = kTen})
            .status,
        StatusIs(kFailedPrecondition, HasSubstr("no more batches in this cycle")));
  }
  EXPECT_EQ(Metadata("lsn"), Cell(-1));
  source_->Populate(Pairs(), {{1, "b", "v"}}, kFive);  // Others go on.
  ASSERT_THAT(source_->Complete(), IsOk());

  source_->Begin();
  ASSERT_EQ(source_->Announced(People()).position, Position{});
  source_->Populate(People(), {{1, "new", 1}}, kTen);
  EXPECT_THAT(Visible(People()), ElementsAre(Row{1, "new", 1}));
}

TEST_F(TenantTest, QuietTablesAreAdvancedWithoutABatchEach) {
  MirrorPeople();
  source_->Begin();
  ASSERT_THAT(source_->Announce({People(), Pairs(), Keyless()}), IsOk());
  source_->Populate(Keyless(), {{"x", 1}}, kTen);
  RowRequest request{.cycle = source_->cycle};
  request.advance =
      IncomingAdvance{kTen, {{"PEOPLE", Lsn{5}}, {"pairs", Lsn{5}}, {"keyless", Lsn{5}}, {"none", Lsn{5}}}};

  for (const bool again : {false, true}) {
    const auto outcomes = tenant_->Apply(source_->caller, request, false, source_->now);
    ASSERT_THAT(outcomes, IsOk());
    ASSERT_THAT(*outcomes, SizeIs(4));
    EXPECT_THAT((*outcomes)[0].status, IsOk());
    EXPECT_EQ((*outcomes)[0].lsn, Lsn{10});
    EXPECT_EQ((*outcomes)[0].repeated, again);
    EXPECT_THAT((*outcomes)[1].status, StatusIs(kFailedPrecondition)) << "it was never populated";
    EXPECT_THAT((*outcomes)[2].status, IsOk()) << "it is there already";
    EXPECT_THAT((*outcomes)[3].status, StatusIs(kFailedPrecondition));
  }
  EXPECT_EQ(Metadata("lsn"), Cell(10));
  EXPECT_EQ(Metadata("lsn", "pairs"), Cell(-1));
}

TEST_F(TenantTest, AnAdvanceIsRefusedWhereTheLsnWasSetByHand) {
  MirrorPeople();
  BeginAgain();
  ByHand("UPDATE ctx_mirroring SET lsn = -1");
  RowRequest request{.cycle = source_->cycle};
  request.advance = IncomingAdvance{kTen, {{"people", Lsn{5}}}};

  const auto outcomes = tenant_->Apply(source_->caller, request, false, source_->now);

  EXPECT_THAT((*outcomes)[0].status, StatusIs(kFailedPrecondition));
  EXPECT_EQ(Metadata("lsn"), Cell(-1));
}

TEST_F(TenantTest, PartsThatAreRefusedAreAnsweredBeforeTheBatches) {
  MirrorPeople();
  BeginAgain();
  RowRequest request{.cycle = source_->cycle};
  const TestBatch batch = MakeBatch(People(), Rows5({{3, "x", 1}}));
  request.parts = {{"people", 1, 0, "good"}, {"people", 2, 17, "out of order"}, {"nowhere", 3, 0, "x"}};
  request.batches = {{"people", 1, batch.schema, batch.batch}};

  const auto outcomes = tenant_->Apply(source_->caller, request, false, source_->now);

  ASSERT_THAT(outcomes, IsOk());
  ASSERT_THAT(*outcomes, SizeIs(3));
  EXPECT_EQ((*outcomes)[0].table, "people");
  EXPECT_EQ((*outcomes)[0].seq, 0U);
  EXPECT_THAT((*outcomes)[0].status, StatusIs(kFailedPrecondition));
  EXPECT_EQ((*outcomes)[1].table, "nowhere");
  EXPECT_THAT((*outcomes)[1].status, StatusIs(kFailedPrecondition));
}

// --- Order: gaps
// --------------------------------------------------------------------------------------------

TEST_F(TenantTest, AGapInAStreamIsAnsweredAtOnce) {
  MirrorPeople();
  BeginAgain();
  const auto begun = std::chrono::steady_clock::now();

  const BatchOutcome outcome = source_->Send(People(), Rows5({{3, "x", 1}}, 2));

  EXPECT_THAT(outcome.status, StatusIs(kAborted, HasSubstr("batch 1 on")));
  EXPECT_EQ(outcome.applied_seq, 0U);
  EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds(2));
}

TEST_F(TenantTest, AUnaryCallWaitsForTheBatchBeforeIt) {
  MirrorPeople();
  BeginAgain();
  std::atomic<bool> begun = false;
  std::thread later([&] {
    begun = true;
    const auto outcomes = source_->Apply(
        {MakeBatch(People(), Rows5({{4, "third", 1}}, 3)), MakeBatch(People(), Rows5({}, 4, kTen))}, true);
    ASSERT_THAT(outcomes, IsOk());
    EXPECT_THAT((*outcomes)[0].status, IsOk());
    EXPECT_THAT((*outcomes)[1].status, IsOk());
  });
  while (!begun) std::this_thread::yield();
  ASSERT_THAT((*source_->Apply(MakeBatch(People(), Rows5({{3, "first", 1}})), true))[0].status, IsOk());
  ASSERT_THAT((*source_->Apply(MakeBatch(People(), Rows5({{4, "second", 1}}, 2)), true))[0].status, IsOk());
  later.join();

  EXPECT_THAT(Visible(People()), Contains(Row{4, "third", 1}));
  EXPECT_EQ(Metadata("lsn"), Cell(10));
}

TEST_F(TenantTest, ManyUnaryCallsInAnyOrderEndInTheirOrder) {
  MirrorPeople();
  BeginAgain();
  constexpr int kBatches = 12;
  std::vector<std::thread> threads;
  std::atomic<int> applied = 0;
  for (int i = kBatches; i >= 1; --i) {
    threads.emplace_back([&, i] {
      const auto outcomes =
          source_->Apply(MakeBatch(People(), Rows5({{1, "x", i}}, static_cast<std::uint64_t>(i),
                                                   i == kBatches ? std::optional(kTen) : std::nullopt)),
                         true);
      if (outcomes.ok() && (*outcomes)[0].status.ok()) ++applied;
    });
  }
  for (std::thread& thread : threads) thread.join();

  EXPECT_EQ(applied, kBatches);
  EXPECT_THAT(Visible(People()), Contains(Row{1, "x", kBatches}));
}

class ShortPatience : public TenantTest {
 protected:
  ShortPatience() : TenantTest(TenantOptions{.gap_wait_ms = 120}) {}
};

TEST_F(ShortPatience, AUnaryCallWhoseBatchBeforeItNeverComesIsAborted) {
  MirrorPeople();
  BeginAgain();
  const auto begun = std::chrono::steady_clock::now();

  const auto outcomes = source_->Apply(MakeBatch(People(), Rows5({{3, "x", 1}}, 2)), true);

  EXPECT_GE(std::chrono::steady_clock::now() - begun, std::chrono::milliseconds(120));
  EXPECT_THAT((*outcomes)[0].status, StatusIs(kAborted));
}

class LongPatience : public TenantTest {
 protected:
  LongPatience() : TenantTest(TenantOptions{.gap_wait_ms = 8'000}) {}
  ~LongPatience() override {
    EXPECT_LT(std::chrono::steady_clock::now() - begun_, std::chrono::seconds(8))
        << "a call waited for nothing";
  }
  const std::chrono::steady_clock::time_point begun_ = std::chrono::steady_clock::now();
};

TEST_F(LongPatience, AfterARefusalTheBatchesBehindItAreAnsweredAtOnce) {
  MirrorPeople();
  BeginAgain();
  const TestBatch refused = MakeBatch(People(), {.operation = Operation::kUpdate,
                                                 .rows = {{7, 1}},
                                                 .columns = {"id", "age"},
                                                 .seq = 2,
                                                 .base_lsn = 5,
                                                 .target = kTen});
  ASSERT_THAT(source_->Send(People(), Rows5({{3, "x", 1}})).status, IsOk());
  ASSERT_THAT((*source_->Apply(refused, true))[0].status, StatusIs(kFailedPrecondition));

  EXPECT_THAT((*source_->Apply(MakeBatch(People(), Rows5({{4, "x", 1}}, 3)), true))[0].status,
              StatusIs(kAborted));
  // An older batch that comes once more changes nothing about it.
  ASSERT_TRUE((*source_->Apply(MakeBatch(People(), Rows5({{3, "x", 1}})), true))[0].repeated);
  EXPECT_THAT((*source_->Apply(MakeBatch(People(), Rows5({{4, "x", 1}}, 3)), true))[0].status,
              StatusIs(kAborted));

  ASSERT_THAT(source_->Send(People(), Rows5({{5, "y", 1}}, 2)).status, IsOk());
  EXPECT_THAT((*source_->Apply(MakeBatch(People(), Rows5({{4, "x", 1}}, 3)), true))[0].status, IsOk());
}

TEST_F(LongPatience, ABatchThatWaitsIsAbortedWhenItsCycleEnds) {
  MirrorPeople();
  BeginAgain();
  std::atomic<bool> begun = false;
  std::thread waiting([&] {
    begun = true;
    EXPECT_THAT(source_->Apply(MakeBatch(People(), Rows5({{3, "x", 1}}, 2)), true), StatusIs(kAborted));
  });
  while (!begun) std::this_thread::yield();
  ASSERT_THAT(tenant_->Pause("", source_->now), IsOk());
  waiting.join();
}

// --- What people do by hand
// -----------------------------------------------------------------------------------

TEST_F(TenantTest, AMinusOneSetByHandInMidCycleIsNotOverwritten) {
  MirrorPeople();
  BeginAgain();
  ASSERT_THAT(source_->Send(People(), Rows5({{3, "x", 1}})).status, IsOk());
  ByHand("UPDATE ctx_mirroring SET lsn = -1 WHERE table_name = 'people'");

  EXPECT_THAT(source_->Send(People(), Rows5({{4, "y", 1}}, 2)).status, StatusIs(kFailedPrecondition));
  EXPECT_THAT(source_->Send(People(), Rows5({}, 2, kTen)).status,
              StatusIs(kFailedPrecondition, HasSubstr("holds LSN -1")));

  EXPECT_EQ(Metadata("lsn"), Cell(-1));
  ASSERT_THAT(source_->Complete(), IsOk());
  source_->Begin();
  EXPECT_EQ(source_->Announced(People()).position, Position{});
  EXPECT_THAT(source_->Send(People(), Rows5({{5, "z", 1}})).status, StatusIs(kFailedPrecondition));
  source_->Populate(People(), {{1, "Ada", 36}}, kTen);
  EXPECT_THAT(Visible(People()), ElementsAre(Row{1, "Ada", 36}));
}

TEST_F(TenantTest, AMinusOneSetByHandBetweenCyclesIsShown) {
  MirrorPeople();
  ByHand("UPDATE ctx_mirroring SET lsn = -1");
  source_->Begin();
  EXPECT_EQ(source_->Announced(People()).position, Position{});
}

TEST_F(TenantTest, AnLsnThatIsNoPositionCountsAsMinusOne) {
  MirrorPeople();
  for (const char* const lsn : {"NULL", "-7", "'abc'", "x'00'"}) {
    SCOPED_TRACE(lsn);
    ByHand(std::string("UPDATE ctx_mirroring SET lsn = ") + lsn);
    source_->Begin();
    const Position shown = source_->Announced(People()).position;
    EXPECT_TRUE(shown == Position{} || shown.lsn == Lsn{0}) << shown.lsn.value;
    EXPECT_THAT(source_->Send(People(), Rows5({{3, "x", 1}})).status, StatusIs(kFailedPrecondition));
    ASSERT_THAT(source_->Complete(), IsOk());
  }
}

TEST_F(TenantTest, AMetadataRowDeletedBeforeACycleIsPopulatedInIt) {
  MirrorPeople();
  ByHand("DELETE FROM ctx_mirroring");
  source_->Begin();

  const TableAnswer answer = source_->Announced(People());

  EXPECT_EQ(answer.action, SchemaAction::kRepopulate);
  EXPECT_EQ(answer.position, Position{});
  EXPECT_TRUE(answer.wanted);
  EXPECT_THAT(Visible(People()), SizeIs(2)) << "visible until the population";
  source_->Populate(People(), {{1, "new", 1}}, kTen);
  EXPECT_THAT(Visible(People()), ElementsAre(Row{1, "new", 1}));
  EXPECT_EQ(Metadata("row_count"), Cell(1));
}

TEST_F(TenantTest, AMetadataRowDeletedInMidCycleStopsTheTable) {
  MirrorPeople();
  BeginAgain();
  ASSERT_THAT(source_->Send(People(), Rows5({{3, "x", 1}})).status, IsOk());
  ByHand("DELETE FROM ctx_mirroring");

  EXPECT_THAT(source_->Send(People(), Rows5({{4, "y", 1}}, 2)).status,
              StatusIs(kFailedPrecondition, HasSubstr("metadata row is missing")));
  EXPECT_THAT(source_->Send(People(), Rows5({}, 2, kTen)).status, StatusIs(kFailedPrecondition));

  EXPECT_EQ(Partner(path()).One("SELECT count(*) FROM ctx_mirroring"), Cell(0));
  ASSERT_THAT(source_->Complete(), IsOk());
  source_->Begin();
  EXPECT_EQ(source_->Announced(People()).action, SchemaAction::kRepopulate);
}

TEST_F(TenantTest, AMirroredTableDroppedByHandIsMadeAgain) {
  MirrorPeople();
  ByHand("DROP TABLE people");
  source_->Begin();
  EXPECT_EQ(source_->Announced(People()).action, SchemaAction::kCreated);
  source_->Populate(People(), {{1, "new", 1}}, kTen);
  EXPECT_THAT(Visible(People()), SizeIs(1));
}

// --- The operator's acts
// --------------------------------------------------------------------------------------

struct Act {
  std::string name;
  std::function<absl::Status(Tenant&, std::int64_t)> run;
};

class OperatorAct : public TenantTest, public testing::WithParamInterface<Act> {};

TEST_P(OperatorAct, EndsTheRunningCycle) {
  MirrorPeople();
  BeginAgain();
  ASSERT_THAT(source_->Send(People(), Rows5({{3, "x", 1}})).status, IsOk());

  ASSERT_THAT(GetParam().run(*tenant_, source_->now), IsOk());

  EXPECT_THAT(source_->Apply(MakeBatch(People(), Rows5({}, 2, kTen))), StatusIs(kAborted));
  EXPECT_THAT(source_->Announce({People()}), StatusIs(kAborted));
  EXPECT_THAT(source_->Complete(), StatusIs(kAborted));
  EXPECT_GT(Partner(path()).One("SELECT cycle FROM _mirror_tenant").integer, source_->cycle);
}

std::vector<Act> Acts() {
  return {
      {"Pause", [](Tenant& tenant, std::int64_t now) { return tenant.Pause("", now); }},
      {"Resume", [](Tenant& tenant, std::int64_t now) { return tenant.Resume(now); }},
      {"InvalidateAll", [](Tenant& tenant, std::int64_t now) { return tenant.Invalidate({}, now).status(); }},
      {"InvalidateOne",
       [](Tenant& tenant, std::int64_t now) { return tenant.Invalidate({"People"}, now).status(); }},
      {"ResetAll", [](Tenant& tenant, std::int64_t now) { return tenant.Reset({}, now).status(); }},
      {"ResetOne", [](Tenant& tenant, std::int64_t now) { return tenant.Reset({"people"}, now).status(); }},
      {"Shutdown", [](Tenant& tenant, std::int64_t now) {
         tenant.EndCycle(now);
         return absl::OkStatus();
       }}};
}

INSTANTIATE_TEST_SUITE_P(Operator, OperatorAct, testing::ValuesIn(Acts()),
                         [](const auto& test) { return test.param.name; });

TEST_F(TenantTest, InvalidatedTablesArePopulatedInTheNextCycleAndOthersAreNot) {
  source_->Begin();
  ASSERT_THAT(source_->Announce({People(), Pairs(), Keyless()}), IsOk());
  source_->Populate(People(), {{1, "Ada", 36}}, kFive);
  source_->Populate(Pairs(), {{1, "b", "v"}}, kFive);
  source_->Populate(Keyless(), {{"x", 1}}, kFive);
  ASSERT_THAT(source_->Complete(), IsOk());

  EXPECT_THAT(tenant_->Invalidate({"PEOPLE", "pairs"}, source_->now),
              IsOkAndHolds(ElementsAre("pairs", "people")));

  source_->Begin();
  const auto answers = source_->Announce({People(), Pairs(), Keyless()});
  ASSERT_THAT(answers, IsOk());
  EXPECT_EQ((*answers)[0].position, Position{});
  EXPECT_EQ((*answers)[1].position, Position{});
  EXPECT_EQ((*answers)[2].position, kFive);
  EXPECT_THAT(Visible(People()), SizeIs(1)) << "readers keep what there is";
}

TEST_F(TenantTest, AnActOnATableThatIsNotThereDoesNothing) {
  MirrorPeople();
  BeginAgain();
  EXPECT_THAT(tenant_->Invalidate({"people", "nothing"}, source_->now),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("'nothing'")));
  EXPECT_THAT(tenant_->Reset({"people", "nothing"}, source_->now), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_EQ(Metadata("lsn"), Cell(5));
  EXPECT_THAT(source_->Send(People(), Rows5({{3, "x", 1}})).status, IsOk()) << "the cycle goes on";
}

TEST_F(TenantTest, AResetTableIsGoneAndMadeAnew) {
  MirrorPeople();
  ASSERT_THAT(tenant_->Reset({}, source_->now), IsOkAndHolds(ElementsAre("people")));
  EXPECT_ANY_THROW(Visible(People()));
  source_->Begin();
  EXPECT_EQ(source_->Announced(People()).action, SchemaAction::kCreated);
}

TEST_F(TenantTest, ListsWhatItHolds) {
  MirrorPeople();
  const auto info = tenant_->Info();
  ASSERT_THAT(info, IsOk());
  EXPECT_EQ(info->record.issuer, "issuer");
  EXPECT_EQ(info->tables, 1U);
  EXPECT_EQ(info->tables_unpopulated, 0U);
  EXPECT_GT(info->bytes, 0U);
  EXPECT_EQ(info->quarantine, "");
  const auto tables = tenant_->Tables();
  ASSERT_THAT(tables, IsOk());
  ASSERT_THAT(*tables, SizeIs(1));
  EXPECT_EQ((*tables)[0].columns, 3U);
  EXPECT_EQ((*tables)[0].record.row_count, 2);
}

// --- Population and Wipe
// --------------------------------------------------------------------------------------

TEST_F(TenantTest, APopulationTrustsNothingAtOnceAndShowsNothingUntilItsCommit) {
  MirrorPeople();
  BeginAgain();
  const auto populate = [](Rows rows, std::uint64_t seq, std::optional<Position> commit = {}) {
    return BatchSpec{.rows = std::move(rows),
                     .seq = seq,
                     .populate = seq == 1 ? PopulateReason::kLineageMiss : PopulateReason::kNone,
                     .target = kTwenty,
                     .commit = std::move(commit)};
  };
  ASSERT_THAT(source_->Send(People(), populate({{7, "g", 7}, {8, "h", 8}}, 1)).status, IsOk());
  EXPECT_EQ(Metadata("lsn"), Cell(-1));
  EXPECT_EQ(Metadata("pending_lsn"), Cell(20));
  BatchSpec remove = populate({{8}}, 2);
  remove.operation = Operation::kDelete;
  ASSERT_THAT(source_->Send(People(), remove).status, IsOk());
  EXPECT_THAT(Visible(People()), ElementsAre(Row{1, "Ada", 36}, Row{2, "Grace", 45}));

  ASSERT_THAT(source_->Send(People(), populate({{9, "i", 9}}, 3, kTwenty)).status, IsOk());

  EXPECT_THAT(Visible(People()), ElementsAre(Row{7, "g", 7}, Row{9, "i", 9}));
  EXPECT_EQ(Metadata("lsn"), Cell(20));
  EXPECT_EQ(Metadata("pending_lsn"), Cell());
  EXPECT_EQ(Metadata("row_count"), Cell(2));
  EXPECT_THAT(catalog_.Kinds(), Contains("source.restored"));
  EXPECT_THAT(catalog_.Messages("source.restored"),
              AllOf(HasSubstr("does not know the mirror's position"), HasSubstr("restored"),
                    HasSubstr("or counts its changes anew")))
      << "the server cannot tell which";
  EXPECT_THAT(catalog_.Messages("table.populating"), HasSubstr("somebody asked for it at the source"));
}

TEST_F(TenantTest, APopulationThatDiesLeavesTheOldRowsAndIsBegunAnew) {
  MirrorPeople();
  BeginAgain();
  ASSERT_THAT(
      source_
          ->Send(People(), {.rows = {{7, "dead", 7}}, .populate = PopulateReason::kRequested, .target = kTen})
          .status,
      IsOk());
  source_->now += 601'000;
  source_->Begin();

  const TableAnswer answer = source_->Announced(People());

  EXPECT_EQ(answer.position, Position{});
  EXPECT_EQ(answer.pending, kTen);
  EXPECT_THAT(Visible(People()), SizeIs(2));
  EXPECT_THAT(source_->Send(People(), {.rows = {{8, "x", 8}}, .seq = 2}).status, Not(IsOk()));
  EXPECT_THAT(source_->Send(People(), {.rows = {{8, "x", 8}}}).status, StatusIs(kFailedPrecondition))
      << "rows without a population";
  source_->Populate(People(), {{9, "new", 9}}, kTwenty);
  EXPECT_THAT(Visible(People()), ElementsAre(Row{9, "new", 9}));
}

TEST_F(TenantTest, AWipeBeginsAPopulation) {
  MirrorPeople();
  BeginAgain();
  for (const bool again : {false, true}) {
    const auto wiped = tenant_->Wipe(source_->caller, source_->cycle, "People", kTen,
                                     PopulateReason::kRequested, source_->now);
    ASSERT_THAT(wiped, IsOk());
    EXPECT_THAT(wiped->status, IsOk());
    EXPECT_EQ(wiped->repeated, again);
    EXPECT_EQ(wiped->applied_seq, 1U);
    EXPECT_EQ(wiped->lsn, Lsn{});
  }
  EXPECT_THAT(Visible(People()), SizeIs(2)) << "readers keep the old rows";
  ASSERT_THAT(source_->Send(People(), {.rows = {{5, "e", 5}}, .seq = 2, .commit = kTen}).status, IsOk());
  EXPECT_THAT(Visible(People()), ElementsAre(Row{5, "e", 5}));
  EXPECT_THAT(tenant_->Wipe(source_->caller, source_->cycle + 1, "people", kTen, PopulateReason::kRequested,
                            source_->now),
              StatusIs(kAborted));
}

TEST_F(TenantTest, AWipeOfATableThatIsNotAgreedIsRefused) {
  MirrorPeople();
  source_->Begin();
  const auto before = tenant_->Wipe(source_->caller, source_->cycle, "people", kTen,
                                    PopulateReason::kRequested, source_->now);
  ASSERT_THAT(before, IsOk());
  EXPECT_THAT(before->status, StatusIs(kFailedPrecondition)) << "before TableSchema";
  ASSERT_THAT(source_->Announce({People()}), IsOk());
  EXPECT_THAT(
      tenant_
          ->Wipe(source_->caller, source_->cycle, "nothing", kTen, PopulateReason::kRequested, source_->now)
          ->status,
      StatusIs(kFailedPrecondition));
}

// --- ReplicationCompleted
// -------------------------------------------------------------------------------------

TEST_F(TenantTest, ReplicationCompletedComparesCountsAtTheCommittedPosition) {
  source_->Begin();
  ASSERT_THAT(source_->Announce({People(), Pairs(), Keyless()}), IsOk());
  source_->Populate(People(), {{1, "Ada", 36}}, kFive);
  ASSERT_THAT(
      source_->Send(Pairs(), {.rows = {{1, "b", "v"}}, .populate = PopulateReason::kRequested}).status,
      IsOk());
  const std::vector<CompletedTable> tables = {{.table = "people", .row_count = 1},
                                              {.table = "people", .row_count = 2},
                                              {.table = "people"},
                                              {.table = "people", .row_count = 1, .digest = 1},
                                              {.table = "pairs", .row_count = 0},
                                              {.table = "keyless", .row_count = 0},
                                              {.table = "nothing", .row_count = 0}};

  // The second time as if the answer had been lost.
  for (const bool again : {false, true}) {
    SCOPED_TRACE(again);
    const auto verdicts = source_->Complete(tables);
    ASSERT_THAT(verdicts, IsOk());
    ASSERT_THAT(*verdicts, SizeIs(7));
    EXPECT_EQ((*verdicts)[0].comparison, Comparison::kEqual);
    EXPECT_EQ((*verdicts)[1].comparison, Comparison::kDiffers);
    EXPECT_THAT((*verdicts)[1].reason, AllOf(HasSubstr("1 row "), HasSubstr("2")));
    EXPECT_EQ((*verdicts)[3].comparison, Comparison::kDiffers) << "another digest than the rows have";
    for (const std::size_t i : {2, 4, 5, 6})
      EXPECT_EQ((*verdicts)[i].comparison, Comparison::kUnchecked) << i;
  }
  EXPECT_THAT(catalog_.Messages("table.differs"), HasSubstr("'people'"));
  EXPECT_EQ(Metadata("lsn"), Cell(5)) << "a difference is no reason to populate";
}

TEST_F(TenantTest, RowsThatAPartnerTookAwayAreSeenByTheCount) {
  MirrorPeople();
  ByHand("UPDATE ctx_mirroring SET row_count = 7");
  BeginAgain();
  ASSERT_THAT(source_->Send(People(), Rows5({{3, "x", 1}}, 1, kTen)).status, IsOk());
  const auto verdicts = source_->Complete({{.table = "people", .row_count = 3}});
  EXPECT_EQ((*verdicts)[0].comparison, Comparison::kDiffers);
}

TEST_F(TenantTest, ACompletedCycleTakesNothingMore) {
  MirrorPeople();
  BeginAgain();
  ASSERT_THAT(source_->Complete(), IsOk());
  EXPECT_THAT(source_->Apply(MakeBatch(People(), Rows5({{3, "x", 1}}))), StatusIs(kAborted));
  EXPECT_THAT(source_->Announce({People()}), StatusIs(kAborted));
  EXPECT_FALSE(source_->Authenticate()->busy);
}

TEST_F(TenantTest, ARepeatedReplicationCompletedDoesNotEndTheNextCycle) {
  MirrorPeople();
  const std::int64_t completed = source_->cycle;
  BeginAgain();
  const std::int64_t running = source_->cycle;
  source_->cycle = completed;
  EXPECT_THAT(source_->Complete(), IsOk());
  source_->cycle = running;
  EXPECT_THAT(source_->Send(People(), Rows5({{3, "x", 1}})).status, IsOk());
}

// --- A file that is to be rewritten after a change of column rules

TEST_F(TenantTest, AFileThatWaitsForTablesToBeRewrittenSaysOnceForWhich) {
  TableSchema other = People();
  other.name = "other";
  source_->Begin();
  ASSERT_THAT(source_->Announce({People(), other}), IsOk());
  source_->Populate(People(), {{1, "Ada", 36}}, kFive);
  ByHand("UPDATE _mirror_tenant SET scrub = 1");
  ASSERT_THAT(source_->Complete(), IsOk());
  for (int i = 0; i < 2; ++i) {
    source_->Begin();
    ASSERT_THAT(source_->Announce({People(), other}), IsOk());
    ASSERT_THAT(source_->Complete(), IsOk());
  }
  EXPECT_THAT(catalog_.Messages("mirror.not_scrubbed"),
              AllOf(HasSubstr(": other."), Not(HasSubstr("people")), HasSubstr("mirrorctl tables ctx")));
  const auto kinds = catalog_.Kinds();
  EXPECT_EQ(std::count(kinds.begin(), kinds.end(), "mirror.not_scrubbed"), 1);

  source_->Begin();
  ASSERT_THAT(source_->Announce({People(), other}), IsOk());
  source_->Populate(other, {{1, "Ada", 36}}, kFive);
  ASSERT_THAT(source_->Complete(), IsOk());
  EXPECT_NE(catalog_.Messages("mirror.scrubbed"), "");
}

TEST_F(TenantTest, ATableWhoseNewRuleIsRefusedKeepsTheFileFromBeingCalledClean) {
  TableSchema kept = People();
  kept.preserve_target = true;
  source_->Begin();
  ASSERT_THAT(source_->Announce({kept}), IsOk());
  source_->Populate(kept, {{1, "Ada", 36}}, kFive);
  ASSERT_THAT(source_->Complete(), IsOk());
  TableSchema hashed = kept;
  hashed.columns[0].rule = Rule::kHashed;
  for (int i = 0; i < 2; ++i) {
    source_->Begin();
    ASSERT_THAT(source_->Announce({hashed}), IsOk());
    ASSERT_THAT(source_->Complete(), IsOk());
  }
  EXPECT_THAT(catalog_.Messages("mirror.not_scrubbed"), HasSubstr(": people."));
  EXPECT_EQ(catalog_.Messages("mirror.scrubbed"), "");

  source_->Begin();
  ASSERT_THAT(source_->Announce({kept}), IsOk());
  ASSERT_THAT(source_->Complete(), IsOk());
  EXPECT_NE(catalog_.Messages("mirror.scrubbed"), "");
}

TEST_F(TenantTest, ARewrittenFileNamesTheTablesSetAsideThatHoldMoreThanTheSourcesRows) {
  TableSchema kept = People(), other = People();
  kept.preserve_target = true;
  other.name = "other";
  source_->Begin();
  ASSERT_THAT(source_->Announce({kept, other}), IsOk());
  source_->Populate(kept, {{1, "Ada", 36}}, kFive);
  source_->Populate(other, {{1, "Ada", 36}}, kFive);
  ASSERT_THAT(source_->Complete(), IsOk());
  ByHand("INSERT INTO people (id, name) VALUES (100, 'own')");
  source_->Begin();
  ASSERT_THAT(source_->Announce({other}), IsOk());
  ByHand("UPDATE _mirror_tenant SET scrub = 1");
  ASSERT_THAT(source_->Complete(), IsOk());
  EXPECT_THAT(catalog_.Messages("mirror.scrubbed"), HasSubstr(": _mirror_dropped_1."));
}

// --- Restore detection: what the mirror shows
// -----------------------------------------------------------------

/// A source with backups: rows, position and the record of all positions that it ever gave.
struct BackedUp {
  Rows rows;
  Position position{Lsn{0}, ""};
  std::set<std::string> lineages;
};

class Restored : public TenantTest {
 protected:
  /// Changes the source: row `id` gets `age`, the log goes on.
  void Change(int id, int age) {
    for (Row& row : source.rows) {
      if (row[0] == Cell(id)) row[2] = age;
    }
    changed_.push_back({id, age});
    Record(source.position.lsn.value + 1);
  }
  void Record(std::int64_t lsn) {
    source.position = Position{Lsn{lsn}, "lineage " + std::to_string(++made_)};
    source.lineages.insert(source.position.lineage);
  }
  bool Knows(const Position& position) const { return source.lineages.contains(position.lineage); }

  /// A cycle by the rules of a source; the reason when it populated. `die`: it ends before the commit.
  PopulateReason Cycle(bool die = false) {
    source_->now += 700'000;
    source_->Begin();
    const TableAnswer answer = source_->Announced(People());
    PopulateReason reason = PopulateReason::kNone;
    if (answer.position.lsn == Lsn{}) {
      reason = PopulateReason::kMinusOne;
    } else if (answer.position.lsn > source.position.lsn) {
      reason = PopulateReason::kAhead;
    } else if (!Knows(answer.position)) {
      reason = PopulateReason::kLineageMiss;
    } else if (answer.pending && !Knows(*answer.pending)) {
      reason = PopulateReason::kPendingMiss;
    }
    BatchSpec spec;
    spec.target = source.position;
    if (reason != PopulateReason::kNone) {
      spec.rows = source.rows;
      spec.populate = reason;
    } else {
      spec.base_lsn = answer.position.lsn.value;
      spec.operation = Operation::kUpdate;
      spec.columns = {"id", "age"};
      std::map<int, int> last;
      for (const auto& [id, age] : changed_) last[id] = age;
      for (const auto& [id, age] : last) spec.rows.push_back({id, age});
    }
    if (!die) spec.commit = source.position;
    if (!spec.rows.empty() || spec.commit) {
      EXPECT_THAT(source_->Send(People(), spec).status, IsOk());
    }
    if (die) return reason;
    EXPECT_THAT(source_->Complete(), IsOk());
    changed_.clear();
    return reason;
  }

  BackedUp source{{{1, "Ada", 1}, {2, "Grace", 2}}, {Lsn{0}, ""}, {}};

 private:
  std::vector<std::pair<int, int>> changed_;
  int made_ = 0;
};

TEST_F(Restored, MirrorBackupChangeMirrorRestoreMirror) {
  Record(10);
  EXPECT_EQ(Cycle(), PopulateReason::kMinusOne);
  const BackedUp backup = source;
  Change(1, 100);
  EXPECT_EQ(Cycle(), PopulateReason::kNone);
  EXPECT_EQ(Visible(People()), source.rows);
  source = backup;

  EXPECT_EQ(Cycle(), PopulateReason::kAhead);
  EXPECT_EQ(Visible(People()), source.rows);
}

TEST_F(Restored, MirrorBackupChangeMirrorRestoreChangeChangeMirror) {
  Record(10);
  EXPECT_EQ(Cycle(), PopulateReason::kMinusOne);
  const BackedUp backup = source;
  Change(1, 100);
  EXPECT_EQ(Cycle(), PopulateReason::kNone);
  source = backup;
  Change(2, 200);
  Change(2, 201);

  EXPECT_EQ(Cycle(), PopulateReason::kLineageMiss) << "the mirror's LSN is below the source's";
  EXPECT_EQ(Visible(People()), source.rows);
}

TEST_F(Restored, RestoredWhileACycleWasInterrupted) {
  Record(10);
  EXPECT_EQ(Cycle(), PopulateReason::kMinusOne);
  const BackedUp backup = source;
  Change(1, 100);
  EXPECT_EQ(Cycle(true), PopulateReason::kNone);  // Rows are there, the commit is not.
  source = backup;
  Change(2, 200);
  Change(2, 201);

  EXPECT_EQ(Cycle(), PopulateReason::kPendingMiss) << "the LSN itself is one of its ancestors";
  EXPECT_EQ(Visible(People()), source.rows);
}

TEST_F(Restored, InterruptedWithoutARestoreIsCaughtUp) {
  Record(10);
  EXPECT_EQ(Cycle(), PopulateReason::kMinusOne);
  Change(1, 100);
  EXPECT_EQ(Cycle(true), PopulateReason::kNone);
  Change(1, 101);
  EXPECT_EQ(Cycle(), PopulateReason::kNone);
  EXPECT_EQ(Visible(People()), source.rows);
}

TEST_F(Restored, AnAnnouncementInPlaceKeepsWhatTheDiedCycleLeft) {
  Record(10);
  EXPECT_EQ(Cycle(), PopulateReason::kMinusOne);
  Change(1, 100);
  const Position target = source.position;
  EXPECT_EQ(Cycle(true), PopulateReason::kNone);
  source_->now += 700'000;
  source_->Begin();
  TableSchema changed = People();
  changed.columns[2].type = Type::kInt64;
  const TableAnswer answer = source_->Announced(changed);
  EXPECT_EQ(answer.action, SchemaAction::kAltered);
  EXPECT_EQ(answer.pending, target);
}

}  // namespace
}  // namespace mirror::tenant_test
