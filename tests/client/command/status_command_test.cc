
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/text/text_table.h"
#include "client/command/commands.h"
#include "client/run/last_run.h"
#include "client/state/lock_file.h"
#include "client/state/run_state.h"
#include "tests/client/command/agent_toml.h"
#include "tests/client/fake_endpoint.h"
#include "tests/client/local_zone.h"
#include "tests/client/source/source_database.h"
#include "tests/support/status_matchers.h"

namespace mirror::status_command_test {
namespace {

using nlohmann::json;
using testing::AllOf;
using testing::ContainsRegex;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

std::int64_t Ms(const std::string& time) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(At(time).time_since_epoch()).count();
}

std::string InUtc(std::string time) { return time.replace(10, 1, "T") + "Z"; }

CycleReport GoodReport(std::uint64_t rows) {
  CycleReport report;
  report.outcome = Outcome::kDone;
  report.cycle = 17;
  TableReport table;
  table.table = "orders";
  table.inserts = rows;
  report.tables = {table};
  return report;
}

TableReport Table(const std::string& name, TableResult result, const std::string& reason) {
  TableReport table;
  table.table = name;
  table.result = result;
  table.reason = reason;
  return table;
}

class StatusCommandTest : public testing::Test {
 protected:
  StatusCommandTest() { Configure(Source("crm.db")); }
  void Configure(const std::string& sources) { WriteAgentToml(folder_, kNoEndpoint, sources); }
  void Ran(const CycleReport& report, const std::string& begun, const std::string& ended,
           bool compared = false, const std::string& id = "Cust") {
    std::filesystem::create_directory(state());
    ASSERT_THAT(KeepLastRun(state(), id, report, Ms(begun), Ms(ended), compared), IsOk());
  }
  int Status(const std::string& now, StatusOptions options = {}) {
    options.config = folder_ / "mirror-agent.toml";
    std::ostringstream out, err;
    const int code = ShowStatus(options, out, err, At(now));
    out_ = out.str();
    err_ = err.str();
    return code;
  }
  /// The only source.
  json InJson(const std::string& now) {
    Status(now, {.json = true});
    return json::parse(out_).at("sources").at(0);
  }
  std::string state() const { return folder_ / "agent-state"; }

  const LocalZone zone_{"UTC"};
  TempFolder folder_;
  std::string out_, err_;
};

TEST_F(StatusCommandTest, ASourceThatNeverRanSaysSoAndLeavesNoTrace) {
  const auto before = folder_.Names();
  EXPECT_EQ(Status("2026-11-20 10:00:00"), 1);
  EXPECT_THAT(out_, AllOf(HasSubstr("Cust: never ran\n"), HasSubstr("at work     no\n"),
                          HasSubstr("as soon as 'mirror-agent run' starts")));
  EXPECT_THAT(err_, IsEmpty());
  EXPECT_EQ(folder_.Names(), before);
}

TEST_F(StatusCommandTest, AGoodRunIsToldWithItsRowsAndTheNextOne) {
  Ran(GoodReport(1234), "2026-11-20 10:00:00", "2026-11-20 10:00:02", /*compared=*/true);
  EXPECT_EQ(Status("2026-11-20 10:10:00"), 0);
  EXPECT_THAT(
      out_,
      AllOf(
          HasSubstr("Cust: good\n  source      sqlite, " + (folder_ / "crm.db") + ", strategy cdc\n"),
          HasSubstr("schedule    every 20m\n"),
          HasSubstr(
              "last run    2026-11-20T10:00:00Z to 2026-11-20T10:00:02Z: done, cycle 17, 1,234 rows sent\n"),
          HasSubstr("tables      1 ok\n"), HasSubstr("compared    2026-11-20T10:00:02Z\n"),
          HasSubstr("next run    2026-11-20T10:20:00Z\n"), Not(HasSubstr("last error"))));
}

TEST_F(StatusCommandTest, TablesThatFailedAreNamedWithTheirReasons) {
  CycleReport report = GoodReport(1);
  report.tables.push_back(Table("a", TableResult::kFailed, "the disk is full"));
  report.tables.push_back(Table("b", TableResult::kHeld, "40 % of its rows would go"));
  report.tables.push_back(Table("c\x1b[2J", TableResult::kRefused, "no key"));
  report.tables.push_back(Table("d", TableResult::kBlocked, "personal"));
  Ran(report, "2026-11-20 10:00:00", "2026-11-20 10:00:02");
  EXPECT_EQ(Status("2026-11-20 10:10:00"), 1);
  EXPECT_THAT(
      out_,
      AllOf(HasSubstr("Cust: failed\n"),
            HasSubstr("tables      1 ok, 1 left out, 1 failed, 1 held, 1 refused\n"),
            HasSubstr("a failed: the disk is full\n"), HasSubstr("b held: 40 % of its rows would go\n"),
            HasSubstr("c\\x1b[2J refused: no key\n"), HasSubstr("last good   never\n"),
            HasSubstr("tried again by 2026-11-20T10:20:00Z at the latest"),
            HasSubstr("last error  2026-11-20T10:00:02Z: table 'a' failed: the disk is full (and 2 tables "
                      "more)\n")));
}

TEST_F(StatusCommandTest, AHubThatHandsOutNothingIsToldSinceWhenAndWhy) {
  CycleReport waits = GoodReport(1);
  waits.exchange = ExchangeFigures{.waiting = "'crm' is suspended\x1b[2J"};
  CycleReport fetched = GoodReport(1);
  fetched.exchange = ExchangeFigures{.fetched = 1, .applied = 1};
  Ran(fetched, "2026-11-20 09:00:00", "2026-11-20 09:00:02");
  EXPECT_EQ(InJson("2026-11-20 09:10:00")["last_run"]["deliveries_wait_since"], "");
  Ran(waits, "2026-11-20 09:20:00", "2026-11-20 09:20:02");
  // One that came to no deliveries knows nothing of that.
  Ran(GoodReport(1), "2026-11-20 09:40:00", "2026-11-20 09:40:02");
  EXPECT_EQ(Status("2026-11-20 09:50:00"), 0);
  EXPECT_THAT(out_, Not(HasSubstr("stopped")));
  Ran(waits, "2026-11-20 10:00:00", "2026-11-20 10:00:02");
  EXPECT_EQ(Status("2026-11-20 10:10:00"), 0);
  EXPECT_THAT(out_, AllOf(HasSubstr("Cust: good\n"),
                          HasSubstr("stopped     the hub has handed out no deliveries for 49 min: 'crm' is "
                                    "suspended\\x1b[2J\n")));
  EXPECT_EQ(InJson("2026-11-20 10:10:00")["last_run"]["deliveries_wait_since"], "2026-11-20T09:20:02Z");
  Configure(Source("crm.db") + Source("other.db", "", "Other"));
  Ran(GoodReport(1), "2026-11-20 10:00:00", "2026-11-20 10:00:02", false, "Other");
  Status("2026-11-20 10:10:00");
  EXPECT_THAT(out_, HasSubstr("the hub has handed out no deliveries for"));
  Configure(Source("crm.db"));
  Ran(fetched, "2026-11-20 10:20:00", "2026-11-20 10:20:02");
  EXPECT_EQ(InJson("2026-11-20 10:30:00")["last_run"]["deliveries_wait_since"], "");
  Ran(waits, "2026-11-20 10:40:00", "2026-11-20 10:40:02");
  EXPECT_EQ(InJson("2026-11-20 10:50:00")["last_run"]["deliveries_wait_since"], "2026-11-20T10:40:02Z")
      << "anew";
}

TEST_F(StatusCommandTest, TheLastErrorOutlastsTheRunsThatWereGoodAgain) {
  CycleReport failed;
  failed.status = absl::UnavailableError("the endpoint does not answer");
  Ran(GoodReport(5), "2026-11-20 09:00:00", "2026-11-20 09:00:02", /*compared=*/true);
  Ran(failed, "2026-11-20 09:20:00", "2026-11-20 09:20:02");
  EXPECT_EQ(Status("2026-11-20 09:21:00"), 1);
  EXPECT_THAT(out_, AllOf(HasSubstr("Cust: failed"), HasSubstr("last good   2026-11-20T09:00:02Z")));
  Ran(GoodReport(0), "2026-11-20 09:40:00", "2026-11-20 09:40:02");
  Ran(GoodReport(0), "2026-11-20 10:00:00", "2026-11-20 10:00:02");
  EXPECT_EQ(Status("2026-11-20 10:01:00"), 0);
  EXPECT_THAT(out_, AllOf(HasSubstr("last run    2026-11-20T10:00:00Z"),
                          HasSubstr("last error  2026-11-20T09:20:02Z: failed: the endpoint does not answer"),
                          HasSubstr("compared    2026-11-20T09:00:02Z")));
}

TEST_F(StatusCommandTest, WhatAGoodRunHadToTellIsShownToo) {
  CycleReport report = GoodReport(5);
  report.notes = {"'a.csv': 2 rows were left out", std::string(2 * LastRun::kNoteBytesKept, 'x')};
  Ran(report, "2026-11-20 09:00:00", "2026-11-20 09:00:02");
  EXPECT_EQ(Status("2026-11-20 09:01:00"), 0);
  EXPECT_THAT(out_, AllOf(HasSubstr("note        'a.csv': 2 rows were left out\n"),
                          HasSubstr(std::string(LastRun::kNoteBytesKept, 'x') + "\n")));
  report.notes.assign(100, "again");
  Ran(report, "2026-11-20 09:20:00", "2026-11-20 09:20:02");
  EXPECT_EQ(InJson("2026-11-20 09:21:00")["last_run"]["notes"].size(), LastRun::kNotesKept);
}

TEST_F(StatusCommandTest, TablesThatALogCannotLogAreNamedWithTheReason) {
  CycleReport report = GoodReport(1);
  for (int i = 10; i < 22; ++i) report.unlogged[absl::StrCat("t", i)] = "it has no primary key";
  Ran(report, "2026-11-20 09:00:00", "2026-11-20 09:00:02");
  EXPECT_EQ(Status("2026-11-20 09:01:00"), 0);
  EXPECT_THAT(out_, AllOf(HasSubstr("  not logged  12 tables, whose changes are found by comparing\n"),
                          HasSubstr("              t19: it has no primary key\n"), Not(HasSubstr("t20")),
                          HasSubstr("and 2 more: see --json")));
  const json unlogged = InJson("2026-11-20 09:01:00")["last_run"]["unlogged"];
  ASSERT_EQ(unlogged.size(), 12U);
  EXPECT_EQ(unlogged[11], json::parse(R"({"table": "t21", "reason": "it has no primary key"})"));
}

TEST_F(StatusCommandTest, WhatIsNotSeenWithoutAChangeLogIsNotToldBehindInstall) {
  Sql(folder_ / "crm.db", "CREATE TABLE orders(id INTEGER PRIMARY KEY)");
  CycleReport report = GoodReport(1);
  report.notes = {absl::StrCat("without a change log", std::string(kUnlogged)), "another note"};
  Ran(report, "2026-11-20 10:00:00", "2026-11-20 10:00:05");
  EXPECT_EQ(Status("2026-11-20 10:05:00"), 0);
  EXPECT_THAT(out_, HasSubstr("  note        without a change log: changes"));
  std::ostringstream installed;
  ASSERT_EQ(Install({folder_ / "mirror-agent.toml"}, installed, installed), 0) << installed.str();
  EXPECT_EQ(Status("2026-11-20 10:05:00"), 0);
  EXPECT_THAT(out_, AllOf(Not(HasSubstr("without a change log")), HasSubstr("  note        another note")));
}

TEST_F(StatusCommandTest, TablesThatAComparisonLeftUnequalAreNamedUntilTheNextOne) {
  CycleReport report = GoodReport(0);
  report.tables[0].equality = TableReport::Equality::kDiffers;
  Ran(report, "2026-11-20 09:00:00", "2026-11-20 09:00:02", /*compared=*/true);
  Ran(GoodReport(1), "2026-11-20 09:20:00", "2026-11-20 09:20:02");
  EXPECT_EQ(Status("2026-11-20 09:21:00"), 0);
  EXPECT_THAT(out_, HasSubstr("compared    2026-11-20T09:00:02Z: 1 table (orders) not equal\n"));
  Ran(GoodReport(0), "2026-11-20 09:40:00", "2026-11-20 09:40:02", /*compared=*/true);
  EXPECT_EQ(Status("2026-11-20 09:41:00"), 0);
  EXPECT_THAT(out_, HasSubstr("compared    2026-11-20T09:40:02Z\n"));
}

TEST_F(StatusCommandTest, AMirrorThatPausedItselfIsNotGood) {
  CycleReport report;
  report.outcome = Outcome::kStopped;
  report.reason = "the mirror paused itself";
  Ran(report, "2026-11-20 10:00:00", "2026-11-20 10:00:02");
  EXPECT_EQ(Status("2026-11-20 10:01:00"), 1);
  EXPECT_THAT(out_, AllOf(HasSubstr("Cust: stopped\n"), HasSubstr("the mirror paused itself")));
}

TEST_F(StatusCommandTest, ToldNotToReplicateIsAGoodRun) {
  CycleReport report;
  report.outcome = Outcome::kDoNotReplicate;
  report.reason = "paused for the inventory";
  Ran(report, "2026-11-20 10:00:00", "2026-11-20 10:00:02");
  EXPECT_EQ(Status("2026-11-20 10:10:00"), 0);
  EXPECT_THAT(out_, AllOf(HasSubstr("Cust: paused\n"), HasSubstr("paused for the inventory")));
}

struct DueCase {
  std::string name, keys;
  std::string begun;
  std::string due;      ///< Of the next run.
  std::string in_time;  ///< Not overdue yet.
  std::string late;
};

class StatusDueTest : public StatusCommandTest, public testing::WithParamInterface<DueCase> {};

TEST_P(StatusDueTest, OverdueIsWhoMissedTwoTimes) {
  const DueCase& test = GetParam();
  Configure(Source("crm.db", test.keys));
  Ran(GoodReport(0), test.begun, test.begun);
  EXPECT_EQ(Status(test.in_time), 0) << out_;
  EXPECT_THAT(out_, HasSubstr(InUtc(test.due)));
  EXPECT_EQ(Status(test.late), 1);
  EXPECT_THAT(out_, AllOf(HasSubstr("Cust: overdue\n"), HasSubstr("was due " + InUtc(test.due)),
                          HasSubstr("is 'mirror-agent run' running?")));
  EXPECT_TRUE(InJson(test.late).at("overdue").get<bool>());
}

// 2026-11-20 is a Friday.
INSTANTIATE_TEST_SUITE_P(
    Status, StatusDueTest,
    testing::Values(DueCase{"Interval", "interval = \"20m\"\n", "2026-11-20 10:00:00", "2026-11-20 10:20:00",
                            "2026-11-20 10:40:00", "2026-11-20 10:40:01"},
                    DueCase{"QuietHours", "interval = \"20m\"\nquiet = [\"10:10-12:00\"]\n",
                            "2026-11-20 10:00:00", "2026-11-20 12:00:00", "2026-11-20 12:20:00",
                            "2026-11-20 12:20:01"},
                    DueCase{"Cron", "cron = \"30 6 * * mon-fri\"\n", "2026-11-20 06:30:01",
                            "2026-11-23 06:30:00", "2026-11-24 06:30:00", "2026-11-24 06:30:01"},
                    DueCase{"CronInQuietHours", "cron = \"0 2 * * *\"\nquiet = [\"01:00-05:00\"]\n",
                            "2026-11-20 05:00:00", "2026-11-21 05:00:00", "2026-11-22 05:00:00",
                            "2026-11-22 05:00:01"}),
    [](const auto& test) { return test.param.name; });

TEST_F(StatusCommandTest, AnAgentAtWorkIsSeenAndNotOverdueAndNotDisturbed) {
  Ran(GoodReport(0), "2026-11-20 10:00:00", "2026-11-20 10:00:02");
  auto lock = LockFile::Acquire(state(), "Cust");
  ASSERT_THAT(lock, IsOk());
  ASSERT_THAT(lock->Begin(), IsOk());
  EXPECT_EQ(Status("2026-11-20 23:00:00"), 0);
  EXPECT_THAT(out_, AllOf(HasSubstr("at work     yes\n"), HasSubstr("after the current run")));
  EXPECT_TRUE(InJson("2026-11-20 23:00:00").at("at_work").get<bool>());
  EXPECT_THAT(LockFile::Acquire(state(), "Cust"), Not(IsOk())) << "the agent has it still";
}

TEST_F(StatusCommandTest, AnAgentThatDiedInARunIsTold) {
  Ran(GoodReport(0), "2026-11-20 10:00:00", "2026-11-20 10:00:02");
  {
    auto lock = LockFile::Acquire(state(), "Cust");
    ASSERT_THAT(lock, IsOk());
    ASSERT_THAT(lock->Begin(), IsOk());
  }
  EXPECT_EQ(Status("2026-11-20 10:10:00"), 1);
  EXPECT_THAT(out_, AllOf(HasSubstr("Cust: cut off\n"), HasSubstr("left a cycle unfinished")));
}

TEST_F(StatusCommandTest, ARunWhoseEndIsNotOnRecordIsNotGood) {
  Ran(GoodReport(0), "2026-11-20 10:00:00", "2026-11-20 10:00:02");
  ASSERT_THAT(MarkBegin(state(), "Cust", Ms("2026-11-20 10:00:00")), IsOk());
  EXPECT_EQ(Status("2026-11-20 10:30:00"), 0);
  EXPECT_THAT(out_, Not(HasSubstr("unended")));
  ASSERT_THAT(MarkBegin(state(), "Cust", Ms("2026-11-20 10:20:00")), IsOk());
  EXPECT_EQ(Status("2026-11-20 10:30:00"), 1);
  const std::string words =
      "the run that began at 2026-11-20T10:20:00Z did not end, or could not save its result";
  EXPECT_THAT(out_, AllOf(HasSubstr("Cust: cut off\n"), HasSubstr(words), HasSubstr("the state folder")));
  EXPECT_EQ(InJson("2026-11-20 10:30:00").at("unended_at"), "2026-11-20T10:20:00Z");
  Configure(Source("crm.db") + Source("other.db", "", "Other"));
  EXPECT_EQ(Status("2026-11-20 10:30:00", {.wide = true}), 1);
  EXPECT_THAT(out_, ContainsRegex("Cust +cut off +.*" + words));
  {
    const auto lock = LockFile::Acquire(state(), "Cust");
    Configure(Source("crm.db"));
    EXPECT_EQ(Status("2026-11-20 10:30:00"), 0) << "it lasts";
  }
  Ran(GoodReport(0), "2026-11-20 10:20:00", "2026-11-20 10:31:00");
  EXPECT_EQ(Status("2026-11-20 10:32:00"), 0);
  ForgetLastRun(state(), "Cust");
  EXPECT_EQ(Status("2026-11-20 10:32:00"), 1);
  EXPECT_THAT(out_, HasSubstr("Cust: cut off\n"));
}

TEST_F(StatusCommandTest, AMarkThatIsNoneIsPassedOver) {
  Ran(GoodReport(0), "2026-11-20 10:00:00", "2026-11-20 10:00:02");
  for (const std::string& text :
       {std::string(), std::string(32, ' '), std::string(32, '9'), std::string("1\n")}) {
    std::ofstream(state() + "/Cust.begun") << text;
    EXPECT_EQ(Status("2026-11-20 10:10:00"), 0) << text;
  }
  // A pipe keeps nobody waiting.
  std::filesystem::remove(state() + "/Cust.begun");
  ASSERT_EQ(mkfifo((state() + "/Cust.begun").c_str(), 0600), 0);
  EXPECT_EQ(Status("2026-11-20 10:10:00"), 0);
  EXPECT_THAT(MarkBegin(state(), "Cust", 1), StatusIs(absl::StatusCode::kUnavailable));
}

TEST_F(StatusCommandTest, SuspectTablesAreNamed) {
  Ran(GoodReport(0), "2026-11-20 10:00:00", "2026-11-20 10:00:02");
  auto run_state = RunState::Load(state(), "Cust");
  ASSERT_THAT(run_state, IsOk());
  ASSERT_THAT(run_state->Begin({"a", "b", "c"}, 0), IsOk());
  run_state->tables().SetSuspect("a", true);
  run_state->tables().SetSuspect("c", true);
  ASSERT_THAT(run_state->Save(), IsOk());
  EXPECT_EQ(Status("2026-11-20 10:10:00"), 0);
  EXPECT_THAT(out_, HasSubstr("suspect     2 tables (a, c)"));
  EXPECT_THAT(InJson("2026-11-20 10:10:00").at("suspects").get<std::vector<std::string>>(),
              ElementsAre("a", "c"));
}

TEST_F(StatusCommandTest, FilesThatCannotBeReadAreToldAndTheOtherSourcesShown) {
  Configure(Source("crm.db") + Source("good.db", "", "Good"));
  Ran(GoodReport(0), "2026-11-20 10:00:00", "2026-11-20 10:00:02", false, "Good");
  const std::string later = "{\"version\": 99, \"program\": \"9.9.9\"}";
  for (const std::string& text : {std::string(), std::string("{"), std::string("[]"), later,
                                  std::string("{\"version\": 1, \"begun_ms\": \"x\"}")}) {
    std::ofstream(state() + "/Cust.last.json") << text;
    EXPECT_EQ(Status("2026-11-20 10:10:00"), 1);
    EXPECT_THAT(out_, ContainsRegex("Cust +not known +- +- +.*'.*\nGood +good +9 min ago +0 +-\n")) << text;
    EXPECT_EQ(Status("2026-11-20 10:10:00", {.details = true}), 1);
    EXPECT_THAT(out_, AllOf(HasSubstr("Cust: not known\n"), HasSubstr("Good: good\n"))) << text;
    if (text == later) {
      EXPECT_THAT(err_, AllOf(HasSubstr("Cust: "), HasSubstr("Cust.last.json' has layout 99"),
                              HasSubstr("Install Partner Mirror 9.9.9")));
    } else {
      EXPECT_THAT(err_,
                  AllOf(HasSubstr("Cust: '"), HasSubstr("Cust.last.json' is damaged or not of this agent"),
                        HasSubstr("the next run replaces it")));
    }
  }
  std::filesystem::remove(state() + "/Cust.last.json");
  std::ofstream(state() + "/Cust.json") << "{";
  EXPECT_EQ(Status("2026-11-20 10:10:00", {.json = true}), 1);
  const json all = json::parse(out_);
  EXPECT_FALSE(all.at("good").get<bool>());
  EXPECT_EQ(all.at("sources").at(0).at("state"), "not known");
  EXPECT_THAT(all.at("sources").at(0).at("problems").dump(), HasSubstr("Cust.json"));
}

TEST_F(StatusCommandTest, AWordThatIsNoneOfTheRecordsIsNotShown) {
  CycleReport report = GoodReport(0);
  report.tables.push_back(Table("a", TableResult::kHeld, "too many rows"));
  Ran(report, "2026-11-20 10:00:00", "2026-11-20 10:00:02");
  const std::string file = state() + "/Cust.last.json";
  std::ostringstream text;
  text << std::ifstream(file).rdbuf();
  for (const std::string word : {"\"done\"", "\"held\""}) {
    std::string wrong = text.str();
    ASSERT_NE(wrong.find(word), std::string::npos) << wrong;
    std::ofstream(file) << wrong.replace(wrong.find(word), word.size(), "\"fine\"");
    EXPECT_EQ(Status("2026-11-20 10:10:00"), 1);
    EXPECT_THAT(out_, HasSubstr("Cust: not known\n"));
    EXPECT_THAT(err_, HasSubstr("Cust.last.json' is damaged or not of this agent"));
  }
}

TEST_F(StatusCommandTest, OfManySourcesThereIsALineEachAndTheProblemsComeFirst) {
  std::string sources;
  for (int i = 0; i < 300; ++i) {
    sources += Source("crm" + std::to_string(i) + ".db", "", "Cust" + std::to_string(i));
  }
  Configure(sources + Source("other.db", "", "Other"));
  CycleReport failed;
  failed.status = absl::UnavailableError("the endpoint " + std::string(200, 'x') + " does not answer");
  for (int i = 0; i < 300; ++i) {
    Ran(i == 177 ? failed : GoodReport(1'234), "2026-11-20 10:00:00", "2026-11-20 10:00:00", false,
        "Cust" + std::to_string(i));
  }
  EXPECT_EQ(Status("2026-11-20 10:10:00"), 1);
  std::vector<std::string> lines = absl::StrSplit(out_, '\n');
  ASSERT_EQ(lines.size(), 1U + 301U + 3U);
  EXPECT_THAT(lines[1], ContainsRegex("^Cust177 +failed +10 min ago +0 +failed: the endpoint xxx.*…$"));
  EXPECT_THAT(lines[2], ContainsRegex("^Other +never ran +- +- +next run as soon as"));
  EXPECT_THAT(lines[3], ContainsRegex("^Cust0 +good +10 min ago +1,234 +-$"));
  EXPECT_EQ(lines[303], "301 sources: 1 failed, 1 never ran, 299 good");
  for (const std::string& line : lines) EXPECT_LE(line.size(), kTextWidth + 2) << line;  // … has 3 bytes.

  EXPECT_EQ(Status("2026-11-20 10:10:00", {.failed = true}), 1);
  EXPECT_EQ(std::count(out_.begin(), out_.end(), '\n'), 1 + 2 + 2);
  EXPECT_THAT(out_, HasSubstr("299 good\n")) << "totals are of all";
  EXPECT_EQ(Status("2026-11-20 10:10:00", {.failed = true, .wide = true}), 1);
  EXPECT_THAT(out_, HasSubstr("xxx does not answer\n"));
  EXPECT_EQ(Status("2026-11-20 10:10:00", {.context_id = "Cust29*"}), 0);
  EXPECT_THAT(out_, HasSubstr("\n11 sources: 11 good\n"));
  EXPECT_EQ(Status("2026-11-20 10:10:00", {.context_id = "Cust177"}), 1);
  EXPECT_THAT(out_, HasSubstr("Cust177: failed\n")) << "one alone is told in full";
  EXPECT_EQ(Status("2026-11-20 10:10:00", {.json = true, .failed = true}), 1);
  EXPECT_EQ(json::parse(out_).at("sources").size(), 2U);
}

TEST_F(StatusCommandTest, ARecordThatCannotBeReadIsWrittenAnewByTheNextRun) {
  std::filesystem::create_directory(state());
  std::ofstream(state() + "/Cust.last.json") << "{";
  Ran(GoodReport(0), "2026-11-20 10:00:00", "2026-11-20 10:00:02");
  EXPECT_EQ(Status("2026-11-20 10:10:00"), 0);
}

TEST_F(StatusCommandTest, ForProgramsEverythingIsInOneObject) {
  Configure(Source("crm.db", "cron = \"@daily\"\n"));
  CycleReport report = GoodReport(3);
  report.tables.push_back(Table("b", TableResult::kHeld, "too many rows"));
  Ran(report, "2026-11-20 10:00:00", "2026-11-20 10:00:02");
  EXPECT_EQ(InJson("2026-11-20 10:10:00"),
            json::parse(R"({"context_id": "Cust", "kind": "sqlite", "path": ")" + (folder_ / "crm.db") + R"(",
    "strategy": "cdc", "interval_s": 0.0, "cron": "@daily", "state": "failed", "at_work": false, "work": null,
    "last_run": {"begun_at": "2026-11-20T10:00:00Z", "ended_at": "2026-11-20T10:00:02Z", "outcome": "done",
      "reason": "", "cycle": 17, "rows": 3, "tables_ok": 1, "tables_left_out": 0,
      "troubles": [{"table": "b", "result": "held", "reason": "too many rows"}],
      "notes": [], "unlogged": [], "deliveries": null, "deliveries_wait_since": ""},
    "unended_at": "", "last_good_at": "", "compared_at": "", "differing": [],
    "due_at": "2026-11-21T00:00:00Z", "overdue": false,
    "suspects": [], "last_error_at": "2026-11-20T10:00:02Z",
    "last_error": "table 'b' held: too many rows", "problems": []})"));
}

TEST_F(StatusCommandTest, ARunThatIsStillToComeIsNotGood) {
  Configure(Source("crm.db"));
  Ran(GoodReport(3), "2026-11-20 14:00:00", "2026-11-20 14:00:02");
  EXPECT_EQ(Status("2026-11-20 14:00:01"), 0) << "clocks differ a little";
  EXPECT_EQ(Status("2026-11-20 10:00:00"), 1);
  EXPECT_THAT(out_, HasSubstr("Cust: not known\n"));
  EXPECT_THAT(err_, HasSubstr("the clock was set back"));
}

TEST_F(StatusCommandTest, WrongConfigurationIsExitCodeTwo) {
  EXPECT_EQ(Status("2026-11-20 10:00:00", {.context_id = "Nobody"}), 2);
  EXPECT_THAT(err_, HasSubstr("no [[source]] 'Nobody'"));
  Configure("");
  EXPECT_EQ(Status("2026-11-20 10:00:00"), 2);
  EXPECT_THAT(err_, HasSubstr("there is no [[source]]"));
  Configure(Source("crm.db", "cron = \"@reboot\"\n"));
  EXPECT_EQ(Status("2026-11-20 10:00:00"), 2);
  EXPECT_THAT(err_, HasSubstr("'cron' is not a schedule"));
}

TEST_F(StatusCommandTest, ARunThatLastsSaysHowFarItIs) {
  Ran(GoodReport(0), "2026-11-20 10:00:00", "2026-11-20 10:00:02");
  const std::string note = state() + "/Cust.work.json";
  std::ofstream(note)
      << R"({"begun_ms": )" << Ms("2026-11-20 10:20:00")
      << R"(, "doing": "comparing", "table": "or\nders", "rows": 1234567, "expected": 4000000})";
  Status("2026-11-20 10:25:00");
  EXPECT_THAT(out_, HasSubstr("at work     no\n")) << "nobody is: what a killed run left means nothing";
  const auto lock = LockFile::Acquire(state(), "Cust");
  ASSERT_THAT(lock, IsOk());
  Status("2026-11-20 10:25:00");
  EXPECT_THAT(out_, HasSubstr("at work     comparing or\\nders, 30 % of 4,000,000 rows, for 5 min\n"));
  EXPECT_EQ(InJson("2026-11-20 10:25:00").at("work"),
            json::parse(R"({"begun_at": "2026-11-20T10:20:00Z", "doing": "comparing", "table": "or\nders",
                            "rows": 1234567, "expected_rows": 4000000})"));
  Configure(Source("crm.db") + Source("other.db", "", "Other"));
  Status("2026-11-20 10:25:00");
  EXPECT_THAT(out_, ContainsRegex("Cust +good +.*  at work: comparing or.nders, 30 % of 4,000,000 rows\n"));
}

/// As a full disk: what grows beyond this is refused, what lies there can be written anew.
class NoRoom {
 public:
  NoRoom() {
    getrlimit(RLIMIT_FSIZE, &before_);
    rlimit none = before_;
    none.rlim_cur = 64;
    setrlimit(RLIMIT_FSIZE, &none);
  }
  ~NoRoom() {
    setrlimit(RLIMIT_FSIZE, &before_);
    signal(SIGXFSZ, handler_);
  }
  NoRoom(const NoRoom&) = delete;
  NoRoom& operator=(const NoRoom&) = delete;

 private:
  void (*const handler_)(int) = signal(SIGXFSZ, SIG_IGN);
  rlimit before_ = {};
};

/// What `once` leaves behind is what `status` shows.
TEST(StatusOfARunTest, RunsThatWentWellAndRunsThatCouldNotBeginAreBothKnown) {
  TempFolder folder;
  FakeEndpoint endpoint(folder);
  WriteAgentToml(folder, endpoint.address(), Source("crm.db", "strategy = \"populate\"\n"));
  Sql(folder / "crm.db", "CREATE TABLE orders(id INTEGER PRIMARY KEY); INSERT INTO orders VALUES(1), (2)");
  const std::string config = folder / "mirror-agent.toml";
  const auto once = [&](OnceOptions options) {
    options.config = config;
    std::ostringstream unused;
    endpoint.Settle();
    const int code = Once(options, unused, unused);
    endpoint.Settle();
    return code;
  };
  const auto status = [&](int code) {
    std::ostringstream out, err;
    EXPECT_EQ(ShowStatus({.config = config}, out, err), code) << out.str() << err.str();
    return out.str() + err.str();
  };
  endpoint.on_authenticate = [&] {
    EXPECT_THAT(status(1), AllOf(HasSubstr("Cust: never ran"), HasSubstr("at work     yes")));
  };
  ASSERT_EQ(once({}), 0);
  endpoint.on_authenticate = nullptr;
  EXPECT_THAT(status(0), AllOf(HasSubstr("Cust: good"), HasSubstr("2 rows sent"),
                               HasSubstr("tables      1 ok"), HasSubstr("compared    never")));
  ASSERT_EQ(once({.dry_run = true}), 0);
  EXPECT_THAT(status(0), HasSubstr("2 rows sent")) << "nothing was run";
  {
    const NoRoom full;
    EXPECT_EQ(once({.repopulate = true}), 1);
  }
  EXPECT_THAT(status(1), AllOf(HasSubstr("Cust: cut off"), HasSubstr("could not save its result")));
  ASSERT_EQ(once({}), 0);
  EXPECT_THAT(status(0), HasSubstr("Cust: good"));
  std::filesystem::rename(folder / "crm.db", folder / "away.db");
  ASSERT_EQ(once({}), 1);
  EXPECT_THAT(status(1), AllOf(HasSubstr("Cust: failed"), HasSubstr("crm.db' is not there")));
  {
    const auto lock = LockFile::Acquire(folder / "agent-state", "Cust");
    ASSERT_EQ(once({}), 1);
    EXPECT_THAT(status(1), AllOf(HasSubstr("at work     yes"), Not(HasSubstr("another mirror-agent"))))
        << "a run that had to leave it to another one is none";
  }
  std::filesystem::rename(folder / "away.db", folder / "crm.db");
  ASSERT_EQ(once({}), 0);
  EXPECT_THAT(status(0), AllOf(HasSubstr("Cust: good"), HasSubstr("last error")));
  std::ofstream(folder / "agent-state/Cust.json") << "{";
  ASSERT_EQ(once({}), 1);
  EXPECT_THAT(status(1), AllOf(HasSubstr("Cust: not known"), HasSubstr("Cust.json")));
}

}  // namespace
}  // namespace mirror::status_command_test
