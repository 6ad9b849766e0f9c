#include "server/http/api_keys.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include "tests/support/processes.h"
#include "tests/support/status_matchers.h"

namespace mirror::api_keys_test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;
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
  EXPECT_THAT(keys.See().keys, SizeIs(1));
  EXPECT_EQ(found->name, "first");  // Whoever was let in before goes on.
}

TEST(ApiKeysTest, WhatIsNoKeyIsToldOf) {
  const TempFolder folder;
  std::ofstream(folder.path() + "/broken.toml") << "[key";
  ApiKeys keys(folder.path(), 2);
  EXPECT_THAT(keys.Load(), IsOkAndHolds(SizeIs(1)));
  EXPECT_THAT(keys.See().keys, IsEmpty());
}

/// Writes into the file that is there.
void ReplaceInPlace(const std::string& path, const std::string& from, const std::string& to) {
  std::string text;
  {
    std::ifstream file(path);
    text.assign(std::istreambuf_iterator<char>(file), {});
  }
  const std::size_t at = text.find(from);
  ASSERT_NE(at, std::string::npos);
  std::ofstream(path) << text.replace(at, from.size(), to);
}

TEST(ApiKeysTest, AFileThatIsChangedInPlaceIsSeen) {
  const TempFolder folder;
  const auto first = IssueApiKey(folder.path(), {.name = "first", .storages = {"*"}});
  ASSERT_THAT(first, IsOk());
  ApiKeys keys(folder.path(), 2);
  ASSERT_THAT(keys.Load(), IsOk());
  ReplaceInPlace(folder.path() + "/first.toml", "reader", "writer");
  EXPECT_TRUE(keys.IsStale());
  ASSERT_THAT(keys.Load(), IsOk());
  EXPECT_EQ(keys.Find(*first)->role, ApiRole::kWriter);
  EXPECT_FALSE(keys.IsStale());
}

TEST(ApiKeysTest, WhatCouldNotBeReadIsTriedAgain) {
  const TempFolder work;
  const std::string folder = work.path() + "/keys", kept = work.path() + "/kept";
  const auto first = IssueApiKey(folder, {.name = "first", .storages = {"*"}});
  ASSERT_THAT(first, IsOk());
  ApiKeys keys(folder, 2);
  ASSERT_THAT(keys.Load(), IsOk());
  std::filesystem::rename(folder, kept);
  std::ofstream(folder) << "no folder";
  EXPECT_TRUE(keys.IsStale());
  EXPECT_THAT(keys.Load(), StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_NE(keys.Find(*first), nullptr) << "the former keys stay";
  EXPECT_TRUE(keys.IsStale()) << "what failed was not seen";
  EXPECT_THAT(keys.See().left_out, ElementsAre(HasSubstr("keys that it read last: ")));
  std::filesystem::remove(folder);
  std::filesystem::rename(kept, folder);
  ASSERT_THAT(keys.Load(), IsOk());
  EXPECT_FALSE(keys.IsStale());
  EXPECT_THAT(keys.See().left_out, IsEmpty());
}

TEST(ApiKeysTest, EachKeyHasSoManyPlacesAndGetsThemBack) {
  ApiKeys keys("/nowhere", 2);
  std::vector<std::shared_ptr<void>> places = {keys.TakePlace("a", 1), keys.TakePlace("a", 1)};
  EXPECT_NE(places[0], nullptr);
  EXPECT_NE(places[1], nullptr);
  EXPECT_EQ(keys.TakePlace("a", 1), nullptr);
  EXPECT_EQ(keys.TakePlace("a", 1), nullptr);
  EXPECT_NE(keys.TakePlace("b", 1), nullptr);
  places.pop_back();
  EXPECT_NE(keys.TakePlace("a", 1), nullptr);
  places.clear();
  places = {keys.TakePlace("a", 1), keys.TakePlace("a", 1)};
  EXPECT_NE(places[1], nullptr);
}

TEST(ApiKeysTest, WhenAKeyWasUsedLastIsKnownUntilItGoes) {
  const TempFolder folder;
  ASSERT_THAT(IssueApiKey(folder.path(), {.name = "first", .storages = {"*"}}), IsOk());
  ApiKeys keys(folder.path(), 1);
  ASSERT_THAT(keys.Load(), IsOk());
  EXPECT_THAT(keys.See().used_ms, IsEmpty());
  {
    const std::shared_ptr<void> place = keys.TakePlace("first", 1'000);
    // Who is not let in has not used it.
    EXPECT_EQ(keys.TakePlace("first", 2'000), nullptr);
  }
  EXPECT_THAT(keys.See().used_ms, ElementsAre(Pair("first", 1'000)));
  ASSERT_THAT(keys.Load(), IsOk());
  EXPECT_THAT(keys.See().used_ms, SizeIs(1));
  ASSERT_THAT(RevokeApiKey(folder.path(), "first"), IsOk());
  ASSERT_THAT(keys.Load(), IsOk());
  EXPECT_THAT(keys.See().used_ms, IsEmpty());
}

TEST(ApiKeysTest, WhatIsNoKeyIsSeen) {
  const TempFolder folder;
  std::ofstream(folder.path() + "/broken.toml") << "[key";
  ApiKeys keys(folder.path(), 2);
  ASSERT_THAT(keys.Load(), IsOk());
  EXPECT_THAT(keys.See().left_out, ElementsAre(HasSubstr("broken.toml")));
}

}  // namespace
}  // namespace mirror::api_keys_test
