#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <pthread.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "server/http/row_stream_source.h"
#include "tests/support/status_matchers.h"

namespace mirror::stream_places_test {
namespace {

using testing::HasSubstr;

std::uint64_t Refused(const DoorCounters& counters, DoorLimit limit) {
  return counters.limited[static_cast<std::size_t>(limit)].value();
}

TEST(StreamPlacesTest, OneKeyLeavesPlacesToTheOthers) {
  DoorCounters counters;
  StreamPlaces places(4, counters);
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
  EXPECT_EQ(Refused(counters, DoorLimit::kStreams), 2U);
  EXPECT_EQ(Refused(counters, DoorLimit::kStreamsOfSource), 0U);
  taken.clear();
  EXPECT_EQ(places.count(), 0U);
  EXPECT_THAT(places.Take("greedy", "c"), IsOk());
}

TEST(StreamPlacesTest, OneKeyLeavesAPlaceOfEachTenant) {
  DoorCounters counters;
  StreamPlaces places(100, counters);
  std::vector<std::shared_ptr<void>> taken;
  for (std::size_t i = 0; i < kStreamsOfKeyMax; ++i) {
    const auto place = places.Take("greedy", "a");
    ASSERT_THAT(place, IsOk());
    taken.push_back(*place);
  }
  EXPECT_THAT(places.Take("greedy", "a"),
              StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("of this data source")));
  EXPECT_EQ(Refused(counters, DoorLimit::kStreams), 0U);
  EXPECT_EQ(Refused(counters, DoorLimit::kStreamsOfSource), 1U);
  EXPECT_THAT(places.Take("greedy", "b"), IsOk());
  EXPECT_THAT(places.Take("other", "a"), IsOk());
}

TEST(StreamPlacesTest, WhereThereIsOnePlaceAKeyGetsIt) {
  StreamPlaces places(1);
  EXPECT_THAT(places.Take("only", "a"), IsOk());
}

TEST(StreamPlacesTest, AThreadThatCannotStartIsToldAndLeavesNothing) {
  // So large a stack that the system refuses it.
  pthread_attr_t usual, refused;
  ASSERT_EQ(pthread_getattr_default_np(&usual), 0);
  ASSERT_EQ(pthread_getattr_default_np(&refused), 0);
  ASSERT_EQ(pthread_attr_setstacksize(&refused, std::size_t{1} << 47U), 0);
  ASSERT_EQ(pthread_setattr_default_np(&refused), 0);
  StreamPlaces places(1);
  auto place = places.Take("only", "a");
  ASSERT_THAT(place, IsOk());
  DoorCounters counters;
  const auto rows = StreamRows({}, {}, *std::move(place), counters);
  pthread_setattr_default_np(&usual);
  EXPECT_THAT(rows, StatusIs(absl::StatusCode::kUnavailable, HasSubstr("Nothing was read")));
  EXPECT_EQ(places.count(), 0U);
}

}  // namespace
}  // namespace mirror::stream_places_test
