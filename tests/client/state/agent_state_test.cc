// What an agent keeps beside its configuration: the lock with its holder, and the runs.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <optional>
#include <sstream>
#include <string>
#include <thread>
#include <utility>

#include "client/state/lock_file.h"
#include "client/state/run_state.h"
#include "tests/client/source/source_database.h"
#include "tests/support/status_matchers.h"

namespace mirror::agent_state_test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

// --- Lock ---

TEST(LockFileTest, SecondAgentForATenantIsRefusedUntilTheFirstEnds) {
  TempFolder folder;
  {
    const auto first = LockFile::Acquire(folder / "state", "Cust");
    ASSERT_THAT(first, IsOk());
    EXPECT_THAT(
        LockFile::Acquire(folder / "state", "Cust"),
        StatusIs(absl::StatusCode::kUnavailable, AllOf(HasSubstr("another mirror-agent"), HasSubstr("'Cust'"),
                                                       HasSubstr("Nothing was sent"))));
    EXPECT_THAT(LockFile::Acquire(folder / "state", "Other"), IsOk());
  }
  EXPECT_THAT(LockFile::Acquire(folder / "state", "Cust"), IsOk());
}

TEST(LockFileTest, AChildThatWasForkedMeanwhileDoesNotKeepTheLock) {
  TempFolder folder;
  int gate[2];
  ASSERT_EQ(pipe(gate), 0);
  pid_t child = -1;
  {
    const auto lock = LockFile::Acquire(folder.path(), "Cust");
    ASSERT_THAT(lock, IsOk());
    child = fork();
    if (child == 0) {
      close(gate[1]);
      char byte;
      _exit(static_cast<int>(read(gate[0], &byte, 1)));
    }
    ASSERT_GT(child, 0);
  }
  EXPECT_THAT(LockFile::Acquire(folder.path(), "Cust"), IsOk());
  close(gate[1]);
  int ended = -1;
  EXPECT_EQ(waitpid(child, &ended, 0), child);
  EXPECT_EQ(ended, 0);
  close(gate[0]);
}

TEST(LockFileTest, HolderOfACycleThatDiedIsUsedAgainToTakeItOver) {
  TempFolder folder;
  std::string died;
  {
    auto lock = LockFile::Acquire(folder.path(), "Cust");
    ASSERT_THAT(lock, IsOk());
    const auto holder = lock->Begin();
    ASSERT_THAT(holder, IsOk());
    EXPECT_FALSE(holder->take_over);
    EXPECT_EQ(holder->id.size(), 32U);
    died = holder->id;
  }  // No End(): as after a crash.
  auto lock = LockFile::Acquire(folder.path(), "Cust");
  ASSERT_THAT(lock, IsOk());
  auto holder = lock->Begin();
  ASSERT_THAT(holder, IsOk());
  EXPECT_TRUE(holder->take_over);
  EXPECT_EQ(holder->id, died);
  ASSERT_THAT(lock->End(), IsOk());
  holder = lock->Begin();
  ASSERT_THAT(holder, IsOk());
  EXPECT_FALSE(holder->take_over);
  EXPECT_NE(holder->id, died);
}

TEST(LockFileTest, HalfWrittenHolderIsNoHolder) {
  TempFolder folder;
  std::ofstream(folder / "Cust.lock") << "ABCDEF";
  auto lock = LockFile::Acquire(folder.path(), "Cust");
  ASSERT_THAT(lock, IsOk());
  const auto holder = lock->Begin();
  ASSERT_THAT(holder, IsOk());
  EXPECT_FALSE(holder->take_over);
}

TEST(LockFileTest, FolderThatCannotBeMadeIsNamed) {
  TempFolder folder;
  std::ofstream(folder / "file").close();
  EXPECT_THAT(LockFile::Acquire(folder / "file", "Cust"), Not(IsOk()));
  EXPECT_THAT(LockFile::Acquire(folder / "none/deeper", "Cust"),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("none")));
}

TEST(LockFileTest, WhoLooksAtItSeesTheAgentAndTheCycleThatItLeftBehind) {
  TempFolder folder;
  EXPECT_THAT(LockFile::LookAt(folder / "state", "Cust"), IsOkAndHolds(LockFile::Look::kFree));
  EXPECT_THAT(folder.Names(), IsEmpty());
  {
    auto lock = LockFile::Acquire(folder.path(), "Cust");
    ASSERT_THAT(lock, IsOk());
    EXPECT_THAT(LockFile::LookAt(folder.path(), "Cust"), IsOkAndHolds(LockFile::Look::kHeld));
    ASSERT_THAT(lock->Begin(), IsOk());
  }
  EXPECT_THAT(LockFile::LookAt(folder.path(), "Cust"), IsOkAndHolds(LockFile::Look::kCutOff));
  auto lock = LockFile::Acquire(folder.path(), "Cust");
  ASSERT_THAT(lock, IsOk());
  ASSERT_THAT(lock->End(), IsOk());
}

TEST(LockFileTest, WhoLooksAtItKeepsNobodyFromIt) {
  TempFolder folder;
  ASSERT_THAT(LockFile::Acquire(folder.path(), "Cust"), IsOk());
  std::jthread looks([&](const std::stop_token& stop) {
    while (!stop.stop_requested()) EXPECT_THAT(LockFile::LookAt(folder.path(), "Cust"), IsOk());
  });
  for (int i = 0; i < 2'000; ++i) ASSERT_THAT(LockFile::Acquire(folder.path(), "Cust"), IsOk()) << i;
}

// --- Runs ---

const SourceMark kMark{"/data/crm.db", 1, 2, 3};

class RunStateTest : public testing::Test {
 protected:
  static Standing Judge(RunState& state, const std::string& table, const Position& position) {
    const absl::StatusOr<Standing> standing = state.Judge(table, position);
    EXPECT_THAT(standing, IsOk());
    return standing.value_or(Standing::kGone);
  }
  /// The target, which is that of all tables.
  static Position Begin(RunState& state, const std::vector<std::string>& tables, std::int64_t highest) {
    const auto targets = state.Begin(tables, highest);
    EXPECT_THAT(targets, IsOk());
    return targets.ok() ? targets->at(tables.front()) : Position{};
  }
  RunState Load() {
    auto state = RunState::Load(folder_.path(), "Cust");
    EXPECT_THAT(state, IsOk());
    return *std::move(state);
  }
  TempFolder folder_;
};

TEST_F(RunStateTest, RunsAreNumberedAndRecognisedByTheTableThatTheyWereSentFor) {
  RunState state = Load();
  ASSERT_THAT(state.Bind(kMark), IsOk());
  const Position first = Begin(state, {"a", "b"}, 0);
  ASSERT_THAT(state.Save(), IsOk());
  EXPECT_EQ(first.lsn.value, 1);
  state = Load();
  EXPECT_EQ(state.run(), 1);
  EXPECT_THAT(state.Bind(kMark), IsOkAndHolds(""));
  EXPECT_EQ(Judge(state, "a", first), Standing::kKnown);
  EXPECT_EQ(Judge(state, "c", first), Standing::kMiss);
  EXPECT_EQ(Judge(state, "a", {first.lsn, "another:1"}), Standing::kMiss);
  EXPECT_EQ(Judge(state, "a", {Lsn{2}, first.lineage}), Standing::kAhead);
  EXPECT_EQ(Judge(state, "a", {}), Standing::kMiss);
}

TEST_F(RunStateTest, OnlyTheLastOneSentIsRecognisedAndOlderOnesAreKnownAsSuch) {
  RunState state = Load();
  const Position one = Begin(state, {"a"}, 0);
  const Position two = Begin(state, {"a"}, 0);
  EXPECT_EQ(Judge(state, "a", one), Standing::kOlder);
  EXPECT_EQ(Judge(state, "a", two), Standing::kKnown);
  const Position other = Begin(state, {"b"}, 0);
  EXPECT_EQ(Judge(state, "a", two), Standing::kKnown);
  EXPECT_EQ(Judge(state, "a", other), Standing::kMiss);
}

TEST_F(RunStateTest, RestoredStateDoesNotTakeItsFormerLifesPositionsForItsOwn) {
  RunState state = Load();
  Begin(state, {"a", "b"}, 0);
  ASSERT_THAT(state.Save(), IsOk());
  RunState restored = Load();
  Position mirror;
  for (int i = 0; i < 5; ++i) mirror = Begin(state, {"a", "b"}, 0);
  EXPECT_EQ(mirror.lsn.value, 6);
  // Table a is sent anew, b is not: when the number passes 6 again, b is still a stranger.
  const Position next = Begin(restored, {"a"}, mirror.lsn.value);
  EXPECT_EQ(next.lsn.value, 7);
  EXPECT_EQ(Judge(restored, "b", mirror), Standing::kMiss);
  EXPECT_NE(Judge(restored, "a", mirror), Standing::kKnown);
}

TEST_F(RunStateTest, NumbersWrittenByHandDoNotUseUpTheRange) {
  RunState state = Load();
  EXPECT_EQ(Begin(state, {"a"}, INT64_MAX).lsn.value, 1);
}

struct BindCase {
  std::string name;
  SourceMark now;
  std::string says;
  bool same_source;
};

class BindTest : public RunStateTest, public testing::WithParamInterface<BindCase> {};

TEST_P(BindTest, SourceThatIsNotWhatItWasIsPopulated) {
  RunState state = Load();
  ASSERT_THAT(state.Bind(kMark), IsOk());
  const std::string source_id = state.source_id();
  const Position sent = Begin(state, {"a"}, 0);
  state.tables().SetRecord("a", "types");
  EXPECT_THAT(state.Bind(GetParam().now), IsOkAndHolds(HasSubstr(GetParam().says)));
  EXPECT_EQ(Judge(state, "a", sent) == Standing::kKnown, GetParam().says.empty());
  EXPECT_EQ(state.source_id() == source_id, GetParam().same_source);
  EXPECT_EQ(state.run(), 1);
}

INSTANTIATE_TEST_SUITE_P(
    RunState, BindTest,
    testing::Values(BindCase{"Same", {"/data/crm.db", 1, 2, 3}, "", true},
                    BindCase{"MoreChanges", {"/data/crm.db", 1, 2, 30}, "", true},
                    BindCase{"AnotherFile", {"/data/crm.db", 1, 9, 3}, "another file", true},
                    BindCase{"OlderContent", {"/data/crm.db", 1, 2, 2}, "older state", true},
                    BindCase{"AnotherPath", {"/data/copy.db", 1, 2, 3}, "new source", false}),
    [](const auto& test) { return test.param.name; });

TEST_F(RunStateTest, ADatabaseOfAServerIsWhatItSaysItIsWhereverItIsReached) {
  const SourceMark mark{.path = "crm at db1", .database = "postgres 7312000000000000001 16384"};
  RunState state = Load();
  EXPECT_THAT(state.Bind(mark), IsOkAndHolds(""));
  const std::string source_id = state.source_id();
  const Position sent = Begin(state, {"a"}, 0);
  SourceMark now = mark;
  now.path = "crm at db2";
  state = Load();
  EXPECT_THAT(state.Bind(now), IsOkAndHolds(""));
  EXPECT_EQ(Judge(state, "a", sent), Standing::kKnown);
  now.database = "postgres 7312000000000000002 16384";
  ASSERT_THAT(state.Save(), IsOk());
  state = Load();
  EXPECT_THAT(state.Bind(now), IsOkAndHolds(AllOf(HasSubstr("another database"), HasSubstr("0002 16384"))));
  EXPECT_EQ(Judge(state, "a", sent), Standing::kMiss);
  EXPECT_NE(state.source_id(), source_id);
}

TEST_F(RunStateTest, AFileThatBecameADatabaseOfAServerIsAnotherSource) {
  RunState state = Load();
  ASSERT_THAT(state.Bind(kMark), IsOk());
  const Position sent = Begin(state, {"a"}, 0);
  SourceMark now = kMark;
  now.database = "postgres 7312000000000000001 16384";
  EXPECT_THAT(state.Bind(now), IsOkAndHolds(HasSubstr("new source")));
  EXPECT_EQ(Judge(state, "a", sent), Standing::kMiss);
}

TEST_F(RunStateTest, WhatFormerLayoutsHaveIsReadAndWrittenAsThePresentOne) {
  for (const int version : {1, 2}) {
    std::ofstream(folder_ / "Cust.json")
        << R"({"version": )" << version
        << R"(, "program": "0.1.0", "id": "abc", "source_id": "def", "run": 7, "host": ")" << HostId()
        << R"(", "source": {"path": "/data/crm.db", "device": 1, "inode": 2, "change_counter": 3},)"
        << R"("tables": {"a": {"sent": 7, "record": "x"}}})";
    RunState state = Load();
    EXPECT_EQ(state.announced().sha256, "");
    EXPECT_THAT(state.Bind(kMark), IsOkAndHolds(""));
    EXPECT_EQ(Judge(state, "a", {Lsn{7}, "abc:7"}), Standing::kKnown);
    EXPECT_EQ(state.source_id(), "def");
    ASSERT_THAT(state.Save(), IsOk());
    std::ifstream file(folder_ / "Cust.json");
    std::ostringstream text;
    text << file.rdbuf();
    EXPECT_THAT(text.str(), AllOf(HasSubstr("\"version\": 3"), HasSubstr("\"database\": \"\"")));
  }
}

TEST_F(RunStateTest, WhatWasAnnouncedIsReadAsItWasWritten) {
  RunState state = Load();
  state.SetAnnounced({"0123abcd", 1'000'000, 4'096});
  ASSERT_THAT(state.Save(), IsOk());
  state = Load();
  EXPECT_EQ(state.announced().sha256, "0123abcd");
  EXPECT_EQ(state.announced().message_bytes_max, 1'000'000);
  EXPECT_EQ(state.announced().message_entries_max, 4'096);
}

TEST_F(RunStateTest, TablesThatAreGoneAreForgottenAndAnyNameIsKept) {
  RunState state = Load();
  const std::string odd = "a \"b\" \\ \n \xF0\x9F\x98\x80";
  state.tables().SetRecord(odd, "x");
  state.tables().SetRecord("gone", "y");
  state.tables().Retain({odd});
  ASSERT_THAT(state.Save(), IsOk());
  EXPECT_THAT(Load().tables().Records(), testing::ElementsAre(testing::Pair(odd, "x")));
}

TEST_F(RunStateTest, WhatWasConfirmedAndTakenOverIsReadAsItWasWritten) {
  RunState state = Load();
  const std::pair<std::string, TakenOver> tables[] = {
      {"a", TakenOver::kNo}, {"b", TakenOver::kKeeps}, {"c", TakenOver::kYes}};
  const Form form = {Strategy::kWatermark, "0123456789abcdef", "fedcba9876543210"};
  for (const auto& [table, taken_over] : tables) {
    state.tables().SetRecord(table, "x");
    state.tables().SetTakenOver(table, taken_over);
  }
  state.tables().SetConfirmed("a", {Lsn{7}, "lineage"}, form);
  state.tables().SetConfirmed("b", {Lsn{8}, "lineage"}, ParseForm("of a later program"));
  ASSERT_THAT(state.Save(), IsOk());
  state = Load();
  for (const auto& [table, taken_over] : tables)
    EXPECT_EQ(state.tables().IsTakenOver(table), taken_over) << table;
  ASSERT_NE(state.tables().FindConfirmed("a"), nullptr);
  EXPECT_EQ(state.tables().FindConfirmed("a")->position.lsn.value, 7);
  EXPECT_EQ(state.tables().FindConfirmed("a")->form, form);
  ASSERT_NE(state.tables().FindConfirmed("b"), nullptr);
  EXPECT_EQ(ToString(state.tables().FindConfirmed("b")->form), "of a later program");
  EXPECT_EQ(state.tables().FindConfirmed("c"), nullptr);
  std::ifstream file(folder_ / "Cust.json");
  std::ostringstream text;
  text << file.rdbuf();
  EXPECT_THAT(text.str(), AllOf(HasSubstr("watermark 0123456789abcdef fedcba9876543210"),
                                HasSubstr("\"keeps\""), HasSubstr("\"yes\"")));
  EXPECT_EQ(ParseTakenOver(ToString(TakenOver::kKeeps)), TakenOver::kKeeps);
  EXPECT_EQ(ParseTakenOver(ToString(TakenOver::kYes)), TakenOver::kYes);
  EXPECT_EQ(ParseTakenOver(ToString(TakenOver::kNo)), std::nullopt);
}

TEST_F(RunStateTest, DamagedFileIsNotReplacedBehindAnybodysBack) {
  for (const char* text : {"", "{", "[]", "{\"version\": 1, \"id\": 5}"}) {
    std::ofstream(folder_ / "Cust.json") << text;
    EXPECT_THAT(RunState::Load(folder_.path(), "Cust"),
                StatusIs(absl::StatusCode::kDataLoss, AllOf(HasSubstr("Cust.json"), HasSubstr("remove it"))));
  }
}

TEST_F(RunStateTest, WhatALaterVersionWroteIsLeftToIt) {
  std::ofstream(folder_ / "Cust.json") << R"({"version": 99, "program": "9.8.7"})";
  EXPECT_THAT(RunState::Load(folder_.path(), "Cust"),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       AllOf(HasSubstr("Cust.json"), HasSubstr("Install Partner Mirror 9.8.7"))));
}

}  // namespace
}  // namespace mirror::agent_state_test
