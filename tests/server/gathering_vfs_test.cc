// What a file holds, and when it holds it, when it is written through the gathering VFS.

#include <gtest/gtest.h>
#include <sqlite3.h>

#include <algorithm>
#include <cstdint>
#include <fstream>
#include <iterator>
#include <memory>
#include <random>
#include <string>

#include "absl/strings/str_cat.h"
#include "server/store/sqlite_gathering_vfs.h"
#include "tests/support/rows.h"

namespace mirror {
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
  EXPECT_EQ(OnDisk(), "ABcd");
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
  Close();
  EXPECT_EQ(OnDisk(), model);
}

INSTANTIATE_TEST_SUITE_P(Kind, GatheringVfsTest, testing::Values(Gathered::kLog, Gathered::kDatabase),
                         [](const auto& test) { return test.param == Gathered::kLog ? "Log" : "Database"; });

}  // namespace
}  // namespace mirror
