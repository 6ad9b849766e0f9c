// Commits behind something that was taken back, as they are found by whoever recovers their log.

#include "server/store/sqlite/file/sqlite_gathering_vfs.h"

#include <gtest/gtest.h>
#include <sqlite3.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <random>
#include <string>

#include "absl/strings/str_cat.h"
#include "server/store/sqlite/file/sqlite_connection.h"
#include "tests/server/store/sqlite/small_cache.h"
#include "tests/support/rows.h"
#include "tests/support/status_matchers.h"

namespace mirror::frame_seals_test {
namespace {

/// As it is behind a crash: the index of the log is gone.
Cell Recovered(const std::string& path, const std::string& sql) {
  const std::string copy = path + ".copy";
  for (const char* suffix : {"", "-wal"}) {
    std::filesystem::copy_file(path + suffix, copy + suffix,
                               std::filesystem::copy_options::overwrite_existing);
  }
  std::filesystem::remove(copy + "-shm");
  return Partner(copy).One(sql);
}

class FrameSealsTest : public testing::Test {
 protected:
  /// A header in `place`; `sealed`: with a checksum.
  void Header(int place, bool sealed) {
    std::array<char, FrameSeals::kHeaderBytes> header{};
    header[8] = sealed ? 1 : 0;
    seals_.Wrote(header.data(), FrameSeals::kHeaderBytes, At(place));
  }
  void Page(int place) {
    seals_.Wrote(page_.data(), static_cast<int>(page_.size()), At(place) + FrameSeals::kHeaderBytes);
  }
  void Frame(int place, bool sealed) {
    Header(place, sealed);
    Page(place);
  }
  static std::int64_t At(int place) { return 32 + 4'120LL * place; }

  FrameSeals seals_;
  std::array<char, 4'096> page_{};
};

TEST_F(FrameSealsTest, PagesOneBehindTheOther) {
  for (int i = 0; i < 10; ++i) Frame(i, true);
  EXPECT_TRUE(seals_.End());
}

TEST_F(FrameSealsTest, APageOverItsFormerPlaceAndTheHeadersFromThereOn) {
  for (int i = 0; i < 10; ++i) Frame(i, true);
  Page(4);
  for (int i = 10; i < 15; ++i) Frame(i, false);
  for (int i = 4; i < 15; ++i) Header(i, true);
  EXPECT_TRUE(seals_.End());
  Frame(15, true);
  EXPECT_TRUE(seals_.End());
}

TEST_F(FrameSealsTest, WhatWasTakenBackLeavesAPageWithout) {
  for (int i = 0; i < 10; ++i) Frame(i, true);
  Page(4);
  Frame(10, false);
  Frame(2, false);  // Back to the second.
  EXPECT_FALSE(seals_.End());
  Frame(2, true);
  EXPECT_TRUE(seals_.End()) << "the next transaction counts by itself";
}

TEST_F(FrameSealsTest, WhatWasWrittenBehindATakingBackIsNoHeaderThatWasWrittenAgain) {
  for (int i = 0; i < 10; ++i) Frame(i, true);
  for (int i = 2; i < 20; ++i) Frame(i, true);  // Back to the second.
  Page(15);
  Frame(20, false);
  Frame(10, false);  // Back to the tenth.
  EXPECT_FALSE(seals_.End());
}

TEST_F(FrameSealsTest, WhatWasTakenBackCountsNoMore) {
  for (int i = 0; i < 10; ++i) Frame(i, true);
  Page(4);
  Frame(10, false);
  Frame(2, true);  // Back to the second, by a SQLite that knows.
  EXPECT_TRUE(seals_.End());
}

TEST_F(FrameSealsTest, ALogThatBeginsAnewHasNoneOfTheFormer) {
  Frame(0, true);
  Page(0);
  Frame(1, false);
  std::array<char, 32> header{};
  seals_.Wrote(header.data(), 32, 0);
  EXPECT_TRUE(seals_.End()) << "its header is synced first";
  Frame(0, false);
  Header(0, true);
  EXPECT_TRUE(seals_.End());
}

TEST(HeldPagesTest, ACommitBehindATakingBackIsInTheLog) {
  const ScratchFolder folder;
  const std::string path = folder.path() + "/Mirror_t.db";
  auto made = SqliteConnection::Open(path, true, MirrorUse::kMirror, nullptr);
  ASSERT_THAT(made, IsOk());
  const HeldPages outer((*made)->handle());
  { const HeldPages inner((*made)->handle()); }
  for (const char* sql :
       {"CREATE TABLE m (x); INSERT INTO m VALUES (1); CREATE TABLE t (id INTEGER PRIMARY KEY, v)",
        "BEGIN IMMEDIATE; SAVEPOINT step; INSERT INTO t VALUES (1, randomblob(6000000)); UPDATE m SET x = 2",
        "INSERT INTO t VALUES (2, randomblob(6000000)); UPDATE m SET x = 3",
        "INSERT INTO t VALUES (3, randomblob(6000000))",
        "ROLLBACK TO step; RELEASE step; INSERT INTO t VALUES (4, 'kept'); COMMIT",
        "INSERT INTO t VALUES (5, 'kept, too')"}) {
    ASSERT_THAT((*made)->Execute(sql), IsOk());
  }
  EXPECT_EQ(Recovered(path, "SELECT group_concat(id) FROM t"), Cell("4,5"));
}

TEST(HeldPagesTest, LeaveTheCacheAsItWas) {
  const ScratchFolder folder;
  auto made = SqliteConnection::Open(folder.path() + "/Mirror_t.db", true, MirrorUse::kMirror, nullptr);
  ASSERT_THAT(made, IsOk());
  const auto spill = [&] {
    absl::StatusOr<Query> query = (*made)->Prepare("PRAGMA main.cache_spill");
    return query.ok() && query->Step().value_or(false) ? query->Int(0) : -1;
  };
  const std::int64_t before = spill();
  {
    const HeldPages held((*made)->handle());
    EXPECT_GT(spill(), 7'000);
  }
  EXPECT_GT(before, 500);
  EXPECT_LT(before, 1'100);
  EXPECT_EQ(spill(), before);
}

class CommitOfASmallCache : public SmallCache {
 protected:
  CommitOfASmallCache()
      : SmallCache("PRAGMA wal_autocheckpoint = 0; CREATE TABLE t (id INTEGER PRIMARY KEY, v)") {}
};

TEST_F(CommitOfASmallCache, IsRefusedWhereItsLogLacksAChecksum) {
  ASSERT_EQ(Run("INSERT INTO t VALUES (9, 'before')"), SQLITE_OK);
  const std::string put = "REPLACE INTO t VALUES (";
  ASSERT_EQ(Run(absl::StrCat("BEGIN; SAVEPOINT s; ", put, "1, randomblob(300000)); ", put,
                             "2, randomblob(300000)); ", put, "1, randomblob(300000)); ROLLBACK TO s; ",
                             "RELEASE s; ", put, "4, 'lost')")),
            SQLITE_OK);
  EXPECT_EQ(Run("COMMIT"), SQLITE_IOERR_DATA);
  Run("ROLLBACK");
  EXPECT_EQ(Run("INSERT INTO t VALUES (5, 'behind')"), SQLITE_OK);
  EXPECT_EQ(Recovered(path_, "SELECT group_concat(id) FROM t"), Cell("5,9"));
}

TEST_F(CommitOfASmallCache, IsInTheLogOrRefusedWhateverWasTakenBack) {
  std::random_device device;
  const char* const given = std::getenv("MIRROR_TEST_SEED");
  const unsigned seed = given != nullptr ? static_cast<unsigned>(std::stoul(given)) : device();
  std::cout << "MIRROR_TEST_SEED=" << seed << std::endl;
  std::mt19937 random(seed);
  int refused = 0;
  for (int round = 0; round < 60; ++round) {
    Run("BEGIN");
    int open = 0;
    for (std::uint_fast32_t i = 0, steps = 2 + random() % 10; i < steps; ++i) {
      switch (random() % 4) {
        case 0:
          Run("SAVEPOINT s");
          ++open;
          break;
        case 1:
          if (open > 0) Run("ROLLBACK TO s");
          break;
        default:
          Run(absl::StrCat("REPLACE INTO t VALUES (", random() % 6, ", randomblob(", 1 + random() % 200'000,
                           "))"));
      }
    }
    const int code = Run("COMMIT");
    if (code != SQLITE_OK) {
      ASSERT_EQ(code, SQLITE_IOERR_DATA);
      ++refused;
      Run("ROLLBACK");
    }
    const std::string all = "SELECT group_concat(id || hex(substr(v, 1, 8)) || length(v)) FROM t";
    ASSERT_EQ(Recovered(path_, all), Partner(path_, true).One(all)) << "round " << round;
  }
  EXPECT_LT(refused, 60);
}

}  // namespace
}  // namespace mirror::frame_seals_test
