#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/endpoint/endpoint_fixture.h"
#include "tests/support/sanitizers.h"

namespace mirror::types_test {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr std::int64_t kSecondUnits = 10'000'000;
constexpr std::int64_t kDayUnits = 86'400 * kSecondUnits;
/// Days from 0001-01-01.
constexpr std::int64_t kDay1760 = 642'461;
constexpr std::int64_t kDayLast = 3'652'058;

/// What a sanitizer adds is not the server's.
#if MIRROR_THREAD_SANITIZER
constexpr std::uint64_t kServerBytesMax = 2'000ULL << 20;
#elif MIRROR_ADDRESS_SANITIZER
constexpr std::uint64_t kServerBytesMax = 500ULL << 20;
#else
constexpr std::uint64_t kServerBytesMax = 200ULL << 20;
#endif

class TypesTest : public EndpointTest {};

Column Precise(Column column, std::uint32_t precision) {
  column.precision = precision;
  return column;
}

Column Decimal(const std::string& name, std::uint32_t precision, std::uint32_t scale) {
  Column column = PlainColumn(name, Type::kDecimal);
  column.precision = precision;
  column.scale = scale;
  return column;
}

std::string Sixteen(unsigned char first) {
  std::string bytes;
  for (unsigned char i = 0; i < 16; ++i) bytes += static_cast<char>(first + i);
  return bytes;
}

struct TypeCase {
  std::string name;
  Column column;
  /// Value and what a partner reads with typeof() before it.
  std::vector<std::pair<Cell, std::string>> values;
};

std::vector<TypeCase> TypeCases() {
  constexpr std::int64_t kMin = std::numeric_limits<std::int64_t>::min();
  constexpr std::int64_t kMax = std::numeric_limits<std::int64_t>::max();
  const std::string emoji = "\xF0\x9F\x98\x80";
  std::string emoji_4000;  // 4,000 UTF-16 units.
  for (int i = 0; i < 2'000; ++i) emoji_4000 += emoji;
  return {
      {"bool", PlainColumn("v", Type::kBool), {{0, "integer:0"}, {1, "integer:1"}, {nullptr, "null"}}},
      {"int16", PlainColumn("v", Type::kInt16), {{-32'768, "integer:-32768"}, {32'767, "integer:32767"}}},
      {"int32",
       PlainColumn("v", Type::kInt32),
       {{std::int64_t{INT32_MIN}, "integer:-2147483648"}, {std::int64_t{INT32_MAX}, "integer:2147483647"}}},
      {"int64",
       PlainColumn("v", Type::kInt64),
       {{kMin, "integer:-9223372036854775808"}, {kMax, "integer:9223372036854775807"}, {0, "integer:0"}}},
      {"float", PlainColumn("v", Type::kFloat), {{1.5, "real:1.5"}, {-0.0, "real:0"}, {3.0, "real:3"}}},
      {"double",
       PlainColumn("v", Type::kDouble),
       {{0.1, "real:0.10000000000000001"},
        {1.7976931348623157e308, "real:1.7976931348623157e+308"},
        {5e-324, "real:4.9406564584124654e-324"},
        {1e22, "real:1e+22"},
        {-0.0, "real:0"},
        {5.0, "real:5"}}},
      {"decimal",
       Decimal("v", 38, 4),
       {{"9999999999999999999999999999999999.9999", "text:9999999999999999999999999999999999.9999"},
        {"-9999999999999999999999999999999999.9999", "text:-9999999999999999999999999999999999.9999"},
        {"0.1000", "text:0.1000"},
        {"1.1", "text:1.1"},
        {"0", "text:0"}}},
      {"decimal of 38 digits",
       Decimal("v", 38, 0),
       {{"12345678901234567890123456789012345678", "text:12345678901234567890123456789012345678"}}},
      {"text",
       PlainColumn("v", Type::kText),
       {{"", "text:"},
        {nullptr, "null"},
        {"[I:5]", "text:[I:5]"},
        {"[D:2020.08.27]", "text:[D:2020.08.27]"},
        {"007", "text:007"},
        {"1e5", "text:1e5"},
        {"0x10", "text:0x10"},
        {"NULL", "text:NULL"},
        {"  trailing  ", "text:  trailing  "},
        {"a'b\"c]d;--", "text:a'b\"c]d;--"},
        {"\xEF\xBB\xBF"
         "bom\r\n\t\x01",
         "text:\xEF\xBB\xBF"
         "bom\r\n\t\x01"},
        {emoji, "text:" + emoji},
        {"e\xCC\x81", "text:e\xCC\x81"}}},
      {"bytes",
       PlainColumn("v", Type::kBytes),
       {{Blob(""), "blob:"},
        {Blob(std::string("\0\xff\x80", 3)), std::string("blob:\0\xff\x80", 8)},
        {nullptr, "null"}}},
      {"date",
       PlainColumn("v", Type::kDate),
       {{0, "text:0001-01-01"},
        {kDay1760 * kDayUnits, "text:1760-01-01"},
        {kDayLast * kDayUnits, "text:9999-12-31"},
        {738'944 * kDayUnits, "text:2024-02-29"}}},
      {"time",
       Precise(PlainColumn("v", Type::kTime), 7),
       {{0, "text:00:00:00.0000000"}, {kDayUnits - 1, "text:23:59:59.9999999"}}},
      {"time of whole seconds",
       Precise(PlainColumn("v", Type::kTime), 0),
       {{kDayUnits - kSecondUnits, "text:23:59:59"}}},
      {"timestamp",
       Precise(PlainColumn("v", Type::kTimestamp), 7),
       {{0, "text:0001-01-01 00:00:00.0000000"},
        {kDay1760 * kDayUnits, "text:1760-01-01 00:00:00.0000000"},
        {(kDayLast + 1) * kDayUnits - 1, "text:9999-12-31 23:59:59.9999999"}}},
      {"timestamp of milliseconds",
       Precise(PlainColumn("v", Type::kTimestamp), 3),
       {{kDay1760 * kDayUnits + 10'000, "text:1760-01-01 00:00:00.001"}}},
      {"timestamp in UTC",
       Precise(PlainColumn("v", Type::kTimestampTz), 7),
       {{738'944 * kDayUnits + 1, "text:2024-02-29 00:00:00.0000001Z"}}},
      {"uuid",
       PlainColumn("v", Type::kUuid),
       {{Blob(Sixteen(0xA0)), "text:a0a1a2a3-a4a5-a6a7-a8a9-aaabacadaeaf"}, {nullptr, "null"}}},
      {"any without affinity",
       AnyColumn("v", Affinity::kBlob),
       {{1, "integer:1"},
        {1.5, "real:1.5"},
        {"1", "text:1"},
        {Blob("1"), "blob:1"},
        {RawText(std::string("a\0b", 3)), std::string("text:a\0b", 8)},
        {RawText("\xff\xfe"), "text:\xff\xfe"},
        {nullptr, "null"},
        {"", "text:"},
        {Blob(""), "blob:"}}},
      {"any with numeric affinity",
       AnyColumn("v", Affinity::kNumeric),
       {{1, "integer:1"}, {0.99, "real:0.98999999999999999"}, {"abc", "text:abc"}, {Blob("7"), "blob:7"}}},
      {"any with text affinity", AnyColumn("v", Affinity::kText), {{"7", "text:7"}, {Blob("7"), "blob:7"}}},
      {"any with integer affinity", AnyColumn("v", Affinity::kInteger), {{7, "integer:7"}, {"x", "text:x"}}},
      {"any with real affinity", AnyColumn("v", Affinity::kReal), {{7.0, "real:7"}, {"x", "text:x"}}},
      {"long text", PlainColumn("v", Type::kText), {{emoji_4000, ""}}},
  };
}

TEST_F(TypesTest, EveryTypeRoundTripsAsItsSectionSays) {
  Install();
  const auto client = Client();
  FakeSource source;
  for (const TypeCase& type : TypeCases()) {
    // Once as the table's value, once as a value that is changed later.
    source.CreateTable(NamedTable(type.name, {KeyColumn("id", Type::kInt32), type.column}));
    int id = 0;
    for (const auto& [value, shown] : type.values) source.Put(type.name, {++id, value});
    source.Put(type.name, {++id, nullptr});
  }
  Mirror(source, *client);
  for (const TypeCase& type : TypeCases()) {
    int id = 0;
    for (const auto& [value, shown] : type.values) {
      ++id;
      if (shown.empty()) continue;
      EXPECT_THAT(here_->mirror().Query(absl::StrCat("SELECT v FROM \"", type.name, "\" WHERE id = ", id)),
                  ElementsAre(shown))
          << type.name;
    }
    // Updates write the same forms: each row takes the next one's value.
    for (int i = 1; i <= id; ++i) {
      source.Update(type.name, {i}, {{"v", type.values[static_cast<std::size_t>(i % id)].first}});
    }
    source.Update(type.name, {id + 1}, {{"v", type.values.front().first}});
  }
  FakeCycleOptions options;
  options.stream = true;
  const FakeCycleReport report = Mirror(source, *client, options);
  EXPECT_EQ(report.tables.at("text").populate, PopulateReason::kNone);
}

TEST_F(TypesTest, KeysOfEveryTypeFindTheirRows) {
  Install();
  const auto client = Client();
  FakeSource source;
  for (const TypeCase& type : TypeCases()) {
    if (type.name == "long text") continue;
    Column key = type.column;
    key.name = "k";
    key.key_position = 1;
    key.nullable = false;
    source.CreateTable(NamedTable(type.name, {key, PlainColumn("v", Type::kInt32)}));
    for (const auto& [value, shown] : type.values) {
      if (value.kind != Kind::kNull) source.Put(type.name, {value, 1});
    }
  }
  Mirror(source, *client);
  for (const std::string& table : source.Tables()) {
    const std::vector<Row> rows = source.Rows(table);
    for (std::size_t i = 0; i < rows.size(); ++i) {
      if (i % 2 == 0) source.Update(table, {rows[i][0]}, {{"v", 2}});
      if (i % 2 == 1) source.Delete(table, {rows[i][0]});
    }
  }
  const FakeCycleReport report = Mirror(source, *client);
  for (const auto& [name, table] : report.tables) EXPECT_EQ(table.populate, PopulateReason::kNone) << name;
}

TEST_F(TypesTest, WhatAColumnCannotHoldIsRefusedWithTableColumnAndRow) {
  Install();
  const auto client = Client();
  UseMirror(*client);
  Column text5 = PlainColumn("v", Type::kText);
  text5.length = 5;
  Column bytes3 = PlainColumn("v", Type::kBytes);
  bytes3.length = 3;
  Column required = PlainColumn("v", Type::kText);
  required.nullable = false;
  struct Case {
    std::string name;
    Column column;
    Cell good, bad;
  };
  const std::string emoji = "\xF0\x9F\x98\x80";
  const std::vector<Case> cases = {
      {"bool", PlainColumn("v", Type::kBool), 1, 2},
      {"int16 above", PlainColumn("v", Type::kInt16), 32'767, 32'768},
      {"int16 below", PlainColumn("v", Type::kInt16), -32'768, -32'769},
      {"int32 above", PlainColumn("v", Type::kInt32), 1, std::int64_t{INT32_MAX} + 1},
      {"float of 64 bits", PlainColumn("v", Type::kFloat), 0.5, 0.1},
      {"float infinite", PlainColumn("v", Type::kFloat), 0.5, HUGE_VAL},
      {"double NaN", PlainColumn("v", Type::kDouble), 0.5, std::nan("")},
      {"double infinite", PlainColumn("v", Type::kDouble), 0.5, -HUGE_VAL},
      {"decimal of 39 digits", Decimal("v", 38, 0), "1", std::string(39, '9')},
      {"decimal with exponent", Decimal("v", 38, 4), "1", "1e5"},
      {"decimal with plus", Decimal("v", 38, 4), "1", "+1"},
      {"decimal with leading zero", Decimal("v", 38, 4), "0", "007"},
      {"decimal with too many places", Decimal("v", 38, 4), "0.1234", "0.12345"},
      {"decimal that is empty", Decimal("v", 38, 4), "0", ""},
      {"text over its units", text5, "12345", "123456"},
      {"emoji over its units", text5, emoji + emoji, emoji + emoji + emoji},
      {"text with NUL", PlainColumn("v", Type::kText), "a", std::string("a\0", 2)},
      {"text that is no UTF-8", PlainColumn("v", Type::kText), "a", "\xC0\xAF"},
      {"a surrogate", PlainColumn("v", Type::kText), "a", "\xED\xA0\x80"},
      {"bytes over their length", bytes3, Blob("123"), Blob("1234")},
      {"NULL where none may be", required, "a", nullptr},
      {"date with a time", PlainColumn("v", Type::kDate), 0, 1},
      {"date before year 1", PlainColumn("v", Type::kDate), 0, -kDayUnits},
      {"date after 9999", PlainColumn("v", Type::kDate), 0, (kDayLast + 1) * kDayUnits},
      {"time of a day", PlainColumn("v", Type::kTime), 0, kDayUnits},
      {"time finer than its digits", Precise(PlainColumn("v", Type::kTime), 3), 10'000, 10'001},
      {"timestamp after 9999", PlainColumn("v", Type::kTimestamp), 0, (kDayLast + 1) * kDayUnits},
      {"uuid of 15 bytes", PlainColumn("v", Type::kUuid), Blob(Sixteen(0)), Blob(Sixteen(0).substr(1))},
      {"any text that is no UTF-8", AnyColumn("v", Affinity::kBlob), "a", "\xff"},
      {"any NaN", AnyColumn("v", Affinity::kBlob), 0.5, std::nan("")},
  };
  const std::int64_t cycle = Begin(*client);
  std::vector<TableSchema> tables;
  for (const Case& test : cases) {
    tables.push_back(NamedTable(test.name, {KeyColumn("id", Type::kInt32), test.column}));
  }
  const std::vector<v1::TableStatus> statuses = Announce(*client, cycle, tables);
  const Position target{Lsn{10}, "here"};
  for (std::size_t i = 0; i < cases.size(); ++i) {
    SCOPED_TRACE(cases[i].name);
    ASSERT_TRUE(statuses[i].wanted()) << statuses[i].reason();
    const v1::BatchResult bad =
        Send(*client, cycle, Population(tables[i], {{1, cases[i].good}, {2, cases[i].bad}}, target));
    EXPECT_EQ(StatusOfResult(bad).code(), absl::StatusCode::kInvalidArgument) << bad.message();
    EXPECT_THAT(bad.message(), AllOf(HasSubstr(absl::StrCat("'", cases[i].name, "'")), HasSubstr("'v'"),
                                     HasSubstr("row 1")));
    EXPECT_EQ(here_->mirror().Lsn(cases[i].name), -1);
    const v1::BatchResult good = Send(*client, cycle, Population(tables[i], {{1, cases[i].good}}, target));
    EXPECT_EQ(good.code(), 0) << good.message();
    EXPECT_EQ(here_->mirror().RowCount(cases[i].name), 1);
  }
  EXPECT_THAT(Complete(*client, cycle), IsOk());
}

TEST_F(TypesTest, AnyNameThatASourceMayHaveWorksInEveryOperation) {
  Install();
  const auto client = Client();
  const std::string long_name(128, 'n');
  const std::vector<std::string> names = {
      "text",        "role",        "task",    "select",    "order by",         "a]b",
      "a\"b",        "a'b",         "a;drop",  "%s",        "\xF0\x9F\x98\x80", "_",
      "MIRRORING",   "rowid table", long_name, "trailing ", "new\nline",        "a.b",
      "main.people", "Ærøskøbing"};
  const std::vector<std::string> columns = {"key",
                                            "state",
                                            "type",
                                            "a]b",
                                            "a\"b",
                                            "a'b",
                                            "rowid",
                                            "oid",
                                            "new",
                                            "excluded",
                                            "?1",
                                            "\xF0\x9F\x98\x80",
                                            std::string(128, 'c')};
  FakeSource source;
  for (const std::string& name : names) {
    std::vector<Column> all = {KeyColumn("key", Type::kText)};
    for (const std::string& column : columns) {
      if (column != "key") all.push_back(PlainColumn(column, Type::kInt32));
    }
    source.CreateTable(NamedTable(name, all));
    for (int i = 0; i < 5; ++i) {
      Row row(columns.size(), Cell(i));
      row[0] = absl::StrCat("key ", i);
      source.Put(name, row);
    }
  }
  Mirror(source, *client);
  for (const std::string& name : names) {
    for (const std::string& column : columns) {
      if (column != "key") source.Update(name, {"key 1"}, {{column, 77}});
    }
    source.Update(name, {"key 2"}, {{"a]b", 8}});
    source.Delete(name, {"key 3"});
    Row row(columns.size(), nullptr);
    row[0] = "new key";
    source.Put(name, row);
  }
  const FakeCycleReport changed = Mirror(source, *client);
  for (const auto& [name, table] : changed.tables) EXPECT_EQ(table.populate, PopulateReason::kNone) << name;
  FakeCycleOptions options;
  options.populate_all = true;
  options.wipe = true;
  Mirror(source, *client, options);
}

TEST_F(TypesTest, NamesThatTheMirrorNeedsOrThatAreMalformedAreRefusedForTheirTableAlone) {
  Install();
  const auto client = Client();
  UseMirror(*client);
  const std::int64_t cycle = Begin(*client);
  TableSchema no_columns = NamedTable("no columns", {});
  TableSchema twice =
      NamedTable("column twice", {KeyColumn("a", Type::kInt32), PlainColumn("A", Type::kText)});
  TableSchema unknown_type = People("unknown type");
  unknown_type.columns[1].type = Type::kUnspecified;
  TableSchema injected = People("injected");
  injected.columns[1].default_value = Literal(std::string("'); DROP TABLE people; --"));
  TableSchema wrong_default = People("wrong default");
  wrong_default.columns[2].default_value = Literal(std::string("((0))"));
  const std::vector<TableSchema> refused = {People(""),
                                            People(std::string(129, 'x')),
                                            People(std::string("nul\0", 4)),
                                            People("\xff"),
                                            People("sqlite_x"),
                                            People("SQLITE_y"),
                                            People("_mirror_tenant"),
                                            People("_Mirror_x"),
                                            People("Cust_mirroring"),
                                            People("cust_MIRRORING"),
                                            no_columns,
                                            twice,
                                            unknown_type,
                                            wrong_default,
                                            People("Twice"),
                                            People("tWICE")};
  std::vector<TableSchema> tables = refused;
  // protobuf does not carry what is not UTF-8.
  std::erase_if(tables, [](const TableSchema& table) { return table.name == "\xff"; });
  const std::size_t refused_count = tables.size();
  tables.push_back(People());
  tables.push_back(injected);
  const std::vector<v1::TableStatus> answers = Announce(*client, cycle, tables);
  ASSERT_EQ(answers.size(), tables.size());
  for (std::size_t i = 0; i < refused_count; ++i) {
    SCOPED_TRACE(tables[i].name);
    EXPECT_FALSE(answers[i].wanted());
    EXPECT_EQ(answers[i].action(), v1::TABLE_ACTION_REFUSED);
    EXPECT_NE(answers[i].reason(), "");
    const v1::BatchResult result =
        Send(*client, cycle, Population(People(tables[i].name), {{1, "x", 1}}, {Lsn{10}, "l"}));
    EXPECT_NE(result.code(), 0);
  }
  EXPECT_TRUE(answers[refused_count].wanted());
  EXPECT_TRUE(answers[refused_count + 1].wanted()) << answers[refused_count + 1].reason();
  EXPECT_THAT(here_->mirror().Tables(), ElementsAre("injected", "people"));
}

TEST_F(TypesTest, ABlobOf64MegabytesTravelsInPartsWithinTheServersMemory) {
  InstallationOptions options;
  // What the sanitizer keeps of freed memory is not the server's.
  options.environment = {"ASAN_OPTIONS=quarantine_size_mb=8:malloc_context_size=2"};
  Install(options);
  const auto client = Client();
  FakeSource source;
  source.CreateTable(NamedTable("files", {KeyColumn("id", Type::kInt64), PlainColumn("body", Type::kBytes)}));
  source.CreateTable(NamedTable("pages", {KeyColumn("name", Type::kText), PlainColumn("body", Type::kText)}));
  std::string body(64 << 20, '\0');
  for (std::size_t i = 0; i < body.size(); ++i) body[i] = static_cast<char>(i * 2'654'435'761U >> 13);
  source.Put("files", {1, Blob(body)});
  source.Put("files", {2, Blob("small")});
  source.Put("files", {3, nullptr});
  source.Put("pages", {"long", std::string(9 << 20, 'p')});
  Mirror(source, *client);
  const std::uint64_t peak = here_->server().PeakMemory();
  EXPECT_GT(peak, 0U);
  EXPECT_LT(peak, kServerBytesMax);
  EXPECT_EQ(here_->mirror().Value("SELECT count(*) FROM _mirror_parts"), "0");

  // A changed one, and the same way through a stream.
  body.resize((5 << 20) + 1);
  source.Update("files", {2}, {{"body", Blob(body)}});
  FakeCycleOptions stream;
  stream.stream = true;
  Mirror(source, *client, stream);
}

TEST_F(TypesTest, AValueOverTheLimitIsRefusedAndItsPartsAreForgotten) {
  InstallationOptions options;
  options.settings = {{"limits", "value_bytes_max", "\"6MB\""}};
  Install(options);
  const auto client = Client();
  FakeSource source;
  source.CreateTable(NamedTable("files", {KeyColumn("id", Type::kInt64), PlainColumn("body", Type::kBytes)}));
  source.CreateTable(People());
  source.Put("files", {1, Blob(std::string(9'000'000, 'x'))});
  source.Put("people", {1, "Ada", 36});
  const FakeCycleReport report = source.RunCycle(*client);
  EXPECT_EQ(report.end, FakeCycleReport::End::kCompleted) << report.Summary();
  EXPECT_FALSE(report.tables.at("files").error.ok());
  EXPECT_TRUE(report.tables.at("people").committed);
  EXPECT_EQ(here_->mirror().Lsn("files"), -1);
  source.Update("files", {1}, {{"body", Blob(std::string(5'900'000, 'x'))}});
  Mirror(source, *client);
  EXPECT_EQ(here_->mirror().Value("SELECT count(*) FROM _mirror_parts"), "0");
}

}  // namespace
}  // namespace mirror::types_test
