#include "server/store/postgres/place/postgres_place.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <optional>
#include <random>
#include <thread>
#include <vector>

#include "tests/support/rows.h"

namespace mirror::value_room_test {
namespace {

/// Somebody who takes a share in a thread of his own.
class Taking {
 public:
  Taking(ValueRoom& room, std::uint64_t bytes)
      : thread_([this, &room, bytes] {
          share_.emplace(room.Take(bytes));
          has_it_ = true;
        }) {}
  ~Taking() {
    if (thread_.joinable()) thread_.join();
  }
  bool has_it() const { return has_it_; }
  void Await() { thread_.join(); }
  void GiveBack() { share_.reset(); }

 private:
  std::optional<ValueRoom::Share> share_;
  std::atomic<bool> has_it_ = false;
  std::thread thread_;
};

void AwaitWaiting(ValueRoom& room, std::size_t number) {
  while (room.waiting() != number) std::this_thread::yield();
}

TEST(ValueRoomTest, SmallOnesShareItAndALargeOneIsAlone) {
  ValueRoom room(100);
  std::optional<ValueRoom::Share> one(room.Take(60)), two(room.Take(40));
  const ValueRoom::Share nothing = room.Take(0);
  Taking large(room, 1'000);
  AwaitWaiting(room, 1);
  Taking small(room, 1);
  AwaitWaiting(room, 2);
  one.reset();
  EXPECT_FALSE(large.has_it());
  EXPECT_FALSE(small.has_it()) << "there is room, but who came first is first";
  two.reset();
  large.Await();
  EXPECT_EQ(room.waiting(), 1U);
  EXPECT_FALSE(small.has_it()) << "the large one is over the bound already";
  large.GiveBack();
  small.Await();
  EXPECT_TRUE(small.has_it());
}

TEST(ValueRoomTest, NeverMoreThanItHolds) {
  constexpr std::uint64_t kMax = 100;
  const std::uint64_t seed = TestSeed();
  ValueRoom room(kMax);
  std::atomic<std::uint64_t> held = 0;
  std::atomic<int> holders = 0, over = 0;
  std::vector<std::thread> threads;
  for (std::uint64_t thread = 0; thread < 8; ++thread) {
    threads.emplace_back([&, thread] {
      std::mt19937_64 random(seed + thread);
      for (int i = 0; i < 500; ++i) {
        const std::uint64_t bytes = 1 + random() % (2 * kMax);
        const ValueRoom::Share share = room.Take(bytes);
        const std::uint64_t all = held += bytes;
        const int number = ++holders;
        if (number > 1 && all > kMax) ++over;
        std::this_thread::yield();
        --holders;
        held -= bytes;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(over, 0);
  EXPECT_EQ(room.waiting(), 0U);
}

}  // namespace
}  // namespace mirror::value_room_test
