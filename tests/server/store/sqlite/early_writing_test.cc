// Large transactions whose pages begin their way to the disk before their sync. That it happens in a server,
// and not for small ones, is shown by tests/python/first_cycle_test.py.

#include "server/store/sqlite/file/early_writing.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/store/sqlite/file/sqlite_gathering_vfs.h"
#include "tests/server/store/sqlite/small_cache.h"
#include "tests/support/rows.h"

namespace {

/// What the next call says in place of the system; 0: nothing.
int refused = 0;
std::vector<std::pair<off64_t, off64_t>> begun;

}  // namespace

extern "C" int sync_file_range(int file, off64_t from, off64_t size, unsigned how) {
  begun.emplace_back(from, size);
  errno = std::exchange(refused, 0);
  return errno != 0 ? -1 : static_cast<int>(syscall(SYS_sync_file_range, file, from, size, how));
}

namespace mirror {
namespace {

using Begun = std::vector<std::pair<off64_t, off64_t>>;

constexpr std::int64_t kStep = 512 << 10;

/// Of this process.
int DescriptorsOf(const std::string& path) {
  int found = 0;
  std::error_code gone;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    if (std::filesystem::read_symlink(entry, gone) == path) ++found;
  }
  return found;
}

class EarlyWritingTest : public testing::Test {
 protected:
  EarlyWritingTest() {
    std::ofstream(path_) << "a log";
    begun.clear();
  }

  const ScratchFolder folder_;
  const std::string path_ = std::filesystem::canonical(folder_.path()).string() + "/log";
};

TEST_F(EarlyWritingTest, TheFileIsOpenFromAStepOnAndUntilTheEnd) {
  EarlyWriting early(path_.c_str(), kStep);
  early.Wrote(0, kStep - 1);
  EXPECT_EQ(DescriptorsOf(path_), 0);
  early.Wrote(kStep - 1, 1);
  EXPECT_EQ(DescriptorsOf(path_), 1);
  early.Wrote(kStep, kStep);
  EXPECT_EQ(DescriptorsOf(path_), 1) << "the same for all steps";
  early.End();
  EXPECT_EQ(DescriptorsOf(path_), 0);
  early.Wrote(0, kStep - 1);
  EXPECT_EQ(DescriptorsOf(path_), 0) << "each transaction counts by itself";
}

TEST_F(EarlyWritingTest, WholePagesOfTheSystemBegin) {
  EarlyWriting early(path_.c_str(), kStep);
  early.Wrote(32, kStep + 4'120);
  EXPECT_EQ(begun, (Begun{{4'096, kStep}})) << "not the first, which is another's, too, nor the last half";
  early.Wrote(32 + kStep + 4'120, kStep);
  EXPECT_EQ(begun, (Begun{{4'096, kStep}, {4'096 + kStep, kStep}}));
}

TEST_F(EarlyWritingTest, WhatTheDiskRefusesIsTold) {
  EarlyWriting early(path_.c_str(), kStep);
  refused = EIO;
  EXPECT_FALSE(early.Wrote(0, kStep));
  EXPECT_EQ(errno, EIO);
  EXPECT_TRUE(early.Wrote(kStep, kStep));
  for (const int nothing_begun : {ESPIPE, EINVAL, ENOSYS, EPERM, ENOMEM}) {
    refused = nothing_begun;
    EXPECT_TRUE(early.Wrote(0, kStep));
  }
}

TEST_F(EarlyWritingTest, WhatIsWrittenElsewhereBeginsAnew) {
  EarlyWriting early(path_.c_str(), kStep);
  early.Wrote(0, kStep - 1);
  early.Wrote(10 * kStep, kStep - 1);
  early.Wrote(kStep - 1, 1);
  EXPECT_EQ(DescriptorsOf(path_), 0);
}

TEST_F(EarlyWritingTest, ItGoesWithItsFile) {
  {
    EarlyWriting early(path_.c_str(), kStep);
    early.Wrote(0, kStep);
    EXPECT_EQ(DescriptorsOf(path_), 1);
  }
  EXPECT_EQ(DescriptorsOf(path_), 0);
}

TEST_F(EarlyWritingTest, AFileThatIsGoneAndAPipeInItsPlaceDoNoHarm) {
  std::filesystem::remove(path_);
  EarlyWriting early(path_.c_str(), kStep);
  early.Wrote(0, kStep);
  early.End();
  ASSERT_EQ(mkfifo(path_.c_str(), 0600), 0);
  early.Wrote(0, kStep);  // Would wait for a writer.
  early.Wrote(kStep, kStep);
}

class EarlyWritingOfALog : public SmallCache {
 protected:
  EarlyWritingOfALog() : SmallCache("CREATE TABLE t (v)") { begun.clear(); }
  Cell Count() const { return Partner(path_, true).One("SELECT count(*) FROM t"); }

  const std::string log_ = path_ + "-wal";
};

constexpr char kLarge[] = "INSERT INTO t VALUES (randomblob(4000000))";

TEST_F(EarlyWritingOfALog, HoldsADescriptorWithinALargeTransactionAlone) {
  const int of_sqlite = DescriptorsOf(log_);
  ASSERT_EQ(of_sqlite, 1);
  for (const std::string end : {"COMMIT", "ROLLBACK"}) {
    Run("BEGIN; INSERT INTO t VALUES (randomblob(10000))");
    EXPECT_EQ(DescriptorsOf(log_), of_sqlite);
    Run(kLarge);
    EXPECT_EQ(DescriptorsOf(log_), of_sqlite + 1);
    EXPECT_EQ(Run(end), SQLITE_OK);
    EXPECT_EQ(DescriptorsOf(log_), of_sqlite) << end;
  }
  EXPECT_EQ(Count(), Cell(2));
}

TEST_F(EarlyWritingOfALog, ASmallCommitBeginsNothing) {
  EXPECT_EQ(Run("INSERT INTO t VALUES (randomblob(400000))"), SQLITE_OK);
  EXPECT_EQ(begun, Begun{});
}

TEST_F(EarlyWritingOfALog, WhatTheDiskRefusesIsAFailedSync) {
  refused = EIO;
  EXPECT_EQ(Run(kLarge), SQLITE_IOERR_FSYNC);
  EXPECT_EQ(Count(), Cell(0));
  EXPECT_EQ(Run(kLarge), SQLITE_OK) << "told once";
  EXPECT_EQ(Count(), Cell(1));
}

TEST_F(EarlyWritingOfALog, ACommitThatMayWaitIsRefusedWithIt) {
  const CommitWithoutSync without(connection_);
  refused = EIO;
  EXPECT_EQ(Run(kLarge), SQLITE_IOERR_FSYNC);
  EXPECT_EQ(Count(), Cell(0));
}

TEST_F(EarlyWritingOfALog, WhatWasRefusedOfATransactionThatIsTakenBackIsNoneOfTheNext) {
  refused = EIO;
  EXPECT_EQ(Run(absl::StrCat("BEGIN; ", kLarge, "; ROLLBACK")), SQLITE_OK);
  EXPECT_EQ(Run(kLarge), SQLITE_OK);
  EXPECT_EQ(Count(), Cell(1));
}

}  // namespace
}  // namespace mirror
