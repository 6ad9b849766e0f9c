// What is done with rows on their way, whoever reads them.

#include "client/source/steps/row_steps.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "proto/wire/text_form.h"
#include "tests/support/status_matchers.h"

namespace mirror::row_steps_test {
namespace {

using testing::HasSubstr;

/// visit(id INT64, at TIMESTAMP(3), day DATE, token UUID, price DECIMAL, phone TEXT)
TableSchema Visits() {
  TableSchema table;
  table.name = "visit";
  for (const auto& [name, type] : {std::pair("id", Type::kInt64), std::pair("at", Type::kTimestamp),
                                   std::pair("day", Type::kDate), std::pair("token", Type::kUuid),
                                   std::pair("price", Type::kDecimal), std::pair("phone", Type::kText)}) {
    Column& column = table.columns.emplace_back();
    column.name = name;
    column.type = type;
    column.nullable = true;
  }
  table.columns[1].precision = 3;
  table.columns[4].precision = 10;
  table.columns[4].scale = 2;
  return table;
}

Value Units(const TableSchema& table, std::size_t column, const char* text) {
  const std::optional<std::int64_t> units = ParseTextForm(table.columns[column], text);
  EXPECT_TRUE(units) << text;
  return {Kind::kInteger, units.value_or(0)};
}

class RowStepsTest : public testing::Test {
 protected:
  absl::StatusOr<bool> Matches(const std::string& where) {
    TableSteps steps;
    steps.table = "visit";
    steps.where = where;
    absl::StatusOr<RowSteps> made = RowSteps::Make(table_, steps, nullptr);
    if (!made.ok()) return made.status();
    EXPECT_TRUE(made->filters());
    return made->Matches(row_);
  }

  const TableSchema table_ = Visits();
  const std::string token_ = *ParseUuid("0b5b4c4e-7d3f-4a54-9c3e-0123456789ab");
  std::vector<Value> row_ = {{Kind::kInteger, 7},
                             Units(table_, 1, "2024-05-01 12:30:00.250"),
                             Units(table_, 2, "2024-05-01"),
                             {.kind = Kind::kBlob, .bytes = token_},
                             {.kind = Kind::kText, .bytes = "12.50"},
                             {.kind = Kind::kText, .bytes = "004512345678"}};
};

TEST_F(RowStepsTest, WhereSeesWhatAMirrorShows) {
  EXPECT_THAT(Matches("at = '2024-05-01 12:30:00.250'"), IsOkAndHolds(true));
  EXPECT_THAT(Matches("day >= '2024-05-01' AND day < '2024-06'"), IsOkAndHolds(true));
  EXPECT_THAT(Matches("strftime('%Y', at) = '2024'"), IsOkAndHolds(true));
  EXPECT_THAT(Matches("token = '0b5b4c4e-7d3f-4a54-9c3e-0123456789ab'"), IsOkAndHolds(true));
  EXPECT_THAT(Matches("price = 12.5 AND price > 12"), IsOkAndHolds(true));
  EXPECT_THAT(Matches("typeof(at) = 'text' AND typeof(id) = 'integer'"), IsOkAndHolds(true));
  EXPECT_THAT(Matches("id > 7"), IsOkAndHolds(false));
  row_[1] = row_[3] = Value{};
  EXPECT_THAT(Matches("at IS NULL AND token IS NULL"), IsOkAndHolds(true));
  EXPECT_THAT(Matches("at > '2000'"), IsOkAndHolds(false)) << "NULL is not true";
}

TEST_F(RowStepsTest, WhatIsNoConditionIsToldWithTheLineOfTheTable) {
  TableSteps steps;
  steps.table = "visit";
  steps.line = 12;
  steps.where = "nobody = 1";
  EXPECT_THAT(RowSteps::Make(table_, steps, nullptr).status(),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("'where' is not a condition")));
}

TEST_F(RowStepsTest, ValuesAreTurnedBehindTheFilterAndNullStaysNull) {
  TableSteps steps;
  steps.table = "visit";
  steps.where = "phone LIKE '0045%'";
  steps.mask = {{"phone", 4}, {"at", 4}, {"price", 0}};
  absl::StatusOr<RowSteps> made = RowSteps::Make(table_, steps, nullptr);
  ASSERT_THAT(made, IsOk());
  row_[4] = Value{};
  EXPECT_THAT(made->Matches(row_), IsOkAndHolds(true));
  ASSERT_THAT(made->Turn(&row_), IsOk());
  EXPECT_EQ(row_[5].bytes, "****5678");
  EXPECT_EQ(row_[1].kind, Kind::kText);
  EXPECT_EQ(row_[1].bytes, "****") << "as the endpoint masks what is no text";
  EXPECT_EQ(row_[4].kind, Kind::kNull);
  EXPECT_EQ(row_[0].integer, 7) << "what no step is about stays";
}

TEST_F(RowStepsTest, WithoutAKeyNothingIsSentUnhashed) {
  TableSteps steps;
  steps.table = "visit";
  steps.hash = {"phone"};
  absl::StatusOr<RowSteps> made = RowSteps::Make(table_, steps, nullptr);
  ASSERT_THAT(made, IsOk());
  EXPECT_FALSE(made->filters());
  EXPECT_THAT(made->Matches(row_), IsOkAndHolds(true));
  EXPECT_THAT(made->Turn(&row_), StatusIs(absl::StatusCode::kUnavailable, HasSubstr("'visit'")));
}

}  // namespace
}  // namespace mirror::row_steps_test
