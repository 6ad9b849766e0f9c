// The zeros with which a copying of the log lengthens the mirror's file.

#include <gtest/gtest.h>
#include <sqlite3.h>
#include <sys/resource.h>

#include <csignal>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "absl/strings/str_cat.h"
#include "server/store/sqlite/file/sqlite_gathering_vfs.h"
#include "tests/support/rows.h"

namespace mirror::lengthened_file_test {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kPageBytes = 4'096;

class LengthenedFile : public testing::Test {
 protected:
  LengthenedFile() {
    EXPECT_EQ(sqlite3_open_v2(path_.c_str(), &writer_, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE,
                              GatheringVfs(Gathered::kLog)),
              SQLITE_OK);
    Run("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 0; "
        "CREATE TABLE t (id INTEGER PRIMARY KEY, v)");
    Copy();
  }
  ~LengthenedFile() override { sqlite3_close(writer_); }

  void Run(const std::string& sql) const {
    ASSERT_EQ(sqlite3_exec(writer_, sql.c_str(), nullptr, nullptr, nullptr), SQLITE_OK)
        << sqlite3_errmsg(writer_);
  }
  /// About a megabyte.
  void Commit() {
    ++commits_;
    Run(
        absl::StrCat("INSERT INTO t SELECT NULL, randomblob(3000) FROM (WITH RECURSIVE n(i) AS (SELECT 1 "
                     "UNION ALL SELECT i + 1 FROM n WHERE i < 300) SELECT i FROM n)"));
  }
  int Copy() const {
    return sqlite3_wal_checkpoint_v2(writer_, "main", SQLITE_CHECKPOINT_PASSIVE, nullptr, nullptr);
  }
  std::int64_t Length() const { return static_cast<std::int64_t>(fs::file_size(path_)); }
  std::int64_t Pages() { return Partner(path_, true).One("PRAGMA page_count").integer; }
  std::string Tail(std::int64_t bytes) const {
    std::ifstream file(path_, std::ios::binary);
    file.seekg(-bytes, std::ios::end);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  /// What a process finds that comes after all others have died.
  void ExpectKept() const {
    const std::string copy = folder_.path() + "/copy.db";
    fs::copy_file(path_, copy, fs::copy_options::overwrite_existing);
    fs::copy_file(path_ + "-wal", copy + "-wal", fs::copy_options::overwrite_existing);
    fs::remove(copy + "-shm");
    Partner reader(copy);
    EXPECT_EQ(reader.One("SELECT count(*) FROM t"), Cell(300 * commits_));
    EXPECT_EQ(reader.One("PRAGMA integrity_check"), Cell("ok"));
  }

  const ScratchFolder folder_;
  const std::string path_ = folder_.path() + "/mirror.db";
  sqlite3* writer_ = nullptr;
  int commits_ = 0;
};

TEST_F(LengthenedFile, AFileEndsWithItsLastPageWhereAllIsCopied) {
  for (int i = 0; i < 3; ++i) {
    Commit();
    ASSERT_EQ(Copy(), SQLITE_OK);
    EXPECT_EQ(Length(), Pages() * kPageBytes);
    ExpectKept();
  }
}

TEST_F(LengthenedFile, ZerosStandOnlyWherePagesAreStillInTheLog) {
  Commit();
  Partner reader(path_, true);
  reader.Run("BEGIN");
  EXPECT_EQ(reader.One("SELECT count(*) FROM t"), Cell(300));
  Commit();

  ASSERT_EQ(Copy(), SQLITE_OK) << "up to what the reader sees";

  EXPECT_EQ(Length(), Pages() * kPageBytes);
  const std::int64_t tail = kPageBytes * 200;
  EXPECT_EQ(Tail(tail), std::string(static_cast<std::size_t>(tail), '\0'))
      << "a fifth of the second megabyte";
  EXPECT_EQ(reader.One("SELECT count(*) FROM t"), Cell(300));
  EXPECT_EQ(reader.One("PRAGMA integrity_check"), Cell("ok"));
  EXPECT_EQ(Partner(path_, true).One("SELECT count(*) FROM t"), Cell(600));
  ExpectKept();
  reader.Run("COMMIT");
  ASSERT_EQ(Copy(), SQLITE_OK);
  EXPECT_NE(Tail(tail), std::string(static_cast<std::size_t>(tail), '\0'));
  ExpectKept();
}

TEST_F(LengthenedFile, ADiskThatTakesNoMoreHarmsNothing) {
  Commit();
  ASSERT_EQ(Copy(), SQLITE_OK);
  Commit();
  rlimit before{};
  getrlimit(RLIMIT_FSIZE, &before);
  const rlimit lower{static_cast<rlim_t>(Length() + 300'000), before.rlim_max};
  const auto ignored = std::signal(SIGXFSZ, SIG_IGN);
  setrlimit(RLIMIT_FSIZE, &lower);
  EXPECT_NE(Copy(), SQLITE_OK);
  setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, ignored);
  EXPECT_EQ(Partner(path_, true).One("SELECT count(*) FROM t"), Cell(600));
  ExpectKept();

  ASSERT_EQ(Copy(), SQLITE_OK);
  EXPECT_EQ(Length(), Pages() * kPageBytes);
  ExpectKept();
}

}  // namespace
}  // namespace mirror::lengthened_file_test
