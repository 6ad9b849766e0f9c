#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <iterator>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "server/journal/journal_rules.h"
#include "server/journal/key_block.h"
#include "server/journal/seen_mark.h"
#include "server/store/snapshot.h"
#include "server/tenant/mirror/journal_upkeep.h"
#include "tests/contract/store_contract.h"

// Writes that pass by the journal and the versions of rows, in every store: both end there, and say so.

namespace mirror::store_passed_writes_test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

enum class Keeps : std::uint8_t { kNothing, kKeys, kHistory };

class PassedWrites : public StoreContract {
 protected:
  void SetUp() override {
    StoreContract::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    if (GetParam().name == "Memory") GTEST_SKIP() << "this store notes nothing beside its rows";
    Keep(Keeps::kHistory);
  }

  /// The store is that of a server with another configuration from now on.
  void Keep(Keeps what) {
    JournalConfig config;
    if (what != Keeps::kNothing) {
      config.rules.push_back({.journal = true, .history = what == Keeps::kHistory});
    }
    rules_ = JournalRulesOf(config, "ctx");
    store_->SetJournal(rules_);
  }
  /// The look of a server that opens the mirror.
  void Open() { ASSERT_THAT(NotePassedWrites(*store_, rules_.get(), kNow), IsOk()); }

  Step CommitAt(const std::string& table, std::vector<Action> actions) {
    Step step = StepAt(table, Record(table).value_or(TableRecord{}).seq + 1, std::move(actions));
    step.record->position = Position{Lsn{++lsn_}, "line"};
    step.commits = true;
    return step;
  }
  void Apply(Rows rows, bool commits = true, Operation operation = Operation::kInsert) {
    BatchSpec spec;
    spec.operation = operation;
    spec.rows = std::move(rows);
    const TestBatch made = MakeBatch(People(), spec);
    ASSERT_THAT(made.batch, IsOk());
    const std::vector<Action> actions = {ApplyRows{made.schema.get(), &*made.batch, false, kCycle}};
    ASSERT_THAT(
        Run(commits ? CommitAt("people", actions) : StepAt("people", Record("people")->seq + 1, actions))
            .status,
        IsOk());
  }
  void Populate(Rows rows) {
    ASSERT_THAT(Run(StepAt("people", 1, {BeginShadow{People(), kCycle}})).status, IsOk());
    BatchSpec spec;
    spec.rows = std::move(rows);
    ASSERT_THAT(Write(People(), spec, true).status, IsOk());
    ASSERT_THAT(Run(CommitAt("people", {SwapShadow{}})).status, IsOk());
  }
  void Reset() {
    Step drop = StepAt("people", 1, {DropTable{}});
    drop.record.reset();
    ASSERT_THAT(Run(std::move(drop)).status, IsOk());
  }
  /// As a server that knows no journal: it writes a row and moves the metadata.
  void WriteAsAnOlderServer(int id) {
    Do(absl::StrCat("INSERT INTO people (id, name, age) VALUES (", id, ", 'older', 1)"));
    backend_->SetLsnByHand("people", ++lsn_);
  }

  std::unique_ptr<Snapshot> Look() { return store_->OpenSnapshot().value(); }
  std::vector<std::string> Operations() {
    std::vector<std::string> names;
    const std::vector<JournalEntry> entries = Look()->journal().ReadAfter({}).value();
    for (const JournalEntry& entry : entries) {
      names.emplace_back(ToString(entry.operation));
    }
    return names;
  }
  std::int64_t LastMoment() {
    const auto commits = Look()->journal().FindCommits("people", {.moment = INT64_MAX}).value();
    return commits.empty() ? 0 : commits.front().number;
  }
  /// Absent: no history is kept.
  std::optional<std::int64_t> KnownFrom() {
    const auto history = Look()->versions().ReadHistory("people").value();
    return history ? std::optional(history->known_from) : std::nullopt;
  }
  std::int64_t SetAside() { return backend_->Leftovers()[2]; }
  std::vector<std::string> Marks() {
    std::vector<std::string> texts;
    const std::vector<Document> marks = store_->records().ReadDocuments(kSeenKind, "", 10).value();
    for (const Document& mark : marks) {
      texts.push_back(mark.text);
    }
    return texts;
  }
  /// What a partner adds to the DROP of a table that our views show.
  std::string Cascade() { return Lacks(Capability::kSqlite) ? " CASCADE" : ""; }

  std::int64_t lsn_ = 100;
  std::shared_ptr<const JournalRules> rules_;
};

TEST_P(PassedWrites, TheFirstWriteWithoutAJournalIsItsLastEntry) {
  Keep(Keeps::kKeys);
  Create(People());
  Apply({{1, "a", 10}});
  Keep(Keeps::kNothing);
  Apply({{2, "b", 20}});
  Apply({{3, "c", 30}});
  EXPECT_THAT(Operations(), ElementsAre("INSERT", "COMPARE"));
  EXPECT_THAT(Marks(), ElementsAre(kSeenEnded));
  Keep(Keeps::kKeys);
  Open();
  EXPECT_THAT(Operations(), ElementsAre("INSERT", "COMPARE", "COMPARE")) << "before anything is written";
  Open();
  Apply({{4, "d", 40}});
  EXPECT_THAT(Operations(), ElementsAre("INSERT", "COMPARE", "COMPARE", "INSERT"));
}

TEST_P(PassedWrites, TheFirstWriteWithAJournalAgainSaysSoByItself) {
  Keep(Keeps::kKeys);
  Create(People());
  Apply({{1, "a", 10}});
  Keep(Keeps::kNothing);
  Apply({{2, "b", 20}}, /*commits=*/false);
  Keep(Keeps::kKeys);
  Apply({{4, "d", 40}});
  EXPECT_THAT(Operations(), ElementsAre("INSERT", "COMPARE", "COMPARE", "INSERT"));
  Apply({{5, "e", 50}});
  EXPECT_THAT(Operations(), SizeIs(5));
}

TEST_P(PassedWrites, ATableThatWentAndCameBackWithoutAJournalIsCompared) {
  Keep(Keeps::kKeys);
  Create(People());
  Apply({{1, "a", 10}});
  Keep(Keeps::kNothing);
  Reset();
  EXPECT_THAT(Operations(), ElementsAre("INSERT", "GONE"));
  EXPECT_THAT(Marks(), IsEmpty());
  Create(People());
  Apply({{2, "b", 20}});
  EXPECT_THAT(Operations(), ElementsAre("INSERT", "GONE"));
  EXPECT_THAT(Marks(), ElementsAre(kSeenEnded));
  Keep(Keeps::kKeys);
  Open();
  EXPECT_THAT(Operations(), ElementsAre("INSERT", "GONE", "COMPARE"));
}

TEST_P(PassedWrites, AJournalThatWasOffWithoutAWriteGoesOn) {
  Create(People());
  Populate({{1, "a", 10}});
  const auto known_from = KnownFrom();
  Keep(Keeps::kNothing);
  Keep(Keeps::kHistory);
  Open();
  Apply({{1, "b", 11}});
  EXPECT_THAT(Operations(), ElementsAre("POPULATED", "INSERT"));
  EXPECT_EQ(KnownFrom(), known_from);
}

TEST_P(PassedWrites, VersionsAreSetAsideByTheFirstWriteWithoutThem) {
  for (const Keeps off : {Keeps::kNothing, Keeps::kKeys}) {
    SCOPED_TRACE(off == Keeps::kKeys ? "keys" : "off");
    Keep(Keeps::kHistory);
    Create(People());
    Populate({{1, "a", 10}, {2, "b", 20}});
    Apply({{1, "a2", 10}});
    const std::int64_t before = LastMoment();
    const std::int64_t aside = SetAside();
    Keep(off);
    Apply({{2, "while off", 20}});
    EXPECT_EQ(KnownFrom(), std::nullopt);
    EXPECT_EQ(SetAside(), aside + 1);
    Keep(Keeps::kHistory);
    Apply({{1, "a3", 10}});
    ASSERT_TRUE(KnownFrom());
    EXPECT_GT(*KnownFrom(), before) << "what stood then nobody kept";
    Reset();
  }
}

TEST_P(PassedWrites, EveryChangeOfRowsWithoutAJournalEndsIt) {
  const auto altered = [&] {
    TableSchema next = People();
    next.columns.push_back(PlainColumn("extra", Type::kText));
    Step step =
        StepAt("people", 5, {AlterTable{{AddColumn{PlainColumn("extra", Type::kText)}}}, AgreeSchema{next}});
    step.record->schema_hash = SchemaHash(next);
    ASSERT_THAT(Run(std::move(step)).status, IsOk());
  };
  const std::vector<std::pair<std::string, std::function<void()>>> changes = {
      {"a batch without a commit",
       [&] {
         Apply({{2, "b", 20}}, false);
       }},
      {"a delete", [&] { Apply({{1}}, true, Operation::kDelete); }},
      {"a population",
       [&] {
         Populate({{7, "g", 70}});
       }},
      {"a change in place", altered},
      {"a restore",
       [&] {
         Plan plan;
         plan.compared_tables = {"people"};
         ASSERT_THAT(store_->Commit(plan), IsOk());
       }},
  };
  for (const auto& [name, change] : changes) {
    SCOPED_TRACE(name);
    Keep(Keeps::kHistory);
    Create(People());
    Populate({{1, "a", 10}});
    Apply({{1, "a2", 10}});
    const std::size_t entries = Operations().size();
    Keep(Keeps::kNothing);
    change();
    EXPECT_EQ(KnownFrom(), std::nullopt);
    EXPECT_EQ(Operations().size(), entries + 1);
    EXPECT_EQ(Operations().back(), "COMPARE");
    Reset();
  }
}

TEST_P(PassedWrites, AResetWithoutAJournalLeavesNoVersions) {
  Create(People());
  Populate({{1, "a", 10}});
  Apply({{1, "b", 10}});
  Keep(Keeps::kNothing);
  Reset();
  EXPECT_EQ(Operations().back(), "GONE");
  EXPECT_EQ(KnownFrom(), std::nullopt);
  EXPECT_THAT(Marks(), IsEmpty());
  Create(People());
  Apply({{5, "z", 50}});
  EXPECT_EQ(Operations().back(), "GONE") << "of the new table nothing was kept";
}

TEST_P(PassedWrites, WhatAnOlderServerWroteIsCompared) {
  if (Lacks(Capability::kPartnerSql)) return;
  Create(People());
  Populate({{1, "a", 10}});
  const std::int64_t before = LastMoment();
  WriteAsAnOlderServer(2);
  Open();
  EXPECT_THAT(Operations(), ElementsAre("POPULATED", "COMPARE"));
  EXPECT_EQ(KnownFrom(), std::nullopt);
  EXPECT_EQ(SetAside(), 1);
  Apply({{1, "b", 11}});
  EXPECT_THAT(Operations(), ElementsAre("POPULATED", "COMPARE", "INSERT"));
  ASSERT_TRUE(KnownFrom());
  EXPECT_GT(*KnownFrom(), before);
  WriteAsAnOlderServer(3);
  Apply({{1, "c", 12}});
  EXPECT_THAT(Operations(), ElementsAre("POPULATED", "COMPARE", "INSERT", "COMPARE", "INSERT"));
  WriteAsAnOlderServer(4);
  Populate({{1, "d", 13}});
  EXPECT_THAT(Operations(),
              ElementsAre("POPULATED", "COMPARE", "INSERT", "COMPARE", "INSERT", "COMPARE", "POPULATED"));
}

TEST_P(PassedWrites, ATableThatAnOlderServerDroppedIsGone) {
  if (Lacks(Capability::kPartnerSql)) return;
  Create(People());
  Populate({{1, "a", 10}});
  Do("DROP TABLE people" + Cascade());
  backend_->DeleteRecordByHand("people");
  Open();
  EXPECT_THAT(Operations(), ElementsAre("POPULATED", "GONE"));
  EXPECT_EQ(KnownFrom(), std::nullopt);
  EXPECT_THAT(Marks(), IsEmpty());
}

// "lsn = -1" is the emergency stop: it changes no row.
TEST_P(PassedWrites, ATableThatIsSentAnewByHandKeepsItsVersions) {
  if (Lacks(Capability::kPartnerSql)) return;
  Create(People());
  Populate({{1, "a", 10}});
  const auto known_from = KnownFrom();
  backend_->SetLsnByHand("people", -1);
  Open();
  Populate({{1, "b", 11}});
  EXPECT_EQ(KnownFrom(), known_from);
  EXPECT_THAT(Operations(), ElementsAre("POPULATED", "UPDATE"));
}

TEST_P(PassedWrites, ATableThatAPartnerDroppedBeginsItsHistoryAnew) {
  if (Lacks(Capability::kPartnerSql)) return;
  for (const char* const way : {"DROP TABLE people", "ALTER TABLE people RENAME TO others"}) {
    SCOPED_TRACE(way);
    Create(People());
    Populate({{1, "a", 10}, {3, "c", 30}});
    Apply({{1, "a2", 10}});
    const std::int64_t before = LastMoment();
    const std::int64_t aside = SetAside();
    Do(way + (absl::StartsWith(way, "DROP") ? Cascade() : ""));
    Create(People());
    Populate({{1, "a3", 10}, {4, "d", 40}});
    ASSERT_TRUE(KnownFrom());
    EXPECT_GT(*KnownFrom(), before);
    EXPECT_EQ(*KnownFrom(), LastMoment());
    EXPECT_EQ(SetAside(), aside + 1);
    EXPECT_EQ(See("SELECT id, name FROM people_history ORDER BY id"), (Rows{{1, "a3"}, {4, "d"}}));
    Reset();
  }
}

TEST_P(PassedWrites, AColumnThatAPartnerRenamedBeginsTheHistoryAnew) {
  if (Lacks(Capability::kPartnerSql)) return;
  Create(People());
  Populate({{1, "a", 10}});
  Apply({{1, "a2", 10}});
  const std::int64_t before = LastMoment();
  // SQLite renames nothing that the view shows. PostgreSQL does, and the view keeps to the column.
  if (!Lacks(Capability::kSqlite)) Do("DROP VIEW people_history");
  Do("ALTER TABLE people RENAME COLUMN name TO title");
  Populate({{1, "a3", 10}});
  ASSERT_TRUE(KnownFrom());
  EXPECT_GT(*KnownFrom(), before);
  EXPECT_EQ(See("SELECT id, name FROM people_history"), (Rows{{1, "a3"}}));
  Populate({{1, "a4", 10}});
  EXPECT_EQ(*KnownFrom(), LastMoment() - 1) << "the next one goes on";
}

// The next announcement agrees the definition once more, and with it makes the view again.
TEST_P(PassedWrites, AColumnThatAPartnerRenamedBeginsTheHistoryAnewBehindAnAgreement) {
  if (Lacks(Capability::kPartnerSql)) return;
  Create(People());
  Populate({{1, "a", 10}});
  Apply({{1, "a2", 10}});
  const std::int64_t before = LastMoment();
  if (!Lacks(Capability::kSqlite)) Do("DROP VIEW people_history");
  Do("ALTER TABLE people RENAME COLUMN name TO title");
  ASSERT_THAT(Run(StepAt("people", Record("people")->seq + 1, {AgreeSchema{People()}})).status, IsOk());
  EXPECT_EQ(KnownFrom(), std::nullopt);
  Populate({{1, "a3", 10}});
  ASSERT_TRUE(KnownFrom());
  EXPECT_GT(*KnownFrom(), before);
  EXPECT_EQ(See("SELECT id, name FROM people_history"), (Rows{{1, "a3"}}));
}

TEST_P(PassedWrites, ATableThatAPartnerPutInItsPlaceBeginsTheHistoryAnew) {
  if (Lacks(Capability::kPartnerSql)) return;
  Create(People());
  Populate({{1, "a", 10}});
  const std::int64_t before = LastMoment();
  Do("ALTER TABLE people RENAME TO others");
  // The definition is the mirror's own.
  Do(Lacks(Capability::kSqlite)
         ? "CREATE TABLE people (LIKE others INCLUDING ALL)"
         : See("SELECT replace(sql, '\"others\"', '\"people\"') FROM sqlite_schema WHERE name = 'others'")
               [0][0]
                   .bytes);
  Do("INSERT INTO people (id, name, age) VALUES (9, 'of a partner', 1)");
  Populate({{1, "b", 10}});
  ASSERT_TRUE(KnownFrom());
  EXPECT_GT(*KnownFrom(), before);
  EXPECT_EQ(See("SELECT id, name FROM people_history"), (Rows{{1, "b"}}));
}

TEST_P(PassedWrites, ARefusedStepLeavesTheMarkAsItWas) {
  Create(People());
  Apply({{1, "a", 10}});
  const std::vector<std::string> marks = Marks();
  ASSERT_THAT(marks, SizeIs(1));
  EXPECT_FALSE(Write(People(), Operation::kUpdate, {{7, "x", 1}}).status.ok());
  EXPECT_EQ(Marks(), marks);
  Open();
  EXPECT_THAT(Operations(), ElementsAre("INSERT"));
}

// A copy of the rows has no journal, so it has no marks of one.
TEST_P(PassedWrites, MarksStayWhereTheJournalIs) {
  Create(People());
  Apply({{1, "a", 10}});
  ASSERT_THAT(Marks(), SizeIs(1));
  EXPECT_THAT(Look()->ReadContents().value().documents, IsEmpty());
}

// Whatever is written by servers with and without a journal, in any order: a follower that takes each entry
// as docs/reference/changes.md says has the rows once the mirror was opened with a journal.
TEST_P(PassedWrites, AFollowerHasTheRowsAfterAnyOrderOfServers) {
  std::mt19937_64 random(TestSeed());
  const auto below = [&](int n) {
    return static_cast<int>(
        std::uniform_int_distribution<std::uint64_t>(0, static_cast<std::uint64_t>(n - 1))(random));
  };
  Create(People());
  Apply({{1, "a", 10}});
  Rows followed = Visible(People());
  std::int64_t read = Look()->journal().ReadBounds().value().last.number;
  for (int round = 0; round < 40 && !HasFailure(); ++round) {
    SCOPED_TRACE(round);
    const auto kept = static_cast<Keeps>(below(3));
    Keep(kept);
    const int writes = below(4);
    for (int i = 0; i < writes; ++i) {
      const int id = 1 + below(20);
      if (kept == Keeps::kNothing && !Lacks(Capability::kPartnerSql) && below(3) == 0) {
        Do(absl::StrCat("DELETE FROM people WHERE id = ", id));
        backend_->SetLsnByHand("people", ++lsn_);
      } else if (below(6) == 0) {
        Populate({{id, "p", round}, {30, "q", round}});
      } else {
        Apply({{id, "n", round}}, below(3) != 0);
      }
    }
    if (below(2) == 0) continue;
    Keep(below(2) == 0 ? Keeps::kKeys : Keeps::kHistory);
    Open();
    bool all = false;
    std::vector<std::int64_t> ids;
    const std::vector<JournalEntry> entries = Look()->journal().ReadAfter({.after = read}).value();
    for (const JournalEntry& entry : entries) {
      read = entry.number;
      all = all || entry.keys.empty();
      if (entry.keys.empty()) continue;
      const KeyBlock block = UnpackKeys(entry.keys).value();
      for (const Key& key : block.keys) ids.push_back(key[0].integer);
    }
    const Rows now = Visible(People());
    const auto is_read = [&](const Row& row) {
      return all || std::find(ids.begin(), ids.end(), row[0].integer) != ids.end();
    };
    std::erase_if(followed, is_read);
    std::copy_if(now.begin(), now.end(), std::back_inserter(followed), is_read);
    EXPECT_EQ(Sorted(followed), now);
  }
}

INSTANTIATE_TEST_SUITE_P(EveryStore, PassedWrites, testing::ValuesIn(EveryBackend()), NameOfBackend);

}  // namespace
}  // namespace mirror::store_passed_writes_test
