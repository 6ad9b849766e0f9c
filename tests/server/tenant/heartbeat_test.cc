// Heartbeats at a tenant: what they move, what they leave alone, and when they are refused.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "server/plan/freshness_plan.h"
#include "server/plan/heartbeat_plan.h"
#include "tests/server/tenant/log_frames.h"
#include "tests/server/tenant/tenant_bench.h"
#include "tests/support/forwarding_store.h"

namespace mirror::heartbeat_test {
namespace {

using testing::Each;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using enum absl::StatusCode;

const Position kFive{Lsn{5}, "five"}, kTen{Lsn{10}, "ten"};

/// Notes what is committed, and what has to be on disk.
class WatchedStore final : public ForwardingStore {
 public:
  struct Seen {
    std::vector<Kept> commits;
    int syncs = 0;
  };
  WatchedStore(std::unique_ptr<Store> store, Seen& seen) : ForwardingStore(std::move(store)), seen_(seen) {}
  absl::Status MakeDurable() override {
    ++seen_.syncs;
    return ForwardingStore::MakeDurable();
  }

 protected:
  absl::StatusOr<CommitResult> CommitWork(StoreWork& work, const Plan& plan, Savepoints savepoints) override {
    seen_.commits.push_back(plan.kept);
    return ForwardingStore::CommitWork(work, plan, savepoints);
  }

 private:
  Seen& seen_;
};

class HeartbeatTest : public TenantBench {
 protected:
  HeartbeatTest() {
    wrap_ = [this](std::unique_ptr<Store> store) {
      return std::make_unique<WatchedStore>(std::move(store), seen_);
    };
    Restart();
  }
  void StartWith(const FreshnessRules& rules) {
    options_.freshness = rules;
    Restart();
  }
  absl::Status Complete(std::vector<std::string> stale = {}) {
    return tenant_
        ->Complete(source_->caller, source_->cycle, {}, source_->now, AllAsOf{source_->now, std::move(stale)})
        .status();
  }
  static TableSchema Other() {
    TableSchema other = People();
    other.name = "other";
    return other;
  }
  /// A cycle that populates two tables.
  void Mirror() {
    source_->Begin();
    ASSERT_THAT(source_->Announce({People(), Other()}), IsOk());
    source_->Populate(People(), {{1, "Ada", 36}}, kFive);
    source_->Populate(Other(), {{1, "Ada", 36}}, kFive);
    ASSERT_THAT(Complete(), IsOk());
  }
  Heartbeat Sent(std::int64_t age_ms = 200) const {
    return {.cycle = source_->cycle, .holder = "holder", .source_id = source_->source_id, .age_ms = age_ms};
  }
  absl::StatusOr<std::int64_t> Send(const Heartbeat& heartbeat) {
    return tenant_->TakeHeartbeat(source_->caller, heartbeat, source_->now);
  }
  absl::StatusOr<std::int64_t> Send() { return Send(Sent()); }
  /// As an operator sees it.
  std::int64_t Time(const std::string& table) {
    const auto tables = tenant_->Tables();
    EXPECT_THAT(tables, IsOk());
    for (const auto& one : tables.ok() ? *tables : std::decay_t<decltype(*tables)>()) {
      if (one.record.table == table) return one.source_ms;
    }
    ADD_FAILURE() << "no table " << table;
    return 0;
  }
  std::int64_t TimeInFile() const {
    return Partner(path(), /*read_only=*/true)
        .One("SELECT source_ms FROM _mirror_times WHERE table_name = ''")
        .integer;
  }

  WatchedStore::Seen seen_;
};

TEST_F(HeartbeatTest, MovesTheTimesOfAllTablesAndNothingElse) {
  Mirror();
  const std::string log = LogFrames(path());
  const TenantRecord before = tenant_->Info()->record;
  source_->now += 9'000;
  seen_ = {};
  EXPECT_THAT(Send(), IsOkAndHolds(10'000));
  EXPECT_EQ(Time("people"), source_->now - 200);
  EXPECT_EQ(Time("other"), source_->now - 200);
  EXPECT_EQ(tenant_->summary().oldest_source_ms, source_->now - 200) << "what events and metrics go by";
  EXPECT_EQ(LogFrames(path()).size(), log.size()) << "the time waits in memory";
  EXPECT_EQ(tenant_->Info()->record, before);
  EXPECT_EQ(seen_.syncs, 0);
  EXPECT_THAT(seen_.commits, Each(Kept::kWithNext));
}

TEST_F(HeartbeatTest, NeverMovesATimeBack) {
  Mirror();
  source_->now += 10'000;
  ASSERT_THAT(Send(Sent(1'000)), IsOk());
  const std::int64_t time = Time("people");
  seen_ = {};
  EXPECT_THAT(Send(Sent(5'000)), IsOk()) << "a look of before";
  source_->now -= 60'000;
  EXPECT_THAT(Send(), IsOk()) << "the server's clock was set back";
  EXPECT_EQ(Time("people"), time);
  EXPECT_THAT(seen_.commits, IsEmpty());
}

TEST_F(HeartbeatTest, TheEndOfACycleMayMoveATimeBack) {
  Mirror();
  source_->now += 10'000;
  ASSERT_THAT(Send(), IsOk());
  source_->now -= 5'000;
  source_->Begin();
  ASSERT_THAT(source_->Announce({People(), Other()}), IsOk());
  ASSERT_THAT(Complete(), IsOk());
  EXPECT_EQ(Time("people"), source_->now) << "the source's clock is slow, and it read the source itself";
}

TEST_F(HeartbeatTest, LeavesTablesThatTheLastCycleOrTheSourceCallsStale) {
  Mirror();
  const std::int64_t old = Time("other");
  source_->Begin();
  ASSERT_THAT(source_->Announce({People(), Other()}), IsOk());
  ASSERT_THAT(Complete({"OTHER"}), IsOk());
  for (int i = 0; i < 3; ++i) {
    source_->now += 5'000;
    ASSERT_THAT(Send(), IsOk());
    EXPECT_EQ(Time("people"), source_->now - 200);
    EXPECT_EQ(Time("other"), old);
  }
  const std::int64_t people = Time("people");
  source_->now += 5'000;
  Heartbeat sent = Sent();
  sent.stale = {"People"};
  ASSERT_THAT(Send(sent), IsOk());
  EXPECT_EQ(Time("people"), people);
  EXPECT_EQ(Time("other"), old);
}

TEST_F(HeartbeatTest, GivesNoTimeToATableWithoutRows) {
  Mirror();
  TableSchema fresh = People();
  fresh.name = "fresh";
  source_->Begin();
  ASSERT_THAT(source_->Announce({People(), Other(), fresh}), IsOk());
  ASSERT_THAT(Complete(), IsOk());
  source_->now += 5'000;
  ASSERT_THAT(Send(), IsOk());
  EXPECT_EQ(Time("fresh"), 0);
  EXPECT_EQ(Time("people"), source_->now - 200);
}

TEST_F(HeartbeatTest, TheFileHasTheTimeWithinAThirdOfTheShortestTarget) {
  StartWith({{"*", "*", false, 60'000}, {"*", "other", true, 45'000}});
  Mirror();
  int written = 0;
  seen_ = {};
  for (int i = 0; i < 30; ++i) {
    source_->now += 5'000;
    const std::int64_t before = TimeInFile();
    ASSERT_THAT(Send(), IsOkAndHolds(10'000));
    written += TimeInFile() == before ? 0 : 1;
    ASSERT_LT(Time("people") - TimeInFile(), 15'000);
    ASSERT_EQ(Time("people"), source_->now - 200);
  }
  EXPECT_EQ(written, 9);
  EXPECT_EQ(seen_.syncs, 0);
  EXPECT_THAT(seen_.commits, Each(Kept::kWithNext)) << "written, and not synced";
}

TEST_F(HeartbeatTest, AsksForTheNextOneByTheShortestTarget) {
  StartWith({{"*", "*", false, 60'000}, {"*", "other", true, 6'000}});
  Mirror();
  EXPECT_THAT(Send(), IsOkAndHolds(2'000));
}

TEST_F(HeartbeatTest, IsTakenAfterTheServerWasStartedAnew) {
  Mirror();
  tenant_.reset();
  Restart();
  source_->now += 5'000;
  EXPECT_THAT(Send(), IsOk());
  EXPECT_EQ(Time("people"), source_->now - 200);
}

TEST_F(HeartbeatTest, IsRefusedWhileACycleRunsAndAfterOneThatDied) {
  Mirror();
  const Heartbeat sent = Sent();
  const std::int64_t time = Time("people");
  source_->Begin("another");
  EXPECT_THAT(Send(sent), StatusIs(kAborted, HasSubstr("is running")));
  tenant_->TakeBack(source_->cycle, source_->now);
  EXPECT_THAT(Send(sent), StatusIs(kAborted, HasSubstr("a cycle began")));
  EXPECT_EQ(Time("people"), time);
}

TEST_F(HeartbeatTest, IsRefusedIfItIsNotOfTheLastCompletedCycle) {
  Mirror();
  Heartbeat sent = Sent();
  source_->Begin();
  ASSERT_THAT(source_->Announce({People(), Other()}), IsOk());
  ASSERT_THAT(Complete(), IsOk());
  EXPECT_THAT(Send(sent), StatusIs(kAborted, HasSubstr("is not the last one")));
  sent = Sent();
  sent.holder = "another";
  EXPECT_THAT(Send(sent), StatusIs(kAborted, HasSubstr("another holder")));
  sent = Sent();
  sent.source_id = "copy";
  EXPECT_THAT(Send(sent), StatusIs(kAborted, HasSubstr("another source")));
  EXPECT_THAT(Send(), IsOk());
}

TEST_F(HeartbeatTest, IsRefusedAfterACycleThatToldNoTimes) {
  Mirror();
  source_->Begin();
  ASSERT_THAT(Complete(), IsOk()) << "it announced nothing";
  EXPECT_THAT(Send(), StatusIs(kAborted, HasSubstr("did not say as of when")));
  source_->Begin();
  ASSERT_THAT(source_->Announce({People(), Other()}), IsOk());
  ASSERT_THAT(source_->Complete(), IsOk()) << "without a time";
  EXPECT_THAT(Send(), StatusIs(kAborted, HasSubstr("did not say as of when")));
}

TEST_F(HeartbeatTest, IsRefusedAfterAnOperatorsActUntilTheNextCycle) {
  Mirror();
  const std::int64_t time = Time("people");
  ASSERT_THAT(tenant_->Pause("inventory", source_->now), IsOk());
  EXPECT_THAT(Send(), StatusIs(kAborted, HasSubstr("paused")));
  ASSERT_THAT(tenant_->Resume(source_->now), IsOk());
  ASSERT_THAT(tenant_->Invalidate({"people"}, source_->now), IsOk());
  EXPECT_THAT(Send(), StatusIs(kAborted, HasSubstr("an operator changed the mirror")));
  EXPECT_EQ(Time("people"), time);
  source_->Begin();
  ASSERT_THAT(source_->Announce({People(), Other()}), IsOk());
  source_->Populate(People(), {{1, "Ada", 36}}, kTen);
  ASSERT_THAT(Complete(), IsOk());
  EXPECT_THAT(Send(), IsOk());
}

TEST_F(HeartbeatTest, IsRefusedForAStranger) {
  Mirror();
  source_->caller.issuer = "somebody else";
  EXPECT_THAT(Send(), StatusIs(kPermissionDenied));
}

TEST_F(HeartbeatTest, MakesNoMirror) {
  source_->cycle = 1;
  EXPECT_THAT(Send(), StatusIs(kAborted));
  EXPECT_FALSE(tenant_->is_open());
}

}  // namespace
}  // namespace mirror::heartbeat_test
