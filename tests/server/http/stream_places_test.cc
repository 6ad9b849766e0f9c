#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "server/http/row_stream_source.h"
#include "tests/support/status_matchers.h"

namespace mirror {
namespace {

using testing::HasSubstr;

TEST(StreamPlacesTest, OneKeyLeavesPlacesToTheOthers) {
  StreamPlaces places(4);
  std::vector<std::shared_ptr<void>> taken;
  for (const std::string tenant : {"a", "b"}) {
    const auto place = places.Take("greedy", tenant);
    ASSERT_THAT(place, IsOk());
    taken.push_back(*place);
  }
  EXPECT_THAT(places.Take("greedy", "c"),
              StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("with this key")));
  for (const std::string key : {"one", "two"}) {
    const auto place = places.Take(key, "a");
    ASSERT_THAT(place, IsOk());
    taken.push_back(*place);
  }
  EXPECT_EQ(places.count(), 4U);
  EXPECT_THAT(places.Take("three", "a"), StatusIs(absl::StatusCode::kResourceExhausted));
  taken.clear();
  EXPECT_EQ(places.count(), 0U);
  EXPECT_THAT(places.Take("greedy", "c"), IsOk());
}

TEST(StreamPlacesTest, OneKeyLeavesAPlaceOfEachTenant) {
  StreamPlaces places(100);
  std::vector<std::shared_ptr<void>> taken;
  for (std::size_t i = 0; i < kStreamsOfKeyMax; ++i) {
    const auto place = places.Take("greedy", "a");
    ASSERT_THAT(place, IsOk());
    taken.push_back(*place);
  }
  EXPECT_THAT(places.Take("greedy", "a"),
              StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("of this data source")));
  EXPECT_THAT(places.Take("greedy", "b"), IsOk());
  EXPECT_THAT(places.Take("other", "a"), IsOk());
}

TEST(StreamPlacesTest, WhereThereIsOnePlaceAKeyGetsIt) {
  StreamPlaces places(1);
  EXPECT_THAT(places.Take("only", "a"), IsOk());
}

}  // namespace
}  // namespace mirror
