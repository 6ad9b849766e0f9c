#include "client/wire/read_ahead.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/wire/staging_file.h"
#include "tests/client/source/source_database.h"
#include "tests/support/status_matchers.h"

namespace mirror::read_ahead_test {
namespace {

ReadStep Piece(std::size_t job, std::uint64_t number, std::size_t bytes = 1) {
  return {job, ReadPart{0, number, 0, std::string(bytes, 'x')}};
}
std::uint64_t NumberOf(const ReadStep& step) { return std::get<ReadPart>(step.what).value_id; }

TEST(ReadAheadTest, KeepsTheOrderAndEndsBehindTheLastStep) {
  ReadAhead ahead;
  std::jthread reading([&] {
    for (std::uint64_t i = 0; i < 1'000; ++i) EXPECT_THAT(ahead.Push(Piece(i / 100, i)), IsOk());
    ahead.End();
  });
  for (std::uint64_t i = 0; i < 1'000; ++i) {
    const auto step = ahead.Pop();
    ASSERT_TRUE(step);
    EXPECT_EQ(NumberOf(*step), i);
    EXPECT_EQ(step->job, i / 100);
  }
  EXPECT_FALSE(ahead.Pop());
}

TEST(ReadAheadTest, AReaderWaitsAtTheMostBytesAndSteps) {
  for (const std::size_t bytes : {std::size_t{1}, std::size_t{400}}) {
    ReadAhead ahead(1'000);
    const std::size_t steps_max = bytes == 1 ? ReadAhead::kStepsMax : 2;
    std::jthread reading([&] {
      for (std::uint64_t i = 0; i < 300; ++i) EXPECT_THAT(ahead.Push(Piece(0, i, bytes)), IsOk());
      ahead.End();
    });
    for (int i = 0; i < 300; ++i) {
      // It comes as far as it may, and no further.
      const std::size_t all = std::min<std::size_t>(steps_max, static_cast<std::size_t>(300 - i));
      while (ahead.waiting().steps < all) std::this_thread::yield();
      EXPECT_EQ(ahead.waiting().steps, all);
      EXPECT_EQ(ahead.waiting().bytes, all * bytes);
      ASSERT_TRUE(ahead.Pop());
    }
    EXPECT_FALSE(ahead.Pop());
  }
}

TEST(ReadAheadTest, AStepThatIsTooHeavyWaitsAlone) {
  ReadAhead ahead(1'000);
  std::jthread reading([&] {
    for (std::uint64_t i = 0; i < 3; ++i) EXPECT_THAT(ahead.Push(Piece(0, i, 5'000)), IsOk());
    ahead.End();
  });
  for (int i = 0; i < 3; ++i) {
    while (ahead.waiting().steps == 0) std::this_thread::yield();
    EXPECT_EQ(ahead.waiting().steps, 1U);
    ASSERT_TRUE(ahead.Pop());
  }
  EXPECT_FALSE(ahead.Pop());
}

TEST(ReadAheadTest, WithoutBytesNothingIsReadBeforeTheFormerStepWasSent) {
  ReadAhead ahead(0);
  std::atomic<int> pushed = 0;
  std::jthread reading([&] {
    for (std::uint64_t i = 0; i < 100; ++i) {
      EXPECT_THAT(ahead.Push(Piece(0, i)), IsOk());
      ++pushed;
    }
    ahead.End();
  });
  for (int i = 0; i < 100; ++i) {
    ASSERT_TRUE(ahead.Pop());
    EXPECT_EQ(pushed, i);  // It waits for the next Pop().
  }
  EXPECT_FALSE(ahead.Pop());
}

TEST(ReadAheadTest, AnAbandonedJobLeavesTheOthers) {
  ReadAhead ahead(1'000);
  absl::Status refused;
  std::jthread reading([&] {
    EXPECT_THAT(ahead.Push(Piece(0, 0, 400)), IsOk());
    while (refused.ok()) refused = ahead.Push(Piece(1, 1, 400));
    EXPECT_THAT(ahead.Push(Piece(1, 1)), StatusIs(absl::StatusCode::kCancelled));
    EXPECT_THAT(ahead.Push(Piece(2, 2)), IsOk());
    ahead.End();
  });
  while (ahead.waiting().steps < 2) std::this_thread::yield();
  ahead.Abandon(1);
  EXPECT_EQ(NumberOf(*ahead.Pop()), 0U);
  EXPECT_EQ(NumberOf(*ahead.Pop()), 2U);
  EXPECT_FALSE(ahead.Pop());
  reading.join();
  EXPECT_THAT(refused, StatusIs(absl::StatusCode::kCancelled));
}

TEST(ReadAheadTest, ClosingEndsAReaderThatWaits) {
  for (const std::size_t bytes_max : {std::size_t{0}, std::size_t{1}}) {
    ReadAhead ahead(bytes_max);
    absl::Status status;
    std::jthread reading([&] {
      while (status.ok()) status = ahead.Push(Piece(0, 0));
    });
    while (ahead.waiting().steps == 0) std::this_thread::yield();
    ahead.Close();
    reading.join();
    EXPECT_THAT(status, StatusIs(absl::StatusCode::kCancelled));
    EXPECT_TRUE(ahead.closed());
    EXPECT_FALSE(ahead.Pop());
  }
}

/// A step with rows, of which each number tells its place.
ReadStep Rows(std::size_t job, std::int64_t number, std::size_t rows) {
  ReadRows step;
  step.notes = {absl::StrCat("note ", number)};
  step.target = {Lsn{number}, "lineage"};
  RowBlock block;
  block.columns.emplace_back(3, Storage::kInts);
  for (std::size_t i = 0; i < rows; ++i) block.columns[0].AppendInt(number);
  step.blocks.push_back({Operation::kUpdate, std::move(block)});
  return {job, std::move(step)};
}

class StagingTest : public testing::Test {
 protected:
  std::unique_ptr<StagingFile> Staging(std::uint64_t bytes_max = StagingFile::kBytesMax) {
    auto staging = StagingFile::Make(folder_ / "staging", bytes_max);
    EXPECT_THAT(staging, IsOk());
    return *std::move(staging);
  }
  TempFolder folder_;
};

TEST_F(StagingTest, TheReaderComesToTheEndWithoutASender) {
  ReadAhead ahead(1'000, Staging());
  for (std::int64_t i = 0; i < 300; ++i) {
    EXPECT_THAT(ahead.Push(Rows(static_cast<std::size_t>(i / 100), i, 20), true), IsOk());
    EXPECT_THAT(ahead.Push(Piece(static_cast<std::size_t>(i / 100), static_cast<std::uint64_t>(i), 90), true),
                IsOk());
  }
  // Also where there is no room for a step any more.
  for (std::size_t job = 3; job < 3 + 2 * ReadAhead::kStepsMax; ++job) {
    EXPECT_THAT(ahead.Push({job, ReadEnd{}}, true), IsOk());
  }
  ahead.End();
  EXPECT_LE(ahead.waiting().bytes, 1'000U);
  EXPECT_GT(ahead.waiting().staged, 500U);
  EXPECT_THAT(folder_.Names(), testing::IsEmpty()) << "whatever ends the process, nothing is left";
  for (std::int64_t i = 0; i < 300; ++i) {
    const auto rows = ahead.Pop();
    ASSERT_TRUE(rows);
    EXPECT_EQ(rows->job, static_cast<std::size_t>(i / 100));
    const auto& step = std::get<ReadRows>(rows->what);
    EXPECT_EQ(step.notes.front(), absl::StrCat("note ", i));
    EXPECT_EQ(step.target.lsn.value, i);
    ASSERT_EQ(step.blocks.size(), 1U);
    EXPECT_EQ(step.blocks[0].operation, Operation::kUpdate);
    EXPECT_EQ(step.blocks[0].rows.columns[0].column(), 3U);
    EXPECT_EQ(step.blocks[0].rows.columns[0].ints(), std::vector<std::int64_t>(20, i));
    const auto piece = ahead.Pop();
    ASSERT_TRUE(piece);
    EXPECT_EQ(NumberOf(*piece), static_cast<std::uint64_t>(i));
    EXPECT_EQ(std::get<ReadPart>(piece->what).data, std::string(90, 'x'));
  }
  for (std::size_t job = 3; job < 3 + 2 * ReadAhead::kStepsMax; ++job) {
    const auto end = ahead.Pop();
    ASSERT_TRUE(end);
    EXPECT_EQ(end->job, job);
    EXPECT_TRUE(std::holds_alternative<ReadEnd>(end->what));
  }
  EXPECT_FALSE(ahead.Pop());
  EXPECT_EQ(ahead.waiting().staged, 0U);
  EXPECT_EQ(ahead.waiting().bytes, 0U);
}

TEST_F(StagingTest, TwoThreadsWriteAndReadTheFileOverAndOver) {
  // Room for a few steps: it is full, and empty again, many times.
  ReadAhead ahead(100, Staging(5'000));
  std::jthread reading([&] {
    for (std::uint64_t i = 0; i < 2'000; ++i) EXPECT_THAT(ahead.Push(Piece(0, i, 1 + i % 300), true), IsOk());
    ahead.End();
  });
  for (std::uint64_t i = 0; i < 2'000; ++i) {
    const auto step = ahead.Pop();
    ASSERT_TRUE(step);
    ASSERT_EQ(NumberOf(*step), i);
    ASSERT_EQ(std::get<ReadPart>(step->what).data, std::string(1 + i % 300, 'x'));
  }
  EXPECT_FALSE(ahead.Pop());
}

TEST_F(StagingTest, AReaderOfAFullFileWaits) {
  ReadAhead ahead(100, Staging(1'000));
  std::jthread reading([&] {
    for (std::uint64_t i = 0; i < 100; ++i) EXPECT_THAT(ahead.Push(Piece(0, i, 100), true), IsOk());
    ahead.End();
  });
  while (ahead.waiting().staged < 10) std::this_thread::yield();
  EXPECT_EQ(ahead.waiting().steps, 1U);
  for (std::uint64_t i = 0; i < 100; ++i) {
    EXPECT_LE(ahead.waiting().staged, 10U);
    const auto step = ahead.Pop();
    ASSERT_TRUE(step);
    ASSERT_EQ(NumberOf(*step), i);
  }
  EXPECT_FALSE(ahead.Pop());
}

TEST_F(StagingTest, WhatMayNotBeStagedWaits) {
  ReadAhead ahead(100, Staging());
  std::jthread reading([&] {
    for (std::uint64_t i = 0; i < 50; ++i) EXPECT_THAT(ahead.Push(Piece(0, i, 100)), IsOk());
    ahead.End();
  });
  for (std::uint64_t i = 0; i < 50; ++i) {
    EXPECT_EQ(ahead.waiting().staged, 0U);
    ASSERT_TRUE(ahead.Pop());
  }
  EXPECT_FALSE(ahead.Pop());
}

TEST_F(StagingTest, AnAbandonedJobAndAnEndLeaveNothingStaged) {
  ReadAhead ahead(100, Staging());
  for (std::uint64_t i = 0; i < 40; ++i) EXPECT_THAT(ahead.Push(Piece(i / 20, i, 100), true), IsOk());
  ASSERT_TRUE(ahead.Pop());
  ahead.Abandon(0);
  EXPECT_EQ(ahead.waiting().staged, 20U);
  EXPECT_THAT(ahead.Push(Piece(0, 1, 100), true), StatusIs(absl::StatusCode::kCancelled));
  EXPECT_EQ(NumberOf(*ahead.Pop()), 20U);
  ahead.Close();
  EXPECT_EQ(ahead.waiting().staged, 0U);
  EXPECT_EQ(ahead.waiting().steps, 0U);
  EXPECT_EQ(ahead.waiting().bytes, 0U);
  EXPECT_THAT(ahead.Push(Piece(1, 1, 100), true), StatusIs(absl::StatusCode::kCancelled));
}

TEST_F(StagingTest, WhatIsNotWhatWasWrittenIsAnErrorOfItsTable) {
  const auto staging = Staging();
  const auto place = staging->Append("rows");
  ASSERT_THAT(place, IsOk());
  EXPECT_THAT(staging->Read(*place), IsOkAndHolds("rows"));
  staging->Clear();
  ASSERT_THAT(staging->Append("ROWS"), IsOk());
  EXPECT_THAT(staging->Read(*place), StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_THAT(StagingFile::Make(folder_ / "none/staging"), StatusIs(absl::StatusCode::kUnavailable));
}

TEST(BlockBytesTest, AllThatRowsCanHoldComesBack) {
  std::mt19937 random(20'261'122);  // The same in every run.
  const auto one_in = [&random](unsigned n) { return random() % n == 0; };
  for (int round = 0; round < 200; ++round) {
    std::vector<ChangeBlock> blocks(random() % 4);
    for (ChangeBlock& block : blocks) {
      block.operation = Operation{static_cast<std::uint8_t>(1 + random() % 3)};
      const std::size_t rows = random() % 30;
      for (const Storage storage : {Storage::kInts, Storage::kDoubles, Storage::kBytes, Storage::kAny}) {
        ColumnBuffer& column = block.rows.columns.emplace_back(random() % 9, storage);
        for (std::size_t row = 0; row < rows; ++row) {
          const bool any = storage == Storage::kAny;
          const std::string bytes(random() % 5, static_cast<char>(random()));
          const Kind kind = any ? Kind{static_cast<std::uint8_t>(3 + random() % 3)} : Kind::kText;
          if (one_in(4)) {
            column.AppendNull();
          } else if (storage == Storage::kInts || (any && one_in(3))) {
            column.AppendInt(static_cast<std::int64_t>(random()) << 31);
          } else if (storage == Storage::kDoubles || (any && one_in(3))) {
            column.AppendDouble(static_cast<double>(random()) / 7);
          } else if (one_in(4)) {
            column.AppendLarge(random(), random(), kind);
          } else {
            column.AppendBytes(bytes, kind);
          }
        }
      }
    }
    const std::string bytes = ToBytes(blocks);
    const auto back = BlocksOf(bytes);
    ASSERT_TRUE(back);
    ASSERT_EQ(ToBytes(*back), bytes);
    ASSERT_EQ(back->size(), blocks.size());
    for (std::size_t i = 0; i < blocks.size(); ++i) {
      ASSERT_EQ(back->at(i).operation, blocks[i].operation);
      ASSERT_EQ(back->at(i).rows.rows(), blocks[i].rows.rows());
      ASSERT_EQ(back->at(i).rows.bytes(), blocks[i].rows.bytes());
      for (std::size_t at = 0; at < blocks[i].rows.columns.size(); ++at) {
        const ColumnBuffer &was = blocks[i].rows.columns[at], &is = back->at(i).rows.columns[at];
        ASSERT_EQ(is.column(), was.column());
        ASSERT_EQ(is.storage(), was.storage());
        ASSERT_EQ(is.ints(), was.ints());
        ASSERT_EQ(is.doubles(), was.doubles());
        ASSERT_EQ(is.data(), was.data());
        ASSERT_EQ(is.lengths(), was.lengths());
        ASSERT_EQ(is.nulls(), was.nulls());
        ASSERT_EQ(is.kinds(), was.kinds());
        ASSERT_EQ(is.large(), was.large());
      }
    }
    for (std::size_t cut = 0; cut < bytes.size(); cut += 1 + bytes.size() / 50) {
      const auto part = BlocksOf(std::string_view(bytes).substr(0, cut));
      ASSERT_FALSE(part) << cut;
    }
  }
}

}  // namespace
}  // namespace mirror::read_ahead_test
