// The servers that share a control database, and what one of them does for all.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/store/postgres/place/control.h"
#include "server/store/postgres/place/duties.h"
#include "server/store/postgres/place/job_rows.h"
#include "server/store/postgres/place/listed_rows.h"
#include "server/store/postgres/place/server_rows.h"
#include "tests/support/postgres_database.h"
#include "tests/support/status_matchers.h"

namespace mirror::servers_test {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::Field;
using testing::Ge;
using testing::IsEmpty;
using testing::Lt;
using testing::Pair;
using testing::SizeIs;

class ServersTest : public PostgresDatabaseTest {
 protected:
  void Fill() override {
    auto opened = PostgresControl::Open({.conninfo = conninfo_, .application_name = "mirror-test-control"});
    ASSERT_THAT(opened.status(), IsOk());
    control_ = *opened;
  }
  void Do(const std::string& sql) { ASSERT_THAT(connection_->Execute(sql), IsOk()); }
  std::int64_t Ask(const std::string& sql) { return connection_->Number(sql).value_or(-1); }
  /// As if so much time had passed by the control database's clock.
  void Pass(std::int64_t ms) {
    Do(absl::StrCat("UPDATE mirror_control.duty SET until_ms = until_ms - ", ms,
                    "; UPDATE mirror_control.server SET seen_ms = seen_ms - ", ms));
  }
  static ServerRow Server(const std::string& id, const std::string& host = "db1") {
    return {.server_id = id, .host = host, .address = "0.0.0.0:7443", .admin_address = "127.0.0.1:7444"};
  }

  std::shared_ptr<PostgresControl> control_;
  const std::set<Duty> all_ = {Duty::kHooks, Duty::kIdleCycles, Duty::kSummaries};
};

TEST_F(ServersTest, ADutyIsOneServersUntilItIsNotRenewed) {
  EXPECT_THAT(TakeDuties(*control_, "a", {Duty::kHooks}), IsOkAndHolds(ElementsAre(Duty::kHooks)));
  EXPECT_THAT(TakeDuties(*control_, "b", all_),
              IsOkAndHolds(ElementsAre(Duty::kIdleCycles, Duty::kSummaries)));
  Pass(kDutyMs - 10'000);
  EXPECT_THAT(TakeDuties(*control_, "a", all_), IsOkAndHolds(ElementsAre(Duty::kHooks))) << "renewed";
  Pass(12'000);
  EXPECT_THAT(TakeDuties(*control_, "a", all_), IsOkAndHolds(SizeIs(3))) << "the other one's time is over";
  EXPECT_THAT(TakeDuties(*control_, "b", all_), IsOkAndHolds(IsEmpty()));
}

TEST_F(ServersTest, WhoStopsLeavesItsDutiesAtOnce) {
  ASSERT_THAT(TakeDuties(*control_, "a", all_), IsOkAndHolds(SizeIs(3)));
  ASSERT_THAT(GiveUpDuties(*control_, "b"), IsOk());
  EXPECT_THAT(TakeDuties(*control_, "b", all_), IsOkAndHolds(IsEmpty())) << "not what others have";
  ASSERT_THAT(GiveUpDuties(*control_, "a"), IsOk());
  EXPECT_THAT(TakeDuties(*control_, "b", all_), IsOkAndHolds(SizeIs(3)));
}

TEST_F(ServersTest, OfServersThatTakeADutyAtOnceOneHasIt) {
  std::vector<std::size_t> held(6);
  std::vector<std::thread> running;
  for (std::size_t i = 0; i < held.size(); ++i) {
    running.emplace_back([&, i] {
      for (int turn = 0; turn < 5; ++turn) {
        const auto taken = TakeDuties(*control_, absl::StrCat("s", i), all_);
        ASSERT_THAT(taken.status(), IsOk());
        held[i] = taken->size();
      }
    });
  }
  for (std::thread& thread : running) thread.join();
  std::size_t sum = 0;
  for (const std::size_t count : held) sum += count;
  EXPECT_EQ(sum, 3U);
}

TEST_F(ServersTest, AServerIsListedWithWhatItDoesAndSinceWhenItIsSilent) {
  ServerRow told = Server("a");
  told.version = "1.2.3";
  told.rules = "00ff";
  told.hash_key = "7";
  told.places = {"p1", "p-2"};
  ASSERT_THAT(Beat(*control_, told).status(), IsOk());
  Do("UPDATE mirror_control.server SET started_ms = started_ms - 100000");
  Pass(7'000);
  ASSERT_THAT(Beat(*control_, Server("b", "db2")).status(), IsOk());
  ASSERT_THAT(TakeDuties(*control_, "b", all_), IsOkAndHolds(SizeIs(3)));
  auto listed = ListServers(*control_);
  ASSERT_THAT(listed, IsOkAndHolds(SizeIs(2)));
  EXPECT_THAT(listed->front(),
              AllOf(Field(&ServerRow::server_id, "a"), Field(&ServerRow::host, "db1"),
                    Field(&ServerRow::address, "0.0.0.0:7443"), Field(&ServerRow::version, "1.2.3"),
                    Field(&ServerRow::admin_address, "127.0.0.1:7444"), Field(&ServerRow::rules, "00ff"),
                    Field(&ServerRow::hash_key, "7"), Field(&ServerRow::places, ElementsAre("p1", "p-2")),
                    Field(&ServerRow::duties, IsEmpty()),
                    Field(&ServerRow::silent_ms, AllOf(Ge(7'000), Lt(60'000)))));
  EXPECT_THAT(listed->back().duties, ElementsAre("hooks", "idle_cycles", "summaries"));
  Pass(kDutyMs + 1);
  EXPECT_THAT(ListServers(*control_)->back().duties, IsEmpty()) << "it has not renewed them";

  const std::int64_t started_ms = listed->front().started_ms;
  told.clock_ahead_ms = -40'000;
  ASSERT_THAT(Beat(*control_, told).status(), IsOk());
  listed = ListServers(*control_);
  EXPECT_EQ(listed->front().clock_ahead_ms, -40'000);
  EXPECT_EQ(listed->front().started_ms, started_ms);
  EXPECT_LT(listed->front().silent_ms, 7'000);
  ASSERT_THAT(ForgetServer(*control_, "a"), IsOk());
  EXPECT_THAT(ListServers(*control_), IsOkAndHolds(ElementsAre(Field(&ServerRow::server_id, "b"))));
}

TEST_F(ServersTest, AServerIsForgottenAfterADayAndItsFormerStartsSooner) {
  ASSERT_THAT(Beat(*control_, Server("gone", "db2")).status(), IsOk());
  ASSERT_THAT(Beat(*control_, Server("a before its restart")).status(), IsOk());
  ASSERT_THAT(Beat(*control_, Server("a")).status(), IsOk());
  EXPECT_EQ(Ask("SELECT count(*) FROM mirror_control.server"), 3) << "it may still be there";
  Pass(kServerGoneMs + 1);
  ASSERT_THAT(Beat(*control_, Server("a")).status(), IsOk());
  EXPECT_THAT(ListServers(*control_), IsOkAndHolds(ElementsAre(Field(&ServerRow::server_id, "a"),
                                                               Field(&ServerRow::server_id, "gone"))));
  Pass(kServerForgottenMs);
  ASSERT_THAT(Beat(*control_, Server("a")).status(), IsOk());
  EXPECT_THAT(ListServers(*control_), IsOkAndHolds(ElementsAre(Field(&ServerRow::server_id, "a"))));
}

class JobRowsTest : public ServersTest {
 protected:
  void Silent(const std::string& server, std::int64_t ms) {
    Do(absl::StrCat("UPDATE mirror_control.upload_server SET seen_ms = ", kControlNow, " - ", ms,
                    " WHERE server = '", server, "'"));
  }
  const UploadServer a_{.name = "a", .url = "https://a:7446"}, b_{.name = "b", .url = "https://b:7446"};
};

TEST_F(JobRowsTest, AServerOfUploadsIsFoundByItsName) {
  EXPECT_THAT(FindUploadServer(*control_, "a"), IsOkAndHolds(std::nullopt));
  ASSERT_THAT(SeeUploadServer(*control_, a_), IsOk());
  Silent("a", 7'000);
  auto found = FindUploadServer(*control_, "a");
  ASSERT_THAT(found.status(), IsOk());
  ASSERT_TRUE(found->has_value());
  EXPECT_EQ((*found)->url, "https://a:7446");
  EXPECT_THAT((*found)->silent_ms, AllOf(Ge(7'000), Lt(60'000)));
  ASSERT_THAT(SeeUploadServer(*control_, {.name = "a", .url = "https://a2:7446"}), IsOk());
  found = FindUploadServer(*control_, "a");
  EXPECT_EQ((*found)->url, "https://a2:7446") << "its address is another one since it was started";
  EXPECT_LT((*found)->silent_ms, 7'000);
}

TEST_F(JobRowsTest, JobsOfServersThatAreGoneAreOrphans) {
  ASSERT_THAT(ListImportJob(*control_, a_, "T-2"), IsOk());
  ASSERT_THAT(ListImportJob(*control_, a_, "T-1"), IsOk());
  ASSERT_THAT(ListImportJob(*control_, b_, "T-3"), IsOk());
  EXPECT_THAT(FindListedJobs(*control_), IsOkAndHolds(ElementsAre("T-1", "T-2", "T-3")));
  EXPECT_THAT(FindOrphanedJobs(*control_, 15'000), IsOkAndHolds(IsEmpty())) << "who lists is there";
  Silent("a", 20'000);
  EXPECT_THAT(FindOrphanedJobs(*control_, 15'000), IsOkAndHolds(ElementsAre("T-1", "T-2")));
  EXPECT_THAT(FindOrphanedJobs(*control_, 60'000), IsOkAndHolds(IsEmpty()));
  ASSERT_THAT(UnlistImportJob(*control_, "T-1"), IsOk());
  ASSERT_THAT(UnlistImportJob(*control_, "T-9"), IsOk());
  EXPECT_THAT(FindOrphanedJobs(*control_, 15'000), IsOkAndHolds(ElementsAre("T-2")));
  Do("DELETE FROM mirror_control.upload_server WHERE server = 'a'");
  EXPECT_THAT(FindOrphanedJobs(*control_, 60'000), IsOkAndHolds(ElementsAre("T-2"))) << "nobody knows it";
  ASSERT_THAT(SeeUploadServer(*control_, a_), IsOk());
  EXPECT_THAT(FindOrphanedJobs(*control_, 15'000), IsOkAndHolds(IsEmpty())) << "it is back";
}

TEST_F(JobRowsTest, AStartListsWhatIsLeftAndNothingElse) {
  for (const char* const job : {"T-1", "T-2"}) ASSERT_THAT(ListImportJob(*control_, a_, job), IsOk());
  ASSERT_THAT(ListImportJob(*control_, b_, "T-3"), IsOk());
  ASSERT_THAT(ListOnlyImportJobs(*control_, a_, {"T-2", "T-4"}), IsOk());
  EXPECT_THAT(FindListedJobs(*control_), IsOkAndHolds(ElementsAre("T-2", "T-3", "T-4")));
  ASSERT_THAT(ListOnlyImportJobs(*control_, a_, {}), IsOk());
  EXPECT_THAT(FindListedJobs(*control_), IsOkAndHolds(ElementsAre("T-3")));
}

TEST_F(JobRowsTest, OneThatIsGoneForAWeekIsForgottenUnlessAJobIsListedAsIts) {
  ASSERT_THAT(ListImportJob(*control_, a_, "T-1"), IsOk());
  ASSERT_THAT(SeeUploadServer(*control_, {.name = "c", .url = "https://c"}), IsOk());
  for (const char* const server : {"a", "c"}) Silent(server, kUploadServerForgottenMs + 1'000);
  ASSERT_THAT(SeeUploadServer(*control_, b_), IsOk());
  EXPECT_THAT(FindUploadServer(*control_, "c"), IsOkAndHolds(std::nullopt));
  EXPECT_TRUE(FindUploadServer(*control_, "a")->has_value());
}

TEST_F(ServersTest, WhatListsSayOfMirrorsIsKeptUntilItIsForgotten) {
  const ListedRow a{.storage = "{\"name\":\"A\"}", .jobs = 3}, b{.member = "A"};
  ASSERT_THAT(KeepListedRow(*control_, "A", {}), IsOk());
  ASSERT_THAT(KeepListedRow(*control_, "A", a), IsOk());
  ASSERT_THAT(KeepListedRow(*control_, "B", b), IsOk());
  EXPECT_THAT(ReadListedRows(*control_), IsOkAndHolds(ElementsAre(Pair("A", a), Pair("B", b))));
  ASSERT_THAT(ForgetListedRow(*control_, "A"), IsOk());
  ASSERT_THAT(ForgetListedRow(*control_, "none"), IsOk());
  EXPECT_THAT(ReadListedRows(*control_), IsOkAndHolds(ElementsAre(Pair("B", b))));
}

TEST_F(ServersTest, TheTimeIsTheDatabases) {
  const std::int64_t before = Ask(absl::StrCat("SELECT ", kControlNow));
  const auto told = Beat(*control_, Server("a"));
  EXPECT_THAT(told, IsOkAndHolds(AllOf(Ge(before), testing::Le(Ask(absl::StrCat("SELECT ", kControlNow))))));
}

TEST_F(ServersTest, WaitingHooksAreTakenOnceByWhoHasTheDuty) {
  ASSERT_THAT(NoteWaitingHooks(*control_, {"Cust1", "Cust2"}), IsOk());
  ASSERT_THAT(NoteWaitingHooks(*control_, {"Cust2", "Cust3"}), IsOk());
  ASSERT_THAT(NoteWaitingHooks(*control_, {}), IsOk());
  Do("UPDATE mirror_control.event_head SET id = 41");
  const auto ids = [&](const std::string& server) {
    return TakeWaitingHooks(*control_, server)->context_ids;
  };
  EXPECT_THAT(ids("a"), IsEmpty()) << "nobody has the duty";
  ASSERT_THAT(TakeDuties(*control_, "a", all_), IsOkAndHolds(SizeIs(3)));
  EXPECT_THAT(ids("b"), IsEmpty());
  Pass(kDutyMs + 1);
  EXPECT_THAT(ids("a"), IsEmpty()) << "it had it";
  ASSERT_THAT(TakeDuties(*control_, "a", all_), IsOkAndHolds(SizeIs(3)));
  const auto taken = TakeWaitingHooks(*control_, "a");
  ASSERT_THAT(taken.status(), IsOk());
  EXPECT_THAT(taken->context_ids, ElementsAre("Cust1", "Cust2", "Cust3"));
  EXPECT_EQ(taken->last_event, 41);
  EXPECT_THAT(ids("a"), IsEmpty());
}

}  // namespace
}  // namespace mirror::servers_test
