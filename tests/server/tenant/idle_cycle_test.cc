// What a cycle leaves that changes nothing: it waits in memory, and the mirror's log stays as it is.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/plan/freshness_plan.h"
#include "server/plan/move_mark.h"
#include "server/store/start_mark.h"
#include "tests/server/tenant/log_frames.h"
#include "tests/server/tenant/tenant_bench.h"

namespace mirror::idle_cycle_test {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using enum absl::StatusCode;

const Position kFive{Lsn{5}, "five"}, kTen{Lsn{10}, "ten"};
constexpr std::int64_t kMinuteMs = 60'000;

class IdleCycle : public TenantBench {
 protected:
  IdleCycle() {
    sqlite_.forgot_nonces = [this] { mark_->ForgetNonces(source_->now); };
    Start();
  }

  /// Behind a server that ended well.
  void Start() {
    tenant_.reset();
    mark_.reset();
    mark_ = *StartMark::Open(folder_.path(), source_->now, /*boot=*/1);
    options_.start = mark_.get();
    Restart();
    source_->caller.issued_s = source_->now / 1'000;
  }
  void StartWith(const FreshnessRules& rules) {
    options_.freshness = rules;
    Restart();
    source_->caller.issued_s = source_->now / 1'000;
  }
  /// The server is killed: its files are as they are now, and its memory is gone.
  void StartAfterKill() {
    const std::string kept = folder_.path() + "-kept";
    fs::copy(folder_.path(), kept, fs::copy_options::recursive);
    tenant_.reset();
    mark_.reset();
    fs::remove_all(folder_.path());
    fs::rename(kept, folder_.path());
    fs::remove(path() + "-shm");
    source_->now += 2'000;
    Start();
    // As a server waits before it takes calls.
    source_->now = mark_->takes_tokens_from_ms();
    source_->caller.issued_s = source_->now / 1'000;
  }

  absl::Status Complete(const std::vector<CompletedTable>& tables = {}) {
    return tenant_->Complete(source_->caller, source_->cycle, tables, source_->now, AllAsOf{source_->now})
        .status();
  }
  /// A cycle that populates the table.
  void Mirror() {
    source_->Begin();
    ASSERT_THAT(source_->Announce({People()}), IsOk());
    source_->Populate(People(), {{1, "Ada", 36}}, kFive);
    ASSERT_THAT(Complete(), IsOk());
  }
  /// A cycle in which nothing changed.
  void Idle() {
    source_->caller.issued_s = source_->now / 1'000;
    source_->Begin();
    ASSERT_THAT(source_->Announce({People()}), IsOk());
    ASSERT_THAT(Complete(), IsOk());
  }
  std::string Log() const { return LogFrames(path()); }
  /// What the file has, as a partner reads it.
  std::int64_t InFile(const std::string& sql) const {
    const Cell cell = Partner(path(), /*read_only=*/true).One(sql);
    return cell.integer;
  }
  std::int64_t TimeInFile() const {
    return InFile("SELECT source_ms FROM _mirror_times WHERE table_name = ''");
  }
  std::int64_t NoncesInFile() const { return InFile("SELECT count(*) FROM _mirror_nonces"); }
  std::int64_t Time() {
    const auto tables = tenant_->Tables();
    EXPECT_THAT(tables, IsOk());
    return tables.ok() && tables->size() == 1 ? tables->front().source_ms : 0;
  }

  std::unique_ptr<StartMark> mark_;
};

TEST_F(IdleCycle, WritesNothingToTheLog) {
  Mirror();
  const std::string log = Log();
  const std::int64_t completed = source_->cycle;
  for (int i = 0; i < 5; ++i) {
    Idle();
    EXPECT_EQ(Log().size(), log.size()) << "bytes, behind idle cycle " << i + 1;
    EXPECT_EQ(Time(), source_->now) << "what operators see is not behind";
  }
  EXPECT_EQ(Log(), log);
  EXPECT_EQ(InFile("SELECT completed_cycle FROM _mirror_tenant"), completed);
  const auto info = tenant_->Info();
  ASSERT_THAT(info, IsOk());
  EXPECT_EQ(info->record.completed_cycle, source_->cycle);
  EXPECT_FALSE(info->record.active);
  EXPECT_EQ(tenant_->summary().completed_ms, source_->now);
}

TEST_F(IdleCycle, IsAsAnyOtherForItsCalls) {
  Mirror();
  const std::string log = Log();
  source_->Begin("first");
  const auto busy = source_->Authenticate("second");
  ASSERT_THAT(busy, IsOk());
  ASSERT_TRUE(busy->busy);
  EXPECT_EQ(busy->busy->holder, "first");
  ASSERT_THAT(source_->Announce({People()}), IsOk());
  ASSERT_THAT(source_->Announce({People()}), IsOk()) << "a repetition";
  ASSERT_THAT(Complete(), IsOk());
  ASSERT_THAT(Complete(), IsOk()) << "a repetition, as if the answer had been lost";
  EXPECT_THAT(source_->Announce({People()}).status(), StatusIs(kAborted, HasSubstr("is over")));
  source_->Begin("third");
  const std::int64_t cut = source_->cycle;
  source_->Begin("third", /*take_over=*/true);
  EXPECT_GT(source_->cycle, cut);
  EXPECT_EQ(Log(), log);
  EXPECT_THAT(catalog_.Messages("cycle.failed"), HasSubstr("its source began another one"));
}

TEST_F(IdleCycle, ATokenIsTakenOnce) {
  Mirror();
  Idle();
  ASSERT_EQ(NoncesInFile(), 1) << "that of the first cycle";
  const auto again = [&] {
    return tenant_->Authenticate(source_->caller, "holder", false, false, source_->now);
  };
  EXPECT_THAT(again(), StatusIs(kUnauthenticated, HasSubstr("nonce was used before")));
  ASSERT_TRUE(tenant_->CloseIfIdle());
  EXPECT_THAT(again(), StatusIs(kUnauthenticated, HasSubstr("nonce was used before")));
  Idle();
  const Caller used = source_->caller;
  Start();
  source_->caller = used;
  EXPECT_THAT(again(), StatusIs(kUnauthenticated, HasSubstr("nonce was used before")));
}

TEST_F(IdleCycle, NoncesThatExpiredAreForgottenAndCountTowardsNoLimit) {
  options_.nonces_max = 4;
  Start();
  Mirror();
  for (int i = 0; i < 20; ++i) {
    source_->now += 2 * kMinuteMs;
    Idle();
    ASSERT_FALSE(HasFailure()) << "cycle " << i;
  }
  for (int i = 0; i < 4; ++i) source_->Authenticate().IgnoreError();
  EXPECT_THAT(source_->Authenticate(), StatusIs(kResourceExhausted));
}

TEST_F(IdleCycle, WhatWaitsIsWrittenAtTheClose) {
  Mirror();
  for (int i = 0; i < 3; ++i) Idle();
  const std::int64_t completed = source_->cycle, now = source_->now;
  tenant_.reset();
  EXPECT_EQ(InFile("SELECT completed_cycle FROM _mirror_tenant"), completed);
  EXPECT_EQ(InFile("SELECT completed_ms FROM _mirror_tenant"), now);
  EXPECT_EQ(InFile("SELECT active FROM _mirror_tenant"), 0);
  EXPECT_EQ(TimeInFile(), now);
  EXPECT_EQ(NoncesInFile(), 4);
  Restart();
}

TEST_F(IdleCycle, WhatWaitsIsWrittenWithTheNextRows) {
  Mirror();
  Idle();
  source_->Begin();
  ASSERT_THAT(source_->Announce({People()}), IsOk());
  EXPECT_EQ(InFile("SELECT active FROM _mirror_tenant"), 0);
  ASSERT_THAT(source_->Send(People(), {.rows = {{2, "Grace", 45}}, .base_lsn = 5}).status, IsOk());
  EXPECT_EQ(InFile("SELECT active FROM _mirror_tenant"), 1);
  EXPECT_EQ(InFile("SELECT cycle FROM _mirror_tenant"), source_->cycle);
  EXPECT_EQ(NoncesInFile(), 3);
  EXPECT_THAT(InFile("SELECT length(announced) FROM _mirror_tenant"), Not(0));
  ASSERT_THAT(source_->Send(People(), {.seq = 2, .base_lsn = 5, .commit = kTen}).status, IsOk());
  ASSERT_THAT(Complete(), IsOk());
  EXPECT_EQ(InFile("SELECT completed_cycle FROM _mirror_tenant"), source_->cycle);
  EXPECT_EQ(TimeInFile(), source_->now);
}

TEST_F(IdleCycle, ACycleThatLeavesMoreIsWritten) {
  Mirror();
  Idle();
  source_->Begin();
  ASSERT_THAT(source_->Announce({People()}), IsOk());
  ASSERT_THAT(Complete({{.table = "people", .row_count = 1}}), IsOk());
  EXPECT_EQ(InFile("SELECT count(*) FROM _mirror_checks WHERE equality = 3"), 1);
  EXPECT_EQ(InFile("SELECT completed_cycle FROM _mirror_tenant"), source_->cycle);

  TableSchema other = People();
  other.name = "sqlite_people";
  source_->Begin();
  const auto refused = source_->Announce({People(), other});
  ASSERT_THAT(refused, IsOk());
  ASSERT_EQ(refused->back().action, SchemaAction::kRefused);
  EXPECT_EQ(InFile("SELECT count(*) FROM _mirror_answers WHERE action = 5"), 1)
      << "until it is taken again, its rows are those of older rules";
}

TEST_F(IdleCycle, TheTimeInTheFileIsBehindByLessThanTenMinutes) {
  Mirror();
  int written = 0;
  constexpr int kCycles = 60;
  for (int i = 0; i < kCycles; ++i) {
    source_->now += kMinuteMs - 1'000;
    const std::int64_t before = TimeInFile();
    Idle();
    written += TimeInFile() == before ? 0 : 1;
    ASSERT_LT(source_->now - TimeInFile(), kTimesBehindMaxMs);
    ASSERT_LT(source_->now - InFile("SELECT completed_ms FROM _mirror_tenant"), kTimesBehindMaxMs);
  }
  EXPECT_EQ(written, kCycles / 10);
}

TEST_F(IdleCycle, TheTimeInTheFileIsBehindByLessThanAThirdOfTheShortestTarget) {
  StartWith({{"*", "*", false, 10 * kMinuteMs}, {"*", "people", true, 4 * kMinuteMs}});
  Mirror();
  for (int i = 0; i < 20; ++i) {
    source_->now += kMinuteMs - 1'000;
    Idle();
    ASSERT_LT(source_->now - TimeInFile(), 4 * kMinuteMs / 3);
    ASSERT_EQ(Time(), source_->now);
  }
}

TEST_F(IdleCycle, TimesThatTablesHadOfTheirOwnWait) {
  Mirror();
  source_->Begin();
  ASSERT_THAT(source_->Announce({People()}), IsOk());
  const std::int64_t of_all = TimeInFile();
  const BatchSpec change = {
      .rows = {{2, "Grace", 45}}, .base_lsn = 5, .commit = kTen, .source_ms = source_->now};
  ASSERT_THAT(source_->Send(People(), change).status, IsOk());
  ASSERT_THAT(tenant_->Complete(source_->caller, source_->cycle, {}, source_->now,
                                AllAsOf{of_all + 1'000, {"people"}}),
              IsOk());
  const std::string log = Log();
  const std::int64_t own = Time();
  source_->now += 5'000;
  Idle();
  EXPECT_EQ(Log().size(), log.size());
  EXPECT_EQ(Time(), source_->now);
  EXPECT_EQ(InFile("SELECT source_ms FROM _mirror_times WHERE table_name = 'people'"), own);
  tenant_.reset();
  EXPECT_EQ(InFile("SELECT count(*) FROM _mirror_times"), 1) << "that of all";
  EXPECT_EQ(TimeInFile(), source_->now);
  Restart();
}

TEST_F(IdleCycle, ATimeThatGoesBackIsWritten) {
  Mirror();
  Idle();
  const std::int64_t earlier = TimeInFile() - 5'000;
  source_->Begin();
  ASSERT_THAT(source_->Announce({People()}), IsOk());
  ASSERT_THAT(tenant_->Complete(source_->caller, source_->cycle, {}, source_->now, AllAsOf{earlier}), IsOk());
  EXPECT_EQ(TimeInFile(), earlier) << "the file never says that rows are newer than they are";
}

TEST_F(IdleCycle, AfterAKillTheNextCycleGoesOnFromWhereTheRowsAre) {
  Mirror();
  for (int i = 0; i < 3; ++i) Idle();
  source_->Begin();
  const std::int64_t lost = source_->cycle;
  StartAfterKill();
  EXPECT_GE(Time(), source_->now - kTimesBehindMaxMs);
  source_->cycle = lost;
  EXPECT_THAT(source_->Announce({People()}).status(), StatusIs(kAborted, HasSubstr("is over")));
  source_->Begin("another holder");
  EXPECT_GT(source_->cycle, lost) << "no number is given again, and nobody waits for what was cut off";
  const auto answers = source_->Announce({People()});
  ASSERT_THAT(answers, IsOk());
  EXPECT_EQ(answers->front().action, SchemaAction::kUnchanged);
  EXPECT_EQ(answers->front().position, kFive);
  ASSERT_THAT(Complete(), IsOk());
}

TEST_F(IdleCycle, AfterAKillNoTokenOfBeforeIsTaken) {
  Mirror();
  Idle();
  const Caller used = source_->caller;
  StartAfterKill();
  source_->caller = used;
  EXPECT_THAT(tenant_->Authenticate(used, "holder", false, false, source_->now),
              StatusIs(kUnauthenticated, HasSubstr("It is not known whether it was used")));
}

TEST_F(IdleCycle, AKillLeavesNoRunningCycleInTheFileBehindOne) {
  Mirror();
  source_->Begin();
  ASSERT_THAT(source_->Announce({People()}), IsOk());
  ASSERT_THAT(source_->Send(People(), {.rows = {{2, "Grace", 45}}, .base_lsn = 5, .commit = kTen}).status,
              IsOk());
  ASSERT_THAT(Complete(), IsOk());
  Idle();
  StartAfterKill();
  const auto admission = source_->Authenticate("another holder");
  ASSERT_THAT(admission, IsOk());
  EXPECT_TRUE(admission->accepted);
}

TEST_F(IdleCycle, WhatADbaWritesCounts) {
  Mirror();
  source_->Begin();
  ASSERT_THAT(source_->Announce({People()}), IsOk());
  ByHand("UPDATE _mirror_tenant SET cycle = cycle + 100000000");
  EXPECT_THAT(Complete(), StatusIs(kAborted));
  source_->now += 200'000'000;
  Idle();
  ByHand("UPDATE ctx_mirroring SET lsn = -1");
  source_->Begin();
  const auto answers = source_->Announce({People()});
  ASSERT_THAT(answers, IsOk());
  EXPECT_EQ(answers->front().position.lsn, Lsn{});
}

TEST_F(IdleCycle, AFileThatTakesThePlaceEndsItAndNoTokenOfBeforeIsTaken) {
  Mirror();
  const std::string copy = folder_.path() + "/copy";
  Partner(path()).Run("VACUUM INTO '" + copy + "'");
  Idle();
  source_->Begin();
  const std::int64_t cut = source_->cycle;
  const Caller used = source_->caller;
  fs::remove(path() + "-wal");
  fs::rename(copy, path());
  EXPECT_THAT(source_->Announce({People()}).status(), StatusIs(kAborted));
  EXPECT_THAT(tenant_->Authenticate(used, "holder", false, false, source_->now),
              StatusIs(kUnauthenticated, HasSubstr("because a mirror could not be written")));
  source_->now += 1'000;
  source_->caller.issued_s = source_->now / 1'000;
  source_->Begin();
  EXPECT_GT(source_->cycle, cut);
  EXPECT_THAT(catalog_.Kinds(), testing::Contains("mirror.replaced"));
}

TEST_F(IdleCycle, ACopyHasWhatWaits) {
  Mirror();
  for (int i = 0; i < 3; ++i) Idle();
  const auto snapshot = tenant_->OpenSnapshot();
  ASSERT_THAT(snapshot, IsOk());
  const std::string copy = folder_.path() + "/copy.db";
  ASSERT_THAT((*snapshot)->CopyTo(copy, [](std::uint64_t, std::uint64_t) { return true; }), IsOk());
  Partner copied(copy, /*read_only=*/true);
  EXPECT_EQ(copied.One("SELECT completed_cycle FROM _mirror_tenant"), Cell(source_->cycle));
  EXPECT_EQ(copied.One("SELECT count(*) FROM _mirror_nonces"), Cell(4));
  EXPECT_EQ(copied.One("SELECT source_ms FROM _mirror_times WHERE table_name = ''"), Cell(source_->now));
}

TEST_F(IdleCycle, WhileAMirrorMovesEachNonceIsInItsFile) {
  Mirror();
  ASSERT_THAT(tenant_->BeginMove({.id = "0123456789abcdef"}, source_->now), IsOk());
  const std::int64_t before = NoncesInFile();
  const auto admission = source_->Authenticate();
  ASSERT_THAT(admission, IsOk());
  EXPECT_TRUE(admission->do_not_replicate);
  EXPECT_EQ(NoncesInFile(), before + 1) << "what is moved knows the token";
}

TEST_F(IdleCycle, WithoutAMarkEachBeginIsWritten) {
  options_.start = nullptr;
  Restart();
  Mirror();
  source_->Begin();
  EXPECT_EQ(InFile("SELECT active FROM _mirror_tenant"), 1);
  ASSERT_THAT(source_->Announce({People()}), IsOk());
  ASSERT_THAT(Complete(), IsOk());
  EXPECT_EQ(InFile("SELECT completed_cycle FROM _mirror_tenant"), source_->cycle);
  EXPECT_EQ(TimeInFile(), source_->now);
}

}  // namespace
}  // namespace mirror::idle_cycle_test
