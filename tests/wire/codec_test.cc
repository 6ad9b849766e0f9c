#include "proto/wire/codec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <ostream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/support/status_matchers.h"
#include "tests/wire/batches.h"

namespace mirror::codec_test {
namespace {

using namespace std::string_literals;
using absl::StatusCode;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;
using testing::StartsWith;

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr std::int64_t kDay = 864'000'000'000;
// 1760-01-01 is 642,456 days after 0001-01-01, 9999-12-31 is 3,652,058.
constexpr std::int64_t kYear1760 = 642'456 * kDay;
constexpr std::int64_t kLastDay = 3'652'058 * kDay;

auto Is(Kind kind) { return testing::Field("kind", &Value::kind, kind); }
auto IsInt(std::int64_t integer) {
  return AllOf(Is(Kind::kInteger), testing::Field("integer", &Value::integer, integer));
}
auto IsReal(double real) { return AllOf(Is(Kind::kReal), testing::Field("real", &Value::real, real)); }
auto IsBytes(Kind kind, const std::string& bytes) {
  return AllOf(Is(kind), testing::Field("bytes", &Value::bytes, bytes),
               testing::Field("large", &Value::large, nullptr));
}
auto IsLarge(Kind kind, const LargeValue& large) {
  return AllOf(Is(kind), testing::Field("large", &Value::large, testing::Pointee(large)));
}

// --- What surrounds the rows, and which columns an operation asks for ---

struct FrameCase {
  std::string name;
  std::function<void(v1::ChangeBatch&)> change;  // Of ThreeContacts().
  std::string want;                              // Part of the message; empty: accepted.
  StatusCode code = StatusCode::kInvalidArgument;
};
void PrintTo(const FrameCase& test, std::ostream* out) { *out << test.name; }

class FrameTest : public testing::TestWithParam<FrameCase> {};

TEST_P(FrameTest, IsCheckedBeforeAnythingIsApplied) {
  v1::ChangeBatch message = ThreeContacts();
  GetParam().change(message);
  const auto batch = DecodeBatch(message, Contacts(), WireLimits{});
  if (GetParam().want.empty()) {
    EXPECT_THAT(batch, IsOk());
    return;
  }
  EXPECT_THAT(batch,
              StatusIs(GetParam().code, AllOf(StartsWith("table 'contact'"), HasSubstr(GetParam().want),
                                              HasSubstr("Nothing of this batch was applied; "))));
}

void KeepColumns(v1::ChangeBatch& message, const std::vector<int>& columns) {
  const v1::ChangeBatch all = message;
  message.clear_columns();
  for (const int column : columns) *message.add_columns() = all.columns(column);
}

void Empty(v1::ChangeBatch& message) {
  message.clear_columns();
  message.set_row_count(0);
  message.set_operation(v1::OPERATION_UNSPECIFIED);
}

void Commit(v1::ChangeBatch& message, std::int64_t lsn) {
  message.mutable_commit()->set_batches(1);
  message.mutable_commit()->mutable_position()->set_lsn(lsn);
}

INSTANTIATE_TEST_SUITE_P(
    Frame, FrameTest,
    testing::Values(
        FrameCase{"AsItIs", [](auto&) {}, ""},
        FrameCase{"NameInAnotherCase", [](auto& m) { m.set_table("CONTACT"); }, ""},
        FrameCase{"AnotherTable", [](auto& m) { m.set_table("person"); }, "for another table"},
        FrameCase{"AnotherHashIsNotTheCodecsBusiness", [](auto& m) { m.set_schema_hash("x"); }, ""},
        FrameCase{"SeqZero", [](auto& m) { m.set_seq(0); }, "'seq' begins with 1"},
        FrameCase{"SeqLargest", [](auto& m) { m.set_seq(UINT64_MAX); }, ""},
        FrameCase{"BaseLsnMinusOne", [](auto& m) { m.set_base_lsn(-1); }, ""},
        FrameCase{"BaseLsnMinusTwo", [](auto& m) { m.set_base_lsn(-2); }, "'base_lsn' is below -1"},
        FrameCase{"NoTarget", [](auto& m) { m.clear_target(); }, "the first batch has no 'target'"},
        FrameCase{"NoTargetLater",
                  [](auto& m) {
                    m.clear_target();
                    m.set_seq(2);
                  },
                  ""},
        FrameCase{"TargetMinusOne", [](auto& m) { m.mutable_target()->set_lsn(-1); },
                  "'target' has an LSN below 0"},
        FrameCase{"TargetLineageOf64",
                  [](auto& m) { m.mutable_target()->set_lineage(std::string(64, '\0')); }, ""},
        FrameCase{"TargetLineageOf65", [](auto& m) { m.mutable_target()->set_lineage(std::string(65, 'x')); },
                  "the lineage of 'target' is over 64 bytes"},
        FrameCase{"PlannedAtFirst", [](auto& m) { m.mutable_planned()->set_deletes(1); }, ""},
        FrameCase{"PlannedLater",
                  [](auto& m) {
                    m.mutable_planned();
                    m.set_seq(2);
                  },
                  "belong to the batch with seq 1"},
        FrameCase{"PopulateAtFirst", [](auto& m) { m.set_populate(v1::POPULATE_REASON_KEYLESS); }, ""},
        FrameCase{"PopulateLater",
                  [](auto& m) {
                    m.set_populate(v1::POPULATE_REASON_REQUESTED);
                    m.set_seq(2);
                  },
                  "belong to the batch with seq 1"},
        FrameCase{"PopulateUnknown", [](auto& m) { m.set_populate(static_cast<v1::PopulateReason>(9)); },
                  "a reason of 'populate' that is not known"},
        FrameCase{"CommitWithoutPosition", [](auto& m) { m.mutable_commit()->set_batches(1); },
                  "'commit' has no position"},
        FrameCase{"CommitAtZero", [](auto& m) { Commit(m, 0); }, ""},
        FrameCase{"CommitAtMinusOne", [](auto& m) { Commit(m, -1); },
                  "the position of 'commit' has an LSN below 0"},
        FrameCase{"CommitLineageOf65",
                  [](auto& m) {
                    Commit(m, 1);
                    m.mutable_commit()->mutable_position()->set_lineage(std::string(65, 'x'));
                  },
                  "the lineage of the position of 'commit' is over 64 bytes"}),
    [](const auto& test) { return test.param.name; });

INSTANTIATE_TEST_SUITE_P(
    Rows, FrameTest,
    testing::Values(
        FrameCase{"NoneWithCommit",
                  [](auto& m) {
                    Empty(m);
                    Commit(m, 1);
                  },
                  ""},
        FrameCase{"NoneWithPopulate",
                  [](auto& m) {
                    Empty(m);
                    m.set_populate(v1::POPULATE_REASON_SCHEMA);
                  },
                  ""},
        FrameCase{"NoneWithCommitAndUnknownOperation",
                  [](auto& m) {
                    Empty(m);
                    Commit(m, 1);
                    m.set_operation(static_cast<v1::Operation>(4));
                  },
                  "an operation that is not known"},
        FrameCase{"NoneAtAll", [](auto& m) { Empty(m); }, "a batch without rows, 'commit' and 'populate'"},
        FrameCase{"NoneWithPlannedOnly",
                  [](auto& m) {
                    Empty(m);
                    m.mutable_planned();
                  },
                  "a batch without rows"},
        FrameCase{"MoreThanTheLimit", [](auto& m) { m.set_row_count(1'000'001); },
                  "1000001 rows; the limit is 1000000", StatusCode::kResourceExhausted},
        FrameCase{"MoreThanAnyArray", [](auto& m) { m.set_row_count(1'000'000); }, "'ints' has 3 entries"},
        FrameCase{"OneMoreThanTheArrays", [](auto& m) { m.set_row_count(4); },
                  "column 'id': 'ints' has 3 entries where 4 are expected"},
        FrameCase{"OneLessThanTheArrays", [](auto& m) { m.set_row_count(2); }, "3 entries where 2 are"},
        FrameCase{"NoneButArrays",
                  [](auto& m) {
                    m.set_row_count(0);
                    Commit(m, 1);
                  },
                  "3 entries where 0 are"}),
    [](const auto& test) { return test.param.name; });

INSTANTIATE_TEST_SUITE_P(
    Columns, FrameTest,
    testing::Values(
        FrameCase{"NoOperation", [](auto& m) { m.set_operation(v1::OPERATION_UNSPECIFIED); },
                  "an operation that is not known"},
        FrameCase{"UnknownOperation", [](auto& m) { m.set_operation(static_cast<v1::Operation>(-1)); },
                  "an operation that is not known"},
        FrameCase{"IndexOutOfRange", [](auto& m) { m.mutable_columns(2)->set_column(3); },
                  "column index 3; the table has 3 columns"},
        FrameCase{"IndexLargest", [](auto& m) { m.mutable_columns(2)->set_column(UINT32_MAX); },
                  "column index 4294967295"},
        FrameCase{"GivenTwice", [](auto& m) { *m.add_columns() = m.columns(1); },
                  "column 'name': the column is given twice"},
        FrameCase{"InsertInAnyOrder",
                  [](auto& m) {
                    KeepColumns(m, {2, 0, 1});
                  },
                  ""},
        FrameCase{"InsertWithoutAColumn",
                  [](auto& m) {
                    KeepColumns(m, {0, 2});
                  },
                  "column 'name': an INSERT without the column"},
        FrameCase{"InsertWithoutAll", [](auto& m) { m.clear_columns(); }, "column 'id': an INSERT without"},
        FrameCase{"UpdateOfOneColumn",
                  [](auto& m) {
                    KeepColumns(m, {1, 0});
                    m.set_operation(v1::OPERATION_UPDATE);
                  },
                  ""},
        FrameCase{"UpdateOfAllColumns", [](auto& m) { m.set_operation(v1::OPERATION_UPDATE); }, ""},
        FrameCase{"UpdateOfTheKeyAlone",
                  [](auto& m) {
                    KeepColumns(m, {0});
                    m.set_operation(v1::OPERATION_UPDATE);
                  },
                  "an UPDATE with only the key"},
        FrameCase{"UpdateWithoutTheKey",
                  [](auto& m) {
                    KeepColumns(m, {1, 2});
                    m.set_operation(v1::OPERATION_UPDATE);
                  },
                  "column 'id': a key column is missing"},
        FrameCase{"DeleteByTheKey",
                  [](auto& m) {
                    KeepColumns(m, {0});
                    m.set_operation(v1::OPERATION_DELETE);
                  },
                  ""},
        FrameCase{"DeleteWithMoreThanTheKey",
                  [](auto& m) {
                    KeepColumns(m, {0, 1});
                    m.set_operation(v1::OPERATION_DELETE);
                  },
                  "a DELETE with columns other than the key"},
        FrameCase{"DeleteWithoutTheKey",
                  [](auto& m) {
                    m.clear_columns();
                    m.set_operation(v1::OPERATION_DELETE);
                  },
                  "column 'id': a key column is missing"}),
    [](const auto& test) { return test.param.name; });

/// ThreeContacts() as an endpoint answers ReadRows.
v1::ReadRowsResponse Answered() {
  const v1::ChangeBatch batch = ThreeContacts();
  v1::ReadRowsResponse answer;
  answer.set_row_count(batch.row_count());
  *answer.mutable_columns() = batch.columns();
  return answer;
}

TEST(DecodeRowsTest, ColumnsAreThoseOfTheTableEachOnce) {
  v1::ReadRowsResponse answer = Answered();
  const auto rows = DecodeRows(answer, Contacts(), WireLimits{});
  ASSERT_THAT(rows.status(), IsOk());
  EXPECT_THAT(rows->columns, SizeIs(3));
  for (const std::uint32_t index : {3U, 4U, 1'000'000U, UINT32_MAX}) {
    answer = Answered();
    answer.mutable_columns(1)->set_column(index);
    EXPECT_THAT(DecodeRows(answer, Contacts(), WireLimits{}).status(),
                StatusIs(StatusCode::kInvalidArgument, HasSubstr(absl::StrCat("column index ", index, ";"))));
  }
  answer = Answered();
  *answer.add_columns() = answer.columns(0);
  EXPECT_THAT(DecodeRows(answer, Contacts(), WireLimits{}).status(),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("the column is given twice")));
}

TEST(DecodeRowsTest, RowsHaveColumns) {
  v1::ReadRowsResponse answer;
  EXPECT_THAT(DecodeRows(answer, Contacts(), WireLimits{}).status(), IsOk());
  answer.set_row_count(4'000'000'000);
  EXPECT_THAT(DecodeRows(answer, Contacts(), WireLimits{}).status(),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("rows without a column")));
}

TEST(DecodeBatchTest, CellsAreLimited) {
  WireLimits limits;
  limits.batch_cells_max = 8;  // Three rows of three columns are nine.
  EXPECT_THAT(
      DecodeBatch(ThreeContacts(), Contacts(), limits),
      StatusIs(StatusCode::kResourceExhausted, HasSubstr("3 rows of 3 columns; the limit is 8 values")));
  limits.batch_cells_max = 9;
  EXPECT_THAT(DecodeBatch(ThreeContacts(), Contacts(), limits), IsOk());
}

TEST(DecodeBatchTest, UpdateAndDeleteNeedAKey) {
  const TableSchema table = Table({MakeColumn("value", Type::kInt64)});
  v1::ChangeBatch message = InsertInto(table.columns[0], Ints({1, 2}));
  EXPECT_THAT(DecodeBatch(message, table, WireLimits{}), IsOk());
  for (const v1::Operation operation : {v1::OPERATION_UPDATE, v1::OPERATION_DELETE}) {
    message.set_operation(operation);
    EXPECT_THAT(DecodeBatch(message, table, WireLimits{}),
                StatusIs(StatusCode::kInvalidArgument, HasSubstr("UPDATE and DELETE need a key")));
  }
}

TEST(DecodeBatchTest, ACompositeKeyIsNeededWhole) {
  const TableSchema table = Table({MakeColumn("a", Type::kInt64, 1), MakeColumn("b", Type::kInt64, 2)});
  RowBlock block = RowBlock::For(table, {1});
  Ints({1})(block.columns[0]);
  v1::ChangeBatch message = Insert(table, block);
  message.set_operation(v1::OPERATION_DELETE);
  EXPECT_THAT(DecodeBatch(message, table, WireLimits{}),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("column 'a': a key column is missing")));
}

TEST(DecodeBatchTest, GivesWhatTheMessageSays) {
  v1::ChangeBatch message = ThreeContacts();
  message.set_table("CONTACT");
  message.mutable_planned()->set_inserts(3);
  message.mutable_planned()->set_updates(2);
  message.mutable_planned()->set_deletes(1);
  message.mutable_planned()->set_expected_deletes(4);
  message.set_populate(v1::POPULATE_REASON_HISTORY_GONE);
  EncodePosition({Lsn{8}, "line\0"s}, message.mutable_commit()->mutable_position());
  message.mutable_commit()->set_batches(4);
  const auto batch = DecodeBatch(message, Contacts(), WireLimits{});
  ASSERT_THAT(batch, IsOk());
  EXPECT_EQ(batch->table, "contact");
  EXPECT_EQ(batch->schema_hash, "hash");
  EXPECT_EQ(batch->seq, 1U);
  EXPECT_EQ(batch->base_lsn, Lsn{5});
  EXPECT_EQ(batch->target, (Position{Lsn{6}, "line"}));
  ASSERT_TRUE(batch->planned);
  EXPECT_EQ(batch->planned->inserts, 3U);
  EXPECT_EQ(batch->planned->updates, 2U);
  EXPECT_EQ(batch->planned->deletes, 1U);
  EXPECT_EQ(batch->planned->expected_deletes, 4U);
  EXPECT_EQ(batch->populate, PopulateReason::kHistoryGone);
  EXPECT_EQ(batch->operation, Operation::kInsert);
  EXPECT_EQ(batch->row_count, 3U);
  ASSERT_TRUE(batch->commit);
  EXPECT_EQ(batch->commit->batches, 4U);
  EXPECT_EQ(batch->commit->position, (Position{Lsn{8}, "line\0"s}));
  EXPECT_THAT(batch->key_order, IsEmpty());
  ASSERT_NE(batch->Find(2), nullptr);
  EXPECT_EQ(batch->Find(3), nullptr);
  const ColumnView& name = *batch->Find(1);
  EXPECT_THAT(name.At(0), IsBytes(Kind::kText, "Ada"));
  EXPECT_THAT(name.At(1), Is(Kind::kNull));
  EXPECT_THAT(name.At(2), IsBytes(Kind::kText, "Grace"));
  EXPECT_THAT(batch->Find(2)->At(0), IsBytes(Kind::kBlob, "\x89PNG"));
  EXPECT_THAT(batch->Find(2)->At(2), IsBytes(Kind::kBlob, ""));
}

TEST(DecodeBatchTest, WhatIsNotSaidIsAbsent) {
  v1::ChangeBatch message = ThreeContacts();
  const auto batch = DecodeBatch(message, Contacts(), WireLimits{});
  ASSERT_THAT(batch, IsOk());
  EXPECT_FALSE(batch->planned);
  EXPECT_FALSE(batch->commit);
  EXPECT_EQ(batch->populate, PopulateReason::kNone);
}

// --- Values: one rule after the other, in the second row, after a NULL ---

struct ValueCase {
  std::string name;
  Column column;
  Fill fill;
  std::string want;  // Part of the reason; empty: accepted.
};
void PrintTo(const ValueCase& test, std::ostream* out) { *out << test.name; }

class ValueTest : public testing::TestWithParam<ValueCase> {};

TEST_P(ValueTest, FitsOrIsRefusedWithTableColumnRowAndReason) {
  const ValueCase& test = GetParam();
  const v1::ChangeBatch message = InsertInto(test.column, [&test](ColumnBuffer& buffer) {
    buffer.AppendNull();
    test.fill(buffer);
  });
  const auto batch = DecodeBatch(message, Table({test.column}), WireLimits{});
  if (test.want.empty()) {
    EXPECT_THAT(batch, IsOk());
    return;
  }
  const std::string name = test.column.name;
  EXPECT_THAT(batch, StatusIs(StatusCode::kInvalidArgument,
                              StartsWith("table 'contact', column '" + name + "', row 1: " + test.want)));
  EXPECT_THAT(batch,
              StatusIs(StatusCode::kInvalidArgument, HasSubstr(". Nothing of this batch was applied; ")));
}

Column Of(Type type) { return MakeColumn("value", type); }

INSTANTIATE_TEST_SUITE_P(
    Integers, ValueTest,
    testing::Values(
        ValueCase{"BoolBoth", Of(Type::kBool), Ints({0, 1}), ""},
        ValueCase{"BoolTwo", Of(Type::kBool), Ints({2}), "a BOOL is 0 or 1"},
        ValueCase{"BoolMinusOne", Of(Type::kBool), Ints({-1}), "a BOOL is 0 or 1"},
        ValueCase{"Int16Bounds", Of(Type::kInt16), Ints({-32768, 32767}), ""},
        ValueCase{"Int16Over", Of(Type::kInt16), Ints({32768}), "the number is out of the range of INT16"},
        ValueCase{"Int16Under", Of(Type::kInt16), Ints({-32769}), "the number is out of the range of INT16"},
        ValueCase{"Int32Bounds", Of(Type::kInt32), Ints({INT32_MIN, INT32_MAX}), ""},
        ValueCase{"Int32Over", Of(Type::kInt32), Ints({2147483648}),
                  "the number is out of the range of INT32"},
        ValueCase{"Int32Under", Of(Type::kInt32), Ints({INT64_MIN}),
                  "the number is out of the range of INT32"},
        ValueCase{"Int64Bounds", Of(Type::kInt64), Ints({INT64_MIN, INT64_MAX}), ""}),
    [](const auto& test) { return test.param.name; });

INSTANTIATE_TEST_SUITE_P(
    Dates, ValueTest,
    testing::Values(
        ValueCase{"DateBounds", Of(Type::kDate), Ints({0, kYear1760, kLastDay}), ""},
        ValueCase{"DateAfter9999", Of(Type::kDate), Ints({kLastDay + kDay}),
                  "a DATE is a day of the years 1 to"},
        ValueCase{"DateBeforeYearOne", Of(Type::kDate), Ints({-kDay}),
                  "a DATE is a day of the years 1 to 9999"},
        ValueCase{"DateWithATime", Of(Type::kDate), Ints({kYear1760 + 1}), "a DATE is a whole day"},
        ValueCase{"TimeBounds", WithDigits(Type::kTime, 7), Ints({0, kDay - 1}), ""},
        ValueCase{"TimeOf24Hours", WithDigits(Type::kTime, 7), Ints({kDay}), "a TIME is under 24 hours"},
        ValueCase{"TimeNegative", WithDigits(Type::kTime, 7), Ints({-1}), "a TIME is under 24 hours"},
        ValueCase{"TimeOfWholeSeconds", WithDigits(Type::kTime, 0), Ints({86'399 * 10'000'000LL}), ""},
        ValueCase{"TimeWithATenth", WithDigits(Type::kTime, 0), Ints({1'000'000}),
                  "more than 0 digits of a second"},
        ValueCase{"TimestampBounds", WithDigits(Type::kTimestamp, 7),
                  Ints({0, kYear1760, 3'155'378'975'999'999'999}), ""},
        ValueCase{"TimestampAfter9999", WithDigits(Type::kTimestamp, 7), Ints({3'155'378'976'000'000'000}),
                  "a TIMESTAMP is in the years 1 to 9999"},
        ValueCase{"TimestampBeforeYearOne", WithDigits(Type::kTimestamp, 7), Ints({-1}),
                  "a TIMESTAMP is in the years 1 to 9999"},
        ValueCase{"TimestampOfMilliseconds", WithDigits(Type::kTimestamp, 3),
                  Ints({kYear1760 + 10'000, 3'155'378'975'999'990'000}), ""},
        ValueCase{"TimestampOfMoreThanMilliseconds", WithDigits(Type::kTimestamp, 3),
                  Ints({kYear1760 + 1'000}), "more than 3 digits of a second"},
        ValueCase{"TimestampTzBounds", WithDigits(Type::kTimestampTz, 7),
                  Ints({0, 3'155'378'975'999'999'999}), ""},
        ValueCase{"TimestampTzOver", WithDigits(Type::kTimestampTz, 7), Ints({INT64_MAX}),
                  "a TIMESTAMP_TZ is in the years 1 to 9999"},
        ValueCase{"TimestampTzOfSixDigits", WithDigits(Type::kTimestampTz, 6), Ints({1}),
                  "more than 6 digits of a second"}),
    [](const auto& test) { return test.param.name; });

INSTANTIATE_TEST_SUITE_P(
    Reals, ValueTest,
    testing::Values(
        ValueCase{"DoubleBounds", Of(Type::kDouble), Reals({-1.7976931348623157e308, 5e-324, -0.0, 0.1}), ""},
        ValueCase{"DoubleNaN", Of(Type::kDouble), Reals({std::nan("")}), "NaN and infinity cannot be stored"},
        ValueCase{"DoubleInfinity", Of(Type::kDouble), Reals({-kInfinity}),
                  "NaN and infinity cannot be stored"},
        ValueCase{"FloatBounds", Of(Type::kFloat),
                  Reals({static_cast<double>(std::numeric_limits<float>::max()), -0.5,
                         static_cast<double>(std::numeric_limits<float>::denorm_min())}),
                  ""},
        ValueCase{"FloatNotExact", Of(Type::kFloat), Reals({0.1}), "not a number that a FLOAT holds exactly"},
        ValueCase{"FloatTooLarge", Of(Type::kFloat), Reals({1e300}),
                  "not a number that a FLOAT holds exactly"},
        ValueCase{"FloatTooSmall", Of(Type::kFloat), Reals({5e-324}),
                  "not a number that a FLOAT holds exactly"},
        ValueCase{"FloatNaN", Of(Type::kFloat), Reals({std::nan("")}), "NaN and infinity cannot be stored"}),
    [](const auto& test) { return test.param.name; });

INSTANTIATE_TEST_SUITE_P(
    Decimals, ValueTest,
    testing::Values(
        ValueCase{"Plain", Decimal(5, 2), Texts({"0", "-12.50", "999.99", "0.01", "1.5", "-0.5"}), ""},
        ValueCase{"Of38Digits", Decimal(38, 0), Texts({"-99999999999999999999999999999999999999"}), ""},
        ValueCase{"Of38DigitsWithScale", Decimal(38, 37), Texts({"9.9999999999999999999999999999999999999"}),
                  ""},
        ValueCase{"Of1000Digits", Decimal(1000, 0), Texts({std::string(1000, '9')}), ""},
        ValueCase{"AllAfterTheDot", Decimal(2, 2), Texts({"0.99", "0"}), ""},
        ValueCase{"Of39Digits", Decimal(38, 0), Texts({std::string(39, '9')}),
                  "not a DECIMAL(38,0) written as"},
        ValueCase{"TooManyBeforeTheDot", Decimal(5, 2), Texts({"1000"}),
                  "not a DECIMAL(5,2) written as \"-12.50\", at most 3 digits before the dot and 2 after it; "
                  "zero is written without a sign"},
        ValueCase{"MinusZero", Decimal(5, 2), Texts({"-0"}), "not a DECIMAL(5,2)"},
        ValueCase{"MinusZeroWithScale", Decimal(5, 2), Texts({"-0.00"}), "not a DECIMAL(5,2)"},
        ValueCase{"TooManyAfterTheDot", Decimal(5, 2), Texts({"1.234"}), "not a DECIMAL(5,2)"},
        ValueCase{"OneWhereNoneIs", Decimal(2, 2), Texts({"1"}), "not a DECIMAL(2,2)"},
        ValueCase{"NoDigits", Decimal(5, 2), Texts({""}), "not a DECIMAL"},
        ValueCase{"MinusAlone", Decimal(5, 2), Texts({"-"}), "not a DECIMAL"},
        ValueCase{"Plus", Decimal(5, 2), Texts({"+1"}), "not a DECIMAL"},
        ValueCase{"LeadingZero", Decimal(5, 2), Texts({"007"}), "not a DECIMAL"},
        ValueCase{"LeadingZeroOfAFraction", Decimal(5, 2), Texts({"00.5"}), "not a DECIMAL"},
        ValueCase{"NothingBeforeTheDot", Decimal(5, 2), Texts({".5"}), "not a DECIMAL"},
        ValueCase{"NothingAfterTheDot", Decimal(5, 2), Texts({"1."}), "not a DECIMAL"},
        ValueCase{"TwoDots", Decimal(5, 2), Texts({"1.1.1"}), "not a DECIMAL"},
        ValueCase{"Exponent", Decimal(5, 2), Texts({"1e2"}), "not a DECIMAL"},
        ValueCase{"Space", Decimal(5, 2), Texts({" 1"}), "not a DECIMAL"},
        ValueCase{"Comma", Decimal(5, 2), Texts({"1,5"}), "not a DECIMAL"},
        ValueCase{"Nul", Decimal(5, 2), Texts({"1\0"s}), "not a DECIMAL"}),
    [](const auto& test) { return test.param.name; });

INSTANTIATE_TEST_SUITE_P(
    TextsAndBytes, ValueTest,
    testing::Values(
        ValueCase{"TextUnbounded", Of(Type::kText),
                  Texts({"", "[I:5]", "blå 山 \U0001F600", std::string(70'000, 'x')}), ""},
        ValueCase{"TextOfTheLength", WithLength(Type::kText, 3), Texts({"abc", "å山b", "\U0001F600x"}), ""},
        ValueCase{"TextTooLong", WithLength(Type::kText, 3), Texts({"abcd"}),
                  "the text is longer than 3 UTF-16 units"},
        ValueCase{"AnEmojiIsTwoUnits", WithLength(Type::kText, 3), Texts({"\U0001F600\U0001F600"}),
                  "the text is longer than 3 UTF-16 units"},
        ValueCase{"TextWithNul", Of(Type::kText), Texts({"a\0b"s}), "the text is not UTF-8 without NUL"},
        ValueCase{"TextWithNulBesideOthers", Of(Type::kText), Texts({"å\0"s}),
                  "the text is not UTF-8 without NUL"},
        ValueCase{"TextLatin1", Of(Type::kText), Texts({"bl\xE5"}), "the text is not UTF-8"},
        ValueCase{"TextOverlong", Of(Type::kText), Texts({"\xC0\xAF"}), "the text is not UTF-8"},
        ValueCase{"TextOverlongNul", Of(Type::kText), Texts({"\xC0\x80"}), "the text is not UTF-8"},
        ValueCase{"TextSurrogate", Of(Type::kText), Texts({"\xED\xA0\xBD\xED\xB8\x80"}),
                  "the text is not UTF-8"},
        ValueCase{"TextPastUnicode", Of(Type::kText), Texts({"\xF4\x90\x80\x80"}), "the text is not UTF-8"},
        ValueCase{"TextSplitBetweenValues", Of(Type::kText), Texts({"bl\xC3", "\xA5"}),
                  "the text is not UTF-8"},
        ValueCase{"BytesUnbounded", Of(Type::kBytes), Texts({"", "\0\xFF"s}), ""},
        ValueCase{"BytesOfTheLength", WithLength(Type::kBytes, 2), Texts({"\xC3\xA5"}), ""},
        ValueCase{"BytesTooLong", WithLength(Type::kBytes, 2), Texts({"abc"}),
                  "the value is longer than 2 bytes"},
        ValueCase{"Uuid", Of(Type::kUuid), Texts({std::string(16, '\0'), std::string(16, '\xFF')}), ""},
        ValueCase{"UuidTooShort", Of(Type::kUuid), Texts({std::string(15, 'x'), std::string(17, 'x')}),
                  "a UUID has 16 bytes"},
        ValueCase{"UuidAsText", Of(Type::kUuid), Texts({"00000000-0000-0000-0000-000000000000"}),
                  "a UUID has 16 bytes"}),
    [](const auto& test) { return test.param.name; });

Fill All(std::vector<Fill> fills) {
  return [fills = std::move(fills)](ColumnBuffer& buffer) {
    for (const Fill& fill : fills) fill(buffer);
  };
}

Fill Null() {
  return [](ColumnBuffer& buffer) { buffer.AppendNull(); };
}

const std::string kChanges = "storing it would change its kind, by the column's affinity";

INSTANTIATE_TEST_SUITE_P(
    Any, ValueTest,
    testing::Values(
        ValueCase{"EveryKind", AnyWith(Affinity::kBlob),
                  All({Ints({5}), Reals({0.5}), Texts({"[I:5]"}), Texts({"\xFF"}, Kind::kBlob),
                       Texts({"\xFF\0"s}, Kind::kRawText), Null()}),
                  ""},
        ValueCase{"RawTextThatIsPlain", AnyWith(Affinity::kText), Texts({"plain"}, Kind::kRawText), ""},
        ValueCase{"TextNotUtf8", AnyWith(Affinity::kText), Texts({"\xFF"}), "the text is not UTF-8"},
        ValueCase{"TextWithNul", AnyWith(Affinity::kText), Texts({"a\0"s}),
                  "the text is not UTF-8 without NUL"},
        ValueCase{"TextSplitIntoABlob", AnyWith(Affinity::kBlob),
                  All({Texts({"\xC3"}), Texts({"\xA5"}, Kind::kBlob)}), "the text is not UTF-8"},
        ValueCase{"NaN", AnyWith(Affinity::kBlob), Reals({std::nan("")}),
                  "NaN and infinity cannot be stored"},
        ValueCase{"UnknownKind", AnyWith(Affinity::kBlob), Texts({"a"}, static_cast<Kind>(6)),
                  "a kind that is not known here"},
        ValueCase{"TextAffinityWithInteger", AnyWith(Affinity::kText), Ints({5}), kChanges},
        ValueCase{"TextAffinityWithReal", AnyWith(Affinity::kText), Reals({0.5}), kChanges},
        ValueCase{"TextAffinityWithBlob", AnyWith(Affinity::kText), Texts({"a"}, Kind::kBlob), ""},
        ValueCase{"RealAffinityWithInteger", AnyWith(Affinity::kReal), Ints({5}), kChanges},
        ValueCase{"RealAffinityWithReal", AnyWith(Affinity::kReal), Reals({5.0}), ""},
        ValueCase{"NumericAffinityWithNumbers", AnyWith(Affinity::kNumeric), All({Ints({5}), Reals({0.5})}),
                  ""},
        ValueCase{"IntegerAffinityWithText", AnyWith(Affinity::kInteger), Texts({"five"}), ""},
        ValueCase{"IntegerAffinityWithANumberAsText", AnyWith(Affinity::kInteger), Texts({"007"}), kChanges},
        ValueCase{"NumericAffinityWithANumberAsText", AnyWith(Affinity::kNumeric),
                  All({Texts({" 7e1 ", "seven"}), Ints({7})}), kChanges},
        ValueCase{"RealAffinityWithANumberAsText", AnyWith(Affinity::kReal), Texts({".5"}), kChanges},
        ValueCase{"NumericAffinityWithANumberAsRawText", AnyWith(Affinity::kNumeric),
                  Texts({"7"}, Kind::kRawText), kChanges},
        ValueCase{"NumericAffinityWithANumberAsBlob", AnyWith(Affinity::kNumeric), Texts({"7"}, Kind::kBlob),
                  ""},
        ValueCase{"TextAffinityWithANumberAsText", AnyWith(Affinity::kText), Texts({"007"}), ""},
        ValueCase{"BlobAffinityWithANumberAsText", AnyWith(Affinity::kBlob), Texts({"007"}), ""}),
    [](const auto& test) { return test.param.name; });

TEST(DecodeBatchTest, NullIsRefusedWhereNoneMayBe) {
  for (const Type type : {Type::kInt64, Type::kDouble, Type::kText, Type::kAny}) {
    Column column = Of(type);
    const v1::ChangeBatch message = InsertInto(column, All({Null(), Null()}));
    EXPECT_THAT(DecodeBatch(message, Table({column}), WireLimits{}), IsOk());
    column.nullable = false;
    EXPECT_THAT(DecodeBatch(message, Table({column}), WireLimits{}),
                StatusIs(StatusCode::kInvalidArgument,
                         HasSubstr("column 'value', row 0: NULL, and the column is not nullable")));
    column.nullable = true;  // CheckTable refuses such a table; the codec does not rely on it.
    column.key_position = 1;
    EXPECT_THAT(DecodeBatch(message, Table({column}), WireLimits{}),
                StatusIs(StatusCode::kInvalidArgument, HasSubstr("NULL, and the column is not nullable")));
  }
}

TEST(DecodeBatchTest, WhatStandsInTheEntryOfANullMeansNothing) {
  const auto accepts = [](const Column& column, const Fill& fill) {
    v1::ChangeBatch message = InsertInto(column, fill);
    message.mutable_columns(0)->set_nulls("\x01");
    const auto batch = DecodeBatch(message, Table({column}), WireLimits{});
    ASSERT_THAT(batch, IsOk());
    EXPECT_THAT(batch->columns[0].At(0), Is(Kind::kNull));
  };
  accepts(Of(Type::kBool), Ints({7}));
  accepts(Of(Type::kDate), Ints({-1}));
  accepts(Of(Type::kDouble), Reals({std::nan("")}));
  accepts(Of(Type::kFloat), Reals({kInfinity}));
  accepts(Decimal(5, 2), Texts({"x"}));
  accepts(Of(Type::kText), Texts({"\xFF"}));
  accepts(WithLength(Type::kBytes, 1), Texts({"abc"}));
  accepts(Of(Type::kUuid), Texts({""}));
}

TEST(DecodeBatchTest, AnErrorNeverTellsTheValue) {
  const auto refuse = [](const Column& column, const Fill& fill) {
    return DecodeBatch(InsertInto(column, fill), Table({column}), WireLimits{}).status();
  };
  for (const absl::Status& status :
       {refuse(Of(Type::kText), Texts({"4711\xFF"})), refuse(Of(Type::kInt16), Ints({47110})),
        refuse(Decimal(5, 2), Texts({"47110"})), refuse(Of(Type::kFloat), Reals({4711.1})),
        refuse(AnyWith(Affinity::kText), Ints({4711}))}) {
    EXPECT_THAT(status, StatusIs(StatusCode::kInvalidArgument, Not(HasSubstr("4711"))));
  }
}

// --- Arrays that lie ---

struct ArrayCase {
  std::string name;
  Column column;
  Fill fill;
  std::function<void(v1::ColumnData&)> change;
  std::string want;
};
void PrintTo(const ArrayCase& test, std::ostream* out) { *out << test.name; }

class ArrayTest : public testing::TestWithParam<ArrayCase> {};

TEST_P(ArrayTest, ThatLiesIsRefused) {
  const ArrayCase& test = GetParam();
  v1::ChangeBatch message = InsertInto(test.column, test.fill);
  ASSERT_THAT(DecodeBatch(message, Table({test.column}), WireLimits{}), IsOk());
  test.change(*message.mutable_columns(0));
  EXPECT_THAT(DecodeBatch(message, Table({test.column}), WireLimits{}),
              StatusIs(StatusCode::kInvalidArgument,
                       AllOf(StartsWith("table 'contact', column 'value'"), HasSubstr(test.want),
                             HasSubstr("encode the batch as ColumnData says"))));
}

const Column kInt = Of(Type::kInt64), kReal = Of(Type::kDouble), kText = Of(Type::kText),
             kAny = AnyWith(Affinity::kBlob);
const Fill kNineInts = Ints({1, 2, 3, 4, 5, 6, 7, 8, 9});
const Fill kMixed = All({Ints({1}), Reals({0.5}), Texts({"a"}), Null()});

INSTANTIATE_TEST_SUITE_P(
    Array, ArrayTest,
    testing::Values(
        ArrayCase{"IntsTooMany", kInt, kNineInts, [](auto& d) { d.add_ints(1); },
                  "'ints' has 10 entries where 9"},
        ArrayCase{"DoublesMissing", kReal, Reals({1}), [](auto& d) { d.clear_doubles(); },
                  "'doubles' has 0 entries where 1"},
        ArrayCase{"LengthsMissing", kText, Texts({"a"}), [](auto& d) { d.clear_lengths(); },
                  "'lengths' has 0 entries where 1"},
        ArrayCase{"KindsMissing", kAny, kMixed, [](auto& d) { d.clear_kinds(); },
                  "'kinds' has 0 entries where 4"},
        ArrayCase{"KindsTooMany", kAny, kMixed, [](auto& d) { d.mutable_kinds()->push_back('\0'); },
                  "'kinds' has 5 entries where 4"},
        ArrayCase{"DoublesOfAnInt", kInt, kNineInts, [](auto& d) { d.add_doubles(1); },
                  "'doubles' has 1 entries"},
        ArrayCase{"IntsOfADouble", kReal, Reals({1}), [](auto& d) { d.add_ints(1); }, "'ints' has 1 entries"},
        ArrayCase{"IntsOfAText", kText, Texts({"a"}), [](auto& d) { d.add_ints(1); }, "'ints' has 1 entries"},
        ArrayCase{"LengthsOfAnInt", kInt, kNineInts, [](auto& d) { d.add_lengths(0); },
                  "'lengths' has 1 entries"},
        ArrayCase{"DataOfAnInt", kInt, kNineInts, [](auto& d) { d.set_data("a"); },
                  "'data' has 1 entries where 0"},
        ArrayCase{"KindsOfAnInt", kInt, kNineInts, [](auto& d) { d.set_kinds(std::string(9, '\1')); },
                  "'kinds' has 9 entries where 0"},
        ArrayCase{"NullsTooShort", kInt, kNineInts, [](auto& d) { d.set_nulls("\x01"); },
                  "'nulls' has 1 entries where 2"},
        ArrayCase{"NullsTooLong", kInt, kNineInts, [](auto& d) { d.set_nulls("\x01\0\0"s); },
                  "'nulls' has 3 entries where 2"},
        ArrayCase{"NullsBeyondTheRows", kInt, kNineInts, [](auto& d) { d.set_nulls("\x01\x02"); },
                  "'nulls' marks rows that the batch does not have"},
        ArrayCase{"NullsOfAny", kAny, kMixed, [](auto& d) { d.set_nulls(std::string(1, '\0')); },
                  "'nulls' has 1 entries where 0"},
        ArrayCase{"LengthsTooSmall", kText, Texts({"abc", "de"}), [](auto& d) { d.set_lengths(0, 2); },
                  "'lengths' adds up to 4 bytes, 'data' has 5"},
        ArrayCase{"LengthsTooLarge", kText, Texts({"abc", "de"}), [](auto& d) { d.set_lengths(1, 3); },
                  "'lengths' adds up to 6 bytes, 'data' has 5"},
        ArrayCase{"LengthsThatWrapAround", kText, Texts({"abc", "de", ""}),
                  [](auto& d) {
                    d.set_lengths(1, UINT32_MAX);
                    d.set_lengths(2, 3);
                  },
                  "'lengths' adds up to 4294967301 bytes, 'data' has 5"},
        ArrayCase{"LengthsThatAllWrapAround", kText, Texts({"", "", ""}),
                  [](auto& d) {
                    d.set_lengths(0, 1U << 31);
                    d.set_lengths(2, 1U << 31);
                  },
                  "'lengths' adds up to 4294967296 bytes, 'data' has 0"},
        ArrayCase{"AnyIntsTooMany", kAny, kMixed, [](auto& d) { d.add_ints(1); },
                  "'ints' has 2 entries where 1"},
        ArrayCase{"AnyIntsMissing", kAny, kMixed, [](auto& d) { d.clear_ints(); },
                  "'ints' has 0 entries where 1"},
        ArrayCase{"AnyDoublesMissing", kAny, kMixed, [](auto& d) { d.clear_doubles(); },
                  "'doubles' has 0 entries where 1"},
        ArrayCase{"AnyLengthsTooMany", kAny, kMixed, [](auto& d) { d.add_lengths(0); },
                  "'lengths' has 2 entries where 1"},
        ArrayCase{"AnyKindInFrontOfTheText", kAny, kMixed, [](auto& d) { d.set_kinds("\1\2\6\0"s); },
                  "row 2: a kind that is not known here"},
        ArrayCase{"AnyKindNegative", kAny, kMixed, [](auto& d) { d.set_kinds("\1\2\3\xFF"s); },
                  "row 3: a kind that is not known here"},
        ArrayCase{"AnyDataWithoutText", kAny, Ints({1}), [](auto& d) { d.set_data("a"); },
                  "'data' has 1 entries where 0"}),
    [](const auto& test) { return test.param.name; });

TEST(DecodeBatchTest, ABitmapWithoutANullIsHarmless) {
  Column column = Of(Type::kInt64);
  column.nullable = false;
  v1::ChangeBatch message = InsertInto(column, kNineInts);
  message.mutable_columns(0)->set_nulls(std::string(2, '\0'));
  EXPECT_THAT(DecodeBatch(message, Table({column}), WireLimits{}), IsOk());
}

// --- Values that travel in parts ---

TEST(LargeValueTest, ComesOutWithItsRow) {
  const auto check = [](const Column& column, Kind kind) {
    const v1::ChangeBatch message = InsertInto(column, [kind](ColumnBuffer& buffer) {
      buffer.AppendBytes("a", kind);
      buffer.AppendLarge(7, 5'000'000, kind);
      buffer.AppendNull();
      buffer.AppendBytes("", kind);
      buffer.AppendLarge(8, 1'000'000'000, kind);
    });
    const auto batch = DecodeBatch(message, Table({column}), WireLimits{});
    ASSERT_THAT(batch, IsOk());
    const ColumnView& view = batch->columns[0];
    EXPECT_THAT(view.At(0), IsBytes(kind, "a"));
    EXPECT_THAT(view.At(1), IsLarge(kind, {1, 7, 5'000'000}));
    EXPECT_THAT(view.At(2), Is(Kind::kNull));
    EXPECT_THAT(view.At(3), IsBytes(kind, ""));
    EXPECT_THAT(view.At(4), IsLarge(kind, {4, 8, 1'000'000'000}));
  };
  check(Of(Type::kText), Kind::kText);
  check(Of(Type::kBytes), Kind::kBlob);
  check(Of(Type::kAny), Kind::kText);
  check(Of(Type::kAny), Kind::kBlob);
  check(Of(Type::kAny), Kind::kRawText);
}

struct LargeCase {
  std::string name;
  Column column;
  std::function<void(v1::ColumnData&)> change;  // Of: NULL, "", a value of 5 MB.
  std::string want;
  StatusCode code = StatusCode::kInvalidArgument;
};
void PrintTo(const LargeCase& test, std::ostream* out) { *out << test.name; }

class LargeValueRule : public testing::TestWithParam<LargeCase> {};

TEST_P(LargeValueRule, IsKept) {
  v1::ChangeBatch message = InsertInto(GetParam().column, [](ColumnBuffer& buffer) {
    buffer.AppendNull();
    buffer.AppendBytes("");
    buffer.AppendLarge(7, 5'000'000);
  });
  GetParam().change(*message.mutable_columns(0));
  EXPECT_THAT(DecodeBatch(message, Table({GetParam().column}), WireLimits{}),
              StatusIs(GetParam().code,
                       AllOf(StartsWith("table 'contact', column 'value'"), HasSubstr(GetParam().want))));
}

void AddLarge(v1::ColumnData& data, std::uint32_t row) {
  data.add_large()->set_row(row);
  data.mutable_large(data.large_size() - 1)->set_size(1);
}

INSTANTIATE_TEST_SUITE_P(
    Large, LargeValueRule,
    testing::Values(
        LargeCase{"RowOutOfRange", kText, [](auto& d) { d.mutable_large(0)->set_row(3); },
                  "the rows of 'large' are not ascending rows"},
        LargeCase{"RowTwice", kText, [](auto& d) { AddLarge(d, 2); },
                  "the rows of 'large' are not ascending"},
        LargeCase{"RowsDescend", kText, [](auto& d) { AddLarge(d, 1); },
                  "the rows of 'large' are not ascending"},
        LargeCase{"OfANull", kText, [](auto& d) { d.mutable_large(0)->set_row(0); },
                  "row 0: NULL, and 'large' has a value for it"},
        LargeCase{"OfANullOfAny", kAny, [](auto& d) { d.mutable_large(0)->set_row(0); },
                  "row 0: NULL, and 'large' has a value for it"},
        LargeCase{"OfANumber", kAny,
                  [](auto& d) {
                    d.set_kinds("\0\3\1"s);
                    d.add_ints(5);
                    d.mutable_lengths()->RemoveLast();
                  },
                  "row 2: 'large' has a value for a number"},
        LargeCase{"WithBytesBesides", kText,
                  [](auto& d) {
                    d.set_data("a");
                    d.set_lengths(2, 1);
                  },
                  "row 2: bytes in 'data' and a value in 'large'"},
        LargeCase{"WithoutAByte", kText, [](auto& d) { d.mutable_large(0)->set_size(0); },
                  "row 2: a value in 'large' without a byte"},
        LargeCase{"OverTheLimit", kText, [](auto& d) { d.mutable_large(0)->set_size(1'000'000'001); },
                  "row 2: a value of 1000000001 bytes; the limit is 1000000000",
                  StatusCode::kResourceExhausted},
        LargeCase{"LongerThanBytes", WithLength(Type::kBytes, 4'999'999), [](auto&) {},
                  "row 2: the value in 'large' is longer than 4999999 bytes"},
        LargeCase{"LongerThanTextCanBe", WithLength(Type::kText, 1'666'666), [](auto&) {},
                  "row 2: the value in 'large' is longer than 1666666 UTF-16 units"},
        LargeCase{"OfAUuid", Of(Type::kUuid), [](auto&) {}, "values of this column cannot travel in parts"},
        LargeCase{"OfADecimal", Decimal(5, 2), [](auto&) {}, "values of this column cannot travel in parts"}),
    [](const auto& test) { return test.param.name; });

TEST(LargeValueTest, IsRefusedInKeysAndNumbers) {
  Column key = MakeColumn("value", Type::kText, 1);
  v1::ChangeBatch message =
      InsertInto(key, [](ColumnBuffer& buffer) { buffer.AppendLarge(7, 5'000'000, Kind::kText); });
  EXPECT_THAT(DecodeBatch(message, Table({key}), WireLimits{}),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("cannot travel in parts")));
  message = InsertInto(kInt, Ints({1}));
  AddLarge(*message.mutable_columns(0), 0);
  EXPECT_THAT(DecodeBatch(message, Table({kInt}), WireLimits{}),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("cannot travel in parts")));
  message = InsertInto(kReal, Reals({1}));
  AddLarge(*message.mutable_columns(0), 0);
  EXPECT_THAT(DecodeBatch(message, Table({kReal}), WireLimits{}),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("cannot travel in parts")));
}

// --- Tables ---

TEST(DecodeTableTest, GivesBackWhatWasEncoded) {
  TableSchema table = Everything();
  table.deletes = Deletes::kIgnore;
  table.columns[8].default_value = Literal("x"s);
  v1::Table message;
  EncodeTable(table, &message);
  EXPECT_THAT(DecodeTable(message, WireLimits{}), IsOkAndHolds(table));
}

TEST(DecodeTableTest, RefusesWhatItDoesNotKnow) {
  const auto decode = [](const std::function<void(v1::Table&)>& change) {
    v1::Table message;
    EncodeTable(Contacts(), &message);
    change(message);
    return DecodeTable(message, WireLimits{});
  };
  const auto refused = [](const std::string& reason) {
    return StatusIs(StatusCode::kInvalidArgument, AllOf(HasSubstr("table 'contact'"), HasSubstr(reason)));
  };
  EXPECT_THAT(decode([](auto& t) { t.mutable_columns(1)->set_type(static_cast<v1::Type>(271)); }),
              refused("type is not known"));
  EXPECT_THAT(decode([](auto& t) { t.set_deletes(static_cast<v1::Deletes>(260)); }),
              refused("rule for deletes"));
  EXPECT_THAT(decode([](auto& t) {
                t.mutable_columns(1)->set_type(v1::TYPE_ANY);
                t.mutable_columns(1)->clear_length();
                t.mutable_columns(1)->set_affinity(static_cast<v1::Affinity>(-1));
              }),
              refused("ANY needs one of the five affinities"));
  EXPECT_THAT(decode([](auto& t) { t.clear_name(); }),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("table:")));
}

TEST(DecodeTableTest, ABackfillOfALaterVersionCountsAsUnknown) {
  v1::Table message;
  EncodeTable(Contacts(), &message);
  message.mutable_columns(1)->set_backfill(static_cast<v1::Backfill>(4));
  EXPECT_THAT(DecodeTable(message, WireLimits{}), IsOkAndHolds(Contacts()));
}

TEST(DecodeTableTest, ALiteralWithoutAValueIsNull) {
  v1::Table message;
  EncodeTable(Contacts(), &message);
  message.mutable_columns(1)->mutable_default_value();
  const auto table = DecodeTable(message, WireLimits{});
  ASSERT_THAT(table, IsOk());
  EXPECT_EQ(table->columns[1].default_value, Literal(mirror::Null{}));
}

TEST(DecodeTableTest, ColumnsAreLimited) {
  WireLimits limits;
  limits.columns_max = 2;
  v1::Table message;
  EncodeTable(Contacts(), &message);
  EXPECT_THAT(
      DecodeTable(message, limits),
      StatusIs(StatusCode::kResourceExhausted, HasSubstr("table 'contact': 3 columns; the limit is 2")));
}

TEST(PositionTest, GivesBackWhatWasEncoded) {
  for (const Position& position : {Position{}, Position{Lsn{INT64_MAX}, "\0\xFF"s}}) {
    v1::Position message;
    EncodePosition(position, &message);
    EXPECT_EQ(DecodePosition(message), position);
  }
}

// --- Round trips ---

TEST(RoundTripTest, EveryTypeWithItsBoundsAndNull) {
  const TableSchema table = Everything();
  const std::string uuid = "0123456789abcdef", digits38 = "-1234567890123456789012345678.9012345678";
  RowBlock block = RowBlock::ForAll(table);
  const std::vector<std::vector<std::int64_t>> ints = {
      {1, 2},
      {0, 1},
      {INT16_MIN, INT16_MAX},
      {INT32_MIN, INT32_MAX},
      {INT64_MIN, INT64_MAX},
      {},
      {},
      {},
      {},
      {},
      {0, kLastDay},
      {0, kDay - 10'000'000},
      {kYear1760, 3'155'378'975'990'000'000},
      {kYear1760, 3'155'378'975'990'000'000},
  };
  for (std::size_t column = 0; column < ints.size(); ++column) Ints(ints[column])(block.columns[column]);
  Reals({-0.5, 16777216})(block.columns[5]);
  Reals({0.1, -1.7976931348623157e308})(block.columns[6]);
  Texts({"0", digits38})(block.columns[7]);
  Texts({"", "blå 山 \U0001F600 [I:5]"})(block.columns[8]);
  Texts({"\0\xFF"s, ""})(block.columns[9]);
  Texts({uuid, std::string(16, '\0')})(block.columns[14]);
  block.columns[15].AppendBytes("\xFF\0"s, Kind::kRawText);
  block.columns[15].AppendInt(INT64_MIN);
  block.columns[0].AppendInt(3);
  for (std::size_t column = 1; column < block.columns.size(); ++column) block.columns[column].AppendNull();

  v1::ChangeBatch message;
  ASSERT_TRUE(message.ParseFromString(Insert(table, block).SerializeAsString()));
  const auto batch = DecodeBatch(message, table, WireLimits{});
  ASSERT_THAT(batch, IsOk());
  ASSERT_THAT(batch->columns, SizeIs(16));
  for (std::uint32_t row = 0; row < 2; ++row) {
    const auto at = [&](std::size_t column) { return batch->columns[column].At(row); };
    for (std::size_t column = 0; column < ints.size(); ++column) {
      if (ints[column].empty()) continue;
      EXPECT_THAT(at(column), IsInt(ints[column][row])) << column;
    }
    EXPECT_THAT(at(5), IsReal(row == 0 ? -0.5 : 16777216));
    EXPECT_THAT(at(6), IsReal(row == 0 ? 0.1 : -1.7976931348623157e308));
    EXPECT_THAT(at(7), IsBytes(Kind::kText, row == 0 ? "0" : digits38));
    EXPECT_THAT(at(8), IsBytes(Kind::kText, row == 0 ? "" : "blå 山 \U0001F600 [I:5]"));
    EXPECT_THAT(at(9), IsBytes(Kind::kBlob, row == 0 ? "\0\xFF"s : ""));
    EXPECT_THAT(at(14), IsBytes(Kind::kBlob, row == 0 ? uuid : std::string(16, '\0')));
  }
  EXPECT_THAT(batch->columns[15].At(0), IsBytes(Kind::kRawText, "\xFF\0"s));
  EXPECT_THAT(batch->columns[15].At(1), IsInt(INT64_MIN));
  for (std::size_t column = 1; column < 16; ++column) {
    EXPECT_TRUE(batch->columns[column].IsNull(2));
    EXPECT_FALSE(batch->columns[column].IsNull(1));
    EXPECT_THAT(batch->columns[column].At(2), Is(Kind::kNull)) << column;
  }
}

TEST(RoundTripTest, EncodeRowsReplacesWhatWasThere) {
  v1::ChangeBatch message = ThreeContacts();
  RowBlock block = RowBlock::For(Contacts(), {0});
  Ints({9})(block.columns[0]);
  EncodeRows(block, &message);
  EXPECT_EQ(message.row_count(), 1U);
  ASSERT_EQ(message.columns_size(), 1);
  EXPECT_THAT(message.columns(0).ints(), ElementsAre(9));
  EncodeRows(RowBlock{}, &message);
  EXPECT_EQ(message.row_count(), 0U);
  EXPECT_EQ(message.columns_size(), 0);
}

}  // namespace
}  // namespace mirror::codec_test
