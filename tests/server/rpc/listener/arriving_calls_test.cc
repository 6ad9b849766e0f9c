#include "server/rpc/listener/arriving_calls.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace mirror::arriving_calls_test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class ArrivingCallsTest : public testing::Test {
 protected:
  using Place = std::unique_ptr<ArrivingCalls::Place>;
  /// A call of this name, which is noted when it is ended.
  Place Begin(const std::string& tenant, const std::string& name, const std::string& peer = "p") {
    return calls_.Begin(tenant, peer, [this, name] { ended_.push_back(name); });
  }

  ArrivingCalls calls_{ArrivingCalls::Limits{2, 3, 5, std::chrono::milliseconds(1)}};
  std::vector<std::string> ended_;
};

TEST_F(ArrivingCallsTest, OneMoreOfATenantEndsItsOldestThatWaitedTooLong) {
  const Place a = Begin("t", "a"), b = Begin("t", "b"), other = Begin("u", "other");
  EXPECT_THAT(ended_, IsEmpty());
  const Place c = Begin("t", "c");
  EXPECT_THAT(ended_, ElementsAre("a"));
  const Place d = Begin("t", "d");
  EXPECT_THAT(ended_, ElementsAre("a", "b"));
}

TEST(ArrivingCallsPatienceTest, OneMoreOfATenantWaitsForAPlaceAndTooManyAreRefused) {
  ArrivingCalls calls(ArrivingCalls::Limits{1, 1, 9, std::chrono::hours(1)});
  const auto never = [] { ADD_FAILURE() << "a call was ended"; };
  std::unique_ptr<ArrivingCalls::Place> first = calls.Begin("t", "p", never);
  std::atomic<int> placed = 0, refused = 0;
  const auto begin = [&] { ++(calls.Begin("t", "p", never) == nullptr ? refused : placed); };
  // One of them waits, so the other one is refused, in whatever order they come.
  std::thread one(begin), two(begin);
  while (refused == 0) std::this_thread::yield();
  EXPECT_EQ(placed, 0);
  first.reset();
  one.join();
  two.join();
  EXPECT_EQ(placed, 1);
  EXPECT_EQ(refused, 1);
}

TEST_F(ArrivingCallsTest, AMessageThatCameMakesRoom) {
  Place a = Begin("t", "a");
  const Place b = Begin("t", "b");
  a.reset();
  const Place c = Begin("t", "c");
  EXPECT_THAT(ended_, IsEmpty());
}

TEST_F(ArrivingCallsTest, StrangersHaveARoomOfTheirOwn) {
  std::vector<Place> places;
  for (const char* name : {"a", "b", "c", "d"}) places.push_back(Begin("", name));
  EXPECT_THAT(ended_, ElementsAre("a"));
}

TEST_F(ArrivingCallsTest, OfStrangersTheConnectionWithMostMakesRoom) {
  std::vector<Place> places;
  places.push_back(Begin("", "honest", "its own"));
  for (const char* name : {"a", "b", "c", "d", "e"}) places.push_back(Begin("", name, "one of many"));
  EXPECT_THAT(ended_, ElementsAre("a", "b", "c"));
}

TEST_F(ArrivingCallsTest, WhenAllIsFullTheOneWithMostMakesRoom) {
  std::vector<Place> places;
  for (const char* name : {"a", "b", "c"}) places.push_back(Begin("", name));
  places.push_back(Begin("t", "d"));
  places.push_back(Begin("u", "e"));
  places.push_back(Begin("v", "f"));
  EXPECT_THAT(ended_, ElementsAre("a"));
}

TEST_F(ArrivingCallsTest, ACallThatWasEndedLeavesWithoutATrace) {
  Place a = Begin("t", "a");
  const Place b = Begin("t", "b"), c = Begin("t", "c");
  a.reset();
  const Place d = Begin("t", "d");
  EXPECT_THAT(ended_, ElementsAre("a", "b"));
}

}  // namespace
}  // namespace mirror::arriving_calls_test
