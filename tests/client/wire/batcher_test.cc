#include "client/wire/batcher.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "tests/support/status_matchers.h"

namespace mirror::batcher_test {
namespace {

TableSchema OneColumn() {
  TableSchema table;
  table.name = "t";
  Column column;
  column.name = "v";
  column.type = Type::kText;
  table.columns.push_back(column);
  return table;
}

RowBlock Rows(int rows, std::size_t bytes_each) {
  RowBlock block = RowBlock::ForAll(OneColumn());
  for (int i = 0; i < rows; ++i) block.columns[0].AppendBytes(std::string(bytes_each, 'x'));
  return block;
}

class BatcherTest : public testing::Test {
 protected:
  Batcher Make(const BatcherLimits& limits) {
    return Batcher(77, limits, [this](const v1::RowDataRequest& request) {
      sent_.push_back(request);
      return answer_;
    });
  }
  const Position target_{Lsn{5}, "id:5"};
  const Batcher::Table population_{"t", "hash", Lsn{}, PopulateReason::kMinusOne};

  /// As a population adds its rows.
  absl::Status Add(Batcher& batcher, const RowBlock& rows, std::uint64_t planned, bool last) const {
    std::vector<ChangeBlock> blocks;
    if (rows.rows() > 0) blocks.push_back({Operation::kInsert, rows});
    return batcher.Add(blocks, target_, Planned{.inserts = planned}, last);
  }
  std::vector<v1::RowDataRequest> sent_;
  absl::Status answer_;
};

TEST_F(BatcherTest, PopulationIsNumberedAndEndsWithItsCommit) {
  Batcher batcher = Make({.request_bytes = 1'000});
  batcher.Begin(population_);
  ASSERT_THAT(Add(batcher, Rows(10, 100), 25, false), IsOk());
  ASSERT_THAT(Add(batcher, Rows(10, 100), 10, false), IsOk());
  ASSERT_THAT(Add(batcher, Rows(5, 100), 5, true), IsOk());
  ASSERT_THAT(batcher.Flush(), IsOk());
  ASSERT_EQ(sent_.size(), 3U);
  for (int i = 0; i < 3; ++i) {
    const auto& request = sent_[static_cast<std::size_t>(i)];
    EXPECT_EQ(request.cycle(), 77);
    ASSERT_EQ(request.batches_size(), 1);
    const v1::ChangeBatch& batch = request.batches(0);
    EXPECT_EQ(batch.table(), "t");
    EXPECT_EQ(batch.schema_hash(), "hash");
    EXPECT_EQ(batch.seq(), static_cast<std::uint64_t>(i + 1));
    EXPECT_EQ(batch.base_lsn(), -1);
    EXPECT_EQ(batch.target().lsn(), 5);
    EXPECT_EQ(batch.target().lineage(), "id:5");
    EXPECT_EQ(batch.operation(), v1::OPERATION_INSERT);
    EXPECT_EQ(batch.has_planned(), i == 0);
    EXPECT_EQ(batch.populate(), i == 0 ? v1::POPULATE_REASON_MINUS_ONE : v1::POPULATE_REASON_UNSPECIFIED);
    EXPECT_EQ(batch.has_commit(), i == 2);
  }
  EXPECT_EQ(sent_[0].batches(0).planned().inserts(), 25U);
  EXPECT_EQ(sent_[2].batches(0).row_count(), 5U);
  EXPECT_EQ(sent_[2].batches(0).commit().batches(), 3U);
  EXPECT_EQ(sent_[2].batches(0).commit().position().lsn(), 5);
}

TEST_F(BatcherTest, EmptyTableIsOneBatchThatPopulatesAndCommits) {
  Batcher batcher = Make({});
  batcher.Begin(population_);
  ASSERT_THAT(Add(batcher, Rows(0, 0), 0, true), IsOk());
  ASSERT_THAT(batcher.Flush(), IsOk());
  ASSERT_EQ(sent_.size(), 1U);
  const v1::ChangeBatch& batch = sent_[0].batches(0);
  EXPECT_EQ(batch.row_count(), 0U);
  EXPECT_EQ(batch.columns_size(), 0);
  EXPECT_TRUE(batch.has_planned());
  EXPECT_NE(batch.populate(), 0);
  EXPECT_EQ(batch.commit().batches(), 1U);
}

TEST_F(BatcherTest, SmallTablesShareARequestUpToItsLimits) {
  Batcher batcher = Make({.request_bytes = 100'000, .request_batches = 3});
  for (int i = 0; i < 7; ++i) {
    batcher.Begin({absl::StrCat("t", i), "hash", Lsn{}, PopulateReason::kRequested});
    ASSERT_THAT(Add(batcher, Rows(1, 10), 1, true), IsOk());
    EXPECT_EQ(batcher.seq(), 1U);
  }
  ASSERT_THAT(batcher.Flush(), IsOk());
  ASSERT_THAT(batcher.Flush(), IsOk());  // Nothing waits: nothing is sent.
  ASSERT_EQ(sent_.size(), 3U);
  EXPECT_EQ(sent_[0].batches_size(), 3);
  EXPECT_EQ(sent_[2].batches_size(), 1);
}

TEST_F(BatcherTest, LongValuesGoAheadInPartsOfTheEndpointsSize) {
  Batcher batcher = Make({.request_bytes = 1'000, .part_bytes = 400});
  batcher.Begin(population_);
  const std::uint64_t id = 7;
  ASSERT_THAT(batcher.Part(1, id, 0, std::string(900, 'a')), IsOk());
  ASSERT_THAT(batcher.Part(1, id, 900, std::string(100, 'b')), IsOk());
  RowBlock block = RowBlock::ForAll(OneColumn());
  block.columns[0].AppendLarge(id, 1'000);
  ASSERT_THAT(Add(batcher, block, 1, true), IsOk());
  ASSERT_THAT(batcher.Flush(), IsOk());
  std::string value;
  bool batch_seen = false;
  for (const v1::RowDataRequest& request : sent_) {
    for (const v1::ValuePart& part : request.parts()) {
      EXPECT_FALSE(batch_seen);
      EXPECT_EQ(part.table(), "t");
      EXPECT_EQ(part.value_id(), id);
      EXPECT_EQ(part.offset(), value.size());
      EXPECT_LE(part.data().size(), 400U);
      value += part.data();
    }
    batch_seen = batch_seen || request.batches_size() > 0;
  }
  EXPECT_EQ(value, std::string(900, 'a') + std::string(100, 'b'));
  EXPECT_EQ(sent_.back().batches(0).columns(0).large(0).size(), 1'000U);
}

TEST_F(BatcherTest, RequestsStayUnderTheMessageLimit) {
  Batcher batcher = Make({.request_bytes = 8'000'000});
  batcher.Begin(population_);
  for (int i = 0; i < 5; ++i) {
    ASSERT_THAT(batcher.Part(1, static_cast<std::uint64_t>(i + 1), 0, std::string(4 << 20, 'x')), IsOk());
    ASSERT_THAT(Add(batcher, Rows(7, 1'000'000), 1, false), IsOk());
  }
  ASSERT_THAT(batcher.Flush(), IsOk());
  for (const v1::RowDataRequest& request : sent_) EXPECT_LT(request.ByteSizeLong(), 12U << 20);
}

TEST_F(BatcherTest, EndpointThatTakesLittleGetsLittle) {
  Batcher batcher = Make({.message_bytes = 20'000});
  batcher.Begin(population_);
  ASSERT_THAT(batcher.Part(1, 1, 0, std::string(100'000, 'x')), IsOk());
  for (int i = 0; i < 20; ++i) ASSERT_THAT(Add(batcher, Rows(9, 1'000), 1, false), IsOk());
  ASSERT_THAT(batcher.Flush(), IsOk());
  for (const v1::RowDataRequest& request : sent_) EXPECT_LT(request.ByteSizeLong(), 20'000U);
}

TEST_F(BatcherTest, ErrorOfTheWireComesBackFromTheCallThatSent) {
  Batcher batcher = Make({.request_bytes = 100});
  batcher.Begin(population_);
  answer_ = absl::AbortedError("over");
  EXPECT_THAT(Add(batcher, Rows(10, 100), 10, false), StatusIs(absl::StatusCode::kAborted));
}

}  // namespace
}  // namespace mirror::batcher_test
