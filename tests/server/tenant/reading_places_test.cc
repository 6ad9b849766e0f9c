#include "server/tenant/readings.h"

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <thread>

namespace mirror::reading_places_test {
namespace {

constexpr std::chrono::seconds kPatience(60);

TEST(ReadingPlacesTest, SoManyAreOpenAtOnce) {
  ReadingPlaces places(2);
  std::shared_ptr<void> one = places.Take({}), two = places.Take({});
  EXPECT_NE(one, nullptr);
  EXPECT_NE(two, nullptr);
  EXPECT_EQ(places.Take({}), nullptr);
  EXPECT_EQ(places.Take(std::chrono::milliseconds(1)), nullptr) << "whoever waits does so with a bound";
  one.reset();
  EXPECT_NE(places.Take({}), nullptr);
}

TEST(ReadingPlacesTest, WhoWaitsGetsThePlaceThatBecomesFree) {
  ReadingPlaces places(1);
  std::shared_ptr<void> taken = places.Take({});
  std::shared_ptr<void> got;
  std::thread waiting([&] { got = places.Take(kPatience); });
  taken.reset();
  waiting.join();
  EXPECT_NE(got, nullptr);
}

TEST(ReadingPlacesTest, APlaceMayOutliveThem) {
  std::shared_ptr<void> taken;
  {
    ReadingPlaces places(1);
    taken = places.Take({});
  }
  EXPECT_NE(taken, nullptr);
}

}  // namespace
}  // namespace mirror::reading_places_test
