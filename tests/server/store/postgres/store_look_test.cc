#include "server/store/postgres/home/store_look.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/support/postgres_database.h"
#include "tests/support/status_matchers.h"

namespace mirror::store_look_test {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using testing::Gt;
using testing::Optional;
using testing::SizeIs;

class StoreLookTest : public PostgresDatabaseTest {
 protected:
  void Fill() override {
    place_conninfo_ = server_->NewDatabase();
    place_ = PlaceAs("");
  }
  std::shared_ptr<PostgresPlace> PlaceAs(const std::string& more) {
    auto opened = PostgresPlace::Open(
        {.name = "p1", .conninfo = absl::StrCat(place_conninfo_, more), .connections = 2});
    EXPECT_THAT(opened.status(), IsOk());
    return opened.ok() ? *std::move(opened) : nullptr;
  }
  StoreLook LookAt(const std::shared_ptr<PostgresPlace>& place, milliseconds younger = milliseconds(0)) {
    auto control = PostgresControl::Open({.conninfo = conninfo_});
    EXPECT_THAT(control.status(), IsOk());
    return StoreLook(*std::move(control), {place}, younger);
  }

  std::string place_conninfo_;
  std::shared_ptr<PostgresPlace> place_;
};

TEST_F(StoreLookTest, EachPlaceSaysWhatItHas) {
  StoreLook look = LookAt(place_);
  const auto lease = place_->Take(PlaceUse::kWrite);
  ASSERT_THAT(lease.status(), IsOk());
  const StoreState state = look.Look();
  EXPECT_TRUE(state.is_control_up);
  ASSERT_THAT(state.places, SizeIs(1));
  const PlaceState& place = state.places[0];
  EXPECT_EQ(place.name, "p1");
  EXPECT_TRUE(place.is_up);
  EXPECT_THAT(place.relations, Optional(Gt(100)));
  EXPECT_EQ(place.standbys, 0);
  EXPECT_EQ(place.standby_lag_bytes, 0);
  ASSERT_THAT(place.pools, SizeIs(3));
  const PoolState& write = place.pools[0];
  EXPECT_EQ(write.use, "write");
  EXPECT_EQ(write.used, 1U);
  EXPECT_EQ(write.idle, 0U);
  EXPECT_EQ(write.free, 1U);
  EXPECT_EQ(place.pools[1].idle, 1U) << "the look's own";
}

TEST_F(StoreLookTest, ADatabaseThatLetsNobodyInIsDownUntilItDoes) {
  StoreLook look = LookAt(place_);
  EXPECT_TRUE(look.Look().places[0].is_up);
  Shut(place_conninfo_);
  StoreState state = look.Look();
  EXPECT_FALSE(state.places[0].is_up);
  EXPECT_THAT(state.places[0].relations, Optional(Gt(100))) << "as they were";
  EXPECT_TRUE(state.is_control_up);
  connection_.reset();
  Shut(conninfo_);
  EXPECT_FALSE(look.Look().is_control_up);
}

TEST_F(StoreLookTest, APlaceThatNeverAnsweredIsDownWithoutBeingAsked) {
  StoreLook look = LookAt(PostgresPlace::Closed({.name = "p1", .conninfo = place_conninfo_}), hours(1));
  EXPECT_FALSE(look.Look().places[0].is_up);
  EXPECT_EQ(look.Look().places[0].pools[1].idle, 0U);
}

TEST_F(StoreLookTest, ConnectionsThatAreAllInUseAreNoReason) {
  StoreLook look = LookAt(place_);
  EXPECT_TRUE(look.Look().places[0].is_up);
  const auto one = place_->Take(PlaceUse::kRead), two = place_->Take(PlaceUse::kRead);
  ASSERT_THAT(two.status(), IsOk());
  const StoreState state = look.Look();
  EXPECT_TRUE(state.places[0].is_up);
  EXPECT_EQ(state.places[0].pools[1].free, 0U);
  EXPECT_EQ(state.places[0].pools[1].refused, 1U);
}

TEST_F(StoreLookTest, AYoungLookIsThePresentAndPoolsAreAlwaysOfNow) {
  StoreLook look = LookAt(place_, hours(1));
  EXPECT_TRUE(look.Look().places[0].is_up);
  Shut(place_conninfo_);
  place_->Reconnect();
  const StoreState state = look.Look();
  EXPECT_TRUE(state.places[0].is_up);
  EXPECT_EQ(state.places[0].pools[1].idle, 0U);
}

TEST_F(StoreLookTest, WhoMayNotSeeStandbysIsToldNothingOfThem) {
  ASSERT_THAT(connection_->Execute("CREATE ROLE store_look_plain LOGIN; GRANT SET ON PARAMETER "
                                   "session_replication_role TO store_look_plain"),
              IsOk());
  const std::string name = Connect(place_conninfo_)->Query("SELECT current_database()::text")->Text(0, 0);
  const std::string grant = absl::StrCat("GRANT CREATE ON DATABASE \"", name, "\" TO store_look_plain");
  ASSERT_THAT(connection_->Execute(grant), IsOk());
  {
    const auto place = PlaceAs(" user=store_look_plain");
    ASSERT_NE(place, nullptr);
    StoreLook look = LookAt(place);
    const StoreState state = look.Look();
    EXPECT_TRUE(state.places[0].is_up);
    EXPECT_THAT(state.places[0].relations, Optional(Gt(100)));
    EXPECT_EQ(state.places[0].standbys, std::nullopt);
  }
  EXPECT_THAT(Connect(place_conninfo_)->Execute("DROP OWNED BY store_look_plain"), IsOk());
  EXPECT_THAT(connection_->Execute("DROP OWNED BY store_look_plain; DROP ROLE store_look_plain"), IsOk());
}

}  // namespace
}  // namespace mirror::store_look_test
