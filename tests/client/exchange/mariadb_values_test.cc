#include "client/exchange/mariadb_members.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "base/db/mariadb/failure.h"
#include "base/db/mariadb/name.h"
#include "client/exchange/mariadb_deliveries.h"

namespace mirror::mariadb_values_test {
namespace {

using mariadb::QuotedBytes;
using mariadb::QuotedText;

sqlite::Value Text(std::string text) {
  sqlite::Value value;
  value.type = sqlite::Type::kText;
  value.bytes = std::move(text);
  return value;
}
Column Of(Type type, std::uint32_t precision = 0) {
  Column column;
  column.name = "c";
  column.type = type;
  column.precision = precision;
  return column;
}

struct LiteralCase {
  std::string name;
  Column column;
  sqlite::Value value;
  std::string want;
};
class MariadbLiteralTest : public testing::TestWithParam<LiteralCase> {};

TEST_P(MariadbLiteralTest, StandsInSqlAsTheColumnTakesIt) {
  EXPECT_EQ(MariadbLiteral(GetParam().column, GetParam().value), GetParam().want);
}

sqlite::Value Integer(std::int64_t integer) {
  sqlite::Value value;
  value.type = sqlite::Type::kInteger;
  value.integer = integer;
  return value;
}
sqlite::Value Blob(std::string bytes) {
  sqlite::Value value = Text(std::move(bytes));
  value.type = sqlite::Type::kBlob;
  return value;
}

INSTANTIATE_TEST_SUITE_P(
    Values, MariadbLiteralTest,
    testing::Values(LiteralCase{"Null", Of(Type::kText), {}, "NULL"},
                    LiteralCase{"Integer", Of(Type::kInt64), Integer(-17), "-17"},
                    LiteralCase{"Words", Of(Type::kText), Text("'; DROP"), QuotedText("'; DROP")},
                    LiteralCase{"NoUtf8", Of(Type::kText), Text("\xff"), QuotedBytes("\xff")},
                    LiteralCase{"TextForBytes", Of(Type::kBytes), Text("a\\"), QuotedBytes("a\\")},
                    LiteralCase{"Bytes", Of(Type::kBytes), Blob("\\"), QuotedBytes("\\")},
                    LiteralCase{"Day", Of(Type::kDate), Text("2024-02-29"), "DATE'2024-02-29'"},
                    LiteralCase{"Moment", Of(Type::kTimestamp, 6), Text("2024-05-01 10:20:30.000450"),
                                "TIMESTAMP'2024-05-01 10:20:30.000450'"},
                    LiteralCase{"MomentWithZone", Of(Type::kTimestampTz, 3), Text("2024-05-01 10:20:30.250Z"),
                                "TIMESTAMP'2024-05-01 10:20:30.250'"},
                    LiteralCase{"OfAnotherForm", Of(Type::kTimestamp, 0), Text("2024-05-01T10:20:30Z"),
                                QuotedText("2024-05-01T10:20:30")},
                    LiteralCase{"NoDay", Of(Type::kDate), Text("tomorrow"), QuotedText("tomorrow")},
                    LiteralCase{"Uuid", Of(Type::kUuid), Text("123e4567-e89b-12d3-a456-426614174000"),
                                QuotedText("123e4567-e89b-12d3-a456-426614174000")}),
    [](const auto& test) { return test.param.name; });

TEST(MariadbMemberTest, FindsAKeyByItsBytesThoughTheCollationTakesOthersForIt) {
  MariadbMember member;
  auto known = std::make_shared<KnownMariadbTable>();
  MariadbColumn column;
  column.name = "code";
  column.type = "varchar";
  column.charset = "utf8mb4";
  column.collation = "utf8mb4_general_ci";
  known->table.columns = {column};
  known->schema.columns = {Of(Type::kText)};
  member.known = known;
  member.table.key = {0};
  EXPECT_EQ(member.KeyIs({Text("a")}),
            "t.`code` = CONVERT(_utf8mb4 X'61' USING utf8mb4) COLLATE utf8mb4_general_ci AND "
            "CAST(CONVERT(t.`code` USING utf8mb4) AS BINARY) = X'61'");
}

struct RefusalCase {
  std::string name;
  mariadb::Failure failure;
  std::string want;  ///< Empty: it is the source that fails.
};
class MariadbRefusalTest : public testing::TestWithParam<RefusalCase> {};

TEST_P(MariadbRefusalTest, SaysWhyWithoutValues) {
  EXPECT_EQ(MariadbRefusal(mariadb::ToStatus(GetParam().failure, "the database refused it")),
            GetParam().want);
}

using mariadb::Trouble;
INSTANTIATE_TEST_SUITE_P(
    Failures, MariadbRefusalTest,
    testing::Values(
        RefusalCase{"NotNull",
                    {Trouble::kOther, 1048, "MariaDB says \"Column 'city' cannot be null\""},
                    "the database refused it: MariaDB says \"Column 'city' cannot be null\" (error 1048)"},
        RefusalCase{"Duplicate",
                    {Trouble::kOther, 1586, "Duplicate entry 'Secret' for key 'name'"},
                    "the database refused it: another row has the same value of a unique key"},
        RefusalCase{"DuplicateInChild",
                    {Trouble::kOther, 1761, "record 'Secret' would lead to a duplicate entry"},
                    "the database refused it: another row has the same value of a unique key"},
        RefusalCase{"Signal",
                    {Trouble::kOther, 1644, "Secret"},
                    "the database refused it: a trigger of the source forbids the change"},
        RefusalCase{
            "Unknown", {Trouble::kOther, 1690, "Secret"}, "the database refused it (MariaDB's error 1690)"},
        RefusalCase{"OfATriggersOwnNumber",
                    {Trouble::kOther, 31001, "Secret"},
                    "the database refused it (MariaDB's error 31001)"},
        RefusalCase{"ReadOnly", {Trouble::kOther, 1290, "--read-only"}, ""},
        RefusalCase{"Lost", {Trouble::kLost, 2013, "lost"}, ""},
        RefusalCase{"Lock", {Trouble::kLockTimeout, 1205, "lock"}, ""},
        RefusalCase{"Deadlock", {Trouble::kRetry, 1213, "deadlock"}, ""},
        RefusalCase{"Full", {Trouble::kNoSpace, 1021, "full"}, ""},
        RefusalCase{"OfTheLibrary", {Trouble::kOther, 2027, "malformed packet"}, ""}),
    [](const auto& test) { return test.param.name; });

}  // namespace
}  // namespace mirror::mariadb_values_test
