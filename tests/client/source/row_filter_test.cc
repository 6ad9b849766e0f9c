#include "client/source/steps/row_filter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/support/status_matchers.h"

namespace mirror::row_filter_test {
namespace {

using testing::HasSubstr;

/// orders(id INTEGER, "my name" TEXT, price REAL)
TableSchema Orders() {
  TableSchema table;
  table.name = "orders";
  for (const auto& [name, type] : {std::pair("id", Type::kInt64), std::pair("my name", Type::kText),
                                   std::pair("price", Type::kDouble)}) {
    Column& column = table.columns.emplace_back();
    column.name = name;
    column.type = type;
  }
  return table;
}

bool Matches(const std::string& expression, const Value& id, const Value& name, const Value& price) {
  absl::StatusOr<RowFilter> filter = RowFilter::Make(Orders(), expression);
  EXPECT_THAT(filter, IsOk()) << expression;
  if (!filter.ok()) return false;
  filter->Bind(0, id);
  filter->Bind(1, name);
  filter->Bind(2, price);
  const absl::StatusOr<bool> matches = filter->Matches();
  EXPECT_THAT(matches, IsOk());
  return matches.ok() && *matches;
}

TEST(RowFilter, SeesTheTypesAndTakesNullForNotTrue) {
  const Value seven{Kind::kInteger, 7}, ada{.kind = Kind::kText, .bytes = "Ada"}, half{Kind::kReal, 0, 0.5};
  EXPECT_TRUE(Matches("id > 6 AND \"my name\" LIKE 'a%' AND price < 1", seven, ada, half));
  EXPECT_TRUE(Matches("orders.ID = 7 -- a comment", seven, ada, half));
  EXPECT_FALSE(Matches("id = '7'", seven, ada, half)) << "a number is no text";
  EXPECT_FALSE(Matches("id > 7", seven, ada, half));
  EXPECT_FALSE(Matches("price > 0", seven, ada, Value{}));
  EXPECT_TRUE(Matches("\"my name\" <> 'select' /* select */ -- select", seven, ada, half));
  EXPECT_TRUE(Matches("price IS NULL", seven, ada, Value{}));
  EXPECT_TRUE(Matches("\"my name\" = ''", seven, Value{.kind = Kind::kText}, half));
  EXPECT_TRUE(Matches("\"MY NAME\" IN ('Ada', ')')", seven, ada, half));
}

TEST(RowFilter, ADecimalIsANumber) {
  TableSchema table = Orders();
  table.columns[2].type = Type::kDecimal;
  const auto matches = [&table](const std::string& expression, const std::string& price) {
    absl::StatusOr<RowFilter> filter = RowFilter::Make(table, expression);
    EXPECT_THAT(filter, IsOk()) << expression;
    filter->Bind(0, {Kind::kInteger, 7});
    filter->Bind(1, {});
    filter->Bind(2, price.empty() ? Value{} : Value{.kind = Kind::kText, .bytes = price});
    const absl::StatusOr<bool> found = filter->Matches();
    EXPECT_THAT(found, IsOk());
    return found.ok() && *found;
  };
  EXPECT_FALSE(matches("price > 1", "0.13"));
  EXPECT_TRUE(matches("price > 1", "10.00"));
  EXPECT_TRUE(matches("price < 2 AND price * 2 = 3", "1.50"));
  EXPECT_TRUE(matches("price = 7 AND typeof(price) = 'integer'", "7.00"));
  EXPECT_TRUE(matches("price < -5", "-10"));
  EXPECT_TRUE(matches("price IS NULL", ""));
  EXPECT_TRUE(matches("price > 1e300", "Infinity"));
  EXPECT_TRUE(matches("price < -1e300", "-Infinity"));
  EXPECT_TRUE(matches("price > 1e300", "NaN")) << "as in PostgreSQL";
}

TEST(RowFilter, SeesAnEmptyTextAndAnEmptyBlobAsThatAndNotAsNull) {
  const Value one{Kind::kInteger, 1}, half{Kind::kReal, 0, 0.5};
  EXPECT_TRUE(
      Matches("typeof(\"my name\") = 'blob' AND \"my name\" = x''", one, Value{.kind = Kind::kBlob}, half));
  EXPECT_TRUE(
      Matches("typeof(\"my name\") = 'text' AND \"my name\" = ''", one, Value{.kind = Kind::kText}, half));
  EXPECT_FALSE(Matches("\"my name\" IS NULL", one, Value{.kind = Kind::kBlob}, half));
}

TEST(RowFilter, TakesOneExpressionOverTheRowAndNothingElse) {
  for (const auto& [expression, words] : {
           std::pair("id = ", "incomplete input"),
           std::pair("nowhere = 1", "no such column: nowhere"),
           std::pair("\"Ada\" = 1", "no such column"),
           std::pair("1) OR (1", "near \")\""),
           std::pair("1 /*", "incomplete input"),
           std::pair("id = 1; DELETE FROM orders", "something follows"),
           std::pair("id = ?", "parameter"),
           std::pair("id = :x", "parameter"),
           std::pair("id IN (SELECT 1)", "SELECT"),
           std::pair("EXISTS (SELECT 1 FROM sqlite_schema)", "SELECT"),
           std::pair("id in(/*'*/sElEcT 1)", "SELECT"),
           std::pair("count(*) > 1", "misuse of aggregate"),
           std::pair("random() > 0", "random is not allowed"),
           std::pair("id < current_timestamp", "current_timestamp is not allowed"),
           std::pair("1 ORDER BY id", "near \"ORDER\""),
       }) {
    EXPECT_THAT(RowFilter::Make(Orders(), expression),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(words)))
        << expression;
  }
}

}  // namespace
}  // namespace mirror::row_filter_test
