// kill -9 of the real agent after any number of bytes that it sent, and of the real server at each durable
// step, while a random application's changes travel. The next cycle makes the mirror equal.
//
// MIRROR_TEST_CRASH_RUNS=n: 8 * n kills of each. MIRROR_TEST_SEED=n repeats the choice.

#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <iostream>
#include <iterator>
#include <map>
#include <memory>
#include <random>
#include <string>

#include "absl/strings/str_cat.h"
#include "tests/mirrorctl/relay.h"
#include "tests/support/agent_bench.h"
#include "tests/support/places.h"
#include "tests/support/random_application.h"
#include "tests/support/rows.h"
#include "tests/support/status_matchers.h"

namespace mirror::agent_crash_test {
namespace {

constexpr int kKillsOfOneRun = 8;
constexpr int kAskings = 4;

int Kills() {
  return kKillsOfOneRun *
         static_cast<int>(std::max<std::uint64_t>(1, FromEnvironment("MIRROR_TEST_CRASH_RUNS", 1)));
}

class AgentCrashTest : public testing::Test {
 protected:
  void SetUp() override {
    bench_.config().agent.batch_bytes = 1'000;
    ASSERT_EQ(bench_.Sql("PRAGMA journal_mode = WAL; CREATE TABLE t1(id INTEGER PRIMARY KEY, v)"), "");
    ASSERT_THAT(bench_.Install(), IsOk());
    Work();
    Recover();
  }
  void TearDown() override {
    if (HasFailure()) std::cerr << application_.LastSteps() << here_->ServerLog();
  }

  std::uint64_t Below(std::uint64_t limit) { return random_() % limit; }

  void Work() {
    for (int i = 0; i < 6; ++i) ASSERT_EQ(application_.Act(), "") << application_.LastSteps();
    if (Below(4) == 0) {
      bench_.mirror().Execute(absl::StrCat("UPDATE ", bench_.mirror().metadata(), " SET lsn = -1"));
    }
  }

  void Recover() {
    CycleReport report = bench_.Run();
    // What the application deleted was wanted; a table after the other may be asked about.
    for (int left = kAskings; left > 0 && !bench_.LetPass().empty(); --left) report = bench_.Run();
    ASSERT_TRUE(report.Good()) << Summary(report);
    ASSERT_EQ(bench_.Difference(), "") << Summary(report);
    EXPECT_EQ(bench_.mirror().Value("PRAGMA integrity_check"), "ok");
  }

  /// The agent's own program against this port.
  std::unique_ptr<Process> StartAgent(int port) {
    const std::string dir = here_->dir(), config = bench_.folder() + "/mirror-agent.toml";
    WriteFileText(
        config,
        absl::StrCat(
            "[endpoint]\naddress = \"127.0.0.1:", port, "\"\nca = \"", dir,
            "/tls/ca.crt\"\n[identity]\nissuer = \"Development Source\"\nkey = \"", dir,
            "/source/source-1.key\"\nkey_id = \"source-1\"\napplication_id = \"mirror-development\"\n"
            "application_certificate = \"",
            dir, "/application/application-1.crt\"\n[agent]\nstate_dir = \"", bench_.config().agent.state_dir,
            "\"\nbatch_bytes = 1000\n[[source]]\ncontext_id = "
            "\"Cust\"\npath = \"",
            bench_.path(), "\"\n"));
    ProcessOptions options;
    options.program = here_->program("mirror-agent");
    options.arguments = {"once", "--config", config};
    options.stderr_file = bench_.folder() + "/agent.err";
    return Process::Start(options).value();
  }

  int port() const { return std::atoi(here_->address().substr(here_->address().find(':') + 1).c_str()); }

  std::mt19937_64 random_{TestSeed()};
  std::unique_ptr<Installation> here_ = Installation::Make({.bin_dir = BinDir()}).value();
  AgentBench bench_{*here_, "Cust", here_->dir() + "/source"};
  RandomApplication application_{bench_.path(), random_};
};

TEST_F(AgentCrashTest, TheAgentKilledAfterAnyByteLosesNothing) {
  std::size_t longest = 8'000;
  int killed = 0;
  for (int run = 0; run < Kills() && !HasFailure(); ++run) {
    Work();
    const std::size_t limit = 1 + Below(longest);
    SCOPED_TRACE(absl::StrCat("killed after ", limit, " bytes"));
    std::atomic<pid_t> victim = 0;
    std::atomic<std::size_t> bytes = 0;
    std::unique_ptr<Process> agent;
    {
      Relay relay(port(), [&](std::size_t count) {
        if ((bytes += count) >= limit && victim != 0) kill(victim, SIGKILL);
      });
      agent = StartAgent(relay.port());
      victim = agent->pid();
      const absl::StatusOr<int> code = agent->Wait();
      ASSERT_TRUE(code.ok()) << code.status();
      if (*code == 128 + SIGKILL) {
        ++killed;
      } else {
        EXPECT_TRUE(*code == 0 || !bench_.LetPass().empty()) << agent->Errors();
        longest = std::max<std::size_t>(bytes, 1);
      }
    }
    if (Below(2) == 0) Work();
    Recover();
  }
  EXPECT_GT(killed, 0);
  std::cout << killed << " of " << Kills() << " killed before their end\n";
}

TEST_F(AgentCrashTest, TheServerKilledAtAnyDurableStepLosesNothing) {
  // Those of a mirror that is being built have a test of their own.
  const char* const points[] = {"commit.begun",  "rows.written", "swap.exchanged", "swap.indexed",
                                "commit.before", "commit.after", "apply.committed"};
  std::map<std::string, int> died;
  int killed = 0;
  const auto hit = [&](const std::string& point, std::uint64_t n) {
    SCOPED_TRACE(absl::StrCat(point, ":", n));
    Work();
    // So that a table is populated and swapped whatever the application did.
    ASSERT_EQ(
        bench_.Sql("DROP TABLE IF EXISTS always; CREATE TABLE always (id INTEGER PRIMARY KEY); INSERT INTO "
                   "always VALUES (1), (2)"),
        "");
    here_->Kill();
    here_->set_environment({absl::StrCat("MIRROR_CRASH_AT=", point, ":", n)});
    ASSERT_THAT(here_->Start(), IsOk());
    bench_.Connect();
    const CycleReport report = bench_.Run();
    const bool dead = report.outcome == Outcome::kFailed;
    if (dead) {
      const absl::StatusOr<int> code = here_->server().Wait();
      ASSERT_TRUE(code.ok()) << code.status() << Summary(report);
      ASSERT_EQ(*code, 128 + SIGKILL) << Summary(report);
      ++killed;
      ++died[point];
    } else {
      ASSERT_EQ(here_->Stop().value(), 0);
    }
    here_->set_environment({});
    ASSERT_THAT(here_->Start(), IsOk());
    bench_.Connect();
    if (Below(2) == 0) Work();
    Recover();
  };
  for (int run = 0; run < Kills() && !HasFailure(); ++run) {
    const std::string point = points[static_cast<std::size_t>(run) % std::size(points)];
    hit(point, 1 + Below(6));
    // The first pass there always is.
    if (died[point] == 0 && !HasFailure()) hit(point, 1);
  }
  for (const char* const point : points) EXPECT_GT(died[point], 0) << "nothing ever died at " << point;
  std::cout << killed << " of " << Kills() << " killed before their end\n";
}

}  // namespace
}  // namespace mirror::agent_crash_test
