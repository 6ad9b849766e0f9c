#include "base/file_watch.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include "tests/support/processes.h"

namespace mirror::file_watch_test {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

/// Longer than any event takes on a busy machine.
constexpr seconds kLong(60);
/// Long enough for an event that should not come.
constexpr milliseconds kShort(100);

class FileWatchTest : public testing::Test {
 protected:
  void Write(const std::string& name) { std::ofstream(folder_ / name, std::ios::app) << "x" << std::flush; }

  TempFolder folder_;
  FileWatcher watcher_;
  const std::stop_token never_{};
};

TEST_F(FileWatchTest, AWriteWakesWhoWatchesThatFile) {
  if (!IsOnLocalDisk(folder_.path())) GTEST_SKIP() << "the temporary folder reports no events";
  const auto one = watcher_.Add(folder_.path(), {"one", "one-wal"}),
             other = watcher_.Add(folder_.path(), {"two"});
  ASSERT_TRUE(one->works() && other->works());
  Write("one-wal");
  EXPECT_TRUE(one->Wait(kLong, never_));
  EXPECT_FALSE(other->Wait(kShort, never_)) << "a file of another name";
  std::filesystem::rename(folder_ / "one-wal", folder_ / "two");
  EXPECT_TRUE(one->Wait(kLong, never_)) << "it was removed";
  EXPECT_TRUE(other->Wait(kLong, never_)) << "it was made";
}

TEST_F(FileWatchTest, AnEventBeforeTheWaitIsNotLost) {
  if (!IsOnLocalDisk(folder_.path())) GTEST_SKIP() << "the temporary folder reports no events";
  const auto watch = watcher_.Add(folder_.path(), {"one"});
  std::jthread writer([&] { Write("one"); });
  EXPECT_TRUE(watch->Wait(kLong, never_));
}

TEST_F(FileWatchTest, AFolderThatIsRemovedIsNotWatchedAnyMore) {
  if (!IsOnLocalDisk(folder_.path())) GTEST_SKIP() << "the temporary folder reports no events";
  std::filesystem::create_directory(folder_ / "inner");
  const auto watch = watcher_.Add(folder_ / "inner", {"one"});
  ASSERT_TRUE(watch->works());
  std::filesystem::remove(folder_ / "inner");
  EXPECT_TRUE(watch->Wait(kLong, never_));
  EXPECT_FALSE(watch->works());
  std::filesystem::create_directory(folder_ / "inner");
  const auto again = watcher_.Add(folder_ / "inner", {"one"});
  EXPECT_TRUE(again->works());
  Write("inner/one");
  EXPECT_TRUE(again->Wait(kLong, never_));
}

TEST_F(FileWatchTest, AMissingFolderReportsNothing) {
  const auto watch = watcher_.Add(folder_ / "missing", {"one"});
  EXPECT_FALSE(watch->works());
  EXPECT_FALSE(watch->Wait(kShort, never_));
}

TEST_F(FileWatchTest, AStopEndsTheWait) {
  const auto watch = watcher_.Add(folder_.path(), {"one"});
  std::stop_source stop;
  std::jthread stopper([&] { stop.request_stop(); });
  EXPECT_FALSE(watch->Wait(kLong, stop.get_token()));
}

}  // namespace
}  // namespace mirror::file_watch_test
