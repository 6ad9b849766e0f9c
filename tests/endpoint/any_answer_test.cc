// The agent outlives every answer that an endpoint can give: each status at each call, entries that are
// missing, twice or of another one, other numbers, and silence. And once the endpoint is honest again, the
// mirror is what the source is.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <mutex>
#include <random>
#include <set>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/command/report.h"
#include "tests/endpoint/endpoint_fixture.h"
#include "tests/support/agent_bench.h"
#include "tests/support/lying_endpoint.h"
#include "tests/support/source_words.h"
#include "tests/support/status_matchers.h"

namespace mirror::any_answer_test {
namespace {

using testing::HasSubstr;
using When = LyingEndpoint::Lie::When;

constexpr char kTables[] =
    "PRAGMA journal_mode = WAL; CREATE TABLE orders(id INTEGER PRIMARY KEY, v);"
    "CREATE TABLE others(id TEXT PRIMARY KEY, v) WITHOUT ROWID; CREATE TABLE keyless(v);"
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300) INSERT INTO orders "
    "SELECT i, i FROM n; INSERT INTO others SELECT 'k' || id, v FROM orders; INSERT INTO keyless VALUES(1)";

constexpr const char* kCalls[] = {"Authenticate",         "TableSchema",  "RowData", "RowDataStream",
                                  "ReplicationCompleted", "DigestRanges", "ReadRows"};

class AnyAnswerTest : public EndpointTest, public testing::WithParamInterface<const char*> {
 protected:
  void SetUp() override {
    InstallationOptions options;
    // What was told to be unknown was a lie: the tenant must not be paused for it.
    options.settings = {{"breaker", "miss_window", "\"0s\""}, {"breaker", "enabled", "false"}};
    Install(options);
    bench_ = std::make_unique<AgentBench>(*here_, "Cust", here_->dir() + "/source");
    liar_ = std::make_unique<LyingEndpoint>(here_->Channel().value());
    Patience patience;
    patience.authenticate = patience.call = patience.long_call = std::chrono::seconds(30);
    bench_->ConnectBy(liar_->Channel(), patience);
    Sql(kTables);
    bench_->source().strategy = StrategyNamed(GetParam());
    if (bench_->source().strategy == Strategy::kCdc) {
      ASSERT_THAT(bench_->Install(), IsOk());
    }
    bench_->verify = true;
    const CycleReport report = bench_->Run();
    ASSERT_TRUE(report.Good()) << Summary(report);
  }

  void Sql(const std::string& sql) { ASSERT_EQ(bench_->Sql(sql), ""); }
  void Change(std::uint64_t number) {
    Sql(absl::StrCat("UPDATE orders SET v = v + 1 WHERE id % 50 = ", number % 50,
                     "; INSERT INTO others VALUES('n", number, "', ", number,
                     "); DELETE FROM orders WHERE id = ", number % 7 == 0 ? number : 0,
                     "; INSERT INTO keyless VALUES(", number, ")"));
  }
  /// A hand at the target, so that there is something to be found; of a row that Change() leaves alone.
  void Spoil(std::uint64_t number) {
    ASSERT_EQ(
        bench_->mirror().Execute(absl::StrCat("UPDATE orders SET v = -1 WHERE id = ", 201 + number % 49)),
        "");
  }

  /// What fits into one request goes without a stream.
  void CallFor(const std::string& at) {
    std::uint64_t& bytes = bench_->config().agent.batch_bytes;
    bytes = at == "RowDataStream" ? 100 : AgentSettings().batch_bytes;
  }
  /// What is to be told for `at` to be called: an endpoint that knows the tables is not told of them.
  static LyingEndpoint::Lie LieOnTheWay(const std::string& at, const std::string& call) {
    if (at != "TableSchema" || call != "Authenticate") return {};
    return {When::kNever, {}, [](google::protobuf::Message* answer) {
              static_cast<v1::AuthenticateResponse*>(answer)->clear_announced();
            }};
  }

  /// One run that is lied to; the silence ends with it.
  CycleReport RunWith(LyingEndpoint::Ask ask) {
    liar_->Tell(std::move(ask));
    CycleReport report = bench_->Run();
    liar_->Tell(nullptr);
    liar_->Release();
    return report;
  }

  /// An endpoint that says ABORTED and goes on with the cycle is left alone for ten minutes.
  void EndCycle() {
    EXPECT_EQ(here_->Mirrorctl({"pause", "Cust"}).exit_code, 0);
    EXPECT_EQ(here_->Mirrorctl({"resume", "Cust"}).exit_code, 0);
  }

  /// The source catches up by itself, also from what it was made to believe.
  void CatchUp(const std::string& after) {
    CycleReport report = bench_->Run();
    for (int i = 0; i < 2 && !report.Good(); ++i) {
      if (report.outcome == Outcome::kBusy) EndCycle();
      report = bench_->Run();
    }
    EXPECT_TRUE(report.Good()) << after << "\n" << Summary(report);
    EXPECT_EQ(bench_->Difference(), "") << after << "\n" << Summary(report);
  }

  std::unique_ptr<AgentBench> bench_;
  std::unique_ptr<LyingEndpoint> liar_;
};

TEST_P(AnyAnswerTest, EachStatusAtEachCall) {
  std::uint64_t number = 0;
  for (const std::string at : kCalls) {
    CallFor(at);
    // All of them with one strategy; some with the other, whose runs take longer.
    for (int code = 1; code <= 16; code += GetParam() == std::string("cdc") ? 1 : 3) {
      // In turn before the endpoint did what was asked, and after.
      const When when = (code + number) % 2 == 0 ? When::kBefore : When::kAfter;
      ++number;
      Change(number);
      if (at == "ReadRows") Spoil(number);
      bool told = false;
      const CycleReport report = RunWith([&](const std::string& call) {
        if (call != at) return LieOnTheWay(at, call);
        told = true;
        return LyingEndpoint::Lie{when, {static_cast<grpc::StatusCode>(code), "No."}, {}};
      });
      EXPECT_TRUE(told) << at << " " << Summary(report);
      EXPECT_FALSE(report.Good() && AllEqual(report)) << at << " " << code << "\n" << Summary(report);
      if (code == grpc::StatusCode::ABORTED) EndCycle();
    }
    CatchUp(at);
  }
}

TEST_P(AnyAnswerTest, SilenceAtEachCallEndsTheRunAndNotTheAgent) {
  Patience patience;
  // As short as an honest answer would not be; whether it is reached is not a matter of how fast this machine
  // is.
  patience.authenticate = patience.call = patience.long_call = std::chrono::milliseconds(100);
  std::uint64_t number = 0;
  for (const std::string at : kCalls) {
    CallFor(at);
    Change(++number);
    if (at == "ReadRows") Spoil(number);
    bench_->ConnectBy(liar_->Channel(), patience);
    const CycleReport report = RunWith([&](const std::string& call) {
      return call == at ? LyingEndpoint::Lie{When::kSilent, {}, {}} : LieOnTheWay(at, call);
    });
    EXPECT_FALSE(report.Good()) << at << "\n" << Summary(report);
    EXPECT_THAT(Summary(report), HasSubstr("DEADLINE_EXCEEDED")) << at;
    bench_->ConnectBy(liar_->Channel(), {});
    CatchUp(at);
  }
}

TEST_P(AnyAnswerTest, TwistedAnswersAreOutlived) {
  std::mt19937_64 engine(TestSeed());
  std::mutex mutex;
  // Calls draw in threads of their own.
  const auto random = [&] {
    const std::lock_guard lock(mutex);
    return engine();
  };
  // A round waits for lost answers as well: of 2,000 there would be minutes.
  const std::uint64_t rounds = std::min<std::uint64_t>(400, FromEnvironment("MIRROR_TEST_ROUNDS", 60));
  Patience patience;
  patience.authenticate = patience.call = patience.long_call = std::chrono::milliseconds(500);
  for (std::uint64_t round = 1; round <= rounds; ++round) {
    Change(round);
    if (round % 3 == 0) Spoil(round);
    bench_->verify = random() % 2 == 0;
    CallFor(random() % 2 == 0 ? "RowDataStream" : "RowData");
    bench_->ConnectBy(liar_->Channel(), patience);
    std::set<std::string> lies;
    const CycleReport report = RunWith([&](const std::string& call) {
      LyingEndpoint::Lie lie;
      const std::uint64_t what = random() % 40;
      if (what >= 12) return lie;
      lies.insert(call);
      const grpc::Status status(static_cast<grpc::StatusCode>(1 + random() % 16), "No.");
      if (what == 0) return LyingEndpoint::Lie{When::kTwice, {}, {}};
      if (what == 1) return LyingEndpoint::Lie{When::kBefore, status, {}};
      if (what == 2) return LyingEndpoint::Lie{When::kAfter, status, {}};
      if (what == 3 && random() % 8 == 0) return LyingEndpoint::Lie{When::kSilent, {}, {}};
      if (what == 4 && random() % 8 == 0) return LyingEndpoint::Lie{When::kLost, {}, {}};
      lie.twist = [seed = random()](google::protobuf::Message* answer) {
        std::mt19937_64 own(seed);
        for (std::uint64_t i = 0, times = 1 + own() % 4; i < times; ++i) Twist(answer, own);
      };
      return lie;
    });
    if (report.outcome == Outcome::kBusy) EndCycle();
    if (round % 15 != 0 && round != rounds) continue;
    bench_->verify = true;
    bench_->ConnectBy(liar_->Channel(), {});
    CatchUp(absl::StrCat("round ", round, " ", Summary(report)));
    if (HasFailure()) return;
  }
}

INSTANTIATE_TEST_SUITE_P(Strategies, AnyAnswerTest, testing::Values("cdc", "synthetic"),
                         [](const auto& each) { return std::string(each.param); });

}  // namespace
}  // namespace mirror::any_answer_test
