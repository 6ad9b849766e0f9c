// A disk that does not keep what was written to a mirror's file: its log alone has it.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <thread>
#include <vector>

#include "server/store/sqlite/file/second_names.h"
#include "tests/server/tenant/tenant_bench.h"

namespace mirror::lost_pages_test {
namespace {

namespace fs = std::filesystem;

using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

constexpr absl::StatusCode kDataLoss = absl::StatusCode::kDataLoss;

/// The next sync of a database file that SQLite opened meanwhile fails, once; its writes for as long as they
/// are to.
class BrokenSync {
 public:
  BrokenSync() {
    fails_ = false;
    write_code_ = SQLITE_OK;
    system_ = sqlite3_vfs_find(nullptr);
    open_ = system_->xOpen;
    system_->xOpen = [](sqlite3_vfs* vfs, const char* name, sqlite3_file* file, int flags, int* given) {
      const int code = open_(vfs, name, file, flags, given);
      if (code != SQLITE_OK || (flags & SQLITE_OPEN_MAIN_DB) == 0) return code;
      methods_ = *file->pMethods;
      sync_ = methods_.xSync;
      methods_.xSync = [](sqlite3_file* synced, int how) {
        return fails_.exchange(false) ? SQLITE_IOERR_FSYNC : sync_(synced, how);
      };
      write_ = methods_.xWrite;
      methods_.xWrite = [](sqlite3_file* written, const void* bytes, int size, sqlite3_int64 at) {
        return write_code_ != SQLITE_OK ? write_code_.load() : write_(written, bytes, size, at);
      };
      file->pMethods = &methods_;
      return code;
    };
  }
  ~BrokenSync() { system_->xOpen = open_; }
  BrokenSync(const BrokenSync&) = delete;
  BrokenSync& operator=(const BrokenSync&) = delete;

  static void FailOnce() { fails_ = true; }
  static bool Failed() { return !fails_; }
  static void FailWrites(int code) { write_code_ = code; }

 private:
  sqlite3_vfs* system_;
  static inline int (*open_)(sqlite3_vfs*, const char*, sqlite3_file*, int, int*) = nullptr;
  static inline int (*sync_)(sqlite3_file*, int) = nullptr;
  static inline int (*write_)(sqlite3_file*, const void*, int, sqlite3_int64) = nullptr;
  static inline sqlite3_io_methods methods_ = {};
  static inline std::atomic<bool> fails_ = false;
  static inline std::atomic<int> write_code_ = SQLITE_OK;
};

std::string Contents(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

class LostPages : public BrokenSync, public TenantBench {
 protected:
  LostPages() : TenantBench(TenantOptions{}, SqliteOptions{.wal_bytes_max = 100'000}) {}
  ~LostPages() override { tenant_.reset(); }

  /// Committed and acknowledged, 1 to 50, at ten.
  void CommitFifty() {
    source_->Mirror(People(), {{1, "Ada", 36}}, {Lsn{5}, "five"});
    ASSERT_TRUE(tenant_->CloseIfIdle());
    file_before_ = Contents(path());
    source_->Begin();
    ASSERT_THAT(source_->Announce({People()}), IsOk());
    Rows rows;
    for (int i = 1; i <= 50; ++i) rows.push_back({i, std::string(4'000, 'x'), i});
    ASSERT_THAT(
        source_->Send(People(), {.rows = rows, .base_lsn = 5, .commit = Position{Lsn{10}, "ten"}}).status,
        IsOk());
  }
  /// The log is copied, and the disk loses what it was given.
  void LoseThem() {
    FailOnce();
    EXPECT_THAT(source_->Complete(), StatusIs(kDataLoss, HasSubstr("did not keep")));
    EXPECT_TRUE(Failed());
    // What the system has in memory of the file is the new state; what the disk has is the old one.
    std::fstream file(path(), std::ios::binary | std::ios::in | std::ios::out);
    file << file_before_;
  }
  /// What the logs hold that stand beside the mirror for whoever wants to look at them.
  std::vector<std::string> LogsSetAside() const {
    std::vector<std::string> logs;
    for (const auto& entry : fs::directory_iterator(folder_.path())) {
      const std::string name = entry.path().string();
      if (name.starts_with(path() + ".damaged-") && name.ends_with("-wal")) logs.push_back(Contents(name));
    }
    return logs;
  }
  Cell Count() const { return Partner(path()).One("SELECT count(*) FROM people"); }

  std::string file_before_;
};

TEST_F(LostPages, StayInTheLogAndTheMirrorInQuarantineOverARestart) {
  CommitFifty();
  LoseThem();
  const std::string log = Contents(path() + "-wal");
  ASSERT_GT(log.size(), 100'000U);

  for (int restart = 0; restart < 2; ++restart) {
    Restart();
    EXPECT_THAT(source_->Authenticate(), StatusIs(kDataLoss, HasSubstr("did not keep")));
    EXPECT_THAT(tenant_->Info()->quarantine, HasSubstr("'mirrorctl resume ctx'"));
    // As Tenants does with the logs that a kill left.
    ASSERT_THAT(OpenSqliteStore(folder_.path(), "ctx", false, {}), IsOk());
    EXPECT_EQ(Contents(path() + "-wal"), log);
  }

  ASSERT_THAT(tenant_->Resume(source_->now), IsOk());
  source_->Begin();
  EXPECT_EQ(source_->Announced(People()).position, (Position{Lsn{10}, "ten"}));
  EXPECT_EQ(Count(), Cell(50));
  EXPECT_EQ(Partner(path()).One("PRAGMA integrity_check"), Cell("ok"));
  Restart();
  EXPECT_THAT(source_->Authenticate(), IsOk());
}

TEST_F(LostPages, AFolderWithTheNameOfTheNoteSaysNoMoreThanThatOneIsThere) {
  CommitFifty();
  fs::create_directory(path() + ".quarantine");
  Restart();
  EXPECT_THAT(source_->Authenticate(), StatusIs(kDataLoss, HasSubstr("does not say why")));
}

TEST_F(LostPages, AnOperatorsWordIsNotEnoughForAFileThatIsDamaged) {
  CommitFifty();
  LoseThem();
  fs::resize_file(path() + "-wal", 0);
  fs::resize_file(path(), file_before_.size() - 4'096);

  Restart();
  EXPECT_THAT(tenant_->Resume(source_->now), StatusIs(kDataLoss));
  Restart();
  EXPECT_THAT(source_->Authenticate(), StatusIs(kDataLoss));
}

TEST_F(LostPages, ABackupInItsPlaceIsTrusted) {
  CommitFifty();
  const std::string copy = folder_.path() + "/copy.db";
  Partner(path()).Run("VACUUM INTO '" + copy + "'");
  LoseThem();
  Restart();
  ASSERT_THAT(tenant_->ReplaceFile([&](const auto&) { return MoveSqliteStore(copy, folder_.path(), "ctx"); },
                                   source_->now),
              IsOk());
  Restart();
  source_->Begin();
  EXPECT_EQ(Count(), Cell(50));
}

TEST_F(LostPages, AreNotMissedInAFileThatWasPutThereBeforeTheNextRowsCome) {
  CommitFifty();
  const std::string copy = folder_.path() + "/copy.db";
  Partner(path()).Run("VACUUM INTO '" + copy + "'");
  FailOnce();
  EXPECT_FALSE(tenant_->CloseIfIdle());
  EXPECT_TRUE(Failed());
  fs::rename(copy, path());

  const BatchSpec next = {.rows = {{1, "Ada", 37}}, .seq = 2, .base_lsn = 5};
  EXPECT_THAT(source_->Apply(MakeBatch(People(), next)), StatusIs(absl::StatusCode::kAborted));

  EXPECT_EQ(tenant_->Info()->quarantine, "");
  EXPECT_EQ(Count(), Cell(50));
  source_->Begin();
  EXPECT_EQ(source_->Announced(People()).position, (Position{Lsn{10}, "ten"}));
}

TEST_F(LostPages, ARestoreThatMeetsTheFailedSyncKeepsTheLogAndGoesThrough) {
  CommitFifty();
  const std::string copy = folder_.path() + "/copy.db";
  Partner(path()).Run("VACUUM INTO '" + copy + "'");
  const std::string log = Contents(path() + "-wal");
  FailOnce();
  std::string kept;
  ASSERT_THAT(tenant_->ReplaceFile(
                  [&](const auto&) -> absl::Status {
                    kept = KeepSqliteStore(folder_.path(), "ctx", 1).value();
                    return MoveSqliteStore(copy, folder_.path(), "ctx");
                  },
                  source_->now),
              IsOk());
  EXPECT_TRUE(Failed());
  EXPECT_THAT(catalog_.Messages("mirror.damaged"), HasSubstr("did not keep"));
  EXPECT_EQ(Contents(kept + "-wal"), log) << "it alone has what the disk lost";
  EXPECT_EQ(tenant_->Info()->quarantine, "");
  Restart();
  source_->Begin();
  EXPECT_EQ(Count(), Cell(50));
}

TEST_F(LostPages, ARestoreThatIsRefusedSaysWhatKeepsTheLogFull) {
  CommitFifty();
  const std::string copy = folder_.path() + "/copy.db";
  Partner(path()).Run("VACUUM INTO '" + copy + "'");
  const auto restore = [&] {
    return tenant_->ReplaceFile([&](const auto&) { return MoveSqliteStore(copy, folder_.path(), "ctx"); },
                                source_->now);
  };
  constexpr absl::StatusCode kUnavailable = absl::StatusCode::kUnavailable;
  FailWrites(SQLITE_FULL);
  EXPECT_THAT(restore(),
              StatusIs(kUnavailable, AllOf(HasSubstr("the disk is full"), Not(HasSubstr("reader")))));
  FailWrites(SQLITE_IOERR_WRITE);
  EXPECT_THAT(restore(), StatusIs(kUnavailable, AllOf(HasSubstr("answered with an error (SQLite 778)"),
                                                      Not(HasSubstr("reader")))));
  FailWrites(SQLITE_OK);
  {
    Partner reader(path(), true);
    reader.Run("BEGIN");
    EXPECT_EQ(reader.One("SELECT count(*) FROM people"), Cell(50));
    EXPECT_THAT(restore(),
                StatusIs(kUnavailable, AllOf(HasSubstr("a reader holds"), HasSubstr("still does after 5 s"),
                                             HasSubstr("End that reader"))));
    EXPECT_EQ(reader.One("SELECT count(*) FROM people"), Cell(50)) << "the mirror is as it was";
  }
  EXPECT_THAT(catalog_.Kinds(), Not(Contains("mirror.damaged")));
  EXPECT_THAT(restore(), IsOk());
  EXPECT_EQ(Count(), Cell(50));
}

TEST_F(LostPages, ARestoreBesideAWriterWaitsAndThenNamesTheWriteLock) {
  const auto restore = [&] {
    return tenant_->ReplaceFile(
        [&](const auto&) { return MoveSqliteStore(folder_.path() + "/copy.db", folder_.path(), "ctx"); },
        source_->now);
  };
  const auto is_refused =
      StatusIs(absl::StatusCode::kUnavailable,
               AllOf(HasSubstr("holds the mirror's write lock"), HasSubstr("still does after 5 s"),
                     HasSubstr("Have it COMMIT or ROLLBACK"), Not(HasSubstr("reader"))));
  CommitFifty();
  Partner(path()).Run("VACUUM INTO '" + folder_.path() + "/copy.db'");
  Partner writer(path());
  writer.Run("BEGIN IMMEDIATE");
  EXPECT_THAT(restore(), is_refused);
  writer.Run("ROLLBACK");
  writer.Run("PRAGMA wal_checkpoint(TRUNCATE)");
  writer.Run("BEGIN IMMEDIATE");
  EXPECT_THAT(restore(), is_refused) << "the log is empty, and what it is about to commit would be lost";
  writer.Run("CREATE TABLE mine (x)");
  writer.Run("COMMIT");
  EXPECT_EQ(Partner(path()).One("SELECT count(*) FROM mine"), Cell(0)) << "the mirror is as it was";

  writer.Run("BEGIN IMMEDIATE");
  std::thread ends([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(500));
    writer.Run("COMMIT");
  });
  EXPECT_THAT(restore(), IsOk()) << "it waits for a transaction that ends";
  ends.join();
  EXPECT_EQ(Count(), Cell(50));
  tenant_.reset();  // Before the writer, which takes what it finds beside its former name for its own log.
}

TEST_F(LostPages, ALogOverItsLimitSaysWhatKeepsItLong) {
  CommitFifty();
  FailWrites(SQLITE_FULL);
  EXPECT_THAT(source_->Complete(), StatusIs(absl::StatusCode::kUnavailable,
                                            AllOf(HasSubstr("over its limit"), HasSubstr("the disk is full"),
                                                  HasSubstr("Make room"), Not(HasSubstr("reader")))));
  FailWrites(SQLITE_OK);
  EXPECT_THAT(source_->Complete(), IsOk());
}

TEST_F(LostPages, ACopyPutThereByHandDoesNotGetTheLogThatWasLeft) {
  CommitFifty();
  const std::string copy = folder_.path() + "/copy.db";
  Partner(path()).Run("VACUUM INTO '" + copy + "'");
  Partner(copy).Run("DELETE FROM people WHERE id > 30");
  LoseThem();
  fs::rename(copy, path());
  Restart();
  EXPECT_THAT(source_->Authenticate(), StatusIs(kDataLoss)) << "until the operator says so";
  ASSERT_THAT(tenant_->Resume(source_->now), IsOk());
  EXPECT_EQ(Count(), Cell(30));
  EXPECT_EQ(Partner(path()).One("PRAGMA integrity_check"), Cell("ok"));
}

TEST_F(LostPages, NeitherDoesOneThatIsPutThereWhileANewMirrorIsMade) {
  CommitFifty();
  const std::string copy = folder_.path() + "/copy.db";
  Partner(path()).Run("VACUUM INTO '" + copy + "'");
  Partner(copy).Run("DELETE FROM people WHERE id > 30");
  LoseThem();
  const std::string log = Contents(path() + "-wal");
  tenant_.reset();
  fs::rename(path(), folder_.path() + "/away.db");
  sqlite_.build_beside = true;
  Restart();
  source_->Begin();
  fs::rename(copy, path());
  Restart();
  source_->now += 700'000;  // The cycle's end.
  EXPECT_THAT(source_->Authenticate(), IsOk());
  EXPECT_EQ(Count(), Cell(30));
  EXPECT_EQ(Partner(path()).One("PRAGMA integrity_check"), Cell("ok"));
  EXPECT_THAT(LogsSetAside(), ElementsAre(log)) << "it alone has what the disk lost";
}

TEST_F(LostPages, AreNotForgottenWhileTheFileIsAway) {
  CommitFifty();
  LoseThem();
  const std::string log = Contents(path() + "-wal");
  tenant_.reset();
  fs::rename(path(), folder_.path() + "/away.db");
  Restart();
  EXPECT_THAT(tenant_->Info(), StatusIs(absl::StatusCode::kNotFound));
  Restart();
  fs::rename(folder_.path() + "/away.db", path());
  EXPECT_THAT(source_->Authenticate(), StatusIs(kDataLoss));
  EXPECT_EQ(Contents(path() + "-wal"), log);
  ASSERT_THAT(tenant_->Resume(source_->now), IsOk());
  EXPECT_EQ(Count(), Cell(50));
}

TEST_F(LostPages, StayInTheLogWhereABackupCannotBePutInTheFilesPlace) {
  CommitFifty();
  LoseThem();
  const std::string log = Contents(path() + "-wal");
  Restart();
  EXPECT_THAT(tenant_->ReplaceFile(
                  [&](const auto&) -> absl::Status {
                    const auto kept = KeepSqliteStore(folder_.path(), "ctx", 1);
                    EXPECT_THAT(kept, IsOk());
                    EXPECT_EQ(Contents(*kept + "-wal"), log);
                    return MoveSqliteStore(folder_.path() + "/nowhere", folder_.path(), "ctx");
                  },
                  source_->now),
              StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_EQ(Contents(path() + "-wal"), log);
  for (const char* const suffix : {"", "-wal"}) {
    EXPECT_EQ(fs::hard_link_count(path() + suffix), 1U);
    EXPECT_FALSE(fs::exists(path() + ".replaced-1" + suffix));
  }
  ASSERT_THAT(tenant_->Resume(source_->now), IsOk());
  EXPECT_EQ(Count(), Cell(50));
}

TEST_F(LostPages, StayInTheLogOfAMirrorThatAKillLeftHalfReplaced) {
  CommitFifty();
  LoseThem();
  const std::string log = Contents(path() + "-wal");
  tenant_.reset();
  for (const bool log_is_gone : {false, true}) {
    ASSERT_THAT(KeepSqliteStore(folder_.path(), "ctx", 1), IsOk());
    if (log_is_gone) fs::remove(path() + "-wal");
    ASSERT_THAT(TakeBackSecondNames(folder_.path()), IsOk());
    EXPECT_EQ(Contents(path() + "-wal"), log);
    for (const char* const suffix : {"", "-wal"}) EXPECT_EQ(fs::hard_link_count(path() + suffix), 1U);
  }
  Restart();
  EXPECT_THAT(source_->Authenticate(), StatusIs(kDataLoss));
  ASSERT_THAT(tenant_->Resume(source_->now), IsOk());
  EXPECT_EQ(Count(), Cell(50));
}

TEST_F(LostPages, ALogThatCannotBeSetAsideKeepsItsFile) {
  CommitFifty();
  LoseThem();
  const std::string log = Contents(path() + "-wal");
  tenant_.reset();
  fs::create_directory(path() + ".damaged-1-wal");
  EXPECT_THAT(SetSqliteStoreAside(folder_.path(), "ctx", 1, std::nullopt),
              StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_EQ(Contents(path() + "-wal"), log);
  EXPECT_TRUE(fs::exists(path()));
  EXPECT_FALSE(fs::exists(path() + ".damaged-1"));
  // A name that is taken is nobody's to give.
  std::ofstream(path() + ".damaged-2") << "an earlier one";
  EXPECT_THAT(SetSqliteStoreAside(folder_.path(), "ctx", 2, std::nullopt),
              StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_EQ(Contents(path() + ".damaged-2"), "an earlier one");
}

TEST_F(LostPages, ABackupInThePlaceOfAFileThatWasTakenAwayLeavesItsLog) {
  CommitFifty();
  const std::string copy = folder_.path() + "/copy.db";
  Partner(path()).Run("VACUUM INTO '" + copy + "'");
  LoseThem();
  const std::string log = Contents(path() + "-wal");
  tenant_.reset();
  fs::rename(path(), folder_.path() + "/away.db");
  ASSERT_THAT(MoveSqliteStore(copy, folder_.path(), "ctx"), IsOk());
  EXPECT_THAT(LogsSetAside(), ElementsAre(log));
  EXPECT_EQ(Count(), Cell(50));
}

TEST_F(LostPages, ANewMirrorInItsPlaceIsTrustedAndOfTheSameOwner) {
  CommitFifty();
  LoseThem();
  Restart();
  ASSERT_TRUE(tenant_->IsUnusable());
  ASSERT_THAT(tenant_->Rebuild(
                  [&](const auto& owner) { return SetSqliteStoreAside(folder_.path(), "ctx", 1, owner); },
                  source_->now),
              IsOk());
  Restart();
  source_->caller.issuer = "somebody else";
  EXPECT_THAT(source_->Authenticate(), StatusIs(absl::StatusCode::kPermissionDenied));
  source_->caller.issuer = "issuer";
  EXPECT_THAT(source_->Authenticate(), IsOk());
  EXPECT_EQ(Contents(path() + ".damaged-1-wal").size() > 0, true);
}

TEST_F(LostPages, AreNotForgottenWhenTheMirrorIsClosedAtThatMoment) {
  CommitFifty();
  FailOnce();
  tenant_.reset();
  EXPECT_TRUE(Failed());
  EXPECT_GT(fs::file_size(path() + "-wal"), 100'000U) << "copied again by whoever opens it";
  Restart();
  source_->now += 700'000;  // The cycle's end.
  source_->Begin();
  EXPECT_EQ(Count(), Cell(50));
}

}  // namespace
}  // namespace mirror::lost_pages_test
