#include "base/http/turns.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "tests/support/status_matchers.h"

namespace mirror::http_turns_test {
namespace {

/// What was begun, in its order; everything waits with a bound.
class Begun {
 public:
  std::function<void()> Note(const std::string& name) {
    return [this, name] {
      const MutexLock lock(mutex_);
      names_.push_back(name);
      changed_.NotifyAll();
    };
  }
  /// The names, once there are `count` of them.
  std::vector<std::string> Await(std::size_t count) {
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    const MutexLock lock(mutex_);
    while (names_.size() < count && changed_.WaitUntil(mutex_, until)) {
    }
    return names_;
  }

 private:
  Mutex mutex_;
  CondVar changed_;
  std::vector<std::string> names_ MIRROR_GUARDED_BY(mutex_);
};

using Names = std::vector<std::string>;

TEST(HttpTurnsTest, WhoHasAllThatOneCanHaveWaitsAndOthersDoNot) {
  Begun begun;
  HttpTurns turns(3, 2);
  ASSERT_THAT(turns.Start(), IsOk());
  for (const char* const name : {"a1", "a2"}) turns.Ask("a", begun.Note(name));
  begun.Await(2);
  turns.Ask("a", begun.Note("a3"));
  turns.Ask("b", begun.Note("b1"));
  EXPECT_EQ(begun.Await(3).back(), "b1");
  turns.Ask("b", begun.Note("b2"));
  turns.GiveBack("a");  // Whoever asked first is first, now that it may.
  EXPECT_EQ(begun.Await(4).back(), "a3");
  turns.GiveBack("b");
  EXPECT_EQ(begun.Await(5).back(), "b2");
}

TEST(HttpTurnsTest, AHeavyOneTakesSeveralAndNobodyPassesIt) {
  Begun begun;
  HttpTurns turns(4, 3);
  ASSERT_THAT(turns.Start(), IsOk());
  turns.Ask("a", begun.Note("a1"), 2);
  begun.Await(1);
  turns.Ask("a", begun.Note("a2"), 2);  // The third and fourth of a.
  turns.Ask("a", begun.Note("a3"));     // Behind it.
  turns.Ask("b", begun.Note("b1"));
  EXPECT_EQ(begun.Await(2).back(), "b1");
  turns.GiveBack("a", 2);  // Both of a go on.
  Names four = begun.Await(4);
  std::sort(four.begin(), four.end());
  EXPECT_EQ(four, (Names{"a1", "a2", "a3", "b1"}));
  turns.Ask("c", begun.Note("c1"), 2);
  turns.Ask("b", begun.Note("b2"));  // Behind it, though there is a turn for it.
  turns.GiveBack("b");
  turns.GiveBack("a");
  EXPECT_EQ(begun.Await(5).at(4), "c1");
  turns.GiveBack("a", 2);
  EXPECT_EQ(begun.Await(6).back(), "b2");
}

TEST(HttpTurnsTest, OneThatWeighsMoreThanOneCanHaveTakesAllOfThat) {
  Begun begun;
  HttpTurns turns(3, 2);
  ASSERT_THAT(turns.Start(), IsOk());
  turns.Ask("a", begun.Note("a1"), 9);
  begun.Await(1);
  turns.Ask("a", begun.Note("a2"));
  turns.Ask("b", begun.Note("b1"));
  EXPECT_EQ(begun.Await(2).back(), "b1");
  turns.GiveBack("a", 9);
  EXPECT_EQ(begun.Await(3).back(), "a2");
}

TEST(HttpTurnsTest, WhoHasNoNameHasNoBoundOfItsOwn) {
  Begun begun;
  HttpTurns turns(3, 1);
  ASSERT_THAT(turns.Start(), IsOk());
  for (int i = 0; i < 3; ++i) turns.Ask("", begun.Note("x"));
  EXPECT_EQ(begun.Await(3), Names(3, "x"));
}

TEST(HttpTurnsTest, AtTheEndAllIsDoneWhoeverAsked) {
  Begun begun;
  HttpTurns turns(2, 1);
  ASSERT_THAT(turns.Start(), IsOk());
  for (int i = 0; i < 10; ++i) turns.Ask("a", begun.Note("a"));
  turns.Stop();
  EXPECT_EQ(begun.Await(10).size(), 10U);
}

}  // namespace
}  // namespace mirror::http_turns_test
