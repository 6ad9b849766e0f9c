// What a tenant does under its store's writer lock, and who else writes beside it.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>

#include "tests/server/tenant/tenant_bench.h"
#include "tests/support/forwarding_store.h"

namespace mirror::writer_lock_test {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

const Position kFive{Lsn{5}, "five"}, kTen{Lsn{10}, "ten"};

/// Where a test comes in between.
struct Between {
  int begun = 0;                            ///< Transactions.
  int looked = 0;                           ///< Readings of the data's version, in transactions and without.
  std::function<void()> before_begin = {};  ///< Once.
  std::function<void()> in_commit = {};     ///< Once: the plan is made, nothing is written yet.
};

class BetweenStore final : public ForwardingStore {
 public:
  BetweenStore(std::unique_ptr<Store> store, Between& between)
      : ForwardingStore(std::move(store)), between_(between) {}
  absl::StatusOr<std::int64_t> ReadDataVersion() override {
    ++between_.looked;
    return ForwardingStore::ReadDataVersion();
  }
  absl::StatusOr<std::unique_ptr<StoreWork>> Begin(const Intent& intent) override {
    ++between_.begun;
    if (const auto what = std::exchange(between_.before_begin, {})) what();
    return ForwardingStore::Begin(intent);
  }

 protected:
  absl::StatusOr<CommitResult> CommitWork(StoreWork& work, const Plan& plan, Savepoints savepoints) override {
    if (const auto what = std::exchange(between_.in_commit, {})) what();
    return ForwardingStore::CommitWork(work, plan, savepoints);
  }

 private:
  Between& between_;
};

class WriterLockTest : public TenantBench {
 protected:
  WriterLockTest() : TenantBench({.gap_wait_ms = 200}) {
    wrap_ = [this](std::unique_ptr<Store> store) {
      return std::make_unique<BetweenStore>(std::move(store), between_);
    };
  }

  /// `people` with one row at LSN 5, announced in a cycle that runs.
  void BeginAtFive() {
    source_->Mirror(People(), {{1, "Ada", 36}}, kFive);
    source_->Begin();
    ASSERT_THAT(source_->Announce({People()}), IsOk());
  }
  static BatchSpec ToTen(Rows rows, std::uint64_t seq = 1) {
    return {.rows = std::move(rows), .seq = seq, .base_lsn = 5, .target = kTen, .commit = kTen};
  }
  /// False: somebody else holds the lock.
  bool TryByHand(const std::string& sql) {
    try {
      ByHand("PRAGMA busy_timeout = 0; " + sql);
    } catch (const std::runtime_error& error) {
      EXPECT_THAT(error.what(), HasSubstr("locked"));
      return false;
    }
    return true;
  }

  /// Between the next commit and the transaction after it.
  void BehindTheNextCommit(const std::string& sql) {
    between_.in_commit = [this, sql] { between_.before_begin = [this, sql] { ByHand(sql); }; };
  }
  Cell OwnIndexes() const {
    return Partner(path()).One("SELECT count(*) FROM sqlite_schema WHERE name GLOB '_mirror_index_*'");
  }

  Between between_;
};

TEST_F(WriterLockTest, AMinusOneThatComesBeforeTheLockIsSeenByThePlan) {
  BeginAtFive();
  between_.before_begin = [&] { ByHand("UPDATE ctx_mirroring SET lsn = -1"); };

  EXPECT_THAT(source_->Send(People(), ToTen({{2, "Grace", 45}})).status,
              StatusIs(absl::StatusCode::kFailedPrecondition));

  EXPECT_EQ(Metadata("lsn"), Cell(-1));
  EXPECT_THAT(Visible(People()), SizeIs(1));
}

TEST_F(WriterLockTest, ABatchThatFollowsIsNotLookedForBeforeTheLock) {
  BeginAtFive();
  const auto send = [&](const BatchSpec& batch) {
    const auto outcomes = source_->Apply(MakeBatch(People(), batch), true);
    return outcomes.ok() ? outcomes->front().status : outcomes.status();
  };
  for (std::uint64_t seq = 1; seq <= 3; ++seq) {
    BatchSpec batch = ToTen({{2, "Grace", static_cast<int>(seq)}}, seq);
    batch.commit.reset();
    const int looked = between_.looked;
    ASSERT_THAT(send(batch), IsOk());
    EXPECT_EQ(between_.looked, looked + 1) << "by the plan of batch " << seq;
  }
  const int begun = between_.begun;
  EXPECT_THAT(send(ToTen({{2, "Grace", 9}}, 9)), StatusIs(absl::StatusCode::kAborted));
  EXPECT_EQ(between_.begun, begun + 1) << "at the end of its patience";

  // The mirror may have gone back behind what this server remembers.
  ByHand("UPDATE ctx_mirroring SET seq = 1");
  EXPECT_THAT(send(ToTen({{2, "Grace", 4}}, 4)),
              StatusIs(absl::StatusCode::kAborted, HasSubstr("1 is the last that was applied")));
  EXPECT_EQ(Visible(People()), (Rows{{1, "Ada", 36}, {2, "Grace", 3}}));
}

TEST_F(WriterLockTest, AMinusOneInTheMiddleOfACommitHasToWaitForIt) {
  BeginAtFive();
  bool done = true;
  between_.in_commit = [&] { done = TryByHand("UPDATE ctx_mirroring SET lsn = -1"); };

  EXPECT_THAT(source_->Send(People(), ToTen({{2, "Grace", 45}})).status, IsOk());

  EXPECT_FALSE(done);
  EXPECT_EQ(Metadata("lsn"), Cell(10));
  EXPECT_TRUE(TryByHand("UPDATE ctx_mirroring SET lsn = -1"));
  EXPECT_EQ(Metadata("lsn"), Cell(-1));
}

TEST_F(WriterLockTest, ACycleThatAnotherServerEndedIsOverForTheBatchThatWaited) {
  BeginAtFive();
  between_.before_begin = [&] { ByHand("UPDATE _mirror_tenant SET active = 0"); };

  EXPECT_THAT(source_->Apply(MakeBatch(People(), ToTen({{2, "Grace", 45}}))),
              StatusIs(absl::StatusCode::kAborted, HasSubstr("is over")));

  EXPECT_THAT(Visible(People()), SizeIs(1));
}

TEST_F(WriterLockTest, ACompletionOfACycleThatAnotherServerEndedDoesNotCompleteIt) {
  BeginAtFive();
  between_.before_begin = [&] { ByHand("UPDATE _mirror_tenant SET cycle = cycle + 7"); };

  EXPECT_THAT(source_->Complete(), StatusIs(absl::StatusCode::kAborted, HasSubstr("took its place")));

  EXPECT_EQ(Partner(path()).One("SELECT active FROM _mirror_tenant"), Cell(1));
  EXPECT_NE(Partner(path()).One("SELECT completed_cycle FROM _mirror_tenant"), Cell(source_->cycle));
}

TEST_F(WriterLockTest, ACycleThatWasSetByHandIsBusyUntilAnOperatorResumesTheTenant) {
  BeginAtFive();
  ByHand("UPDATE _mirror_tenant SET cycle = cycle + 7");
  EXPECT_THAT(source_->Complete(), StatusIs(absl::StatusCode::kAborted, HasSubstr("took its place")));
  source_->now += 1'000;
  ASSERT_TRUE(source_->Authenticate()->busy);
  const Cell lsn = Metadata("lsn");

  ASSERT_THAT(tenant_->Resume(source_->now), IsOk());

  EXPECT_EQ(Metadata("lsn"), lsn) << "nothing is populated for that";
  source_->Begin();
}

TEST_F(WriterLockTest, NumbersThatNoServerWroteCountAsNone) {
  source_->Mirror(People(), {{1, "Ada", 36}}, kFive);
  for (const char* const number : {"9223372036854775807", "9223372036854775806", "-9223372036854775808"}) {
    SCOPED_TRACE(number);
    for (const bool within : {false, true}) {
      if (within) {
        source_->Begin();
        ASSERT_THAT(source_->Announce({People()}), IsOk());
      }
      ByHand(absl::StrCat("UPDATE _mirror_tenant SET cycle = ", number));
      ByHand(absl::StrCat("UPDATE ctx_mirroring SET cycle = ", number, ", seq = ", number,
                          ", row_count = ", number));
      if (within) {
        EXPECT_THAT(tenant_->Resume(source_->now), IsOk());
      }
      source_->now += 1'000;
      source_->Begin();
      EXPECT_THAT(source_->Announce({People()}), IsOk());
      EXPECT_THAT(source_->Complete(), IsOk());
      EXPECT_EQ(source_->cycle, source_->now);
      EXPECT_EQ(tenant_->summary().rows, 0) << "not known";
    }
  }
}

TEST_F(WriterLockTest, AnIdleCycleIsNotEndedWhereAnotherOneTookItsPlaceMeanwhile) {
  BeginAtFive();
  source_->now += options_.cycle_idle_ms + 1;
  between_.before_begin = [&] { ByHand("UPDATE _mirror_tenant SET cycle = cycle + 7"); };

  tenant_->EndIfIdle(source_->now);

  EXPECT_EQ(Partner(path()).One("SELECT active FROM _mirror_tenant"), Cell(1));
  EXPECT_THAT(catalog_.Messages("cycle.failed"), IsEmpty());
}

TEST_F(WriterLockTest, WhoOnlyAsksAndWhoOnlyWaitsTakesNoLock) {
  BeginAtFive();
  const int before = between_.begun;

  EXPECT_THAT(source_->Announce({People()}), IsOk()) << "the same again";
  Caller stranger = source_->caller;
  stranger.issuer = "another";
  EXPECT_THAT(tenant_->Authenticate(stranger, "holder", false, false, source_->now),
              StatusIs(absl::StatusCode::kPermissionDenied));
  EXPECT_THAT(tenant_->Holds(), IsOkAndHolds(IsEmpty()));
  tenant_->EndIfIdle(source_->now);
  EXPECT_EQ(between_.begun, before);

  // A batch that waits for those before it looks every 50 ms, and is refused by one commit in the end.
  const auto outcomes = source_->Apply(MakeBatch(People(), ToTen({{4, "four", 4}}, 4)), true);
  ASSERT_THAT(outcomes, IsOk());
  EXPECT_THAT(outcomes->front().status, StatusIs(absl::StatusCode::kAborted));
  EXPECT_EQ(between_.begun, before + 1);
}

TEST_F(WriterLockTest, AWipeOfACycleThatAnotherServerEndedIsOver) {
  BeginAtFive();
  between_.before_begin = [&] { ByHand("UPDATE _mirror_tenant SET cycle = cycle + 7, announced = ''"); };

  EXPECT_THAT(tenant_->Wipe(source_->caller, source_->cycle, "people", kTen, PopulateReason::kRequested,
                            source_->now),
              StatusIs(absl::StatusCode::kAborted, HasSubstr("took its place")));

  EXPECT_THAT(Visible(People()), SizeIs(1));
}

TEST_F(WriterLockTest, AnAnnouncementOfACycleThatAnotherServerEndedIsOver) {
  source_->Mirror(People(), {{1, "Ada", 36}}, kFive);
  source_->Begin();
  between_.before_begin = [&] { ByHand("UPDATE _mirror_tenant SET cycle = cycle + 7, touched = 1"); };

  EXPECT_THAT(source_->Announce({People()}),
              StatusIs(absl::StatusCode::kAborted, HasSubstr("took its place")));
}

TEST_F(WriterLockTest, AHoldThatIsTakenAwayByHandIsGone) {
  source_->Mirror(People(), {{1, "Ada", 36}}, kFive);
  source_->source_id = "another source";
  source_->Begin();
  ASSERT_THAT(source_->Announce({People()}), IsOk());
  ASSERT_THAT(tenant_->Holds(), IsOkAndHolds(SizeIs(1)));

  ByHand("DELETE FROM _mirror_holds");

  EXPECT_THAT(tenant_->Holds(), IsOkAndHolds(IsEmpty()));
  EXPECT_THAT(tenant_->AcceptSource(source_->now), StatusIs(absl::StatusCode::kFailedPrecondition));
}

TEST_F(WriterLockTest, ATargetIsNotKeptForATableThatIsNoMoreOnceTheLockIsThere) {
  source_->Mirror(People(), {{1, "Ada", 36}}, kFive);
  options_.freshness = {{.table = "people", .of_table = true, .target_ms = 60'000}};
  Restart();
  between_.before_begin = [&] { ByHand("DELETE FROM ctx_mirroring"); };

  EXPECT_THAT(tenant_->Holds(), IsOk());

  EXPECT_FALSE(between_.before_begin);
  EXPECT_EQ(Partner(path()).One("SELECT count(*) FROM _mirror_targets"), Cell(0));
}

TEST_F(WriterLockTest, AnIndexIsNotMadeForATableThatIsToBePopulatedOnceTheLockIsThere) {
  source_->Mirror(People(), {{1, "Ada", 36}}, kFive);
  options_.indexes->Set({.follow = {{"*", true}}});
  Restart();
  SourceObjects told;
  told.indexes = {{"by_age", false, {{"age"}}}};
  source_->objects["people"] = told;
  source_->Begin();
  ASSERT_THAT(source_->Announce({People()}), IsOk());
  BehindTheNextCommit("UPDATE ctx_mirroring SET lsn = -1");

  EXPECT_THAT(source_->Complete(), IsOk());

  EXPECT_FALSE(between_.before_begin);
  EXPECT_EQ(OwnIndexes(), Cell(0));

  ByHand("UPDATE ctx_mirroring SET lsn = 5");
  source_->Begin();
  ASSERT_THAT(source_->Announce({People()}), IsOk());
  EXPECT_THAT(source_->Complete(), IsOk());
  EXPECT_EQ(OwnIndexes(), Cell(1)) << "tried again";
}

TEST_F(WriterLockTest, AFileIsNotScrubbedWhereATableIsToBePopulatedOnceTheLockIsThere) {
  BeginAtFive();
  ByHand("UPDATE _mirror_tenant SET scrub = 1");
  BehindTheNextCommit("UPDATE ctx_mirroring SET lsn = -1");

  EXPECT_THAT(source_->Complete(), IsOk());

  EXPECT_FALSE(between_.before_begin);
  EXPECT_EQ(Partner(path()).One("SELECT scrub FROM _mirror_tenant"), Cell(1));
}

}  // namespace
}  // namespace mirror::writer_lock_test
