#include "proto/wire/batch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <vector>

#include "mirror/v1/change_batch.pb.h"
#include "tests/support/status_matchers.h"
#include "tests/wire/batches.h"

namespace mirror::batch_test {
namespace {

using namespace std::string_literals;
using namespace std::string_view_literals;
using absl::StatusCode;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr std::int64_t kTwoTo53 = std::int64_t{1} << 53;

Value Int(std::int64_t integer) {
  Value value;
  value.kind = Kind::kInteger;
  value.integer = integer;
  return value;
}
Value Real(double real) {
  Value value;
  value.kind = Kind::kReal;
  value.real = real;
  return value;
}
Value OfBytes(Kind kind, std::string_view bytes) {
  Value value;
  value.kind = kind;
  value.bytes = bytes;
  return value;
}

TEST(CompareValuesTest, OrdersAsSqliteDoes) {
  const std::vector<Value> ascending = {
      Value{},
      Real(-1e300),
      Real(-0x1p63 - 2048),
      Int(INT64_MIN),
      Int(INT64_MIN + 1),
      Int(-2),
      Real(-1.5),
      Int(-1),
      Real(-0.5),
      Int(0),
      Real(0.5),
      Int(1),
      Real(1.5),
      Int(2),
      Int(kTwoTo53),
      Int(kTwoTo53 + 1),
      Real(static_cast<double>(kTwoTo53 + 2)),
      Int(kTwoTo53 + 3),
      Int(INT64_MAX),
      Real(0x1p63),
      Real(1e300),
      OfBytes(Kind::kText, ""),
      OfBytes(Kind::kText, "A"),
      OfBytes(Kind::kRawText, "A\0"sv),
      OfBytes(Kind::kText, "AB"),
      OfBytes(Kind::kText, "a"),
      OfBytes(Kind::kRawText, "\xFF"),
      OfBytes(Kind::kBlob, ""),
      OfBytes(Kind::kBlob, "A"),
      OfBytes(Kind::kBlob, "\xFF"),
  };
  for (std::size_t a = 0; a < ascending.size(); ++a) {
    for (std::size_t b = 0; b < ascending.size(); ++b) {
      const int order = CompareValues(ascending[a], ascending[b]);
      EXPECT_EQ(order < 0, a < b) << a << " and " << b;
      EXPECT_EQ(order > 0, a > b) << a << " and " << b;
    }
  }
}

TEST(CompareValuesTest, EqualValuesOfTwoKindsAreEqual) {
  EXPECT_EQ(CompareValues(Int(1), Real(1.0)), 0);
  EXPECT_EQ(CompareValues(Real(-0x1p63), Int(INT64_MIN)), 0);
  EXPECT_EQ(CompareValues(Real(0.0), Real(-0.0)), 0);
  EXPECT_EQ(CompareValues(Int(0), Real(-0.0)), 0);
  EXPECT_EQ(CompareValues(OfBytes(Kind::kText, "a"), OfBytes(Kind::kRawText, "a")), 0);
  EXPECT_EQ(CompareValues(Value{}, Value{}), 0);
}

TEST(CompareValuesTest, AnIntegerIsNotRoundedToBeCompared) {
  // As doubles these would be equal.
  EXPECT_LT(CompareValues(Real(static_cast<double>(kTwoTo53)), Int(kTwoTo53 + 1)), 0);
  EXPECT_LT(CompareValues(Int(INT64_MAX), Real(0x1p63)), 0);
}

TEST(PopulateReasonTest, HasTheNamesOfTheMessage) {
  EXPECT_EQ(ToString(PopulateReason::kNone), "NONE");
  for (int number = 1; number <= v1::PopulateReason_MAX; ++number) {
    EXPECT_EQ("POPULATE_REASON_" + std::string(ToString(static_cast<PopulateReason>(number))),
              v1::PopulateReason_Name(number));
  }
  EXPECT_EQ(ToString(static_cast<PopulateReason>(99)), "UNKNOWN");
}

// --- Key order, through the codec ---

using Fills = std::vector<Fill>;

// The key order of rows of a table whose columns are all in the key, in their order.
absl::StatusOr<std::vector<std::uint32_t>> OrderOf(std::vector<Type> types, const Fills& fills) {
  std::vector<Column> columns;
  for (std::size_t i = 0; i < types.size(); ++i) {
    Column column = MakeColumn("k" + std::to_string(i), types[i], static_cast<std::uint32_t>(i + 1));
    if (types[i] == Type::kDecimal) column.precision = column.scale = 10;
    if (types[i] == Type::kDecimal) column.scale = 2;
    columns.push_back(column);
  }
  const TableSchema table = Table(columns);
  RowBlock block = RowBlock::ForAll(table);
  for (std::size_t i = 0; i < fills.size(); ++i) fills[i](block.columns[i]);
  v1::ChangeBatch message = Insert(table, block);
  auto batch = DecodeBatch(message, table, WireLimits{});
  if (!batch.ok()) return batch.status();
  return batch->key_order;
}

Fill Mixed(std::vector<Value> values) {
  return [values = std::move(values)](ColumnBuffer& buffer) {
    for (const Value& value : values) {
      if (value.kind == Kind::kInteger) {
        buffer.AppendInt(value.integer);
      } else if (value.kind == Kind::kReal) {
        buffer.AppendDouble(value.real);
      } else {
        buffer.AppendBytes(value.bytes, value.kind);
      }
    }
  };
}

TEST(KeyOrderTest, IsEmptyWhereRowsAscendAlready) {
  EXPECT_THAT(OrderOf({Type::kInt64}, {Ints({INT64_MIN, -1, 0, INT64_MAX})}), IsOkAndHolds(IsEmpty()));
  EXPECT_THAT(OrderOf({Type::kText}, {Texts({"", "A", "AA", "a", "å"})}), IsOkAndHolds(IsEmpty()));
  EXPECT_THAT(OrderOf({Type::kInt64, Type::kText}, {Ints({1, 1, 2}), Texts({"a", "b", "a"})}),
              IsOkAndHolds(IsEmpty()));
  EXPECT_THAT(OrderOf({Type::kInt64}, {Ints({7})}), IsOkAndHolds(IsEmpty()));
}

TEST(KeyOrderTest, SortsEveryKindOfKey) {
  EXPECT_THAT(OrderOf({Type::kInt64}, {Ints({5, INT64_MAX, -3, INT64_MIN, 0})}),
              IsOkAndHolds(ElementsAre(3, 2, 4, 0, 1)));
  EXPECT_THAT(OrderOf({Type::kDouble}, {Reals({0.5, -1e300, -0.0, 1e300, -0.5})}),
              IsOkAndHolds(ElementsAre(1, 4, 2, 0, 3)));
  EXPECT_THAT(OrderOf({Type::kText}, {Texts({"customer-0002", "customer-0001", "b", "", "customer"})}),
              IsOkAndHolds(ElementsAre(3, 2, 4, 1, 0)));
  EXPECT_THAT(OrderOf({Type::kBytes}, {Texts({"\xFF", "a\0\0"s, "a\0"s, "a"})}),
              IsOkAndHolds(ElementsAre(3, 2, 1, 0)));
  EXPECT_THAT(OrderOf({Type::kDecimal}, {Texts({"2", "10", "-1"})}), IsOkAndHolds(ElementsAre(2, 1, 0)));
  EXPECT_THAT(OrderOf({Type::kAny},
                      {Mixed({OfBytes(Kind::kBlob, "a"), OfBytes(Kind::kText, "a"), Int(2), Real(1.5)})}),
              IsOkAndHolds(ElementsAre(3, 2, 1, 0)));
}

TEST(KeyOrderTest, GoesByTheWholeKeyInKeyOrder) {
  EXPECT_THAT(OrderOf({Type::kInt64, Type::kText}, {Ints({2, 1, 2, 1}), Texts({"b", "b", "a", "a"})}),
              IsOkAndHolds(ElementsAre(3, 1, 2, 0)));
  TableSchema table = Table({MakeColumn("line", Type::kInt64, 2), MakeColumn("order", Type::kInt64, 1)});
  RowBlock block = RowBlock::ForAll(table);
  Ints({1, 2, 1})(block.columns[0]);
  Ints({9, 8, 8})(block.columns[1]);
  const v1::ChangeBatch message = Insert(table, block);
  const auto batch = DecodeBatch(message, table, WireLimits{});
  ASSERT_THAT(batch, IsOk());
  EXPECT_THAT(batch->key_order, ElementsAre(2, 1, 0));
}

TEST(KeyOrderTest, NamesBothRowsOfAKeyThatStandsTwice) {
  const auto twice = [](int a, int b) {
    return StatusIs(StatusCode::kInvalidArgument,
                    AllOf(HasSubstr("table 'contact', rows " + std::to_string(a) + " and " +
                                    std::to_string(b) + ": they have the same key"),
                          HasSubstr("Nothing of this batch was applied")));
  };
  EXPECT_THAT(OrderOf({Type::kInt64}, {Ints({1, 2, 2, 3})}), twice(1, 2));
  EXPECT_THAT(OrderOf({Type::kInt64}, {Ints({7, 1, 2, 7})}), twice(0, 3));
  EXPECT_THAT(OrderOf({Type::kDouble}, {Reals({0.0, 1.0, -0.0})}), twice(0, 2));
  EXPECT_THAT(OrderOf({Type::kText}, {Texts({"a", "b", "a"})}), twice(0, 2));
  EXPECT_THAT(OrderOf({Type::kText}, {Texts({"", ""})}), twice(0, 1));
  EXPECT_THAT(OrderOf({Type::kUuid}, {Texts({std::string(16, 'x'), std::string(16, 'x')})}), twice(0, 1));
  EXPECT_THAT(OrderOf({Type::kInt64, Type::kText}, {Ints({1, 2, 1}), Texts({"a", "a", "a"})}), twice(0, 2));
  EXPECT_THAT(OrderOf({Type::kAny}, {Mixed({Int(1), Int(2), Real(1.0)})}), twice(0, 2));
  EXPECT_THAT(OrderOf({Type::kAny}, {Mixed({OfBytes(Kind::kText, "a"), OfBytes(Kind::kRawText, "a")})}),
              twice(0, 1));
}

TEST(KeyOrderTest, KeysAreComparedByteByByte) {
  EXPECT_THAT(OrderOf({Type::kText}, {Texts({"a", "A", "å", "a "})}), IsOk());
  EXPECT_THAT(OrderOf({Type::kDecimal}, {Texts({"1", "1.0", "1.00"})}), IsOk());
  EXPECT_THAT(OrderOf({Type::kAny}, {Mixed({OfBytes(Kind::kText, "1"), Int(1), OfBytes(Kind::kBlob, "1")})}),
              IsOk());
}

TEST(KeyOrderTest, ATableWithoutAKeyHasNoOrderAndNoDuplicates) {
  const TableSchema table = Table({MakeColumn("value", Type::kInt64)});
  RowBlock block = RowBlock::ForAll(table);
  Ints({3, 3, 1})(block.columns[0]);
  const v1::ChangeBatch message = Insert(table, block);
  const auto batch = DecodeBatch(message, table, WireLimits{});
  ASSERT_THAT(batch, IsOk());
  EXPECT_THAT(batch->key_order, IsEmpty());
}

TEST(KeyOrderTest, AKeyColumnThatIsNotThereIsRefused) {
  ChangeBatch batch;
  batch.row_count = 2;
  EXPECT_THAT(KeyOrder(Contacts(), batch),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("column 'id': a key column is missing")));
}

}  // namespace
}  // namespace mirror::batch_test
