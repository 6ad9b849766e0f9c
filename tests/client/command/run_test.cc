#include "client/command/run.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <sstream>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/command/agent_metrics.h"
#include "client/command/commands.h"
#include "client/command/schedule.h"
#include "client/run/last_run.h"
#include "client/run/open_log.h"
#include "client/state/lock_file.h"
#include "tests/client/command/agent_toml.h"
#include "tests/client/fake_endpoint.h"
#include "tests/client/source/source_database.h"
#include "tests/support/status_matchers.h"

namespace mirror::run_test {
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
      source.strategy = Strategy::kPopulate;
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
    RunSources(config, endpoint_.ToConnection(), stop.get_token(), out_, err_);
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

TEST_F(RunTest, AChangeOfAFollowedSourceBeginsACycleLongBeforeItsInterval) {
  Sql(folder_ / "crm.db",
      "PRAGMA journal_mode = WAL; CREATE TABLE a(id INTEGER PRIMARY KEY); INSERT INTO a VALUES(1), (2)");
  AgentConfig config = Config({"crm.db"});
  SourceConfig& source = config.sources.front();
  source.strategy = Strategy::kCdc;
  source.interval_ms = 3'600'000;
  source.follow = true;
  ASSERT_THAT(InstallLog(source, {}, {"a"}), IsOk());
  endpoint_.takes_changes = true;
  std::stop_source stop;
  int asked = 0;
  endpoint_.on_authenticate = [&] {
    ++asked;
    // Another connection commits while a cycle runs.
    if (asked < 4) Sql(folder_ / "crm.db", absl::StrCat("INSERT INTO a VALUES(", 10 + asked, ")"));
    if (asked == 4) stop.request_stop();
  };
  endpoint_.Settle();
  RunSources(config, endpoint_.ToConnection(), stop.get_token(), out_, err_);
  endpoint_.Settle();
  EXPECT_EQ(asked, 4);
  EXPECT_EQ(endpoint_.tables["a"].rows, 5U);
  EXPECT_EQ(err_.str(), "");
}

/// A followed source in WAL mode with one logged table.
class HeartbeatRunTest : public RunTest {
 protected:
  HeartbeatRunTest() {
    Sql(folder_ / "crm.db",
        "PRAGMA journal_mode = WAL; CREATE TABLE a(id INTEGER PRIMARY KEY); INSERT INTO a VALUES(1), (2)");
    SourceConfig& source = config_.sources.front();
    source.strategy = Strategy::kCdc;
    source.interval_ms = 3'600'000;
    source.follow = true;
    EXPECT_THAT(InstallLog(source, {}, {"a"}), IsOk());
    endpoint_.takes_changes = true;
    endpoint_.capabilities = {"heartbeat"};
    endpoint_.on_authenticate = [this] { ++cycles_; };
  }
  /// Until `stop_` is asked to.
  void Run() {
    endpoint_.Settle();
    RunSources(config_, endpoint_.ToConnection(), stop_.get_token(), out_, err_);
    endpoint_.Settle();
    EXPECT_EQ(err_.str(), "");
  }

  AgentConfig config_ = Config({"crm.db"});
  std::stop_source stop_;
  std::vector<v1::HeartbeatRequest> beats_;
  std::size_t cycles_ = 0;
  /// Cycles before the first heartbeat. The first cycle makes the log's owner, and that is a change.
  std::size_t before_ = 0;
};

TEST_F(HeartbeatRunTest, AQuietSourceSaysSoBetweenItsCycles) {
  endpoint_.on_heartbeat = [&](const v1::HeartbeatRequest& request, v1::HeartbeatResponse* response) {
    if (beats_.empty()) before_ = cycles_;
    beats_.push_back(request);
    if (beats_.size() == 3) stop_.request_stop();
    response->set_next_within_ms(100);
    return grpc::Status::OK;
  };
  Run();
  EXPECT_EQ(cycles_, before_);
  ASSERT_EQ(beats_.size(), 3U);
  for (const v1::HeartbeatRequest& beat : beats_) {
    EXPECT_EQ(beat.cycle(), endpoint_.completed.cycle());
    EXPECT_EQ(beat.holder(), endpoint_.holders.back());
    EXPECT_EQ(beat.source_id(), endpoint_.announced.source_id());
    EXPECT_NE(beat.source_id(), "");
    EXPECT_LT(beat.age_ms(), 60'000U);
    EXPECT_EQ(beat.stale_tables_size(), 0);
  }
}

TEST_F(HeartbeatRunTest, AChangeIsSentBeforeTheNextOne) {
  endpoint_.on_heartbeat = [&](const v1::HeartbeatRequest& request, v1::HeartbeatResponse* response) {
    beats_.push_back(request);
    response->set_next_within_ms(100);
    if (beats_.size() == 1) Sql(folder_ / "crm.db", "INSERT INTO a VALUES(3)");
    if (beats_.size() == 2) stop_.request_stop();
    return grpc::Status::OK;
  };
  Run();
  ASSERT_EQ(beats_.size(), 2U);
  EXPECT_EQ(endpoint_.tables["a"].rows, 3U);
  EXPECT_GT(beats_[1].cycle(), beats_[0].cycle()) << "a cycle came between";
}

TEST_F(HeartbeatRunTest, ARefusedOneMakesAFullLook) {
  endpoint_.on_heartbeat = [&](const v1::HeartbeatRequest& request, v1::HeartbeatResponse*) -> grpc::Status {
    if (beats_.empty()) before_ = cycles_;
    beats_.push_back(request);
    if (beats_.size() == 2) stop_.request_stop();
    return {grpc::StatusCode::ABORTED, "an operator changed the mirror"};
  };
  Run();
  EXPECT_EQ(cycles_, before_ + 1);
  EXPECT_EQ(beats_.size(), 2U);
}

TEST_F(HeartbeatRunTest, TablesThatTheLogDoesNotSeeAreCalledStale) {
  Sql(folder_ / "crm.db", "CREATE TABLE b(id INTEGER PRIMARY KEY)");
  TableConfig& whole = config_.sources.front().tables.emplace_back();
  whole.name = "b";
  whole.strategy = Strategy::kSynthetic;
  endpoint_.on_heartbeat = [&](const v1::HeartbeatRequest& request, v1::HeartbeatResponse*) {
    beats_.push_back(request);
    stop_.request_stop();
    return grpc::Status::OK;
  };
  Run();
  ASSERT_EQ(beats_.size(), 1U);
  EXPECT_THAT(beats_[0].stale_tables(), testing::ElementsAre("b"));
}

TEST_F(RunTest, AFollowedSourceWithATableThatIsReadWholeIsNotReadWithoutEnd) {
  Sql(folder_ / "crm.db",
      "PRAGMA journal_mode = WAL; CREATE TABLE a(id INTEGER PRIMARY KEY); CREATE TABLE b(id INTEGER PRIMARY "
      "KEY)");
  AgentConfig config = Config({"crm.db"});
  SourceConfig& source = config.sources.front();
  source.strategy = Strategy::kCdc;
  source.interval_ms = 3'600'000;
  source.follow = true;
  TableConfig& whole = source.tables.emplace_back();
  whole.name = "b";
  whole.strategy = Strategy::kSynthetic;
  ASSERT_THAT(InstallLog(source, {}, {"a"}), IsOk());
  endpoint_.takes_changes = true;
  using Clock = std::chrono::steady_clock;
  std::stop_source stop;
  std::vector<Clock::time_point> begun, completed;
  endpoint_.on_authenticate = [&] {
    begun.push_back(Clock::now());
    if (begun.size() == 4) stop.request_stop();
  };
  endpoint_.at_completion = [&] {
    completed.push_back(Clock::now());
    Sql(folder_ / "crm.db", absl::StrCat("INSERT INTO a VALUES(", 10 + completed.size(), ")"));
  };
  endpoint_.Settle();
  RunSources(config, endpoint_.ToConnection(), stop.get_token(), out_, err_);
  endpoint_.Settle();
  ASSERT_EQ(begun.size(), 4U);
  // A run takes longer than its part between these two calls.
  for (std::size_t i = 0; i + 1 < begun.size(); ++i)
    EXPECT_GE(begun[i + 1] - completed[i], 9 * (completed[i] - begun[i])) << i;
}

TEST_F(RunTest, AFollowedSourceWithoutAChangeLogRunsByItsIntervalAndSaysWhyOnce) {
  Sql(folder_ / "crm.db", "CREATE TABLE a(id INTEGER PRIMARY KEY); INSERT INTO a VALUES(1), (2)");
  AgentConfig config = Config({"crm.db"});
  config.sources.front().follow = true;
  RunUntil(config, 4);
  EXPECT_EQ(endpoint_.Count("completed"), 4U);
  const std::string said = err_.str();
  const std::size_t first = said.find("'follow' is set, and the source has no change log");
  ASSERT_NE(first, std::string::npos) << said;
  EXPECT_EQ(said.find("'follow' is set", first + 1), std::string::npos) << said;
}

TEST_F(RunTest, RunsInWhichNothingHappensHaveALineAMinute) {
  Sql(folder_ / "crm.db", "CREATE TABLE a(id INTEGER PRIMARY KEY); INSERT INTO a VALUES(1), (2)");
  const auto begun = std::chrono::steady_clock::now();
  RunUntil(Config({"crm.db"}), 40);
  const std::string said = out_.str();
  std::int64_t lines = 0;
  for (std::size_t at = said.find("next run"); at != std::string::npos; at = said.find("next run", at + 1))
    ++lines;
  EXPECT_GE(lines, 2) << "the population, and the first one behind it: " << said;
  // What it notes of the source is the same in each run.
  EXPECT_LE(lines, 3 + (std::chrono::steady_clock::now() - begun) / std::chrono::minutes(1)) << said;
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
  RunSources(config, endpoint_.ToConnection(), stop.get_token(), out_, err_);
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

TEST_F(RunTest, NoMoreThanSoManyAreAtWorkAndWhoCameFirstIsNext) {
  Turns turns(2);
  std::stop_source stop;
  std::atomic<int> at_work = 0, most = 0, done = 0;
  std::vector<std::jthread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      for (int turn = 0; turn < 50; ++turn) {
        ASSERT_TRUE(turns.Take(stop.get_token()));
        const int now = ++at_work;
        for (int seen = most; now > seen && !most.compare_exchange_weak(seen, now);) {
        }
        --at_work;
        turns.GiveBack();
        ++done;
      }
    });
  }
  threads.clear();
  EXPECT_EQ(done, 400);
  EXPECT_LE(most, 2);
}

TEST_F(RunTest, WhoWaitsForATurnIsToldToStop) {
  Turns turns(1);
  std::stop_source stop;
  ASSERT_TRUE(turns.Take(stop.get_token()));
  std::vector<std::jthread> threads;
  for (int i = 0; i < 3; ++i) {
    threads.emplace_back([&] { EXPECT_FALSE(turns.Take(stop.get_token())); });
  }
  stop.request_stop();
}

TEST_F(RunTest, ASecondRunInTheSameStateFolderIsRefused) {
  Sql(folder_ / "crm.db", "CREATE TABLE a(x)");
  WriteAgentToml(folder_, endpoint_.address(), "[agent]\nstate_dir = \"state\"\n" + Source("crm.db"));
  const auto first = LockFile::AcquireFolder(folder_ / "state");
  ASSERT_THAT(first, IsOk());
  EXPECT_EQ(mirror::Run({.path = folder_ / "mirror-agent.toml"}, out_, err_), 1);
  EXPECT_THAT(err_.str(), HasSubstr("another 'mirror-agent run' uses the state folder"));
  EXPECT_EQ(endpoint_.Count("authenticate"), 0U);
}

TEST_F(RunTest, ManyTenantsHaveFewSeries) {
  std::vector<std::string> tenants;
  for (int i = 0; i < 1'200; ++i) tenants.push_back(absl::StrCat("Cust", i));
  AgentMetrics metrics(tenants);
  CycleReport report;
  report.outcome = Outcome::kDone;
  // What was good last is left out first.
  for (std::size_t i = 0; i < 150; ++i) metrics.Ended(i, report, 0.5, 1'000 + static_cast<std::int64_t>(i));
  const std::string page = metrics.Text(5'000);
  // The page itself would be a megabyte of a failure's words.
  const auto has = [&page](const std::string& line) { return page.find(line) != std::string::npos; };
  EXPECT_TRUE(has("mirror_agent_tenants 1200\n"));
  EXPECT_TRUE(has("mirror_agent_tenants_shown 1000\n"));
  EXPECT_TRUE(has("mirror_agent_cycle_seconds_count 150\n"));
  EXPECT_TRUE(has("mirror_agent_call_seconds_count{call=\"RowDataStream\"} 0\n"));
  EXPECT_TRUE(has("mirror_agent_call_seconds_count{call=\"RowData\"} 0\n"));
  EXPECT_TRUE(has("mirror_agent_running{tenant=\"Cust1149\"}"));
  EXPECT_FALSE(has("mirror_agent_running{tenant=\"Cust149\"}"));
  const auto lines = std::count(page.begin(), page.end(), '\n');
  EXPECT_LT(lines, 1'000 * 22 + 500);
}

TEST_F(RunTest, WhatBecomesOfDeliveriesIsShownWhereThereAreAny) {
  AgentMetrics metrics({"Cust", "Other"});
  CycleReport report;
  report.outcome = Outcome::kDone;
  metrics.Ended(1, report, 0.5, 1'000);
  report.exchange = ExchangeFigures{.applied = 3, .conflicts = 2, .refused = 1, .later = 4};
  metrics.Ended(0, report, 0.5, 1'000);
  EXPECT_THAT(metrics.Text(5'000),
              AllOf(HasSubstr("mirror_agent_deliveries_total{tenant=\"Cust\",outcome=\"applied\"} 3\n"),
                    HasSubstr("mirror_agent_deliveries_total{tenant=\"Cust\",outcome=\"conflict\"} 2\n"),
                    HasSubstr("mirror_agent_deliveries_total{tenant=\"Cust\",outcome=\"refused\"} 1\n"),
                    HasSubstr("mirror_agent_deliveries_refused{tenant=\"Cust\"} 5\n"),
                    HasSubstr("mirror_agent_deliveries_waiting_seconds{tenant=\"Cust\"} 0\n"),
                    Not(HasSubstr("mirror_agent_deliveries_total{tenant=\"Other\"")),
                    Not(HasSubstr("mirror_agent_deliveries_refused{tenant=\"Other\""))));
  report.exchange = ExchangeFigures{.waiting = "it is suspended"};
  metrics.Ended(0, report, 0.5, 2'000);
  metrics.Ended(0, report, 0.5, 3'000);
  EXPECT_THAT(metrics.Text(5'000),
              AllOf(HasSubstr("mirror_agent_deliveries_waiting_seconds{tenant=\"Cust\"} 3\n"),
                    HasSubstr("mirror_agent_deliveries_total{tenant=\"Cust\",outcome=\"applied\"} 3\n")));
  report.exchange = ExchangeFigures{};
  metrics.Ended(0, report, 0.5, 4'000);
  EXPECT_THAT(metrics.Text(5'000), HasSubstr("mirror_agent_deliveries_waiting_seconds{tenant=\"Cust\"} 0\n"));
}

TEST_F(RunTest, WhatALogCostsIsShownWhereThereIsOne) {
  AgentMetrics metrics({"Cust", "Other"});
  CycleReport report;
  report.outcome = Outcome::kFailed;
  report.log = LogFigures{.lag = 12, .retained = 34, .decoded = 56, .snapshot_wait = 7.5};
  metrics.Ended(0, report, 0.5, 1'000);
  report.log = std::nullopt;
  metrics.Ended(0, report, 0.5, 2'000);
  metrics.Ended(1, report, 0.5, 2'000);
  const std::string page = metrics.Text(5'000);
  EXPECT_THAT(page, AllOf(HasSubstr("mirror_agent_source_lag_bytes{tenant=\"Cust\"} 12\n"),
                          HasSubstr("mirror_agent_slot_retained_bytes{tenant=\"Cust\"} 34\n"),
                          HasSubstr("mirror_agent_decoded_changes_total{tenant=\"Cust\"} 56\n"),
                          HasSubstr("mirror_agent_snapshot_wait_seconds{tenant=\"Cust\"} 7.5\n")));
  EXPECT_THAT(page, AllOf(Not(HasSubstr("mirror_agent_slot_safe_bytes")),
                          Not(HasSubstr("mirror_agent_source_lag_bytes{tenant=\"Other\"}"))));
}

TEST_F(RunTest, WrongConfigurationIsExitCodeTwo) {
  EXPECT_EQ(mirror::Run({.path = folder_ / "none.toml"}, out_, err_), 2);
  EXPECT_THAT(err_.str(), HasSubstr("none.toml"));
}

TEST_F(RunTest, ForMachinesEachLineIsAnObject) {
  Sql(folder_ / "crm.db", "CREATE TABLE a(id INTEGER PRIMARY KEY); INSERT INTO a VALUES(1), (2)");
  AgentConfig config = Config({"gone.db", "crm.db"});
  config.log_format = LogFormat::kJson;
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
}  // namespace mirror::run_test
