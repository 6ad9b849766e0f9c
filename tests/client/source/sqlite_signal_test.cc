#include "client/source/sqlite/sqlite_signal.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <optional>
#include <thread>

#include "client/source/sqlite/log/change_log.h"
#include "tests/client/source/source_database.h"
#include "tests/support/status_matchers.h"

namespace mirror::sqlite_signal_test {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::HasSubstr;
using Heard = ChangeSignal::Heard;

/// Longer than any commit takes to be seen on a busy machine.
constexpr seconds kLong(60);
/// Long enough for several looks.
constexpr milliseconds kShort(400);

class SqliteSignalTest : public testing::TestWithParam<const char*> {
 protected:
  SqliteSignalTest() {
    Start();
    ChangeLogOptions options = {.path = Path(), .host = "here"};
    options.owner = {.context_id = "Cust", .state_dir = "/state", .host = "here"};
    auto log = ChangeLog::Install(options);
    EXPECT_THAT(log, IsOk());
    if (log.ok()) EXPECT_THAT((*log)->Renew({"t"}).status(), IsOk());
  }
  void Start() {
    app_.emplace(Path());
    app_->Run(std::string("PRAGMA journal_mode = ") + GetParam());
    app_->Run("CREATE TABLE t(id INTEGER PRIMARY KEY, v); CREATE TABLE other(v)");
  }
  std::string Path() const { return folder_ / "crm.db"; }
  Heard Wait(std::chrono::nanoseconds most) { return signal_->Wait(most, std::stop_token()); }
  bool IsWal() const { return std::string(GetParam()) == "WAL"; }

  TempFolder folder_;
  std::optional<Application> app_;
  FileWatcher watcher_;
  std::unique_ptr<SqliteSignal> signal_ = std::make_unique<SqliteSignal>(Path(), watcher_);
};

TEST_P(SqliteSignalTest, HearsEachCommitOfALoggedTable) {
  ASSERT_THAT(signal_->Mark(), IsOk());
  EXPECT_EQ(signal_->WritersWait(), !IsWal());
  EXPECT_EQ(Wait(kShort), Heard::kNothing);
  for (const char* const sql : {"INSERT INTO t VALUES (1, 'a')", "UPDATE t SET v = 'b'", "DELETE FROM t"}) {
    app_->Run(sql);
    EXPECT_EQ(Wait(kLong), Heard::kChange) << sql;
    EXPECT_EQ(Wait(kLong), Heard::kChange) << "it is a change until a run has begun";
    ASSERT_THAT(signal_->Mark(), IsOk());
    EXPECT_EQ(Wait(kShort), Heard::kNothing);
  }
}

TEST_P(SqliteSignalTest, ALookThatFindsNothingIsQuietAsOfItsBegin) {
  EXPECT_EQ(signal_->QuietAt({}), std::nullopt) << "nothing was marked";
  ASSERT_THAT(signal_->Mark(), IsOk());
  for (const char* const sql : {"SELECT 1", "INSERT INTO other VALUES (1)"}) {
    app_->Run(sql);
    EXPECT_EQ(Wait(kShort), Heard::kNothing);
    const auto before = std::chrono::steady_clock::now();
    const auto quiet = signal_->QuietAt({});
    ASSERT_TRUE(quiet) << sql;
    EXPECT_GE(*quiet, before);
    EXPECT_LE(*quiet, std::chrono::steady_clock::now());
  }
  app_->Run("INSERT INTO t VALUES (1, 'a')");
  EXPECT_EQ(Wait(kLong), Heard::kChange);
  EXPECT_EQ(signal_->QuietAt({}), std::nullopt);
  ASSERT_THAT(signal_->Mark(), IsOk());
  EXPECT_TRUE(signal_->QuietAt({}));
}

TEST_P(SqliteSignalTest, ALockOfAnotherProgramLeavesTheEarlierLook) {
  if (IsWal()) GTEST_SKIP() << "readers do not wait there";
  ASSERT_THAT(signal_->Mark(), IsOk());
  const auto earlier = signal_->QuietAt({});
  ASSERT_TRUE(earlier);
  app_->Run("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE; INSERT INTO t VALUES (1, 'a')");
  EXPECT_EQ(signal_->QuietAt({}), earlier);
  app_->Run("COMMIT");
  app_.reset();
  EXPECT_EQ(Wait(kLong), Heard::kChange);
  EXPECT_EQ(signal_->QuietAt({}), std::nullopt);
}

TEST_P(SqliteSignalTest, HearsACommitDuringTheWait) {
  ASSERT_THAT(signal_->Mark(), IsOk());
  std::jthread writer([&] { Application(Path()).Run("INSERT INTO t VALUES (1, 'a')"); });
  EXPECT_EQ(Wait(kLong), Heard::kChange);
}

TEST_P(SqliteSignalTest, AWriteIsNoChangeBeforeItsCommit) {
  ASSERT_THAT(signal_->Mark(), IsOk());
  app_->Run(
      "PRAGMA cache_size = 2; BEGIN; INSERT INTO t SELECT value, hex(randomblob(2000)) FROM "
      "(WITH RECURSIVE n(value) AS (SELECT 1 UNION ALL SELECT value + 1 FROM n WHERE value < 50) SELECT * "
      "FROM n)");
  EXPECT_EQ(Wait(kShort), Heard::kNothing) << "its frames are in the log already";
  app_->Run("COMMIT");
  EXPECT_EQ(Wait(kLong), Heard::kChange);
}

TEST_P(SqliteSignalTest, HearsNothingOfWhatIsNotSent) {
  ASSERT_THAT(signal_->Mark(), IsOk());
  for (const char* const sql :
       {"INSERT INTO other VALUES (1)",
        "INSERT INTO _mirror_lineage (token, time_ms, positions) VALUES ('x', 1, '')",
        "BEGIN; INSERT INTO t VALUES (1, 'a'); ROLLBACK", "PRAGMA wal_checkpoint(TRUNCATE)"}) {
    app_->Run(sql);
    EXPECT_EQ(Wait(kShort), Heard::kNothing) << sql;
  }
}

TEST_P(SqliteSignalTest, RemovedEntriesAreNoChange) {
  app_->Run("INSERT INTO t VALUES (1, 'a')");
  ASSERT_THAT(signal_->Mark(), IsOk());
  app_->Run("DELETE FROM _mirror_log_1 WHERE seq > 1");
  EXPECT_EQ(Wait(kShort), Heard::kNothing);
}

TEST_P(SqliteSignalTest, AnotherSchemaOrOwnerIsAChange) {
  for (const char* const sql :
       {"ALTER TABLE other ADD COLUMN w", "UPDATE _mirror_owner SET state_dir = '/else'"}) {
    ASSERT_THAT(signal_->Mark(), IsOk());
    app_->Run(sql);
    EXPECT_EQ(Wait(kLong), Heard::kChange) << sql;
  }
}

TEST_P(SqliteSignalTest, AnotherFileAtThePathIsAChange) {
  ASSERT_THAT(signal_->Mark(), IsOk());
  std::filesystem::create_directory(folder_ / "copy");
  app_->Run("VACUUM INTO '" + (folder_ / "copy/crm.db") + "'");
  std::filesystem::rename(folder_ / "copy/crm.db", Path());
  EXPECT_EQ(Wait(kLong), Heard::kChange);
  app_.reset();
  for (const char* const suffix : {"-wal", "-shm"}) std::filesystem::remove(Path() + suffix);
  ASSERT_THAT(signal_->Mark(), IsOk()) << "of the new file";
  EXPECT_EQ(Wait(kShort), Heard::kNothing);
  Sql(Path(), "INSERT INTO t VALUES (1, 'a')");
  EXPECT_EQ(Wait(kLong), Heard::kChange);

  std::filesystem::remove(Path());
  EXPECT_EQ(Wait(kLong), Heard::kChange);
  EXPECT_THAT(signal_->Mark(), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_EQ(Wait(kLong), Heard::kLost);
}

TEST_P(SqliteSignalTest, ALockOfAnotherProgramOnlyPostponesTheLook) {
  ASSERT_THAT(signal_->Mark(), IsOk());
  if (!IsWal()) app_->Run("PRAGMA locking_mode = EXCLUSIVE");
  app_->Run("BEGIN EXCLUSIVE; INSERT INTO t VALUES (1, 'a')");
  EXPECT_EQ(Wait(kShort), Heard::kNothing);
  app_->Run("COMMIT");
  app_.reset();
  EXPECT_EQ(Wait(kLong), Heard::kChange);
}

TEST_P(SqliteSignalTest, BetweenLooksTheLogCanBeCheckpointed) {
  if (!IsWal()) GTEST_SKIP() << "only a WAL is checkpointed";
  ASSERT_THAT(signal_->Mark(), IsOk());
  app_->Run("INSERT INTO t VALUES (1, 'a')");
  EXPECT_EQ(Wait(kLong), Heard::kChange);
  int busy = -1;
  sqlite3_exec(
      app_->handle(), "PRAGMA wal_checkpoint(TRUNCATE)",
      [](void* out, int, char** values, char**) {
        *static_cast<int*>(out) = std::atoi(values[0]);
        return 0;
      },
      &busy, nullptr);
  EXPECT_EQ(busy, 0);
  EXPECT_EQ(std::filesystem::file_size(Path() + "-wal"), 0U);
}

TEST_P(SqliteSignalTest, WithoutAChangeLogThereIsNothingToHear) {
  ASSERT_THAT(ChangeLog::Uninstall({.path = Path(), .host = "here"}).status(), IsOk());
  EXPECT_THAT(signal_->Mark(), StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("no change log")));
  EXPECT_EQ(Wait(kLong), Heard::kLost);
}

TEST_P(SqliteSignalTest, AStopEndsTheWait) {
  ASSERT_THAT(signal_->Mark(), IsOk());
  std::stop_source stop;
  std::jthread stopper([&] { stop.request_stop(); });
  EXPECT_EQ(signal_->Wait(kLong, stop.get_token()), Heard::kNothing);
}

INSTANTIATE_TEST_SUITE_P(Journal, SqliteSignalTest, testing::Values("WAL", "DELETE"),
                         [](const auto& tested) { return std::string(tested.param); });

}  // namespace
}  // namespace mirror::sqlite_signal_test
