// A history that missed something and whose tables are compared instead of being populated; and when it is
// asked to take in what is new.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "client/cycle/cycle.h"
#include "client/cycle/job_plan.h"
#include "client/cycle/run_context.h"
#include "client/source/sqlite/sqlite_reader.h"
#include "client/wire/decision.h"
#include "tests/client/cycle/one_record_log.h"
#include "tests/client/fake_endpoint.h"
#include "tests/client/source/source_database.h"
#include "tests/support/status_matchers.h"

namespace mirror::gap_test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;

class GapTest : public testing::Test {
 protected:
  void SetUp() override {
    Sql(path_, "CREATE TABLE a(id INTEGER PRIMARY KEY, v TEXT); INSERT INTO a VALUES(1, 'x'), (2, 'y')");
    SqliteReaderOptions source;
    source.path = path_;
    reader_ = OpenSqliteReader(std::move(source));
    lock_.emplace(*LockFile::Acquire(folder_.path(), "Cust"));
    state_.emplace(*RunState::Load(folder_.path(), "Cust"));
    cycle_.can_compare = true;
    const auto schema = reader_->Schema();
    ASSERT_THAT(schema, IsOk());
    table_ = schema->tables.at(0).schema;
    status_.set_table("a");
    status_.set_wanted(true);
    status_.set_row_count(2);
    status_.mutable_position()->set_lsn(7);
    status_.mutable_position()->set_lineage("forgotten");
    for (std::size_t i = 0; i < table_.columns.size(); ++i) status_.add_rules(v1::COLUMN_RULE_PLAIN);
  }

  /// As a cycle does it before it sends.
  Decision Decided() {
    RunContext run({*reader_, client_, *lock_, *state_, &log_}, options_);
    EXPECT_THAT(TakeOver(run, cycle_, table_, status_), IsOk());
    notes_ = run.report.notes;
    gaps_ = run.gaps;
    places_taken_ = run.places_taken;
    const bool compared = log_.mends && state_->tables().IsTakenOver("a") == TakenOver::kYes;
    const auto decision = Decide(log_, *reader_, table_, status_, /*asked=*/false, compared);
    EXPECT_THAT(decision, IsOk());
    return decision.value_or(Decision{});
  }

  TempFolder folder_;
  std::string path_ = folder_ / "source.db";
  FakeEndpoint endpoint_{folder_};
  std::unique_ptr<SourceReader> reader_;
  std::optional<LockFile> lock_;
  std::optional<RunState> state_;
  MirrorClient client_ = endpoint_.Client();
  CycleOptions options_;
  Cycle cycle_;
  TableSchema table_;
  v1::TableStatus status_;
  std::vector<std::string> notes_;
  std::map<std::string, std::vector<std::string>> gaps_;
  std::set<std::string> places_taken_;
  OneRecordLog log_;
};

TEST_F(GapTest, IsComparedInsteadOfPopulated) {
  const Decision decision = Decided();
  EXPECT_EQ(decision.kind, Decision::Kind::kNothing) << decision.words;
  EXPECT_EQ(log_.known, (Position{Lsn{7}, "forgotten"}));
  const auto again = RunState::Load(folder_.path(), "Cust");
  ASSERT_THAT(again, IsOk());
  EXPECT_EQ(again->tables().IsTakenOver("a"), TakenOver::kYes) << "the comparison is due also after a crash";
  EXPECT_THAT(gaps_, ElementsAre(Pair("it was emptied by hand", ElementsAre("a"))));
}

TEST_F(GapTest, OfAHistoryThatCannotMendItIsPopulated) {
  log_.mends = false;
  const Decision decision = Decided();
  EXPECT_EQ(decision.reason, PopulateReason::kHistoryGone);
  EXPECT_EQ(decision.words,
            "the changes since the mirror's LSN are no longer on record: it was emptied by hand");
  EXPECT_EQ(state_->tables().IsTakenOver("a"), TakenOver::kNo);
  EXPECT_THAT(notes_, IsEmpty());
  EXPECT_THAT(gaps_, IsEmpty());
}

TEST_F(GapTest, ThatIsNotAdoptedIsPopulated) {
  log_.can_adopt = false;
  EXPECT_EQ(Decided().reason, PopulateReason::kHistoryGone);
  EXPECT_EQ(state_->tables().IsTakenOver("a"), TakenOver::kNo);
}

TEST_F(GapTest, OfALostLogIsOneWhereTheMirrorIsAsItWasConfirmed) {
  status_.mutable_position()->set_lineage("of the lost log");
  state_->tables().SetRecord("a", "x");
  state_->tables().SetConfirmed("a", {Lsn{7}, "of the lost log"}, {Strategy::kCdc});
  EXPECT_EQ(Decided().kind, Decision::Kind::kNothing);
}

TEST_F(GapTest, IsNoneWhereAnotherSourceSentWhatTheMirrorHas) {
  status_.mutable_position()->set_lineage("of another source");
  state_->tables().SetRecord("a", "x");
  state_->tables().SetConfirmed("a", {Lsn{7}, "own"}, {Strategy::kCdc});
  EXPECT_EQ(Decided().reason, PopulateReason::kLineageMiss);
}

TEST_F(GapTest, IsWhatAnotherSourceSentWhosePlaceThisOneWasLetTake) {
  status_.mutable_position()->set_lineage("of another source");
  status_.set_source_accepted(true);
  for (const bool mends : {true, false}) {
    log_.mends = mends;
    log_.known = {};
    state_->tables().SetTakenOver("a", TakenOver::kNo);
    EXPECT_EQ(Decided().kind, Decision::Kind::kNothing);
    EXPECT_EQ(log_.known, (Position{Lsn{7}, "of another source"}));
    EXPECT_EQ(RunState::Load(folder_.path(), "Cust")->tables().IsTakenOver("a"), TakenOver::kYes);
    EXPECT_THAT(places_taken_, ElementsAre("a"));
  }
  EXPECT_EQ(Decided().kind, Decision::Kind::kNothing) << "it is known by now";
  EXPECT_THAT(places_taken_, IsEmpty());
}

TEST_F(GapTest, OfAnotherSourceIsPopulatedWhereNoComparisonFindsIt) {
  status_.mutable_position()->set_lineage("of another source");
  status_.set_source_accepted(true);
  log_.can_adopt = false;
  EXPECT_EQ(Decided().reason, PopulateReason::kLineageMiss);
  log_.can_adopt = true;
  log_.not_equal = "it sends no deletes";
  EXPECT_EQ(Decided().reason, PopulateReason::kLineageMiss);
  log_.not_equal.clear();
  status_.set_rules(1, v1::COLUMN_RULE_MASKED);
  EXPECT_EQ(Decided().reason, PopulateReason::kLineageMiss);
  EXPECT_EQ(state_->tables().IsTakenOver("a"), TakenOver::kNo);
}

TEST_F(GapTest, WithRowsOfACycleThatDiedIsCommittedAndCompared) {
  status_.mutable_pending()->set_lsn(8);
  status_.mutable_pending()->set_lineage("of the lost log");
  EXPECT_EQ(Decided().kind, Decision::Kind::kChanges);
  // The next run finds the position known, and knows as little of the pending one.
  EXPECT_EQ(Decided().kind, Decision::Kind::kChanges);
  state_->tables().SetTakenOver("a", TakenOver::kNo);
  EXPECT_EQ(Decided().reason, PopulateReason::kPendingMiss) << "without a comparison nobody would find them";
}

TEST_F(GapTest, OfWhatNoComparisonSeesIsPopulated) {
  status_.set_rules(1, v1::COLUMN_RULE_MASKED);
  EXPECT_EQ(Decided().reason, PopulateReason::kHistoryGone);
}

TEST_F(GapTest, OnAnEndpointThatCannotCompareIsPopulated) {
  cycle_.can_compare = false;
  EXPECT_EQ(Decided().reason, PopulateReason::kHistoryGone);
}

TEST_F(GapTest, WhatIsNewIsTakenInBeforeTheTablesAreLookedAt) {
  int refreshed = 0;
  log_.refresh = [&] {
    if (++refreshed == 1) Sql(path_, "CREATE TABLE late(id INTEGER PRIMARY KEY)");
    return absl::OkStatus();
  };
  log_.mends = false;
  // What is sent does not matter here; without a log the reader has no net changes to close a population.
  endpoint_.unwanted = {{"a", true}, {"late", true}};
  const CycleReport report = RunOnce({*reader_, client_, *lock_, *state_, &log_}, options_);
  endpoint_.Settle();
  EXPECT_EQ(refreshed, 1);
  EXPECT_EQ(endpoint_.announced.tables_size(), 2) << report.status;
}

TEST_F(GapTest, WhatCannotBeTakenInEndsTheRunBeforeItBegins) {
  log_.refresh = [] { return absl::UnavailableError("the server is away"); };
  const CycleReport report = RunOnce({*reader_, client_, *lock_, *state_, &log_}, options_);
  EXPECT_THAT(report.status, StatusIs(absl::StatusCode::kUnavailable, HasSubstr("the server is away")));
  EXPECT_EQ(endpoint_.Count("authenticate"), 0U);
}

}  // namespace
}  // namespace mirror::gap_test
