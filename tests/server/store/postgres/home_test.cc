#include "server/store/postgres/home/postgres_home.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/store/postgres/place/placement.h"
#include "server/store/postgres/place/server_rows.h"
#include "tests/server/store/postgres/placed_homes.h"

namespace mirror::home_test {
namespace {

using absl::StatusCode;
using testing::AllOf;
using testing::ElementsAre;
using testing::EndsWith;
using testing::Field;
using testing::Gt;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;

class PostgresHomeTest : public PlacedHomesTest {};

TEST_F(PostgresHomeTest, AMirrorIsMadeWhereThereIsRoomAndFoundByEveryServer) {
  FillSecondPlace();
  EXPECT_THAT(home_->Open("Cust", false, {}).status(), StatusIs(StatusCode::kNotFound));
  EXPECT_FALSE(home_->Exists("Cust"));
  EXPECT_EQ(home_->Location("Cust"), "") << "it could be in either place";
  int asked = 0;
  {
    const auto store = home_->Open("Cust", true, [&]() -> absl::StatusOr<std::shared_ptr<void>> {
      ++asked;
      return std::make_shared<int>(1);
    });
    ASSERT_THAT(store.status(), IsOk());
    EXPECT_THAT((*store)->records().ReadTenant(), IsOkAndHolds(Field(&TenantRecord::issuer, "")));
  }
  EXPECT_EQ(asked, 1);
  EXPECT_EQ(home_->Location("Cust"), "postgres://p1/Mirror_Cust");
  EXPECT_THAT(home_->Bytes("Cust"), Gt(0U));
  EXPECT_EQ(home_->LogBytes("Cust"), 0U);

  const auto other = OpenHome();
  ASSERT_NE(other, nullptr);
  EXPECT_TRUE(other->Exists("Cust"));
  EXPECT_FALSE(other->Exists("CUST")) << "its name is 'Cust'";
  EXPECT_THAT(other->Open("CUST", true, {}).status(),
              StatusIs(StatusCode::kFailedPrecondition, HasSubstr("only in case")));
  EXPECT_THAT(other->Recover(), IsOkAndHolds(ElementsAre(Field(&StoreHome::Found::context_id, "Cust"))));
  EXPECT_THAT(other->Open("Cust", false, {}).status(), IsOk());
  EXPECT_THAT(other->SyncTime().status(), IsOk());
  EXPECT_THAT(other->FindSpace().status(), StatusIs(StatusCode::kUnimplemented));
}

TEST_F(PostgresHomeTest, TheNextMirrorGoesWhereThereAreFewerRelations) {
  EvenOut();
  ASSERT_NE(Make("A"), nullptr);
  ASSERT_NE(Make("B"), nullptr);
  EXPECT_NE(home_->Location("A").substr(0, 13), home_->Location("B").substr(0, 13));
}

TEST_F(PostgresHomeTest, AFullPlaceTakesNoNewMirrorAndServesThoseItHas) {
  Make("Old").reset();
  relations_max_ = 0;
  home_ = OpenHome();

  const auto made = home_->Open("New", /*create=*/true, {});
  EXPECT_THAT(made.status(), StatusIs(StatusCode::kResourceExhausted));
  EXPECT_THAT(std::string(made.status().message()),
              AllOf(HasSubstr("'p1' has "), HasSubstr("'p2' has "), HasSubstr("relations_max")));
  EXPECT_FALSE(home_->Exists("New"));
  EXPECT_THAT(home_->Open("Old", /*create=*/false, {}).status(), IsOk());
}

TEST_F(PostgresHomeTest, OfServersThatMakeOneTenantAtOnceOneMakesItAndAllHaveIt) {
  std::vector<std::unique_ptr<StoreHome>> homes;
  for (int i = 0; i < 6; ++i) homes.push_back(OpenHome());
  std::vector<std::thread> running;
  for (int i = 0; i < 6; ++i) {
    running.emplace_back([&homes, i] {
      const auto store = homes[static_cast<std::size_t>(i)]->Open("Cust", true, {});
      ASSERT_THAT(store.status(), IsOk());
      EXPECT_THAT((*store)->records().ReadTenant().status(), IsOk());
    });
  }
  for (std::thread& thread : running) thread.join();
  EXPECT_EQ(Schemas("Mirror\\_%"), 1);
  for (const auto& home : homes) EXPECT_EQ(home->Location("Cust"), homes[0]->Location("Cust"));
}

TEST_F(PostgresHomeTest, WhoMayNotBuildLeavesNothing) {
  EXPECT_THAT(home_
                  ->Open("Cust", true,
                         []() -> absl::StatusOr<std::shared_ptr<void>> {
                           return absl::ResourceExhaustedError("too many");
                         })
                  .status(),
              StatusIs(StatusCode::kResourceExhausted));
  EXPECT_THAT(home_->Open(std::string(54, 'a'), true, {}).status(), StatusIs(StatusCode::kInvalidArgument));
  EXPECT_EQ(Ask("SELECT count(*) FROM mirror_control.tenant"), 0);
  EXPECT_EQ(Schemas("Mirror\\_%"), 0);
}

TEST_F(PostgresHomeTest, WhatAServerLeftHalfMadeIsFinished) {
  ASSERT_THAT(TakePlacement(*control_, "Young", "p1", "Mirror_Young").status(), IsOk());
  ASSERT_THAT(TakePlacement(*control_, "Old", "p2", "Mirror_Old").status(), IsOk());
  ASSERT_THAT(TakePlacement(*control_, "Begun", "p1", "Mirror_Begun").status(), IsOk());
  Do("UPDATE mirror_control.tenant SET state_ms = state_ms - 61000 WHERE context_id = 'Old'");
  EXPECT_THAT(home_->Recover(), IsOkAndHolds(testing::SizeIs(3)));
  EXPECT_EQ(Schemas("Mirror\\_Old"), 1);
  EXPECT_EQ(Schemas("Mirror\\_Young"), 0) << "another server may be at it";
  EXPECT_THAT(home_->Open("Begun", false, {}).status(), IsOk()) << "it was begun before";
  EXPECT_EQ(Ask("SELECT count(*) FROM mirror_control.tenant WHERE state = 'serving'"), 2);
}

TEST_F(PostgresHomeTest, AMirrorThatIsNotWhereItIsServedIsNeverMadeAnew) {
  FillSecondPlace();
  ASSERT_NE(Make("Cust"), nullptr);
  Do("ALTER SCHEMA \"Mirror_Cust\" RENAME TO elsewhere");
  EXPECT_THAT(home_->Open("Cust", true, {}).status(),
              StatusIs(StatusCode::kDataLoss, HasSubstr("\"Mirror_Cust\" is not in the place 'p1'")));
  EXPECT_EQ(Schemas("Mirror\\_%"), 0);
  Do("ALTER SCHEMA elsewhere RENAME TO \"Mirror_Cust\"");
  EXPECT_THAT(home_->Open("Cust", true, {}).status(), IsOk());
}

TEST_F(PostgresHomeTest, AStartSaysOfAMirrorThatIsLostThatItIs) {
  Make("Cust");
  Make("Other");
  Do("DROP SCHEMA IF EXISTS \"Mirror_Cust\" CASCADE");
  ASSERT_THAT(second_->Execute("DROP SCHEMA IF EXISTS \"Mirror_Cust\" CASCADE"), IsOk());
  const auto found = OpenHome()->Recover();
  ASSERT_THAT(found, IsOkAndHolds(testing::SizeIs(2)));
  for (const StoreHome::Found& one : *found) {
    const bool is_lost = one.context_id == "Cust";
    EXPECT_THAT(one.quarantine, is_lost
                                    ? HasSubstr("the mirror of 'Cust' is lost: its schema \"Mirror_Cust\"")
                                    : HasSubstr(""));
    EXPECT_EQ(one.quarantine.empty(), !is_lost);
  }
}

TEST_F(PostgresHomeTest, ANewMirrorGoesWhereAllServersCanServeIt) {
  FillSecondPlace();
  ServerRow other = {.server_id = "other", .host = "db2", .address = "10.0.0.12:7443", .places = {"p2"}};
  ASSERT_THAT(Beat(*control_, other).status(), IsOk());
  ASSERT_NE(Make("A"), nullptr);
  EXPECT_EQ(home_->Location("A"), "postgres://p2/Mirror_A") << "though there is more room in the other one";
  other.server_id = "third";
  other.places = {"p3"};
  ASSERT_THAT(Beat(*control_, other).status(), IsOk());
  EXPECT_THAT(home_->Open("B", true, {}).status(),
              StatusIs(StatusCode::kUnavailable, HasSubstr("the same [[postgres.place]]s")));
  Do("UPDATE mirror_control.server SET seen_ms = seen_ms - 20000");
  ASSERT_NE(Make("B"), nullptr) << "they are gone";
  EXPECT_EQ(home_->Location("B"), "postgres://p1/Mirror_B");
}

TEST_F(PostgresHomeTest, ALostControlDatabaseIsMadeAnewFromThePlaces) {
  const TenantRecord owner{.context_id = "Cust", .issuer = "app"};
  ASSERT_NE(Make("Cust"), nullptr);
  ASSERT_THAT(home_->SetAside("Cust", 1'000, owner).status(), IsOk());
  const std::string where = home_->Location("Cust");
  home_.reset();
  Do("DROP SCHEMA mirror_control CASCADE");
  home_ = OpenHome();
  ASSERT_NE(home_, nullptr);
  EXPECT_THAT(home_->Recover(), IsOkAndHolds(ElementsAre(Field(&StoreHome::Found::context_id, "Cust"))));
  EXPECT_EQ(home_->Location("Cust"), where);
  const auto store = home_->Open("Cust", false, {});
  ASSERT_THAT(store.status(), IsOk());
  EXPECT_THAT((*store)->records().ReadTenant(), IsOkAndHolds(Field(&TenantRecord::issuer, "app")));
}

TEST_F(PostgresHomeTest, AControlDatabaseThatWentBackToBeforeAResetIsToldOfIt) {
  ASSERT_NE(Make("Cust"), nullptr);
  ASSERT_THAT(home_->SetAside("Cust", 1'000, TenantRecord{.context_id = "Cust"}).status(), IsOk());
  EXPECT_EQ(Ask("SELECT epoch FROM mirror_control.tenant"), 2);
  Do("UPDATE mirror_control.tenant SET epoch = 1");
  EXPECT_THAT(home_->Open("Cust", false, {}).status(), IsOk()) << "by a server that runs";
  EXPECT_EQ(Ask("SELECT epoch FROM mirror_control.tenant"), 2);
  Do("UPDATE mirror_control.tenant SET epoch = 1");
  home_ = OpenHome();
  EXPECT_THAT(home_->Recover(), IsOkAndHolds(testing::SizeIs(1)));
  EXPECT_EQ(Ask("SELECT epoch FROM mirror_control.tenant"), 2) << "by one that starts";
}

TEST_F(PostgresHomeTest, AMirrorThatIsDamagedKeepsNoServerFromStarting) {
  FillSecondPlace();
  ASSERT_NE(Make("Bad"), nullptr);
  ASSERT_NE(Make("Cust"), nullptr);
  Do("ALTER TABLE \"Mirror_Bad\"._mirror_tenant DROP COLUMN moved_to CASCADE");
  home_ = OpenHome();
  EXPECT_THAT(home_->Recover(), IsOkAndHolds(testing::SizeIs(2)));
  EXPECT_THAT(home_->Open("Bad", false, {}).status(), Not(IsOk()));
  EXPECT_THAT(home_->Open("Cust", false, {}).status(), IsOk());
}

TEST_F(PostgresHomeTest, AStateThatIsUnknownHidesNoOtherMirrorAndKeepsNoServerFromStarting) {
  FillSecondPlace();
  ASSERT_NE(Make("Cust"), nullptr);
  ASSERT_NE(Make("Other"), nullptr);
  Do("UPDATE mirror_control.tenant SET state = 'dreaming' WHERE folded = 'cust'");
  for (const bool starts : {false, true}) {
    SCOPED_TRACE(starts);
    if (starts) {
      home_ = OpenHome();
      ASSERT_THAT(home_->Recover(), IsOkAndHolds(testing::SizeIs(2)));
    }
    const auto all = home_->FindAll();
    ASSERT_THAT(all, IsOkAndHolds(testing::SizeIs(2)));
    for (const StoreHome::Found& one : *all) {
      EXPECT_EQ(one.quarantine.empty(), one.context_id == "Other");
      EXPECT_THAT(one.quarantine, one.context_id == "Other" ? HasSubstr("") : HasSubstr("'dreaming'"));
    }
    EXPECT_THAT(home_->FindDeleting(), IsOkAndHolds(testing::IsEmpty()));
    EXPECT_THAT(home_->FindDeleted(), IsOkAndHolds(testing::IsEmpty()));
    EXPECT_THAT(home_->Open("Other", false, {}).status(), IsOk());
    EXPECT_THAT(home_->Open("Cust", true, {}).status(),
                StatusIs(StatusCode::kUnavailable, HasSubstr("'dreaming'")))
        << "also where it was served before";
  }
}

TEST_F(PostgresHomeTest, WhatIsServedGoesOnWhileTheControlDatabaseIsDown) {
  ASSERT_NE(Make("Cust"), nullptr);
  Do("ALTER SCHEMA mirror_control RENAME TO away");
  EXPECT_THAT(home_->Open("Cust", false, {}).status(), IsOk());
  EXPECT_TRUE(home_->Exists("Cust"));
  EXPECT_THAT(home_->Open("New", true, {}).status(), StatusIs(StatusCode::kUnavailable));
  Do("ALTER SCHEMA away RENAME TO mirror_control");
  EXPECT_THAT(home_->Open("New", true, {}).status(), IsOk());
}

TEST_F(PostgresHomeTest, WhatIsSetAsideStaysAndTheNewOneIsItsOwners) {
  FillSecondPlace();
  {
    const auto store = Make("Cust");
    ASSERT_NE(store, nullptr);
    ASSERT_THAT(store->upkeep().Quarantine("page 7"), IsOk());
  }
  EXPECT_THAT(home_->Recover(), IsOkAndHolds(ElementsAre(Field(&StoreHome::Found::quarantine, "page 7"))));
  const TenantRecord owner{
      .context_id = "Cust", .issuer = "app", .source_id = "s1", .cycle = 7, .active = true};
  const auto aside = home_->SetAside("Cust", 1'000, owner);
  ASSERT_THAT(aside, IsOkAndHolds(StartsWith("postgres://p1/mirror_aside_")));
  EXPECT_EQ(Schemas("mirror\\_aside\\_%"), 1);
  const auto store = home_->Open("Cust", false, {});
  ASSERT_THAT(store.status(), IsOk());
  EXPECT_EQ((*store)->upkeep().Quarantined(), "");
  EXPECT_THAT((*store)->records().ReadTenant(),
              IsOkAndHolds(AllOf(Field(&TenantRecord::issuer, "app"), Field(&TenantRecord::source_id, "s1"),
                                 Field(&TenantRecord::cycle, 7), Field(&TenantRecord::active, false))));
  ASSERT_THAT(home_->SetAside("Cust", 1'000, std::nullopt).status(), IsOk());
  EXPECT_EQ(Schemas("mirror\\_aside\\_%"), 2);
  EXPECT_FALSE(home_->Exists("Cust"));
  ASSERT_NE(Make("Cust"), nullptr);
  Do("ALTER SCHEMA \"Mirror_Cust\" RENAME TO away");
  EXPECT_THAT(home_->SetAside("Cust", 1'000, owner), IsOkAndHolds("")) << "somebody took it away";
  EXPECT_EQ(Schemas("mirror\\_aside\\_%"), 2);
  EXPECT_EQ(Ask("SELECT epoch FROM mirror_control.tenant"),
            Ask("SELECT epoch FROM \"Mirror_Cust\"._mirror_tenant"));

  ASSERT_THAT(home_->BeginDeletion("Cust"), IsOk());
  ASSERT_THAT(home_->FinishDeletion("Cust"), IsOk());
  EXPECT_EQ(Schemas("mirror\\_aside\\_%"), 0) << "the customer's rows are in those, too";
}

TEST_F(PostgresHomeTest, ADeletionIsFinishedAfterAKillAndTheTenantStaysAwayUntilItIsAllowed) {
  FillSecondPlace();
  ASSERT_NE(Make("Cust"), nullptr);
  Do("DO $$ BEGIN FOR i IN 1..120 LOOP EXECUTE format('CREATE TABLE \"Mirror_Cust\".\"T %s\" (a text PRIMARY "
     "KEY)', i); END LOOP; END $$");
  ASSERT_THAT(home_->BeginDeletion("Cust"), IsOk());
  ASSERT_THAT(home_->BeginDeletion("Cust"), IsOk());
  EXPECT_FALSE(home_->Exists("Cust"));
  EXPECT_THAT(home_->FindDeleted(), IsOkAndHolds(IsEmpty()));

  home_ = OpenHome();
  EXPECT_THAT(home_->Recover(), IsOkAndHolds(IsEmpty()));
  EXPECT_THAT(home_->FindDeleting(), IsOkAndHolds(ElementsAre("Cust")));
  ASSERT_THAT(home_->FinishDeletion("Cust"), IsOk());
  EXPECT_EQ(Schemas("Mirror\\_%"), 0);
  ASSERT_THAT(home_->FinishDeletion("Cust"), IsOk());
  EXPECT_THAT(home_->FindDeleting(), IsOkAndHolds(IsEmpty()));
  EXPECT_THAT(home_->FindDeleted(), IsOkAndHolds(ElementsAre("Cust")));
  EXPECT_THAT(home_->Open("Cust", true, {}).status(), StatusIs(StatusCode::kNotFound));

  ASSERT_THAT(home_->AllowAgain("Cust"), IsOk());
  EXPECT_THAT(home_->FindDeleted(), IsOkAndHolds(IsEmpty()));
  ASSERT_NE(Make("CUST"), nullptr) << "a new one may be spelled as it likes";
  EXPECT_EQ(Ask("SELECT epoch FROM mirror_control.tenant"), 2);
}

TEST_F(PostgresHomeTest, ADeletionThatIsForgottenKeepsNobodyAwayAlsoBehindAKill) {
  FillSecondPlace();
  for (const bool is_killed : {false, true}) {
    ASSERT_NE(Make("Cust"), nullptr);
    ASSERT_THAT(home_->BeginDeletion("Cust", Deleted::kForgotten), IsOk());
    EXPECT_FALSE(home_->Exists("Cust"));
    if (is_killed) home_ = OpenHome();
    EXPECT_THAT(home_->FindDeleting(), IsOkAndHolds(ElementsAre("Cust")));
    ASSERT_THAT(home_->FinishDeletion("Cust"), IsOk());
    EXPECT_EQ(Schemas("Mirror\\_%"), 0);
    EXPECT_THAT(home_->FindDeleting(), IsOkAndHolds(IsEmpty()));
    EXPECT_THAT(home_->FindDeleted(), IsOkAndHolds(IsEmpty()));
    EXPECT_THAT(home_->IsDeleted("Cust"), IsOkAndHolds(false));
  }
  // What an operator began stays as he said.
  ASSERT_NE(Make("Cust"), nullptr);
  ASSERT_THAT(home_->BeginDeletion("Cust"), IsOk());
  ASSERT_THAT(home_->BeginDeletion("Cust", Deleted::kForgotten), IsOk());
  ASSERT_THAT(home_->FinishDeletion("Cust"), IsOk());
  EXPECT_THAT(home_->FindDeleted(), IsOkAndHolds(ElementsAre("Cust")));
}

TEST_F(PostgresHomeTest, ASchemaSaysWhoseItIsUntilItIsGone) {
  FillSecondPlace();
  ASSERT_NE(Make("Cust"), nullptr);
  Do("CREATE FUNCTION public.refuse() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'not now'; "
     "END "
     "$$; CREATE EVENT TRIGGER keeps ON ddl_command_start WHEN TAG IN ('DROP SCHEMA') EXECUTE FUNCTION "
     "public.refuse(); ALTER EVENT TRIGGER keeps ENABLE ALWAYS");
  ASSERT_THAT(home_->BeginDeletion("Cust"), IsOk());
  EXPECT_THAT(home_->FinishDeletion("Cust"), Not(IsOk()));
  EXPECT_EQ(Ask("SELECT count(*) FROM \"Mirror_Cust\"._mirror_tenant"), 1);
  Do("DROP EVENT TRIGGER keeps");
  EXPECT_THAT(home_->FinishDeletion("Cust"), IsOk());
  EXPECT_EQ(Schemas("Mirror\\_%"), 0);
}

TEST_F(PostgresHomeTest, WhatOthersHaveMadeOfItsTablesIsNamedAndNeverDropped) {
  FillSecondPlace();
  ASSERT_NE(Make("Cust"), nullptr);
  Do("CREATE TABLE \"Mirror_Cust\".\"T\" (a bigint PRIMARY KEY); CREATE SCHEMA reports; "
     "CREATE VIEW reports.v AS SELECT a FROM \"Mirror_Cust\".\"T\"; "
     "CREATE TABLE reports.r (a bigint CONSTRAINT to_t REFERENCES \"Mirror_Cust\".\"T\"); "
     "CREATE FUNCTION reports.f() RETURNS SETOF \"Mirror_Cust\".\"T\" LANGUAGE sql AS 'SELECT NULL::bigint "
     "WHERE false'; "
     "CREATE VIEW \"Mirror_Cust\".inside AS SELECT 1 AS one; "
     "CREATE VIEW reports.age AS SELECT * FROM \"Mirror_Cust\"._mirror_freshness");
  EXPECT_THAT(
      home_->BeginDeletion("Cust"),
      StatusIs(StatusCode::kFailedPrecondition,
               AllOf(HasSubstr("view reports.v"), HasSubstr("constraint to_t on table reports.r"),
                     HasSubstr("function reports.f()"), HasSubstr("inside"), HasSubstr("reports.age"),
                     HasSubstr("The server never drops them"), EndsWith("try again. Nothing was deleted."))));
  EXPECT_THAT(home_->FindDeleting(), IsOkAndHolds(IsEmpty())) << "nothing was begun";
  Do("DROP VIEW \"Mirror_Cust\".inside; DROP TABLE reports.r; DROP FUNCTION reports.f(); DROP VIEW "
     "reports.age, "
     "reports.v");
  ASSERT_THAT(home_->BeginDeletion("Cust"), IsOk());
  Do("CREATE VIEW reports.v AS SELECT a FROM \"Mirror_Cust\".\"T\"");
  EXPECT_THAT(home_->FinishDeletion("Cust"),
              StatusIs(StatusCode::kFailedPrecondition,
                       AllOf(HasSubstr("view reports.v"), Not(HasSubstr("Nothing was deleted")))));
  EXPECT_EQ(Ask("SELECT count(*) FROM reports.v"), 0) << "it is there";
  Do("DROP VIEW reports.v");
  EXPECT_THAT(home_->FinishDeletion("Cust"), IsOk());
  EXPECT_EQ(Schemas("Mirror\\_%"), 0);
}

TEST_F(PostgresHomeTest, TheMirrorOfAnotherTenantIsNeitherSetAsideNorDropped) {
  FillSecondPlace();
  ASSERT_NE(Make("Cust"), nullptr);
  ASSERT_NE(Make("Other"), nullptr);
  Do("UPDATE mirror_control.tenant SET schema_name = 'Mirror_Other' WHERE context_id = 'Cust'");
  home_ = OpenHome();

  const auto is_refused = StatusIs(StatusCode::kFailedPrecondition, HasSubstr("is the mirror of 'Other'"));
  EXPECT_THAT(home_->SetAside("Cust", 1'000, std::nullopt).status(), is_refused);
  EXPECT_THAT(home_->BeginDeletion("Cust"), is_refused);
  EXPECT_THAT(home_->FindDeleting(), IsOkAndHolds(IsEmpty()));
  EXPECT_EQ(Schemas("Mirror\\_Other"), 1);
  EXPECT_EQ(Schemas("mirror\\_aside\\_%"), 0);
}

TEST_F(PostgresHomeTest, ADeletionForWhichSomebodyWouldHaveToBeWaitedForIsNotBegun) {
  FillSecondPlace();
  ASSERT_NE(Make("Cust"), nullptr);
  const auto dump = Connect(conninfo_);
  ASSERT_THAT(dump->Execute("BEGIN; LOCK TABLE \"Mirror_Cust\"._mirror_state IN ACCESS SHARE MODE"), IsOk());

  EXPECT_THAT(home_->BeginDeletion("Cust"),
              StatusIs(StatusCode::kUnavailable, AllOf(HasSubstr("process "), HasSubstr("mirror-test"))));
  EXPECT_THAT(home_->FindDeleting(), IsOkAndHolds(IsEmpty()));

  ASSERT_THAT(dump->Execute("ROLLBACK"), IsOk());
  ASSERT_THAT(home_->BeginDeletion("Cust"), IsOk());
  EXPECT_THAT(home_->FinishDeletion("Cust"), IsOk());
}

TEST_F(PostgresHomeTest, ADamagedMirrorThatIsSetAsideGoesWithTheDeletionToo) {
  FillSecondPlace();
  ASSERT_NE(Make("Cust"), nullptr);
  ASSERT_NE(Make("Other"), nullptr);
  Do("DROP TABLE \"Mirror_Cust\".\"Cust_mirroring\" CASCADE; DROP TABLE "
     "\"Mirror_Other\".\"Other_mirroring\" CASCADE");
  for (const char* const id : {"Cust", "Other"}) {
    ASSERT_THAT(home_->SetAside(id, 1'000, TenantRecord{.context_id = id}).status(), IsOk());
  }
  EXPECT_EQ(Schemas("mirror\\_aside\\_%"), 2);
  ASSERT_THAT(home_->BeginDeletion("Cust"), IsOk());
  ASSERT_THAT(home_->FinishDeletion("Cust"), IsOk());
  EXPECT_EQ(Schemas("mirror\\_aside\\_%"), 1) << "the other one's";
}

TEST_F(PostgresHomeTest, WhatIsSetAsideIsKnownByItsNameWhateverBecameOfItsTables) {
  FillSecondPlace();
  ASSERT_NE(Make("Cust"), nullptr);
  ASSERT_NE(Make("Cust2"), nullptr);
  Do("DROP TABLE \"Mirror_Cust\".\"Cust_mirroring\", \"Mirror_Cust\"._mirror_tenant CASCADE; DROP TABLE "
     "\"Mirror_Cust2\".\"Cust2_mirroring\", \"Mirror_Cust2\"._mirror_tenant CASCADE");
  for (const char* const id : {"Cust", "Cust2"}) {
    ASSERT_THAT(home_->SetAside(id, 1'000, TenantRecord{.context_id = id}).status(), IsOk());
  }
  ASSERT_EQ(Schemas("mirror\\_aside\\_%"), 2);
  ASSERT_THAT(home_->BeginDeletion("Cust"), IsOk());
  ASSERT_THAT(home_->FinishDeletion("Cust"), IsOk());
  EXPECT_EQ(Schemas("mirror\\_aside\\_%"), 1) << "the other one's";
}

TEST_F(PostgresHomeTest, ADeletionThatWhatIsSetAsideForbidsIsNotBegun) {
  FillSecondPlace();
  ASSERT_NE(Make("Cust"), nullptr);
  Do("CREATE TABLE \"Mirror_Cust\".\"T\" (a bigint PRIMARY KEY); CREATE SCHEMA reports; "
     "CREATE VIEW reports.v AS SELECT a FROM \"Mirror_Cust\".\"T\"");
  ASSERT_THAT(home_->SetAside("Cust", 1'000, TenantRecord{.context_id = "Cust"}).status(), IsOk());
  EXPECT_THAT(home_->BeginDeletion("Cust"),
              StatusIs(StatusCode::kFailedPrecondition,
                       AllOf(HasSubstr("view reports.v"), HasSubstr("Nothing was deleted"))));
  EXPECT_THAT(home_->FindDeleting(), IsOkAndHolds(IsEmpty()));
}

TEST_F(PostgresHomeTest, ATableOfOthersInItsSchemaIsNeverDroppedAndAPolicyGoesWithItsTable) {
  FillSecondPlace();
  ASSERT_NE(Make("Cust"), nullptr);
  Do("DROP ROLE IF EXISTS reports; CREATE ROLE reports; "
     "CREATE TABLE \"Mirror_Cust\".\"T\" (a bigint PRIMARY KEY); "
     "CREATE POLICY few ON \"Mirror_Cust\".\"T\" USING (a > 1); "
     "CREATE TABLE \"Mirror_Cust\".mine (a int); ALTER TABLE \"Mirror_Cust\".mine OWNER TO reports");
  EXPECT_THAT(home_->BeginDeletion("Cust"), StatusIs(StatusCode::kFailedPrecondition, HasSubstr("mine")));
  Do("DROP TABLE \"Mirror_Cust\".mine; DROP ROLE reports");
  ASSERT_THAT(home_->BeginDeletion("Cust"), IsOk());
  EXPECT_THAT(home_->FinishDeletion("Cust"), IsOk());
}

TEST_F(PostgresHomeTest, APlaceThatTheConfigurationForgotStopsTheStart) {
  EvenOut();
  ASSERT_NE(Make("A"), nullptr);
  ASSERT_NE(Make("B"), nullptr);
  EXPECT_THAT(TryOpen(/*with_second=*/false).status(),
              StatusIs(StatusCode::kFailedPrecondition, HasSubstr("'p2' (1)")));
}

}  // namespace
}  // namespace mirror::home_test
