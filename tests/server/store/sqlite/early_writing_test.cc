// Large transactions, and copyings of a log, whose pages begin their way to the disk before their sync. That
// it happens in a server, and not for small transactions, is shown by tests/python/first_cycle_test.py.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sqlite3.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/store/sqlite/file/sqlite_checkpointer.h"
#include "server/store/sqlite/file/sqlite_gathering_vfs.h"
#include "tests/server/store/sqlite/small_cache.h"
#include "tests/support/rows.h"

namespace {

std::string PathOf(int file) {
  std::error_code gone;
  return std::filesystem::read_symlink(absl::StrCat("/proc/self/fd/", file), gone).string();
}

struct Begun {
  std::string path;
  off64_t from, size;
  int file = -1;
  friend bool operator==(const Begun& one, const Begun& other) {
    return one.path == other.path && one.from == other.from && one.size == other.size;
  }
};

/// Else other tests of this process, which have threads, are left alone.
std::atomic<bool> looks = false;
/// What the next call says in place of the system; 0: nothing.
int refused = 0;
std::vector<Begun> begun;

}  // namespace

extern "C" int sync_file_range(int file, off64_t from, off64_t size, unsigned how) {
  if (!looks) return static_cast<int>(syscall(SYS_sync_file_range, file, from, size, how));
  begun.push_back({PathOf(file), from, size, file});
  errno = std::exchange(refused, 0);
  return errno != 0 ? -1 : static_cast<int>(syscall(SYS_sync_file_range, file, from, size, how));
}

namespace mirror::early_writing_test {
namespace {

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

/// As long as it lives, calls are looked at.
class Looks {
 public:
  Looks() {
    begun.clear();
    looks = true;
  }
  ~Looks() { looks = false; }
  Looks(const Looks&) = delete;
  Looks& operator=(const Looks&) = delete;
};

class EarlyWritingTest : public testing::Test {
 protected:
  EarlyWritingTest() = default;
  ~EarlyWritingTest() override { close(file_); }
  Begun Of(off64_t from, off64_t size) const { return {path_, from, size}; }

  const ScratchFolder folder_;
  const std::string path_ = std::filesystem::canonical(folder_.path()).string() + "/log";
  const int file_ = open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  EarlyWriting early_{file_, kStep};
  const Looks looks_;
};

TEST_F(EarlyWritingTest, WholePagesOfTheSystemBegin) {
  early_.Wrote(32, kStep + 4'120);
  EXPECT_EQ(begun, (std::vector{Of(4'096, kStep)}))
      << "not the first, which is another's, too, nor the last half";
  early_.Wrote(32 + kStep + 4'120, kStep);
  EXPECT_EQ(begun, (std::vector{Of(4'096, kStep), Of(4'096 + kStep, kStep)}));
}

TEST_F(EarlyWritingTest, WhatTheDiskRefusesIsTold) {
  refused = EIO;
  EXPECT_FALSE(early_.Wrote(0, kStep));
  EXPECT_EQ(errno, EIO);
  EXPECT_TRUE(early_.Wrote(kStep, kStep));
  for (const int nothing_begun : {ESPIPE, EINVAL, ENOSYS, EPERM, ENOMEM}) {
    refused = nothing_begun;
    EXPECT_TRUE(early_.Wrote(0, kStep));
  }
}

TEST_F(EarlyWritingTest, WhatIsWrittenElsewhereBeginsAnew) {
  early_.Wrote(0, kStep - 1);
  early_.Wrote(10 * kStep, kStep - 1);
  early_.Wrote(kStep - 1, 1);
  EXPECT_TRUE(begun.empty());
}

TEST_F(EarlyWritingTest, BehindAnEndAllIsCountedAnew) {
  early_.Wrote(0, kStep - 1);
  early_.End();
  early_.Wrote(kStep - 1, 1);
  EXPECT_TRUE(begun.empty());
}

TEST_F(EarlyWritingTest, WithoutADescriptorNothingBegins) {
  EarlyWriting unknown(-1, kStep);
  EXPECT_TRUE(unknown.Wrote(0, 10 * kStep));
  EXPECT_TRUE(begun.empty());
}

class EarlyWritingOfALog : public SmallCache {
 protected:
  EarlyWritingOfALog() : SmallCache("CREATE TABLE t (v)") {}
  Cell Count() const { return Partner(path_, true).One("SELECT count(*) FROM t"); }

  const std::string log_ = path_ + "-wal";
  const Looks looks_;
};

constexpr char kLarge[] = "INSERT INTO t VALUES (randomblob(4000000))";

TEST_F(EarlyWritingOfALog, GoesBySqlitesOwnDescriptor) {
  for (const std::string end : {"COMMIT", "ROLLBACK"}) {
    begun.clear();
    Run("BEGIN; INSERT INTO t VALUES (randomblob(10000))");
    EXPECT_TRUE(begun.empty());
    Run(kLarge);
    ASSERT_FALSE(begun.empty());
    EXPECT_EQ(begun[0].path, log_);
    EXPECT_EQ(DescriptorsOf(log_), 1) << "one more would take SQLite's locks with it when it is closed";
    EXPECT_EQ(Run(end), SQLITE_OK);
  }
  EXPECT_EQ(Count(), Cell(2));
}

TEST_F(EarlyWritingOfALog, ASmallCommitBeginsNothing) {
  EXPECT_EQ(Run("INSERT INTO t VALUES (randomblob(400000))"), SQLITE_OK);
  EXPECT_TRUE(begun.empty());
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

/// Whether another process finds SQLite's lock of whoever reads or writes on a file.
bool IsLocked(const std::string& path) {
  const pid_t other = fork();
  if (other == 0) {
    constexpr off_t kShared = 0x40000000 + 2, kSharedBytes = 510;
    struct flock lock = {F_WRLCK, SEEK_SET, kShared, kSharedBytes, 0};
    const int file = open(path.c_str(), O_RDWR);
    const bool asked = file >= 0 && fcntl(file, F_GETLK, &lock) == 0;
    _exit(asked && lock.l_type != F_UNLCK ? 0 : 1);
  }
  int how = -1;
  return waitpid(other, &how, 0) == other && WIFEXITED(how) && WEXITSTATUS(how) == 0;
}

/// Beside the writer, as the checkpointer copies.
class EarlyWritingOfACopying : public EarlyWritingOfALog {
 protected:
  EarlyWritingOfACopying() {
    Run("PRAGMA wal_autocheckpoint = 0");
    Run(kLarge);
    begun.clear();
  }
  int Copy() const {
    sqlite3* beside = nullptr;
    EXPECT_EQ(sqlite3_open_v2(path_.c_str(), &beside, SQLITE_OPEN_READWRITE, GatheringVfs(Gathered::kLog)),
              SQLITE_OK);
    sqlite3_exec(beside, "PRAGMA synchronous = FULL; PRAGMA user_version", nullptr, nullptr, nullptr);
    const int code = CopyLog(beside);
    sqlite3_db_config(beside, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
    sqlite3_close(beside);
    return code;
  }
  off64_t BegunOfTheFile() const {
    off64_t bytes = 0;
    for (const Begun& one : begun) bytes += one.path == path_ ? one.size : 0;
    return bytes;
  }
};

constexpr off64_t kMostOfLarge = 3'000'000;

TEST_F(EarlyWritingOfACopying, BeginsMostOfItsPages) {
  const int of_sqlite = DescriptorsOf(path_);
  ASSERT_TRUE(IsLocked(path_)) << "by the writer";
  EXPECT_EQ(Copy(), SQLITE_OK);
  EXPECT_GE(BegunOfTheFile(), kMostOfLarge);
  EXPECT_LE(BegunOfTheFile(), static_cast<off64_t>(std::filesystem::file_size(path_)));
  EXPECT_TRUE(IsLocked(path_)) << "still";
  EXPECT_EQ(DescriptorsOf(path_), of_sqlite + 1) << "SQLite keeps the one of the other connection";
}

TEST_F(EarlyWritingOfACopying, AlsoWithADescriptorThatSqliteHasKeptForTheNextConnection) {
  ASSERT_EQ(Copy(), SQLITE_OK);
  ASSERT_FALSE(begun.empty());
  const int kept = begun[0].file;
  Run(kLarge);
  begun.clear();
  EXPECT_EQ(Copy(), SQLITE_OK);
  EXPECT_GE(BegunOfTheFile(), kMostOfLarge);
  EXPECT_EQ(begun[0].file, kept);
}

TEST_F(EarlyWritingOfACopying, WhatTheDiskRefusesIsAFailedSyncAndTheLogHasAllStill) {
  refused = EIO;
  EXPECT_EQ(Copy(), SQLITE_IOERR_FSYNC);
  EXPECT_EQ(Count(), Cell(1));
  begun.clear();
  EXPECT_EQ(Copy(), SQLITE_OK);
  EXPECT_GE(BegunOfTheFile(), kMostOfLarge) << "all of it once more";
  EXPECT_EQ(Count(), Cell(1));
}

TEST_F(EarlyWritingOfACopying, TheWritersOwnLikewise) {
  const auto copy = [this] {
    return sqlite3_wal_checkpoint_v2(connection_, "main", SQLITE_CHECKPOINT_PASSIVE, nullptr, nullptr);
  };
  refused = EIO;
  EXPECT_EQ(copy(), SQLITE_IOERR_FSYNC);
  EXPECT_EQ(copy(), SQLITE_OK);
}

}  // namespace
}  // namespace mirror::early_writing_test
