#include "server/http/api_keys.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "tests/support/processes.h"
#include "tests/support/status_matchers.h"

namespace mirror {
namespace {

using testing::IsEmpty;
using testing::SizeIs;

TEST(ApiKeysTest, KeysComeAndGoWithTheirFiles) {
  const TempFolder folder;
  const auto first = IssueApiKey(folder.path(), {.name = "first", .storages = {"*"}});
  ASSERT_THAT(first, IsOk());
  ApiKeys keys(folder.path(), 2);
  EXPECT_EQ(keys.Find(*first), nullptr);
  ASSERT_THAT(keys.Load(), IsOkAndHolds(IsEmpty()));
  EXPECT_FALSE(keys.IsStale());
  const std::shared_ptr<const ApiKey> found = keys.Find(*first);
  ASSERT_NE(found, nullptr);
  EXPECT_EQ(keys.Find("mk_other"), nullptr);
  ASSERT_THAT(RevokeApiKey(folder.path(), "first"), IsOk());
  const auto second = IssueApiKey(folder.path(), {.name = "second", .storages = {"*"}});
  EXPECT_TRUE(keys.IsStale());
  ASSERT_THAT(keys.Load(), IsOk());
  EXPECT_EQ(keys.Find(*first), nullptr);
  EXPECT_NE(keys.Find(*second), nullptr);
  EXPECT_THAT(keys.All(), SizeIs(1));
  EXPECT_EQ(found->name, "first");  // Whoever was let in before goes on.
}

TEST(ApiKeysTest, WhatIsNoKeyIsToldOf) {
  const TempFolder folder;
  std::ofstream(folder.path() + "/broken.toml") << "[key";
  ApiKeys keys(folder.path(), 2);
  EXPECT_THAT(keys.Load(), IsOkAndHolds(SizeIs(1)));
  EXPECT_THAT(keys.All(), IsEmpty());
}

TEST(ApiKeysTest, EachKeyHasSoManyPlacesAndGetsThemBack) {
  ApiKeys keys("/nowhere", 2);
  std::vector<std::shared_ptr<void>> places = {keys.TakePlace("a"), keys.TakePlace("a")};
  EXPECT_NE(places[0], nullptr);
  EXPECT_NE(places[1], nullptr);
  EXPECT_EQ(keys.TakePlace("a"), nullptr);
  EXPECT_EQ(keys.TakePlace("a"), nullptr);
  EXPECT_NE(keys.TakePlace("b"), nullptr);
  places.pop_back();
  EXPECT_NE(keys.TakePlace("a"), nullptr);
  places.clear();
  places = {keys.TakePlace("a"), keys.TakePlace("a")};
  EXPECT_NE(places[1], nullptr);
}

}  // namespace
}  // namespace mirror
