#include "proto/wire/row_block.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/wire/batches.h"

namespace mirror::row_block_test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(RowBlockTest, HasABufferForEachColumnAskedFor) {
  const RowBlock block = RowBlock::For(Everything(), {0, 15, 6});
  ASSERT_EQ(block.columns.size(), 3U);
  EXPECT_EQ(block.columns[1].column(), 15U);
  EXPECT_EQ(block.columns[1].storage(), Storage::kAny);
  EXPECT_EQ(block.columns[2].storage(), Storage::kDoubles);
  EXPECT_EQ(RowBlock::ForAll(Everything()).columns.size(), 16U);
  EXPECT_EQ(RowBlock{}.rows(), 0U);
}

TEST(RowBlockTest, ANullTakesItsPlaceInTheArrayAndABitInTheMap) {
  ColumnBuffer buffer(0, Storage::kInts);
  for (std::int64_t row = 0; row < 20; ++row) {
    if (row == 3 || row == 9) {
      buffer.AppendNull();
    } else {
      buffer.AppendInt(row);
    }
  }
  EXPECT_EQ(buffer.rows(), 20U);
  EXPECT_EQ(buffer.ints().size(), 20U);
  EXPECT_EQ(buffer.nulls(), "\x08\x02");
}

TEST(RowBlockTest, AnyKeepsItsArraysCompact) {
  ColumnBuffer buffer(0, Storage::kAny);
  buffer.AppendNull();
  buffer.AppendInt(5);
  buffer.AppendDouble(0.5);
  buffer.AppendBytes("a");
  buffer.AppendBytes("b", Kind::kBlob);
  buffer.AppendLarge(7, 5'000'000, Kind::kRawText);
  EXPECT_EQ(buffer.kinds(), std::string({0, 1, 2, 3, 4, 5}));
  EXPECT_THAT(buffer.ints(), ElementsAre(5));
  EXPECT_THAT(buffer.doubles(), ElementsAre(0.5));
  EXPECT_EQ(buffer.data(), "ab");
  EXPECT_THAT(buffer.lengths(), ElementsAre(1, 1, 0));
  EXPECT_THAT(buffer.large(), ElementsAre(LargeValue{5, 7, 5'000'000}));
  EXPECT_THAT(buffer.nulls(), IsEmpty());
}

TEST(RowBlockTest, WeighsWhatItHoldsAndNothingAfterClear) {
  RowBlock block = RowBlock::ForAll(Contacts());
  EXPECT_EQ(block.bytes(), 0U);
  block.columns[0].AppendInt(1);
  block.columns[1].AppendBytes(std::string(1'000, 'x'));
  block.columns[2].AppendNull();
  EXPECT_GT(block.bytes(), 1'008U);
  EXPECT_LT(block.bytes(), 1'040U);
  EXPECT_EQ(block.rows(), 1U);
  block.Clear();
  EXPECT_EQ(block.bytes(), 0U);
  EXPECT_EQ(block.rows(), 0U);
  EXPECT_EQ(block.columns.size(), 3U);
}

}  // namespace
}  // namespace mirror::row_block_test
