#include "tools/benchmarks/batch_maker.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/db/sqlite/connection.h"
#include "proto/wire/codec.h"
#include "tests/support/processes.h"
#include "tools/benchmarks/raw_table.h"

namespace mirror::bench::batch_maker_test {
namespace {

Step StepOf(const std::string& line) { return ReadStep(line).value(); }

/// All rows of a query, values joined.
std::vector<std::string> Query(sqlite3* database, const std::string& sql) {
  const sqlite::Connection connection(database, [](const sqlite::Failure& failure, std::string_view) {
    return absl::UnavailableError(failure.words);
  });
  std::vector<std::string> rows;
  sqlite::Statement statement = connection.Prepare(sql);
  absl::StatusOr<bool> more = statement.Step();
  for (; more.ok() && *more; more = statement.Step()) {
    std::string& row = rows.emplace_back();
    for (int i = 0; i < statement.columns(); ++i) row.append(statement.View(i)) += '|';
  }
  if (!more.ok()) rows.emplace_back(more.status().message());
  return rows;
}

struct Case {
  std::string name;
  Shape shape;
};

class BatchMakerTest : public testing::TestWithParam<Case> {
 protected:
  /// Collects what the batches of a step hold, by column.
  void Collect(const BenchRows& rows, const Step& step) {
    const BatchMaker maker(&rows, step);
    const StepHead head{"hash", Lsn{1}, {Lsn{2}, "bench"}, step.verb == Verb::kPopulate};
    for (std::size_t i = 0; i < maker.batches(); ++i) {
      v1::ChangeBatch message;
      maker.Encode(i, head, &message);
      const auto batch = DecodeBatch(message, rows.schema(), {});
      ASSERT_TRUE(batch.ok()) << batch.status();
      EXPECT_EQ(batch->commit.has_value(), i + 1 == maker.batches());
      rows_ += batch->row_count;
      for (const v1::ColumnData& column : message.columns()) {
        const std::string name = rows.schema().columns[column.column()].name;
        std::string values;
        std::size_t at = 0;
        for (int row = 0; row < static_cast<int>(message.row_count()); ++row) {
          if (column.ints_size() > 0) {
            values = std::to_string(column.ints(row));
          } else if (column.doubles_size() > 0) {
            values = "real";
          } else {
            values = column.data().substr(at, column.lengths(row));
            at += column.lengths(row);
          }
          cells_[name].push_back(values);
        }
      }
    }
  }

  std::uint64_t rows_ = 0;
  std::map<std::string, std::vector<std::string>> cells_;
};

TEST_P(BatchMakerTest, TheBatchesHoldWhatTheReferenceWrites) {
  const BenchRows rows(GetParam().shape);
  const TempFolder folder;
  const auto reference = RawTable::Open(folder.path() + "/raw.db", &rows);
  ASSERT_TRUE(reference.ok()) << reference.status();
  // More than one batch, and keys that begin in the middle of the pool.
  const Step step = StepOf("populate from=17 count=12000 version=3");
  ASSERT_TRUE((*reference)->Run(step).ok());
  Collect(rows, step);
  EXPECT_EQ(rows_, 12'000U);
  for (const Column& column : rows.schema().columns) {
    if (column.type == Type::kDouble) continue;
    std::vector<std::string> expected =
        Query((*reference)->database(), "SELECT \"" + column.name + "\" FROM contact_1 ORDER BY 1");
    std::vector<std::string> sent;
    for (const std::string& cell : cells_[column.name]) sent.push_back(cell + "|");
    std::sort(expected.begin(), expected.end());
    std::sort(sent.begin(), sent.end());
    EXPECT_EQ(sent, expected) << column.name;
  }
}

TEST_P(BatchMakerTest, TheReferenceDoesEveryKindOfStep) {
  const BenchRows rows(GetParam().shape);
  const TempFolder folder;
  const auto reference = RawTable::Open(folder.path() + "/raw.db", &rows);
  ASSERT_TRUE(reference.ok()) << reference.status();
  for (const char* line : {"populate count=1000", "insert from=1001 count=500", "upsert count=1500 version=1",
                           "update count=1500 pick=100 order=random version=2", "delete from=1 count=300"}) {
    const auto done = (*reference)->Run(StepOf(line));
    ASSERT_TRUE(done.ok()) << line << ": " << done.status();
    EXPECT_GT(done->rows, 0U);
  }
  EXPECT_EQ(Query((*reference)->database(), "SELECT count(*) FROM contact_1"),
            std::vector<std::string>{"1200|"});
  EXPECT_FALSE((*reference)->Run(StepOf("push count=1")).ok());
}

INSTANTIATE_TEST_SUITE_P(Shapes, BatchMakerTest,
                         testing::Values(Case{"IntegerKey", {}},
                                         Case{"CompositeKey", {KeyKind::kComposite, 12, 0}},
                                         Case{"TextKey", {KeyKind::kText, 12, 0}},
                                         Case{"ThreeColumns", {KeyKind::kInteger, 3, 0}},
                                         Case{"WideRows", {KeyKind::kInteger, 12, 6'000}}),
                         [](const auto& test) { return test.param.name; });

TEST(BenchRowsTest, ARowOfTheBenchmarkWeighs184Bytes) {
  const BenchRows rows(Shape{});
  std::uint64_t bytes = 8;
  for (std::uint32_t i = 1; i < 12; ++i) {
    bytes += rows.StorageAt(i) == Storage::kBytes ? rows.ValuesAt(0)[i - 1].size : 8;
  }
  EXPECT_EQ(bytes, 184U);
  EXPECT_EQ(rows.RowsPerBatch(Verb::kInsert), 5'000U);
}

}  // namespace
}  // namespace mirror::bench::batch_maker_test
