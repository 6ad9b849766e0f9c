// The zeros that are appended to a log ahead of small commits.

#include <gtest/gtest.h>
#include <sqlite3.h>
#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <random>
#include <string>
#include <thread>

#include "absl/strings/str_cat.h"
#include "server/store/sqlite/file/sqlite_gathering_vfs.h"
#include "server/store/sqlite/file/sqlite_log.h"
#include "tests/support/rows.h"

namespace mirror::log_growth_test {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kPageBytes = 4'096 + 24;

std::string Bytes(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

class LogGrowthTest : public testing::Test {
 protected:
  LogGrowthTest() {
    writer_ = Connect(GatheringVfs(Gathered::kLog));
    Run("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; CREATE TABLE t (id INTEGER PRIMARY KEY, v)");
  }
  ~LogGrowthTest() override {
    log_.reset();
    sqlite3_close(writer_);
  }

  sqlite3* Connect(const char* vfs) const {
    sqlite3* connection = nullptr;
    EXPECT_EQ(sqlite3_open_v2(path_.c_str(), &connection, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, vfs),
              SQLITE_OK);
    sqlite3_busy_timeout(connection, 10'000);
    return connection;
  }
  static void Run(sqlite3* connection, const std::string& sql) {
    ASSERT_EQ(sqlite3_exec(connection, sql.c_str(), nullptr, nullptr, nullptr), SQLITE_OK)
        << sqlite3_errmsg(connection);
  }
  void Run(const std::string& sql) const { Run(writer_, sql); }
  void Begin() {
    log_.emplace(writer_, &checkpointer_, []() -> sqlite3* { return nullptr; });
  }
  /// Of three pages about.
  void Push() {
    Run(absl::StrCat("INSERT INTO t VALUES (", ++pushed_, ", zeroblob(5000))"));
    log_->Committed();
  }
  std::int64_t Length() const { return static_cast<std::int64_t>(fs::file_size(wal_)); }
  /// What a process finds that comes after all others have died.
  void ExpectKept(std::int64_t rows) const {
    const std::string copy = folder_.path() + "/copy.db";
    fs::copy_file(path_, copy, fs::copy_options::overwrite_existing);
    fs::copy_file(wal_, copy + "-wal", fs::copy_options::overwrite_existing);
    fs::remove(copy + "-shm");
    Partner reader(copy, true);
    EXPECT_EQ(reader.One("SELECT count(*) FROM t"), Cell(rows));
    EXPECT_EQ(reader.One("PRAGMA integrity_check"), Cell("ok"));
  }

  const ScratchFolder folder_;
  const std::string path_ = folder_.path() + "/mirror.db", wal_ = path_ + "-wal";
  sqlite3* writer_ = nullptr;
  int pushed_ = 0;
  Checkpointer checkpointer_;
  std::optional<SqliteLog> log_;
};

TEST_F(LogGrowthTest, SmallCommitsFindZerosAheadOfThem) {
  Begin();
  const std::string zeros(LogGrowth::kStepMin / 4, '\0');
  bool ahead = false;
  while (!ahead && pushed_ < 2'000) {
    Push();
    const std::string log = Bytes(wal_);
    ahead = log.ends_with(zeros);
  }
  EXPECT_TRUE(ahead) << "nothing was appended within " << pushed_ << " commits";
  ExpectKept(pushed_);
  while (pushed_ < 1'000) Push();
  int pages = 0;
  sqlite3_wal_checkpoint_v2(writer_, "main", SQLITE_CHECKPOINT_PASSIVE, &pages, nullptr);
  log_.reset();
  const std::int64_t used = 32 + pages * kPageBytes;
  EXPECT_LE(Length(), used + std::min(used, LogGrowth::kStepMax));
  ExpectKept(pushed_);
}

TEST_F(LogGrowthTest, BulkCommitsAreLeftAlone) {
  Begin();
  for (int i = 0; i < 10; ++i) {
    Run(absl::StrCat("REPLACE INTO t VALUES (1, zeroblob(", LogGrowth::kSmallCommitPages * 5'000, "))"));
    log_->Committed();
  }
  log_.reset();
  int pages = 0;
  sqlite3_wal_checkpoint_v2(writer_, "main", SQLITE_CHECKPOINT_PASSIVE, &pages, nullptr);
  EXPECT_EQ(Length(), 32 + pages * kPageBytes);
}

TEST_F(LogGrowthTest, AnEmptiedLogStaysEmpty) {
  Begin();
  for (int i = 0; i < 30; ++i) {
    for (int j = 0; j < 40; ++j) Push();
    ASSERT_TRUE(log_->Empty());
    ASSERT_EQ(Length(), 0);
  }
  Partner reader(path_, true);
  EXPECT_EQ(reader.One("SELECT count(*) FROM t"), Cell(pushed_));
}

TEST_F(LogGrowthTest, WhatOthersWriteMeanwhileIsNeverCovered) {
  std::mt19937_64 random(TestSeed());
  std::atomic<bool> done = false;
  // Another process may write, too, and truncate.
  sqlite3* const other = Connect(nullptr);
  std::thread growing([&] {
    constexpr std::int64_t kMost = 8 << 20;
    while (!done) {
      const std::int64_t length = Length();
      if (length < kMost) GrowLog(wal_, 0, length + 20'000);
    }
  });
  for (int i = 0; i < 400; ++i) {
    sqlite3* const who = random() % 3 == 0 ? other : writer_;
    Run(who, absl::StrCat("INSERT INTO t VALUES (", ++pushed_, ", randomblob(", 1 + random() % 60'000, "))"));
    if (random() % 20 == 0)
      sqlite3_wal_checkpoint_v2(who, "main", SQLITE_CHECKPOINT_TRUNCATE, nullptr, nullptr);
    if (random() % 20 == 0) ExpectKept(pushed_);
  }
  done = true;
  growing.join();
  ExpectKept(pushed_);
  sqlite3_close(other);
}

TEST_F(LogGrowthTest, ADiskThatTakesNoMoreIsNotAskedAgain) {
  LogGrowth growth(checkpointer_, wal_);
  // As if there were so many: the file must have as much.
  const int pages = 300;
  fs::resize_file(wal_, 32 + pages * kPageBytes);
  rlimit before{};
  getrlimit(RLIMIT_FSIZE, &before);
  const rlimit lower{static_cast<rlim_t>(Length() + 100'000), before.rlim_max};
  const auto ignored = std::signal(SIGXFSZ, SIG_IGN);
  setrlimit(RLIMIT_FSIZE, &lower);
  const auto ask = [&] {
    growth.Committed(pages - 1);
    growth.Committed(pages);
    // What was asked for has been done by then.
    const Checkpointer::Task behind(checkpointer_, [] { return 0; });
    while (!behind.Ended()) std::this_thread::yield();
  };
  ask();
  EXPECT_EQ(Length(), static_cast<std::int64_t>(lower.rlim_cur)) << "it asks for more than there is room for";
  setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, ignored);
  ask();
  EXPECT_EQ(Length(), static_cast<std::int64_t>(lower.rlim_cur));
  // An emptied log begins again.
  growth.End();
  ask();
  EXPECT_GT(Length(), static_cast<std::int64_t>(lower.rlim_cur));
  ExpectKept(0);
}

TEST_F(LogGrowthTest, AFileThatLacksWhatWasWrittenIsAnotherOne) {
  const std::int64_t before = Length();
  EXPECT_EQ(GrowLog(wal_, before + 1, before + 100'000), 0);
  EXPECT_EQ(Length(), before);
  EXPECT_EQ(GrowLog(wal_, before, before + 100'000), before + 100'000);
  EXPECT_EQ(Length(), before + 100'000);
}

TEST_F(LogGrowthTest, NoFileIsMadeAndNoLinkFollowed) {
  const std::string none = folder_.path() + "/none", link = folder_.path() + "/link";
  EXPECT_EQ(GrowLog(none, 0, 100'000), 0);
  EXPECT_FALSE(fs::exists(none));
  const std::string aim = folder_.path() + "/aim";
  std::ofstream(aim) << "x";
  fs::create_symlink(aim, link);
  EXPECT_EQ(GrowLog(link, 0, 100'000), 0);
  EXPECT_EQ(fs::file_size(aim), 1U);
}

}  // namespace
}  // namespace mirror::log_growth_test
