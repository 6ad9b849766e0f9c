// How long a log gets while its mirror is written to without a pause.

#include <gtest/gtest.h>
#include <sqlite3.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/store/sqlite/file/sqlite_connection.h"
#include "server/store/sqlite/file/sqlite_gathering_vfs.h"
#include "server/store/sqlite/file/sqlite_log.h"
#include "server/store/sqlite/sqlite_store.h"
#include "tests/support/rows.h"
#include "tests/support/status_matchers.h"

namespace mirror::sqlite_log_test {
namespace {

constexpr int kPageBytes = 4'096 + 24;  // With its frame.
constexpr int kWritePages = 4'000;

class SqliteLogTest : public testing::Test {
 protected:
  SqliteLogTest() {
    EXPECT_EQ(sqlite3_open_v2(path_.c_str(), &writer_, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE,
                              GatheringVfs(Gathered::kLog)),
              SQLITE_OK);
    Run("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; CREATE TABLE t (id INTEGER PRIMARY KEY, v)");
  }
  ~SqliteLogTest() override {
    log_.reset();
    sqlite3_close(writer_);
  }

  sqlite3* Connect() const {
    sqlite3* connection = nullptr;
    EXPECT_EQ(sqlite3_open(path_.c_str(), &connection), SQLITE_OK);
    EXPECT_EQ(sqlite3_exec(connection, "PRAGMA user_version", nullptr, nullptr, nullptr), SQLITE_OK);
    return connection;
  }
  void Run(const std::string& sql) const {
    ASSERT_EQ(sqlite3_exec(writer_, sql.c_str(), nullptr, nullptr, nullptr), SQLITE_OK)
        << sqlite3_errmsg(writer_);
  }
  void Begin(Checkpointer* checkpointer) {
    log_.emplace(writer_, checkpointer, [this]() -> sqlite3* {
      ++opened_;
      return may_open_ ? Connect() : nullptr;
    });
  }
  /// About kWritePages: those of the new row, and those of the former one, which are emptied.
  void Write() {
    // Over and over the same few, so that only the log grows.
    Run(absl::StrCat("REPLACE INTO t VALUES (", written_++ % kRows, ", zeroblob(8000000))"));
    log_->Committed();
    longest_ = std::max(longest_, static_cast<int>(std::filesystem::file_size(path_ + "-wal") / kPageBytes));
  }

  const ScratchFolder folder_;
  const std::string path_ = folder_.path() + "/mirror.db";
  sqlite3* writer_ = nullptr;
  bool may_open_ = true;
  static constexpr int kRows = 3;
  int opened_ = 0, longest_ = 0, written_ = 0;
  Checkpointer checkpointer_;
  std::optional<SqliteLog> log_;
};

constexpr int kWritesInALog = SqliteLog::kLogPages / 1'950 + 2;

TEST_F(SqliteLogTest, WithoutACheckpointerTheWriterCopiesItself) {
  Begin(nullptr);
  for (int i = 0; i < 12; ++i) Write();
  EXPECT_LT(longest_, SqliteLog::kLogPages + kWritePages);
  EXPECT_EQ(opened_, 0);
}

TEST_F(SqliteLogTest, WhereNoOtherConnectionCanBeHadTheWriterCopiesItselfInTheEnd) {
  may_open_ = false;
  Begin(&checkpointer_);
  for (int i = 0; i < 40; ++i) Write();
  EXPECT_LT(longest_, SqliteLog::kLongLogPages + kWritePages);
  EXPECT_GT(opened_, 0);
}

TEST_F(SqliteLogTest, WithACheckpointerItStaysWithinItsLimitAndBeginsAnew) {
  Begin(&checkpointer_);
  for (int i = 0; i < 40; ++i) Write();
  EXPECT_LT(longest_, SqliteLog::kLongLogPages + kWritePages) << "several times as many pages were written";
  EXPECT_GT(opened_, 0);
  EXPECT_FALSE(log_->failed());
  Partner reader(path_, true);
  EXPECT_EQ(reader.One("SELECT count(*) FROM t"), Cell(kRows));
  EXPECT_EQ(reader.One("PRAGMA integrity_check"), Cell("ok"));
}

TEST(CheckpointerTest, ATaskMayBeOverBeforeTheThreadBegins) {
  using Task = Checkpointer::Task;
  for (int round = 0; round < 1'000; ++round) {
    alignas(Task) std::array<std::byte, sizeof(Task)> room;
    Checkpointer checkpointer;
    auto* const task = new (room.data()) Task(checkpointer, [] { return 1; });
    task->~Task();
    room.fill(std::byte{0xFF});
  }
}

/// The number of pages that were copied, where SQLite keeps it (wal.c, WalCkptInfo).
std::uint32_t Copied(const std::string& path) {
  constexpr std::streamoff kPlace = 96;
  std::ifstream index(path + "-shm", std::ios::binary);
  index.seekg(kPlace);
  std::uint32_t pages = 0;
  index.read(reinterpret_cast<char*>(&pages), sizeof(pages));
  return pages;
}

TEST_F(SqliteLogTest, TheCheckpointerCopiesWhatIsThere) {
  Begin(nullptr);
  Write();
  ASSERT_EQ(Copied(path_), 0U);
  sqlite3* const beside = Connect();
  {
    Checkpointer::Task copy(checkpointer_, [beside] { return CopyLog(beside); });
    while (!copy.Ended()) std::this_thread::yield();
    EXPECT_EQ(copy.result(), SQLITE_OK);
  }
  EXPECT_GT(Copied(path_), 1'900U);
  sqlite3_close(beside);
}

/// Calls `copy` with `connection`, and `meanwhile` before each sync of its file.
void CopyAnd(sqlite3* connection, const std::function<int(sqlite3*)>& copy,
             const std::function<void()>& meanwhile) {
  static const std::function<void()>* now;
  static const sqlite3_io_methods* whole;
  static sqlite3_io_methods held;
  sqlite3_file* file = nullptr;
  sqlite3_file_control(connection, "main", SQLITE_FCNTL_FILE_POINTER, &file);
  now = &meanwhile;
  whole = file->pMethods;
  held = *whole;
  held.xSync = [](sqlite3_file* synced, int how) {
    (*now)();
    return whole->xSync(synced, how);
  };
  file->pMethods = &held;
  EXPECT_EQ(copy(connection), SQLITE_OK);
  file->pMethods = whole;
}

int CopyOnce(sqlite3* connection) {
  return sqlite3_wal_checkpoint_v2(connection, "main", SQLITE_CHECKPOINT_PASSIVE, nullptr, nullptr);
}

TEST_F(SqliteLogTest, TheCheckpointerCopiesWhatComesWhileItSyncs) {
  Begin(nullptr);
  Write();
  sqlite3* const beside = Connect();
  int writes = 0;
  CopyAnd(beside, CopyLog, [&] {
    if (++writes <= 2) Write();
  });
  const std::uintmax_t pages = std::filesystem::file_size(path_ + "-wal") / kPageBytes;
  EXPECT_GT(pages, 3 * 1'900U);
  EXPECT_EQ(Copied(path_), pages);
  sqlite3_close(beside);
}

TEST_F(SqliteLogTest, TheCheckpointerEndsThoughTheWriterNeverPauses) {
  Begin(nullptr);
  Write();
  sqlite3* const beside = Connect();
  int writes = 0;
  CopyAnd(beside, CopyLog, [&] {
    ++writes;
    Run(absl::StrCat("REPLACE INTO t VALUES (1, zeroblob(", 3'000'000 + writes, "))"));
  });
  EXPECT_GT(writes, 3);
  EXPECT_LE(writes, 8) << "two syncs for each of four passes";
  sqlite3_close(beside);
}

TEST_F(SqliteLogTest, TheCheckpointerCopiesWhatAReaderHadNeeded) {
  Begin(nullptr);
  Run("INSERT INTO t VALUES (0, zeroblob(4000000))");
  Partner reader(path_, true);
  reader.Run("BEGIN");
  reader.Run("SELECT count(*) FROM t");
  Write();
  sqlite3* const beside = Connect();
  bool reads = true;
  CopyAnd(beside, CopyLog, [&] {
    if (std::exchange(reads, false)) reader.Run("COMMIT");
  });
  EXPECT_EQ(Copied(path_), std::filesystem::file_size(path_ + "-wal") / kPageBytes);
  sqlite3_close(beside);
}

TEST_F(SqliteLogTest, TheCheckpointerEndsWhereAReaderStays) {
  Begin(nullptr);
  Write();
  Partner reader(path_, true);
  reader.Run("BEGIN");
  reader.Run("SELECT count(*) FROM t");
  const std::uint32_t seen =
      static_cast<std::uint32_t>(std::filesystem::file_size(path_ + "-wal") / kPageBytes);
  Write();
  sqlite3* const beside = Connect();
  int syncs = 0;
  CopyAnd(beside, CopyLog, [&] { ++syncs; });
  EXPECT_EQ(syncs, 1);
  EXPECT_EQ(Copied(path_), seen);
  sqlite3_close(beside);
}

TEST_F(SqliteLogTest, TheCheckpointerEndsWhereTheLogBeginsAnew) {
  Begin(nullptr);
  Write();
  sqlite3* const beside = Connect();
  int syncs = 0;
  CopyAnd(beside, CopyLog, [&] {
    // The second one is behind the first pass, which has copied all. The third is SQLite's own.
    if (++syncs == 2) Run("INSERT INTO t VALUES (7, 'in the new log')");
  });
  EXPECT_EQ(syncs, 3);
  EXPECT_LT(Copied(path_), 10U);
  sqlite3_close(beside);
}

TEST_F(SqliteLogTest, WhileSomebodyElseCopiesItIsNotSaidToBeCopied) {
  Begin(nullptr);
  Write();
  sqlite3* const beside = Connect();
  int asked = 0;
  CopyAnd(beside, CopyOnce, [&] {
    ++asked;
    EXPECT_FALSE(log_->Empty());
  });
  EXPECT_EQ(asked, 1);
  sqlite3_close(beside);
  EXPECT_TRUE(log_->Empty());
}

/// Lets a connection's syncs of its database fail.
void BreakSync(sqlite3* connection) {
  sqlite3_file* file = nullptr;
  sqlite3_file_control(connection, "main", SQLITE_FCNTL_FILE_POINTER, &file);
  static sqlite3_io_methods broken;
  broken = *file->pMethods;
  broken.xSync = [](sqlite3_file*, int) { return SQLITE_IOERR_FSYNC; };
  file->pMethods = &broken;
}

TEST_F(SqliteLogTest, ADiskThatDoesNotKeepWhatWasCopiedIsNotForgotten) {
  log_.emplace(writer_, &checkpointer_, [this] {
    sqlite3* const beside = Connect();
    BreakSync(beside);
    return beside;
  });
  for (int i = 0; i < 40 && !log_->failed(); ++i) Write();
  EXPECT_TRUE(log_->failed());
}

TEST_F(SqliteLogTest, ADiskThatIsFullForAWhileIsNoLoss) {
  Begin(nullptr);
  sqlite3_file* file = nullptr;
  sqlite3_file_control(writer_, "main", SQLITE_FCNTL_FILE_POINTER, &file);
  const sqlite3_io_methods* const whole = file->pMethods;
  static sqlite3_io_methods full;
  full = *whole;
  full.xWrite = [](sqlite3_file*, const void*, int, sqlite3_int64) { return SQLITE_IOERR_WRITE; };
  file->pMethods = &full;
  for (int i = 0; i < kWritesInALog; ++i) Write();
  EXPECT_FALSE(log_->failed());
  file->pMethods = whole;
  for (int i = 0; i < kWritesInALog; ++i) Write();
  EXPECT_FALSE(log_->failed());
  EXPECT_EQ(Partner(path_).One("PRAGMA integrity_check"), Cell("ok"));
}

TEST_F(SqliteLogTest, NeitherIsOneThatDoesNotKeepWhatTheWriterCopied) {
  Begin(nullptr);
  BreakSync(writer_);
  for (int i = 0; i < 12; ++i) Write();
  EXPECT_TRUE(log_->failed());
}

/// A mirror whose log is long enough to be copied, as the server has it open.
class LongLogTest : public testing::Test {
 protected:
  LongLogTest() {
    ConfigureSqlite();
    auto made = SqliteConnection::Open(path_, true, MirrorUse::kMirror, &checkpointer_);
    EXPECT_THAT(made, IsOk());
    connection_ = *std::move(made);
    EXPECT_THAT(connection_->Execute("CREATE TABLE t (v)"), IsOk());
    connection_->KnowLog();
    Partner(path_).Run("VACUUM INTO '" + copy_ + "'");
    for (int i = 0; i < kWritesInALog; ++i) {
      EXPECT_THAT(connection_->Execute("INSERT INTO t VALUES (zeroblob(8000000))"), IsOk());
    }
  }
  /// A commit, and whatever the checkpointer does then.
  void Commit() {
    connection_->Committed();
    sqlite3* other = nullptr;
    ASSERT_EQ(sqlite3_open(":memory:", &other), SQLITE_OK);
    {
      const Checkpointer::Task behind(checkpointer_, [other] { return CopyLog(other); });
      while (!behind.Ended()) std::this_thread::yield();
    }
    sqlite3_close(other);
    connection_->StandAlone();
  }
  static std::string Contents(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }

  const ScratchFolder folder_;
  const std::string path_ = folder_.path() + "/mirror.db", copy_ = folder_.path() + "/copy.db";
  Checkpointer checkpointer_;
  std::unique_ptr<SqliteConnection> connection_;
};

TEST_F(LongLogTest, IsCopiedIntoItsFile) {
  Commit();
  EXPECT_GT(std::filesystem::file_size(path_), 8'000'000U);
}

TEST_F(LongLogTest, OnADiskThatLosesPagesIsTold) {
  EXPECT_FALSE(connection_->LostPages());
  BreakSync(connection_->handle());
  for (int i = 0; i < 2 && !connection_->LostPages(); ++i) Commit();
  EXPECT_FALSE(connection_->LostPages()) << "the checkpointer's connection keeps them";
  while (connection_->WalBytes() < std::uint64_t{SqliteLog::kLongLogPages} * kPageBytes) {
    ASSERT_THAT(connection_->Execute("INSERT INTO t VALUES (zeroblob(8000000))"), IsOk());
  }
  connection_->Committed();
  EXPECT_TRUE(connection_->LostPages()) << "the writer's does not";
}

TEST_F(LongLogTest, ThatLostItsNameIsNotTakenForKeptWhileSomebodyElseCopiesIt) {
  sqlite3* dba = nullptr;
  ASSERT_EQ(sqlite3_open(path_.c_str(), &dba), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(dba, "PRAGMA user_version", nullptr, nullptr, nullptr), SQLITE_OK);
  std::filesystem::remove(path_ + "-wal");
  int asked = 0;
  CopyAnd(dba, CopyOnce, [&] {
    ++asked;
    EXPECT_FALSE(connection_->EmptyLog(0));
  });
  EXPECT_EQ(asked, 1);
  sqlite3_close(dba);
  EXPECT_TRUE(connection_->EmptyLog(0));
}

TEST_F(LongLogTest, IsNotCopiedIntoAnotherFileAtItsPath) {
  std::filesystem::rename(copy_, path_);
  const std::string before = Contents(path_);
  Commit();
  EXPECT_EQ(Contents(path_), before);
  connection_.reset();
  EXPECT_EQ(Contents(path_), before);
  EXPECT_EQ(Partner(path_).One("SELECT count(*) FROM t"), Cell(0));
}

TEST_F(LongLogTest, IsNotMixedWithAnotherLogAtItsPath) {
  std::filesystem::rename(path_ + "-wal", path_ + "-old");
  std::ofstream(path_ + "-wal");
  Commit();
  EXPECT_LT(std::filesystem::file_size(path_), 8'000'000U);
}

TEST_F(SqliteLogTest, ACheckpointerThatIsBusyWithAnotherMirrorIsNotWaitedFor) {
  const ScratchFolder elsewhere;
  sqlite3* other = nullptr;
  ASSERT_EQ(sqlite3_open_v2((elsewhere.path() + "/other.db").c_str(), &other,
                            SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_FULLMUTEX, nullptr),
            SQLITE_OK);
  {
    // The checkpointer stands before this connection's lock.
    sqlite3_mutex_enter(sqlite3_db_mutex(other));
    const Checkpointer::Task busy(checkpointer_, [other] { return CopyLog(other); });
    Begin(&checkpointer_);
    for (int i = 0; i < 40; ++i) Write();
    EXPECT_LT(longest_, SqliteLog::kLongLogPages + kWritePages);
    EXPECT_GT(longest_, SqliteLog::kLogPages + kWritePages) << "it was asked for first";
    EXPECT_FALSE(busy.Ended());
    sqlite3_mutex_leave(sqlite3_db_mutex(other));
  }
  sqlite3_close(other);
}

}  // namespace
}  // namespace mirror::sqlite_log_test
