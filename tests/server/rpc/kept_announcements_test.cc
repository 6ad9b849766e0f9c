#include "server/rpc/kept_announcements.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace mirror {
namespace {

v1::TableSchemaRequest Of(const std::string& source_id) {
  v1::TableSchemaRequest announcement;
  announcement.set_source_id(source_id);
  return announcement;
}

TEST(KeptAnnouncementsTest, TheLastOneOfATenantIsFoundByItsDigestAlone) {
  KeptAnnouncements kept;
  EXPECT_EQ(kept.Find("Cust", "1"), nullptr);
  kept.Keep("Cust", "1", Of("first"));
  ASSERT_NE(kept.Find("cust", "1"), nullptr);
  EXPECT_EQ(kept.Find("Cust", "1")->source_id(), "first");
  EXPECT_EQ(kept.Find("Cust", ""), nullptr);
  EXPECT_EQ(kept.Find("Other", "1"), nullptr) << "a tenant is told nothing of others";
  kept.Keep("CUST", "2", Of("second"));
  EXPECT_EQ(kept.Find("Cust", "1"), nullptr) << "only the last one is what the mirror has";
  EXPECT_EQ(kept.Find("Cust", "2")->source_id(), "second");
}

TEST(KeptAnnouncementsTest, ALargeOneIsNotKeptAndTheOneBeforeIsForgotten) {
  KeptAnnouncements kept({.each_bytes = 1'000, .all_bytes = 10'000});
  kept.Keep("Cust", "1", Of("small"));
  kept.Keep("Cust", "2", Of(std::string(1'000, 'x')));
  EXPECT_EQ(kept.Find("Cust", "1"), nullptr);
  EXPECT_EQ(kept.Find("Cust", "2"), nullptr);
}

TEST(KeptAnnouncementsTest, WithoutRoomTheTenantsThatWereNotSeenForLongestAreForgotten) {
  const v1::TableSchemaRequest one = Of(std::string(500, 'x'));
  const std::size_t bytes = one.SpaceUsedLong();
  KeptAnnouncements kept({.each_bytes = bytes, .all_bytes = 3 * bytes});
  kept.Keep("a", "1", one);
  kept.Keep("b", "1", one);
  kept.Keep("c", "1", one);
  EXPECT_NE(kept.Find("a", "1"), nullptr);
  kept.Keep("d", "1", one);
  EXPECT_EQ(kept.Find("b", "1"), nullptr);
  for (const char* const tenant : {"a", "c", "d"}) EXPECT_NE(kept.Find(tenant, "1"), nullptr) << tenant;
}

/// A source may be answered while its next announcement comes.
TEST(KeptAnnouncementsTest, WhatWasFoundStaysWhenItIsForgotten) {
  KeptAnnouncements kept;
  kept.Keep("Cust", "1", Of("first"));
  const auto found = kept.Find("Cust", "1");
  kept.Keep("Cust", "2", Of("second"));
  EXPECT_EQ(found->source_id(), "first");
}

}  // namespace
}  // namespace mirror
