// What a commit that waits for the next sync leaves, and what a loss of power takes.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/store/sqlite/file/sqlite_gathering_vfs.h"
#include "tests/support/rows.h"

namespace mirror::commit_without_sync_test {
namespace {

/// Logs that SQLite opens meanwhile, on a disk that has of them what was written before a sync. A sync that
/// fails loses it, as Linux does: it is taken for written from then on.
class WatchedLogs {
 public:
  /// `synced` is called behind each sync with what the disk has.
  explicit WatchedLogs(std::function<void(const std::string&)> synced) {
    synced_ = std::move(synced);
    disk_.clear();
    dirty_.clear();
    fails_ = 0;
    system_ = sqlite3_vfs_find(nullptr);
    open_ = system_->xOpen;
    system_->xOpen = [](sqlite3_vfs* vfs, const char* name, sqlite3_file* file, int flags, int* given) {
      const int code = open_(vfs, name, file, flags, given);
      if (code != SQLITE_OK || (flags & SQLITE_OPEN_WAL) == 0) return code;
      methods_ = *file->pMethods;
      sync_ = methods_.xSync;
      write_ = methods_.xWrite;
      methods_.xWrite = [](sqlite3_file* log, const void* bytes, int size, sqlite3_int64 to) {
        dirty_.emplace_back(static_cast<std::size_t>(to),
                            std::string(static_cast<const char*>(bytes), static_cast<std::size_t>(size)));
        return write_(log, bytes, size, to);
      };
      methods_.xSync = [](sqlite3_file* log, int how) {
        const std::vector<Piece> written = std::exchange(dirty_, {});
        if (fails_ > 0) return --fails_, SQLITE_IOERR_FSYNC;
        const int done = sync_(log, how);
        if (done != SQLITE_OK) return done;
        for (const auto& [to, bytes] : written) {
          disk_.resize(std::max(disk_.size(), to + bytes.size()));
          disk_.replace(to, bytes.size(), bytes);
        }
        if (synced_) synced_(disk_);
        return done;
      };
      file->pMethods = &methods_;
      return code;
    };
  }
  ~WatchedLogs() {
    system_->xOpen = open_;
    synced_ = nullptr;
  }
  WatchedLogs(const WatchedLogs&) = delete;
  WatchedLogs& operator=(const WatchedLogs&) = delete;

  static void FailSyncs(int count) { fails_ = count; }

 private:
  using Piece = std::pair<std::size_t, std::string>;  ///< Where, and what.

  sqlite3_vfs* system_;
  static inline int (*open_)(sqlite3_vfs*, const char*, sqlite3_file*, int, int*) = nullptr;
  static inline int (*sync_)(sqlite3_file*, int) = nullptr;
  static inline int (*write_)(sqlite3_file*, const void*, int, sqlite3_int64) = nullptr;
  static inline sqlite3_io_methods methods_ = {};
  static inline std::function<void(const std::string&)> synced_;
  static inline std::string disk_;
  static inline std::vector<Piece> dirty_;
  static inline int fails_ = 0;
};

/// A database in a folder of its own, and its log as of the last sync. Nothing but a checkpoint writes to the
/// database, which syncs it.
class CommitWithoutSyncTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(sqlite3_open_v2(path_.c_str(), &writer_, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE,
                              GatheringVfs(Gathered::kLog)),
              SQLITE_OK);
    Run("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; CREATE TABLE t (id INTEGER PRIMARY KEY, v)");
  }
  void TearDown() override { sqlite3_close(writer_); }

  void Run(const std::string& sql) {
    ASSERT_EQ(sqlite3_exec(writer_, sql.c_str(), nullptr, nullptr, nullptr), SQLITE_OK)
        << sqlite3_errmsg(writer_);
  }
  void Insert(int id) { Run(absl::StrCat("INSERT INTO t VALUES (", id, ", randomblob(9000))")); }
  void InsertWithoutSync(int id) {
    Run("BEGIN IMMEDIATE");
    Insert(id);
    const CommitWithoutSync without(writer_);
    Run("COMMIT");
  }
  void Checkpoint() {
    int pages = 0, copied = 0;
    ASSERT_EQ(sqlite3_wal_checkpoint_v2(writer_, "main", SQLITE_CHECKPOINT_PASSIVE, &pages, &copied),
              SQLITE_OK);
    ASSERT_EQ(pages, copied);
  }

  void KeepLog(const std::string& disk) {
    ++syncs_;
    std::ofstream(kept_, std::ios::binary | std::ios::trunc) << disk;
  }
  /// Ids of rows, as others see them.
  std::string There() const { return Ask(path_); }
  /// Behind a loss of power, which takes all of the log that was not synced.
  std::string AfterLossOfPower() const {
    const std::string copy = folder_.path() + "/copy.db";
    std::filesystem::remove(copy + "-shm");
    std::filesystem::copy_file(path_, copy, std::filesystem::copy_options::overwrite_existing);
    std::filesystem::copy_file(kept_, copy + "-wal", std::filesystem::copy_options::overwrite_existing);
    return Ask(copy);
  }

  static std::string Ask(const std::string& path) {
    sqlite3* reader = nullptr;
    EXPECT_EQ(sqlite3_open_v2(path.c_str(), &reader, SQLITE_OPEN_READWRITE, nullptr), SQLITE_OK);
    std::string said;
    const auto add = [](void* to, int, char** values, char**) {
      *static_cast<std::string*>(to) += values[0] == nullptr ? "-" : values[0];
      return 0;
    };
    EXPECT_EQ(sqlite3_exec(reader, "PRAGMA integrity_check", add, &said, nullptr), SQLITE_OK);
    EXPECT_EQ(said, "ok");
    said.clear();
    EXPECT_EQ(sqlite3_exec(reader, "SELECT group_concat(id, ' ') FROM (SELECT id FROM t ORDER BY id)", add,
                           &said, nullptr),
              SQLITE_OK);
    // It is not the last one to close the watched file, whose log would be copied then.
    sqlite3_db_config(reader, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
    sqlite3_close(reader);
    return said;
  }

  const ScratchFolder folder_;
  const std::string path_ = folder_.path() + "/mirror.db", kept_ = folder_.path() + "/synced";
  int syncs_ = 0;
  const WatchedLogs watched_{[this](const std::string& disk) { KeepLog(disk); }};
  sqlite3* writer_ = nullptr;
};

TEST_F(CommitWithoutSyncTest, IsSeenAtOnceAndOnDiskWithTheNextOne) {
  Insert(1);
  const int before = syncs_;
  InsertWithoutSync(2);
  InsertWithoutSync(3);
  EXPECT_EQ(syncs_, before);
  EXPECT_EQ(There(), "1 2 3");
  EXPECT_EQ(AfterLossOfPower(), "1");
  Insert(4);
  EXPECT_EQ(syncs_, before + 1);
  EXPECT_EQ(AfterLossOfPower(), "1 2 3 4");
}

TEST_F(CommitWithoutSyncTest, ACheckpointBringsItToDiskBeforeItCopiesIt) {
  Insert(1);
  InsertWithoutSync(2);
  Checkpoint();
  EXPECT_EQ(AfterLossOfPower(), "1 2");
}

TEST_F(CommitWithoutSyncTest, ALogThatBeginsAnewIsSyncedBeforeWhatStoodInItIsOverwritten) {
  for (int id = 1; id <= 5; ++id) Insert(id);
  Checkpoint();
  const int before = syncs_;
  InsertWithoutSync(6);
  EXPECT_GT(syncs_, before) << "the log has its former header, and pages of now behind it";
  EXPECT_EQ(There(), "1 2 3 4 5 6");
  // With the header the old pages are void; what was copied from them is in the database.
  EXPECT_EQ(AfterLossOfPower().substr(0, 9), "1 2 3 4 5");
  const int anew = syncs_;
  InsertWithoutSync(7);
  EXPECT_EQ(syncs_, anew);
}

TEST_F(CommitWithoutSyncTest, ARollbackAndAFailedCommitLeaveTheOrdinaryCommitAsItIs) {
  Insert(1);
  Run("BEGIN IMMEDIATE");
  Insert(2);
  {
    const CommitWithoutSync without(writer_);
    Run("ROLLBACK");
  }
  const int before = syncs_;
  Insert(3);
  EXPECT_EQ(syncs_, before + 1);
  EXPECT_EQ(AfterLossOfPower(), "1 3");
}

TEST_F(CommitWithoutSyncTest, ASyncThatFailsLosesNothingThatWaitedForIt) {
  Insert(1);
  for (int failures = 1; failures <= 3; ++failures) {
    const int id = 10 * failures;
    InsertWithoutSync(id);
    InsertWithoutSync(id + 1);
    WatchedLogs::FailSyncs(failures);
    for (int i = 0; i < failures; ++i) {
      const std::string insert = absl::StrCat("INSERT INTO t VALUES (", id + 2, ", randomblob(9000))");
      EXPECT_NE(sqlite3_exec(writer_, insert.c_str(), nullptr, nullptr, nullptr), SQLITE_OK);
    }
    Insert(id + 3);
  }
  EXPECT_EQ(There(), "1 10 11 13 20 21 23 30 31 33");
  EXPECT_EQ(AfterLossOfPower(), There());
}

TEST_F(CommitWithoutSyncTest, NorDoesOneBeforeACheckpoint) {
  Insert(1);
  InsertWithoutSync(2);
  WatchedLogs::FailSyncs(1);
  EXPECT_NE(sqlite3_wal_checkpoint_v2(writer_, "main", SQLITE_CHECKPOINT_PASSIVE, nullptr, nullptr),
            SQLITE_OK);
  Insert(3);
  EXPECT_EQ(AfterLossOfPower(), "1 2 3");
}

/// A transaction of more pages than the cache has: some are in the log before its end, and one of them twice.
class SpilledCommit : public CommitWithoutSyncTest {
 protected:
  void SetUp() override {
    CommitWithoutSyncTest::SetUp();
    Run("PRAGMA cache_size = 10; CREATE TABLE m (id INTEGER PRIMARY KEY, v); INSERT INTO m VALUES (1, 1)");
    Insert(1);
    Run("BEGIN IMMEDIATE; UPDATE m SET v = 2");
    for (int id = 2; id <= 40; ++id) Insert(id);
  }
  void CommitIt() {
    Run("UPDATE m SET v = 3");
    const CommitWithoutSync without(writer_);
    Run("COMMIT");
  }
  /// A sync fails, and the next one is of a commit that was answered.
  void FailOnceAndCommit() {
    WatchedLogs::FailSyncs(1);
    EXPECT_NE(sqlite3_exec(writer_, "INSERT INTO t VALUES (0, 'refused')", nullptr, nullptr, nullptr),
              SQLITE_OK);
    Insert(99);
    EXPECT_EQ(AfterLossOfPower(), There());
    EXPECT_THAT(There(), testing::EndsWith(" 99"));
  }
};

TEST_F(SpilledCommit, IsWrittenAgainToTheEndOfItsLastPage) {
  CommitIt();
  FailOnceAndCommit();
}

TEST_F(SpilledCommit, IsKnownToItsEndWhereASavepointWasTakenBack) {
  Run("SAVEPOINT step");
  for (int id = 50; id <= 90; ++id) Insert(id);
  Run("ROLLBACK TO step; RELEASE step");
  CommitIt();
  InsertWithoutSync(98);
  FailOnceAndCommit();
}

/// As of a sync that failed, two commits wait far out in the log.
class OwedOfAFormerLog : public CommitWithoutSyncTest {
 protected:
  void SetUp() override {
    CommitWithoutSyncTest::SetUp();
    for (int id = 1; id <= 9; ++id) Insert(id);
    InsertWithoutSync(10);
    InsertWithoutSync(11);
    FailToCommit();
  }

  void FailToCommit() {
    WatchedLogs::FailSyncs(1);
    EXPECT_NE(sqlite3_exec(writer_, "INSERT INTO t VALUES (0, 'refused')", nullptr, nullptr, nullptr),
              SQLITE_OK);
  }
};

TEST_F(OwedOfAFormerLog, IsForgottenWhereAnotherHasCopiedAllAndCutTheLog) {
  Partner(path_).Run("PRAGMA wal_checkpoint(TRUNCATE)");
  for (int id = 12; id <= 14; ++id) Insert(id);
  EXPECT_EQ(There(), "1 2 3 4 5 6 7 8 9 10 11 12 13 14");
  EXPECT_EQ(AfterLossOfPower(), There());
}

TEST_F(OwedOfAFormerLog, IsForgottenWhereAnotherHasBegunTheLogAnew) {
  Partner other(path_);
  other.Run("PRAGMA wal_checkpoint(RESTART); INSERT INTO t VALUES (20, randomblob(9000))");
  // Far before what was owed, and it waits, too.
  InsertWithoutSync(21);
  FailToCommit();
  Insert(22);
  EXPECT_EQ(There(), "1 2 3 4 5 6 7 8 9 10 11 20 21 22");
  EXPECT_EQ(AfterLossOfPower(), There());
}

TEST_F(CommitWithoutSyncTest, NoMoreThanSomeMegabytesWait) {
  Insert(1);
  const int before = syncs_;
  const std::int64_t commits = CommitWithoutSync::kWaitingMax / 9'000;
  for (int id = 2; id < commits; ++id) InsertWithoutSync(id);
  EXPECT_GE(syncs_, before + 1);
  EXPECT_LE(syncs_, before + 3) << "a commit writes pages beside its row's";
}

}  // namespace
}  // namespace mirror::commit_without_sync_test
