// Heartbeats for a mirror in PostgreSQL, which several servers share: any of them takes one.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <string>

#include "absl/strings/str_cat.h"
#include "server/plan/heartbeat_plan.h"
#include "tests/server/tenant/servers_bench.h"

namespace mirror::servers_heartbeat_test {
namespace {

using testing::HasSubstr;
using enum absl::StatusCode;

class ServersHeartbeat : public ServersBench {
 protected:
  void MirrorAt(std::size_t server) {
    SourceCalls& calls = At(server);
    calls.Begin();
    ASSERT_THAT(calls.Announce({People()}), IsOk());
    calls.Populate(People(), {{1, "Ada", 36}}, {Lsn{5}, "five"});
    ASSERT_THAT(tenant().Complete(calls.caller, calls.cycle, {}, calls.now, AllAsOf{calls.now}), IsOk());
  }
  absl::StatusOr<std::int64_t> SendAt(std::size_t server, std::int64_t age_ms = 200) {
    SourceCalls& calls = At(server);
    return tenant().TakeHeartbeat(
        calls.caller,
        {.cycle = calls.cycle, .holder = "holder", .source_id = calls.source_id, .age_ms = age_ms},
        calls.now);
  }
  std::int64_t TimeAt(std::size_t server) {
    At(server);
    const auto tables = tenant().Tables();
    EXPECT_THAT(tables, IsOk());
    return tables.ok() && tables->size() == 1 ? tables->front().source_ms : 0;
  }
};

TEST_F(ServersHeartbeat, AnyServerTakesThemAndAllShowTheTime) {
  StartServers(2);
  MirrorAt(0);
  for (int i = 0; i < 4; ++i) {
    const std::size_t server = i % 2, other = 1 - server;
    At(server).now += 5'000;
    EXPECT_THAT(SendAt(server), IsOkAndHolds(10'000));
    EXPECT_EQ(TimeAt(server), now() - 200);
    EXPECT_EQ(TimeAt(other), now() - 200) << "it is in the database at once";
  }
  EXPECT_EQ(TimeAt(0), now() - 200);
  EXPECT_THAT(SendAt(1, 4'000), IsOk());
  EXPECT_EQ(TimeAt(0), now() - 200) << "never back";
}

TEST_F(ServersHeartbeat, WaitForNoDiskAndCountAsNoChangeOfTheMirror) {
  StartServers(1);
  MirrorAt(0);
  const std::string rev = "SELECT rev FROM \"Mirror_Cust\"._mirror_tenant";
  const std::int64_t before = Ask(rev);
  At(0).now += 5'000;
  ASSERT_THAT(SendAt(0), IsOk());
  EXPECT_EQ(Ask(rev), before) << "a heartbeat that a crash takes does not look like a restored mirror";
}

TEST_F(ServersHeartbeat, AreRefusedByTheRowThatAnotherServerWrote) {
  StartServers(2);
  MirrorAt(0);
  ASSERT_THAT(SendAt(1), IsOk());
  const std::int64_t completed = At(0).cycle;
  At(1).Begin("another");
  At(0).cycle = completed;
  EXPECT_THAT(SendAt(0), StatusIs(kAborted, HasSubstr("is running")));
  ASSERT_THAT(TenantAt(1)->Pause("inventory", now()), IsOk());
  EXPECT_THAT(SendAt(0), StatusIs(kAborted, HasSubstr("paused")));
}

}  // namespace
}  // namespace mirror::servers_heartbeat_test
