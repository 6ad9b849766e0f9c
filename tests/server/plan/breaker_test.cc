#include "server/plan/breaker.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

namespace mirror::breaker_test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

constexpr std::int64_t kHour = 3'600'000, kNow = 1'700'000'000'000;
const BreakerLimits kLimits;

Judgement Deletes(std::int64_t vanish, std::int64_t rows, const std::vector<Loss>& losses = {},
                  const Hold* hold = nullptr, const BreakerLimits& limits = kLimits) {
  return JudgeRows(limits, HoldKind::kDeletes, "t", vanish, rows, losses, kNow, hold);
}

Loss Committed(std::int64_t rows, std::int64_t before, std::int64_t hours_ago) {
  return {
      .cycle = 1, .at_ms = kNow - hours_ago * kHour, .rows = rows, .rows_before = before, .committed = true};
}

Hold Decided(HoldState state, std::uint64_t rows) {
  return {.id = 3,
          .kind = HoldKind::kDeletes,
          .table = "t",
          .rows = rows,
          .rows_before = 10'000,
          .since_ms = 7,
          .state = state};
}

TEST(Breaker, MoreThanHalfOfATableIsHeld) {
  EXPECT_FALSE(Deletes(5'000, 10'000).held);
  const Judgement held = Deletes(5'001, 10'000);
  ASSERT_TRUE(held.held);
  EXPECT_THAT(held.reason, testing::AllOf(HasSubstr("5,001 of 10,000"), HasSubstr("50 %")));
  ASSERT_TRUE(held.hold);
  EXPECT_EQ(held.hold->rows, 5'001U);
  EXPECT_EQ(held.hold->state, HoldState::kWaiting);
}

TEST(Breaker, SmallTablesAndUnknownCountsAreNot) {
  EXPECT_FALSE(Deletes(1'000, 1'000).held);
  EXPECT_TRUE(Deletes(1'001, 1'001).held);
  EXPECT_FALSE(Deletes(900, -1).held);
  EXPECT_FALSE(Deletes(0, 10'000).held);
}

TEST(Breaker, WhatWentInTheWindowCountsAndWhatIsOlderDoesNot) {
  EXPECT_TRUE(Deletes(2'000, 6'000, {Committed(4'000, 10'000, 23)}).held);
  EXPECT_FALSE(Deletes(2'000, 6'000, {Committed(4'000, 10'000, 25)}).held);
}

TEST(Breaker, RetriesOfACycleThatDiedCountOnce) {
  // 4,000 went in cycles that were not committed; the plan has them in it.
  const std::vector<Loss> died = {{.cycle = 1, .at_ms = kNow - 1, .rows = 3'000, .rows_before = 10'000},
                                  {.cycle = 2, .at_ms = kNow - 1, .rows = 1'000, .rows_before = 7'000}};
  EXPECT_FALSE(Deletes(4'500, 6'000, died).held);
  EXPECT_TRUE(Deletes(5'500, 6'000, died).held);
}

TEST(Breaker, ACommitLetsItHappenOnceUpToATenthMore) {
  const Hold commit = Decided(HoldState::kCommit, 6'000);
  EXPECT_FALSE(Deletes(6'600, 10'000, {}, &commit).held);
  const Judgement more = Deletes(6'601, 10'000, {}, &commit);
  ASSERT_TRUE(more.held);
  ASSERT_TRUE(more.hold) << "it waits for another decision";
  EXPECT_EQ(more.hold->state, HoldState::kWaiting);
  EXPECT_EQ(more.hold->since_ms, 7);
}

TEST(Breaker, ARollbackStandsUntilLessIsPlanned) {
  const Hold refused = Decided(HoldState::kRollback, 6'000);
  const Judgement same = Deletes(6'000, 10'000, {}, &refused);
  EXPECT_TRUE(same.held);
  EXPECT_FALSE(same.hold) << "nothing about it changes";
  EXPECT_THAT(same.reason, AllOf(HasSubstr("An operator refused it"), HasSubstr("'mirrorctl hold commit'"),
                                 Not(HasSubstr("decides"))));
  const Judgement less = Deletes(5'500, 10'000, {}, &refused);
  ASSERT_TRUE(less.held && less.hold);
  EXPECT_EQ(less.hold->state, HoldState::kWaiting);
  EXPECT_THAT(less.reason, AllOf(HasSubstr("An operator decides"), Not(HasSubstr("refused"))));
  EXPECT_FALSE(Deletes(4'000, 10'000, {}, &refused).held);
}

TEST(Breaker, ASwapMayLoseWhatTheWindowLeaves) {
  EXPECT_EQ(MayLose(kLimits, HoldKind::kPopulation, 10'000, {}, kNow, nullptr), 5'000);
  EXPECT_EQ(MayLose(kLimits, HoldKind::kPopulation, 6'000, {Committed(4'000, 10'000, 1)}, kNow, nullptr),
            1'000);
  EXPECT_EQ(MayLose(kLimits, HoldKind::kPopulation, 900, {}, kNow, nullptr), std::nullopt);
  EXPECT_EQ(MayLose(BreakerLimits{.on = false}, HoldKind::kPopulation, 10'000, {}, kNow, nullptr),
            std::nullopt);
  const Hold commit = Decided(HoldState::kCommit, 10'000);
  EXPECT_EQ(MayLose(kLimits, HoldKind::kPopulation, 10'000, {}, kNow, &commit), 11'000);
}

TEST(Breaker, WhatWentWithoutACommitCountsForAPopulationToo) {
  const std::vector<Loss> open = {{.cycle = 1, .at_ms = kNow - 1, .rows = 1'000, .rows_before = 3'000}};
  EXPECT_EQ(MayLose(kLimits, HoldKind::kPopulation, 2'000, open, kNow, nullptr), 500);
  EXPECT_EQ(MayLose(kLimits, HoldKind::kDeletes, 2'000, open, kNow, nullptr), 1'500);
  const auto populates = [&](std::int64_t vanish) {
    return JudgeRows(kLimits, HoldKind::kPopulation, "t", vanish, 2'000, open, kNow, nullptr);
  };
  EXPECT_FALSE(populates(500).held);
  const Judgement more = populates(501);
  ASSERT_TRUE(more.held);
  EXPECT_EQ(more.rows, 1'501U);
  EXPECT_EQ(more.rows_before, 3'000U);
}

TEST(Breaker, TheRefusalOfAllDeletesStandsForFewer) {
  const Hold refused = Decided(HoldState::kRollback, 10'000);
  const Judgement fewer = Deletes(6'000, 10'000, {}, &refused);
  EXPECT_TRUE(fewer.held);
  EXPECT_FALSE(fewer.hold) << "it would wait again, though an operator decided";
}

std::vector<TableRecord> Tables(int count, std::int64_t rows) {
  std::vector<TableRecord> tables(static_cast<std::size_t>(count));
  for (int i = 0; i < count; ++i) {
    tables[static_cast<std::size_t>(i)].table = "t" + std::to_string(i);
    tables[static_cast<std::size_t>(i)].row_count = rows;
  }
  return tables;
}

TEST(Breaker, ManyTablesOrMostRowsAreHeld) {
  const std::vector<TableRecord> all = Tables(20, 100);
  const auto gone = [&](std::size_t count) {
    return JudgeTables(kLimits, {all.begin(), all.begin() + static_cast<std::ptrdiff_t>(count)}, all, kNow,
                       nullptr)
        .held;
  };
  EXPECT_FALSE(gone(3)) << "15 %";
  EXPECT_TRUE(gone(4)) << "20 %, and at least three";
  EXPECT_FALSE(JudgeTables(kLimits, Tables(2, 100), Tables(4, 400), kNow, nullptr).held) << "only two";
  EXPECT_TRUE(JudgeTables(kLimits, Tables(1, 2'000), Tables(1, 2'000), kNow, nullptr).held) << "all rows";
  EXPECT_FALSE(JudgeTables(kLimits, Tables(5, 10), Tables(5, 10), kNow, nullptr).held) << "few rows in all";
}

TEST(Breaker, ManyTablesWithoutARowAreHeldToo) {
  std::vector<TableRecord> all = Tables(10, 1'000);
  const std::vector<TableRecord> empty = Tables(4, 0);
  std::copy(empty.begin(), empty.end(), all.begin());
  Judgement judgement = JudgeTables(kLimits, empty, all, kNow, nullptr);
  ASSERT_TRUE(judgement.held && judgement.hold);
  EXPECT_TRUE(JudgeTables(kLimits, empty, all, kNow, &*judgement.hold).held) << "nobody decided yet";
  judgement.hold->state = HoldState::kCommit;
  EXPECT_FALSE(JudgeTables(kLimits, empty, all, kNow, &*judgement.hold).held);
}

TEST(Breaker, ACommitAboutTablesIsAboutThose) {
  const std::vector<TableRecord> all = Tables(10, 1'000);
  std::vector<TableRecord> four(all.begin(), all.begin() + 4);
  Judgement first = JudgeTables(kLimits, four, all, kNow, nullptr);
  ASSERT_TRUE(first.held && first.hold);
  first.hold->state = HoldState::kCommit;
  EXPECT_FALSE(JudgeTables(kLimits, four, all, kNow, &*first.hold).held);
  four[3] = all[7];
  EXPECT_TRUE(JudgeTables(kLimits, four, all, kNow, &*first.hold).held);
}

TEST(Breaker, TheLastRuleThatFitsCounts) {
  BreakerConfig config;
  config.rules = {{.context = "Cust*", .rows_percent = 80},
                  {.context = "Cust*", .table = "log_*", .of_table = true, .on = false},
                  {.context = "CustX", .rows_percent = 90}};
  EXPECT_EQ(LimitsOf(config, "Other", "t").rows_percent, 50);
  EXPECT_EQ(LimitsOf(config, "Cust1", "t").rows_percent, 80);
  EXPECT_EQ(LimitsOf(config, "CustX", "t").rows_percent, 90);
  EXPECT_FALSE(LimitsOf(config, "Cust1", "LOG_7").on);
  EXPECT_TRUE(LimitsOf(config, "Cust1", "").on) << "a table's rule says nothing of all tables";
}

}  // namespace
}  // namespace mirror::breaker_test
