#include "server/jobs/fleet.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/store/postgres/place/postgres_catalog.h"
#include "tests/server/tenant/tenant_bench.h"
#include "tests/support/postgres_database.h"
#include "tests/support/status_matchers.h"

namespace mirror::fleet_test {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::Field;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

constexpr std::chrono::seconds kPatience{20};

bool Comes(const std::function<bool()>& it) {
  const auto end = std::chrono::steady_clock::now() + kPatience;
  while (!it()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return true;
}

/// The half second keeps the message at "45 s": it rounds down, and a slow commit moves what is measured.
std::int64_t ABitLate() { return NowMs() - 45'500; }

/// Servers of one control database, each with connections of its own.
class FleetTest : public PostgresDatabaseTest {
 protected:
  struct One {
    RememberingCatalog catalog;
    Events events{catalog};
    std::shared_ptr<PostgresControl> control;
    std::atomic<int> begun{0}, ended{0}, events_woken{0};
    std::mutex mutex;
    std::vector<std::string> woken;
    std::unique_ptr<Fleet> fleet;  ///< Ends before what it calls.

    std::vector<std::string> Woken() {
      const std::lock_guard lock(mutex);
      return woken;
    }
    bool Delivers() const { return begun > ended; }
    void Start() {
      fleet->Start({.begin = [this] { ++begun; },
                    .end = [this] { ++ended; },
                    .wake =
                        [this](const std::string& context_id) {
                          const std::lock_guard lock(mutex);
                          woken.push_back(context_id);
                        },
                    .wake_events = [this] { ++events_woken; }});
    }
  };

  static FleetOptions Options(const std::string& host) {
    FleetOptions options;
    options.host = host;
    options.address = "10.0.0.1:7443";
    options.rules = "0123456789abcdef";
    options.beat = std::chrono::milliseconds(20);
    options.look = std::chrono::milliseconds(10);
    return options;
  }
  std::unique_ptr<One> Server(const FleetOptions& options) {
    auto one = std::make_unique<One>();
    auto opened = PostgresControl::Open({.conninfo = conninfo_, .application_name = "mirror-test-control"});
    EXPECT_THAT(opened.status(), IsOk());
    one->control = *opened;
    one->fleet = std::make_unique<Fleet>(one->control, options, one->events);
    return one;
  }
  void Do(const std::string& sql) { ASSERT_THAT(connection_->Execute(sql), IsOk()); }
  std::int64_t Ask(const std::string& sql) { return connection_->Number(sql).value_or(-1); }
  static bool HasAll(const One& one) {
    return one.fleet->Holds(Duty::kHooks) && one.fleet->Holds(Duty::kIdleCycles) &&
           one.fleet->Holds(Duty::kSummaries);
  }
};

TEST_F(FleetTest, OneHasTheDutiesAndTheOtherTakesThemWhenItStops) {
  const auto first = Server(Options("db1")), second = Server(Options("db2"));
  EXPECT_FALSE(first->fleet->Holds(Duty::kHooks)) << "not before it has them";
  first->Start();
  ASSERT_TRUE(Comes([&] { return HasAll(*first) && first->Delivers(); }));
  second->Start();
  ASSERT_TRUE(Comes([&] { return Ask("SELECT count(*) FROM mirror_control.server") == 2; }));
  EXPECT_FALSE(second->fleet->Holds(Duty::kSummaries));
  EXPECT_FALSE(second->Delivers());
  const auto listed = second->fleet->Servers();
  ASSERT_THAT(listed, IsOkAndHolds(SizeIs(2)));
  EXPECT_THAT(listed->front(), AllOf(Field(&ListedServer::host, "db1"), Field(&ListedServer::here, false),
                                     Field(&ListedServer::duties, SizeIs(3))));
  EXPECT_THAT(listed->back(), AllOf(Field(&ListedServer::host, "db2"), Field(&ListedServer::here, true),
                                    Field(&ListedServer::duties, IsEmpty())));

  first->fleet->Stop();
  EXPECT_FALSE(first->Delivers());
  EXPECT_FALSE(first->fleet->Holds(Duty::kHooks));
  EXPECT_TRUE(Comes([&] { return HasAll(*second) && second->Delivers(); }));
  EXPECT_THAT(second->fleet->Servers(), IsOkAndHolds(ElementsAre(Field(&ListedServer::host, "db2"))));
  EXPECT_THAT(first->catalog.Kinds(), IsEmpty());
  EXPECT_THAT(second->catalog.Kinds(), IsEmpty());
}

TEST_F(FleetTest, WhoHasUploadsSaysSoAndOneEndsWhatIsLeftOfTheOthers) {
  const auto first = Server(Options("db1")), second = Server(Options("db2"));
  FleetJobs jobs(first->control, *first->fleet, "aaaaaaaaaaaa");
  jobs.Begin("https://one:7446");
  second->Start();
  EXPECT_EQ(first->fleet->HeardFor().count(), 0);
  first->Start();
  ASSERT_TRUE(Comes([&] { return first->fleet->Holds(Duty::kImportJobs); }));
  EXPECT_FALSE(second->fleet->Holds(Duty::kImportJobs)) << "it has no jobs to end";
  const auto found = jobs.Find("aaaaaaaaaaaa");
  ASSERT_THAT(found.status(), IsOk());
  ASSERT_TRUE(found->has_value());
  EXPECT_EQ((*found)->url, "https://one:7446");
  EXPECT_TRUE((*found)->answers);
  ASSERT_TRUE(Comes([&] { return first->fleet->HeardFor().count() > 0; }));

  Do("INSERT INTO mirror_control.import_job VALUES ('T-1', 'gone')");
  EXPECT_THAT(jobs.FindOrphans(std::chrono::seconds(15)), IsOkAndHolds(IsEmpty()))
      << "others that lost the control database, too, may be there again in a moment";
  Do("ALTER TABLE mirror_control.server RENAME TO away");
  EXPECT_TRUE(Comes([&] { return first->fleet->HeardFor().count() == 0; }));
  Do("ALTER TABLE mirror_control.away RENAME TO server");
  EXPECT_TRUE(Comes([&] { return first->fleet->HeardFor().count() > 0; }));
  first->fleet->Stop();
  EXPECT_TRUE(jobs.Find("aaaaaaaaaaaa")->has_value()) << "its jobs wait for it";
}

TEST_F(FleetTest, ServersThatRunAreCounted) {
  const auto first = Server(Options("db1")), second = Server(Options("db2"));
  EXPECT_EQ(second->fleet->Running(), std::nullopt);
  second->Start();
  ASSERT_TRUE(Comes([&] { return second->fleet->Running() == 1U; }));
  // One that was killed, and an earlier start of the second that counts as there yet.
  const std::string other =
      "address, admin_address, version, rules, hash_key, places, 0, started_ms, seen_ms ";
  const std::string from = " FROM mirror_control.server WHERE host = 'db2' LIMIT 1";
  Do(absl::StrCat("INSERT INTO mirror_control.server SELECT 'gone', 'db3', ", other, "- 60000", from));
  Do(absl::StrCat("INSERT INTO mirror_control.server SELECT 'before', host, ", other, "+ 60000", from));
  first->Start();
  EXPECT_TRUE(Comes([&] { return first->fleet->Running() == 2U && second->fleet->Running() == 2U; }));
  Do("ALTER TABLE mirror_control.server RENAME TO away");
  EXPECT_TRUE(Comes([&] { return first->fleet->Running() == std::nullopt; }));
  Do("ALTER TABLE mirror_control.away RENAME TO server");
  second->fleet->Stop();
  Do("DELETE FROM mirror_control.server WHERE server_id = 'before'");
  EXPECT_TRUE(Comes([&] { return first->fleet->Running() == 1U; }));
}

TEST_F(FleetTest, WhatOneCommitsForHooksIsTheOthersToDeliver) {
  const auto first = Server(Options("db1")), second = Server(Options("db2"));
  first->Start();
  ASSERT_TRUE(Comes([&] { return first->Delivers(); }));
  second->Start();
  second->fleet->HookWaits("Cust1");
  EXPECT_TRUE(Comes([&] { return first->Woken() == std::vector<std::string>{"Cust1"}; }));
  const int woken = first->events_woken;
  ASSERT_THAT(MakeCatalog(second->control)->AddEvent({.kind = "tenant.paused"}).status(), IsOk());
  EXPECT_TRUE(Comes([&] { return first->events_woken > woken; }));

  second->fleet->Stop();
  const auto third = Server(Options("db3"));
  third->Start();
  third->fleet->HookWaits("Cust3");
  third->fleet->Stop();
  EXPECT_TRUE(Comes([&] { return first->Woken().size() == 2; }));
  EXPECT_THAT(first->Woken(), ElementsAre("Cust1", "Cust3"));
  EXPECT_EQ(first->begun, 1);
  EXPECT_THAT(second->Woken(), IsEmpty());
}

TEST_F(FleetTest, WhoseDutyIsTakenEndsToDeliverAndBeginsAnewWithAllMirrors) {
  const auto first = Server(Options("db1"));
  first->Start();
  ASSERT_TRUE(Comes([&] { return first->Delivers(); }));
  // As after a minute in which it was stopped.
  Do("UPDATE mirror_control.duty SET server_id = 'another', until_ms = until_ms + 60000");
  ASSERT_TRUE(Comes([&] { return !first->Delivers(); }));
  EXPECT_FALSE(first->fleet->Holds(Duty::kIdleCycles));
  Do("DELETE FROM mirror_control.duty");
  ASSERT_TRUE(Comes([&] { return first->Delivers(); }));
  EXPECT_EQ(first->begun, 2);
}

TEST_F(FleetTest, WhatWasTakenAndNotHeardOfIsLookedForInAllMirrors) {
  const auto one = Server(Options("db1"));
  one->Start();
  ASSERT_TRUE(Comes([&] { return one->Delivers(); }));
  // The waiting one goes with the first statement, and the second fails.
  Do("ALTER TABLE mirror_control.event_head RENAME TO away; INSERT INTO mirror_control.hook_waiting VALUES "
     "('crm')");
  ASSERT_TRUE(Comes([&] { return one->ended > 0; }));
  Do("ALTER TABLE mirror_control.away RENAME TO event_head");
  EXPECT_TRUE(Comes([&] { return one->begun > 1 && one->Delivers(); }));
}

TEST_F(FleetTest, WithoutHooksThatDutyIsLeftToOthers) {
  const auto first = Server(Options("db1")), second = Server(Options("db2"));
  first->fleet->Start({});
  ASSERT_TRUE(Comes([&] { return first->fleet->Holds(Duty::kSummaries); }));
  second->Start();
  EXPECT_TRUE(Comes([&] { return second->Delivers(); }));
  EXPECT_FALSE(second->fleet->Holds(Duty::kSummaries));
}

TEST_F(FleetTest, TheControlDatabaseIsMissedOnceAndTriedAgain) {
  const auto one = Server(Options("db1"));
  one->Start();
  ASSERT_TRUE(Comes([&] { return one->Delivers(); }));
  Do("ALTER TABLE mirror_control.server RENAME TO away");
  ASSERT_TRUE(Comes([&] { return !one->catalog.Kinds().empty(); }));
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
  EXPECT_THAT(one->catalog.Kinds(), ElementsAre("server.control_lost"));
  EXPECT_THAT(one->catalog.Messages("server.control_lost"), HasSubstr("continues with the mirrors"));
  EXPECT_THAT(one->fleet->Servers().status(), StatusIs(absl::StatusCode::kUnavailable));
  Do("ALTER TABLE mirror_control.away RENAME TO server");
  EXPECT_TRUE(Comes([&] { return one->catalog.Kinds().size() == 2; }));
  EXPECT_THAT(one->catalog.Kinds(), ElementsAre("server.control_lost", "server.control_back"));
  EXPECT_TRUE(Comes([&] { return one->Delivers(); }));
}

TEST_F(FleetTest, AClockThatIsWrongIsToldOnce) {
  FleetOptions options = Options("db1");
  options.now_ms = &ABitLate;
  const auto one = Server(options);
  one->Start();
  ASSERT_TRUE(Comes([&] { return Ask("SELECT min(clock_ahead_ms) FROM mirror_control.server") < -40'000; }));
  EXPECT_THAT(one->catalog.Kinds(), ElementsAre("server.clock"));
  EXPECT_THAT(one->catalog.Messages("server.clock"), HasSubstr("45 s behind the control database's"));
}

TEST_F(FleetTest, AServerWithAWrongClockLeavesTheDutiesToOneWhoseClockIsRight) {
  FleetOptions options = Options("db1");
  options.now_ms = [] { return NowMs() + 900'000; };
  static std::atomic<std::int64_t> set_ms;
  set_ms = 0;
  options.set_clock = [](std::int64_t theirs_ms) { set_ms = theirs_ms; };
  const auto wrong = Server(options);
  ASSERT_THAT(wrong->fleet->SetClock(), IsOk());
  EXPECT_NEAR(static_cast<double>(set_ms), static_cast<double>(NowMs()), 60'000) << "the database's time";
  set_ms = 0;
  wrong->Start();
  ASSERT_TRUE(Comes([&] { return HasAll(*wrong) && wrong->Delivers(); })) << "nobody else is there";
  EXPECT_NEAR(static_cast<double>(set_ms), static_cast<double>(NowMs()), 60'000) << "each beat tells it";
  const auto right = Server(Options("db2"));
  right->Start();
  ASSERT_TRUE(Comes([&] { return HasAll(*right) && right->Delivers(); }));
  EXPECT_FALSE(wrong->fleet->Holds(Duty::kHooks));
  EXPECT_FALSE(wrong->fleet->Holds(Duty::kIdleCycles));
  EXPECT_FALSE(wrong->Delivers());
  right->fleet->Stop();
  EXPECT_TRUE(Comes([&] { return HasAll(*wrong) && wrong->Delivers(); })) << "one has to";
}

TEST_F(FleetTest, ServersThatAreConfiguredOtherwiseAreToldOnceByTheLaterOne) {
  FleetOptions options = Options("db1");
  options.hash_key = "1";
  const auto first = Server(options), same = Server(options);
  first->Start();
  ASSERT_TRUE(Comes([&] { return first->Delivers(); }));
  same->Start();
  options.rules = "fedcba9876543210";
  options.hash_key = "2";
  options.host = "db2";
  const auto other = Server(options);
  ASSERT_TRUE(Comes([&] { return Ask("SELECT count(*) FROM mirror_control.server") == 2; }));
  other->Start();
  ASSERT_TRUE(Comes([&] { return other->catalog.Kinds().size() == 4; }));
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  EXPECT_THAT(other->catalog.Kinds(), SizeIs(4)) << "once for each of the two";
  EXPECT_THAT(other->catalog.Messages("server.rules"),
              AllOf(HasSubstr("the server on db1 at 10.0.0.1:7443 has another configuration"),
                    Not(HasSubstr(options.rules))));
  EXPECT_THAT(other->catalog.Messages("server.hash_key"), HasSubstr("'hash_key'"));
  EXPECT_THAT(first->catalog.Kinds(), IsEmpty());
  EXPECT_THAT(same->catalog.Kinds(), IsEmpty());
}

TEST_F(FleetTest, WhatAReloadMakesOfTheRulesTheOthersHear) {
  const auto first = Server(Options("db1")), second = Server(Options("db2"));
  first->Start();
  ASSERT_TRUE(Comes([&] { return first->Delivers(); }));
  second->Start();
  ASSERT_TRUE(Comes([&] { return Ask("SELECT count(*) FROM mirror_control.server") == 2; }));
  const std::string other = "0123456700000000";
  first->fleet->SetRules(other);
  ASSERT_TRUE(Comes([&] { return second->catalog.Kinds().size() == 1; }));
  EXPECT_THAT(second->catalog.Kinds(), ElementsAre("server.rules"));
  second->fleet->SetRules(other);
  EXPECT_TRUE(Comes([&] {
    return Ask("SELECT count(*) FROM mirror_control.server WHERE rules = '0123456700000000'") == 2;
  }));
  EXPECT_THAT(first->fleet->MayAgree(), IsOk());
  // Told of, it is over: another one is told anew.
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  second->fleet->SetRules("0123456711111111");
  EXPECT_TRUE(Comes([&] { return second->catalog.Kinds().size() == 2; }));
  EXPECT_THAT(first->catalog.Kinds(), IsEmpty());
}

TEST_F(FleetTest, BeforeAStartItIsSaidWhichServersHaveOtherRules) {
  const FleetOptions options = Options("db1");
  const auto first = Server(options);
  first->Start();
  ASSERT_TRUE(Comes([&] { return first->Delivers(); }));
  FleetOptions self = Options("db2");
  EXPECT_THAT(FindOtherRules(*first->control, self), IsOkAndHolds(IsEmpty()));
  self.rules.back() = '0';
  EXPECT_THAT(FindOtherRules(*first->control, self),
              IsOkAndHolds(ElementsAre(AllOf(HasSubstr("the server on db1 at 10.0.0.1:7443"),
                                             HasSubstr("'durability'"), HasSubstr("This server may start"),
                                             Not(HasSubstr("agrees with no source")),
                                             Not(HasSubstr(self.rules)), Not(HasSubstr("version"))))));
  self.rules.front() = '9';
  Do("UPDATE mirror_control.server SET version = '0.1.0'");
  EXPECT_THAT(FindOtherRules(*first->control, self),
              IsOkAndHolds(ElementsAre(
                  AllOf(HasSubstr("agrees with no source on tables"), HasSubstr("it is version 0.1.0")))));
  self.host = "db1";
  EXPECT_THAT(FindOtherRules(*first->control, self), IsOkAndHolds(IsEmpty())) << "the one that it replaces";
}

TEST_F(FleetTest, AnOlderServerAgreesOnNoTablesWhileANewerOneSetsColumnsOtherwise) {
  const auto first = Server(Options("db1"));
  first->Start();
  ASSERT_TRUE(Comes([&] { return first->Delivers(); }));
  FleetOptions options = Options("db2");
  options.rules.back() = '0';
  const auto alike = Server(options);
  alike->Start();
  ASSERT_TRUE(Comes([&] { return alike->catalog.Kinds().size() == 1; }));
  EXPECT_THAT(first->fleet->MayAgree(), IsOk()) << "what they differ in is no rule of columns";
  EXPECT_EQ(first->fleet->WhyNotReady(), "");
  options.rules.front() = '9';
  options.host = "db3";
  const auto newer = Server(options);
  newer->Start();
  ASSERT_TRUE(Comes([&] { return !first->fleet->MayAgree().ok() && !alike->fleet->MayAgree().ok(); }));
  EXPECT_THAT(first->fleet->MayAgree(),
              StatusIs(absl::StatusCode::kUnavailable,
                       HasSubstr("the server on db3 at 10.0.0.1:7443 started later")));
  EXPECT_THAT(first->fleet->WhyNotReady(), HasSubstr("db3"));
  EXPECT_THAT(newer->fleet->MayAgree(), IsOk());
  EXPECT_EQ(newer->fleet->WhyNotReady(), "");
  newer->fleet->Stop();
  EXPECT_TRUE(Comes([&] { return first->fleet->MayAgree().ok() && first->fleet->WhyNotReady().empty(); }));
}

TEST_F(FleetTest, AServerWithAnotherHashKeyIsNotToStartBesideOneThatRuns) {
  FleetOptions options = Options("db1");
  options.hash_key = "1";
  const auto first = Server(options);
  EXPECT_THAT(first->fleet->CheckHashKey(), IsOk());
  first->Start();
  ASSERT_TRUE(Comes([&] { return first->Delivers(); }));
  options.host = "db2";
  EXPECT_THAT(Server(options)->fleet->CheckHashKey(), IsOk());
  options.hash_key = "2";
  EXPECT_THAT(Server(options)->fleet->CheckHashKey(),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       AllOf(HasSubstr("the server on db1 at 10.0.0.1:7443"), HasSubstr("'hash_key'"))));
  options.host = "db1";
  EXPECT_THAT(Server(options)->fleet->CheckHashKey(), IsOk()) << "the same server, killed and started anew";
  options.host = "db2";
  first->fleet->Stop();
  EXPECT_THAT(Server(options)->fleet->CheckHashKey(), IsOk());
}

}  // namespace
}  // namespace mirror::fleet_test
