#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "absl/strings/str_cat.h"
#include "base/db/postgres/own_relations.h"
#include "server/store/postgres/home/found_schemas.h"
#include "server/store/postgres/home/unavailable_places.h"
#include "server/store/postgres/place/placement.h"
#include "tests/server/store/postgres/placed_homes.h"
#include "tests/support/hostile/hostile_role.h"

// Schemas with the names of mirrors that another role made.

namespace mirror::foreign_schemas_test {
namespace {

using absl::StatusCode;
using testing::AllOf;
using testing::ElementsAre;
using testing::Field;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr std::int64_t kLater = std::numeric_limits<std::int64_t>::max();
constexpr char kReal[] = "\"Mirror_Real\"._mirror_tenant";

class ForeignSchemasTest : public PlacedHomesTest {
 protected:
  void Fill() override {
    second_conninfo_ = server_->NewDatabase();
    second_ = Connect(second_conninfo_);
    hostile_.emplace(*server_, conninfo_);
    hostile_second_.emplace(*server_, second_conninfo_);
    conninfo_ = hostile_->KeeperConninfo();
    second_conninfo_ = hostile_second_->KeeperConninfo();
    home_ = OpenHome();
    ASSERT_THAT(second_->Execute("CREATE SCHEMA full_of; DO $$ BEGIN FOR i IN 1..300 LOOP EXECUTE format("
                                 "'CREATE TABLE full_of.t%s (a bigint)', i); END LOOP; END $$"),
                IsOk());
    Make("Real");
  }
  /// Schemas of analyst's that look like mirrors, in the first place.
  void Squat(const std::string& context_id) {
    for (const char* const how : {"view", "table"}) {
      const std::string schema = absl::StrCat("Mirror_", context_id, how == std::string("view") ? "" : "-b");
      hostile_->MakeSchema(schema);
      hostile_->Take(schema, "_mirror_tenant", how, kReal);
      hostile_->Take(schema, "_mirror_hooks", how, "\"Mirror_Real\"._mirror_hooks");
    }
  }
  bool Caught() const { return hostile_->Caught() || hostile_second_->Caught(); }

  std::optional<HostileRole> hostile_, hostile_second_;
};

TEST_F(ForeignSchemasTest, AreNotReadAtTheStart) {
  Squat("Evil");
  const auto other = OpenHome();
  ASSERT_NE(other, nullptr);
  EXPECT_THAT(other->Recover(), IsOkAndHolds(ElementsAre(Field(&StoreHome::Found::context_id, "Real"))));
  EXPECT_FALSE(Caught());
}

TEST_F(ForeignSchemasTest, AreToldOfAtTheFirstContactAndNotRead) {
  Squat("Evil");
  for (const char* const context_id : {"Evil", "Evil-b"}) {
    const absl::Status told = home_->Open(context_id, /*create=*/true, {}).status();
    EXPECT_THAT(told, StatusIs(StatusCode::kFailedPrecondition,
                               AllOf(HasSubstr(absl::StrCat("the schema \"Mirror_", context_id,
                                                            "\" belongs to the role 'analyst'")),
                                     HasSubstr("DROP SCHEMA"))));
    EXPECT_TRUE(postgres::IsForeign(told));
    EXPECT_THAT(home_->NewImport(context_id).status(), StatusIs(StatusCode::kFailedPrecondition));
    hostile_->Do(absl::StrCat("DROP SCHEMA \"Mirror_", context_id, "\" CASCADE"));
    EXPECT_THAT(home_->Open(context_id, /*create=*/true, {}).status(), IsOk());
  }
  EXPECT_FALSE(Caught());
}

TEST_F(ForeignSchemasTest, AreNotReadByDutiesThatLookIntoAll) {
  Squat("Evil");
  EXPECT_THAT(home_->FindIdle(kLater), IsOkAndHolds(IsEmpty()));
  EXPECT_THAT(home_->FindWithHooks(), IsOkAndHolds(IsEmpty()));
  hostile_->Do("UPDATE \"Mirror_Real\"._mirror_tenant SET active = true");
  EXPECT_THAT(home_->FindIdle(kLater), IsOkAndHolds(ElementsAre("Real")));
  // Its own schema, with a table of another role's in it.
  hostile_->Take("Mirror_Real", "_mirror_hooks", "table");
  EXPECT_THAT(home_->FindIdle(kLater), IsOkAndHolds(IsEmpty()));
  EXPECT_THAT(home_->FindWithHooks(), IsOkAndHolds(IsEmpty()));
  EXPECT_FALSE(Caught());
}

TEST_F(ForeignSchemasTest, ArePassedByInPlacesWhereTheMirrorIsNot) {
  for (const char* const how : {"view", "table"}) {
    SCOPED_TRACE(how);
    hostile_second_->MakeSchema("Mirror_Real");
    hostile_second_->Do(
        "CREATE TABLE public.like_it (context_id text, epoch bigint, moved_to text, state text)");
    hostile_second_->Take("Mirror_Real", "_mirror_tenant", how, "public.like_it");
    hostile_->Do("ALTER SCHEMA \"Mirror_Real\" RENAME TO elsewhere");
    EXPECT_THAT(home_->Open("Real", false, {}).status(),
                StatusIs(StatusCode::kDataLoss, HasSubstr("is not in the place 'p1'")));
    hostile_->Do("ALTER SCHEMA elsewhere RENAME TO \"Mirror_Real\"");
    EXPECT_THAT(home_->Open("Real", false, {}).status(), IsOk());
    hostile_second_->Do("DROP SCHEMA \"Mirror_Real\" CASCADE; DROP TABLE public.like_it");
  }
  EXPECT_FALSE(Caught());
}

TEST_F(ForeignSchemasTest, HaveNoSayInWhatIsQuarantined) {
  hostile_->Do("COMMENT ON SCHEMA \"Mirror_Real\" IS 'mirror quarantined: because'");
  EXPECT_THAT(home_->Recover(), IsOkAndHolds(ElementsAre(Field(&StoreHome::Found::quarantine, "because"))));
  hostile_->Do("ALTER SCHEMA \"Mirror_Real\" OWNER TO analyst");
  EXPECT_THAT(home_->Recover(), IsOkAndHolds(ElementsAre(Field(&StoreHome::Found::quarantine, ""))));
}

TEST_F(ForeignSchemasTest, AreNotOpenedSetAsideOrDeleted) {
  hostile_->Do("ALTER SCHEMA \"Mirror_Real\" OWNER TO analyst");
  const auto says = StatusIs(StatusCode::kFailedPrecondition,
                             HasSubstr("ALTER SCHEMA \"Mirror_Real\" OWNER TO \"keeper\""));
  EXPECT_THAT(home_->SetAside("Real", 1, std::nullopt).status(), says);
  EXPECT_THAT(home_->SetAside("Real", 1, TenantRecord{.context_id = "Real"}).status(), says);
  EXPECT_THAT(home_->BeginDeletion("Real", Deleted::kAll, 0), says);
  EXPECT_EQ(Schemas("Mirror\\_Real"), 1);
  hostile_->Do("ALTER SCHEMA \"Mirror_Real\" OWNER TO keeper");
  EXPECT_THAT(home_->BeginDeletion("Real", Deleted::kAll, 0), IsOk());
  // Between the two steps.
  hostile_->Do("ALTER SCHEMA \"Mirror_Real\" OWNER TO analyst");
  EXPECT_THAT(home_->FinishDeletion("Real"),
              StatusIs(StatusCode::kFailedPrecondition, HasSubstr("belongs to the role 'analyst'")));
  EXPECT_EQ(Schemas("Mirror\\_Real"), 1);
  hostile_->Do("ALTER SCHEMA \"Mirror_Real\" OWNER TO keeper");
  EXPECT_THAT(home_->FinishDeletion("Real"), IsOk());
  EXPECT_EQ(Schemas("Mirror\\_Real"), 0);
}

TEST_F(ForeignSchemasTest, UnderANameThatWasSetAsideStay) {
  const std::string aside = AsidePrefix("Real") + "x";
  for (const auto& hostile : {&hostile_, &hostile_second_}) {
    (*hostile)->MakeSchema(aside);
    (*hostile)->Take(aside, "_mirror_tenant", "table");
  }
  ASSERT_THAT(home_->BeginDeletion("Real", Deleted::kAll, 0), IsOk());
  EXPECT_THAT(home_->FinishDeletion("Real"), IsOk());
  EXPECT_EQ(Schemas("mirror\\_aside\\_%"), 2);
  EXPECT_FALSE(Caught());
}

TEST_F(ForeignSchemasTest, GiveNoRightsToWhatIsRestoredUnderTheirName) {
  home_->Open("Real", false, {}).status().IgnoreError();
  auto import = home_->NewImport("New");
  ASSERT_THAT(import.status(), IsOk());
  MirrorContents contents;
  contents.tenant.context_id = "New";
  ASSERT_THAT((*import)->Begin(contents), IsOk());
  hostile_->MakeSchema("Mirror_New");
  hostile_second_->MakeSchema("Mirror_New");
  EXPECT_THAT((*import)->Finish(),
              StatusIs(StatusCode::kFailedPrecondition, HasSubstr("belongs to the role 'analyst'")));
}

TEST_F(ForeignSchemasTest, UnderTheNameOfAMirrorThatWasRemovedAreNotReadByWhoHasItOpen) {
  Make("Like");
  const auto reading = OpenHome();
  ASSERT_NE(reading, nullptr);
  const auto store = reading->Open("Real", /*create=*/false, {});
  ASSERT_THAT(store.status(), IsOk());
  std::atomic<bool> is_done = false;
  std::thread reader([&] {
    while (!is_done) {
      (*store)->records().ReadTables().status().IgnoreError();
      (*store)->ReadDataVersion().status().IgnoreError();
      (*store)->OpenSnapshot().status().IgnoreError();
      (*store)->Begin({}).status().IgnoreError();
      reading->FindIdle(kLater).status().IgnoreError();
    }
  });
  for (int i = 0; i < 8; ++i) {
    EXPECT_THAT(home_->BeginDeletion("Real", Deleted::kAll, 0), IsOk());
    EXPECT_THAT(home_->FinishDeletion("Real"), IsOk());
    hostile_->MakeSchema("Mirror_Real");
    for (const char* const table : {"_mirror_tenant", "_mirror_hooks", "_mirror_state", "_mirror_schema"}) {
      hostile_->Take("Mirror_Real", table, i % 2 == 0 ? "table" : "view",
                     absl::StrCat("\"Mirror_Like\".", table));
    }
    hostile_->Take("Mirror_Real", "Real_mirroring", "table", "\"Mirror_Like\".\"Like_mirroring\"");
    home_->FindWithHooks().status().IgnoreError();
    hostile_->Do("DROP SCHEMA \"Mirror_Real\" CASCADE");
    EXPECT_THAT(home_->AllowAgain("Real"), IsOk());
    EXPECT_NE(Make("Real"), nullptr);
  }
  is_done = true;
  reader.join();
  EXPECT_FALSE(Caught());
}

TEST_F(ForeignSchemasTest, OfMarksKeepAPlaceClosed) {
  for (const char* const how : {"view", "table"}) {
    SCOPED_TRACE(how);
    const std::string conninfo = server_->NewDatabase();
    HostileRole hostile(*server_, conninfo);
    hostile.MakeSchema("mirror_place");
    hostile.Do("CREATE TABLE public.like_it (mark text)");
    hostile.Take("mirror_place", "mark", how, "public.like_it");
    const auto place = PostgresPlace::Closed({.name = "p3", .conninfo = hostile.KeeperConninfo()});
    const absl::Status told = AdmitPlace(*place, {}, OtherPlaces::kWereAsked);
    EXPECT_THAT(told, StatusIs(StatusCode::kFailedPrecondition,
                               HasSubstr("the schema \"mirror_place\" belongs to the role 'analyst'")));
    EXPECT_FALSE(place->is_open());
    EXPECT_FALSE(hostile.Caught());
    hostile.Do("DROP SCHEMA mirror_place CASCADE");
    EXPECT_THAT(AdmitPlace(*place, {}, OtherPlaces::kWereAsked), IsOk());
  }
}

}  // namespace
}  // namespace mirror::foreign_schemas_test
