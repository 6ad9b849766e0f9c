#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <string>
#include <vector>

#include "tests/contract/copied_mirror.h"
#include "tests/contract/store_contract.h"

// What every store promises about names and values: whatever a source has comes back exactly as table.proto
// says.

namespace mirror::store_values_test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

class StoreValues : public StoreContract {
 protected:
  void Drop(const std::string& table) {
    Step drop = StepAt(table, 0, {DropTable{}});
    drop.record.reset();
    ASSERT_THAT(Run(drop).status, IsOk());
  }
};

INSTANTIATE_TEST_SUITE_P(EveryStore, StoreValues, testing::ValuesIn(EveryBackend()), NameOfBackend);

// --- Names
// --------------------------------------------------------------------------------------------------

/// In bytes; every store keeps names up to here.
constexpr std::size_t kShortName = 63;

std::string Repeated(const std::string& text, std::size_t count) {
  std::string all;
  for (std::size_t i = 0; i < count; ++i) all += text;
  return all;
}

std::vector<std::string> OddNames() {
  return {"select",
          "TABLE",
          "order",
          "rowid",
          "oid",
          "_rowid_",
          "excluded",
          "new",
          "old",
          "true",
          "null",
          "step",
          "main",
          "temp",
          "with space",
          " ",
          "\t\n",
          "quoted \"name\"",
          "\"",
          "\"\"",
          "it's",
          "`back`",
          "[brackets]",
          "]",
          "a.b",
          "semi;colon",
          "-- comment",
          "/* comment",
          "?1",
          ":name",
          "%s%n",
          "\\",
          "x\"; DROP TABLE victim; --",
          "x'); DELETE FROM victim; --",
          "x\" (id); DELETE FROM victim; CREATE TABLE \"y",
          "(",
          "1",
          "\xc3\x84\xc3\x96\xc3\x9c",
          "\xe6\x97\xa5\xe6\x9c\xac",
          "\xf0\x9f\x90\xbb\xe2\x80\x8d\xe2\x9d\x84\xef\xb8\x8f",
          "\xe2\x80\xae",
          Repeated("n", kShortName),
          Repeated("\xc3\xa4", kShortName / 2),
          Repeated("n", 128),
          Repeated("\xf0\x9f\x90\xbb", 128)};
}

TEST_P(StoreValues, AnyNameServesForTableKeyAndColumns) {
  const TableSchema victim = People("victim");
  Create(victim);
  ASSERT_THAT(Insert(victim, {{1, "there", 1}}).status, IsOk());
  for (const std::string& name : OddNames()) {
    SCOPED_TRACE(name);
    const std::vector<TableSchema> tables = {
        NamedTable(name, {KeyColumn(name, Type::kInt64), PlainColumn("v", Type::kText)}),
        NamedTable(name, {KeyColumn("k", Type::kText), PlainColumn(name, Type::kText)})};
    for (const TableSchema& table : tables) {
      if (name.size() > kShortName && Refuses(table)) continue;
      const bool integers = table.columns[0].type == Type::kInt64;
      const Cell one = integers ? Cell(1) : Cell("1"), two = integers ? Cell(2) : Cell("2");
      Create(table);
      ASSERT_THAT(Insert(table, {{one, "old"}, {two, "b"}}).status, IsOk());
      ASSERT_THAT(Insert(table, {{one, "replaced"}}).status, IsOk());
      EXPECT_THAT(Visible(table), ElementsAre(Row{one, "replaced"}, Row{two, "b"}));
      ASSERT_THAT(Write(table, Operation::kUpdate, {{one, "updated"}}).status, IsOk());
      ASSERT_THAT(Write(table, Operation::kDelete, {{two}}).status, IsOk());
      EXPECT_THAT(Visible(table), ElementsAre(Row{one, "updated"}));
      EXPECT_THAT(store_->records().ReadSchema(name), IsOkAndHolds(table));
      EXPECT_EQ(Record(name)->table, name);
      ASSERT_THAT(Run(StepAt(name, 8, {BeginShadow{table, kCycle}})).status, IsOk());
      ASSERT_THAT(Write(table, {.rows = {{two, "new"}}}, true).status, IsOk());
      ASSERT_THAT(Run(StepAt(name, 10, {SwapShadow{}})).status, IsOk());
      EXPECT_THAT(Visible(table), ElementsAre(Row{two, "new"}));
      Drop(name);
    }
  }
  Reopen();
  EXPECT_THAT(Visible(victim), ElementsAre(Row{1, "there", 1}));
  EXPECT_THAT(store_->upkeep().CheckIntegrity(), IsOk());
}

TEST_P(StoreValues, AnyNameServesForChangesInPlaceAndForSettingAside) {
  for (const std::string& name : OddNames()) {
    SCOPED_TRACE(name);
    const TableSchema before =
        NamedTable(name, {KeyColumn("the key", Type::kInt64), PlainColumn("c1", Type::kText)});
    if (name.size() > kShortName && Refuses(before)) continue;
    Create(before);
    ASSERT_THAT(Insert(before, {{1, "a"}}).status, IsOk());
    Column added = PlainColumn("c1", Type::kText);
    added.backfill = Backfill::kDefault;
    added.default_value = name;
    TableSchema after = before;
    after.columns[1].name = name;
    after.columns.push_back(added);

    ASSERT_THAT(
        Run(StepAt(name, 2, {AlterTable{{RenameColumn{"c1", name}, AddColumn{added}}}, AgreeSchema{after}}))
            .status,
        IsOk());
    EXPECT_THAT(Visible(after), ElementsAre(Row{1, "a", name}));
    ASSERT_THAT(Run(StepAt(name, 3, {AlterTable{{DropColumn{name}}}})).status, IsOk());
    Step retire = StepAt(name, 0, {RetireTable{kNow}});
    retire.record.reset();
    ASSERT_THAT(Run(retire).status, IsOk());
    EXPECT_THAT(store_->records().AgreedTables(), IsOkAndHolds(IsEmpty()));
  }
}

TEST_P(StoreValues, ColumnsThatDifferInMoreThanAsciiCaseAreTwo) {
  const TableSchema table =
      NamedTable("t", {KeyColumn("id", Type::kInt64), PlainColumn("\xc3\xa4", Type::kText),
                       PlainColumn("\xc3\x84", Type::kText)});
  Create(table);
  ASSERT_THAT(Insert(table, {{1, "small", "large"}}).status, IsOk());
  EXPECT_THAT(Visible(table), ElementsAre(Row{1, "small", "large"}));
}

TEST_P(StoreValues, NamesOfTheMirrorsOwnTablesAreRefused) {
  for (const char* const name :
       {"_mirror_tenant", "_MIRROR_anything", "_mirror_", "ctx_mirroring", "CTX_Mirroring"}) {
    EXPECT_THAT(store_->CheckTable(People(name)),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(name)));
  }
  for (const char* const name :
       {"mirror_tenant", "_mirror", "ctx2_mirroring", "ctx_mirroring2", "people", "'"}) {
    EXPECT_THAT(store_->CheckTable(People(name)), IsOk()) << name;
  }
}

// --- Values
// -------------------------------------------------------------------------------------------------

struct TypeCase {
  std::string name;
  Column column;
  std::vector<std::pair<Cell, Cell>> values;  ///< Sent, and as the mirror holds it.
};

std::vector<std::pair<Cell, Cell>> Same(std::vector<Cell> cells) {
  std::vector<std::pair<Cell, Cell>> pairs;
  for (Cell& cell : cells) pairs.emplace_back(cell, cell);
  return pairs;
}

Column Digits(Type type, std::uint32_t precision) {
  Column column = PlainColumn("v", type);
  column.precision = precision;
  return column;
}

std::vector<TypeCase> TypeCases() {
  const double tiny = std::numeric_limits<double>::denorm_min(), huge = std::numeric_limits<double>::max();
  const std::int64_t day = 864'000'000'000;
  const std::int64_t last_day = 3'652'058 * day;  // 9999-12-31.
  Column decimal = PlainColumn("v", Type::kDecimal);
  decimal.scale = 0;
  const std::string nines(38, '9');
  return {
      {"Bool", PlainColumn("v", Type::kBool), Same({0, 1})},
      {"Int16", PlainColumn("v", Type::kInt16), Same({-32'768, 32'767, 0})},
      {"Int32", PlainColumn("v", Type::kInt32), Same({INT32_MIN, INT32_MAX})},
      {"Int64", PlainColumn("v", Type::kInt64),
       Same({INT64_MIN, INT64_MAX, std::int64_t{9'007'199'254'740'993}})},
      {"Float", PlainColumn("v", Type::kFloat),
       Same({1.5, 5.0, static_cast<double>(0.1F), static_cast<double>(std::numeric_limits<float>::max()),
             static_cast<double>(std::numeric_limits<float>::denorm_min())})},
      {"Double", PlainColumn("v", Type::kDouble),
       Same({5.0, 0.1, -0.1, 1e15, 1e22, 9007199254740993.0, tiny, huge, -huge})},
      {"NegativeZeroIsZero", PlainColumn("v", Type::kDouble), {{-0.0, 0.0}, {0.0, 0.0}}},
      {"NegativeZeroFloat", PlainColumn("v", Type::kFloat), {{-0.0, 0.0}}},
      {"Decimal38Digits", decimal, Same({Cell(nines), Cell("-" + nines), "0"})},
      {"DecimalKeepsItsForm", PlainColumn("v", Type::kDecimal),
       Same({"1.10", "1.1", "0.0000000001", "0.00", "-0.50", "123456789012345678901234567.0000000000"})},
      {"Text", PlainColumn("v", Type::kText),
       Same({"",
             " ",
             "007",
             "1.10",
             "1e5",
             "-5",
             "0x10",
             "NULL",
             "null",
             "[I:5]",
             "true",
             "2024-02-30",
             "it's",
             "\"",
             "\n\r\t",
             "a;DROP TABLE t",
             "%",
             "\\0",
             "\xc3\xa4",
             "a\xcc\x88",
             "\xef\xbb\xbf"
             "bom",
             "\xf0\x9f\x90\xbb\xe2\x80\x8d\xe2\x9d\x84\xef\xb8\x8f",
             "\xef\xbf\xbf",
             "\xf4\x8f\xbf\xbf",
             Cell(std::string(100'000, 'x'))})},
      {"Bytes", PlainColumn("v", Type::kBytes),
       Same({Blob(""), Blob(std::string(1, '\0')), Blob("\xff\xfe"), Blob("007"),
             Blob(std::string(100'000, '\0'))})},
      {"Date",
       PlainColumn("v", Type::kDate),
       {{0, "0001-01-01"},
        {day * 642'461, "1760-01-01"},
        {day * 719'162, "1970-01-01"},
        {day * 738'944, "2024-02-29"},
        {day * 693'653, "1900-02-28"},
        {day * 693'654, "1900-03-01"},
        {last_day, "9999-12-31"}}},
      {"Time0", Digits(Type::kTime, 0), {{0, "00:00:00"}, {day - 10'000'000, "23:59:59"}}},
      {"Time3", Digits(Type::kTime, 3), {{10'000, "00:00:00.001"}, {day - 10'000, "23:59:59.999"}}},
      {"Time7", Digits(Type::kTime, 7), {{1, "00:00:00.0000001"}, {day - 1, "23:59:59.9999999"}}},
      {"Timestamp0", Digits(Type::kTimestamp, 0), {{0, "0001-01-01 00:00:00"}}},
      {"Timestamp3", Digits(Type::kTimestamp, 3), {{day * 642'461, "1760-01-01 00:00:00.000"}}},
      {"Timestamp7",
       Digits(Type::kTimestamp, 7),
       {{day * 738'944 + 1, "2024-02-29 00:00:00.0000001"},
        {last_day + day - 1, "9999-12-31 23:59:59.9999999"}}},
      {"TimestampTz0", Digits(Type::kTimestampTz, 0), {{0, "0001-01-01 00:00:00Z"}}},
      {"TimestampTz3",
       Digits(Type::kTimestampTz, 3),
       {{day * 738'944 + day / 2, "2024-02-29 12:00:00.000Z"}}},
      {"TimestampTz7", Digits(Type::kTimestampTz, 7), {{last_day + day - 1, "9999-12-31 23:59:59.9999999Z"}}},
      {"Uuid",
       PlainColumn("v", Type::kUuid),
       {{Blob(std::string(16, '\0')), "00000000-0000-0000-0000-000000000000"},
        {Blob("\x01\x23\x45\x67\x89\xab\xcd\xef\xfe\xdc\xba\x98\x76\x54\x32\x10"),
         "01234567-89ab-cdef-fedc-ba9876543210"}}},
      {"AnyWithoutAffinity",
       AnyColumn("v", Affinity::kBlob),
       {{5, 5},
        {5.0, 5.0},
        {"5", "5"},
        {Blob("5"), Blob("5")},
        {"", ""},
        {Blob(""), Blob("")},
        {-0.0, 0.0},
        {INT64_MIN, INT64_MIN},
        {0.99, 0.99},
        {"[I:5]", "[I:5]"},
        {RawText(std::string("a\0b", 3)), std::string("a\0b", 3)},
        {RawText("\xff\xfe"), "\xff\xfe"}}},
      {"AnyInteger", AnyColumn("v", Affinity::kInteger), Same({5, 5.5, "abc", Blob("5"), INT64_MAX, 1e300})},
      {"AnyReal", AnyColumn("v", Affinity::kReal), Same({0.99, 5.0, "abc", Blob("0.99")})},
      {"AnyNumeric", AnyColumn("v", Affinity::kNumeric), Same({5, 0.5, "abc", Blob("007")})},
      {"AnyText", AnyColumn("v", Affinity::kText), Same({"007", "1.10", "", Blob("007")})},
  };
}

TEST_P(StoreValues, EveryTypeComesBackWithItsKindAndEveryBit) {
  for (const TypeCase& test : TypeCases()) {
    SCOPED_TRACE(test.name);
    Column column = test.column;
    column.name = "v";
    const TableSchema table = NamedTable("t", {KeyColumn("id", Type::kInt32), column});
    Rows sent = {{0, nullptr}}, want = {{0, nullptr}};
    for (const auto& [in, out] : test.values) {
      sent.push_back({static_cast<int>(sent.size()), in});
      want.push_back({static_cast<int>(want.size()), out});
    }
    Create(table);
    ASSERT_THAT(Insert(table, sent).status, IsOk());
    EXPECT_EQ(Visible(table), want);
    CopiedMirror copy(*store_);
    ExpectSameMirror(*store_, copy.store());
    if (!Lacks(Capability::kSqlite)) {
      EXPECT_EQ(ReadMirror(copy.path(), table), want);
    }
    if (!Lacks(Capability::kPartnerSql) && PostgresServer::WhyNot().empty()) {
      PostgresCopy there(*store_);
      ExpectSameMirror(*store_, there.store(), Same::kButNextIds);
      EXPECT_EQ(there.backend().Visible(table), want);
    }

    // The same by an update of rows that held NULL.
    Rows nulls = sent;
    for (Row& row : nulls) row[1] = nullptr;
    ASSERT_THAT(Write(table, Operation::kUpdate, nulls).status, IsOk());
    ASSERT_THAT(Write(table, Operation::kUpdate, sent).status, IsOk());
    EXPECT_EQ(Visible(table), want);
    Drop("t");
  }
}

TEST_P(StoreValues, EveryTypeServesAsKey) {
  for (const TypeCase& test : TypeCases()) {
    if (test.name == "NegativeZeroIsZero" || test.name == "AnyWithoutAffinity")
      continue;  // Hold a key twice.
    SCOPED_TRACE(test.name);
    Column column = test.column;
    column.name = "v";
    column.key_position = 1;
    column.nullable = false;
    const TableSchema table = NamedTable("t", {column, PlainColumn("n", Type::kInt32)});
    if (HasAnyInKey(table) && Refuses(table)) continue;
    Rows sent, updated, keys, want;
    for (const auto& [in, out] : test.values) {
      const int n = static_cast<int>(sent.size());
      sent.push_back({in, n});
      updated.push_back({in, n + 100});
      keys.push_back({in});
      want.push_back({out, n + 100});
    }
    Create(table);
    ASSERT_THAT(Insert(table, sent).status, IsOk());
    ASSERT_THAT(Write(table, Operation::kUpdate, updated).status, IsOk());
    EXPECT_EQ(Visible(table), Sorted(want));
    ASSERT_THAT(Write(table, Operation::kDelete, keys).status, IsOk());
    EXPECT_THAT(Visible(table), IsEmpty());
    EXPECT_EQ(RowCount("t"), 0);
    Drop("t");
  }
}

TEST_P(StoreValues, EmptyTextNullAndNoBytesAreThreeThings) {
  const TableSchema table = NamedTable(
      "t", {KeyColumn("id", Type::kInt32), PlainColumn("t", Type::kText), PlainColumn("b", Type::kBytes)});
  Create(table);
  const Rows rows = {{1, "", Blob("")}, {2, nullptr, nullptr}, {3, "x", Blob("x")}};
  ASSERT_THAT(Insert(table, rows).status, IsOk());
  EXPECT_EQ(Visible(table), rows);
}

TEST_P(StoreValues, AWideTableComesBackWhole) {
  std::vector<Column> columns = {KeyColumn("id", Type::kInt64)};
  Row row = {1};
  for (int i = 0; i < 999; ++i) {
    columns.push_back(PlainColumn("c" + std::to_string(i), i % 2 == 0 ? Type::kInt32 : Type::kText));
    row.push_back(i % 2 == 0 ? Cell(i) : Cell(std::to_string(i)));
  }
  const TableSchema table = NamedTable("wide", columns);
  Create(table);
  ASSERT_THAT(Insert(table, {row}).status, IsOk());
  EXPECT_THAT(Visible(table), ElementsAre(row));
}

TEST_P(StoreValues, ATableOfTheMostColumnsThatAreAllowedComesBackWhole) {
  std::vector<Column> columns = {KeyColumn("id", Type::kInt64)};
  Row row = {1};
  for (int i = 1; i < 2'000; ++i) {
    columns.push_back(PlainColumn("c" + std::to_string(i), Type::kInt32));
    row.push_back(i);
  }
  const TableSchema table = NamedTable("wide", columns);
  if (Refuses(table)) GTEST_SKIP() << ToString(Capability::kEveryTable);
  Create(table);
  ASSERT_THAT(Insert(table, {row}).status, IsOk());
  ASSERT_THAT(Write(table, Operation::kUpdate, {row}).status, IsOk());
  EXPECT_THAT(Visible(table), ElementsAre(row));
}

// --- Values in parts
// ----------------------------------------------------------------------------------------

TableSchema Photos(Type key = Type::kInt64) {
  Column note = PlainColumn("note", Type::kText);
  note.length = 600;
  return NamedTable("photos", {KeyColumn("id", key), PlainColumn("photo", Type::kBytes), note,
                               AnyColumn("any", Affinity::kBlob), PlainColumn("n", Type::kInt32)});
}

TEST_P(StoreValues, AValueInPartsIsPutTogetherAndItsPartsAreForgotten) {
  const std::string bytes = std::string(500, '\0') + std::string(400, '\xff'), text(600, 't');
  for (const Type key : {Type::kInt64, Type::kText}) {
    for (const bool in_shadow : {false, true}) {
      const TableSchema table = Photos(key);
      const Cell id = key == Type::kInt64 ? Cell(7) : Cell("7");
      Create(table);
      if (in_shadow) {
        ASSERT_THAT(Run(StepAt("photos", 1, {BeginShadow{table, kCycle}})).status, IsOk());
      }
      ASSERT_THAT(Part("photos", 1, 0, bytes.substr(0, 450)).status, IsOk());
      ASSERT_THAT(Part("photos", 2, 0, text.substr(0, 600)).status, IsOk());
      ASSERT_THAT(Part("photos", 1, 450, bytes.substr(450)).status, IsOk());
      EXPECT_THAT(backend_->Leftovers()[1], 2);

      const Row sent = {id, Large(1, 900), Large(2, 600, Kind::kText), nullptr, 1};
      ASSERT_THAT(Write(table, {.rows = {sent}}, in_shadow).status, IsOk());

      EXPECT_THAT(backend_->Leftovers()[1], 0);
      if (in_shadow) {
        ASSERT_THAT(Run(StepAt("photos", 9, {SwapShadow{}})).status, IsOk());
      }
      EXPECT_THAT(Visible(table), ElementsAre(Row{id, Blob(bytes), text, nullptr, 1}));
      EXPECT_EQ(RowCount("photos"), 1);
      // An update, and a value of ANY.
      ASSERT_THAT(Part("photos", 3, 0, "12345").status, IsOk());
      ASSERT_THAT(Part("photos", 4, 0, "67890").status, IsOk());
      ASSERT_THAT(Write(table, Operation::kUpdate, {{id, Large(3, 5), Large(4, 5, Kind::kText)}},
                        {"id", "photo", "any"})
                      .status,
                  IsOk());
      EXPECT_THAT(Visible(table), ElementsAre(Row{id, Blob("12345"), text, "67890", 1}));
      ASSERT_THAT(Part("photos", 5, 0, "abcde").status, IsOk());
      ASSERT_THAT(Insert(table, {{id, Large(5, 5), text, nullptr, 2}}).status, IsOk());
      EXPECT_EQ(RowCount("photos"), 1) << "that row was there";
      Drop("photos");
    }
  }
}

TEST_P(StoreValues, SeveralValuesInPartsOfOneBatchEachFindTheirRow) {
  const TableSchema table = Photos();
  Create(table);
  Rows rows;
  for (int i = 0; i < 5; ++i) {
    ASSERT_THAT(Part("photos", static_cast<std::uint64_t>(10 + i), 0,
                     std::string(static_cast<std::size_t>(i + 1), static_cast<char>('a' + i)))
                    .status,
                IsOk());
    rows.push_back({9 - i, Large(static_cast<std::uint64_t>(10 + i), static_cast<std::uint64_t>(i + 1)),
                    nullptr, nullptr, i});
  }
  rows.push_back({100, Blob("small"), "x", 5, 5});

  ASSERT_THAT(Insert(table, rows).status, IsOk());

  EXPECT_EQ(RowCount("photos"), 6);
  EXPECT_THAT(
      Visible(table),
      ElementsAre(Row{5, Blob("eeeee"), nullptr, nullptr, 4}, Row{6, Blob("dddd"), nullptr, nullptr, 3},
                  Row{7, Blob("ccc"), nullptr, nullptr, 2}, Row{8, Blob("bb"), nullptr, nullptr, 1},
                  Row{9, Blob("a"), nullptr, nullptr, 0}, Row{100, Blob("small"), "x", 5, 5}));
}

TEST_P(StoreValues, PartsComeInOrderAndOneThatIsThereAlreadyIsNoError) {
  Create(Photos());
  EXPECT_THAT(Part("photos", 1, 3, "def").status, StatusIs(absl::StatusCode::kFailedPrecondition));
  ASSERT_THAT(Part("photos", 1, 0, "abc").status, IsOk());
  EXPECT_THAT(Part("photos", 1, 4, "efg").status, StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(Part("photos", 1, 2, "cd").status, StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(Part("photos", 1, std::uint64_t{1} << 63, "d").status,
              StatusIs(absl::StatusCode::kFailedPrecondition));
  ASSERT_THAT(Part("photos", 1, 3, "def").status, IsOk());
  ASSERT_THAT(Part("photos", 1, 0, "abc").status, IsOk());
  ASSERT_THAT(Part("photos", 1, 3, "def").status, IsOk());

  ASSERT_THAT(Insert(Photos(), {{1, Large(1, 6), nullptr, nullptr, 1}}).status, IsOk());

  EXPECT_THAT(Visible(Photos()), ElementsAre(Row{1, Blob("abcdef"), nullptr, nullptr, 1}));
}

TEST_P(StoreValues, ABatchWhoseValueIsNotCompleteIsRefusedAndCanBeSentAgain) {
  struct Case {
    std::string name;
    std::string there;
    std::uint64_t size;
  };
  Create(Photos());
  Create(Pairs());
  ASSERT_THAT(Insert(Photos(), {{1, Blob("old"), "old", nullptr, 1}}).status, IsOk());
  ASSERT_THAT(Part("pairs", 9, 0, "of another table").status, IsOk());
  ASSERT_THAT(Part("photos", 1, 0, "abc").status, IsOk());
  for (const auto& [id, size] : std::vector<std::pair<int, int>>{{1, 6}, {1, 2}, {8, 3}, {9, 16}}) {
    SCOPED_TRACE(id);
    const Rows rows = {
        {0, Blob("x"), "x", nullptr, 1},
        {1, Large(static_cast<std::uint64_t>(id), static_cast<std::uint64_t>(size)), "new", nullptr, 2}};
    EXPECT_THAT(Insert(Photos(), rows).status, StatusIs(absl::StatusCode::kFailedPrecondition));
    EXPECT_THAT(Visible(Photos()), ElementsAre(Row{1, Blob("old"), "old", nullptr, 1}));
  }
  ASSERT_THAT(Part("photos", 1, 3, "def").status, IsOk());
  EXPECT_THAT(Insert(Photos(), {{1, Large(1, 6), "new", nullptr, 2}}).status, IsOk());
  EXPECT_THAT(Visible(Photos()), ElementsAre(Row{1, Blob("abcdef"), "new", nullptr, 2}));
}

TEST_P(StoreValues, PartsOfAnotherCycleAreNotUsed) {
  Create(Photos());
  ASSERT_THAT(Part("photos", 1, 0, "abc", kCycle - 1).status, IsOk());
  EXPECT_THAT(Insert(Photos(), {{1, Large(1, 3), nullptr, nullptr, 1}}).status,
              StatusIs(absl::StatusCode::kFailedPrecondition));
}

TEST_P(StoreValues, PartsThatDoNotMakeATextAreRefused) {
  Create(Photos());
  const std::vector<std::string> wrong = {std::string("a\0b", 3), "\xff", std::string(601, 'x'), "\xe6\x97"};
  std::uint64_t id = 1;
  for (const std::string& text : wrong) {
    ASSERT_THAT(Part("photos", id, 0, text).status, IsOk());
    const StepResult result =
        Insert(Photos(), {{1, Blob(""), Large(id, text.size(), Kind::kText), nullptr, 1}});
    EXPECT_THAT(result.status, StatusIs(absl::StatusCode::kInvalidArgument));
    ++id;
  }
  EXPECT_THAT(Visible(Photos()), IsEmpty());
  // A character may be cut by the border of two parts.
  ASSERT_THAT(Part("photos", id, 0, "\xe6\x97").status, IsOk());
  ASSERT_THAT(Part("photos", id, 2, "\xa5").status, IsOk());
  EXPECT_THAT(Insert(Photos(), {{1, Blob(""), Large(id, 3, Kind::kText), nullptr, 1}}).status, IsOk());
}

TEST_P(StoreValues, RawTextInPartsMayHoldAnyBytes) {
  Create(Photos());
  const std::string raw("a\0\xff", 3);
  ASSERT_THAT(Part("photos", 1, 0, raw).status, IsOk());
  ASSERT_THAT(Insert(Photos(), {{1, nullptr, nullptr, Large(1, 3, Kind::kRawText), 1}}).status, IsOk());
  EXPECT_THAT(Visible(Photos()), ElementsAre(Row{1, nullptr, nullptr, raw, 1}));
}

TEST_P(StoreValues, PartsOverTheLimitAreRefusedForOneValueAndForAllThatWait) {
  Create(Photos());
  const std::string limit(kValueBytesMax, 'x');
  ASSERT_THAT(Part("photos", 1, 0, limit).status, IsOk());
  EXPECT_THAT(Part("photos", 1, kValueBytesMax, "x").status, StatusIs(absl::StatusCode::kResourceExhausted));
  ASSERT_THAT(Part("photos", 2, 0, limit).status, IsOk());
  EXPECT_THAT(Part("photos", 3, 0, "x").status, StatusIs(absl::StatusCode::kResourceExhausted));

  ASSERT_THAT(Insert(Photos(), {{1, Large(1, kValueBytesMax), nullptr, nullptr, 1}}).status, IsOk());

  EXPECT_THAT(Part("photos", 3, 0, "x").status, IsOk()) << "room that a batch made";
}

TEST_P(StoreValues, AnUpdateWithALargeValueNamesEveryRowThatIsMissing) {
  const TableSchema table = Photos();
  Create(table);
  ASSERT_THAT(Insert(table, {{2, Blob("old"), nullptr, nullptr, 1}}).status, IsOk());
  ASSERT_THAT(Part("photos", 1, 0, "abc").status, IsOk());
  ASSERT_THAT(Part("photos", 2, 0, "def").status, IsOk());

  const StepResult result =
      Write(table, Operation::kUpdate, {{1, Large(1, 3)}, {2, Large(2, 3)}, {3, Blob("x")}}, {"id", "photo"});

  EXPECT_THAT(result.status, StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(result.missing_rows, ElementsAre(0, 2));
  EXPECT_THAT(Visible(table), ElementsAre(Row{2, Blob("old"), nullptr, nullptr, 1}));
}

}  // namespace
}  // namespace mirror::store_values_test
