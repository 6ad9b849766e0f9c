#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "absl/strings/str_join.h"
#include "tests/client/source/logged_source.h"

namespace mirror::restored_source_test {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

/// A source that is copied, restored and forgotten.
class RestoredSourceTest : public LoggedSource {
 protected:
  static constexpr char kTable[] =
      "CREATE TABLE t(id INTEGER PRIMARY KEY, u TEXT UNIQUE, v); INSERT INTO t VALUES (1, 'a', 1), (2, 'b', "
      "2)";

  void Backup(const std::string& name) {
    sqlite3* copy = nullptr;
    ASSERT_EQ(sqlite3_open((folder_ / name).c_str(), &copy), SQLITE_OK);
    sqlite3_backup* backup = sqlite3_backup_init(copy, "main", app_->handle(), "main");
    ASSERT_NE(backup, nullptr);
    EXPECT_EQ(sqlite3_backup_step(backup, -1), SQLITE_DONE);
    sqlite3_backup_finish(backup);
    sqlite3_close(copy);
  }
  void Close() {
    reader_.reset();
    log_.reset();
    app_.reset();
  }
  /// Into the same file.
  void Restore(const std::string& name) {
    Close();
    std::filesystem::remove(path_ + "-wal");
    std::filesystem::remove(path_ + "-shm");
    std::filesystem::copy_file(folder_ / name, path_, std::filesystem::copy_options::overwrite_existing);
    app_ = std::make_unique<Application>(path_);
  }
  Standing JudgeAt(const Position& position) {
    const auto standing = log_->Judge("t", position);
    EXPECT_THAT(standing, IsOk());
    return standing.ok() ? *standing : Standing::kOlder;
  }
  Position At(std::int64_t lsn) { return {Lsn{lsn}, model_["t"].position.lineage}; }
};

TEST_F(RestoredSourceTest, WhatWasSentIsKnown) {
  Start(kTable);
  EXPECT_EQ(JudgeAt(model_["t"].position), Standing::kKnown);
  app_->Run("UPDATE t SET v = 5; DELETE FROM t WHERE id = 1");
  EXPECT_EQ(JudgeAt(model_["t"].position), Standing::kKnown);
  EXPECT_THAT(log_->ChangedSince("t", model_["t"].position.lsn), IsOkAndHolds(std::optional<bool>(true)));
}

TEST_F(RestoredSourceTest, APositionSetByHandIsKnownDownwardsOnly) {
  Start(kTable);
  After("UPDATE t SET v = 5");
  const std::int64_t lsn = model_["t"].position.lsn.value;
  EXPECT_EQ(JudgeAt(At(lsn - 1)), Standing::kKnown);
  EXPECT_EQ(JudgeAt(At(lsn + 1)), Standing::kMiss);
  app_->Run("UPDATE t SET v = 6");
  EXPECT_EQ(JudgeAt(At(lsn + 1)), Standing::kMiss);
  EXPECT_EQ(JudgeAt({Lsn{lsn + 100}, ""}), Standing::kAhead);
  EXPECT_EQ(JudgeAt({Lsn{lsn}, ""}), Standing::kMiss);
  EXPECT_EQ(JudgeAt({Lsn{lsn}, "no such record"}), Standing::kMiss);
  EXPECT_EQ(JudgeAt({Lsn{0}, model_["t"].position.lineage}), Standing::kGone);
}

TEST_F(RestoredSourceTest, ARestoredSourceIsBehindItsMirror) {
  Start(kTable);
  Backup("backup.db");
  After("UPDATE t SET v = 5");
  Restore("backup.db");
  EXPECT_EQ(Cycle()["t"].words, "the mirror is ahead of this source: the source or its state was restored");
  ExpectEqual();
}

TEST_F(RestoredSourceTest, ARestoreThatMovedOnIsNotTakenForTheOldOne) {
  Start(kTable);
  Backup("backup.db");
  After("UPDATE t SET v = 5");
  Restore("backup.db");
  app_->Run(
      "UPDATE t SET v = 6 WHERE id = 1; UPDATE t SET v = 7 WHERE id = 1; UPDATE t SET v = 8 WHERE id = 1");
  EXPECT_EQ(Cycle()["t"].words, "the mirror is in a state that this source did not send");
  ExpectEqual();
}

TEST_F(RestoredSourceTest, ABackupOfTheLastStateGoesOn) {
  Start(kTable);
  After("UPDATE t SET v = 5");
  Backup("backup.db");
  app_->Run("UPDATE t SET v = 9");
  Restore("backup.db");
  EXPECT_EQ(Cycle()["t"].action, "none");
  EXPECT_EQ(After("UPDATE t SET v = 6").action, "changes");
}

TEST_F(RestoredSourceTest, RestoredDuringACycleThatDied) {
  Start(kTable);
  Backup("backup.db");
  app_->Run("UPDATE t SET v = 5");
  Open();
  size_.rows = 1;
  Sent sent;
  EXPECT_THAT(SendTable("t", &sent, 1), IsOk());
  EXPECT_NE(model_["t"].pending.lineage, "");
  Restore("backup.db");
  EXPECT_EQ(Cycle()["t"].words, "the mirror holds an unfinished cycle that this source did not begin");
  ExpectEqual();
}

TEST_F(RestoredSourceTest, ACycleThatDiedIsSentAgainEvenIfNothingChanged) {
  Start(kTable);
  app_->Run("UPDATE t SET v = 5");
  Open();
  size_.rows = 1;
  Sent sent;
  EXPECT_THAT(SendTable("t", &sent, 1), IsOk());
  EXPECT_EQ(Cycle()["t"].action, "changes");
  ExpectEqual();
}

TEST_F(RestoredSourceTest, ARestoredMirrorCatchesUp) {
  Start(kTable);
  const ModelTable old = model_["t"];
  After("UPDATE t SET v = 5; INSERT INTO t VALUES (3, 'c', 3)");
  After("DELETE FROM t WHERE id = 1");
  model_["t"] = old;
  EXPECT_EQ(Cycle()["t"].action, "changes");
  ExpectEqual();
}

TEST_F(RestoredSourceTest, SourceAndMirrorRestoredTogetherGoOn) {
  Start(kTable);
  const ModelTable old = model_["t"];
  Backup("backup.db");
  After("UPDATE t SET v = 5; INSERT INTO t VALUES (3, 'c', 3)");
  Restore("backup.db");
  model_["t"] = old;
  EXPECT_EQ(After("UPDATE t SET v = 7").action, "changes");
}

TEST_F(RestoredSourceTest, AnotherFileAtTheSamePathWasRestored) {
  Start(kTable);
  const std::string source = log_->source_id();
  Backup("backup.db");
  After("UPDATE t SET v = 5");
  Close();
  std::filesystem::rename(folder_ / "backup.db", path_);
  app_ = std::make_unique<Application>(path_);
  EXPECT_EQ(Cycle()["t"].action, "populate");
  EXPECT_THAT(bound_, HasSubstr("it was restored"));
  EXPECT_EQ(log_->source_id(), source);
  ExpectEqual();
  EXPECT_EQ(Cycle()["t"].action, "none");
  EXPECT_THAT(bound_, IsEmpty());
}

TEST_F(RestoredSourceTest, ACopyIsAnotherSourceThatRecognisesNothing) {
  Start(kTable);
  const std::string source = log_->source_id();
  Backup("copy.db");
  Close();
  path_ = folder_ / "copy.db";
  app_ = std::make_unique<Application>(path_);
  Open();
  EXPECT_THAT(log_->Bind({}), IsOkAndHolds(HasSubstr("counts as a new source")));
  EXPECT_NE(log_->source_id(), source);
  EXPECT_EQ(JudgeAt(model_["t"].position), Standing::kMiss);
  EXPECT_EQ(Cycle()["t"].action, "populate");
  EXPECT_EQ(Cycle()["t"].action, "none");
}

TEST_F(RestoredSourceTest, TheSameFileOnAnotherMachineIsACopy) {
  Start(kTable);
  host_ = "another";
  EXPECT_EQ(Cycle()["t"].action, "populate");
  EXPECT_THAT(bound_, HasSubstr("this is another machine"));
}

TEST_F(RestoredSourceTest, PositionsOfAFormerLogAreGone) {
  Start(kTable);
  const Position old = model_["t"].position;
  After("DROP TABLE t; CREATE TABLE t(id INTEGER PRIMARY KEY, u TEXT UNIQUE, v)");
  After("INSERT INTO t VALUES (1, 'a', 1), (2, 'b', 2)");
  EXPECT_EQ(JudgeAt(old), Standing::kGone);
}

// --- What is forgotten ---

TEST_F(RestoredSourceTest, OnlyWhatIsDurableAndOldIsForgotten) {
  Start(kTable);
  After("UPDATE t SET v = 5; UPDATE t SET v = 6");
  const Position before = model_["t"].position;
  After("UPDATE t SET v = 7");
  EXPECT_EQ(Number("SELECT count(*) FROM _mirror_log_1"), 7);  // Nothing is old.
  retention_ms_ = -1'000;                                      // Everything is.
  app_->Run("UPDATE t SET v = 8");
  Open();
  EXPECT_THAT(log_->Forget({{"t", before}}), IsOk());
  EXPECT_EQ(Number("SELECT min(seq) FROM _mirror_log_1 WHERE seq > 1"), before.lsn.value + 1);
  EXPECT_EQ(JudgeAt(before), Standing::kKnown);
  EXPECT_EQ(JudgeAt(model_["t"].position), Standing::kKnown);
  EXPECT_EQ(JudgeAt({Lsn{before.lsn.value - 1}, before.lineage}), Standing::kGone);
  // A table that the mirror has not is not trimmed.
  EXPECT_THAT(log_->Forget({}), IsOk());
  EXPECT_EQ(Number("SELECT min(seq) FROM _mirror_log_1 WHERE seq > 1"), before.lsn.value + 1);
  EXPECT_EQ(Cycle()["t"].action, "changes");
  ExpectEqual();
}

TEST_F(RestoredSourceTest, TheHighestEntryAndTheLastRecordsStay) {
  retention_ms_ = -1'000;
  Start(kTable);
  for (int i = 0; i < 5; ++i) After(absl::StrCat("UPDATE t SET v = ", 10 + i));
  EXPECT_EQ(Number("SELECT count(*) FROM _mirror_log_1"), 2);  // With the first entry.
  EXPECT_EQ(Number("SELECT max(seq) FROM _mirror_log_1"), model_["t"].position.lsn.value);
  EXPECT_EQ(Number("SELECT count(*) FROM _mirror_lineage"), 1);
  EXPECT_EQ(Cycle()["t"].action, "none");
  EXPECT_EQ(After("UPDATE t SET v = 1").action, "changes");
}

TEST_F(RestoredSourceTest, RecordsThatAMirrorShowsStay) {
  Start(kTable);
  const Position shown = model_["t"].position;
  for (int i = 0; i < 3; ++i) After(absl::StrCat("UPDATE t SET v = ", 10 + i));
  retention_ms_ = -1'000;
  Open();
  EXPECT_THAT(log_->Forget({{"t", shown}}), IsOk());
  EXPECT_EQ(JudgeAt(shown), Standing::kKnown);
  EXPECT_EQ(JudgeAt(model_["t"].position), Standing::kKnown);
  EXPECT_EQ(Number("SELECT count(*) FROM _mirror_lineage"), 2);
}

TEST_F(RestoredSourceTest, ALogTrimmedFurtherThanTheMirrorIsPopulated) {
  retention_ms_ = -1'000;
  Start(kTable);
  const ModelTable old = model_["t"];
  After("UPDATE t SET v = 5; UPDATE t SET v = 6");
  model_["t"] = old;
  EXPECT_EQ(Cycle()["t"].action, "populate");
  ExpectEqual();
}

TEST_F(RestoredSourceTest, ManyEntriesAreTrimmedInSteps) {
  Start(kTable);
  After(
      "WITH RECURSIVE n(i) AS (SELECT 10 UNION ALL SELECT i + 1 FROM n WHERE i < 5500) INSERT INTO t SELECT "
      "i, i, i FROM n");
  retention_ms_ = -1'000;
  After("UPDATE t SET v = 1 WHERE id = 1");
  EXPECT_EQ(Number("SELECT count(*) FROM _mirror_log_1"), 2);
  app_->Run("PRAGMA integrity_check");
}

TEST_F(RestoredSourceTest, ALogOverItsBoundIsPopulated) {
  max_log_ = 5;
  Start(kTable);
  EXPECT_EQ(After("UPDATE t SET v = v + 1; UPDATE t SET v = v + 1").action, "changes");
  EXPECT_EQ(After("UPDATE t SET v = v + 1; UPDATE t SET v = v + 1; UPDATE t SET v = v + 1").action,
            "populate");
  EXPECT_EQ(After("UPDATE t SET v = v + 1").action, "changes");
}

// --- Anything, at any moment ---

struct Life {
  std::string mode;
  unsigned seed;
};

class AnyLife : public RestoredSourceTest, public testing::WithParamInterface<Life> {
 protected:
  int Below(int n) { return static_cast<int>(random_() % static_cast<unsigned>(n)); }

  void Write() {
    const int id = Below(30), other = Below(30);
    const std::string u = absl::StrCat("'", std::string(1, static_cast<char>('a' + Below(26))), "'");
    const std::string k = Below(2) == 0 ? absl::StrCat(Below(8)) : absl::StrCat(Below(8), ".0");
    const std::string upper = Below(2) == 0 ? "upper" : "lower";
    const std::vector<std::string> all = {
        absl::StrCat("INSERT OR IGNORE INTO t(id, u, v) VALUES (", id, ", ", u, ", ", Below(100), ")"),
        absl::StrCat("REPLACE INTO t(id, u, v) VALUES (", id, ", ", u, ", ", Below(100), ")"),
        absl::StrCat("UPDATE OR REPLACE t SET u = ", u, " WHERE id = ", id),
        absl::StrCat("UPDATE OR REPLACE t SET id = ", other, " WHERE id = ", id),
        absl::StrCat("UPDATE t SET v = ", Below(100), " WHERE id BETWEEN ", id, " AND ", other),
        absl::StrCat("DELETE FROM t WHERE id = ", id),
        absl::StrCat("REPLACE INTO k VALUES (", k, ", ", u, ", ", Below(5), ")"),
        absl::StrCat("UPDATE OR REPLACE k SET x = ", k, " WHERE y = ", u),
        absl::StrCat("UPDATE OR REPLACE k SET y = ", upper, "(", u, ") WHERE y = ", u),
        absl::StrCat("UPDATE OR IGNORE k SET w = w + 1 WHERE x = ", k),
        absl::StrCat("DELETE FROM k WHERE y = ", u),
        absl::StrCat("INSERT INTO n VALUES (", Below(3), ", ", u, ")"),
        absl::StrCat("DELETE FROM n WHERE a = ", Below(3)),
        absl::StrCat("BEGIN; UPDATE t SET v = v + 1; DELETE FROM t WHERE id = ", id, "; ",
                     Below(2) == 0 ? "COMMIT" : "ROLLBACK"),
    };
    app_->Run(all[static_cast<std::size_t>(Below(static_cast<int>(all.size())))]);
  }
  /// What seldom happens.
  void Alter() {
    const std::vector<std::string> all = {
        "VACUUM",
        absl::StrCat("ALTER TABLE t ADD COLUMN c", ++columns_, Below(2) == 0 ? " DEFAULT 7" : ""),
        "BEGIN; CREATE TABLE kk(x NOT NULL, y TEXT COLLATE NOCASE NOT NULL, w UNIQUE, PRIMARY KEY (x, y)) "
        "WITHOUT "
        "ROWID; INSERT INTO kk SELECT x, y, w FROM k; DROP TABLE k; ALTER TABLE kk RENAME TO k; COMMIT",
        "DELETE FROM n",
        "DROP TABLE n; CREATE TABLE n(a, b)",
    };
    const std::size_t one = static_cast<std::size_t>(Below(static_cast<int>(all.size())));
    app_->Run(all[one]);
    if (one == 1) added_ = true;
  }
  void TakeBackup() {
    const std::string name = absl::StrCat("backup", Below(4), ".db");
    std::filesystem::remove(folder_ / name);
    Backup(name);
    backups_.insert(name);
  }

  std::mt19937 random_;
  int columns_ = 0;
  bool added_ = false;
  std::set<std::string> backups_;
};

TEST_P(AnyLife, EndsEqualWhateverIsRestoredAndWhereverCyclesDie) {
  const unsigned seed = GetParam().seed != 0 ? GetParam().seed : std::random_device{}();
  SCOPED_TRACE(absl::StrCat("seed ", seed));
  random_.seed(seed);
  size_.rows = 3;
  app_->Run("PRAGMA journal_mode = " + GetParam().mode);
  Start(
      "CREATE TABLE t(id INTEGER PRIMARY KEY, u TEXT UNIQUE, v); CREATE TABLE k(x NOT NULL, y TEXT COLLATE "
      "NOCASE NOT "
      "NULL, w UNIQUE, PRIMARY KEY (x, y)) WITHOUT ROWID; CREATE TABLE n(a, b)");
  for (int round = 0; round < 60 && !HasFailure(); ++round) {
    SCOPED_TRACE(absl::StrCat("round ", round));
    retention_ms_ = Below(3) == 0 ? -1'000 : 86'400'000;
    for (int i = Below(12); i > 0; --i) Write();
    if (Below(4) == 0) Alter();
    if (Below(3) == 0) TakeBackup();
    if (Below(3) == 0) {  // A cycle that dies, or whose end the application's writes come before.
      between_ = [this] {
        if (Below(2) == 0) Write();
        if (Below(4) == 0) TakeBackup();
      };
      Open();
      if (HasFatalFailure()) return;
      for (const SourceTable& table : tables_) {
        Sent sent;
        const absl::Status status = SendTable(table.schema.name, &sent, Below(2) == 0 ? Below(6) : -1);
        EXPECT_TRUE(status.ok() || absl::IsAborted(status)) << status;
      }
      if (Below(3) == 0) Forget();
      between_ = nullptr;
    }
    if (Below(4) == 0 && !backups_.empty()) {
      auto backup = backups_.begin();
      std::advance(backup, Below(static_cast<int>(backups_.size())));
      Restore(*backup);
      columns_ += 100;  // Columns that are added now are others.
      for (int i = Below(12); i > 0; --i) Write();
    }
    Cycle();
    ExpectEqual();
  }
}

INSTANTIATE_TEST_SUITE_P(
    Modes, AnyLife, testing::Values(Life{"DELETE", 1}, Life{"WAL", 2}, Life{"DELETE", 0}, Life{"WAL", 0}),
    [](const auto& test) { return test.param.mode + (test.param.seed == 0 ? "Random" : ""); });

}  // namespace
}  // namespace mirror::restored_source_test
