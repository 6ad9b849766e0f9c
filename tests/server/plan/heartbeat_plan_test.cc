// When a heartbeat applies, and which times it moves.

#include "server/plan/heartbeat_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "base/folded_name.h"
#include "server/plan/cycle_check.h"
#include "server/plan/freshness_plan.h"
#include "tests/support/status_matchers.h"

namespace mirror::heartbeat_plan_test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::UnorderedElementsAre;
using enum absl::StatusCode;

constexpr std::int64_t kCycle = 1'700'000'000'000;

Heartbeat Sent() { return {.cycle = kCycle, .holder = "holder", .source_id = "source", .age_ms = 200}; }

TenantRecord Completed() {
  TenantRecord tenant;
  tenant.issuer = "issuer";
  tenant.source_id = "source";
  tenant.holder = "holder";
  tenant.completed_cycle = kCycle;
  tenant.cycle = CycleAfter(kCycle);
  return tenant;
}

TEST(CheckHeartbeat, TakesOneOfTheLastCompletedCycle) {
  EXPECT_THAT(CheckHeartbeat(Sent(), Completed(), {}), IsOk());
}

struct Case {
  std::string name, says;
  std::function<void(Heartbeat&, TenantRecord&, std::vector<Hold>&)> change;
};

class RefusedHeartbeat : public testing::TestWithParam<Case> {};

TEST_P(RefusedHeartbeat, SaysWhyAndWhatToDo) {
  Heartbeat sent = Sent();
  TenantRecord tenant = Completed();
  std::vector<Hold> holds;
  GetParam().change(sent, tenant, holds);
  const absl::Status status = CheckHeartbeat(sent, tenant, holds);
  EXPECT_THAT(status, StatusIs(kAborted, HasSubstr(GetParam().says)));
  EXPECT_THAT(status, StatusIs(kAborted, HasSubstr("Nothing was noted. Begin a new cycle")));
}

INSTANTIATE_TEST_SUITE_P(
    Heartbeats, RefusedHeartbeat,
    testing::Values(
        Case{"OlderCycle", "is not the last one", [](auto& sent, auto&, auto&) { --sent.cycle; }},
        Case{"LaterCycle", "is not the last one", [](auto& sent, auto&, auto&) { ++sent.cycle; }},
        Case{"NoCycleYet", "is not the last one", [](auto&, auto& tenant, auto&) { tenant = {}; }},
        Case{"RunningCycle", "is running",
             [](auto&, auto& tenant, auto&) {
               tenant.active = true;
               tenant.cycle += 5;
             }},
        Case{"CycleThatDiedSince", "after cycle", [](auto&, auto& tenant, auto&) { tenant.cycle += 5; }},
        Case{"OperatorsAct", "after cycle",
             [](auto&, auto& tenant, auto&) { tenant.cycle = CycleAfter(tenant.cycle); }},
        Case{"Paused", "is paused", [](auto&, auto& tenant, auto&) { tenant.paused = true; }},
        Case{"OtherHolder", "another holder", [](auto& sent, auto&, auto&) { sent.holder = "other"; }},
        Case{"EndThatToldNoTimes", "did not say as of when",
             [](auto&, auto& tenant, auto&) { tenant.holder.clear(); }},
        Case{"NoHolderAtAll", "named no holder",
             [](auto& sent, auto& tenant, auto&) {
               sent.holder.clear();
               tenant.holder.clear();
             }},
        Case{"OtherSource", "another source", [](auto& sent, auto&, auto&) { sent.source_id = "copy"; }},
        Case{"SourceWithoutProof", "not proven",
             [](auto&, auto& tenant, auto&) { tenant.source_accepted = true; }},
        Case{"Held", "is held", [](auto&, auto&, auto& holds) { holds.push_back({.table = "a"}); }},
        Case{"DecidedAndNotDone", "is held",
             [](auto&, auto&, auto& holds) { holds.push_back({.state = HoldState::kCommit}); }}),
    [](const auto& test) { return test.param.name; });

TEST(AsOfHeartbeat, IsArrivalLessAge) {
  const auto as_of = AsOfHeartbeat(Sent(), {.all_ms = 1'000}, 5'000);
  ASSERT_TRUE(as_of);
  EXPECT_EQ(as_of->source_ms, 4'800);
}

TEST(AsOfHeartbeat, MovesNothingBack) {
  EXPECT_FALSE(AsOfHeartbeat(Sent(), {.all_ms = 4'800}, 5'000));
  EXPECT_FALSE(AsOfHeartbeat(Sent(), {.all_ms = 9'000}, 5'000));
}

TEST(AsOfHeartbeat, GivesNoTimeToAMirrorWithoutOne) { EXPECT_FALSE(AsOfHeartbeat(Sent(), {}, 5'000)); }

TEST(AsOfHeartbeat, LeavesOutWhatTheSourceNamesAndWhatTheLastCycleLeftBehind) {
  Heartbeat sent = Sent();
  sent.stale = {"Named"};
  Freshness now{.all_ms = 1'000};
  now.tables = {{"behind", 900}, {"equal", 1'000}, {"later", 1'001}, {"unknown", std::nullopt}};
  const auto as_of = AsOfHeartbeat(sent, now, 5'000);
  ASSERT_TRUE(as_of);
  EXPECT_THAT(as_of->stale, UnorderedElementsAre("Named", "behind", "equal", "unknown"));
}

/// Whatever the order of cycles' ends and heartbeats: a heartbeat moves no time back, moves no table that the
/// last end left behind, and gives no table a time after its look.
TEST(AsOfHeartbeat, NeverCallsAStaleTableFresh) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::mt19937 random(seed);
  const auto below = [&](unsigned count) { return static_cast<std::int64_t>(random() % count); };
  std::vector<TableRecord> records;
  for (const char* name : {"A", "b", "C", "d"}) {
    records.push_back({.table = name, .position = {Lsn{1}, "x"}});
  }
  for (int round = 0; round < 200; ++round) {
    Freshness now;
    std::map<std::string, bool> is_stale;  // After the last cycle's end.
    std::int64_t clock_ms = 10'000;
    for (int act = 0; act < 30; ++act) {
      clock_ms += below(500);
      std::vector<std::string> stale;
      for (const TableRecord& record : records) {
        if (below(4) == 0) stale.push_back(record.table);
      }
      if (below(3) == 0 || !now.all_ms) {
        // The source's clock may be slow, and differs from one cycle to the next.
        now = WithAllAsOf(now, records, {clock_ms - below(2'000), stale});
        is_stale.clear();
        for (const std::string& table : stale) is_stale[table] = true;
        continue;
      }
      Heartbeat sent = Sent();
      sent.age_ms = below(3'000);
      for (const auto& [table, is] : is_stale) sent.stale.push_back(table);
      if (below(2) == 0) sent.stale.insert(sent.stale.end(), stale.begin(), stale.end());
      const auto as_of = AsOfHeartbeat(sent, now, clock_ms);
      const Freshness next = as_of ? WithAllAsOf(now, records, *as_of) : now;
      for (const TableRecord& record : records) {
        const auto before = TimeOf(now, record.table), after = TimeOf(next, record.table);
        if (before == after) continue;
        ASSERT_FALSE(is_stale[record.table]) << record.table;
        ASSERT_TRUE(after && before && *after > *before) << record.table;
        ASSERT_EQ(*after, clock_ms - sent.age_ms) << record.table;
      }
      now = next;
    }
  }
}

TEST(HeartbeatWithin, IsAThirdOfTheShortestTargetUpToTenSeconds) {
  EXPECT_EQ(HeartbeatWithin({}), 10'000);
  EXPECT_EQ(HeartbeatWithin({.all_ms = 60'000}), 10'000);
  EXPECT_EQ(HeartbeatWithin({.all_ms = 15'000}), 5'000);
  EXPECT_EQ(HeartbeatWithin({.all_ms = 60'000, .tables = {{"a", 6'000}}}), 2'000);
  EXPECT_EQ(HeartbeatWithin({.all_ms = 6'000, .tables = {{"a", 0}}}), 2'000);
  EXPECT_EQ(HeartbeatWithin({.all_ms = 1}), 100);
}

TEST(TimesBehindMax, IsAThirdOfTheShortestTargetUpToTenMinutes) {
  EXPECT_EQ(TimesBehindMax({}), kTimesBehindMaxMs);
  EXPECT_EQ(TimesBehindMax({.all_ms = 60'000}), 20'000);
  EXPECT_EQ(TimesBehindMax({.all_ms = 60'000, .tables = {{"a", 6'000}}}), 2'000);
  EXPECT_EQ(TimesBehindMax({.all_ms = 86'400'000}), kTimesBehindMaxMs);
}

}  // namespace
}  // namespace mirror::heartbeat_plan_test
