// How often the mark of a table is read of which no journal is kept.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <optional>
#include <string>

#include "server/journal/seen_mark.h"
#include "server/store/step_journal.h"
#include "tests/support/memory/no_history.h"
#include "tests/support/memory/scripted_transaction.h"
#include "tests/support/status_matchers.h"

namespace mirror::seen_tables_test {
namespace {

using Saw = SeenTables::Saw;

class MarkedJournal final : public NoJournal {
 public:
  absl::StatusOr<std::optional<std::string>> ReadSeen(const std::string& table) override {
    ++reads;
    if (fails) return absl::UnavailableError("busy");
    const auto mark = marks.find(table);
    return mark == marks.end() ? std::nullopt : std::optional(mark->second);
  }

  std::map<std::string, std::string> marks;
  int reads = 0;
  bool fails = false;
};

class MarkedTransaction final : public StoreTransaction {
 public:
  TenantVerbs& tenant() override { return script.tenant(); }
  RecordVerbs& records() override { return script.records(); }
  TableVerbs& tables() override { return script.tables(); }
  JournalVerbs& journal() override { return marked; }
  HistoryVerbs& history() override { return script.history(); }
  absl::Status Begin(const Intent& intent) override { return script.Begin(intent); }
  absl::Status Commit(Kept kept) override { return script.Commit(kept); }
  void Rollback() override { script.Rollback(); }
  bool IsOver() const override { return script.IsOver(); }
  bool MayTryAgain() const override { return script.MayTryAgain(); }
  bool ReadsItsWrites() const override { return script.ReadsItsWrites(); }
  absl::Status SetSavepoint() override { return script.SetSavepoint(); }
  absl::Status ReleaseSavepoint() override { return script.ReleaseSavepoint(); }
  absl::Status RollBackToSavepoint() override { return script.RollBackToSavepoint(); }

  ScriptedTransaction script;
  MarkedJournal marked;
};

class SeenTablesTest : public testing::Test {
 protected:
  Saw Look(const std::string& table) {
    const absl::StatusOr<Saw> saw = seen_.Look(table, TableRecord{});
    EXPECT_THAT(saw, IsOk());
    return saw.value_or(Saw::kNever);
  }

  MarkedTransaction transaction_;
  SeenTables seen_{transaction_};
};

TEST_F(SeenTablesTest, TheMarkOfATableIsReadOnceInATransaction) {
  transaction_.marked.marks = {{"people", kSeenEnded}};
  for (int step = 0; step < 3; ++step) {
    EXPECT_EQ(Look("people"), Saw::kEnded);
    EXPECT_EQ(Look("PEOPLE"), Saw::kEnded);
    EXPECT_EQ(Look("pairs"), Saw::kNever) << "that there is none is remembered, too";
  }
  EXPECT_EQ(transaction_.marked.reads, 2);
}

TEST_F(SeenTablesTest, WhatAStepLeavesCountsAndWhatWasTakenBackDoesNot) {
  EXPECT_EQ(Look("people"), Saw::kNever);
  seen_.NoteEnded("people");
  seen_.Drop();
  EXPECT_EQ(Look("people"), Saw::kNever);
  seen_.NoteSeen("people", TableRecord{});
  seen_.Keep();
  EXPECT_EQ(Look("people"), Saw::kAll);
  EXPECT_EQ(transaction_.marked.reads, 1);
}

TEST_F(SeenTablesTest, AMarkThatCouldNotBeReadIsReadAgain) {
  transaction_.marked.fails = true;
  EXPECT_THAT(seen_.Look("people", TableRecord{}), StatusIs(absl::StatusCode::kUnavailable));
  transaction_.marked.fails = false;
  EXPECT_EQ(Look("people"), Saw::kNever);
}

}  // namespace
}  // namespace mirror::seen_tables_test
