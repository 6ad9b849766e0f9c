#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "tests/server/tenant/tenant_bench.h"

// The mirror file and what happens to it: replaced, removed, damaged, held, on a full disk.

namespace mirror::replaced_file_test {
namespace {

namespace fs = std::filesystem;

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

constexpr absl::StatusCode kAborted = absl::StatusCode::kAborted;
constexpr absl::StatusCode kDataLoss = absl::StatusCode::kDataLoss;
constexpr absl::StatusCode kUnavailable = absl::StatusCode::kUnavailable;

const Position kFive{Lsn{5}, "five"}, kTen{Lsn{10}, "ten"};

std::string Contents(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}
void Put(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
}

class ReplacedFile : public TenantBench {
 protected:
  using TenantBench::TenantBench;

  void MirrorPeople() { source_->Mirror(People(), {{1, "Ada", 36}, {2, "Grace", 45}}, kFive); }
  void BeginAgain() {
    source_->Begin();
    ASSERT_THAT(source_->Announce({People()}), IsOk());
  }
  static BatchSpec Rows5(Rows rows, std::uint64_t seq = 1, std::optional<Position> commit = {}) {
    return {.rows = std::move(rows), .seq = seq, .base_lsn = 5, .target = kTen, .commit = std::move(commit)};
  }
  /// A copy as a partner makes it of a running mirror: whole, without a log.
  std::string Copy() const {
    const std::string copy = folder_.path() + "/copy.db";
    fs::remove(copy);
    Partner(path()).Run("VACUUM INTO '" + copy + "'");
    return copy;
  }
  void PutInPlace(const std::string& file) const { fs::rename(file, path()); }
};

// --- Another file in its place
// --------------------------------------------------------------------------------

TEST_F(ReplacedFile, AnOlderCopyUnderTheOpenMirrorIsNoticedBeforeTheNextCommit) {
  MirrorPeople();
  const std::string copy = Copy();
  BeginAgain();
  ASSERT_THAT(source_->Send(People(), Rows5({{1, "Ada", 100}}, 1, kTen)).status, IsOk());
  ASSERT_THAT(source_->Complete(), IsOk());
  BeginAgain();
  PutInPlace(copy);

  EXPECT_THAT(source_->Apply(MakeBatch(
                  People(), {.rows = {{2, "Grace", 200}}, .base_lsn = 10, .commit = Position{Lsn{11}, ""}})),
              StatusIs(kAborted));

  EXPECT_EQ(Visible(People()), (Rows{{1, "Ada", 36}, {2, "Grace", 45}}))
      << "exactly the file that was put there";
  EXPECT_EQ(Metadata("lsn"), Cell(5));
  EXPECT_THAT(catalog_.Kinds(), Contains("mirror.replaced"));
  EXPECT_EQ(Partner(path()).One("PRAGMA integrity_check"), Cell("ok"));
  // The next cycle catches up from where the copy stands.
  BeginAgain();
  ASSERT_THAT(source_->Send(People(), Rows5({{1, "Ada", 100}, {2, "Grace", 200}}, 1, kTen)).status, IsOk());
  EXPECT_EQ(Visible(People()), (Rows{{1, "Ada", 100}, {2, "Grace", 200}}));
}

TEST_F(ReplacedFile, OneThatComesWithinATransactionIsNoticedBeforeItsCommit) {
  const ScratchFolder folder;
  const std::string file = SqlitePath(folder.path(), "ctx");
  absl::StatusOr<std::unique_ptr<Store>> store = OpenSqliteStore(folder.path(), "ctx", true, {});
  ASSERT_THAT(store, IsOk());
  absl::StatusOr<TenantRecord> tenant = (*store)->records().ReadTenant();
  ASSERT_THAT(tenant, IsOk());
  Partner(file).Run("VACUUM INTO '" + folder.path() + "/copy.db'");
  Plan plan;
  plan.tenant = *tenant;
  plan.tenant->paused = true;
  // Behind the look that the call begins with.
  plan.answers = [&](const std::vector<StepResult>&) {
    fs::rename(folder.path() + "/copy.db", file);
    return std::vector<SchemaAnswer>();
  };
  EXPECT_THAT((*store)->Commit(plan), StatusIs(kUnavailable, HasSubstr("replaced")));
  store->reset();
  store = OpenSqliteStore(folder.path(), "ctx", false, {});
  ASSERT_THAT(store, IsOk());
  EXPECT_FALSE((*store)->records().ReadTenant()->paused) << "exactly the file that was put there";
}

TEST_F(ReplacedFile, ACopyFromTheMiddleOfTheRunningCycleDoesNotGoOnWithIt) {
  MirrorPeople();
  BeginAgain();
  ASSERT_THAT(source_->Send(People(), Rows5({{3, "a", 1}})).status, IsOk());
  const std::string copy = Copy();
  ASSERT_THAT(source_->Send(People(), Rows5({{4, "b", 1}}, 2)).status, IsOk());
  PutInPlace(copy);

  for (int i = 0; i < 2; ++i) {
    EXPECT_THAT(source_->Apply(MakeBatch(People(), Rows5({{5, "c", 1}}, 3, kTen))), StatusIs(kAborted));
    EXPECT_THAT(source_->Apply(MakeBatch(People(), Rows5({{5, "c", 1}}, 2, kTen))), StatusIs(kAborted));
  }

  EXPECT_THAT(Visible(People()), SizeIs(3));
  EXPECT_EQ(Metadata("lsn"), Cell(5));
  source_->Begin();
  const TableAnswer answer = source_->Announced(People());
  EXPECT_EQ(answer.position, kFive);
  EXPECT_EQ(answer.pending, kTen) << "what the cycle sent is shown";
}

TEST_F(ReplacedFile, ACopyThatIsLockedAtFirstDoesNotGoOnWithTheCycleEither) {
  MirrorPeople();
  BeginAgain();
  ASSERT_THAT(source_->Send(People(), Rows5({{3, "a", 1}})).status, IsOk());
  PutInPlace(Copy());
  {
    Partner partner(path());
    partner.Run("BEGIN IMMEDIATE");
    EXPECT_THAT(source_->Apply(MakeBatch(People(), Rows5({{4, "b", 1}}, 2))), StatusIs(kUnavailable));
    partner.Run("ROLLBACK");
  }

  EXPECT_THAT(source_->Apply(MakeBatch(People(), Rows5({{4, "b", 1}}, 2))), StatusIs(kAborted));

  EXPECT_THAT(Visible(People()), SizeIs(3));
}

TEST_F(ReplacedFile, EveryCallNoticesIt) {
  MirrorPeople();
  const auto calls = std::vector<std::function<absl::Status()>>{
      [&] { return source_->Announce({People()}).status(); },
      [&] {
        return source_->Apply(MakeBatch(People(), Rows5({{3, "a", 1}}))).status();
      },
      [&] {
        return tenant_
            ->Wipe(source_->caller, source_->cycle, "people", kTen, PopulateReason::kRequested, source_->now)
            .status();
      },
      [&] { return source_->Complete().status(); }};
  for (const auto& call : calls) {
    BeginAgain();
    PutInPlace(Copy());
    EXPECT_THAT(call(), StatusIs(kAborted));
    EXPECT_THAT(Visible(People()), SizeIs(2));
  }
}

TEST_F(ReplacedFile, EachRequestOfAGroupIsAnsweredAndNoneIsWritten) {
  MirrorPeople();
  BeginAgain();
  ASSERT_THAT(source_->Send(People(), Rows5({{3, "a", 1}})).status, IsOk());
  PutInPlace(Copy());
  std::vector<TestBatch> made;
  std::vector<RowRequest> requests(3);
  std::vector<const RowRequest*> sent;
  for (std::size_t i = 0; i < requests.size(); ++i) {
    made.push_back(MakeBatch(People(), Rows5({{4 + static_cast<int>(i), "b", 1}}, 2 + i)));
    requests[i].cycle = source_->cycle;
    requests[i].batches.push_back({"people", 2 + i, made[i].schema, made[i].batch});
    sent.push_back(&requests[i]);
  }

  const std::vector<RowAnswer> answers = tenant_->ApplyAll(source_->caller, sent, source_->now);

  EXPECT_THAT(answers, ElementsAre(StatusIs(kAborted), StatusIs(kAborted), StatusIs(kAborted)));
  EXPECT_THAT(Visible(People()), SizeIs(3));
  EXPECT_THAT(catalog_.Kinds(), Contains("mirror.replaced").Times(1));
}

TEST_F(ReplacedFile, DamageOfTheOldOneIsNoneOfTheNewOne) {
  MirrorPeople();
  const std::string copy = Copy();
  BeginAgain();
  ASSERT_THAT(source_->Send(People(), Rows5({{3, "a", 1}})).status, IsOk());
  ByHand("PRAGMA wal_checkpoint(TRUNCATE)");
  // What our connection reads, and nobody has looked at yet.
  Put(path(), std::string(fs::file_size(path()), 'x'));
  PutInPlace(copy);

  EXPECT_THAT(source_->Apply(MakeBatch(People(), Rows5({{4, "b", 1}}, 2))), StatusIs(kAborted));

  EXPECT_EQ(tenant_->Info()->quarantine, "");
  EXPECT_FALSE(fs::exists(path() + ".quarantine"));
  EXPECT_THAT(catalog_.Kinds(), Contains("mirror.replaced"));
  EXPECT_EQ(Visible(People()), (Rows{{1, "Ada", 36}, {2, "Grace", 45}}));
}

TEST_F(ReplacedFile, AuthenticateAfterItBeginsACycleInTheFileThatIsThere) {
  MirrorPeople();
  PutInPlace(Copy());
  const ino_t inode = [&] {
    struct stat info {};
    stat(path().c_str(), &info);
    return info.st_ino;
  }();

  BeginAgain();
  ASSERT_THAT(source_->Send(People(), Rows5({{3, "a", 1}}, 1, kTen)).status, IsOk());
  Restart();

  struct stat info {};
  ASSERT_EQ(stat(path().c_str(), &info), 0);
  EXPECT_EQ(info.st_ino, inode);
  EXPECT_THAT(Visible(People()), SizeIs(3));
}

TEST_F(ReplacedFile, TheLogOfTheReplacedFileIsNotReplayedOverTheNewOne) {
  MirrorPeople();
  const std::string copy = Copy();
  const std::string wanted = Contents(copy);
  BeginAgain();
  for (int i = 1; i <= 5; ++i) {
    ASSERT_THAT(source_->Send(People(), Rows5({{1, "lost", i}}, static_cast<std::uint64_t>(i))).status,
                IsOk());
  }
  PutInPlace(copy);

  tenant_.reset();  // A clean stop, with the log of the file that is gone still beside the new one.
  EXPECT_FALSE(fs::exists(path() + "-wal"));

  EXPECT_EQ(Contents(path()), wanted);
  EXPECT_EQ(Visible(People()), (Rows{{1, "Ada", 36}, {2, "Grace", 45}}));
  Restart();
}

TEST_F(ReplacedFile, NeitherIsTheLogOfAMirrorThatWasOpenedAnew) {
  MirrorPeople();
  Restart();
  const std::string copy = Copy();
  BeginAgain();
  ASSERT_THAT(source_->Send(People(), Rows5({{1, "lost", 1}}, 1, kTen)).status, IsOk());
  PutInPlace(copy);
  BeginAgain();
  EXPECT_EQ(Visible(People()), (Rows{{1, "Ada", 36}, {2, "Grace", 45}}));
  EXPECT_EQ(Metadata("lsn"), Cell(5));
}

TEST_F(ReplacedFile, ARemovedMirrorEndsTheCycleAndIsMadeAnewByTheNext) {
  MirrorPeople();
  BeginAgain();
  fs::remove(path());

  EXPECT_THAT(source_->Apply(MakeBatch(People(), Rows5({{3, "a", 1}}))), StatusIs(kAborted));
  EXPECT_FALSE(fs::exists(path())) << "a batch makes no mirror";

  source_->Begin();
  const TableAnswer answer = source_->Announced(People());
  EXPECT_EQ(answer.action, SchemaAction::kCreated);
  EXPECT_EQ(answer.position, Position{});
  source_->Populate(People(), {{9, "new", 1}}, kTen);
  EXPECT_THAT(Visible(People()), SizeIs(1));
}

TEST_F(ReplacedFile, ALogLeftBesideARemovedMirrorIsNotReplayedIntoTheNewOne) {
  MirrorPeople();
  BeginAgain();
  ASSERT_THAT(source_->Send(People(), Rows5({{3, "a", 1}}, 1, kTen)).status, IsOk());
  const std::string log = Contents(path() + "-wal");
  ASSERT_FALSE(log.empty());
  tenant_.reset();
  fs::remove(path());
  fs::remove(path() + "-shm");
  Put(path() + "-wal", log);  // As after kill -9 and a DBA who removed the mirror alone.
  Restart();

  source_->Begin();

  EXPECT_EQ(source_->Announced(People()).action, SchemaAction::kCreated);
  EXPECT_THAT(Visible(People()), IsEmpty());
}

TEST_F(ReplacedFile, AFileOfAnotherTenantIsRefusedAndLeftAsItIs) {
  MirrorPeople();
  tenant_.reset();
  const std::string other = SqlitePath(folder_.path(), "other");
  { ASSERT_THAT(OpenSqliteStore(folder_.path(), "other", true, {}), IsOk()); }
  fs::rename(other, path());
  const std::string before = Contents(path());
  Restart();

  EXPECT_THAT(source_->Authenticate(), StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("'other'")));

  tenant_.reset();
  EXPECT_EQ(Partner(path()).One("SELECT context_id FROM _mirror_tenant"), Cell("other"));
  EXPECT_EQ(Partner(path()).One("SELECT count(*) FROM sqlite_schema WHERE name = 'ctx_mirroring'"), Cell(0));
  EXPECT_EQ(Contents(path()), before);
  Restart();
}

// --- Another log in its place
// ----------------------------------------------------------------------------------

/// What is open without a name is lost with the process that has it open.
class ReplacedLog : public ReplacedFile {
 protected:
  /// What a kill of the server would leave.
  Cell AfterAKill(const std::string& sql) const {
    const ScratchFolder killed;
    const std::string copy = killed.path() + "/mirror.db";
    fs::copy_file(path(), copy);
    if (fs::exists(path() + "-wal")) fs::copy_file(path() + "-wal", copy + "-wal");
    return Partner(copy).One(sql);
  }
  void CommitTen() {
    BeginAgain();
    ASSERT_THAT(source_->Send(People(), Rows5({{1, "Ada", 100}}, 1, kTen)).status, IsOk());
    ASSERT_GT(fs::file_size(path() + "-wal"), 0U);
  }
  static constexpr char kLsn[] = "SELECT lsn FROM ctx_mirroring";
};

TEST_F(ReplacedLog, RemovedUnderTheOpenMirrorItEndsTheCycleAndNothingIsLost) {
  for (const std::vector<std::string>& gone :
       std::vector<std::vector<std::string>>{{"-wal"}, {"-shm"}, {"-wal", "-shm"}}) {
    SCOPED_TRACE(gone.front() + std::to_string(gone.size()));
    RemoveSqliteStore(folder_.path(), "ctx").IgnoreError();
    Restart();
    MirrorPeople();
    CommitTen();
    for (const std::string& suffix : gone) fs::remove(path() + suffix);

    EXPECT_THAT(source_->Apply(MakeBatch(People(), Rows5({{2, "Grace", 200}}, 2))), StatusIs(kAborted));

    EXPECT_EQ(AfterAKill(kLsn), Cell(10));
    EXPECT_THAT(catalog_.Kinds(), Contains("mirror.replaced"));
    BeginAgain();
    const BatchOutcome outcome = source_->Send(
        People(), {.rows = {{2, "Grace", 200}}, .base_lsn = 10, .commit = Position{Lsn{30}, ""}});
    EXPECT_THAT(outcome.status, IsOk());
    EXPECT_TRUE(outcome.durable);
    EXPECT_EQ(AfterAKill(kLsn), Cell(30));
    EXPECT_EQ(Visible(People()), (Rows{{1, "Ada", 100}, {2, "Grace", 200}}));
    EXPECT_EQ(Partner(path()).One("PRAGMA integrity_check"), Cell("ok"));
  }
}

TEST_F(ReplacedLog, AnEmptyOneInItsPlaceIsNotTakenForIt) {
  MirrorPeople();
  CommitTen();
  fs::remove(path() + "-wal");
  Put(path() + "-wal", "");
  EXPECT_THAT(source_->Complete(), StatusIs(kAborted));
  EXPECT_EQ(AfterAKill(kLsn), Cell(10));
}

TEST_F(ReplacedLog, RemovedWhileNobodyCallsItIsInTheFileOnceTheMirrorIsClosed) {
  MirrorPeople();
  CommitTen();
  fs::remove(path() + "-wal");
  tenant_.reset();
  EXPECT_EQ(AfterAKill(kLsn), Cell(10));
  Restart();
}

TEST_F(ReplacedLog, RemovedWhileAReaderNeedsAnOlderStateItIsCopiedOnceThatEnds) {
  MirrorPeople();
  Partner reader(path(), true);
  reader.Run("BEGIN");
  EXPECT_EQ(reader.One("SELECT count(*) FROM people"), Cell(2));
  CommitTen();
  fs::remove(path() + "-wal");
  const TestBatch batch = MakeBatch(People(), Rows5({{2, "Grace", 200}}, 2));

  EXPECT_THAT(source_->Apply(batch), StatusIs(kUnavailable, HasSubstr("do not stop the server")));
  EXPECT_FALSE(tenant_->CloseIfIdle()) << "the log would be lost";

  reader.Run("ROLLBACK");
  EXPECT_THAT(source_->Apply(batch), StatusIs(kAborted));
  EXPECT_EQ(AfterAKill(kLsn), Cell(10));
}

TEST_F(ReplacedLog, AnotherOneInItsPlaceIsNeverMixedWithIt) {
  MirrorPeople();
  ASSERT_TRUE(tenant_->CloseIfIdle());
  const std::string before = Contents(path());
  CommitTen();
  fs::remove(path() + "-wal");
  Put(path() + "-wal", "another's");

  EXPECT_THAT(source_->Complete(), StatusIs(kDataLoss, HasSubstr("another log")));

  EXPECT_EQ(Contents(path()), before);
  EXPECT_EQ(Contents(path() + "-wal"), "another's");
}

TEST_F(ReplacedLog, ASnapshotIsNeverOfAnOlderState) {
  MirrorPeople();
  CommitTen();
  fs::remove(path() + "-wal");
  EXPECT_THAT(source_->Authenticate(), IsOk());
  const auto snapshot = tenant_->OpenSnapshot();
  ASSERT_THAT(snapshot, IsOk());
  EXPECT_EQ(Partner(path()).One(kLsn), Cell(10));
}

// --- Damage
// ---------------------------------------------------------------------------------------------------

TEST_F(ReplacedFile, AFileThatIsNoDatabaseIsQuarantinedUntilTheOperatorPutAnotherThere) {
  MirrorPeople();
  const std::string copy = Copy();
  tenant_.reset();
  Put(path(), std::string(20'000, 'x'));
  Restart();

  EXPECT_THAT(source_->Authenticate(), StatusIs(kDataLoss));
  EXPECT_THAT(source_->Authenticate(), StatusIs(kDataLoss));
  const std::string quarantine = tenant_->Info()->quarantine;
  EXPECT_THAT(quarantine,
              testing::StartsWith("the mirror of 'ctx' is damaged: SQLite says \"file is not a database\""));
  EXPECT_THAT(quarantine, HasSubstr("'mirrorctl resume ctx'"));
  EXPECT_THAT(source_->Authenticate().status().message(), testing::Eq(quarantine));
  EXPECT_THAT(catalog_.Kinds(), Contains("mirror.damaged"));
  EXPECT_EQ(Contents(path()), std::string(20'000, 'x')) << "nothing was written to it";

  PutInPlace(copy);
  EXPECT_THAT(source_->Authenticate(), StatusIs(kDataLoss)) << "until the operator says so";
  ASSERT_THAT(tenant_->Resume(source_->now), IsOk());
  source_->Begin();
  EXPECT_EQ(source_->Announced(People()).position, kFive);
}

TEST_F(ReplacedFile, ResumeOfAFileThatIsStillDamagedSaysSo) {
  MirrorPeople();
  tenant_.reset();
  Put(path(), std::string(20'000, 'x'));
  Restart();
  EXPECT_THAT(source_->Authenticate(), StatusIs(kDataLoss));
  EXPECT_THAT(tenant_->Resume(source_->now), StatusIs(kDataLoss));
  EXPECT_THAT(source_->Authenticate(), StatusIs(kDataLoss));
}

TEST_F(ReplacedFile, DamageInTheMiddleIsNoticedAndNothingMoreIsTaken) {
  Rows rows;
  for (int i = 0; i < 5'000; ++i)
    rows.push_back({i, "some name that fills the pages " + std::to_string(i), i});
  source_->Mirror(People(), rows, kFive);
  tenant_.reset();
  std::string bytes = Contents(path());
  // Pages of the table, not the definitions and the mirror's own.
  const std::size_t from = bytes.size() / 2 / 4'096 * 4'096;
  for (std::size_t i = from; i < bytes.size() - 8'192; ++i) bytes[i] = static_cast<char>(0xa5);
  Put(path(), bytes);
  Restart();
  source_->Begin();
  ASSERT_THAT(source_->Announce({People()}), IsOk());

  EXPECT_THAT(tenant_->CheckIntegrity(), StatusIs(kDataLoss));

  EXPECT_THAT(source_->Apply(MakeBatch(People(), Rows5({{1, "x", 1}}))), StatusIs(kDataLoss));
}

TEST_F(ReplacedFile, ADamagedPageThatABatchMeetsEndsTheTransaction) {
  Rows rows;
  for (int i = 0; i < 5'000; ++i)
    rows.push_back({i, "some name that fills the pages " + std::to_string(i), i});
  source_->Mirror(People(), rows, kFive);
  tenant_.reset();
  std::string bytes = Contents(path());
  const std::size_t from = bytes.size() / 2 / 4'096 * 4'096;
  for (std::size_t i = from; i < bytes.size() - 8'192; ++i) bytes[i] = static_cast<char>(0xa5);
  Put(path(), bytes);
  Restart();
  source_->Begin();
  ASSERT_THAT(source_->Announce({People()}), IsOk());
  for (Row& row : rows) row[2] = 7;

  EXPECT_THAT(source_->Apply(MakeBatch(People(), Rows5(rows, 1, kTen))), StatusIs(kDataLoss));
  EXPECT_EQ(Metadata("lsn"), Cell(5));
}

TEST_F(ReplacedFile, TheTenantsOwnRowTakenAwayByHandIsDamage) {
  MirrorPeople();
  BeginAgain();
  ByHand("DELETE FROM _mirror_tenant");
  EXPECT_THAT(source_->Apply(MakeBatch(People(), Rows5({{3, "a", 1}}))), StatusIs(kDataLoss));
}

// --- Other processes
// --------------------------------------------------------------------------------------------

TEST_F(ReplacedFile, APartnerWithoutRightsInTheFolderReadsAMirrorThatIsClosed) {
  MirrorPeople();
  ASSERT_TRUE(tenant_->CloseIfIdle());
  fs::permissions(folder_.path(), fs::perms::owner_read | fs::perms::owner_exec | fs::perms::group_read |
                                      fs::perms::group_exec | fs::perms::others_read |
                                      fs::perms::others_exec);
  for (const char* const suffix : {"", "-wal", "-shm"}) {
    if (fs::exists(path() + suffix)) fs::permissions(path() + suffix, fs::perms(0444));
  }
  constexpr uid_t kNobody = 65'534;
  const pid_t child = fork();
  if (child == 0) {
    if (getuid() == 0 && setuid(kNobody) != 0) _exit(3);
    try {
      _exit(Partner(path(), true).One("SELECT count(*) FROM people") == Cell(2) ? 0 : 1);
    } catch (const std::exception& error) {
      std::fprintf(stderr, "%s\n", error.what());
      _exit(2);
    }
  }
  int status = 0;
  waitpid(child, &status, 0);
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
  fs::permissions(folder_.path(), fs::perms::owner_all);
  for (const char* const suffix : {"", "-wal", "-shm"}) {
    if (fs::exists(path() + suffix)) fs::permissions(path() + suffix, fs::perms(0644));
  }
}

TEST_F(ReplacedFile, ACloseLeavesAnEmptyLog) {
  MirrorPeople();
  ASSERT_TRUE(tenant_->CloseIfIdle());
  EXPECT_TRUE(fs::exists(path() + "-wal"));
  EXPECT_EQ(fs::file_size(path() + "-wal"), 0U);
  EXPECT_FALSE(tenant_->is_open());
  EXPECT_FALSE(tenant_->CloseIfIdle());
}

TEST_F(ReplacedFile, APartnerWhoHoldsTheWriteLockMakesTheCallUnavailableAndTheSameCallWorksLater) {
  MirrorPeople();
  BeginAgain();
  const TestBatch batch = MakeBatch(People(), Rows5({{3, "a", 1}}, 1, kTen));
  Partner partner(path());
  partner.Run("BEGIN IMMEDIATE");

  EXPECT_THAT(source_->Apply(batch), StatusIs(kUnavailable, HasSubstr("write lock")));

  partner.Run("ROLLBACK");
  EXPECT_EQ(Metadata("lsn"), Cell(5));
  const auto again = source_->Apply(batch);
  ASSERT_THAT(again, IsOk());
  EXPECT_THAT((*again)[0].status, IsOk());
  EXPECT_FALSE((*again)[0].repeated);
}

class SmallLog : public ReplacedFile {
 protected:
  SmallLog() : ReplacedFile(TenantOptions{}, SqliteOptions{.wal_bytes_max = 300'000}) {}
};

TEST_F(SmallLog, AReaderThatStaysOpenStopsTheWriterAtTheLimitUntilItEnds) {
  MirrorPeople();
  BeginAgain();
  Partner reader(path(), true);
  reader.Run("BEGIN");
  EXPECT_EQ(reader.One("SELECT count(*) FROM people"), Cell(2));
  const std::string filler(50'000, 'x');
  std::uint64_t seq = 1;
  absl::Status status;
  for (; seq < 50; ++seq) {
    const auto outcomes =
        source_->Apply(MakeBatch(People(), Rows5({{static_cast<int>(seq), filler, 1}}, seq)));
    status = outcomes.status();
    if (!status.ok()) break;
  }
  EXPECT_THAT(status, StatusIs(kUnavailable, HasSubstr("reader")));
  EXPECT_LT(fs::file_size(path() + "-wal"), 600'000U);
  EXPECT_EQ(Metadata("seq").integer, static_cast<std::int64_t>(seq - 1)) << "nothing of the last one";
  EXPECT_EQ(reader.One("SELECT count(*) FROM people"), Cell(2));
  reader.Run("COMMIT");

  ASSERT_THAT(source_->Send(People(), Rows5({{1, "end", 1}}, seq, kTen)).status, IsOk());

  EXPECT_EQ(Metadata("lsn"), Cell(10));
  EXPECT_LT(fs::file_size(path() + "-wal"), 300'000U);
}

// --- A full disk
// ------------------------------------------------------------------------------------------------

/// Every file of this process may grow to `bytes` and no further.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) {
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit lower = {bytes, before_.rlim_max};
    setrlimit(RLIMIT_FSIZE, &lower);
  }
  ~FileSizeLimit() { setrlimit(RLIMIT_FSIZE, &before_); }
  FileSizeLimit(const FileSizeLimit&) = delete;
  FileSizeLimit& operator=(const FileSizeLimit&) = delete;

 private:
  rlimit before_{};
};

TEST_F(ReplacedFile, WhereTheFileCannotGrowNothingIsAppliedAndTheSameCallWorksLater) {
  MirrorPeople();
  BeginAgain();
  Rows rows;
  for (int i = 0; i < 200; ++i) rows.push_back({i, std::string(5'000, 'x'), i});
  const TestBatch batch = MakeBatch(People(), Rows5(rows, 1, kTen));
  {
    const FileSizeLimit limit(400'000);
    EXPECT_THAT(source_->Apply(batch), StatusIs(kUnavailable, HasSubstr("Nothing was applied")));
    EXPECT_THAT(source_->Apply(batch), StatusIs(kUnavailable));
    EXPECT_EQ(Visible(People()), (Rows{{1, "Ada", 36}, {2, "Grace", 45}}));
    EXPECT_EQ(Metadata("lsn"), Cell(5));
    EXPECT_EQ(Metadata("pending_lsn"), Cell());
  }

  const auto outcomes = source_->Apply(batch);

  ASSERT_THAT(outcomes, IsOk());
  EXPECT_THAT((*outcomes)[0].status, IsOk());
  EXPECT_THAT(Visible(People()), SizeIs(200));
  EXPECT_EQ(Partner(path()).One("PRAGMA integrity_check"), Cell("ok"));
}

class FullDisk : public testing::Test {
 protected:
  void SetUp() override {
    if (mount("tmpfs", folder_.path().c_str(), "tmpfs", 0, "size=2m") != 0) {
      GTEST_SKIP() << "only root can mount a small disk";
    }
    mounted_ = true;
  }
  ~FullDisk() override {
    if (mounted_) umount2(folder_.path().c_str(), MNT_DETACH);
  }
  ScratchFolder folder_;
  bool mounted_ = false;
};

TEST_F(FullDisk, MakesCallsUnavailableLeavesTheMirrorWholeAndIsOverWhenThereIsRoom) {
  spdlog::set_level(spdlog::level::off);
  RememberingCatalog catalog;
  Events events(catalog);
  Tenant tenant(
      "ctx",
      [&](bool create) -> absl::StatusOr<std::unique_ptr<Store>> {
        return OpenSqliteStore(folder_.path(), "ctx", create, {});
      },
      TenantOptions{}, events, [](Tenant&) {});
  SourceCalls source(tenant, "ctx");
  const std::string path = SqlitePath(folder_.path(), "ctx");
  source.Mirror(People(), {{1, "Ada", 36}}, kFive);
  Put(folder_.path() + "/filler", std::string(1'200'000, 'x'));
  Rows rows;
  for (int i = 0; i < 100; ++i) rows.push_back({i, std::string(10'000, 'x'), i});
  // A population: the shadow, its rows, the swap.
  source.Begin();
  ASSERT_THAT(source.Announce({People()}), IsOk());
  const TestBatch all =
      MakeBatch(People(), {.rows = rows, .populate = PopulateReason::kRequested, .commit = kTen});

  EXPECT_THAT(source.Apply(all), StatusIs(kUnavailable, HasSubstr("disk")));
  EXPECT_THAT(source.Apply(all), StatusIs(kUnavailable));

  EXPECT_EQ(ReadMirror(path, People()), (Rows{{1, "Ada", 36}}));
  EXPECT_EQ(Partner(path).One("SELECT lsn FROM ctx_mirroring"), Cell(5));
  EXPECT_EQ(Partner(path).One("PRAGMA integrity_check"), Cell("ok"));
  fs::remove(folder_.path() + "/filler");
  const auto outcomes = source.Apply(all);
  ASSERT_THAT(outcomes, IsOk());
  EXPECT_THAT((*outcomes)[0].status, IsOk());
  EXPECT_THAT(ReadMirror(path, People()), SizeIs(100));
}

TEST_F(ReplacedFile, AMirrorInAFolderThatCannotBeWrittenIsUnavailable) {
  if (getuid() == 0) GTEST_SKIP() << "root may write everywhere";
  MirrorPeople();
  tenant_.reset();
  fs::permissions(path(), fs::perms::owner_read);
  Restart();
  EXPECT_THAT(source_->Authenticate(), StatusIs(kUnavailable));
  fs::permissions(path(), fs::perms::owner_read | fs::perms::owner_write);
  EXPECT_THAT(source_->Authenticate(), IsOk());
}

}  // namespace
}  // namespace mirror::replaced_file_test
