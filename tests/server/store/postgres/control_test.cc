#include "server/store/postgres/place/control.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/store/postgres/place/duties.h"
#include "server/store/postgres/place/placement.h"
#include "server/store/postgres/place/postgres_catalog.h"
#include "server/store/postgres/place/server_rows.h"
#include "tests/support/hostile/hostile_role.h"
#include "tests/support/postgres_database.h"
#include "tests/support/status_matchers.h"

namespace mirror::control_test {
namespace {

using absl::StatusCode;
using testing::_;
using testing::AllOf;
using testing::ElementsAre;
using testing::Field;
using testing::HasSubstr;
using testing::Not;
using testing::Optional;
using testing::SizeIs;

class ControlTest : public PostgresDatabaseTest {
 protected:
  std::shared_ptr<PostgresControl> OpenControl() {
    auto opened = PostgresControl::Open({.conninfo = conninfo_, .application_name = "mirror-test-control"});
    EXPECT_THAT(opened.status(), IsOk());
    return opened.ok() ? *opened : nullptr;
  }
  void Do(const std::string& sql) { ASSERT_THAT(connection_->Execute(sql), IsOk()); }
  std::int64_t Ask(const std::string& sql) { return connection_->Number(sql).value_or(-1); }

  template <typename Work>
  static void AtOnce(int threads, const Work& work) {
    std::vector<std::thread> running;
    for (int i = 0; i < threads; ++i) running.emplace_back([&work, i] { work(i); });
    for (std::thread& thread : running) thread.join();
  }
};

TEST_F(ControlTest, OfServersThatStartAtOnceOneMakesItsSchema) {
  AtOnce(6, [this](int) { EXPECT_NE(OpenControl(), nullptr); });
  EXPECT_EQ(Ask("SELECT count(*) FROM mirror_control.fleet"), 1);
  EXPECT_EQ(Ask("SELECT id FROM mirror_control.event_head"), 0);
  EXPECT_EQ(Ask("SELECT count(*) FROM pg_class c, aclexplode(c.relacl) a WHERE c.relnamespace = "
                "'mirror_control'::regnamespace AND a.grantee = 0"),
            0);
}

TEST_F(ControlTest, ASchemaOfOthersOrOfALaterVersionIsRefused) {
  Do("CREATE SCHEMA mirror_control");
  EXPECT_THAT(PostgresControl::Open({.conninfo = conninfo_}).status(),
              StatusIs(StatusCode::kFailedPrecondition, HasSubstr("that no mirror-server made")));
  Do("DROP SCHEMA mirror_control");
  ASSERT_NE(OpenControl(), nullptr);
  Do("UPDATE mirror_control.fleet SET layout = 9, layout_min = 9, program = '7.0.0'");
  EXPECT_THAT(PostgresControl::Open({.conninfo = conninfo_}).status(),
              StatusIs(StatusCode::kUnavailable, HasSubstr("upgrade this server to 7.0.0")));
  Do("UPDATE mirror_control.fleet SET layout_min = 1");
  EXPECT_NE(OpenControl(), nullptr) << "what is only added does not keep this one away";
}

TEST_F(ControlTest, ItsRelationsAreAllThatItMakes) {
  ASSERT_NE(OpenControl(), nullptr);
  std::vector<std::string> own = ControlRelations().tables;
  for (const std::string& index : ControlRelations().indexes) own.push_back(index);
  const auto made = connection_->Query(
      "SELECT c.relname::text FROM pg_class c WHERE c.relnamespace = 'mirror_control'::regnamespace AND "
      "(c.relkind IN ('r', 'v') OR c.relkind = 'i' AND NOT EXISTS (SELECT FROM pg_constraint n WHERE "
      "n.conindid = c.oid))");
  ASSERT_THAT(made.status(), IsOk());
  std::vector<std::string> names;
  for (int row = 0; row < made->rows(); ++row) names.push_back(made->Text(row, 0));
  EXPECT_THAT(own, testing::UnorderedElementsAreArray(names));
}

TEST_F(ControlTest, ASchemaOfAnotherRoleIsNotRead) {
  ASSERT_NE(OpenControl(), nullptr);
  HostileRole hostile(*server_, conninfo_);
  const ControlOptions options{.conninfo = hostile.KeeperConninfo()};
  Do("CREATE SCHEMA saved; CREATE TABLE saved.fleet (LIKE mirror_control.fleet); DROP SCHEMA mirror_control "
     "CASCADE");
  for (const char* const how : {"view", "table"}) {
    SCOPED_TRACE(how);
    hostile.MakeSchema("mirror_control");
    hostile.Take("mirror_control", "fleet", how, "saved.fleet");
    for (const absl::Status& told :
         {PostgresControl::Open(options).status(), PostgresControl::Find(options).status()}) {
      EXPECT_THAT(told, StatusIs(StatusCode::kFailedPrecondition,
                                 HasSubstr("the schema \"mirror_control\" belongs to the role 'analyst'")));
    }
    EXPECT_FALSE(hostile.Caught());
    Do("DROP SCHEMA mirror_control CASCADE");
  }
  EXPECT_THAT(PostgresControl::Open(options).status(), IsOk());
}

TEST_F(ControlTest, ATableOfAnotherRoleInItIsNotRead) {
  HostileRole hostile(*server_, conninfo_);
  const auto control = PostgresControl::Open({.conninfo = hostile.KeeperConninfo()});
  ASSERT_THAT(control.status(), IsOk());
  for (const std::string& table : ControlRelations().tables) {
    for (const char* const how : {"view", "table", "trigger", "rule"}) {
      SCOPED_TRACE(absl::StrCat(table, " ", how));
      hostile.Take("mirror_control", table, how);
      const auto says = StatusIs(StatusCode::kFailedPrecondition,
                                 HasSubstr(absl::StrCat("\"mirror_control\".\"", table, "\"")));
      EXPECT_THAT(PostgresControl::Open({.conninfo = hostile.KeeperConninfo()}).status(), says);
      // A connection that comes later looks, too.
      (*control)->Reconnect();
      EXPECT_THAT((*control)->Run([&](postgres::Connection& connection) {
        return connection.Query("SELECT * FROM mirror_control." + table).status();
      }),
                  says);
      hostile.GiveBack("mirror_control", table, how);
    }
  }
  EXPECT_FALSE(hostile.Caught());
  EXPECT_THAT(ListServers(**control).status(), IsOk());
}

TEST_F(ControlTest, NeedsNoRightThatIsOnlyForRowsOfMirrors) {
  const std::string database = connection_->Query("SELECT current_database()::text")->Text(0, 0);
  Do("CREATE ROLE librarian LOGIN");
  const ControlOptions options{.conninfo = conninfo_ + " user=librarian"};
  EXPECT_THAT(PostgresControl::Open(options).status(),
              StatusIs(StatusCode::kFailedPrecondition,
                       AllOf(HasSubstr("cannot be the control database yet"),
                             HasSubstr(absl::StrCat("GRANT CREATE ON DATABASE \"", database, "\"")))));
  Do(absl::StrCat("GRANT CREATE ON DATABASE \"", database, "\" TO librarian"));
  EXPECT_THAT(PostgresControl::Open(options).status(), IsOk());
  Do("DROP SCHEMA mirror_control CASCADE");
  Do(absl::StrCat("REVOKE CREATE ON DATABASE \"", database, "\" FROM librarian; DROP ROLE librarian"));
}

TEST_F(ControlTest, WhoIsNotLetInIsToldThatAndNothingOfTheSchema) {
  const std::string database = connection_->Query("SELECT current_database()::text")->Text(0, 0);
  Do("CREATE ROLE outsider LOGIN");
  Do(absl::StrCat("REVOKE CONNECT ON DATABASE \"", database, "\" FROM PUBLIC"));
  EXPECT_THAT(PostgresControl::Open({.conninfo = conninfo_ + " user=outsider"}).status(),
              StatusIs(StatusCode::kUnavailable,
                       AllOf(HasSubstr("GRANT CONNECT ON DATABASE"), Not(HasSubstr("own the schema")))));
  EXPECT_THAT(PostgresControl::Open({.conninfo = "host=/nowhere user=mirror dbname=m"}).status(),
              StatusIs(StatusCode::kUnavailable,
                       AllOf(HasSubstr("Check that this database runs"), Not(HasSubstr("has served")))));
  Do("DROP ROLE outsider");
}

TEST_F(ControlTest, WhatIsLostBeforeItCouldLastIsDoneOnceMore) {
  const auto control = OpenControl();
  ASSERT_NE(control, nullptr);
  int tries = 0;
  EXPECT_THAT(control->Write([&](postgres::Connection& connection) {
    if (++tries == 1) {
      Do(absl::StrCat("SELECT pg_terminate_backend(", connection.server_pid(), ", 5000)"));
    }
    return connection.Run("UPDATE mirror_control.event_head SET id = id + 1").status();
  }),
              IsOk());
  EXPECT_EQ(tries, 2);
  EXPECT_EQ(Ask("SELECT id FROM mirror_control.event_head"), 1);
}

TEST_F(ControlTest, WhereItsServerRefusesToWriteItIsDoneOnceMoreAtAnotherConnection) {
  const auto control = OpenControl();
  ASSERT_NE(control, nullptr);
  std::vector<int> servers;
  const auto work = [&](bool stays, postgres::Connection& connection) {
    servers.push_back(connection.server_pid());
    if (stays || servers.size() == 1) {
      if (absl::Status set = connection.Execute("SET default_transaction_read_only = on"); !set.ok())
        return set;
    }
    return connection.Run("UPDATE mirror_control.event_head SET id = id + 1").status();
  };
  EXPECT_THAT(control->Run([&](postgres::Connection& connection) { return work(false, connection); }),
              IsOk());
  ASSERT_EQ(servers.size(), 2U);
  EXPECT_NE(servers[0], servers[1]);
  EXPECT_EQ(Ask("SELECT id FROM mirror_control.event_head"), 1);
  EXPECT_THAT(control->Run([&](postgres::Connection& connection) { return work(true, connection); }),
              StatusIs(StatusCode::kUnavailable,
                       AllOf(HasSubstr("the control database"), HasSubstr("looks for the primary"))));
}

TEST_F(ControlTest, WhatSomebodyDroppedIsSaidWithWhatToDo) {
  const auto control = OpenControl();
  ASSERT_NE(control, nullptr);
  Do("DROP TABLE mirror_control.event");
  EXPECT_THAT(MakeCatalog(control)->LastEvents({}, 0, 1),
              StatusIs(StatusCode::kUnavailable,
                       AllOf(HasSubstr("the control database"), HasSubstr("restore the schema from a"))));
}

TEST_F(ControlTest, OfServersThatMakeAMirrorAtOnceAllAreGivenTheFirstOnesPlace) {
  const auto control = OpenControl(), other = OpenControl();
  ASSERT_NE(control, nullptr);
  ASSERT_NE(other, nullptr);
  std::vector<Placement> taken(8);
  AtOnce(8, [&](int i) {
    auto one = TakePlacement(i % 2 == 0 ? *control : *other, i < 4 ? "Cust" : "CUST", absl::StrCat("p", i),
                             "Mirror_Cust");
    ASSERT_THAT(one.status(), IsOk());
    taken[static_cast<std::size_t>(i)] = *one;
  });
  EXPECT_EQ(Ask("SELECT count(*) FROM mirror_control.tenant"), 1);
  for (const Placement& one : taken) {
    EXPECT_EQ(one.place, taken[0].place);
    EXPECT_EQ(one.context_id, taken[0].context_id);
    EXPECT_EQ(one.epoch, 1);
    EXPECT_EQ(one.state, PlacementState::kMaking);
  }
}

TEST_F(ControlTest, AMirrorIsFoundUnderAnySpellingAndGoesFromStateToState) {
  const auto opened = OpenControl();
  ASSERT_NE(opened, nullptr);
  PostgresControl& control = *opened;
  EXPECT_THAT(FindPlacement(control, "Cust"), IsOkAndHolds(Not(Optional(_))));
  ASSERT_THAT(TakePlacement(control, "Cust", "p1", "Mirror_Cust").status(), IsOk());
  ASSERT_THAT(TakePlacement(control, "Äß", "p1", "Mirror_Äß").status(), IsOk());
  EXPECT_THAT(FindPlacement(control, "CUST"), IsOkAndHolds(Optional(Field(&Placement::context_id, "Cust"))));
  EXPECT_THAT(FindPlacement(control, "äß"), IsOkAndHolds(Not(Optional(_)))) << "by ASCII case alone";

  EXPECT_THAT(MovePlacement(control, "cust", PlacementState::kMaking, PlacementState::kServing),
              IsOkAndHolds(true));
  EXPECT_THAT(MovePlacement(control, "cust", PlacementState::kMaking, PlacementState::kServing),
              IsOkAndHolds(false));
  EXPECT_THAT(RaiseEpoch(control, "cust"), IsOkAndHolds(2));

  ASSERT_THAT(BeginDeletingPlacement(control, "cust", PlacementState::kDeleting), IsOk());
  ASSERT_THAT(BeginDeletingPlacement(control, "cust", PlacementState::kDeleting), IsOk());
  EXPECT_THAT(RaiseEpoch(control, "cust"), StatusIs(StatusCode::kUnavailable));
  EXPECT_THAT(TakePlacement(control, "Cust", "p2", "Mirror_Cust"),
              IsOkAndHolds(Field(&Placement::state, PlacementState::kDeleting)));
  EXPECT_THAT(MovePlacement(control, "cust", PlacementState::kDeleting, PlacementState::kDeleted),
              IsOkAndHolds(true));
  ASSERT_THAT(BeginDeletingPlacement(control, "cust", PlacementState::kDeleting), IsOk());
  EXPECT_THAT(FindPlacement(control, "Cust"),
              IsOkAndHolds(Optional(Field(&Placement::state, PlacementState::kDeleted))));
  EXPECT_THAT(MovePlacement(control, "cust", PlacementState::kDeleted, PlacementState::kGone),
              IsOkAndHolds(true));
  EXPECT_THAT(
      TakePlacement(control, "CUST", "p2", "Mirror_CUST"),
      IsOkAndHolds(AllOf(Field(&Placement::state, PlacementState::kMaking), Field(&Placement::epoch, 3),
                         Field(&Placement::place, "p2"), Field(&Placement::context_id, "CUST"))));
  EXPECT_THAT(ListPlacements(control), IsOkAndHolds(ElementsAre(Field(&Placement::context_id, "CUST"),
                                                                Field(&Placement::context_id, "Äß"))));
}

TEST_F(ControlTest, AnImportTakesWhatIsGoneOrDeletedAndGivesItBackAsItWas) {
  const auto opened = OpenControl();
  ASSERT_NE(opened, nullptr);
  PostgresControl& control = *opened;
  const auto first = TakeForImport(control, "Cust", "p1", "Mirror_Cust");
  ASSERT_THAT(first,
              IsOkAndHolds(Optional(AllOf(Field(&Placement::state, PlacementState::kImporting),
                                          Field(&Placement::epoch, 1), Field(&Placement::place, "p1")))));
  EXPECT_THAT(TakeForImport(control, "CUST", "p2", "Mirror_CUST"), IsOkAndHolds(Not(Optional(_))));
  EXPECT_THAT(TakePlacement(control, "Cust", "p2", "Mirror_Cust"),
              IsOkAndHolds(Field(&Placement::state, PlacementState::kImporting)))
      << "nobody makes one meanwhile";
  ASSERT_THAT(BeginDeletingPlacement(control, "Cust", PlacementState::kDeleting), IsOk());
  EXPECT_THAT(EndImport(control, **first, false), IsOkAndHolds(true));
  EXPECT_THAT(EndImport(control, **first, true), IsOkAndHolds(false)) << "it is over";
  EXPECT_THAT(FindPlacement(control, "Cust"),
              IsOkAndHolds(Optional(Field(&Placement::state, PlacementState::kGone))));

  ASSERT_THAT(BeginDeletingPlacement(control, "Cust", PlacementState::kDeleting), IsOk());
  EXPECT_THAT(TakeForImport(control, "Cust", "p2", "Mirror_Cust"), IsOkAndHolds(Not(Optional(_))));
  ASSERT_THAT(MovePlacement(control, "Cust", PlacementState::kDeleting, PlacementState::kDeleted),
              IsOkAndHolds(true));
  const auto second = TakeForImport(control, "Cust", "p2", "Mirror_Cust");
  ASSERT_THAT(second,
              IsOkAndHolds(Optional(AllOf(Field(&Placement::state, PlacementState::kRestoring),
                                          Field(&Placement::epoch, 2), Field(&Placement::place, "p2")))));
  EXPECT_THAT(EndImport(control, **first, false), IsOkAndHolds(false)) << "the one of before";
  EXPECT_THAT(EndImport(control, **second, false), IsOkAndHolds(true));
  EXPECT_THAT(FindPlacement(control, "Cust"),
              IsOkAndHolds(Optional(Field(&Placement::state, PlacementState::kDeleted))));
  const auto third = TakeForImport(control, "Cust", "p1", "Mirror_Cust");
  ASSERT_THAT(third, IsOkAndHolds(Optional(_)));
  EXPECT_THAT(EndImport(control, **third, true), IsOkAndHolds(true));
  EXPECT_THAT(FindPlacement(control, "Cust"),
              IsOkAndHolds(Optional(Field(&Placement::state, PlacementState::kServing))));
}

TEST_F(ControlTest, TheAgeOfAStateIsByTheDatabasesClock) {
  const auto control = OpenControl();
  ASSERT_NE(control, nullptr);
  ASSERT_THAT(TakePlacement(*control, "Cust", "p1", "Mirror_Cust").status(), IsOk());
  Do("UPDATE mirror_control.tenant SET state_ms = state_ms - 61000");
  EXPECT_THAT(FindPlacement(*control, "Cust"),
              IsOkAndHolds(Optional(
                  Field(&Placement::age_ms, testing::AllOf(testing::Ge(61'000), testing::Lt(90'000))))));
}

TEST_F(ControlTest, AStateOfALaterVersionIsSaidAndHidesNoOther) {
  const auto control = OpenControl();
  ASSERT_NE(control, nullptr);
  ASSERT_THAT(TakePlacement(*control, "Cust", "p1", "Mirror_Cust").status(), IsOk());
  ASSERT_THAT(TakePlacement(*control, "Other", "p1", "Mirror_Other").status(), IsOk());
  Do("UPDATE mirror_control.tenant SET state = 'dreaming' WHERE folded = 'cust'");
  const auto found = FindPlacement(*control, "Cust");
  EXPECT_THAT(found, StatusIs(StatusCode::kUnavailable, AllOf(HasSubstr("dreaming"), HasSubstr("upgrade"))));
  EXPECT_TRUE(IsUnknownState(found.status()));
  EXPECT_FALSE(IsUnknownState(FindPlacement(*control, "Other").status()));
  const auto all = ListPlacements(*control);
  ASSERT_THAT(all, IsOkAndHolds(ElementsAre(Field(&Placement::state, PlacementState::kUnknown),
                                            Field(&Placement::state, PlacementState::kMaking))));
  EXPECT_EQ(WhyUnknown(all->front()), found.status().message());
}

TEST_F(ControlTest, APlaceWithMirrorsHasToBeInTheConfiguration) {
  const auto control = OpenControl();
  ASSERT_NE(control, nullptr);
  ASSERT_THAT(TakePlacement(*control, "A", "p1", "Mirror_A").status(), IsOk());
  ASSERT_THAT(TakePlacement(*control, "B", "p2", "Mirror_B").status(), IsOk());
  ASSERT_THAT(TakePlacement(*control, "C", "p2", "Mirror_C").status(), IsOk());
  EXPECT_THAT(CheckPlacesAreKnown(*control, {"p1", "p2"}), IsOk());
  EXPECT_THAT(CheckPlacesAreKnown(*control, {"p1"}),
              StatusIs(StatusCode::kFailedPrecondition, HasSubstr("'p2' (2)")));
  for (const char* const gone : {"B", "C"}) {
    ASSERT_THAT(BeginDeletingPlacement(*control, gone, PlacementState::kDeleting), IsOk());
    ASSERT_THAT(MovePlacement(*control, gone, PlacementState::kDeleting, PlacementState::kDeleted).status(),
                IsOk());
  }
  EXPECT_THAT(CheckPlacesAreKnown(*control, {"p1"}), IsOk());
}

TEST_F(ControlTest, IdsOfEventsGrowAsTheyBecomeVisibleWhoeverAddsThem) {
  const auto control = OpenControl(), other = OpenControl();
  ASSERT_NE(control, nullptr);
  ASSERT_NE(other, nullptr);
  const auto reader = MakeCatalog(control);
  std::vector<std::unique_ptr<Catalog>> writers;
  for (int i = 0; i < 4; ++i) writers.push_back(MakeCatalog(i % 2 == 0 ? control : other));
  std::vector<std::uint64_t> followed;
  AtOnce(5, [&](int i) {
    if (i < 4) {
      for (int n = 0; n < 40; ++n) {
        EXPECT_THAT(writers[static_cast<std::size_t>(i)]->AddEvent({.context_id = "Cust", .kind = "a"}),
                    IsOk());
      }
      return;
    }
    for (std::uint64_t after = 0; followed.size() < 160;) {
      const auto events = reader->EventsAfter("", after, 100);
      ASSERT_THAT(events, IsOk());
      for (const EventRecord& event : *events) followed.push_back(after = event.id);
    }
  });
  for (std::size_t i = 0; i < followed.size(); ++i) EXPECT_EQ(followed[i], i + 1);
}

TEST_F(ControlTest, WhatIsNoPromiseWaitsForNoStandby) {
  const auto own = PostgresServer::Start();
  ASSERT_THAT(own, IsOk());
  const auto control = PostgresControl::Open({.conninfo = (*own)->Conninfo()});
  ASSERT_THAT(control.status(), IsOk());
  const auto other = Connect((*own)->Conninfo());
  ASSERT_THAT(other->Execute("ALTER SYSTEM SET synchronous_standby_names = 'nobody'"), IsOk());
  ASSERT_THAT(other->Query("SELECT pg_reload_conf(), pg_sleep(0.5)"), IsOk());
  const auto catalog = MakeCatalog(*control);
  const auto begun = std::chrono::steady_clock::now();
  for (int i = 1; i <= 3; ++i) {
    EXPECT_THAT(catalog->AddEvent({.context_id = "Cust", .kind = "a"}),
                IsOkAndHolds(Field(&EventRecord::id, i)));
  }
  EXPECT_THAT(Beat(**control, {.server_id = "one", .host = "here"}), IsOk());
  EXPECT_THAT(TakeDuties(**control, "one", {Duty::kHooks}), IsOkAndHolds(ElementsAre(Duty::kHooks)));
  EXPECT_THAT(NoteWaitingHooks(**control, {"Cust"}), IsOk());
  EXPECT_THAT(TakeWaitingHooks(**control, "one"), IsOk());
  EXPECT_THAT(catalog->KeepSummaries({{"Cust", "late"}}), IsOk());
  EXPECT_THAT(MakeHookCursor(*control)->Write("hook", 1), IsOk());
  const auto looks = MakeLookLog(*control, 100);
  // At the 128th the oldest are removed, too.
  for (int i = 1; i <= 130; ++i) EXPECT_THAT(looks->Add({.who = "ada", .call = "ListTenants"}), IsOk());
  EXPECT_THAT(looks->Last(0), IsOkAndHolds(SizeIs(100)));
  EXPECT_EQ(*other->Number("SELECT count(*) FROM mirror_control.looks"), 102);
  EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds(15));
}

TEST_F(ControlTest, AnEventThatIsNotTakenInTimeHoldsUpNobodyAndNotOnceMore) {
  const auto control = OpenControl();
  ASSERT_NE(control, nullptr);
  const auto catalog = MakeCatalog(control);
  ASSERT_THAT(catalog->AddEvent({.context_id = "Cust", .kind = "a"}), IsOk());
  Do("BEGIN; LOCK TABLE mirror_control.event_head");
  const auto begun = std::chrono::steady_clock::now();
  EXPECT_THAT(catalog->AddEvent({.context_id = "Cust", .kind = "b"}).status(),
              StatusIs(StatusCode::kUnavailable));
  const auto answered = std::chrono::steady_clock::now();
  EXPECT_LT(answered - begun, std::chrono::seconds(15));
  EXPECT_THAT(catalog->AddEvent({.context_id = "Cust", .kind = "c"}).status(),
              StatusIs(StatusCode::kUnavailable, HasSubstr("did not store an event in time")));
  EXPECT_LT(std::chrono::steady_clock::now() - answered, std::chrono::seconds(1));
  Do("ROLLBACK");
  EXPECT_EQ(Ask("SELECT count(*) FROM mirror_control.event"), 1);
}

TEST_F(ControlTest, RecordsOfSeveralServersStandInOneChain) {
  const auto control = OpenControl(), other = OpenControl();
  ASSERT_NE(control, nullptr);
  ASSERT_NE(other, nullptr);
  AtOnce(4, [&](int i) {
    const auto log = MakeAuditLog(i % 2 == 0 ? control : other);
    for (int n = 0; n < 25; ++n) {
      EXPECT_THAT(log->Add({.who = "ada\xff", .call = "Call", .outcome = "OK"}).status(), IsOk());
    }
  });
  const auto log = MakeAuditLog(control);
  const auto state = log->State();
  ASSERT_THAT(state, IsOk());
  EXPECT_EQ(state->last.id, 100U);
  AuditChecker checker({}, std::nullopt, "");
  checker.Begin(*state);
  const auto records = log->After(0, 1'000);
  ASSERT_THAT(records, IsOk());
  for (const AuditRecord& record : *records) checker.Add(record);
  EXPECT_THAT(checker.End().findings, ElementsAre("none of its records is signed"));
}

}  // namespace
}  // namespace mirror::control_test
