// `run` with `follow` beside a server: a commit begins a cycle long before the interval.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <memory>
#include <sstream>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/db/mariadb/connection.h"
#include "base/db/postgres/connection.h"
#include "base/mutex.h"
#include "client/command/run.h"
#include "client/run/open_log.h"
#include "tests/client/fake_endpoint.h"
#include "tests/support/mariadb/mariadb_server.h"
#include "tests/support/postgres_server.h"
#include "tests/support/processes.h"
#include "tests/support/status_matchers.h"

namespace mirror::follow_servers_test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class FollowServersTest : public testing::Test {
 protected:
  using Session = std::function<absl::Status(const std::string& sql)>;

  AgentConfig Config(SourceKind kind, const std::string& dsn) {
    AgentConfig config;
    config.agent.state_dir = folder_ / "state";
    SourceConfig& source = config.sources.emplace_back();
    source.context_id = "Cust";
    source.kind = kind;
    source.path = "the server";
    source.server.dsn = dsn;
    source.strategy = Strategy::kCdc;
    source.interval_ms = 3'600'000;
    source.follow = true;
    return config;
  }
  /// A row is committed at the end of each cycle; `run` ends with the cycle `cycles`. Returns the rows of the
  /// mirror at the end of each cycle.
  std::vector<std::uint64_t> RunCycles(const AgentConfig& config, const Session& sql, std::size_t cycles) {
    std::stop_source stop;
    std::vector<std::uint64_t> rows;
    endpoint_.takes_changes = true;
    endpoint_.at_completion = [&] {
      rows.push_back(endpoint_.tables["t"].rows);
      if (rows.size() >= cycles) stop.request_stop();
      EXPECT_THAT(sql("INSERT INTO t(id) SELECT max(id) + 1 FROM t"), IsOk());
    };
    const std::jthread deadline([&stop](const std::stop_token& done) {
      if (SleepFor(std::chrono::minutes(2), done)) stop.request_stop();
    });
    endpoint_.Settle();
    RunSources(config, endpoint_.ToConnection(), stop.get_token(), out_, err_, nullptr);
    endpoint_.Settle();
    endpoint_.at_completion = nullptr;
    return rows;
  }

  /// Two heartbeats, then a commit, then a cycle and one more heartbeat. Returns their cycles.
  std::vector<std::int64_t> RunHeartbeats(const AgentConfig& config, const Session& sql) {
    std::stop_source stop;
    std::vector<std::int64_t> cycles;
    endpoint_.takes_changes = true;
    endpoint_.capabilities = {"heartbeat"};
    endpoint_.on_heartbeat = [&](const v1::HeartbeatRequest& request, v1::HeartbeatResponse* response) {
      cycles.push_back(request.cycle());
      EXPECT_EQ(request.stale_tables_size(), 0);
      response->set_next_within_ms(100);
      if (cycles.size() == 2) EXPECT_THAT(sql("INSERT INTO t(id) SELECT max(id) + 1 FROM t"), IsOk());
      if (cycles.size() == 3) stop.request_stop();
      return grpc::Status::OK;
    };
    const std::jthread deadline([&stop](const std::stop_token& done) {
      if (SleepFor(std::chrono::minutes(2), done)) stop.request_stop();
    });
    endpoint_.Settle();
    RunSources(config, endpoint_.ToConnection(), stop.get_token(), out_, err_, nullptr);
    endpoint_.Settle();
    return cycles;
  }

  TempFolder folder_;
  FakeEndpoint endpoint_{folder_};
  std::ostringstream out_, err_;
};

/// A server with a database of its own for each test.
class FollowPostgresTest : public FollowServersTest {
 protected:
  void SetUp() override {
    SKIP_WITHOUT_POSTGRES();
    auto server = PostgresServer::Start({"wal_level=logical"});
    ASSERT_THAT(server, IsOk());
    server_ = *std::move(server);
    dsn_ = server_->NewDatabase();
    auto opened = postgres::Connection::Open(
        {.conninfo = dsn_, .settings = {{"default_transaction_read_only", "off"}}});
    ASSERT_THAT(opened, IsOk());
    connection_ = *std::move(opened);
    ASSERT_THAT(session_("CREATE TABLE public.t(id int PRIMARY KEY); INSERT INTO public.t VALUES (1), (2)"),
                IsOk());
  }
  std::unique_ptr<PostgresServer> server_;
  std::string dsn_;
  std::unique_ptr<postgres::Connection> connection_;
  const Session session_ = [this](const std::string& sql) {
    return connection_->Execute(absl::StrCat("SET search_path TO public; ", sql));
  };
};

TEST_F(FollowPostgresTest, EachCommitBeginsACycle) {
  AgentConfig config = Config(SourceKind::kPostgres, dsn_);
  config.sources.front().server.schema = "public";
  ASSERT_THAT(InstallLog(config.sources.front(), {}, {"t"}), IsOk());
  EXPECT_THAT(RunCycles(config, session_, 4), ElementsAre(2U, 3U, 4U, 5U));
  EXPECT_EQ(err_.str(), "");
}

TEST_F(FollowPostgresTest, AQuietLogThatWasReadToItsEndIsAHeartbeat) {
  AgentConfig config = Config(SourceKind::kPostgres, dsn_);
  config.sources.front().server.schema = "public";
  ASSERT_THAT(InstallLog(config.sources.front(), {}, {"t"}), IsOk());
  const std::vector<std::int64_t> cycles = RunHeartbeats(config, session_);
  ASSERT_EQ(cycles.size(), 3U);
  EXPECT_EQ(cycles[0], cycles[1]);
  EXPECT_GT(cycles[2], cycles[1]);
  EXPECT_EQ(endpoint_.tables["t"].rows, 3U);
  EXPECT_EQ(err_.str(), "");
}

TEST_F(FollowPostgresTest, WithoutALogItRunsByItsIntervalAndSaysWhyOnce) {
  AgentConfig config = Config(SourceKind::kPostgres, dsn_);
  config.sources.front().server.schema = "public";
  EXPECT_EQ(RunCycles(config, session_, 1).size(), 1U);
  EXPECT_THAT(err_.str(), HasSubstr("'follow' is set, and the source has no change log"))
      << "after the first run";
  err_.str("");
  config.sources.front().interval_ms = 1;
  EXPECT_EQ(RunCycles(config, session_, 4).size(), 4U);
  const std::string said = err_.str();
  const std::size_t first = said.find("'follow' is set, and the source has no change log");
  ASSERT_NE(first, std::string::npos) << said;
  EXPECT_EQ(said.find("'follow' is set", first + 1), std::string::npos) << said;
}

TEST_F(FollowServersTest, EachCommitToMariadbBeginsACycle) {
  SKIP_WITHOUT_MARIADB();
  MariadbServer* const server = MariadbServer::SharedWithBinlog();
  ASSERT_NE(server, nullptr);
  const std::string dsn = server->Dsn(server->NewDatabase());
  const auto opened = mariadb::Connection::Open({.dsn = dsn});
  ASSERT_THAT(opened, IsOk());
  const auto sql = [&opened](const std::string& statement) { return (*opened)->Execute(statement); };
  ASSERT_THAT(sql("CREATE TABLE t(id INT PRIMARY KEY)"), IsOk());
  ASSERT_THAT(sql("INSERT INTO t VALUES (1), (2)"), IsOk());
  EXPECT_THAT(RunCycles(Config(SourceKind::kMariadb, dsn), sql, 4), ElementsAre(2U, 3U, 4U, 5U));
  EXPECT_EQ(err_.str(), "");
}

TEST_F(FollowServersTest, AQuietBinlogThatWasReadToItsEndIsAHeartbeat) {
  SKIP_WITHOUT_MARIADB();
  MariadbServer* const server = MariadbServer::SharedWithBinlog();
  ASSERT_NE(server, nullptr);
  const std::string dsn = server->Dsn(server->NewDatabase());
  const auto opened = mariadb::Connection::Open({.dsn = dsn});
  ASSERT_THAT(opened, IsOk());
  const auto sql = [&opened](const std::string& statement) { return (*opened)->Execute(statement); };
  ASSERT_THAT(sql("CREATE TABLE t(id INT PRIMARY KEY)"), IsOk());
  ASSERT_THAT(sql("INSERT INTO t VALUES (1), (2)"), IsOk());
  const std::vector<std::int64_t> cycles = RunHeartbeats(Config(SourceKind::kMariadb, dsn), sql);
  ASSERT_EQ(cycles.size(), 3U);
  EXPECT_EQ(cycles[0], cycles[1]);
  EXPECT_GT(cycles[2], cycles[1]);
  EXPECT_EQ(endpoint_.tables["t"].rows, 3U);
  EXPECT_EQ(err_.str(), "");
}

}  // namespace
}  // namespace mirror::follow_servers_test
