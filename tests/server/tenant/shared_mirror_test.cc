// A tenant over a store that other servers write to: what it is told beforehand, and what it tells.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "tests/server/tenant/tenant_bench.h"
#include "tests/support/forwarding_store.h"

namespace mirror::shared_mirror_test {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::Ge;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

const Position kFive{Lsn{5}, "five"}, kTen{Lsn{10}, "ten"};

/// What the store says of itself, and what it was asked for.
struct Shared {
  Stale stale = Stale::kNo;  ///< Until it is opened again.
  bool is_durable = true;
  absl::Status make_durable;
  int again = 0;               ///< So many commits are to be made again.
  bool loses_answers = false;  ///< Of commits that are made.
  std::vector<Intent> begun = {};
};

class SharedUpkeep final : public StoreUpkeep {
 public:
  SharedUpkeep(StoreUpkeep& upkeep, const Shared& shared) : upkeep_(upkeep), shared_(shared) {}
  Stale WhyStale() override { return shared_.stale == Stale::kNo ? upkeep_.WhyStale() : shared_.stale; }
  absl::Status CheckWhole(std::chrono::milliseconds patience) override {
    return upkeep_.CheckWhole(patience);
  }
  absl::Status Scrub() override { return upkeep_.Scrub(); }
  void Rest() override { upkeep_.Rest(); }
  absl::Status Quarantine(const std::string& why) override { return upkeep_.Quarantine(why); }
  std::string Quarantined() override { return upkeep_.Quarantined(); }
  absl::Status Release() override { return upkeep_.Release(); }
  absl::Status CheckIntegrity() override { return upkeep_.CheckIntegrity(); }
  absl::Status CheckOwnTables() override { return upkeep_.CheckOwnTables(); }
  absl::StatusOr<std::vector<std::string>> ReadHistories() override { return upkeep_.ReadHistories(); }
  std::uint64_t BytesOnDisk() override { return upkeep_.BytesOnDisk(); }

 private:
  StoreUpkeep& upkeep_;
  const Shared& shared_;
};

class SharedStore final : public ForwardingStore {
 public:
  SharedStore(std::unique_ptr<Store> store, Shared& shared)
      : ForwardingStore(std::move(store)), shared_(shared), upkeep_(ForwardingStore::upkeep(), shared) {}
  StoreUpkeep& upkeep() override { return upkeep_; }
  absl::StatusOr<std::unique_ptr<StoreWork>> Begin(const Intent& intent) override {
    shared_.begun.push_back(intent);
    return ForwardingStore::Begin(intent);
  }
  bool IsDurable() override { return shared_.is_durable; }
  absl::Status MakeDurable() override { return shared_.make_durable; }

 protected:
  absl::StatusOr<CommitResult> CommitWork(StoreWork& work, const Plan& plan, Savepoints savepoints) override {
    if (shared_.again > 0) {
      --shared_.again;
      return CommitResult{.again = true};
    }
    absl::StatusOr<CommitResult> done = ForwardingStore::CommitWork(work, plan, savepoints);
    if (shared_.loses_answers) return absl::UnavailableError("it may have been applied");
    return done;
  }

 private:
  Shared& shared_;
  SharedUpkeep upkeep_;
};

class SharedMirrorTest : public TenantBench {
 protected:
  SharedMirrorTest() {
    wrap_ = [this](std::unique_ptr<Store> store) {
      shared_.stale = Stale::kNo;
      return std::make_unique<SharedStore>(std::move(store), shared_);
    };
  }

  /// Only such a mirror is moved, or goes back, while it is open.
  void Share() {
    options_.is_shared = true;
    Restart();
  }
  /// `people` with one row at LSN 5, announced in a cycle that runs.
  void BeginAtFive() {
    source_->Mirror(People(), {{1, "Ada", 36}}, kFive);
    source_->Begin();
    ASSERT_THAT(source_->Announce({People()}), IsOk());
    shared_.begun.clear();
  }
  static BatchSpec ToTen(Rows rows) {
    return {.rows = std::move(rows), .base_lsn = 5, .target = kTen, .commit = kTen};
  }
  absl::Status SendRow() { return source_->Send(People(), ToTen({{2, "Grace", 45}})).status; }

  Shared shared_;
};

// --- What a transaction is for ---

TEST_F(SharedMirrorTest, RowsNameTheirTablesAndChangeNone) {
  BeginAtFive();
  RowRequest request;
  request.cycle = source_->cycle;
  const TestBatch batch = MakeBatch(People(), ToTen({{2, "Grace", 45}}));
  request.batches.push_back({"People", 1, batch.schema, batch.batch});
  request.parts.push_back({"pairs", 1, 0, "part"});
  request.advance = IncomingAdvance{kTen, {{"keyless", Lsn{5}}, {"PEOPLE", Lsn{5}}}};

  ASSERT_THAT(tenant_->Apply(source_->caller, request, false, source_->now), IsOk());

  ASSERT_THAT(shared_.begun, SizeIs(1));
  EXPECT_THAT(shared_.begun[0].tables, ElementsAre("keyless", "pairs", "people"));
  EXPECT_FALSE(shared_.begun[0].changes_tables);
}

TEST_F(SharedMirrorTest, RowsSayHowLargeTheirLargestOneIs) {
  const TableSchema table = NamedTable(
      "Big", {KeyColumn("id", Type::kInt64), PlainColumn("t", Type::kText), PlainColumn("b", Type::kBytes)});
  source_->Mirror(table, {}, kFive);
  source_->Begin();
  ASSERT_THAT(source_->Announce({table}), IsOk());
  shared_.begun.clear();
  shared_.again = 1;
  // Nothing of the values has come: what is asked for is known before anything is looked for.
  EXPECT_FALSE(source_
                   ->Send(table, ToTen({{1, Large(1, 500, Kind::kText), Large(2, 300)},
                                        {2, Large(3, 600, Kind::kText), nullptr},
                                        {3, "small", Large(4, 700)}}))
                   .status.ok());
  ASSERT_THAT(shared_.begun, SizeIs(Ge(2)));
  EXPECT_EQ(shared_.begun[0].large_bytes, 800U) << "one row is written after the other";
  EXPECT_EQ(shared_.begun[1].large_bytes, 800U) << "also where it is done again";
}

TEST_F(SharedMirrorTest, APopulationChangesTablesWhereItBeginsAndWhereItEnds) {
  source_->Begin();
  ASSERT_THAT(source_->Announce({People()}), IsOk());
  shared_.begun.clear();
  const auto send = [&](const BatchSpec& spec) { return source_->Send(People(), spec).status; };

  ASSERT_THAT(send({.rows = {{1, "Ada", 36}}, .populate = PopulateReason::kRequested, .target = kFive}),
              IsOk());
  ASSERT_THAT(send({.rows = {{2, "Grace", 45}}, .seq = 2, .target = kFive}), IsOk());
  ASSERT_THAT(send({.rows = {{3, "Joan", 20}}, .seq = 3, .target = kFive, .commit = kFive}), IsOk());

  std::vector<bool> changes;
  for (const Intent& intent : shared_.begun) {
    EXPECT_THAT(intent.tables, ElementsAre("people"));
    changes.push_back(intent.changes_tables);
  }
  EXPECT_THAT(changes, ElementsAre(true, false, true));
}

TEST_F(SharedMirrorTest, WhoDeliversToHooksIsWokenAlsoBehindACommitWhoseAnswerIsLost) {
  int woken = 0;
  const HookBook book({{"key", "hook", {kOnCompleted}, "*"}}, [&](const std::string&) { ++woken; });
  options_.hooks = &book;
  Restart();
  BeginAtFive();
  woken = 0;
  shared_.loses_answers = true;
  EXPECT_THAT(source_->Complete(), IsOk()) << "what is there says that it is committed";
  EXPECT_GT(woken, 0);
  options_.hooks = nullptr;
  Restart();
}

TEST_F(SharedMirrorTest, WhatIsDoneAgainIsBegunForAnyTable) {
  BeginAtFive();
  shared_.again = 1;

  EXPECT_THAT(SendRow(), IsOk());

  ASSERT_THAT(shared_.begun, SizeIs(2));
  EXPECT_THAT(shared_.begun[0].tables, ElementsAre("people"));
  EXPECT_THAT(shared_.begun[1].tables, IsEmpty());
  EXPECT_TRUE(shared_.begun[1].changes_tables);
  EXPECT_THAT(Visible(People()), SizeIs(2));
}

// --- Cycles of other servers ---

TEST_F(SharedMirrorTest, ACycleWhoseServerIsGoneEndsWhereThatIsLookedFor) {
  BeginAtFive();
  const TenantSummary known = tenant_->summary();
  ASSERT_TRUE(known.active);
  Restart();
  const auto active = [this] { return Partner(path()).One("SELECT active FROM _mirror_tenant"); };
  const std::int64_t late = known.progress_ms + options_.cycle_idle_ms + 1;
  tenant_->EndIfIdle(late, true);
  EXPECT_FALSE(tenant_->is_open()) << "nothing is known of a cycle";
  tenant_->Remember(known);
  tenant_->EndIfIdle(late - 1, true);
  tenant_->EndIfIdle(late);
  EXPECT_FALSE(tenant_->is_open()) << "it makes progress; it is somebody else's";
  EXPECT_EQ(active(), Cell(1));
  tenant_->EndIfIdle(late, true);
  EXPECT_EQ(active(), Cell(0));
  EXPECT_FALSE(tenant_->summary().active);
  EXPECT_THAT(catalog_.Messages("cycle.failed"), HasSubstr("no progress"));
}

TEST_F(SharedMirrorTest, ACycleThatGoesOnElsewhereIsLeftToIt) {
  BeginAtFive();
  const TenantSummary known = tenant_->summary();
  Restart();
  tenant_->Remember(known);
  const std::int64_t late = known.progress_ms + options_.cycle_idle_ms + 1;
  ByHand("UPDATE _mirror_tenant SET progress_ms = " + std::to_string(late - 5));
  tenant_->EndIfIdle(late, true);
  EXPECT_EQ(Partner(path()).One("SELECT active FROM _mirror_tenant"), Cell(1));
  EXPECT_THAT(catalog_.Messages("cycle.failed"), IsEmpty());
}

// --- A clock that is set back ---

TEST_F(SharedMirrorTest, ATokenIsNotTakenAgainAfterTheClockWasSetBack) {
  Share();
  source_->Mirror(People(), {{1, "Ada", 36}}, kFive);
  constexpr std::int64_t kMinuteMs = 60'000;
  const std::int64_t begin = source_->now;
  const auto authenticate = [&](const std::string& nonce, std::int64_t expires_ms, std::int64_t now_ms) {
    Caller caller = source_->caller;
    caller.nonce = nonce;
    caller.expires_ms = expires_ms;
    return tenant_->Authenticate(caller, "holder", /*take_over=*/true, /*probe=*/false, now_ms).status();
  };
  const auto remembered = [&] { return Partner(path()).One("SELECT count(*) FROM _mirror_nonces"); };
  const std::int64_t expires_ms = begin + 30 * kMinuteMs;
  ASSERT_THAT(authenticate("first", expires_ms, begin), IsOk());

  // The clock is an hour ahead for a while, and a token that ends later is used.
  const std::int64_t ahead = begin + 60 * kMinuteMs;
  ASSERT_THAT(authenticate("second", ahead + kMinuteMs, ahead), IsOk());
  const std::int64_t back = begin + 10 * kMinuteMs;
  EXPECT_THAT(authenticate("first", expires_ms, back),
              StatusIs(absl::StatusCode::kUnauthenticated, HasSubstr("nonce was used before")));
  EXPECT_THAT(authenticate("third", expires_ms, back), IsOk()) << "the clock that was ahead locks nobody out";

  // It is not remembered for ever.
  ASSERT_EQ(remembered(), Cell(3));
  const std::int64_t late = ahead + 33 * kMinuteMs;
  EXPECT_THAT(authenticate("fourth", late + kMinuteMs, late), IsOk());
  EXPECT_EQ(remembered(), Cell(1));
}

// --- What is durable ---

TEST_F(SharedMirrorTest, ABatchIsNotCalledDurableAsLongAsItIsNot) {
  BeginAtFive();
  shared_.is_durable = false;
  const BatchOutcome outcome = source_->Send(People(), ToTen({{2, "Grace", 45}}));
  EXPECT_THAT(outcome.status, IsOk());
  EXPECT_FALSE(outcome.durable);

  // The mirror is there all the same: an operator may put another one in its place.
  EXPECT_THAT(tenant_->ReplaceFile([](const auto&) { return absl::OkStatus(); }, source_->now), IsOk());
}

TEST_F(SharedMirrorTest, NoSourceForgetsItsHistoryBeforeAllIsDurable) {
  source_->Begin();
  shared_.make_durable = absl::UnavailableError("the standby does not answer");
  for (int i = 0; i < 2; ++i) {
    EXPECT_THAT(source_->Announce({People()}),
                StatusIs(absl::StatusCode::kUnavailable, HasSubstr("standby")));
  }
  shared_.make_durable = absl::OkStatus();
  ASSERT_THAT(source_->Announce({People()}), IsOk());
  source_->Populate(People(), {{1, "Ada", 36}}, kFive);

  shared_.make_durable = absl::UnavailableError("the standby does not answer");
  for (int i = 0; i < 2; ++i) {
    EXPECT_THAT(source_->Complete(), StatusIs(absl::StatusCode::kUnavailable, HasSubstr("standby")));
  }
  shared_.make_durable = absl::OkStatus();
  EXPECT_THAT(source_->Complete(), IsOk());
  EXPECT_THAT(catalog_.Kinds(), Not(Contains("cycle.failed")));
}

// --- Why it is opened again ---

TEST_F(SharedMirrorTest, WhatWentBackEndsTheCycleAndIsTold) {
  Share();
  BeginAtFive();
  shared_.stale = Stale::kWentBack;

  EXPECT_THAT(SendRow(), StatusIs(absl::StatusCode::kAborted));

  EXPECT_THAT(catalog_.Messages("mirror.went_back"), HasSubstr("as after a restore or a failover"));
  EXPECT_THAT(catalog_.Kinds(), Not(Contains("mirror.replaced")));
  EXPECT_THAT(Visible(People()), SizeIs(1));
  source_->Begin();
  ASSERT_THAT(source_->Announce({People()}), IsOk());
  EXPECT_THAT(SendRow(), IsOk());
}

TEST_F(SharedMirrorTest, WhatMovedIsOpenedWhereItIsAndItsCycleGoesOn) {
  Share();
  BeginAtFive();
  shared_.stale = Stale::kMoved;

  EXPECT_THAT(SendRow(), IsOk());

  EXPECT_EQ(shared_.stale, Stale::kNo) << "it was opened again";
  EXPECT_THAT(catalog_.Kinds(), Not(Contains("mirror.replaced")));
  EXPECT_THAT(catalog_.Kinds(), Not(Contains("mirror.went_back")));
  EXPECT_THAT(Visible(People()), SizeIs(2));
}

// --- What another server did ---

TEST_F(SharedMirrorTest, ASummaryIsMadeAnewFromTheMirrorUnlessACallIsUnderWay) {
  BeginAtFive();
  ByHand("UPDATE _mirror_tenant SET paused = 1");
  ASSERT_FALSE(tenant_->summary().paused);
  EXPECT_TRUE(tenant_->SummarizeNow(source_->now));
  EXPECT_TRUE(tenant_->summary().paused);

  std::optional<bool> meanwhile;
  wrap_ = [&](std::unique_ptr<Store> store) {
    std::thread([&] { meanwhile = tenant_->SummarizeNow(source_->now); }).join();
    return store;
  };
  ASSERT_TRUE(tenant_->CloseIfIdle());
  EXPECT_THAT(tenant_->Resume(source_->now), IsOk());
  EXPECT_EQ(meanwhile, false);
}

// --- What another server agrees ---

TEST_F(SharedMirrorTest, ADefinitionThatAnotherServerAgreedIsReadForItsBatches) {
  BeginAtFive();
  const auto known = [&](const std::string& hash) {
    const absl::StatusOr<AgreedTable> agreed = tenant_->Agreed(source_->caller, "people", hash);
    EXPECT_THAT(agreed, IsOk());
    return agreed.ok() ? agreed->hash : "";
  };
  const std::string before = SchemaHash(People());
  EXPECT_EQ(known(before), before);
  TableSchema wider = People();
  wider.columns[1].length = 0;
  wider.columns[1].nullable = !wider.columns[1].nullable;
  const std::string after = SchemaHash(wider);
  ASSERT_NE(after, before);

  const auto other = OpenSqliteStore(folder_.path(), "ctx", false, {});
  ASSERT_THAT(other, IsOk());
  Step step;
  step.table = "people";
  step.expected = (*other)->records().ReadTable("people").value();
  step.record = step.expected;
  step.record->schema_hash = after;
  step.actions = {AgreeSchema{wider}};
  Plan plan;
  plan.steps = {step};
  ASSERT_THAT((*other)->Commit(plan), IsOk());

  EXPECT_EQ(known(""), before) << "nothing shows that it changed";
  EXPECT_EQ(known(after), after);
  EXPECT_EQ(known(""), after);
  EXPECT_EQ(known("a hash that nobody has"), after) << "whoever decodes by it refuses the batch";
}

}  // namespace
}  // namespace mirror::shared_mirror_test
