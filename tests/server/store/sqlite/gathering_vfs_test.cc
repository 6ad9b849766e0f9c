// What a file holds, and when it holds it, when it is written through the gathering VFS.

#include <gtest/gtest.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/resource.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <random>
#include <string>

#include "absl/strings/str_cat.h"
#include "server/store/sqlite/file/sqlite_gathering_vfs.h"
#include "tests/support/rows.h"

namespace mirror::gathering_vfs_test {
namespace {

/// One file, opened as SQLite opens the log of a mirror or a mirror that is being built.
class GatheringVfsTest : public testing::TestWithParam<Gathered> {
 protected:
  void SetUp() override {
    vfs_ = sqlite3_vfs_find(GatheringVfs(GetParam()));
    ASSERT_NE(vfs_, nullptr);
    memory_.resize((static_cast<std::size_t>(vfs_->szOsFile) + sizeof(std::int64_t) - 1) /
                   sizeof(std::int64_t));
    // The log of a database gets that one's mode.
    std::ofstream(folder_.path() + "/mirror.db").put('x');
    const int kind = GetParam() == Gathered::kLog ? SQLITE_OPEN_WAL : SQLITE_OPEN_MAIN_DB;
    ASSERT_EQ(
        vfs_->xOpen(vfs_, path_.c_str(), file(), kind | SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, nullptr),
        SQLITE_OK);
  }
  void TearDown() override { Close(); }

  sqlite3_file* file() { return reinterpret_cast<sqlite3_file*>(memory_.data()); }
  const sqlite3_io_methods& methods() { return *file()->pMethods; }

  void Close() {
    if (file()->pMethods == nullptr) return;
    EXPECT_EQ(methods().xClose(file()), SQLITE_OK);
    file()->pMethods = nullptr;
  }
  void Write(const std::string& bytes, std::size_t to) {
    const auto place = static_cast<sqlite3_int64>(to);
    ASSERT_EQ(methods().xWrite(file(), bytes.data(), static_cast<int>(bytes.size()), place), SQLITE_OK);
  }
  std::string Read(std::size_t from, std::size_t count) {
    std::string bytes(count, '\0');
    const int code =
        methods().xRead(file(), bytes.data(), static_cast<int>(count), static_cast<sqlite3_int64>(from));
    EXPECT_TRUE(code == SQLITE_OK || code == SQLITE_IOERR_SHORT_READ) << code;
    return bytes;
  }
  std::size_t Size() {
    sqlite3_int64 size = -1;
    EXPECT_EQ(methods().xFileSize(file(), &size), SQLITE_OK);
    return static_cast<std::size_t>(size);
  }
  int Control(int operation) {
    const int code = methods().xFileControl(file(), operation, nullptr);
    return code == SQLITE_NOTFOUND ? SQLITE_OK : code;
  }
  /// As others see it.
  std::string OnDisk() const {
    std::ifstream disk(path_, std::ios::binary);
    return {std::istreambuf_iterator<char>(disk), {}};
  }

  const ScratchFolder folder_;
  const std::string path_ = folder_.path() + "/mirror.db-wal";
  sqlite3_vfs* vfs_ = nullptr;
  std::vector<std::int64_t> memory_;
};

TEST_P(GatheringVfsTest, WhatIsWrittenInARowWaitsUntilItIsSyncedOrReadOrMeasured) {
  Write("ab", 0);
  Write("cd", 2);
  EXPECT_EQ(OnDisk(), "");
  EXPECT_EQ(methods().xSync(file(), SQLITE_SYNC_NORMAL), SQLITE_OK);
  EXPECT_EQ(OnDisk(), "abcd");

  Write("ef", 4);
  EXPECT_EQ(Read(0, 4), "abcd");
  EXPECT_EQ(OnDisk(), "abcd") << "another place was read";
  EXPECT_EQ(Read(3, 2), "de");
  EXPECT_EQ(OnDisk(), "abcdef");

  Write("gh", 6);
  EXPECT_EQ(Size(), 8U);
  Write("ij", 8);
  Write("A", 0);
  EXPECT_EQ(OnDisk(), "abcdefghij") << "the place is another";
  EXPECT_EQ(Control(SQLITE_FCNTL_SYNC), SQLITE_OK);
  EXPECT_EQ(OnDisk(), "Abcdefghij");

  Write("B", 1);
  EXPECT_EQ(methods().xTruncate(file(), 3), SQLITE_OK);
  EXPECT_EQ(OnDisk(), "ABc");
  Write("d", 3);
  Close();
  EXPECT_EQ(OnDisk(), "ABc") << "no transaction has ended with it";
}

/// Nothing can be written behind the first `bytes` of any file of this process.
class FilesEndAt {
 public:
  explicit FilesEndAt(rlim_t bytes) {
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit limit{bytes, before_.rlim_max};
    setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FilesEndAt() { setrlimit(RLIMIT_FSIZE, &before_); }

 private:
  rlimit before_{};
};

TEST_P(GatheringVfsTest, WhatCouldNotBeWrittenIsAskedForInVain) {
  Write("abcd", 0);
  ASSERT_EQ(methods().xSync(file(), SQLITE_SYNC_NORMAL), SQLITE_OK);
  Write("efgh", 4);
  {
    const FilesEndAt limit(4);
    char byte = 0;
    EXPECT_NE(methods().xRead(file(), &byte, 1, 5), SQLITE_OK);
  }
  char byte = 0;
  EXPECT_NE(methods().xRead(file(), &byte, 1, 5), SQLITE_OK) << "also when there is room again";
  EXPECT_NE(methods().xWrite(file(), "i", 1, 8), SQLITE_OK);
  EXPECT_NE(methods().xSync(file(), SQLITE_SYNC_NORMAL), SQLITE_OK);
  EXPECT_NE(Control(SQLITE_FCNTL_SYNC), SQLITE_OK);
  EXPECT_EQ(Read(0, 4), "abcd");
}

TEST_P(GatheringVfsTest, AnyOrderOfCallsLeavesWhatAPlainFileWouldHold) {
  std::mt19937_64 random(TestSeed());
  const auto below = [&](std::size_t limit) { return static_cast<std::size_t>(random() % limit); };
  std::string model;
  std::size_t end = 0;
  for (int i = 0; i < 20'000; ++i) {
    switch (below(12)) {
      case 0: {
        const std::size_t from = below(model.size() + 10), count = 1 + below(5'000);
        std::string expected = from < model.size() ? model.substr(from, count) : "";
        expected.resize(count, '\0');
        ASSERT_EQ(Read(from, count), expected) << i;
        break;
      }
      case 1:
        ASSERT_EQ(Size(), model.size()) << i;
        break;
      case 2: {
        if (below(20) != 0) break;
        const std::size_t size = below(model.size() + 1);
        ASSERT_EQ(methods().xTruncate(file(), static_cast<sqlite3_int64>(size)), SQLITE_OK);
        model.resize(size);
        end = size;
        break;
      }
      case 3:
        if (below(10) != 0) break;
        ASSERT_EQ(below(2) == 0 ? methods().xSync(file(), SQLITE_SYNC_NORMAL) : Control(SQLITE_FCNTL_SYNC),
                  SQLITE_OK);
        ASSERT_EQ(OnDisk(), model) << i;
        break;
      default: {
        const std::size_t to = below(8) == 0 ? below(model.size() + 1) : end;
        const std::size_t count = below(30) == 0 ? 1 + below(100'000) : below(2) == 0 ? 24 : 1 + below(4'096);
        const std::string bytes(count, static_cast<char>('a' + below(26)));
        Write(bytes, to);
        model.resize(std::max(model.size(), to + count));
        model.replace(to, count, bytes);
        end = to + count;
        if (model.size() > 3'000'000) {
          ASSERT_EQ(methods().xTruncate(file(), 0), SQLITE_OK);
          model.clear();
          end = 0;
        }
      }
    }
  }
  ASSERT_EQ(methods().xSync(file(), SQLITE_SYNC_NORMAL), SQLITE_OK);
  EXPECT_EQ(OnDisk(), model);
}

INSTANTIATE_TEST_SUITE_P(Kind, GatheringVfsTest, testing::Values(Gathered::kLog, Gathered::kDatabase),
                         [](const auto& test) { return test.param == Gathered::kLog ? "Log" : "Database"; });

/// The server's connection over the VFS, with a cache of a few pages, and another program's.
class GatheredLogTest : public testing::Test {
 protected:
  GatheredLogTest() {
    EXPECT_EQ(sqlite3_open_v2(path_.c_str(), &server_, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE,
                              GatheringVfs(Gathered::kLog)),
              SQLITE_OK);
    Server(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; CREATE TABLE t (id INTEGER PRIMARY KEY, v)");
    Server(
        "WITH RECURSIVE n(i) AS (VALUES(1) UNION ALL SELECT i + 1 FROM n WHERE i < 200) "
        "INSERT INTO t SELECT i, zeroblob(3000) FROM n");
    Server("PRAGMA wal_checkpoint(TRUNCATE); PRAGMA cache_size = 10");
    DropGatheredAtRollback(server_);
  }
  ~GatheredLogTest() override { sqlite3_close(server_); }

  void Server(const std::string& sql) {
    ASSERT_EQ(sqlite3_exec(server_, sql.c_str(), nullptr, nullptr, nullptr), SQLITE_OK)
        << sqlite3_errmsg(server_);
  }

  const ScratchFolder folder_;
  const std::string path_ = folder_.path() + "/mirror.db";
  sqlite3* server_ = nullptr;
};

TEST_F(GatheredLogTest, PagesOfATransactionThatIsNoMoreAreNotWrittenOverAnothersThatIs) {
  for (const char* const back : {"ROLLBACK", "ROLLBACK TO s; RELEASE s; ROLLBACK"}) {
    SCOPED_TRACE(back);
    Server("BEGIN IMMEDIATE; SAVEPOINT s; UPDATE t SET v = zeroblob(3001)");
    Server(back);
    {
      Partner partner(path_);
      partner.Run("UPDATE t SET v = 'partner' || id");
      Server("UPDATE t SET v = v || '!' WHERE id = 7");
      EXPECT_EQ(partner.One("SELECT count(*) FROM t WHERE v LIKE 'partner%'"), Cell(200));
      EXPECT_EQ(partner.One("PRAGMA integrity_check"), Cell("ok"));
    }
    // As after a crash: the log is read by its checksums.
    const std::string copy = folder_.path() + "/copy.db";
    std::filesystem::copy_file(path_, copy, std::filesystem::copy_options::overwrite_existing);
    std::filesystem::copy_file(path_ + "-wal", copy + "-wal",
                               std::filesystem::copy_options::overwrite_existing);
    Partner after(copy);
    EXPECT_EQ(after.One("SELECT v FROM t WHERE id = 7"), Cell("partner7!"));
    EXPECT_EQ(after.One("SELECT count(*) FROM t WHERE v LIKE 'partner%'"), Cell(200));
    EXPECT_EQ(after.One("PRAGMA integrity_check"), Cell("ok"));
  }
}

TEST_F(GatheredLogTest, PagesThatAreTakenBackAndWrittenAgainAreTheLastOnes) {
  Server("BEGIN IMMEDIATE; UPDATE t SET v = 'first' || id");
  Server("SAVEPOINT s; UPDATE t SET v = zeroblob(3001); ROLLBACK TO s");
  Server("UPDATE t SET v = v || '!' WHERE id = 9; COMMIT");
  Partner partner(path_);
  EXPECT_EQ(partner.One("SELECT count(*) FROM t WHERE v LIKE 'first%'"), Cell(200));
  EXPECT_EQ(partner.One("SELECT v FROM t WHERE id = 9"), Cell("first9!"));
  EXPECT_EQ(partner.One("PRAGMA integrity_check"), Cell("ok"));
}

}  // namespace
}  // namespace mirror::gathering_vfs_test
