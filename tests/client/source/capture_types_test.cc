// Tables of typed columns, seen through what is remembered of them: where a look begins.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "client/source/capture/capture_reader.h"
#include "client/source/capture/capture_state.h"
#include "client/source/capture/shown_value.h"
#include "tests/client/source/source_database.h"
#include "tests/support/status_matchers.h"

namespace mirror::capture_types_test {
namespace {

using testing::AnyOf;
using testing::HasSubstr;

/// All rows that it has, as one piece.
class Rows : public DigestReader {
 public:
  explicit Rows(DigestPiece piece) : piece_(std::move(piece)) { piece_.end = true; }
  absl::StatusOr<DigestPiece> Next(std::size_t /*rows*/, bool /*each*/) override { return piece_; }
  absl::Status Seek(const Key& /*key*/) override { return absl::OkStatus(); }

 private:
  DigestPiece piece_;
};

/// One table, t(id INT64, at ...), whose rows have ids from 1 on.
class TypedSource : public SourceReader {
 public:
  struct Content {
    Column at;
    std::vector<KeyPart> values;     ///< Of `at`, ascending.
    std::vector<KeyPart> asked_for;  ///< Where the looks began.
  };
  explicit TypedSource(Content& content) : content_(content) {}

  SourceMark Mark() const override { return {.path = "t at db1", .database = "typed 1"}; }
  absl::StatusOr<std::vector<std::string>> TableNames() override { return std::vector<std::string>{"t"}; }
  absl::StatusOr<SourceSchema> Schema() override {
    SourceSchema schema;
    SourceTable& table = schema.tables.emplace_back();
    table.schema.name = "t";
    Column& id = table.schema.columns.emplace_back();
    id.name = "id";
    id.type = Type::kInt64;
    id.key_position = 1;
    table.schema.columns.push_back(content_.at);
    return schema;
  }
  absl::StatusOr<std::uint64_t> CountRows(const std::string& /*table*/) override {
    return content_.values.size();
  }
  absl::StatusOr<std::unique_ptr<TableReader>> Read(const std::string& /*table*/,
                                                    const std::vector<std::uint32_t>& /*columns*/) override {
    return absl::UnimplementedError("not read here");
  }
  absl::StatusOr<ColumnFacts> LookAtColumn(const std::string& /*table*/, std::uint32_t /*column*/) override {
    ColumnFacts facts;
    if (!content_.values.empty()) {
      facts.least = content_.values.front();
      facts.greatest = content_.values.back();
    }
    return facts;
  }
  absl::StatusOr<std::unique_ptr<DigestReader>> Scan(const std::string& /*table*/,
                                                     const std::vector<std::uint32_t>& /*columns*/) override {
    return From(KeyPart{Kind::kInteger, INT64_MIN, 0, ""});
  }
  absl::StatusOr<std::unique_ptr<DigestReader>> ScanFrom(const std::string& /*table*/,
                                                         const std::vector<std::uint32_t>& /*columns*/,
                                                         const RowBound& bound) override {
    content_.asked_for.push_back(bound.from);
    return From(bound.from);
  }

 private:
  std::unique_ptr<DigestReader> From(const KeyPart& from) {
    DigestPiece piece;
    for (std::size_t i = 0; i < content_.values.size(); ++i) {
      if (IsBelow(content_.at, content_.values[i], from)) continue;
      piece.rows.emplace_back(Key{{Kind::kInteger, static_cast<std::int64_t>(i) + 1, 0, ""}}, 100 + i);
      piece.digest.Add(100 + i);
      piece.greatest = content_.values[i];
    }
    return std::make_unique<Rows>(std::move(piece));
  }

  Content& content_;
};

class CaptureTypesTest : public testing::Test {
 protected:
  void Have(Type type, std::uint32_t precision, const std::vector<std::string>& values) {
    content_.at = Column();
    content_.at.name = "at";
    content_.at.type = type;
    content_.at.precision = precision;
    content_.values.clear();
    for (const std::string& value : values) {
      const absl::StatusOr<KeyPart> given = GivenValue(content_.at, {Kind::kText, 0, 0, value});
      ASSERT_THAT(given, IsOk()) << value;
      content_.values.push_back(*given);
    }
  }
  /// One look. Gives why the table has none; mostly empty.
  std::string Look(CaptureRule rule) {
    auto state = CaptureState::Open(folder_.path(), "Cust");
    EXPECT_THAT(state, IsOk());
    if (!state.ok()) return "no state";
    rule.column = "at";
    CaptureSources sources{std::make_unique<TypedSource>(content_)};
    const auto reader = OpenCaptureReader(std::move(sources), **state, {.tables = {{"t", rule}}});
    const absl::StatusOr<SourceSchema> schema = reader->Schema();
    EXPECT_THAT(schema, IsOk());
    return schema.ok() ? schema->tables.at(0).problem : "no schema";
  }
  std::string Pointer() {
    auto state = CaptureState::Open(folder_.path(), "Cust");
    EXPECT_THAT(state, IsOk());
    const auto table = (*state)->Find("t");
    EXPECT_THAT(table, IsOk());
    EXPECT_EQ((*table)->pointer.kind, Kind::kText);
    return (*table)->pointer.bytes;
  }
  void SetPointer(const std::string& text) {
    auto state = CaptureState::Open(folder_.path(), "Cust");
    ASSERT_THAT(state, IsOk());
    ASSERT_THAT((*state)->SetPointer("t", {Kind::kText, 0, 0, text}), IsOk());
  }
  std::string LastBegin() const {
    return content_.asked_for.empty() ? "none" : ShownValue(content_.at, content_.asked_for.back()).bytes;
  }

  TempFolder folder_;
  TypedSource::Content content_;
};

TEST_F(CaptureTypesTest, APointerToAMomentIsATextAndAnHourIsCutOffIt) {
  const CaptureRule by_hour{.how = Strategy::kWatermarkCdc, .precision = {.unit = TimeUnit::kHour}};
  Have(Type::kTimestamp, 3, {"2024-05-01 12:30:00.250"});
  EXPECT_EQ(Look(by_hour), "");
  EXPECT_EQ(Pointer(), "2024-05-01 12:30:00.250");
  Have(Type::kTimestamp, 3, {"2024-05-01 12:30:00.250", "2024-05-01 13:00:00.000"});
  EXPECT_EQ(Look(by_hour), "");
  EXPECT_EQ(content_.asked_for.back().kind, Kind::kInteger) << "as it travels";
  EXPECT_EQ(LastBegin(), "2024-05-01 12:00:00.000");
  EXPECT_EQ(Pointer(), "2024-05-01 13:00:00.000");
}

TEST_F(CaptureTypesTest, APointerThatSomebodySetsMayBeADayAndMustBeOne) {
  const CaptureRule watermark{.how = Strategy::kWatermark};
  Have(Type::kTimestampTz, 6, {"2024-05-01 12:30:00.000000Z"});
  EXPECT_EQ(Look(watermark), "");
  SetPointer("2024-04-01");
  EXPECT_EQ(Look(watermark), "");
  EXPECT_EQ(LastBegin(), "2024-04-01 00:00:00.000000Z");
  EXPECT_EQ(Pointer(), "2024-05-01 12:30:00.000000Z");
  SetPointer("1 May 2024");
  Have(Type::kTimestampTz, 6, {"2024-05-02 00:00:00.000000Z"});
  EXPECT_THAT(Look(watermark), HasSubstr("TIMESTAMP_TZ"));
}

TEST_F(CaptureTypesTest, AWindowOfADateBeginsAtADay) {
  const CaptureRule window{.how = Strategy::kWindow, .window_ms = 2LL * 86'400'000};
  Have(Type::kDate, 0, {"2024-05-01", "9999-12-31"});
  const std::string before = BeginOfWindow(window, /*numbers=*/false, NowMs()).bytes;
  EXPECT_EQ(Look(window), "");
  const std::string after = BeginOfWindow(window, /*numbers=*/false, NowMs()).bytes;
  EXPECT_THAT(LastBegin(), AnyOf(before, after));
  CaptureRule seconds = window;
  seconds.time = TimeFormat::kUnix;
  EXPECT_THAT(Look(seconds), HasSubstr("'time'"));
}

TEST_F(CaptureTypesTest, AWindowOfSecondsMayBeADecimal) {
  const CaptureRule window{.how = Strategy::kWindow, .window_ms = 86'400'000};
  Have(Type::kDecimal, 20, {"1", "99999999999"});
  EXPECT_EQ(Look(window), "");
  ASSERT_FALSE(content_.asked_for.empty());
  EXPECT_EQ(content_.asked_for.back().kind, Kind::kText);
  EXPECT_GT(std::stoll(LastBegin()), 1'700'000'000);
}

TEST_F(CaptureTypesTest, ADecimalGrowsAsANumber) {
  const CaptureRule watermark{.how = Strategy::kWatermark};
  Have(Type::kDecimal, 20, {"8", "9"});
  EXPECT_EQ(Look(watermark), "");
  EXPECT_EQ(Pointer(), "9");
  Have(Type::kDecimal, 20, {"8", "9", "10"});
  EXPECT_EQ(Look(watermark), "");
  EXPECT_EQ(LastBegin(), "9");
  EXPECT_EQ(Pointer(), "10");
}

}  // namespace
}  // namespace mirror::capture_types_test
