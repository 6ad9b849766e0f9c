#include "server/tenant/mirror/cycle_book.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/server/tenant/tenant_bench.h"

// What is remembered of a tenant's cycles.

namespace mirror::cycle_book_test {
namespace {

using testing::HasSubstr;
using testing::SizeIs;

TEST(RowRateTest, IsThatOfTheLastSecondsAndEndsWithThem) {
  RowRate rate;
  EXPECT_EQ(rate.PerSecond(1'000'000), 0U);
  rate.Note(5'000, 1'000'000);
  EXPECT_EQ(rate.PerSecond(1'000'500), 5'000U) << "within the first second nobody knows better";
  EXPECT_EQ(rate.PerSecond(1'004'000), 1'250U);
  rate.Note(5'000, 1'005'000);
  EXPECT_EQ(rate.PerSecond(1'007'500), 1'333U);
  EXPECT_EQ(rate.PerSecond(1'011'000), 833U);
  EXPECT_EQ(rate.PerSecond(1'020'000), 0U);
}

TEST(RowRateTest, AClockThatIsSetBackBeginsAnew) {
  RowRate rate;
  rate.Note(5'000, 1'000'000);
  rate.Note(100, 500'000);
  EXPECT_EQ(rate.PerSecond(501'000), 100U);
}

TEST(CycleBookTest, HasACycleFromItsBeginToItsEnd) {
  CycleBook book;
  book.Begin(7, 1'000);
  book.NotePlanned(7, {.inserts = 90, .updates = 10}, 1'100);
  book.NoteRows(7, Operation::kInsert, 40, 2'000);
  CycleBook::Now now = book.At(2'000);
  EXPECT_EQ(now.since_ms, 1'000);
  EXPECT_EQ(now.done, 40U);
  EXPECT_EQ(now.planned, 100U);
  EXPECT_EQ(now.last_ended_ms, 0);
  book.NoteRows(7, Operation::kDelete, 2, 2'500);
  book.End(7, 0, CycleEnd::kCompleted, 3'000);
  now = book.At(3'000);
  EXPECT_EQ(now.since_ms, 0);
  EXPECT_EQ(now.rows, 42U);
  EXPECT_EQ(now.last_ended_ms, 3'000);
  EXPECT_EQ(now.last_took_ms, 2'000);
  const std::vector<PastCycle> last = book.Last();
  ASSERT_THAT(last, SizeIs(1));
  EXPECT_EQ(last[0].end, CycleEnd::kCompleted);
  EXPECT_EQ(last[0].inserts, 40U);
  EXPECT_EQ(last[0].deletes, 2U);
}

TEST(CycleBookTest, KeepsTheLastOnesTheNewestFirst) {
  CycleBook book;
  for (std::int64_t cycle = 1; cycle <= 100; ++cycle) {
    book.Begin(cycle, cycle * 1'000);
    book.End(cycle, 0, CycleEnd::kCompleted, cycle * 1'000 + 5);
  }
  const std::vector<PastCycle> last = book.Last();
  ASSERT_THAT(last, SizeIs(kCyclesKept));
  EXPECT_EQ(last.front().cycle, 100);
  EXPECT_EQ(last.back().cycle, 100 - static_cast<std::int64_t>(kCyclesKept) + 1);
}

TEST(CycleBookTest, AFailureIsOfTheCycleThatEndedAndItsWordsAreCut) {
  CycleBook book;
  book.Begin(1, 1'000);
  book.NoteFailure(1, "it runs");
  EXPECT_EQ(book.Last()[0].why, "");
  book.End(1, 0, CycleEnd::kCompleted, 2'000);
  book.NoteFailure(1, std::string(1'000, 'x'));
  EXPECT_EQ(book.Last()[0].end, CycleEnd::kFailed);
  EXPECT_LE(book.Last()[0].why.size(), kCycleWhyBytesMax);
  book.Begin(2, 3'000);
  book.End(2, 0, CycleEnd::kInterrupted, 4'000);
  book.NoteFailure(2, "the line broke");
  EXPECT_EQ(book.Last()[0].end, CycleEnd::kInterrupted);
  EXPECT_EQ(book.Last()[0].why, "the line broke");
  book.NoteFailure(9, "of none that is known");
  EXPECT_THAT(book.Last(), SizeIs(2));
}

TEST(CycleBookTest, ACycleThatBeganElsewhereIsKnownByItsEnd) {
  CycleBook book;
  book.End(5, 1'000, CycleEnd::kInterrupted, 9'000);
  ASSERT_THAT(book.Last(), SizeIs(1));
  EXPECT_EQ(book.Last()[0].began_ms, 1'000);
  book.Begin(6, 10'000);
  book.Begin(7, 20'000);
  EXPECT_EQ(book.Last()[1].end, CycleEnd::kInterrupted) << "who ended it is not known";
}

class TenantsCyclesTest : public TenantBench {
 protected:
  std::vector<PastCycle> Last() { return tenant_->book().Last(); }
};

TEST_F(TenantsCyclesTest, WhatACycleDidIsInItsTenantsBook) {
  source_->Mirror(People(),
                  {{std::int64_t{1}, "Ada", std::int64_t{36}}, {std::int64_t{2}, "Bob", std::int64_t{40}}},
                  {Lsn{5}, "five"});
  ASSERT_THAT(Last(), SizeIs(1));
  EXPECT_EQ(Last()[0].cycle, source_->cycle);
  EXPECT_EQ(Last()[0].end, CycleEnd::kCompleted);
  EXPECT_EQ(Last()[0].inserts, 2U);
  EXPECT_EQ(tenant_->book().At(source_->now).rows, 2U);
}

TEST_F(TenantsCyclesTest, ACycleThatAnotherOneTakesThePlaceOfWasInterrupted) {
  source_->Begin();
  const std::int64_t cut = source_->cycle;
  source_->Begin("holder", /*take_over=*/true);
  ASSERT_THAT(Last(), SizeIs(2));
  EXPECT_EQ(Last()[0].end, CycleEnd::kNone);
  EXPECT_EQ(Last()[1].cycle, cut);
  EXPECT_EQ(Last()[1].end, CycleEnd::kInterrupted);
  EXPECT_THAT(Last()[1].why, HasSubstr("without ReplicationCompleted"));
}

TEST_F(TenantsCyclesTest, AnOperatorsActEndsTheCycleWithoutAFailure) {
  source_->Begin();
  ASSERT_THAT(tenant_->Pause("", source_->now), IsOk());
  EXPECT_EQ(Last()[0].end, CycleEnd::kInterrupted);
  EXPECT_EQ(Last()[0].why, "");
}

TEST_F(TenantsCyclesTest, ACycleThatAnnouncedNothingFailed) {
  source_->Begin();
  ASSERT_THAT(source_->Complete(), IsOk());
  EXPECT_EQ(Last()[0].end, CycleEnd::kFailed);
  EXPECT_THAT(Last()[0].why, HasSubstr("without announcing"));
}

}  // namespace
}  // namespace mirror::cycle_book_test
