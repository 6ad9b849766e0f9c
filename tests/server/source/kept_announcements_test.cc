#include "server/source/announcements.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <optional>
#include <string>

namespace mirror::kept_announcements_test {
namespace {

using testing::Eq;
using testing::Optional;

const KeptAnnouncements::Time kNow{};

TEST(KeptAnnouncementsTest, TheLastOneOfATenantIsFoundByItsDigestAlone) {
  KeptAnnouncements kept;
  EXPECT_EQ(kept.Find("Cust", "1", kNow), std::nullopt);
  kept.Keep("Cust", "1", "first", kNow);
  EXPECT_THAT(kept.Find("cust", "1", kNow), Optional(Eq("first")));
  EXPECT_EQ(kept.Find("Cust", "", kNow), std::nullopt);
  EXPECT_EQ(kept.Find("Other", "1", kNow), std::nullopt) << "a tenant is told nothing of others";
  kept.Keep("CUST", "2", "second", kNow);
  EXPECT_EQ(kept.Find("Cust", "1", kNow), std::nullopt) << "only the last one is what the mirror has";
  EXPECT_THAT(kept.Find("Cust", "2", kNow), Optional(Eq("second")));
  kept.Forget("cusT");
  EXPECT_EQ(kept.Find("Cust", "2", kNow), std::nullopt);
}

TEST(KeptAnnouncementsTest, ALargeOneIsNotKeptAndTheOneBeforeIsForgotten) {
  KeptAnnouncements kept({.each_bytes = 100});
  kept.Keep("Cust", "1", "small", kNow);
  kept.Keep("Cust", "2", std::string(101, 'x'), kNow);
  EXPECT_EQ(kept.Find("Cust", "1", kNow), std::nullopt);
  EXPECT_EQ(kept.Find("Cust", "2", kNow), std::nullopt);
}

/// Whatever is beside it counts, too: an announcement may be empty.
TEST(KeptAnnouncementsTest, WithoutRoomTheTenantsThatUsedTheirsLongestAgoAreForgotten) {
  KeptAnnouncements kept({.each_bytes = 100, .all_bytes = 1'000});
  for (const char* const tenant : {"a", "b", "c"}) kept.Keep(tenant, "1", "", kNow);
  EXPECT_NE(kept.Find("a", "1", kNow), std::nullopt);
  kept.Keep("d", "1", "", kNow);
  EXPECT_EQ(kept.Find("b", "1", kNow), std::nullopt);
  for (const char* const tenant : {"a", "c", "d"})
    EXPECT_NE(kept.Find(tenant, "1", kNow), std::nullopt) << tenant;
}

/// Its use makes it no younger.
TEST(KeptAnnouncementsTest, AfterAnHourItIsToComeAgain) {
  KeptAnnouncements kept;
  kept.Keep("Cust", "1", "first", kNow);
  EXPECT_NE(kept.Find("Cust", "1", kNow + std::chrono::minutes(59)), std::nullopt);
  EXPECT_EQ(kept.Find("Cust", "1", kNow + std::chrono::minutes(61)), std::nullopt);
  kept.Keep("Cust", "1", "first", kNow + std::chrono::minutes(61));
  EXPECT_NE(kept.Find("Cust", "1", kNow + std::chrono::minutes(62)), std::nullopt);
}

}  // namespace
}  // namespace mirror::kept_announcements_test
