#include "client/run.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>

#include "client/install.h"
#include "client/last_run.h"
#include "tests/client/fake_endpoint.h"
#include "tests/client/source_database.h"
#include "tests/support/status_matchers.h"

namespace mirror {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

class RunTest : public testing::Test {
 protected:
  AgentConfig Config(const std::vector<std::string>& paths) {
    AgentConfig config;
    config.agent.state_dir = folder_ / "state";
    for (const std::string& path : paths) {
      SourceConfig& source = config.sources.emplace_back();
      // The endpoint proves itself for one tenant.
      source.context_id = path == "crm.db" ? "Cust" : "Other";
      source.path = folder_ / path;
      source.interval_ms = 1;
    }
    return config;
  }
  /// Until the endpoint was asked `cycles` times.
  void RunUntil(const AgentConfig& config, int cycles) {
    std::stop_source stop;
    int asked = 0;
    endpoint_.on_authenticate = [&] {
      if (++asked == cycles) stop.request_stop();
    };
    endpoint_.Settle();
    RunSources(config,
               {OpenChannel(endpoint_.address(), grpc::InsecureChannelCredentials()), endpoint_.identity()},
               stop.get_token(), out_, err_);
    endpoint_.Settle();
  }

  TempFolder folder_;
  FakeEndpoint endpoint_{folder_};
  std::ostringstream out_, err_;
};

TEST_F(RunTest, CyclesFollowEachOtherUntilItIsToldToStop) {
  Sql(folder_ / "crm.db", "CREATE TABLE a(id INTEGER PRIMARY KEY); INSERT INTO a VALUES(1), (2)");
  RunUntil(Config({"crm.db"}), 4);
  EXPECT_EQ(endpoint_.Count("authenticate"), 4U);
  EXPECT_EQ(endpoint_.Count("completed"), 4U) << "the last one ended well";
  EXPECT_THAT(out_.str(), AllOf(HasSubstr("a      populate        2"), HasSubstr("next run 2")));
}

TEST_F(RunTest, ASourceThatFailsDoesNotDisturbTheOthers) {
  Sql(folder_ / "crm.db", "CREATE TABLE a(id INTEGER PRIMARY KEY)");
  RunUntil(Config({"gone.db", "crm.db"}), 5);
  EXPECT_EQ(endpoint_.Count("completed"), 5U);
  EXPECT_THAT(err_.str(), AllOf(HasSubstr("Other: the source"), HasSubstr("gone.db' is not there")));
  EXPECT_THAT(err_.str(), Not(HasSubstr("Cust:")));
}

TEST_F(RunTest, AStopEndsAPopulationBetweenItsBatches) {
  Sql(folder_ / "crm.db",
      "CREATE TABLE a(id INTEGER PRIMARY KEY, v TEXT); WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + "
      "1 FROM n "
      "WHERE i < 20000) INSERT INTO a SELECT i, printf('%.90c', 'x') FROM n");
  AgentConfig config = Config({"crm.db"});
  config.agent.batch_bytes = 10'000;
  config.agent.window = 1;
  std::stop_source stop;
  int asked = 0;
  endpoint_.on_authenticate = [&] {
    if (++asked == 5) stop.request_stop();  // Else it would never end, were the first one not to do it.
  };
  endpoint_.on_batch = [&](const v1::ChangeBatch& batch) {
    if (batch.seq() == 3) stop.request_stop();
    return grpc::Status::OK;
  };
  endpoint_.Settle();
  RunSources(config,
             {OpenChannel(endpoint_.address(), grpc::InsecureChannelCredentials()), endpoint_.identity()},
             stop.get_token(), out_, err_);
  endpoint_.Settle();
  EXPECT_EQ(endpoint_.tables["a"].position.lsn(), -1);
  EXPECT_EQ(endpoint_.Count("completed"), 1U) << "the cycle is ended, so that the next one need not wait";
  EXPECT_THAT(err_.str(), HasSubstr("stopped"));
}

TEST_F(RunTest, ByCronTheFirstCycleIsAtOnceAndTheNextOneAtItsTime) {
  Sql(folder_ / "crm.db", "CREATE TABLE a(id INTEGER PRIMARY KEY); INSERT INTO a VALUES(1), (2)");
  AgentConfig config = Config({"crm.db"});
  RunUntil(config, 2);
  // With nothing to send, a cycle in which it is told to stop is a good one.
  config.sources[0].cron = *CronRule::Parse("0 0 29 2 *");
  std::filesystem::remove(config.agent.state_dir + "/Cust.last.json");
  RunUntil(config, 1);
  EXPECT_EQ(endpoint_.Count("completed"), 3U);
  EXPECT_THAT(out_.str(), testing::ContainsRegex("next run 20[0-9][0-9]-02-29T00:00:00Z"));
}

TEST_F(RunTest, ByCronASourceWhoseLastRunWasGoodWaitsForItsTime) {
  // The source that is not there tells each of its runs on `err`; the other one says when it is time to look.
  Sql(folder_ / "crm.db", "CREATE TABLE a(id INTEGER PRIMARY KEY)");
  AgentConfig config = Config({"gone.db", "crm.db"});
  config.sources[0].cron = *CronRule::Parse("0 0 29 2 *");
  std::filesystem::create_directory(config.agent.state_dir);
  CycleReport good;
  good.outcome = Outcome::kDone;
  ASSERT_THAT(KeepLastRun(config.agent.state_dir, "Other", good, 1'000, 2'000, false), IsOk());
  RunUntil(config, 5);
  EXPECT_THAT(err_.str(), Not(HasSubstr("Other:")));
  // The same without a good run, so that the silence is known to mean something.
  CycleReport failed;
  failed.status = absl::UnavailableError("no answer");
  ASSERT_THAT(KeepLastRun(config.agent.state_dir, "Other", failed, 1'000, 2'000, false), IsOk());
  RunUntil(config, 5);
  EXPECT_THAT(err_.str(), HasSubstr("Other: the source"));
}

TEST_F(RunTest, WrongConfigurationIsExitCodeTwo) {
  EXPECT_EQ(mirror::Run(folder_ / "none.toml", out_, err_), 2);
  EXPECT_THAT(err_.str(), HasSubstr("none.toml"));
}

TEST_F(RunTest, ForMachinesEachLineIsAnObject) {
  Sql(folder_ / "crm.db", "CREATE TABLE a(id INTEGER PRIMARY KEY); INSERT INTO a VALUES(1), (2)");
  AgentConfig config = Config({"gone.db", "crm.db"});
  config.log_format = "json";
  RunUntil(config, 4);
  bool told = false, failed = false;
  std::istringstream lines(out_.str() + err_.str());
  for (std::string line; std::getline(lines, line);) {
    const nlohmann::json json = nlohmann::json::parse(line, nullptr, false);
    ASSERT_TRUE(json.is_object()) << line;
    if (json["tenant"] == "Cust" && json["level"] == "info") told = json["kind"] == "cycle";
    if (json["tenant"] == "Other" && json["level"] == "error") failed = json["kind"] == "failure";
  }
  EXPECT_TRUE(told) << out_.str();
  EXPECT_TRUE(failed) << err_.str();
}

}  // namespace
}  // namespace mirror
