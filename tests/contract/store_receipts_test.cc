#include "tests/contract/store_contract.h"

#include <gmock/gmock.h>

#include <string>
#include <vector>

#include "proto/wire/receipt.h"
#include "server/plan/receipt_plan.h"

// The chain of receipts moves in the transaction of the rows that it speaks of.

namespace mirror::store_receipts_test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

class Receipts : public StoreContract {
 protected:
  static ReceiptStep Batch(std::uint64_t seq, bool commit, const std::string& digest = "d") {
    ReceiptStep receipt;
    receipt.cycle = kCycle;
    receipt.seq = seq;
    receipt.operation = Operation::kUpdate;
    receipt.rows = 10 * seq;
    receipt.commit = commit;
    receipt.digest = HashOf(digest);
    receipt.at_ms = kNow;
    return receipt;
  }
  Step With(const std::string& table, std::uint64_t seq, ReceiptStep receipt) {
    Step step = StepAt(table, seq);
    if (receipt.commit) step.record->position = {Lsn{static_cast<std::int64_t>(seq)}, "x"};
    step.receipt = std::move(receipt);
    return step;
  }
  std::uint64_t Count() { return store_->records().ReadReceiptHead().value().number; }
};

TEST_P(Receipts, ThereIsNoneInANewMirror) {
  EXPECT_EQ(store_->records().ReadReceiptHead().value(), ReceiptHead{});
  EXPECT_THAT(store_->records().ReadReceipts(0, 10).value(), IsEmpty());
}

TEST_P(Receipts, ACommitGivesOneOfAllBatchesOfItsTable) {
  Create(People());
  EXPECT_EQ(Run(With("people", 1, Batch(1, false, "one"))).receipt, "");
  EXPECT_EQ(Count(), 0U);
  const StepResult result = Run(With("people", 2, Batch(2, true, "two")));
  const Receipt receipt = ParseReceipt(result.receipt).value();
  EXPECT_EQ(receipt.number, 1U);
  EXPECT_EQ(receipt.context_id, "ctx");
  EXPECT_EQ(receipt.table, "people");
  EXPECT_EQ(receipt.cycle, kCycle);
  EXPECT_EQ(receipt.position, (Position{Lsn{2}, "x"}));
  EXPECT_EQ(receipt.batches, 2U);
  EXPECT_EQ(receipt.updates, 30U);
  EXPECT_EQ(receipt.content, AddContent(AddContent("", HashOf("one")), HashOf("two")));
  EXPECT_EQ(receipt.previous, "");
  EXPECT_EQ(receipt.time_ms, kNow);
  EXPECT_EQ(store_->records().ReadReceiptHead().value(), (ReceiptHead{1, HashOf(result.receipt)}));
}

TEST_P(Receipts, TheyAreAChainOverAllTablesAndLiveOn) {
  Create(People());
  Create(Pairs());
  const std::string first = Run(With("people", 1, Batch(1, true))).receipt;
  Reopen();
  const std::string second = Run(With("pairs", 1, Batch(1, true))).receipt;
  EXPECT_EQ(ParseReceipt(second).value().previous, HashOf(first));
  EXPECT_THAT(store_->records().ReadReceipts(0, 10).value(), ElementsAre(first, second));
  EXPECT_THAT(store_->records().ReadReceipts(1, 10).value(), ElementsAre(second));
  EXPECT_THAT(store_->records().ReadReceipts(0, 1).value(), ElementsAre(first));
  EXPECT_THAT(store_->records().ReadReceipts(2, 10).value(), IsEmpty());
}

TEST_P(Receipts, ARefusedStepGivesNoneAndItsPlaceIsTheNextOnes) {
  Create(People());
  Create(Pairs());
  Step wrong = With("people", 1, Batch(1, true));
  wrong.actions = {SwapShadow{}};  // There is none.
  const CommitResult result =
      store_->Commit(InCycle({std::move(wrong), With("pairs", 1, Batch(1, true))})).value();
  EXPECT_FALSE(result.steps[0].status.ok());
  EXPECT_EQ(result.steps[0].receipt, "");
  EXPECT_EQ(ParseReceipt(result.steps[1].receipt).value().number, 1U);
  EXPECT_EQ(Count(), 1U);
}

TEST_P(Receipts, APlanForAnotherRecordGivesNone) {
  Create(People());
  Step step = With("people", 1, Batch(1, true));
  backend_->SetLsnByHand("people", 7);
  EXPECT_THAT(store_->Commit(InCycle({std::move(step)})), StatusIs(absl::StatusCode::kInternal));
  EXPECT_EQ(Count(), 0U);
}

TEST_P(Receipts, WhereBatchesBeforeItAreNotKnownThereIsNone) {
  Create(People());
  EXPECT_EQ(Run(With("people", 1, Batch(2, true))).receipt, "");
  ASSERT_EQ(Run(With("people", 2, Batch(1, false))).receipt, "");
  ReceiptStep other = Batch(2, true);
  other.cycle = kCycle - 1;
  EXPECT_EQ(Run(With("people", 3, other)).receipt, "");
  EXPECT_EQ(Count(), 0U);
  EXPECT_NE(Run(With("people", 4, Batch(2, true))).receipt, "");
}

TEST_P(Receipts, ALargeValueIsPartOfTheContent) {
  Create(People());
  ASSERT_THAT(Part("people", 5, 0, "abc").status, IsOk());
  ASSERT_THAT(Part("people", 5, 3, "def").status, IsOk());
  ReceiptStep batch = Batch(1, true);
  batch.values = {5};
  const StepResult result = Run(With("people", 1, batch));
  EXPECT_EQ(ParseReceipt(result.receipt).value().content,
            AddContent("", WithLargeValues(batch.digest, {HashOf("abcdef")})));
}

TEST_P(Receipts, ATableThatIsMadeAnewBeginsAnew) {
  Create(People());
  Run(With("people", 1, Batch(1, false)));
  Step drop = StepAt("people", 1, {DropTable{}});
  drop.record.reset();
  ASSERT_THAT(Run(std::move(drop)).status, IsOk());
  Create(People());
  EXPECT_EQ(Run(With("people", 2, Batch(2, true))).receipt, "");
}

TEST_P(Receipts, TheLastTenThousandAreKept) {
  Create(People());
  std::vector<Step> steps;
  Step step = StepAt("people", 0);
  for (std::uint64_t i = 1; i <= kReceiptsKeptMax + 128; ++i) {
    step.expected = i == 1 ? step.expected : step.record;
    step.record->seq = i;
    step.receipt = Batch(1, true);
    steps.push_back(step);
  }
  ASSERT_THAT(store_->Commit(InCycle(std::move(steps))), IsOk());
  EXPECT_EQ(Count(), kReceiptsKeptMax + 128);
  EXPECT_THAT(store_->records().ReadReceipts(0, 20'000).value(), SizeIs(testing::Le(kReceiptsKeptMax + 64)));
  EXPECT_THAT(store_->records().ReadReceipts(0, 20'000).value(), SizeIs(testing::Ge(kReceiptsKeptMax)));
}

INSTANTIATE_TEST_SUITE_P(EveryStore, Receipts, testing::ValuesIn(EveryBackend()), NameOfBackend);

}  // namespace
}  // namespace mirror::store_receipts_test
