// How long a log gets while its mirror is written to without a pause.

#include <gtest/gtest.h>
#include <sqlite3.h>

#include <algorithm>
#include <filesystem>
#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "server/store/sqlite_log.h"
#include "tests/support/rows.h"

namespace mirror {
namespace {

constexpr int kPageBytes = 4'096 + 24;  // With its frame.

class SqliteLogTest : public testing::Test {
 protected:
  SqliteLogTest() {
    writer_ = Connect();
    Run("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; CREATE TABLE t (v)");
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
  /// About 2,000 pages. Returns the size of the log in pages.
  int Write() {
    Run("INSERT INTO t VALUES (zeroblob(8000000))");
    log_->Committed();
    longest_ = std::max(longest_, Pages());
    return Pages();
  }
  int Pages() const { return static_cast<int>(std::filesystem::file_size(path_ + "-wal") / kPageBytes); }

  const ScratchFolder folder_;
  const std::string path_ = folder_.path() + "/mirror.db";
  sqlite3* writer_ = nullptr;
  bool may_open_ = true;
  int opened_ = 0, longest_ = 0;
  std::optional<SqliteLog> log_;
};

constexpr int kWritesInALog = SqliteLog::kLogPages / 1'950 + 2;

TEST_F(SqliteLogTest, WithoutACheckpointerTheWriterCopiesItself) {
  Begin(nullptr);
  for (int i = 0; i < 12; ++i) Write();
  EXPECT_LT(longest_, SqliteLog::kLogPages + 2'500);
  EXPECT_EQ(opened_, 0);
}

TEST_F(SqliteLogTest, WhereNoOtherConnectionCanBeHadTheWriterCopiesItself) {
  Checkpointer checkpointer;
  may_open_ = false;
  Begin(&checkpointer);
  for (int i = 0; i < 12; ++i) Write();
  EXPECT_LT(longest_, SqliteLog::kLogPages + 2'500);
  EXPECT_GT(opened_, 0);
}

TEST_F(SqliteLogTest, WithACheckpointerItStaysWithinItsLimitAndBeginsAnew) {
  Checkpointer checkpointer;
  Begin(&checkpointer);
  for (int i = 0; i < 40; ++i) Write();
  EXPECT_LT(longest_, SqliteLog::kLongLogPages + 2'500) << "80,000 pages were written";
  EXPECT_EQ(opened_, 1) << "one connection serves until Leave()";
  log_->Leave();
  for (int i = 0; i < kWritesInALog; ++i) Write();
  EXPECT_EQ(opened_, 2);
  sqlite3* const reader = Connect();
  sqlite3_stmt* count = nullptr;
  ASSERT_EQ(sqlite3_prepare_v2(reader, "SELECT count(*) FROM t", -1, &count, nullptr), SQLITE_OK);
  ASSERT_EQ(sqlite3_step(count), SQLITE_ROW);
  EXPECT_EQ(sqlite3_column_int(count, 0), 40 + kWritesInALog);
  sqlite3_finalize(count);
  sqlite3_close(reader);
}

TEST_F(SqliteLogTest, ACheckpointerThatIsBusyWithAnotherMirrorIsNotWaitedFor) {
  Checkpointer checkpointer;
  const ScratchFolder elsewhere;
  sqlite3* other = nullptr;
  ASSERT_EQ(sqlite3_open_v2((elsewhere.path() + "/other.db").c_str(), &other,
                            SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_FULLMUTEX, nullptr),
            SQLITE_OK);
  {
    // The checkpointer stands before this connection's lock.
    sqlite3_mutex_enter(sqlite3_db_mutex(other));
    const Checkpointer::Copy busy(checkpointer, other);
    Begin(&checkpointer);
    for (int i = 0; i < 40; ++i) Write();
    EXPECT_LT(longest_, SqliteLog::kLongLogPages + 2'500);
    EXPECT_GT(longest_, SqliteLog::kLogPages + 2'500) << "it was asked for first";
    EXPECT_FALSE(busy.Ended());
    sqlite3_mutex_leave(sqlite3_db_mutex(other));
  }
  sqlite3_close(other);
}

}  // namespace
}  // namespace mirror
