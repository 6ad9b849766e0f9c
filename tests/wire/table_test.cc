#include "proto/wire/table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <ostream>
#include <set>
#include <string>
#include <utility>

#include "base/folded_name.h"
#include "mirror/v1/table.pb.h"
#include "proto/wire/limits.h"
#include "proto/wire/table_pack.h"
#include "tests/support/status_matchers.h"
#include "tests/wire/batches.h"

namespace mirror::table_test {
namespace {

using namespace std::string_literals;
using absl::StatusCode;
using testing::AllOf;
using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::MatchesRegex;
using testing::Not;
using testing::StartsWith;

constexpr double kInfinity = std::numeric_limits<double>::infinity();

// --- Names ---

TEST(NameTest, IsComparedByAsciiCaseOnly) {
  EXPECT_TRUE(SameName("Contact_ID", "cONTACT_id"));
  EXPECT_FALSE(SameName("contact", "contacts"));
  EXPECT_FALSE(SameName("Å", "å"));
  EXPECT_FALSE(SameName("[", "{"));
  EXPECT_FALSE(SameName("@", "`"));
  EXPECT_EQ(FoldName("ABZ[Åz@"), "abz[Åz@");
}

TEST(NameTest, HasOneTo128CharactersWhateverTheirBytes) {
  std::string emoji;
  for (int i = 0; i < 128; ++i) emoji += "\U0001F600";
  EXPECT_THAT(CheckName("x", "table"), IsOk());
  EXPECT_THAT(CheckName(emoji, "table"), IsOk());
  EXPECT_THAT(CheckName("with \"quotes\"; DROP TABLE x --", "table"), IsOk());
  EXPECT_THAT(CheckName("_mirror_tenant", "table"), IsOk());
  EXPECT_THAT(CheckName(emoji + "x", "column 3 of table 'x'"),
              StatusIs(StatusCode::kInvalidArgument, AllOf(StartsWith("column 3 of table 'x': "),
                                                           HasSubstr("129"), HasSubstr("Rename it"))));
  EXPECT_THAT(CheckName("", "table"), StatusIs(StatusCode::kInvalidArgument, HasSubstr("1 to 128")));
}

TEST(NameTest, IsUtf8WithoutNul) {
  for (const std::string& name : {"a\0b"s, "\xFF"s, "\xC0\x80"s, "\xED\xA0\x80"s, "abc\xC3"s}) {
    EXPECT_THAT(CheckName(name, "table"),
                StatusIs(StatusCode::kInvalidArgument, AllOf(HasSubstr("not UTF-8"), Not(HasSubstr(name)))));
  }
}

TEST(ContextIdTest, HoldsWhatMayReachAPathAndNothingElse) {
  for (const std::string& id : {"Cust26759"s, "a"s, "A-b_9"s, std::string(64, 'x')}) {
    EXPECT_THAT(CheckContextId(id), IsOk());
  }
  for (const std::string& id :
       {""s, std::string(65, 'x'), "a/b"s, ".."s, "a b"s, "å"s, "a\n"s, "a\0"s, "a'b"s}) {
    EXPECT_THAT(CheckContextId(id), StatusIs(StatusCode::kInvalidArgument, HasSubstr("1 to 64"))) << id;
  }
}

// --- Types and columns ---

TEST(TypeTest, EachTypeHasANameAndAStorage) {
  EXPECT_EQ(ToString(Type::kBool), "BOOL");
  EXPECT_EQ(ToString(Type::kTimestampTz), "TIMESTAMP_TZ");
  EXPECT_EQ(ToString(Type::kAny), "ANY");
  EXPECT_EQ(ToString(static_cast<Type>(99)), "UNSPECIFIED");
  for (int number = v1::Type_MIN; number <= v1::Type_MAX; ++number) {
    EXPECT_EQ("TYPE_" + std::string(ToString(static_cast<Type>(number))), v1::Type_Name(number));
  }
  EXPECT_EQ(StorageOf(Type::kDate), Storage::kInts);
  EXPECT_EQ(StorageOf(Type::kFloat), Storage::kDoubles);
  EXPECT_EQ(StorageOf(Type::kDecimal), Storage::kBytes);
  EXPECT_EQ(StorageOf(Type::kUuid), Storage::kBytes);
  EXPECT_EQ(StorageOf(Type::kAny), Storage::kAny);
}

TEST(TableSchemaTest, KeyIsInKeyOrderAndFindKnowsNoCase) {
  const TableSchema table = Table({MakeColumn("note", Type::kText), MakeColumn("line", Type::kInt32, 2),
                                   MakeColumn("Order", Type::kInt64, 1)});
  EXPECT_THAT(table.Key(), ElementsAre(2, 1));
  EXPECT_EQ(table.Find("ORDER"), 2U);
  EXPECT_EQ(table.Find("orders"), std::nullopt);
  EXPECT_THAT(Table({MakeColumn("note", Type::kText)}).Key(), IsEmpty());
}

// --- CheckTable: one rule after the other ---

struct TableCase {
  std::string name;
  std::function<void(TableSchema&)> change;
  std::string want;  // Part of the message; empty: accepted.
};
void PrintTo(const TableCase& test, std::ostream* out) { *out << test.name; }

class CheckTableTest : public testing::TestWithParam<TableCase> {};

TEST_P(CheckTableTest, RefusesTheTableByNameAndSaysWhatToDo) {
  TableSchema table = Contacts();
  GetParam().change(table);
  if (GetParam().want.empty()) {
    EXPECT_THAT(CheckTable(table), IsOk());
    return;
  }
  EXPECT_THAT(
      CheckTable(table),
      StatusIs(StatusCode::kInvalidArgument,
               AllOf(HasSubstr(GetParam().want), HasSubstr("table"),
                     testing::AnyOf(EndsWith("announce the table again."), EndsWith("leave it out.")))));
}

TableCase Attribute(std::string name, Column column, std::string want) {
  return {std::move(name), [column](TableSchema& table) { table.columns.push_back(column); },
          std::move(want)};
}

Column Changed(Column column, const std::function<void(Column&)>& change) {
  change(column);
  return column;
}

Column With(Type type, const std::function<void(Column&)>& change) {
  return Changed(MakeColumn("value", type), change);
}

INSTANTIATE_TEST_SUITE_P(
    Shape, CheckTableTest,
    testing::Values(
        TableCase{"AsItIs", [](TableSchema&) {}, ""},
        TableCase{"NoColumns", [](TableSchema& table) { table.columns.clear(); },
                  "table 'contact': it has no columns"},
        TableCase{"NoName", [](TableSchema& table) { table.name.clear(); },
                  "table: 1 to 128 characters are allowed in a name, not 0"},
        TableCase{"ColumnWithoutName", [](TableSchema& table) { table.columns[1].name.clear(); },
                  "column 1 of table 'contact': 1 to 128 characters"},
        TableCase{"ColumnNameWithNul", [](TableSchema& table) { table.columns[1].name = "a\0"s; },
                  "column 1 of table"},
        TableCase{"StoreBusiness", [](TableSchema& table) { table.name = "sqlite_master"; }, ""},
        TableCase{"UnknownDeletes", [](TableSchema& table) { table.deletes = static_cast<Deletes>(4); },
                  "rule for deletes"},
        TableCase{"NamesDifferInCaseOnly", [](TableSchema& table) { table.columns[2].name = "NAME"; },
                  "column 'NAME': the name is the same as that of column 'name', apart from ASCII case"},
        TableCase{"NamesDifferInCaseBeyondAscii",
                  [](TableSchema& table) {
                    table.columns[1].name = "å";
                    table.columns[2].name = "Å";
                  },
                  ""},
        TableCase{"ColumnIdTwice",
                  [](TableSchema& table) { table.columns[0].column_id = table.columns[2].column_id = 7; },
                  "column 'photo': column_id 7 is used by column 'id', too"},
        TableCase{"ColumnIdsMissing", [](TableSchema& table) { table.columns[0].column_id = 7; }, ""}),
    [](const auto& test) { return test.param.name; });

INSTANTIATE_TEST_SUITE_P(
    Key, CheckTableTest,
    testing::Values(TableCase{"None", [](TableSchema& table) { table.columns[0].key_position = 0; }, ""},
                    TableCase{"BeginsWithTwo", [](TableSchema& table) { table.columns[0].key_position = 2; },
                              "column 'id': key position 2 is given where 1 is expected"},
                    TableCase{"Gap",
                              [](TableSchema& table) {
                                table.columns[1].nullable = false;
                                table.columns[1].key_position = 3;
                              },
                              "column 'name': key position 3 is given where 2 is expected"},
                    TableCase{"Twice",
                              [](TableSchema& table) {
                                table.columns[1].nullable = false;
                                table.columns[1].key_position = 1;
                              },
                              "key position 1 is given where 2 is expected"},
                    TableCase{"InAnotherOrderThanTheColumns",
                              [](TableSchema& table) {
                                table.columns[0].key_position = 2;
                                table.columns[1].nullable = false;
                                table.columns[1].key_position = 1;
                              },
                              ""},
                    TableCase{"Nullable", [](TableSchema& table) { table.columns[0].nullable = true; },
                              "column 'id': a key column cannot be nullable"}),
    [](const auto& test) { return test.param.name; });

INSTANTIATE_TEST_SUITE_P(
    Attributes, CheckTableTest,
    testing::Values(
        Attribute("Untyped", MakeColumn("value", Type::kUnspecified),
                  "column 'value': its type is not known here"),
        Attribute("TypeOfALaterVersion", MakeColumn("value", static_cast<Type>(16)), "type is not known"),
        Attribute("LengthOfText", WithLength(Type::kText, UINT32_MAX), ""),
        Attribute("LengthOfBytes", WithLength(Type::kBytes, 1), ""),
        Attribute("LengthOfInt", WithLength(Type::kInt32, 4), "INT32 has no length"),
        Attribute("LengthOfAny", With(Type::kAny, [](Column& c) { c.length = 4; }), "ANY has no length"),
        Attribute("LengthOfDecimal", Changed(Decimal(5, 2), [](Column& c) { c.length = 4; }), "no length"),
        Attribute("DecimalLargest", Decimal(1000, 1000), ""),
        Attribute("DecimalWithoutScale", Decimal(1, 0), ""),
        Attribute("DecimalWithoutPrecision", Decimal(0, 0), "the precision of DECIMAL is 1 to 1000, not 0"),
        Attribute("DecimalTooPrecise", Decimal(1001, 0), "is 1 to 1000, not 1001"),
        Attribute("DecimalScaleOverPrecision", Decimal(5, 6), "scale 6 is over precision 5"),
        Attribute("TimeWithSevenDigits", WithDigits(Type::kTime, 7), ""),
        Attribute("DateWithSevenDigits", WithDigits(Type::kDate, 7), ""),
        Attribute("TimestampTzWithEightDigits", WithDigits(Type::kTimestampTz, 8),
                  "the precision of TIMESTAMP_TZ is 0 to 7"),
        Attribute("PrecisionOfText", WithDigits(Type::kText, 1), "TEXT has no precision"),
        Attribute("PrecisionOfDouble", WithDigits(Type::kDouble, 1), "DOUBLE has no precision"),
        Attribute("ScaleOfTimestamp", With(Type::kTimestamp, [](Column& c) { c.scale = 1; }),
                  "TIMESTAMP has no scale"),
        Attribute("AnyNumeric", AnyWith(Affinity::kNumeric), ""),
        Attribute("AnyWithoutAffinity", AnyWith(Affinity::kUnspecified),
                  "ANY needs one of the five affinities"),
        Attribute("AnyWithUnknownAffinity", AnyWith(static_cast<Affinity>(6)), "ANY needs one of"),
        Attribute("AffinityOfText", With(Type::kText, [](Column& c) { c.affinity = Affinity::kText; }),
                  "TEXT has no affinity")),
    [](const auto& test) { return test.param.name; });

// --- Defaults ---

struct LiteralCase {
  std::string name;
  Column column;
  Literal literal;
  std::string want;  // Part of the reason; empty: it fits.
};
void PrintTo(const LiteralCase& test, std::ostream* out) { *out << test.name; }

class CheckLiteralTest : public testing::TestWithParam<LiteralCase> {};

TEST_P(CheckLiteralTest, FitsItsColumnOrGivesTheReason) {
  const LiteralCase& test = GetParam();
  TableSchema table = Table({test.column});
  table.columns[0].default_value = test.literal;
  if (test.want.empty()) {
    EXPECT_THAT(CheckLiteral(test.column, test.literal), IsOk());
    EXPECT_THAT(CheckTable(table), IsOk());
    return;
  }
  EXPECT_THAT(CheckLiteral(test.column, test.literal),
              StatusIs(StatusCode::kInvalidArgument, StartsWith(test.want)));
  EXPECT_THAT(CheckTable(table),
              StatusIs(StatusCode::kInvalidArgument,
                       HasSubstr("table 'contact', column 'value': its default: " + test.want)));
}

Column Of(Type type) { return MakeColumn("value", type); }

INSTANTIATE_TEST_SUITE_P(
    Defaults, CheckLiteralTest,
    testing::Values(
        LiteralCase{"Null", Of(Type::kText), Null{}, ""},
        LiteralCase{"NullWhereNoneMayBe", With(Type::kText, [](Column& c) { c.nullable = false; }), Null{},
                    "NULL, and the column is not nullable"},
        LiteralCase{"BoolTrue", Of(Type::kBool), std::int64_t{1}, ""},
        LiteralCase{"BoolTwo", Of(Type::kBool), std::int64_t{2}, "a BOOL is 0 or 1"},
        LiteralCase{"BoolAsText", Of(Type::kBool), "true"s, "this kind of literal is not one of BOOL"},
        LiteralCase{"Int16Least", Of(Type::kInt16), std::int64_t{-32768}, ""},
        LiteralCase{"Int16Over", Of(Type::kInt16), std::int64_t{32768},
                    "the number is out of the range of INT16"},
        LiteralCase{"Int64Least", Of(Type::kInt64), std::int64_t{INT64_MIN}, ""},
        LiteralCase{"IntAsReal", Of(Type::kInt64), 1.0, "this kind of literal is not one of INT64"},
        LiteralCase{"FloatExact", Of(Type::kFloat), 0.5, ""},
        LiteralCase{"FloatNotExact", Of(Type::kFloat), 0.1, "not a number that a FLOAT holds exactly"},
        LiteralCase{"DoubleInfinity", Of(Type::kDouble), kInfinity, "NaN and infinity"},
        LiteralCase{"DoubleAsInt", Of(Type::kDouble), std::int64_t{1}, "this kind of literal"},
        LiteralCase{"DecimalFits", Decimal(5, 2), "-999.99"s, ""},
        LiteralCase{"DecimalMinusZero", Decimal(5, 2), "-0.0"s, "not a DECIMAL(5,2)"},
        LiteralCase{"DecimalTooLong", Decimal(5, 2), "1000"s, "not a DECIMAL(5,2)"},
        LiteralCase{"DecimalAsInt", Decimal(5, 2), std::int64_t{1}, "this kind of literal"},
        LiteralCase{"TextFits", WithLength(Type::kText, 2), "\U0001F600"s, ""},
        LiteralCase{"TextTooLong", WithLength(Type::kText, 1), "\U0001F600"s,
                    "the text is longer than 1 UTF-16 units"},
        LiteralCase{"TextWithNul", Of(Type::kText), "a\0b"s, "the text is not UTF-8 without NUL"},
        LiteralCase{"TextNotUtf8", Of(Type::kText), "\xC0\xAF"s, "the text is not UTF-8"},
        LiteralCase{"TextAsBytes", Of(Type::kText), Bytes{"a"}, "this kind of literal"},
        LiteralCase{"TextLargest", Of(Type::kText), std::string(kDefaultBytesMax, 'x'), ""},
        LiteralCase{"TextOverTheLimit", Of(Type::kText), std::string(kDefaultBytesMax + 1, 'x'),
                    "over 8192 bytes"},
        LiteralCase{"BytesFit", WithLength(Type::kBytes, 2), Bytes{"\0\xFF"s}, ""},
        LiteralCase{"BytesTooLong", WithLength(Type::kBytes, 2), Bytes{"abc"},
                    "the value is longer than 2 bytes"},
        LiteralCase{"BytesOverTheLimit", Of(Type::kBytes), Bytes{std::string(kDefaultBytesMax + 1, 'x')},
                    "over"},
        LiteralCase{"BytesAsText", Of(Type::kBytes), "a"s, "this kind of literal"},
        LiteralCase{"UuidFits", Of(Type::kUuid), Bytes{std::string(16, '\0')}, ""},
        LiteralCase{"UuidTooShort", Of(Type::kUuid), Bytes{std::string(15, '\0')}, "a UUID has 16 bytes"},
        LiteralCase{"DateWholeDay", Of(Type::kDate), std::int64_t{864'000'000'000}, ""},
        LiteralCase{"DateWithHours", Of(Type::kDate), std::int64_t{864'000'000'001}, "a DATE is a whole day"},
        LiteralCase{"TimeOfTwoDigits", WithDigits(Type::kTime, 2), std::int64_t{100'000}, ""},
        LiteralCase{"TimeOfThreeDigits", WithDigits(Type::kTime, 2), std::int64_t{10'000},
                    "more than 2 digits of a second"},
        LiteralCase{"AnyInteger", Of(Type::kAny), std::int64_t{5}, ""},
        LiteralCase{"AnyReal", Of(Type::kAny), 0.1, ""}, LiteralCase{"AnyText", Of(Type::kAny), "[I:5]"s, ""},
        LiteralCase{"AnyBytes", Of(Type::kAny), Bytes{"\xFF"}, ""},
        LiteralCase{"AnyNaN", Of(Type::kAny), std::nan(""), "NaN and infinity"}),
    [](const auto& test) { return test.param.name; });

TEST(CheckTextTest, ChecksWhatCameInParts) {
  EXPECT_THAT(CheckText(WithLength(Type::kText, 3), "blå"), IsOk());
  EXPECT_THAT(CheckText(Of(Type::kAny), "any length"), IsOk());
  EXPECT_THAT(CheckText(WithLength(Type::kText, 3), "blåe"),
              StatusIs(StatusCode::kInvalidArgument, "the text is longer than 3 UTF-16 units"));
  EXPECT_THAT(
      CheckText(Of(Type::kText), "secret\xFF"),
      StatusIs(StatusCode::kInvalidArgument, AllOf(HasSubstr("not UTF-8"), Not(HasSubstr("secret")))));
}

// --- SchemaHash ---

TEST(SchemaHashTest, Is32HexadecimalDigitsAndTheSameForEver) {
  EXPECT_THAT(SchemaHash(Contacts()), MatchesRegex("[0-9a-f]{32}"));
  EXPECT_EQ(SchemaHash(Contacts()), SchemaHash(Contacts()));
  // Stored beside each table: were it another after an upgrade, every table would count as changed.
  EXPECT_EQ(SchemaHash(Contacts()), "6d4712af55ac76ddb97e63dc85f2a64b");
}

TEST(SchemaHashTest, DoesNotDependOnBackfill) {
  TableSchema table = Contacts();
  const std::string before = SchemaHash(table);
  for (const Backfill backfill : {Backfill::kNone, Backfill::kDefault, Backfill::kUnknown}) {
    table.columns[1].backfill = backfill;
    EXPECT_EQ(SchemaHash(table), before);
  }
}

TEST(SchemaHashTest, UnspecifiedDeletesAreApplied) {
  TableSchema table = Contacts();
  table.deletes = Deletes::kApply;
  EXPECT_EQ(SchemaHash(table), SchemaHash(Contacts()));
}

TEST(SchemaHashTest, DependsOnEverythingElse) {
  const std::vector<std::function<void(TableSchema&)>> changes = {
      [](TableSchema&) {},
      [](TableSchema& t) { t.name = "Contact"; },
      [](TableSchema& t) { t.table_id = 1; },
      [](TableSchema& t) { t.preserve_target = true; },
      [](TableSchema& t) { t.deletes = Deletes::kIgnore; },
      [](TableSchema& t) { t.deletes = Deletes::kMark; },
      [](TableSchema& t) { t.columns.pop_back(); },
      [](TableSchema& t) { std::swap(t.columns[1], t.columns[2]); },
      [](TableSchema& t) { t.columns[1].name = "names"; },
      [](TableSchema& t) { t.columns[1].type = Type::kBytes; },
      [](TableSchema& t) { t.columns[1].length = 41; },
      [](TableSchema& t) { t.columns[1].precision = 1; },
      [](TableSchema& t) { t.columns[1].scale = 1; },
      [](TableSchema& t) { t.columns[1].affinity = Affinity::kText; },
      [](TableSchema& t) { t.columns[1].nullable = false; },
      [](TableSchema& t) { t.columns[1].key_position = 2; },
      [](TableSchema& t) { t.columns[1].column_id = 1; },
      [](TableSchema& t) { t.columns[1].default_value = Null{}; },
      [](TableSchema& t) { t.columns[1].default_value = std::int64_t{0}; },
      [](TableSchema& t) { t.columns[1].default_value = std::int64_t{1}; },
      [](TableSchema& t) { t.columns[1].default_value = 0.0; },
      [](TableSchema& t) { t.columns[1].default_value = -0.0; },
      [](TableSchema& t) { t.columns[1].default_value = 1.0; },
      [](TableSchema& t) { t.columns[1].default_value = ""s; },
      [](TableSchema& t) { t.columns[1].default_value = "1"s; },
      [](TableSchema& t) { t.columns[1].default_value = Bytes{""}; },
      [](TableSchema& t) { t.columns[1].default_value = Bytes{"1"}; },
      [](TableSchema& t) {  // A byte that moves from one name to the next.
        t.columns[0].name = "i";
        t.columns[1].name = "dname";
      },
  };
  std::set<std::string> hashes;
  for (const auto& change : changes) {
    TableSchema table = Contacts();
    change(table);
    EXPECT_TRUE(hashes.insert(SchemaHash(table)).second) << "change " << hashes.size();
  }
}

// --- PackTable ---

TEST(PackTableTest, KeepsEverything) {
  TableSchema table = Everything();
  table.name = "Ærlig \"table\"";
  table.table_id = UINT64_MAX;
  table.preserve_target = true;
  table.deletes = Deletes::kMark;
  table.columns[1].column_id = UINT64_MAX;
  table.columns[1].backfill = Backfill::kDefault;
  table.columns[1].default_value = std::int64_t{1};
  table.columns[2].default_value = Null{};
  table.columns[6].default_value = -0.0;
  table.columns[7].default_value = "1.50"s;
  table.columns[8].length = 7;
  table.columns[8].default_value = "[I:5]"s;
  table.columns[9].default_value = Bytes{"\0\xFF"s};
  table.columns[12].precision = 3;
  EXPECT_THAT(UnpackTable(PackTable(table)), IsOkAndHolds(table));
}

TEST(PackTableTest, AZeroWithASignThatAnEarlierVersionTookHasNoneAnyMore) {
  TableSchema table = Everything();
  for (const auto& [kept, now] : {std::pair("-0.00"s, "0.00"s), std::pair("-0.10"s, "-0.10"s)}) {
    table.columns[7].default_value = kept;
    const std::string packed = PackTable(table);
    table.columns[7].default_value = now;
    EXPECT_THAT(UnpackTable(packed), IsOkAndHolds(table)) << kept;
  }
}

TEST(PackTableTest, DamageIsDataLoss) {
  const std::string packed = PackTable(Contacts());
  const std::string cut = packed.substr(0, packed.size() - 3);
  for (const std::string& bytes : {""s, "\xFF\xFF\xFF"s, "not a table"s, cut}) {
    EXPECT_THAT(UnpackTable(bytes), StatusIs(StatusCode::kDataLoss, HasSubstr("mirrorctl reset")));
  }
}

}  // namespace
}  // namespace mirror::table_test
