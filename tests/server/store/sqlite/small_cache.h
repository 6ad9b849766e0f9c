#ifndef MIRROR_TESTS_SERVER_STORE_SQLITE_SMALL_CACHE_H_
#define MIRROR_TESTS_SERVER_STORE_SQLITE_SMALL_CACHE_H_

#include <gtest/gtest.h>
#include <sqlite3.h>

#include <filesystem>
#include <string>

#include "server/store/sqlite/file/sqlite_gathering_vfs.h"
#include "tests/support/rows.h"

namespace mirror {

/// A connection with a log as a mirror has it, whose cache is so small that pages are written before the end
/// of a transaction.
class SmallCache : public testing::Test {
 protected:
  /// `create`: makes the tables.
  explicit SmallCache(const std::string& create) {
    EXPECT_EQ(sqlite3_open_v2(path_.c_str(), &connection_, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE,
                              GatheringVfs(Gathered::kLog)),
              SQLITE_OK);
    DropGatheredAtRollback(connection_);
    sqlite3_extended_result_codes(connection_, 1);
    EXPECT_EQ(Run("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; " + create), SQLITE_OK);
    EXPECT_EQ(Run("PRAGMA cache_size = 10"), SQLITE_OK);
  }
  ~SmallCache() override {
    sqlite3_close(connection_);
    Partner reader(path_, true);
    EXPECT_EQ(reader.One("PRAGMA integrity_check"), Cell("ok"));
  }
  /// SQLite's extended code.
  int Run(const std::string& sql) const {
    return sqlite3_exec(connection_, sql.c_str(), nullptr, nullptr, nullptr);
  }

  const ScratchFolder folder_;
  const std::string path_ = std::filesystem::canonical(folder_.path()).string() + "/mirror.db";
  sqlite3* connection_ = nullptr;
};

}  // namespace mirror

#endif  // MIRROR_TESTS_SERVER_STORE_SQLITE_SMALL_CACHE_H_
