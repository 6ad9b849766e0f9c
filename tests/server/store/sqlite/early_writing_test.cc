// Large transactions whose pages begin their way to the disk before their sync. That calls of the system are
// made for it, and none for a small one, is shown by tests/python/first_cycle_test.py.

#include "server/store/sqlite/file/early_writing.h"

#include <gtest/gtest.h>
#include <sqlite3.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "absl/strings/str_cat.h"
#include "server/store/sqlite/file/sqlite_gathering_vfs.h"
#include "tests/support/rows.h"

namespace mirror {
namespace {

constexpr std::int64_t kStep = EarlyWriting::kStepBytes;

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
  EarlyWritingTest() { std::ofstream(path_) << "a log"; }

  const ScratchFolder folder_;
  const std::string path_ = std::filesystem::canonical(folder_.path()).string() + "/log";
};

TEST_F(EarlyWritingTest, TheFileIsOpenFromAStepOnAndUntilTheEnd) {
  EarlyWriting early(path_);
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

TEST_F(EarlyWritingTest, WhatIsWrittenElsewhereBeginsAnew) {
  EarlyWriting early(path_);
  early.Wrote(0, kStep - 1);
  early.Wrote(10 * kStep, kStep - 1);
  early.Wrote(kStep - 1, 1);
  EXPECT_EQ(DescriptorsOf(path_), 0);
}

TEST_F(EarlyWritingTest, ItGoesWithItsFile) {
  {
    EarlyWriting early(path_);
    early.Wrote(0, kStep);
    EXPECT_EQ(DescriptorsOf(path_), 1);
  }
  EXPECT_EQ(DescriptorsOf(path_), 0);
}

TEST_F(EarlyWritingTest, AFileThatIsGoneAndAPipeInItsPlaceDoNoHarm) {
  std::filesystem::remove(path_);
  EarlyWriting early(path_);
  early.Wrote(0, kStep);
  early.End();
  ASSERT_EQ(mkfifo(path_.c_str(), 0600), 0);
  early.Wrote(0, kStep);  // Would wait for a writer.
  early.Wrote(kStep, kStep);
}

TEST(EarlyWritingOfALog, HoldsADescriptorWithinALargeTransactionAlone) {
  const ScratchFolder folder;
  const std::string path = std::filesystem::canonical(folder.path()).string() + "/mirror.db";
  const std::string log = path + "-wal";
  sqlite3* connection = nullptr;
  ASSERT_EQ(sqlite3_open_v2(path.c_str(), &connection, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE,
                            GatheringVfs(Gathered::kLog)),
            SQLITE_OK);
  DropGatheredAtRollback(connection);
  const auto run = [&](const std::string& sql) {
    ASSERT_EQ(sqlite3_exec(connection, sql.c_str(), nullptr, nullptr, nullptr), SQLITE_OK)
        << sql << ": " << sqlite3_errmsg(connection);
  };
  run("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; CREATE TABLE t (v)");
  run("PRAGMA cache_size = 10");
  const int of_sqlite = DescriptorsOf(log);
  ASSERT_EQ(of_sqlite, 1);
  for (const std::string end : {"COMMIT", "ROLLBACK"}) {
    run("BEGIN");
    run("INSERT INTO t VALUES (randomblob(10000))");
    EXPECT_EQ(DescriptorsOf(log), of_sqlite);
    run("INSERT INTO t VALUES (randomblob(4000000))");
    EXPECT_EQ(DescriptorsOf(log), of_sqlite + 1) << "the cache is small: pages were written already";
    run(end);
    EXPECT_EQ(DescriptorsOf(log), of_sqlite) << end;
  }
  sqlite3_close(connection);
  Partner reader(path, true);
  EXPECT_EQ(reader.One("SELECT count(*) FROM t"), Cell(2));
  EXPECT_EQ(reader.One("PRAGMA integrity_check"), Cell("ok"));
}

}  // namespace
}  // namespace mirror
