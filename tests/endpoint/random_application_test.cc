// A random application on a real source, the real agent and a real server: after each completed cycle beside
// which nobody wrote, every table of the mirror is the source's, row by row, value by value, type by type;
// but those that are to keep what is the partner's, to ignore or mark deletes, or to turn columns, which hold
// that. Between and within the cycles either file is restored from its backups, the agent dies, an LSN is set
// to -1.
//
// MIRROR_TEST_SEED=n repeats a run, MIRROR_TEST_ROUNDS=n sets its length. What happens to the source and to
// both files is the seed's; how far a cycle has come when it happens is the machine's.

#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <deque>
#include <filesystem>
#include <iostream>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "tests/support/agent_bench.h"
#include "tests/support/kept_tables.h"
#include "tests/support/places.h"
#include "tests/support/random_application.h"
#include "tests/support/rows.h"
#include "tests/support/status_matchers.h"

namespace mirror::random_application_test {
namespace {

constexpr std::uint64_t kCopiesMax = 4, kTablesHarmed = 5;
/// A mirror that was replaced is noticed by the first call, which is refused; a hold is for each kind.
constexpr int kTries = 6;
/// What happens within one cycle, at most.
constexpr std::uint64_t kInterferencesMax = 6;

std::uint64_t Rounds() { return FromEnvironment("MIRROR_TEST_ROUNDS", 80); }

/// Thousands of commits would wait for the disk.
void UseMemoryForFolders() {
  if (access("/dev/shm", W_OK) == 0) setenv("TMPDIR", "/dev/shm", 1);
}

/// A source with its application, its agent, its mirror, and backups of both files.
class World {
 public:
  /// `keeps`: it has those tables, too.
  World(Installation& here, const std::string& context_id, std::uint64_t seed, bool keeps = false)
      : here_(here),
        keeps_(keeps),
        name_(absl::StrCat(context_id, ", seed ", seed)),
        random_(seed),
        bench_(here, context_id, here.dir() + "/" + context_id),
        application_(bench_.path(), random_) {
    bench_.config().agent.batch_bytes = OneIn(2) ? 1'000 : 1'000'000;
    bench_.source().retention_ms = OneIn(2) ? 0 : 7LL * 86'400'000;
    bench_.source().max_log = OneIn(3) ? 60 : 10'000'000;
    // With one byte all that is read goes through the staging file.
    bench_.read_ahead = std::vector<std::size_t>{0, 1, ReadAhead::kBytesMax}[Below(3)];
    bench_.on_rows = [this](const Work&) { Interfere(); };
    if (keeps_) KeptTables::Configure(&bench_.source());
  }

  void Play(std::uint64_t rounds) {
    EXPECT_EQ(bench_.Sql("CREATE TABLE t1(id INTEGER PRIMARY KEY, v); PRAGMA journal_mode = WAL; " +
                         (keeps_ ? KeptTables::Definitions() : "")),
              "")
        << name_;
    EXPECT_THAT(bench_.Install(), IsOk());
    for (std::uint64_t round = 0; round < rounds && !testing::Test::HasFailure(); ++round) {
      application_.Note(absl::StrCat("--- round ", round));
      Round();
    }
    std::cout << name_ << ": " << cycles_ << " cycles compared, " << interfered_ << " disturbed, " << deaths_
              << " deaths, " << restores_ << " restores, " << populated_ << " tables populated, " << changed_
              << " by changes, " << verified_ << " verified, " << paused_ << " paused, " << held_
              << " held\n";
  }

  const std::vector<std::string>& history() const { return application_.history(); }
  TableContents Source() const { return ReadTables(bench_.path()); }

 private:
  /// Something that happens within a cycle, after `patience` more hand-overs of rows.
  struct Interference {
    std::uint64_t patience = 0;
    std::uint64_t kind = 0;
  };

  /// What is known of a mirror's file.
  struct State {
    bool harmed = false;
    KeptTables::Memory memory;
  };
  void BeAs(const State& state) {
    harmed_ = state.harmed;
    kept_.memory = state.memory;
  }

  std::uint64_t Below(std::uint64_t limit) { return random_() % limit; }
  bool OneIn(std::uint64_t n) { return Below(n) == 0; }

  void Round() {
    for (std::uint64_t left = Below(6); left > 0; --left) Act();
    if (OneIn(3)) SaveSomething();
    // Not behind a restore by 'mv' that no call has noticed: SQLite would mix that file with the former one's
    // log.
    if (keeps_ && OneIn(3)) WriteAsPartner();
    if (OneIn(4)) Disturb();
    if (OneIn(2)) {
      DisturbedCycle();
      for (std::uint64_t left = Below(3); left > 0; --left) Act();
      if (OneIn(6)) Disturb();
    }
    QuietCycle();
  }

  void Act() { EXPECT_EQ(application_.Act(), "") << Trace(); }

  void WriteAsPartner() {
    application_.Note("the partner writes");
    if (!Exists(bench_.mirror_path())) return;
    EXPECT_EQ(kept_.WriteAsPartner(bench_.mirror()), "") << Trace();
  }

  /// Tables that are to be the same, and those that are not.
  std::string Difference() {
    if (!keeps_) return bench_.Difference();
    TableContents source = ReadTables(bench_.path()), mirror = ReadTables(bench_.mirror_path());
    for (TableContents* const tables : {&source, &mirror}) {
      std::erase_if(*tables, [](const auto& table) { return table.first.starts_with(kKeptPrefix); });
    }
    return mirror::Difference(source, mirror) +
           kept_.Check(MirrorFile(bench_.path(), bench_.source().context_id), bench_.mirror());
  }

  void SaveSomething() {
    const std::string name = absl::StrCat(Below(kCopiesMax));
    application_.Note("backup " + name);
    const bool source = OneIn(2), mirror = OneIn(2);
    if (source) {
      EXPECT_EQ(bench_.Save("source" + name), "") << Trace();
    }
    if (mirror && Exists(bench_.mirror_path())) {
      EXPECT_EQ(bench_.SaveMirror("mirror" + name), "") << Trace();
      copies_["mirror" + name] = {harmed_, kept_.memory};
    }
  }

  static bool Exists(const std::string& path) { return std::filesystem::exists(path); }

  void RestoreSource(By by) {
    const std::string name = absl::StrCat("source", Below(kCopiesMax));
    if (!Exists(bench_.folder() + "/" + name)) return;
    ++restores_;
    const std::string refused = bench_.Restore(name, by);
    application_.Note(absl::StrCat("restored ", name, " by ", static_cast<int>(by), " ", refused));
  }

  void RestoreMirror() {
    const std::string name = absl::StrCat("mirror", Below(kCopiesMax));
    const By by = OneIn(2) ? By::kMove : By::kBackup;
    application_.Note(absl::StrCat("restore ", name, " by ", static_cast<int>(by)));
    if (!Exists(bench_.folder() + "/" + name)) return application_.Remark("it was never saved");
    ++restores_;
    EXPECT_EQ(bench_.RestoreMirror(name, by), "") << Trace();
    BeAs(copies_[name]);
  }

  /// As somebody who writes to a mirror: only a comparison finds it.
  void Harm() {
    const std::string table = absl::StrCat("t", Below(kTablesHarmed) + 1);
    const std::uint64_t column = random_(), rest = Below(3);
    const bool change = OneIn(2);
    application_.Note(absl::StrCat("harm ", table,
                                   change ? " by an update of column " : " by a delete of column ",
                                   column % 10, ", rest ", rest));
    if (!Exists(bench_.mirror_path())) return;
    const std::vector<std::string> columns =
        absl::StrSplit(bench_.mirror().Value(absl::StrCat(
                           "SELECT group_concat(name, '/') FROM (SELECT name FROM pragma_table_info('", table,
                           "') ORDER BY cid)")),
                       '/', absl::SkipEmpty());
    if (columns.empty()) return application_.Remark("there is no such table in the mirror");
    const std::string chosen = QuoteName(columns[column % columns.size()]);
    // By what stands there: SQLite's own random() has no seed.
    const std::string some =
        absl::StrCat(" WHERE (unicode(quote(", chosen, ")) + length(quote(", chosen, "))) % 3 = ", rest);
    const std::string harm = change ? absl::StrCat("UPDATE ", table, " SET ", chosen, " = 'harmed'", some)
                                    : absl::StrCat("DELETE FROM ", table, some);
    application_.Remark(harm);
    // A key, or a partner's index, may refuse.
    if (bench_.mirror().Execute(harm).empty()) harmed_ = true;
  }

  void BackUpOrRestore() {
    const std::string file = bench_.folder() + "/operators-copy.db";
    const std::string& tenant = bench_.source().context_id;
    application_.Note("mirrorctl backup, or restore of the last one");
    if (!Exists(bench_.mirror_path())) return;
    if (!Exists(file)) {
      copies_[file] = {harmed_, kept_.memory};
      const Finished backup = here_.Mirrorctl({"backup", tenant, file, "--drill"});
      EXPECT_EQ(backup.exit_code, 0) << backup.errors << Trace();
      return;
    }
    ++restores_;
    const Finished restored = here_.Mirrorctl({"restore", tenant, file, "--confirm", tenant});
    EXPECT_EQ(restored.exit_code, 0) << restored.errors << Trace();
    BeAs(copies_[file]);
    std::filesystem::remove(file);
  }

  void Disturb() {
    switch (Below(11)) {
      case 8:
      case 9:
        return Harm();
      case 10:
        return BackUpOrRestore();
      case 0:
      case 1:
      case 2:
        return RestoreSource(static_cast<By>(Below(3)));
      case 3:
      case 4:
        return RestoreMirror();
      case 5:
        RestoreSource(static_cast<By>(Below(3)));
        return RestoreMirror();
      case 6: {
        application_.Note("LSN -1");
        const char* const which = OneIn(2) ? "" : " WHERE table_name < 't4'";
        if (!Exists(bench_.mirror_path())) return;
        EXPECT_EQ(bench_.mirror().Execute(
                      absl::StrCat("UPDATE ", bench_.mirror().metadata(), " SET lsn = -1", which)),
                  "");
        return;
      }
      default:
        if (OneIn(2)) {
          application_.Note("the agent's state is lost");
          std::filesystem::remove_all(bench_.config().agent.state_dir);
        } else {
          application_.Note("a log or trigger is damaged");
          // The newest entries stay: that they ever were is written nowhere else.
          const char* const harms[] = {
              "DROP TRIGGER _mirror_1_insert", "DELETE FROM _mirror_log_2",
              "DELETE FROM _mirror_log_3 WHERE seq > 1 AND seq < (SELECT max(seq) FROM _mirror_log_3)",
              "DROP TRIGGER _mirror_4_update"};
          static_cast<void>(bench_.Sql(harms[Below(4)]));
        }
    }
  }

  /// Called whenever rows were handed over in a cycle that is disturbed.
  void Interfere() {
    if (awaited_.empty()) return;
    if (awaited_.front().patience > 0) {
      --awaited_.front().patience;
      return;
    }
    application_.Remark("(within the cycle)");
    Happen();
  }

  /// The next that is awaited. Throws AgentDies.
  void Happen() {
    const std::uint64_t kind = awaited_.front().kind;
    awaited_.pop_front();
    switch (kind) {
      case 0:
        if (!in_cycle_) return;
        application_.Remark("the agent dies");
        ++deaths_;
        throw AgentDies();
      case 1:
        return RestoreSource(By::kBackup);
      case 2:
        return SaveSomething();
      default:
        return Act();
    }
  }

  /// What does not come to pass within it does so behind it: how many hand-overs there are depends on what
  /// the mirror was given when the last cycle died, and shall not decide what the application does.
  void DisturbedCycle() {
    application_.Note("a disturbed cycle");
    for (std::uint64_t left = Below(kInterferencesMax) + 1; left > 0; --left) {
      const std::uint64_t patience = Below(5), kind = Below(8);
      awaited_.push_back({patience, kind});
    }
    ++interfered_;
    CycleReport report;
    in_cycle_ = true;
    if (bench_.RunUntilDeath(&report)) application_.Remark(Summary(report));
    in_cycle_ = false;
    while (!awaited_.empty()) Happen();
  }

  void QuietCycle() {
    application_.Note("a cycle");
    CycleReport report;
    const bool now_and_then = OneIn(5);
    bench_.verify = harmed_ || now_and_then;
    bench_.repair = true;
    for (int left = kTries; left > 0; --left) {
      report = bench_.Run();
      application_.Remark(Summary(report));
      // A mirror that was saved within a cycle waits for it, or the agent forgot whose cycle it is.
      if (report.outcome == Outcome::kBusy) EndCycle();
      // Two restores in a row look like two sources that feed one mirror.
      if (report.outcome == Outcome::kStopped) {
        ++paused_;
        EXPECT_EQ(here_.Mirrorctl({"resume", bench_.source().context_id}).exit_code, 0);
      }
      if (report.outcome == Outcome::kDone && !LetPass()) break;
    }
    if (bench_.verify) ++verified_;
    bench_.verify = harmed_ = false;
    bench_.repair.reset();
    ASSERT_TRUE(report.Good()) << Summary(report) << Trace();
    ASSERT_EQ(Difference(), "") << Summary(report) << Trace();
    ++cycles_;
    for (const TableReport& table : report.tables) {
      if (table.action == TableReport::Action::kPopulate) ++populated_;
      if (table.action == TableReport::Action::kChanges) ++changed_;
    }
  }

  /// False: nothing was held.
  bool LetPass() {
    const std::vector<std::string> held = bench_.LetPass();
    for (const std::string& reason : held) application_.Remark(absl::StrCat("hold commit: ", reason));
    held_ += held.size();
    return !held.empty();
  }

  /// As an operator.
  void EndCycle() {
    for (const char* command : {"pause", "resume"}) {
      EXPECT_EQ(here_.Mirrorctl({command, bench_.source().context_id}).exit_code, 0);
    }
  }

  std::string Trace() { return absl::StrCat(name_, ": ", application_.LastSteps()); }

  Installation& here_;
  const bool keeps_;
  const std::string name_;
  std::mt19937_64 random_;
  AgentBench bench_;
  RandomApplication application_;
  std::deque<Interference> awaited_;
  bool in_cycle_ = false;
  KeptTables kept_;
  bool harmed_ = false;                  ///< The mirror, by hand, since it was compared.
  std::map<std::string, State> copies_;  ///< By name: what the mirror was when it was saved.
  std::uint64_t verified_ = 0, paused_ = 0, held_ = 0;
  std::uint64_t cycles_ = 0, interfered_ = 0, deaths_ = 0, restores_ = 0, populated_ = 0, changed_ = 0;
};

std::unique_ptr<Installation> Make() {
  return Installation::Make({.bin_dir = BinDir(), .more_toml = KeptTables::ServerRules("Cust-*")}).value();
}

TEST(RandomApplicationTest, TheMirrorIsTheSourceAfterEachCompletedCycle) {
  UseMemoryForFolders();
  std::uint64_t seed = TestSeed();
  // Several short lives: what a source was like at its begin stays with it.
  constexpr std::uint64_t kLife = 40;
  const auto here = Make();
  int lives = 0;
  for (std::uint64_t left = Rounds(); left > 0 && !HasFailure(); ++seed) {
    const std::uint64_t rounds = std::min(left, kLife);
    World(*here, absl::StrCat("Cust-", ++lives), seed).Play(rounds);
    left -= rounds;
  }
  if (HasFailure()) std::cerr << here->ServerLog();
}

TEST(RandomApplicationTest, WhatAMirrorKeepsIgnoresMarksAndTurnsIsThereAfterEachCompletedCycle) {
  UseMemoryForFolders();
  const auto here = Make();
  const std::uint64_t seed = TestSeed();
  World(*here, "Cust-1", seed, /*keeps=*/true).Play(std::max<std::uint64_t>(Rounds() / 20, 20));
  if (HasFailure()) std::cerr << here->ServerLog();
}

TEST(RandomApplicationTest, TwoTenantsWithTwoAgentsAtOnceDoNotDisturbEachOther) {
  UseMemoryForFolders();
  const std::uint64_t seed = TestSeed();
  const auto here = Make();
  const auto play = [&](const std::string& context_id, std::uint64_t own) {
    World(*here, context_id, own).Play(std::max<std::uint64_t>(Rounds() / 4, 1));
  };
  std::thread one(play, "Cust-1", seed), two(play, "Cust-2", seed + 1);
  one.join();
  two.join();
  if (HasFailure()) std::cerr << here->ServerLog();
}

TEST(RandomApplicationTest, TheSameSeedGivesTheSameHistory) {
  UseMemoryForFolders();
  const std::uint64_t seed = TestSeed();
  const auto here = Make();
  World first(*here, "Cust-1", seed), again(*here, "Cust-2", seed), other(*here, "Cust-3", seed + 1);
  constexpr std::uint64_t kRounds = 12;
  for (World* const world : {&first, &again, &other}) world->Play(kRounds);
  ASSERT_GT(first.history().size(), kRounds);
  const auto differ = std::mismatch(first.history().begin(), first.history().end(), again.history().begin(),
                                    again.history().end());
  EXPECT_TRUE(first.history() == again.history())
      << "step " << differ.first - first.history().begin() << " of " << first.history().size() << ": '"
      << (differ.first == first.history().end() ? "the end" : *differ.first) << "', and the second time '"
      << (differ.second == again.history().end() ? "the end" : *differ.second) << "'";
  EXPECT_EQ(Difference(first.Source(), again.Source()), "");
  EXPECT_NE(first.history(), other.history());
  if (HasFailure()) std::cerr << here->ServerLog();
}

}  // namespace
}  // namespace mirror::random_application_test
