#include "base/parquet/parquet_writer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/parquet/column_chunk.h"
#include "tests/base/parquet/parquet_reading.h"
#include "tests/support/rows.h"
#include "tests/support/status_matchers.h"

namespace mirror::parquet_writer_test {
namespace {

using testing::Each;
using testing::ElementsAre;
using testing::Le;
using testing::SizeIs;

std::string Little(std::uint64_t value, int bytes) {
  std::string text;
  for (int i = 0; i < bytes; ++i) text.push_back(static_cast<char>(value >> (8 * i)));
  return text;
}

ParquetWriter::Sink Into(std::string* file) {
  return [file](std::string_view bytes) {
    file->append(bytes);
    return absl::OkStatus();
  };
}

std::vector<std::int64_t> RowsOfGroups(const ParquetReading& reading) {
  std::vector<std::int64_t> rows;
  for (const ThriftValue& group : reading.groups()) rows.push_back(group.at(3).number);
  return rows;
}

ParquetColumn Text(bool nullable) {
  return {"text", ParquetType::kByteArray, ParquetMeaning::kString, nullable};
}

/// One of each type, each once with and once without NULLs.
std::vector<ParquetColumn> AllTypes() {
  const std::vector<ParquetColumn> types = {
      {"bool", ParquetType::kBoolean},
      {"int16", ParquetType::kInt32, ParquetMeaning::kInt16},
      {"int32", ParquetType::kInt32},
      {"int64", ParquetType::kInt64},
      {"float", ParquetType::kFloat},
      {"double", ParquetType::kDouble},
      {"bytes", ParquetType::kByteArray},
      {"text", ParquetType::kByteArray, ParquetMeaning::kString},
      {"json", ParquetType::kByteArray, ParquetMeaning::kJson},
      {"uuid", ParquetType::kFixedBytes, ParquetMeaning::kUuid, false, 16},
      {"decimal", ParquetType::kInt64, ParquetMeaning::kDecimal, false, 0, 18, 4},
      {"long_decimal", ParquetType::kFixedBytes, ParquetMeaning::kDecimal, false, 16, 38, 10},
      {"date", ParquetType::kInt32, ParquetMeaning::kDate},
      {"time", ParquetType::kInt64, ParquetMeaning::kTimeMicros},
      {"fine_time", ParquetType::kInt64, ParquetMeaning::kTimeNanos},
      {"timestamp", ParquetType::kInt64, ParquetMeaning::kTimestampMicros},
      {"instant", ParquetType::kInt64, ParquetMeaning::kInstantMicros}};
  std::vector<ParquetColumn> columns;
  for (ParquetColumn column : types) {
    columns.push_back(column);
    column.name += "_or_null";
    column.nullable = true;
    columns.push_back(column);
  }
  return columns;
}

/// Appends a value to the chunk; gives the bytes that must stand in the file.
std::string AppendAny(const ParquetColumn& column, std::mt19937_64& random, ColumnChunk& chunk) {
  const std::uint64_t bits = random();
  switch (column.type) {
    case ParquetType::kBoolean:
      chunk.AppendBool((bits & 1) != 0);
      return Little(bits & 1, 1);
    case ParquetType::kInt32:
      chunk.AppendInt32(static_cast<std::int32_t>(bits));
      return Little(bits, 4);
    case ParquetType::kInt64:
      chunk.AppendInt64(static_cast<std::int64_t>(bits));
      return Little(bits, 8);
    case ParquetType::kFloat:
      chunk.AppendFloat(static_cast<float>(bits % 1'000'000) / 8);
      return Little(std::bit_cast<std::uint32_t>(static_cast<float>(bits % 1'000'000) / 8), 4);
    case ParquetType::kDouble:
      chunk.AppendDouble(static_cast<double>(bits) / 3);
      return Little(std::bit_cast<std::uint64_t>(static_cast<double>(bits) / 3), 8);
    case ParquetType::kByteArray:
    case ParquetType::kFixedBytes:
      break;
  }
  std::string value(
      column.type == ParquetType::kFixedBytes ? static_cast<std::size_t>(column.length) : bits % 40, '\0');
  for (char& byte : value) byte = static_cast<char>(random());
  chunk.AppendBytes(value);
  return value;
}

TEST(ParquetWriterTest, AnotherReaderFindsEachValueOfEachType) {
  const std::uint64_t seed = TestSeed();
  SCOPED_TRACE(absl::StrCat("MIRROR_TEST_SEED=", seed));
  std::mt19937_64 random(seed);
  const std::vector<ParquetColumn> columns = AllTypes();
  for (const std::size_t rows : {1U, 7U, 8U, 9U, 500U, 2'500U}) {
    std::string file;
    ParquetWriter writer(columns, Into(&file), {.rows = 1'000, .bytes = 64 << 20});
    std::vector<ParquetValues> wanted(columns.size());
    for (std::size_t row = 0; row < rows; ++row) {
      // Runs of NULLs, of values, and both mixed.
      const unsigned nulls_of_ten = row % 300 < 100 ? 0 : row % 300 < 200 ? 10 : 4;
      for (std::size_t i = 0; i < columns.size(); ++i) {
        if (columns[i].nullable && random() % 10 < nulls_of_ten) {
          writer.column(i).AppendNull();
          wanted[i].push_back(std::nullopt);
        } else {
          wanted[i].push_back(AppendAny(columns[i], random, writer.column(i)));
        }
      }
      ASSERT_THAT(writer.EndRow(), IsOk());
    }
    ASSERT_THAT(writer.Finish({}, "test"), IsOk());
    EXPECT_EQ(writer.bytes_written(), file.size());
    const ParquetReading reading(file);
    EXPECT_EQ(reading.footer().at(3).number, static_cast<std::int64_t>(rows));
    EXPECT_THAT(reading.groups(), SizeIs((rows + 999) / 1'000));
    ASSERT_EQ(reading.columns(), columns.size());
    for (std::size_t i = 0; i < columns.size(); ++i) {
      EXPECT_EQ(reading.Column(i), wanted[i]) << columns[i].name << " of " << rows << " rows";
    }
  }
}

TEST(ParquetWriterTest, TheFooterSaysWhatTheColumnsMean) {
  std::string file;
  ParquetWriter writer(AllTypes(), Into(&file));
  ASSERT_THAT(writer.Finish({{"lsn", "42"}, {"empty", ""}}, "partner-mirror"), IsOk());
  const ParquetReading reading(file);
  constexpr int kLogicalType = 10;
  const auto logical = [&](std::size_t type) -> const ThriftValue& {
    return reading.element(2 * type).at(kLogicalType);
  };
  EXPECT_FALSE(reading.element(0).has(kLogicalType));
  EXPECT_EQ(reading.element(0).at(4).text, "bool");
  EXPECT_EQ(reading.element(0).at(3).number, 0) << "not nullable";
  EXPECT_EQ(reading.element(1).at(4).text, "bool_or_null");
  EXPECT_EQ(reading.element(1).at(3).number, 1) << "nullable";
  EXPECT_EQ(logical(1).at(10).at(1).number, 16);
  EXPECT_EQ(logical(1).at(10).at(2).number, 1);
  EXPECT_TRUE(logical(7).has(1)) << "STRING";
  EXPECT_EQ(reading.element(14).at(6).number, 0) << "UTF8, for older readers";
  EXPECT_TRUE(logical(8).has(12)) << "JSON";
  EXPECT_TRUE(logical(9).has(14)) << "UUID";
  EXPECT_EQ(reading.element(18).at(2).number, 16);
  EXPECT_EQ(logical(10).at(5).at(1).number, 4) << "scale";
  EXPECT_EQ(logical(10).at(5).at(2).number, 18) << "precision";
  EXPECT_TRUE(logical(12).has(6)) << "DATE";
  EXPECT_TRUE(logical(13).at(7).at(2).has(2)) << "TIME, micros";
  EXPECT_TRUE(logical(14).at(7).at(2).has(3)) << "TIME, nanos";
  EXPECT_EQ(logical(15).at(8).at(1).number, 0) << "TIMESTAMP of whatever clock";
  EXPECT_FALSE(reading.element(30).has(6)) << "older readers would take it for UTC";
  EXPECT_EQ(logical(16).at(8).at(1).number, 1) << "TIMESTAMP, UTC";
  const std::vector<ThriftValue>& notes = reading.footer().at(5).list;
  ASSERT_THAT(notes, SizeIs(2));
  EXPECT_EQ(notes[0].at(1).text, "lsn");
  EXPECT_EQ(notes[0].at(2).text, "42");
  EXPECT_EQ(notes[1].at(2).text, "");
  EXPECT_EQ(reading.footer().at(6).text, "partner-mirror");
}

TEST(ParquetWriterTest, ATableWithoutRowsIsAFile) {
  std::string file;
  ParquetWriter writer({Text(true)}, Into(&file));
  ASSERT_THAT(writer.Finish({}, "test"), IsOk());
  const ParquetReading reading(file);
  EXPECT_EQ(reading.footer().at(3).number, 0);
  EXPECT_THAT(reading.groups(), SizeIs(0));
  EXPECT_THAT(reading.Column(0), SizeIs(0));
}

TEST(ParquetWriterTest, ARowGroupEndsAtEitherOfItsBounds) {
  std::string file;
  ParquetWriter writer({Text(false)}, Into(&file), {.rows = 10, .bytes = 1'000});
  for (int row = 0; row < 25; ++row) {
    writer.column(0).AppendBytes("x");
    ASSERT_THAT(writer.EndRow(), IsOk());
  }
  for (int row = 0; row < 3; ++row) {
    writer.column(0).AppendBytes(std::string(600, 'y'));
    ASSERT_THAT(writer.EndRow(), IsOk());
  }
  ASSERT_THAT(writer.Finish({}, "test"), IsOk());
  EXPECT_THAT(RowsOfGroups(ParquetReading(file)), ElementsAre(10, 10, 7, 1))
      << "five short ones and two of 600 bytes are a group of bytes";
}

TEST(ParquetWriterTest, LargeValuesMakeSmallGroupsAndPages) {
  constexpr std::size_t kValueBytes = 3 << 20, kGroupBytes = 8 << 20;
  std::mt19937_64 random(1);
  std::size_t written = 0, most = 0;
  std::string file;
  ParquetWriter writer({Text(true), {"number", ParquetType::kInt64}},
                       [&](std::string_view bytes) {
                         most = std::max(most, bytes.size());
                         file.append(bytes);
                         return absl::OkStatus();
                       },
                       {.rows = 100'000, .bytes = kGroupBytes});
  std::vector<std::string> values;
  for (int row = 0; row < 20; ++row) {
    std::string value(kValueBytes, '\0');
    for (std::size_t i = 0; i < value.size(); i += 8) value.replace(i, 8, Little(random(), 8));
    writer.column(0).AppendBytes(value);
    writer.column(1).AppendInt64(row);
    values.push_back(std::move(value));
    written += kValueBytes;
    ASSERT_THAT(writer.EndRow(), IsOk());
    EXPECT_GT(file.size() + kGroupBytes, written) << "no more than a group waits, and no row of it";
  }
  ASSERT_THAT(writer.Finish({}, "test"), IsOk());
  EXPECT_LT(most, kGroupBytes + kValueBytes + (1 << 20));
  const ParquetReading reading(file);
  EXPECT_THAT(RowsOfGroups(reading), Each(Le(3)));
  const ParquetValues found = reading.Column(0);
  ASSERT_THAT(found, SizeIs(values.size()));
  for (std::size_t i = 0; i < values.size(); ++i) EXPECT_TRUE(found[i] == values[i]) << i;
}

TEST(ParquetWriterTest, ColumnsOfManyPagesKeepTheirOrder) {
  std::string file;
  ParquetWriter writer({Text(true), {"bool", ParquetType::kBoolean}}, Into(&file));
  ParquetValues wanted;
  for (int row = 0; row < 60'000; ++row) {
    if (row % 7 == 0) {
      writer.column(0).AppendNull();
      wanted.push_back(std::nullopt);
    } else {
      wanted.push_back(absl::StrCat(row, std::string(50, 'x')));
      writer.column(0).AppendBytes(*wanted.back());
    }
    writer.column(1).AppendBool(row % 3 == 0);
    ASSERT_THAT(writer.EndRow(), IsOk());
  }
  ASSERT_THAT(writer.Finish({}, "test"), IsOk());
  const ParquetReading reading(file);
  EXPECT_THAT(RowsOfGroups(reading), ElementsAre(60'000));
  EXPECT_EQ(reading.Column(0), wanted);
  const ParquetValues bools = reading.Column(1);
  ASSERT_THAT(bools, SizeIs(60'000));
  for (std::size_t row = 0; row < bools.size(); ++row) {
    ASSERT_EQ(bools[row], std::string(1, row % 3 == 0 ? '\1' : '\0')) << row;
  }
}

TEST(ParquetWriterTest, AnErrorOfTheSinkIsGivenBack) {
  int calls = 0;
  ParquetWriter writer({Text(false)}, [&](std::string_view) -> absl::Status {
    return ++calls < 2 ? absl::OkStatus() : absl::UnavailableError("the disk is full");
  });
  writer.column(0).AppendBytes("x");
  ASSERT_THAT(writer.EndRow(), IsOk());
  EXPECT_THAT(writer.Finish({}, "test"),
              StatusIs(absl::StatusCode::kUnavailable, testing::HasSubstr("full")));
}

TEST(LevelRunsTest, LongRunsAreShort) {
  EXPECT_EQ(EncodeLevels({}), "");
  EXPECT_EQ(EncodeLevels(std::vector<bool>(100, true)), std::string("\xC8\x01\x01", 3));
  EXPECT_EQ(EncodeLevels(std::vector<bool>(3, false)), std::string("\x06\x00", 2));
  // Eight that are mixed, then a run.
  std::vector<bool> mixed = {true, false, true, false, true, false, true, false};
  mixed.insert(mixed.end(), 16, true);
  EXPECT_EQ(EncodeLevels(mixed), std::string("\x03\x55\x20\x01", 4));
}

}  // namespace
}  // namespace mirror::parquet_writer_test
