// Heartbeats through TLS and a token, with values that no agent sends; and a quiet source whose agent stops.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <sstream>
#include <stop_token>
#include <string>
#include <thread>

#include "client/command/run.h"
#include "client/wire/heartbeat_terms.h"
#include "tests/endpoint/endpoint_fixture.h"
#include "tests/support/agent_bench.h"
#include "tests/support/source_words.h"

namespace mirror::heartbeat_test {
namespace {

using std::chrono::milliseconds;
using testing::Contains;
using testing::HasSubstr;
using enum absl::StatusCode;

std::int64_t NowMs() {
  return std::chrono::duration_cast<milliseconds>(std::chrono::system_clock::now().time_since_epoch())
      .count();
}

class HeartbeatTest : public EndpointTest {
 protected:
  /// A completed cycle that told its time.
  HeartbeatTerms Fill(MirrorClient& client) {
    const auto admission = client.Authenticate("hand", true, false);
    EXPECT_THAT(admission, IsOk());
    if (!admission.ok()) return {};
    EXPECT_THAT(admission->capabilities(), Contains("heartbeat"));
    const std::int64_t cycle = admission->cycle();
    Announce(client, cycle, {People()});
    EXPECT_EQ(Send(client, cycle, Population(People(), {{1, "Ada", 36}}, {Lsn{5}, "five"})).code(), 0);
    v1::ReplicationCompletedRequest completed;
    completed.set_cycle(cycle);
    completed.set_source_time_ms(NowMs() - 60'000);
    EXPECT_THAT(client.ReplicationCompleted(completed), IsOk());
    return {.cycle = cycle, .holder = "hand", .source_id = "by-hand"};
  }
  std::int64_t TimeInFile() {
    return std::stoll(here_->mirror().Value("SELECT source_ms FROM _mirror_times WHERE table_name = ''"));
  }
};

TEST_F(HeartbeatTest, MovesTheTimeByTheServersClock) {
  Install({.more_toml = "[[tenant]]\ncontext_id = \"*\"\nfreshness = \"3s\"\n"});
  const auto client = Client();
  const HeartbeatTerms terms = Fill(*client);
  const std::int64_t before = NowMs();
  EXPECT_THAT(client->Heartbeat(terms, milliseconds(500)), IsOkAndHolds(milliseconds(1'000)));
  EXPECT_GE(TimeInFile(), before - 500) << "the file was a minute behind";
  EXPECT_LE(TimeInFile(), NowMs() - 500);
}

TEST_F(HeartbeatTest, ValuesOutOfTheirRangeAreRefused) {
  Install();
  const auto client = Client();
  const HeartbeatTerms good = Fill(*client);
  for (const milliseconds age : {milliseconds(3'600'001), milliseconds(-1), milliseconds::max()}) {
    EXPECT_THAT(client->Heartbeat(good, age), StatusIs(kInvalidArgument, HasSubstr("age_ms")));
  }
  HeartbeatTerms bad = good;
  bad.holder = std::string(65, 'h');
  EXPECT_THAT(client->Heartbeat(bad, {}), StatusIs(kInvalidArgument, HasSubstr("'holder'")));
  bad.holder.clear();
  EXPECT_THAT(client->Heartbeat(bad, {}), StatusIs(kInvalidArgument, HasSubstr("'holder'")));
  bad = good;
  bad.source_id = std::string(129, 's');
  EXPECT_THAT(client->Heartbeat(bad, {}), StatusIs(kInvalidArgument, HasSubstr("'source_id'")));
  bad = good;
  bad.stale.assign(10'001, "t");
  EXPECT_THAT(client->Heartbeat(bad, {}), StatusIs(kResourceExhausted, HasSubstr("stale tables")));
  for (const std::int64_t cycle : {INT64_MIN, std::int64_t{-1}, std::int64_t{0}, good.cycle + 1, INT64_MAX}) {
    bad = good;
    bad.cycle = cycle;
    EXPECT_THAT(client->Heartbeat(bad, {}), StatusIs(kAborted, HasSubstr("Nothing was noted")));
  }
  EXPECT_THAT(client->Heartbeat(good, milliseconds(3'600'000)), IsOk()) << "nothing of it changed anything";
}

TEST_F(HeartbeatTest, NeedsATokenOfItsTenant) {
  Install();
  const auto client = Client();
  const HeartbeatTerms terms = Fill(*client);
  client->set_token_override("none");
  EXPECT_THAT(client->Heartbeat(terms, {}), StatusIs(kUnauthenticated));
  client->set_token_override("");
  const auto other = Client("Cust-2");
  EXPECT_FALSE(other->Heartbeat(terms, {}).ok()) << "another tenant's cycle, and no mirror yet";
  Fill(*other);
  EXPECT_THAT(other->Heartbeat(terms, {}), StatusIs(kAborted));
  EXPECT_THAT(client->Heartbeat(terms, {}), IsOk());
}

TEST_F(HeartbeatTest, AQuietFollowedSourceStaysFreshUntilItsAgentIsStopped) {
  Install({.more_toml = "[[tenant]]\ncontext_id = \"*\"\nfreshness = \"6s\"\n"});
  AgentBench bench(*here_, "Cust", here_->dir() + "/source");
  ASSERT_EQ(bench.Sql("PRAGMA journal_mode = WAL; CREATE TABLE people(id INTEGER PRIMARY KEY); "
                      "INSERT INTO people VALUES(1)"),
            "");
  bench.source().strategy = StrategyNamed("cdc");
  bench.source().follow = true;
  bench.source().interval_ms = 3'600'000;
  ASSERT_THAT(bench.Install(), IsOk());
  std::ostringstream out, err;
  std::int64_t stopped_ms = 0;
  {
    std::jthread agent(
        [&](const std::stop_token& stop) { RunSources(bench.config(), bench.connection(), stop, out, err); });
    // Without heartbeats its tables would have been late by then: no cycle comes for an hour.
    const std::int64_t until_ms = NowMs() + 9'000;
    const auto end = std::chrono::steady_clock::now() + kPatience;
    const auto is_fresh = [&] {
      return here_->mirror().Value("SELECT count(*) FROM sqlite_schema WHERE name = '_mirror_times'") ==
                 "1" &&
             here_->mirror().Value("SELECT count(*) FROM _mirror_times WHERE table_name = ''") == "1" &&
             TimeInFile() >= until_ms;
    };
    while (!is_fresh()) {
      ASSERT_LT(std::chrono::steady_clock::now(), end) << out.str() << err.str();
      std::this_thread::sleep_for(milliseconds(50));
    }
    stopped_ms = NowMs();
  }
  EXPECT_EQ(err.str(), "");
  const v1::Event missed = WaitForEvent("freshness.missed");
  EXPECT_THAT(missed.message(), HasSubstr("people"));
  EXPECT_GE(missed.time_ms(), stopped_ms) << "not before the agent was stopped";
}

}  // namespace
}  // namespace mirror::heartbeat_test
