// The source's time on its way from the real agent to a partner's query, and an operator who is told.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <csignal>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "tests/endpoint/endpoint_fixture.h"
#include "tests/support/agent_bench.h"
#include "tests/support/source_words.h"

namespace mirror::freshness_test {
namespace {

using testing::HasSubstr;

constexpr char kTables[] =
    "PRAGMA journal_mode = WAL; CREATE TABLE people(id INTEGER PRIMARY KEY, name TEXT); INSERT INTO people "
    "VALUES(1, 'a'), (2, 'b'); CREATE TABLE quiet(id INTEGER PRIMARY KEY); INSERT INTO quiet VALUES(1)";

std::int64_t NowMs() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

class FreshnessTest : public EndpointTest {
 protected:
  void Begin(const std::string& toml = "", const std::string& strategy = "cdc") {
    Install({.more_toml = toml});
    bench_ = std::make_unique<AgentBench>(*here_, "Cust", here_->dir() + "/source");
    bench_->source().strategy = StrategyNamed(strategy);
    ASSERT_EQ(bench_->Sql(kTables), "");
    if (strategy == "cdc") {
      ASSERT_THAT(bench_->Install(), IsOk());
    }
    Cycle();
  }
  void Cycle() {
    const CycleReport report = bench_->Run();
    ASSERT_TRUE(report.Good()) << Summary(report);
  }
  /// As of when the table is, by what the mirror's file has.
  std::int64_t TimeOf(const std::string& table) {
    const std::string own = "(SELECT source_ms FROM _mirror_times WHERE table_name = '";
    return std::stoll(here_->mirror().Value("SELECT coalesce(" + own + table + "'), " + own + "'), 0)"));
  }
  /// What a partner's program reads.
  std::string Ask(const std::string& sql) {
    const Finished run = RunProgram("/usr/bin/sqlite3", {"-readonly", here_->mirror_path(), sql});
    EXPECT_EQ(run.exit_code, 0) << run.errors;
    return run.output;
  }

  std::unique_ptr<AgentBench> bench_;
};

TEST_F(FreshnessTest, APartnerReadsHowOldEachTableIs) {
  const std::int64_t before = NowMs();
  Begin(
      "[[tenant]]\ncontext_id = \"*\"\nfreshness = \"1h\"\n[[tenant.table]]\nname = \"quiet\"\nfreshness = "
      "\"2h\"\n");
  EXPECT_EQ(Ask("SELECT table_name, age_seconds BETWEEN 0 AND 600, target_seconds, missed, source_time LIKE "
                "'2___-__-__T__:__:__Z' FROM _mirror_freshness ORDER BY table_name"),
            "people|1|3600.0|0|1\nquiet|1|7200.0|0|1\n");
  EXPECT_GE(TimeOf("people"), before);
  EXPECT_LE(TimeOf("people"), NowMs());
  const Finished tables = here_->Mirrorctl({"tables", "Cust"});
  EXPECT_THAT(tables.output, testing::ContainsRegex("people .*  [0-9]+ s  ")) << tables.errors;
}

TEST_F(FreshnessTest, QuietTablesStayFreshWithoutABatchAndWithoutARowForEach) {
  Begin();
  const std::int64_t between = NowMs();
  ASSERT_EQ(bench_->Sql("UPDATE people SET name = 'c' WHERE id = 1"), "");
  Cycle();
  EXPECT_GE(TimeOf("people"), between);
  EXPECT_GE(TimeOf("quiet"), between);
  Cycle();
  EXPECT_EQ(here_->mirror().Value("SELECT count(*) FROM _mirror_times WHERE table_name = 'quiet'"), "0")
      << "one time counts for all that did not change";
}

TEST_F(FreshnessTest, ATableThatFailsAtTheSourceStaysAsOldAsItIs) {
  Begin();
  ASSERT_EQ(bench_->Sql("CREATE TABLE measured(id INTEGER PRIMARY KEY, r REAL); "
                        "INSERT INTO measured VALUES(1, 1.5)"),
            "");
  Cycle();
  const std::int64_t old = TimeOf("measured");
  const std::int64_t between = NowMs();
  // No mirror holds an infinity: not one row of the table is sent, and the mirror has no way to know.
  ASSERT_EQ(bench_->Sql("INSERT INTO measured VALUES(2, 9e999); UPDATE people SET name = 'd' WHERE id = 1"),
            "");
  EXPECT_FALSE(bench_->Run().Good());
  EXPECT_EQ(TimeOf("measured"), old);
  EXPECT_GE(TimeOf("people"), between) << "the cycle was completed for the others";
  EXPECT_GE(TimeOf("quiet"), between);
  ASSERT_EQ(bench_->Sql("UPDATE measured SET r = 2 WHERE id = 2"), "");
  Cycle();
  EXPECT_GE(TimeOf("measured"), between);
}

TEST_F(FreshnessTest, ATableOfACycleThatAnOperatorEndedStaysAsOldAsItIs) {
  Begin();
  const std::int64_t old = TimeOf("people");
  const std::int64_t between = NowMs();
  bool acted = false;
  bench_->on_rows = [&](const Work&) {
    // Its rows come to nothing: an operator acts while they are on their way.
    if (std::exchange(acted, true)) return;
    EXPECT_EQ(here_->Mirrorctl({"invalidate", "Cust", "--table", "people"}).exit_code, 0);
  };
  ASSERT_EQ(bench_->Sql("UPDATE people SET name = 'd' WHERE id = 1"), "");
  EXPECT_FALSE(bench_->Run().Good());
  EXPECT_EQ(TimeOf("people"), old);
  Cycle();
  EXPECT_GE(TimeOf("people"), between);
}

TEST_F(FreshnessTest, ANewTargetIsMissedAfterARestartThoughTheSourceIsDead) {
  Begin();
  const std::string server_toml = here_->server_toml();
  WriteFileText(server_toml,
                ReadFileText(server_toml) + "\n[[tenant]]\ncontext_id = \"Cust\"\nfreshness = \"1s\"\n");
  here_->server().Signal(SIGHUP);
  EXPECT_THAT(WaitForEvent("keys.reloaded").message(), HasSubstr("changes in [[tenant]]"));
  ASSERT_THAT(here_->Restart(), IsOk());
  // Nobody calls, and no mirror was opened since.
  const v1::Event missed = WaitForEvent("freshness.missed");
  EXPECT_THAT(missed.message(), HasSubstr("people"));
}

TEST_F(FreshnessTest, WithoutAChangeLogAQuietTableIsNotSaidToBeFresh) {
  Begin("", "populate");
  const std::int64_t first = TimeOf("quiet");
  EXPECT_GT(first, 0);
  ASSERT_EQ(bench_->Sql("INSERT INTO people VALUES(3, 'c')"), "");
  Cycle();
  EXPECT_GT(TimeOf("people"), first);
  EXPECT_EQ(TimeOf("quiet"), first) << "nobody looked at its rows";
}

TEST_F(FreshnessTest, AMissedTargetIsToldWhenNoSourceCallsAndAfterARestartToo) {
  Begin("[[tenant]]\ncontext_id = \"Cust\"\nfreshness = \"2s\"\n");
  const v1::Event missed = WaitForEvent("freshness.missed");
  EXPECT_EQ(missed.context_id(), "Cust");
  EXPECT_EQ(missed.severity(), v1::SEVERITY_WARNING);
  EXPECT_THAT(missed.message(), HasSubstr("people"));
  Cycle();
  const v1::Event regained = WaitForEvent("freshness.regained", missed.id());
  EXPECT_EQ(regained.severity(), v1::SEVERITY_INFORMATION);

  ASSERT_THAT(here_->Restart(), IsOk());
  WaitForEvent("freshness.missed", regained.id());
  EXPECT_NE(Ask("SELECT count(*) FROM _mirror_freshness WHERE missed"), "0\n");
}

TEST_F(FreshnessTest, ATimeThatIsNoneIsRefused) {
  Install();
  const auto client = Client();
  Fill(*client, People(), {{1, "Ada", 36}}, {Lsn{5}, "five"});
  const std::int64_t cycle = EndpointTest::Begin(*client);
  Announce(*client, cycle, {People()});
  BatchSpec spec{.rows = {{2, "Bob", 1}}, .base_lsn = 5, .commit = Position{Lsn{10}, "ten"}};
  spec.source_ms = -1;
  EXPECT_THAT(StatusOfResult(Send(*client, cycle, Message(People(), spec))),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("source_time_ms")));
  v1::ReplicationCompletedRequest request;
  request.set_cycle(cycle);
  request.set_source_time_ms(253'402'300'800'000);
  EXPECT_THAT(client->ReplicationCompleted(request).status(),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("source_time_ms")));
}

}  // namespace
}  // namespace mirror::freshness_test
