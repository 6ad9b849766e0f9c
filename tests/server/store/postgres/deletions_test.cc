#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/store/postgres/home/placed_deletion.h"
#include "server/store/postgres/place/placement.h"
#include "tests/server/store/postgres/placed_homes.h"

namespace mirror::deletions_test {
namespace {

using absl::StatusCode;
using testing::HasSubstr;

/// Servers that delete one tenant at once, of which one makes it anew behind that.
class PostgresDeletionsTest : public PlacedHomesTest {
 protected:
  /// What a server that is late has of the places.
  PlacedMirrors& late() {
    if (late_) return *late_;
    PlacedMirrors::Places places;
    for (const auto& [name, conninfo] : {std::pair("p1", conninfo_), std::pair("p2", second_conninfo_)}) {
      auto place = PostgresPlace::Open(
          {.name = name, .conninfo = conninfo, .connections = connections_, .relations_max = relations_max_});
      EXPECT_THAT(place.status(), IsOk());
      if (place.ok()) places.push_back(*std::move(place));
    }
    late_ = std::make_unique<PlacedMirrors>(control_, std::move(places), false);
    return *late_;
  }
  Placement Read() { return FindPlacement(*control_, "Cust").value().value(); }
  void DeleteAndMakeAnew() {
    ASSERT_THAT(home_->BeginDeletion("Cust", Deleted::kForgotten), IsOk());
    begun_ = Read();
    ASSERT_THAT(home_->FinishDeletion("Cust"), IsOk());
    ASSERT_NE(Make("Cust"), nullptr);
  }
  void ExpectServed(std::int64_t epoch) {
    EXPECT_EQ(Read().state, PlacementState::kServing);
    EXPECT_EQ(Ask("SELECT epoch FROM mirror_control.tenant"), epoch);
    EXPECT_EQ(Ask(absl::StrCat("SELECT count(*) FROM \"Mirror_Cust\"._mirror_tenant WHERE state = 'serving' "
                               "AND epoch = ",
                               epoch)),
              1);
    EXPECT_THAT(home_->Open("Cust", false, {}).status(), IsOk());
  }

  std::unique_ptr<PlacedMirrors> late_;
  std::optional<Placement> begun_;
};

TEST_F(PostgresDeletionsTest, WhoIsLateWithADeletionLeavesTheMirrorThatWasMadeSince) {
  FillSecondPlace();
  ASSERT_NE(Make("Cust"), nullptr);
  DeleteAndMakeAnew();
  EXPECT_THAT(FinishDeletionOf(late(), *begun_), IsOk());
  ExpectServed(2);
  // Also where the new one is being deleted by now, and that is for its own deletion to end.
  ASSERT_THAT(home_->BeginDeletion("Cust", Deleted::kForgotten), IsOk());
  EXPECT_THAT(FinishDeletionOf(late(), *begun_), IsOk());
  EXPECT_EQ(Read().state, PlacementState::kForgetting);
  EXPECT_EQ(Schemas("Mirror\\_Cust"), 1);
  EXPECT_THAT(home_->FinishDeletion("Cust"), IsOk());
  EXPECT_EQ(Schemas("Mirror\\_Cust"), 0);
}

TEST_F(PostgresDeletionsTest, ADeletionOfAnEarlierMirrorIsNotBegun) {
  FillSecondPlace();
  ASSERT_NE(Make("Cust"), nullptr);
  const std::int64_t epoch = home_->FindEpoch("Cust").value();
  DeleteAndMakeAnew();
  EXPECT_THAT(home_->BeginDeletion("Cust", Deleted::kForgotten, epoch),
              StatusIs(StatusCode::kAborted, HasSubstr("Nothing was deleted")));
  ASSERT_THAT(BeginDeletingPlacement(*control_, "Cust", PlacementState::kForgetting, epoch), IsOk());
  ExpectServed(2);
  EXPECT_THAT(home_->BeginDeletion("Other", Deleted::kForgotten, epoch), StatusIs(StatusCode::kAborted));
  ASSERT_THAT(home_->BeginDeletion("Cust", Deleted::kForgotten, home_->FindEpoch("Cust").value()), IsOk());
  EXPECT_THAT(home_->FinishDeletion("Cust"), IsOk());
  EXPECT_EQ(Schemas("Mirror\\_Cust"), 0);
  // One that is gone is not begun to be deleted again.
  ASSERT_THAT(BeginDeletingPlacement(*control_, "Cust", PlacementState::kForgetting, 2), IsOk());
  EXPECT_EQ(Read().state, PlacementState::kGone);
}

TEST_F(PostgresDeletionsTest, OfServersThatDeleteAtOnceNoneTakesWhatIsMadeBehindTheFirst) {
  FillSecondPlace();
  const std::unique_ptr<StoreHome> other = OpenHome();
  ASSERT_NE(Make("Cust"), nullptr);
  for (int round = 0; round < 12; ++round) {
    const std::int64_t epoch = home_->FindEpoch("Cust").value();
    ASSERT_THAT(other->FindEpoch("Cust"), IsOkAndHolds(epoch));
    std::thread second([&other, epoch] {
      const absl::Status begun = other->BeginDeletion("Cust", Deleted::kForgotten, epoch);
      EXPECT_TRUE(begun.ok() || absl::IsAborted(begun)) << begun;
      const absl::Status ended = begun.ok() ? other->FinishDeletion("Cust") : absl::OkStatus();
      EXPECT_THAT(ended, IsOk());
    });
    absl::Status begun = home_->BeginDeletion("Cust", Deleted::kForgotten, epoch);
    if (begun.ok()) begun = home_->FinishDeletion("Cust");
    EXPECT_THAT(begun, IsOk());
    const absl::Status made = home_->Open("Cust", true, {}).status();
    second.join();
    ASSERT_THAT(made, IsOk()) << "in round " << round;
    ExpectServed(epoch + 1);
  }
}

TEST_F(PostgresDeletionsTest, AControlDatabaseThatWentBackKeepsNoMirrorFromBeingDeleted) {
  FillSecondPlace();
  ASSERT_NE(Make("Cust"), nullptr);
  Do("UPDATE \"Mirror_Cust\"._mirror_tenant SET epoch = 7");
  ASSERT_THAT(home_->BeginDeletion("Cust"), IsOk());
  EXPECT_THAT(home_->FinishDeletion("Cust"), IsOk());
  EXPECT_EQ(Schemas("Mirror\\_Cust"), 0);
  EXPECT_EQ(Read().state, PlacementState::kDeleted);
}

TEST_F(PostgresDeletionsTest, AMirrorThatAnotherServerTakesAwayIsGoneAndNotDamaged) {
  FillSecondPlace();
  ASSERT_NE(Make("Cust"), nullptr);
  // Of the tables some are gone when it is opened, and it is said to be served until then.
  Do("ALTER TABLE \"Mirror_Cust\"._mirror_tenant RENAME TO gone");
  EXPECT_THAT(home_->Open("Cust", false, {}).status(), StatusIs(StatusCode::kDataLoss));
  ASSERT_THAT(home_->BeginDeletion("Cust", Deleted::kForgotten), IsOk());
  EXPECT_THAT(home_->Open("Cust", false, {}).status(), StatusIs(StatusCode::kNotFound));
}

}  // namespace
}  // namespace mirror::deletions_test
