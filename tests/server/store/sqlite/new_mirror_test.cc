#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <optional>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/store/sqlite/sqlite_new_mirror.h"
#include "tests/server/tenant/tenant_bench.h"

// A mirror that is being made: it is built beside its name, and gets it when its first cycle ends.

namespace mirror::new_mirror_test {
namespace {

namespace fs = std::filesystem;
using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;
using enum absl::StatusCode;

const Position kFive{Lsn{5}, "five"};

class NewMirror : public TenantBench {
 protected:
  NewMirror() : TenantBench({}, {.build_beside = true}) {}

  void BeginWithRows(const Rows& rows, std::optional<Position> commit = kFive) {
    source_->Begin();
    ASSERT_THAT(source_->Announce({People()}), IsOk());
    const BatchOutcome outcome = source_->Send(
        People(), {.rows = rows, .populate = PopulateReason::kMinusOne, .target = kFive, .commit = commit});
    ASSERT_THAT(outcome.status, IsOk());
    EXPECT_FALSE(outcome.durable);
  }
  /// As kill -9 leaves it: what the process held is gone, what stands on the disk is there.
  void Crash() {
    const ScratchFolder kept;
    fs::copy(folder_.path(), kept.path(), fs::copy_options::recursive);
    tenant_.reset();
    for (const auto& entry : fs::directory_iterator(folder_.path())) fs::remove(entry.path());
    fs::copy(kept.path(), folder_.path(), fs::copy_options::recursive);
    Restart();
  }
  std::vector<std::string> Files() const {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(folder_.path())) {
      names.push_back(entry.path().filename().string());
    }
    return names;
  }
};

TEST_F(NewMirror, HasItsFileFromTheEndOfItsFirstCycleAndNothingBesideIt) {
  BeginWithRows({{1, "Ada", 36}, {2, "Grace", 45}});
  EXPECT_FALSE(fs::exists(path()));

  ASSERT_THAT(source_->Complete(), IsOk());

  EXPECT_EQ(Visible(People()), (Rows{{1, "Ada", 36}, {2, "Grace", 45}}));
  EXPECT_EQ(Metadata("lsn"), Cell(5));
  EXPECT_EQ(Partner(path()).One("PRAGMA journal_mode"), Cell("wal"));
  EXPECT_EQ(Partner(path()).One("PRAGMA integrity_check"), Cell("ok"));
  EXPECT_THAT(Files(), Not(Contains(HasSubstr(".building"))));
  EXPECT_THAT(Files(), Not(Contains(HasSubstr(".claim"))));
  // And is as any other: durable at each commit.
  source_->Begin();
  ASSERT_THAT(source_->Announce({People()}), IsOk());
  const BatchOutcome outcome = source_->Send(People(), {.rows = {{3, "Joan", 1}}, .base_lsn = 5});
  EXPECT_TRUE(outcome.durable);
  EXPECT_EQ(Visible(People()), (Rows{{1, "Ada", 36}, {2, "Grace", 45}, {3, "Joan", 1}}));
}

TEST_F(NewMirror, ACrashLosesItsRowsAndItsCycleAndNotWhoseItIs) {
  BeginWithRows({{1, "Ada", 36}});
  const std::string nonce = source_->caller.nonce;
  const std::int64_t expires = source_->caller.expires_ms;
  Crash();

  EXPECT_THAT(source_->Send(People(), {.rows = {{2, "Grace", 1}}, .seq = 2, .base_lsn = -1}).status,
              StatusIs(kAborted));
  source_->caller.nonce = nonce;
  source_->caller.expires_ms = expires;
  EXPECT_THAT(tenant_->Authenticate(source_->caller, "holder", true, false, source_->now),
              StatusIs(absl::StatusCode::kUnauthenticated))
      << "a nonce counts once";
  source_->caller.issuer = "somebody else";
  EXPECT_THAT(source_->Authenticate(), StatusIs(kPermissionDenied));
  source_->caller.issuer = "issuer";
  BeginWithRows({{7, "Hedy", 50}});
  ASSERT_THAT(source_->Complete(), IsOk());
  EXPECT_EQ(Visible(People()), (Rows{{7, "Hedy", 50}}));
  EXPECT_THAT(Files(), Not(Contains(HasSubstr("building"))));
}

TEST_F(NewMirror, WhateverEndsTheCycleKeepsWhatWasCommitted) {
  source_->Begin();
  ASSERT_THAT(source_->Announce({People(), Pairs()}), IsOk());
  source_->Populate(People(), {{1, "Ada", 36}}, kFive);
  ASSERT_THAT(source_->Send(Pairs(), {.rows = {{1, "b", "v"}}, .populate = PopulateReason::kMinusOne}).status,
              IsOk());

  ASSERT_THAT(tenant_->Pause("a look", source_->now), IsOk());

  EXPECT_EQ(Visible(People()), (Rows{{1, "Ada", 36}}));
  EXPECT_EQ(Metadata("lsn", "people"), Cell(5));
  EXPECT_EQ(Visible(Pairs()), Rows{});
  EXPECT_EQ(Metadata("lsn", "pairs"), Cell(-1));
}

TEST_F(NewMirror, ATableThatWasNotCommittedHasNeitherRowsNorAnLsn) {
  source_->Begin();
  ASSERT_THAT(source_->Announce({People(), Pairs()}), IsOk());
  source_->Populate(People(), {{1, "Ada", 36}}, kFive);
  ASSERT_THAT(source_->Send(Pairs(), {.rows = {{1, "b", "v"}}, .populate = PopulateReason::kMinusOne}).status,
              IsOk());

  ASSERT_THAT(source_->Complete(), IsOk());

  // As a reader sees it, before anybody begins the next cycle.
  EXPECT_EQ(Visible(People()), (Rows{{1, "Ada", 36}}));
  EXPECT_EQ(Metadata("lsn", "people"), Cell(5));
  EXPECT_EQ(Visible(Pairs()), Rows{});
  EXPECT_EQ(Metadata("lsn", "pairs"), Cell(-1));
}

TEST_F(NewMirror, ATakeOverFindsOnDiskWhatItIsShown) {
  BeginWithRows({{1, "Ada", 36}});
  source_->now += 1'000;
  const absl::StatusOr<Admission> admission = source_->Authenticate("holder", true);
  ASSERT_THAT(admission, IsOk());
  ASSERT_TRUE(admission->accepted);
  EXPECT_EQ(Visible(People()), (Rows{{1, "Ada", 36}}));
  source_->cycle = admission->cycle;
  EXPECT_EQ(source_->Announced(People()).position, kFive);
}

TEST_F(NewMirror, ABusyTenantRemembersTheNonceOfTheOneThatWasTurnedAway) {
  BeginWithRows({{1, "Ada", 36}});
  const absl::StatusOr<Admission> busy = source_->Authenticate("another");
  ASSERT_THAT(busy, IsOk());
  EXPECT_TRUE(busy->busy.has_value());
  const std::string nonce = source_->caller.nonce;
  Crash();
  source_->caller.nonce = nonce;
  source_->caller.expires_ms = source_->now + 300'000;
  EXPECT_THAT(tenant_->Authenticate(source_->caller, "holder", true, false, source_->now),
              StatusIs(absl::StatusCode::kUnauthenticated));
}

TEST_F(NewMirror, ARefusedBatchIsTakenBackAsInAnyMirror) {
  BeginWithRows({{1, "Ada", 36}}, std::nullopt);
  const BatchOutcome outcome = source_->Send(People(), {.operation = Operation::kUpdate,
                                                        .rows = {{1, "changed"}, {9, "is not there"}},
                                                        .columns = {"id", "name"},
                                                        .seq = 2,
                                                        .target = kFive});
  EXPECT_THAT(outcome.status, StatusIs(kFailedPrecondition));
  ASSERT_THAT(source_->Send(People(), {.seq = 2, .target = kFive, .commit = kFive}).status, IsOk());
  ASSERT_THAT(source_->Complete(), IsOk());
  EXPECT_EQ(Visible(People()), (Rows{{1, "Ada", 36}}));
  EXPECT_EQ(Partner(path()).One("PRAGMA integrity_check"), Cell("ok"));
}

TEST_F(NewMirror, AFileThatIsPutAtItsNameIsNotOverwritten) {
  BeginWithRows({{1, "Ada", 36}});
  {
    std::ofstream(path()).flush();
    Partner other(path());
    other.Run("CREATE TABLE backup(x); INSERT INTO backup VALUES (1)");
  }
  EXPECT_THAT(source_->Complete(), StatusIs(kFailedPrecondition, HasSubstr("another program")));
  EXPECT_EQ(Partner(path()).One("SELECT x FROM backup"), Cell(1));
  EXPECT_THAT(catalog_.Kinds(), Contains("mirror.not_built"));
  EXPECT_THAT(Files(), Not(Contains(HasSubstr(".building"))));
}

TEST_F(NewMirror, OneThatCannotGetItsNameIsLostAndTheNextCycleMakesItAnew) {
  BeginWithRows({{1, "Ada", 36}});
  const std::string obstacle = path() + "-wal";
  fs::create_directories(obstacle + "/full");

  EXPECT_THAT(source_->Complete(), StatusIs(kUnavailable, HasSubstr("cycle is over")));
  EXPECT_FALSE(fs::exists(path()));
  EXPECT_THAT(source_->Send(People(), {.rows = {{2, "Grace", 1}}, .seq = 2}).status, Not(IsOk()));
  fs::remove_all(obstacle);
  source_->Mirror(People(), {{7, "Hedy", 50}}, kFive);

  EXPECT_EQ(Visible(People()), (Rows{{7, "Hedy", 50}}));
  EXPECT_THAT(catalog_.Kinds(), Contains("mirror.not_built"));
}

TEST_F(NewMirror, AFullDiskEndsTheCycleAndSaysSo) {
  BeginWithRows({{1, "Ada", 36}}, std::nullopt);
  Rows rows;
  for (int i = 0; i < 200; ++i) rows.push_back({i, std::string(5'000, 'x'), i});
  {
    signal(SIGXFSZ, SIG_IGN);
    rlimit before{};
    getrlimit(RLIMIT_FSIZE, &before);
    const rlimit lower = {400'000, before.rlim_max};
    setrlimit(RLIMIT_FSIZE, &lower);
    // What is written is gathered: it may be a later batch that meets the end of the disk.
    absl::Status status;
    for (std::uint64_t seq = 2; seq < 20 && status.ok(); ++seq) {
      status = source_->Send(People(), {.rows = rows, .seq = seq}).status;
    }
    if (status.ok()) status = source_->Complete().status();
    setrlimit(RLIMIT_FSIZE, &before);
    EXPECT_THAT(status, StatusIs(kUnavailable, HasSubstr("cycle is over")));
    EXPECT_THAT(std::string(status.message()), Not(HasSubstr("same call again")));
  }
  EXPECT_FALSE(fs::exists(path()));
  EXPECT_THAT(catalog_.Messages("mirror.unavailable"), HasSubstr("Its rows are lost and its cycle is over"));
  EXPECT_THAT(tenant_->summary().failure.why, HasSubstr("Its rows are lost"));
  source_->Mirror(People(), {{7, "Hedy", 50}}, kFive);
  EXPECT_EQ(Visible(People()), (Rows{{7, "Hedy", 50}}));
  EXPECT_EQ(tenant_->summary().failure, CycleFailure{});
}

// --- Populations
// ------------------------------------------------------------------------------------------------

/// What a source does in the first cycle of a mirror, up to its end.
struct FirstCycle {
  std::string name;
  std::function<void(SourceCalls&)> run;
};
void PrintTo(const FirstCycle& cycle, std::ostream* out) { *out << cycle.name; }

TableSchema Keeping(Deletes deletes, bool preserve) {
  TableSchema table = People("kept");
  table.preserve_target = preserve;
  table.deletes = deletes;
  return table;
}

/// A population in three batches of which rows are changed, taken away and refused; `commit`: it ends.
void PopulateBySteps(SourceCalls& source, const TableSchema& table, bool commit) {
  ASSERT_THAT(source
                  .Send(table, {.rows = {{1, "Ada", 36}, {2, "Grace", 45}, {3, "Joan", 45}},
                                .seq = 1,
                                .populate = PopulateReason::kMinusOne})
                  .status,
              IsOk());
  EXPECT_THAT(
      source
          .Send(
              table,
              {.operation = Operation::kUpdate, .rows = {{9, "nobody"}}, .columns = {"id", "name"}, .seq = 2})
          .status,
      Not(IsOk()));
  ASSERT_THAT(
      source
          .Send(
              table,
              {.operation = Operation::kUpdate, .rows = {{2, "Hopper"}}, .columns = {"id", "name"}, .seq = 2})
          .status,
      IsOk());
  ASSERT_THAT(source.Send(table, {.operation = Operation::kDelete, .rows = {{3}, {8}}, .seq = 3}).status,
              IsOk());
  BatchSpec last = {.rows = {{1, "Ada L", 37}, {4, "Mary", 4}}, .seq = 4};
  if (commit) last.commit = kFive;
  ASSERT_THAT(source.Send(table, last).status, IsOk());
}

std::vector<FirstCycle> FirstCycles() {
  using Source = SourceCalls;
  std::vector<FirstCycle> cycles;
  const auto of_two = [](bool first, bool second) {
    return [first, second](Source& source) {
      ASSERT_THAT(source.Announce({People(), Pairs()}), IsOk());
      PopulateBySteps(source, People(), first);
      source
          .Send(Pairs(), {.rows = {{1, "a", "v"}, {1, "b", "w"}},
                          .populate = PopulateReason::kMinusOne,
                          .commit = second ? std::optional(kFive) : std::nullopt})
          .status.IgnoreError();
    };
  };
  cycles.push_back({"Whole", of_two(true, true)});
  cycles.push_back({"OneDiesHalfWay", of_two(false, true)});
  cycles.push_back({"BothDieHalfWay", of_two(false, false)});
  for (const bool commit : {false, true}) {
    cycles.push_back({absl::StrCat("BegunAgain", commit ? "Whole" : "DiesHalfWay"), [commit](Source& source) {
                        ASSERT_THAT(source.Announce({People()}), IsOk());
                        PopulateBySteps(source, People(), false);
                        // A row of the first that the second has not.
                        ASSERT_THAT(
                            source
                                .Send(People(), {.rows = {{7, "Hedy", 50}},
                                                 .populate = PopulateReason::kMinusOne,
                                                 .commit = commit ? std::optional(kFive) : std::nullopt})
                                .status,
                            IsOk());
                      }});
  }
  cycles.push_back({"NoneBegins", [](Source& source) {
                      ASSERT_THAT(source.Announce({People(), Pairs()}), IsOk());
                    }});
  for (const bool commit : {false, true}) {
    const std::string end = commit ? "Whole" : "DiesHalfWay";
    for (const auto& [name, table] :
         std::vector<std::pair<std::string, TableSchema>>{{"Preserve", Keeping(Deletes::kApply, true)},
                                                          {"Mark", Keeping(Deletes::kMark, false)},
                                                          {"PreserveAndMark", Keeping(Deletes::kMark, true)},
                                                          {"Ignore", Keeping(Deletes::kIgnore, false)}}) {
      cycles.push_back({name + end, [table = table, commit](Source& source) {
                          ASSERT_THAT(source.Announce({table}), IsOk());
                          PopulateBySteps(source, table, commit);
                        }});
    }
    cycles.push_back({"Keyless" + end, [commit](Source& source) {
                        ASSERT_THAT(source.Announce({Keyless()}), IsOk());
                        ASSERT_THAT(
                            source
                                .Send(Keyless(), {.rows = {{"a", 1}, {"a", 1}},
                                                  .populate = PopulateReason::kMinusOne,
                                                  .commit = commit ? std::optional(kFive) : std::nullopt})
                                .status,
                            IsOk());
                      }});
    cycles.push_back({"NoRows" + end, [commit](Source& source) {
                        ASSERT_THAT(source.Announce({People()}), IsOk());
                        ASSERT_THAT(
                            source
                                .Send(People(), {.populate = PopulateReason::kMinusOne,
                                                 .commit = commit ? std::optional(kFive) : std::nullopt})
                                .status,
                            IsOk());
                      }});
  }
  return cycles;
}

class FirstPopulation : public testing::TestWithParam<FirstCycle> {
 protected:
  /// A tenant whose mirror is built beside its name, or not.
  class Bench : public TenantBench {
   public:
    explicit Bench(bool beside) : TenantBench(Keeping(), {.build_beside = beside}) {}
    void TestBody() override {}
    SourceCalls& source() { return *source_; }
    /// With journal and former versions.
    static TenantOptions Keeping() {
      TenantOptions options;
      options.journal.rules.push_back({.journal = true, .history = true});
      return options;
    }
    /// Everything in the file but the tokens that were used, of which there are no two alike: rows, what the
    /// mirror keeps of populations, receipts, the journal, former versions.
    Rows Content() {
      Rows content;
      Partner partner(path());
      for (const Row& table :
           partner.Ask("SELECT name, sql FROM sqlite_schema WHERE type = 'table' ORDER BY name")) {
        const std::string& name = table[0].bytes;
        if (name == "_mirror_nonces") continue;
        content.push_back(table);
        for (Row& row : partner.Ask("SELECT * FROM \"" + name + "\" ORDER BY 1, 2")) {
          if (name == "_mirror_journal") row.erase(row.begin() + 1);  // Its salt.
          content.push_back(std::move(row));
        }
      }
      EXPECT_EQ(partner.One("PRAGMA integrity_check"), Cell("ok"));
      return content;
    }
    using TenantBench::Restart;
  };
};

INSTANTIATE_TEST_SUITE_P(NewMirror, FirstPopulation, testing::ValuesIn(FirstCycles()),
                         [](const auto& test) { return test.param.name; });

TEST_P(FirstPopulation, LeavesWhatItLeavesInAFileThatEverybodySees) {
  Bench beside(true), in_sight(false);
  std::vector<Rows> after_first, after_second;
  for (Bench* const bench : {&beside, &in_sight}) {
    SCOPED_TRACE(bench == &beside ? "beside" : "in sight");
    SourceCalls& source = bench->source();
    source.Begin();
    GetParam().run(source);
    // Whoever comes next ends the cycle and drops what it left.
    ASSERT_THAT(source.Complete(), IsOk());
    ASSERT_NO_FATAL_FAILURE(source.Begin());
    after_first.push_back(bench->Content());
    GetParam().run(source);
    ASSERT_THAT(source.Complete(), IsOk());
    ASSERT_NO_FATAL_FAILURE(source.Begin());
    after_second.push_back(bench->Content());
  }
  EXPECT_EQ(after_first[0], after_first[1]);
  EXPECT_EQ(after_second[0], after_second[1]);
}

TEST_P(FirstPopulation, ATakeOverFindsTheSame) {
  Bench beside(true), in_sight(false);
  std::vector<Rows> contents;
  for (Bench* const bench : {&beside, &in_sight}) {
    SourceCalls& source = bench->source();
    source.Begin();
    GetParam().run(source);
    source.now += 1'000;
    const absl::StatusOr<Admission> admission = source.Authenticate("holder", /*take_over=*/true);
    ASSERT_THAT(admission, IsOk());
    ASSERT_TRUE(admission->accepted) << admission->reason;
    contents.push_back(bench->Content());
  }
  EXPECT_EQ(contents[0], contents[1]);
}

TEST_F(NewMirror, AnOldLogAtItsNameIsNotReplayedOverIt) {
  {
    std::ofstream(path()).flush();
    Partner former(path());
    former.Run("PRAGMA journal_mode = WAL");
    former.Run("CREATE TABLE former(x)");
    fs::copy(path() + "-wal", path() + ".kept");
  }
  fs::remove(path());
  fs::rename(path() + ".kept", path() + "-wal");
  BeginWithRows({{1, "Ada", 36}});
  ASSERT_THAT(source_->Complete(), IsOk());
  EXPECT_EQ(Visible(People()), (Rows{{1, "Ada", 36}}));
  EXPECT_EQ(Partner(path()).One("SELECT count(*) FROM sqlite_schema WHERE name = 'former'"), Cell(0));
}

TEST_F(NewMirror, OneThatNobodyWasLetIntoLeavesNothing) {
  source_->caller.expires_ms = 0;
  ASSERT_THAT(source_->Authenticate("holder", false, true), StatusIs(kPermissionDenied));
  tenant_.reset();
  EXPECT_THAT(Files(), IsEmpty());
}

TEST_F(NewMirror, IsKnownBeforeItHasItsFileAndGoneAfterItsRemoval) {
  BeginWithRows({{1, "Ada", 36}});
  EXPECT_TRUE(SqliteStoreExists(folder_.path(), "ctx"));
  EXPECT_THAT(*FindSqliteStores(folder_.path()), testing::ElementsAre("ctx"));
  Crash();
  EXPECT_THAT(*FindSqliteStores(folder_.path()), testing::ElementsAre("ctx"));
  tenant_.reset();
  ASSERT_THAT(RemoveSqliteStore(folder_.path(), "ctx"), IsOk());
  EXPECT_THAT(Files(), IsEmpty());
}

}  // namespace
}  // namespace mirror::new_mirror_test
