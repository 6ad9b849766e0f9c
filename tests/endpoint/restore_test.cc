#include <filesystem>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/endpoint/endpoint_fixture.h"

namespace mirror::restore_test {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::SizeIs;

/// Both ways to send rows: each test runs with each.
class RestoreTest : public EndpointTest, public testing::WithParamInterface<bool> {
 protected:
  void SetUp() override {
    Install();
    client_ = Client();
    options_.stream = GetParam();
    options_.batch_rows = 10;
    source_.CreateTable(People());
    source_.CreateTable(Pairs());
    source_.CreateTable(Keyless());
    for (int i = 0; i < 100; ++i) source_.Put("people", {i, absl::StrCat("name ", i), i});
    for (int i = 0; i < 10; ++i) source_.Put("pairs", {i, "b", "v"});
    for (int i = 0; i < 5; ++i) source_.Put("keyless", {"same", i});
  }

  /// Some of each kind of change; other rows for another `round`.
  void Change(int round) {
    for (int i = 0; i < 25; ++i)
      source_.Update("people", {round + i}, {{"name", absl::StrCat("round ", round)}});
    source_.Delete("people", {90 + round});
    source_.Put("people", {1'000 + round, "new", round});
    source_.Update("pairs", {round, "b"}, {{"v", absl::StrCat("round ", round)}});
    source_.DeleteRow("keyless", {"same", round});
  }

  FakeCycleReport MirrorAgain() { return Mirror(source_, *client_, options_); }

  /// A cycle that dies in the middle: some batches were applied, nothing was committed.
  void Interrupt() {
    FakeCycleOptions options = options_;
    options.die_before_request = 4;
    options.window = 1;  // The first batch of `people` has its answer by then.
    const FakeCycleReport report = source_.RunCycle(*client_, options);
    ASSERT_EQ(report.end, FakeCycleReport::End::kDied) << report.Summary();
  }

  static PopulateReason Why(const FakeCycleReport& report) { return report.tables.at("people").populate; }

  std::unique_ptr<MirrorClient> client_;
  FakeSource source_;
  FakeCycleOptions options_;
};

TEST_P(RestoreTest, ASourceThatWasRestoredIsBehindItsMirrorAndPopulates) {
  MirrorAgain();
  const FakeSource::Database backup = source_.Backup();
  Change(1);
  MirrorAgain();
  source_.Restore(backup);
  const FakeCycleReport report = MirrorAgain();
  EXPECT_EQ(Why(report), PopulateReason::kAhead);
  EXPECT_THAT(Events("source.restored"), SizeIs(3));
  EXPECT_EQ(Why(MirrorAgain()), PopulateReason::kNone);
}

TEST_P(RestoreTest, ASourceThatWasRestoredAndPassedItsMirrorSinceIsNoticedByItsLineage) {
  MirrorAgain();
  const FakeSource::Database backup = source_.Backup();
  Change(1);
  MirrorAgain();
  const std::int64_t mirrored = source_.lsn();
  source_.Restore(backup);
  Change(2);
  Change(3);
  ASSERT_GT(source_.lsn(), mirrored);
  const FakeCycleReport report = MirrorAgain();
  EXPECT_EQ(Why(report), PopulateReason::kLineageMiss);
  EXPECT_EQ(Why(MirrorAgain()), PopulateReason::kNone);
}

TEST_P(RestoreTest, ASourceThatWasRestoredToTheVeryLsnOfItsMirrorIsNoticedToo) {
  MirrorAgain();
  const FakeSource::Database backup = source_.Backup();
  source_.Update("people", {1}, {{"name", "before"}});
  MirrorAgain();
  source_.Restore(backup);
  source_.Update("people", {2}, {{"name", "after"}});
  EXPECT_EQ(Why(MirrorAgain()), PopulateReason::kLineageMiss);
}

TEST_P(RestoreTest, ASourceRestoredWhileACycleWasInterruptedIsNoticedByPending) {
  MirrorAgain();
  const FakeSource::Database backup = source_.Backup();
  Change(1);
  Interrupt();
  source_.Restore(backup);
  Change(2);
  Change(3);
  // The LSN that the mirror holds is an ancestor still; only `pending` is not.
  EXPECT_EQ(Why(MirrorAgain()), PopulateReason::kPendingMiss);
}

TEST_P(RestoreTest, AnInterruptedCycleIsCaughtUpByTheNextOne) {
  MirrorAgain();
  Change(1);
  Interrupt();
  // A column has its old value again: it is sent all the same.
  source_.Update("people", {1}, {{"name", "name 1"}});
  Change(2);
  const FakeCycleReport report = MirrorAgain();
  EXPECT_EQ(Why(report), PopulateReason::kNone);
}

TEST_P(RestoreTest, APopulationThatDiedLeavesTheOldRowsAndIsBegunAnew) {
  MirrorAgain();
  const std::vector<std::string> before = here_->mirror().Rows(People());
  Change(1);
  FakeCycleOptions options = options_;
  options.populate_all = true;
  options.window = 1;
  options.die_before_request = 6;
  options.window = 1;
  const FakeCycleReport died = source_.RunCycle(*client_, options);
  ASSERT_EQ(died.end, FakeCycleReport::End::kDied);
  EXPECT_EQ(here_->mirror().Rows(People()), before);
  const FakeCycleReport report = MirrorAgain();
  EXPECT_EQ(Why(report), PopulateReason::kMinusOne);
}

TEST_P(RestoreTest, ASourceRestoredInTheMiddleOfACycleCommitsNothing) {
  MirrorAgain();
  const FakeSource::Database backup = source_.Backup();
  Change(1);
  FakeCycleOptions options = options_;
  options.before_request = [&](int request) {
    if (request == 1) source_.Restore(backup);
  };
  const FakeCycleReport report = source_.RunCycle(*client_, options);
  EXPECT_EQ(report.end, FakeCycleReport::End::kRestored) << report.Summary();
  Change(2);
  Change(3);
  MirrorAgain();
}

TEST_P(RestoreTest, AMirrorFromAnOlderCopyIsCaughtUpWhileTheServerRuns) {
  MirrorAgain();
  const std::string copy = here_->dir() + "/copy.db";
  ASSERT_EQ(here_->mirror().CopyTo(copy), "");
  const std::int64_t lsn_of_copy = here_->mirror().Lsn("people");
  Change(1);
  MirrorAgain();
  std::filesystem::rename(copy, here_->mirror_path());
  Change(2);
  const FakeCycleReport report = MirrorAgain();
  // The log that lay beside the former file was not replayed over this one.
  EXPECT_EQ(report.tables.at("people").status.position().lsn(), lsn_of_copy);
  EXPECT_EQ(Why(report), PopulateReason::kNone);
  EXPECT_THAT(Events("mirror.replaced"), SizeIs(1));
  EXPECT_EQ(here_->mirror().Value("PRAGMA integrity_check"), "ok");
}

TEST_P(RestoreTest, AMirrorThatIsTooOldForTheSourcesLogIsPopulated) {
  MirrorAgain();
  const std::string copy = here_->dir() + "/copy.db";
  ASSERT_EQ(here_->mirror().CopyTo(copy), "");
  Change(1);
  MirrorAgain();
  source_.TruncateLog(source_.lsn());
  std::filesystem::rename(copy, here_->mirror_path());
  Change(2);
  EXPECT_EQ(Why(MirrorAgain()), PopulateReason::kHistoryGone);
}

/// What somebody does to the mirror behind the server's back.
struct Meddling {
  std::string name;
  std::function<void(Installation&)> act;
};

std::vector<Meddling> Meddlings() {
  const auto sql = [](const std::string& statements) {
    return [statements](Installation& here) { EXPECT_EQ(here.mirror().Execute(statements), ""); };
  };
  return {
      {"the file is deleted",
       [](Installation& here) {
         for (const char* suffix : {"", "-wal", "-shm"}) std::filesystem::remove(here.mirror_path() + suffix);
       }},
      {"the file alone is deleted", [](Installation& here) { std::filesystem::remove(here.mirror_path()); }},
      {"an older copy is put in its place",
       [](Installation& here) {
         std::filesystem::copy_file(here.dir() + "/copy.db", here.mirror_path() + ".new");
         std::filesystem::rename(here.mirror_path() + ".new", here.mirror_path());
       }},
      {"one metadata row is deleted", sql("DELETE FROM Cust_mirroring WHERE table_name = 'people'")},
      {"all metadata rows are deleted", sql("DELETE FROM Cust_mirroring")},
      {"one LSN is -1", sql("UPDATE Cust_mirroring SET lsn = -1 WHERE table_name = 'people'")},
      {"all LSNs are -1", sql("UPDATE Cust_mirroring SET lsn = -1")},
      {"an LSN is NULL", sql("UPDATE Cust_mirroring SET lsn = NULL WHERE table_name = 'people'")},
      {"an LSN is a word", sql("UPDATE Cust_mirroring SET lsn = 'reset' WHERE table_name = 'people'")},
      {"a table is dropped", sql("DROP TABLE people")},
  };
}

TEST_P(RestoreTest, WhateverIsDoneToTheMirrorBetweenTwoCyclesTheNextOneConverges) {
  for (const Meddling& meddling : Meddlings()) {
    SCOPED_TRACE(meddling.name);
    MirrorAgain();
    std::filesystem::remove(here_->dir() + "/copy.db");
    ASSERT_EQ(here_->mirror().CopyTo(here_->dir() + "/copy.db"), "");
    Change(1);
    MirrorAgain();
    meddling.act(*here_);
    Change(2);
    MirrorAgain();
    EXPECT_EQ(here_->mirror().Value("PRAGMA integrity_check"), "ok");
  }
}

TEST_P(RestoreTest, WhateverIsDoneToTheMirrorInTheMiddleOfACycleTheNextOneConverges) {
  for (const bool populate : {false, true}) {
    for (const Meddling& meddling : Meddlings()) {
      SCOPED_TRACE(meddling.name + (populate ? ", while it is populated" : ""));
      MirrorAgain();
      std::filesystem::remove(here_->dir() + "/copy.db");
      ASSERT_EQ(here_->mirror().CopyTo(here_->dir() + "/copy.db"), "");
      Change(1);
      FakeCycleOptions options = options_;
      options.populate_all = populate;
      options.before_request = [&](int request) {
        if (request == 3) meddling.act(*here_);
      };
      // It may fail, and may lose nothing by it: the next one makes the mirror equal again.
      const FakeCycleReport disturbed = source_.RunCycle(*client_, options);
      for (const auto& [name, table] : disturbed.tables) {
        EXPECT_THAT(table.error, testing::AnyOf(IsOk(), StatusIs(absl::StatusCode::kFailedPrecondition),
                                                StatusIs(absl::StatusCode::kAborted)))
            << name;
      }
      if (disturbed.end == FakeCycleReport::End::kFailed) {
        EXPECT_THAT(disturbed.status, testing::AnyOf(StatusIs(absl::StatusCode::kAborted),
                                                     StatusIs(absl::StatusCode::kUnavailable)));
      }
      Change(2);
      MirrorAgain();
      EXPECT_EQ(here_->mirror().Value("PRAGMA integrity_check"), "ok");
    }
  }
}

TEST_P(RestoreTest, AFileOfAnotherTenantIsNotTaken) {
  MirrorAgain();
  const auto other = Client("Cust-other");
  FakeSource other_source(2);
  other_source.CreateTable(People());
  Mirror(other_source, *other);
  const std::string copy = here_->dir() + "/copy.db";
  ASSERT_EQ(here_->mirror("Cust-other").CopyTo(copy), "");
  std::filesystem::rename(copy, here_->mirror_path());
  Change(1);
  const FakeCycleReport report = source_.RunCycle(*client_, options_);
  EXPECT_EQ(report.end, FakeCycleReport::End::kFailed) << report.Summary();
  EXPECT_THAT(std::string(report.status.message()), HasSubstr("Cust-other"));
  EXPECT_EQ(here_->mirror("Cust-other").RowCount("people"), 0);
  Mirror(other_source, *other);
}

TEST_P(RestoreTest, ADamagedMirrorIsQuarantinedAndTheOthersGoOn) {
  MirrorAgain();
  const auto other = Client("Cust-other");
  FakeSource other_source(2);
  other_source.CreateTable(People());
  Mirror(other_source, *other);
  ASSERT_THAT(here_->Stop(), testing::Eq(absl::StatusOr<int>(0)));
  WriteFileText(here_->mirror_path(), std::string(100'000, 'x'));
  ASSERT_THAT(here_->Start(), IsOk());
  client_ = Client();
  const FakeCycleReport report = source_.RunCycle(*client_, options_);
  EXPECT_THAT(report.status, StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_THAT(Events("mirror.damaged"), SizeIs(1));
  const auto other_again = Client("Cust-other");
  other_source.Put("people", {1, "Ada", 36});
  Mirror(other_source, *other_again);
}

INSTANTIATE_TEST_SUITE_P(BothWays, RestoreTest, testing::Bool(),
                         [](const auto& test) { return test.param ? "Stream" : "Unary"; });

}  // namespace
}  // namespace mirror::restore_test
