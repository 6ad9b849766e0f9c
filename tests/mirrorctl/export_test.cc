// What 'mirrorctl export' makes of rows, and which file it leaves.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "proto/wire/codec.h"
#include "tests/base/parquet/parquet_reading.h"
#include "tests/mirrorctl/admin_endpoint.h"
#include "tests/support/rows.h"
#include "tools/mirrorctl/export_file.h"
#include "tools/mirrorctl/parquet_output.h"
#include "tools/mirrorctl/row_output.h"

namespace mirror::export_test {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

/// 1970-01-01 as it travels: units of 100 ns since the year 1.
constexpr std::int64_t k1970 = 621'355'968'000'000'000, kSecond = 10'000'000;

Column WithPrecision(std::string name, Type type, std::uint32_t precision, std::uint32_t scale = 0) {
  Column column = PlainColumn(std::move(name), type);
  column.precision = precision;
  column.scale = scale;
  return column;
}

using MakeOutput = std::unique_ptr<RowOutput> (*)(const TableSchema&, ByteSink);

std::unique_ptr<RowOutput> SmallGroups(const TableSchema& table, ByteSink sink) {
  return ParquetOutput(table, std::move(sink), {.rows = 2});
}

std::string FileOf(const TableSchema& table, const Rows& rows, MakeOutput make) {
  std::string file;
  const std::unique_ptr<RowOutput> output = make(table, [&](std::string_view bytes) {
    file.append(bytes);
    return absl::OkStatus();
  });
  EXPECT_THAT(output->Begin(), IsOk());
  if (!rows.empty()) {
    const TestBatch made = MakeBatch(table, {.rows = rows});
    EXPECT_THAT(made.batch, IsOk());
    if (!made.batch.ok()) return "";
    EXPECT_THAT(output->Write(made.batch->columns, made.batch->row_count), IsOk());
  }
  EXPECT_THAT(output->End({{"mirror_lsn", "7"}}), IsOk());
  return file;
}

TEST(CsvOutputTest, NullIsEmptyAndAnEmptyTextIsQuoted) {
  EXPECT_EQ(FileOf(People(), {{1, "Ada", 36}, {2, "", nullptr}, {3, nullptr, 0}}, CsvOutput),
            "id,name,age\r\n1,Ada,36\r\n2,\"\",\r\n3,,0\r\n");
  EXPECT_EQ(FileOf(People(), {}, CsvOutput), "id,name,age\r\n");
}

TEST(CsvOutputTest, WhatHasTheFormatsOwnCharactersIsQuoted) {
  EXPECT_EQ(FileOf(People(), {{1, "a,\"b\"\r\nc", 1}, {2, " x\n", 2}, {3, "\r", 3}}, CsvOutput),
            "id,name,age\r\n1,\"a,\"\"b\"\"\r\nc\",1\r\n2,\" x\n\",2\r\n3,\"\r\",3\r\n");
  EXPECT_THAT(FileOf(NamedTable("t", {KeyColumn("a \"b\", c", Type::kInt64)}), {}, CsvOutput),
              "\"a \"\"b\"\", c\"\r\n");
}

TEST(CsvOutputTest, EachTypeHasItsText) {
  const TableSchema table = NamedTable(
      "t", {KeyColumn("id", Type::kInt64), PlainColumn("b", Type::kBool), PlainColumn("d", Type::kDouble),
            WithPrecision("n", Type::kDecimal, 10, 2), PlainColumn("x", Type::kBytes),
            PlainColumn("day", Type::kDate), WithPrecision("at", Type::kTimestamp, 3),
            PlainColumn("u", Type::kUuid), PlainColumn("any", Type::kAny)});
  const Row row = {1,
                   1,
                   0.1,
                   "-12.50",
                   Blob(std::string("\0\xFF", 2)),
                   k1970,
                   k1970 + kSecond,
                   Blob(std::string(16, '\x11')),
                   Blob("ab")};
  EXPECT_EQ(FileOf(table, {row}, CsvOutput),
            "id,b,d,n,x,day,at,u,any,any_kind\r\n"
            "1,true,0.1,-12.50,AP8=,1970-01-01,1970-01-01 00:00:01.000,"
            "11111111-1111-1111-1111-111111111111,YWI=,blob\r\n");
}

TEST(CsvOutputTest, AnyHasItsKindBesideItUnderANameThatIsFree) {
  const TableSchema table = NamedTable(
      "t", {KeyColumn("id", Type::kInt64), PlainColumn("v", Type::kAny), PlainColumn("V_KIND", Type::kText)});
  EXPECT_EQ(
      FileOf(table,
             {{1, 7, nullptr}, {2, "7", "x"}, {3, 0.5, "y"}, {4, nullptr, "z"}, {5, RawText("\xFF"), "r"}},
             CsvOutput),
      "id,v,v_kind_,V_KIND\r\n1,7,integer,\r\n2,7,text,x\r\n3,0.5,real,y\r\n4,,,z\r\n"
      "5,/w==,raw_text,r\r\n");
}

TEST(JsonLinesOutputTest, RowsAreThoseOfTheHttpDoor) {
  EXPECT_EQ(FileOf(People(), {{1, "A\"da\n", 36}, {2, nullptr, nullptr}}, JsonLinesOutput),
            "{\"id\":\"1\",\"name\":\"A\\\"da\\n\",\"age\":36}\n{\"id\":\"2\",\"name\":null,\"age\":null}\n");
  EXPECT_EQ(FileOf(People(), {}, JsonLinesOutput), "");
}

/// The value of a nullable column that it stands in first.
std::string Stored(const Column& column, const Cell& cell) {
  const TableSchema table = NamedTable("t", {KeyColumn("id", Type::kInt64), column});
  const std::string file = FileOf(table, {{1, cell}, {2, nullptr}, {3, cell}}, SmallGroups);
  const ParquetReading reading(file);
  EXPECT_THAT(reading.groups(), SizeIs(2));
  const ParquetValues values = reading.Column(1);
  EXPECT_EQ(values.size(), 3U);
  if (values.size() != 3) return "";
  EXPECT_EQ(values[1], std::nullopt);
  EXPECT_EQ(values[0], values[2]);
  return values[0].value_or("NULL");
}

std::string Little(std::int64_t value, int bytes) {
  std::string text;
  for (int i = 0; i < bytes; ++i) text.push_back(static_cast<char>(value >> (8 * i)));
  return text;
}

std::string Hex(std::string_view bytes) {
  return absl::BytesToHexString(absl::string_view(bytes.data(), bytes.size()));
}

TEST(ParquetOutputTest, ValuesStandAsTheirTypesSay) {
  EXPECT_EQ(Stored(PlainColumn("v", Type::kBool), 1), "\1");
  EXPECT_EQ(Stored(PlainColumn("v", Type::kInt16), -2), Little(-2, 4));
  EXPECT_EQ(Stored(PlainColumn("v", Type::kInt64), INT64_MIN), Little(INT64_MIN, 8));
  EXPECT_EQ(Hex(Stored(PlainColumn("v", Type::kFloat), 1.5)), "0000c03f");
  EXPECT_EQ(Hex(Stored(PlainColumn("v", Type::kDouble), 1.5)), "000000000000f83f");
  EXPECT_EQ(Stored(PlainColumn("v", Type::kText), "ä"), "ä");
  EXPECT_EQ(Stored(PlainColumn("v", Type::kText), ""), "");
  EXPECT_EQ(Stored(PlainColumn("v", Type::kBytes), Blob("\xFF")), "\xFF");
  EXPECT_EQ(Stored(PlainColumn("v", Type::kUuid), Blob(std::string(16, 'u'))), std::string(16, 'u'));
}

TEST(ParquetOutputTest, TimesCountFrom1970) {
  EXPECT_EQ(Stored(PlainColumn("v", Type::kDate), k1970), Little(0, 4));
  EXPECT_EQ(Stored(PlainColumn("v", Type::kDate), 0), Little(-719'162, 4)) << "0001-01-01";
  EXPECT_EQ(Stored(WithPrecision("v", Type::kTime, 6), kSecond + 10), Little(1'000'001, 8));
  EXPECT_EQ(Stored(WithPrecision("v", Type::kTime, 7), kSecond + 1), Little(1'000'000'100, 8));
  EXPECT_EQ(Stored(WithPrecision("v", Type::kTimestamp, 6), k1970 - kSecond), Little(-1'000'000, 8));
  EXPECT_EQ(Stored(WithPrecision("v", Type::kTimestampTz, 0), k1970 + kSecond), Little(1'000'000, 8));
  EXPECT_EQ(Stored(WithPrecision("v", Type::kTimestamp, 7), k1970 + 1), "1970-01-01 00:00:00.0000001")
      << "no type of Parquet has it for all years";
}

TEST(ParquetOutputTest, DecimalsAreWholeNumbersOfTheirLastDigit) {
  const Column small = WithPrecision("v", Type::kDecimal, 18, 2);
  EXPECT_EQ(Stored(small, "-12.50"), Little(-1'250, 8));
  EXPECT_EQ(Stored(small, "-12.5"), Little(-1'250, 8));
  EXPECT_EQ(Stored(small, "7"), Little(700, 8));
  EXPECT_EQ(Stored(small, "9999999999999999.99"), Little(999'999'999'999'999'999, 8));
  const Column large = WithPrecision("v", Type::kDecimal, 38, 0);
  EXPECT_EQ(Hex(Stored(large, "1")), "00000000000000000000000000000001");
  EXPECT_EQ(Hex(Stored(large, "-1")), "ffffffffffffffffffffffffffffffff");
  EXPECT_EQ(Hex(Stored(large, "99999999999999999999999999999999999999")), "4b3b4ca85a86c47a098a223fffffffff");
  EXPECT_EQ(Stored(WithPrecision("v", Type::kDecimal, 39, 0), "123"), "123") << "as text";
}

TEST(ParquetOutputTest, AnyIsTextWithItsKind) {
  const TableSchema table = NamedTable("t", {KeyColumn("id", Type::kInt64), PlainColumn("v", Type::kAny)});
  const std::string file =
      FileOf(table, {{1, 7}, {2, "7"}, {3, 0.5}, {4, nullptr}, {5, Blob("ab")}}, SmallGroups);
  const ParquetReading reading(file);
  EXPECT_EQ(reading.element(2).at(4).text, "v_kind");
  EXPECT_THAT(reading.Column(1), ElementsAre("7", "7", "0.5", std::nullopt, "YWI="));
  EXPECT_THAT(reading.Column(2), ElementsAre("integer", "text", "real", std::nullopt, "blob"));
  EXPECT_EQ(reading.footer().at(5).list.at(0).at(1).text, "mirror_lsn");
}

TEST(ExportFileTest, HasItsNameWhenItIsWholeAndNotBefore) {
  const TempFolder folder;
  const std::string path = folder.path() + "/t.csv", part = path + ".part";
  WriteFileText(part, "what a killed one left, longer than the next");
  {
    const auto file = ExportFile::Begin(path, ExistingFile::kRefuse);
    ASSERT_THAT(file, IsOk());
    ASSERT_THAT((*file)->Write("rows"), IsOk());
    EXPECT_FALSE(std::filesystem::exists(path));
    EXPECT_TRUE(std::filesystem::exists(part));
    EXPECT_THAT(ExportFile::Begin(path, ExistingFile::kRefuse),
                StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("another export")));
    ASSERT_THAT((*file)->Finish(), IsOk());
    EXPECT_FALSE(std::filesystem::exists(part));
    EXPECT_EQ(ReadFileText(path), "rows");
  }
  EXPECT_THAT(ExportFile::Begin(path, ExistingFile::kRefuse),
              StatusIs(absl::StatusCode::kAlreadyExists, AllOf(HasSubstr(path), HasSubstr("--replace"))));
  {
    const auto file = ExportFile::Begin(path, ExistingFile::kReplace);
    ASSERT_THAT(file, IsOk());
    ASSERT_THAT((*file)->Write("half of it"), IsOk());
  }
  EXPECT_FALSE(std::filesystem::exists(part));
  EXPECT_EQ(ReadFileText(path), "rows") << "until the new one is whole";
  const auto file = ExportFile::Begin(path, ExistingFile::kReplace);
  ASSERT_THAT(file, IsOk());
  ASSERT_THAT((*file)->Write("new"), IsOk());
  ASSERT_THAT((*file)->Finish(), IsOk());
  EXPECT_EQ(ReadFileText(path), "new");
  EXPECT_EQ(std::filesystem::status(path).permissions() & std::filesystem::perms::mask,
            std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
}

TEST(ExportFileTest, SomebodyElsesFileIsNotReplaced) {
  const TempFolder folder;
  const std::string path = folder.path() + "/t.csv";
  const auto file = ExportFile::Begin(path, ExistingFile::kRefuse);
  ASSERT_THAT(file, IsOk());
  WriteFileText(path, "of another");
  EXPECT_THAT((*file)->Finish(), StatusIs(absl::StatusCode::kAlreadyExists));
  EXPECT_EQ(ReadFileText(path), "of another");
  EXPECT_THAT(ExportFile::Begin(folder.path(), ExistingFile::kReplace),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("is not a regular file")));
  EXPECT_THAT(ExportFile::Begin(folder.path() + "/none/t.csv", ExistingFile::kRefuse),
              StatusIs(absl::StatusCode::kUnavailable));
}

class ExportCommand : public AdminEndpoint {
 protected:
  void SetUp() override {
    AdminEndpoint::SetUp();
    v1::ExportHeader& header = *fake_.exported.emplace_back().mutable_header();
    header.set_context_id("Cust");
    EncodeTable(People(), header.mutable_table());
    header.mutable_position()->set_lsn(7);
    header.set_schema_hash("abc");
    header.set_row_count(3);
    AddRows({{1, "Ada", 36}, {2, nullptr, 7}});
    AddRows({{3, "Cid", 1}});
    fake_.exported.emplace_back().mutable_end()->set_rows(3);
  }
  void AddRows(const Rows& rows) {
    RowBlock block = RowBlock::ForAll(People());
    for (const Row& row : rows) {
      block.columns[0].AppendInt(row[0].integer);
      if (row[1].kind == Kind::kNull) {
        block.columns[1].AppendNull();
      } else {
        block.columns[1].AppendBytes(row[1].bytes);
      }
      block.columns[2].AppendInt(row[2].integer);
    }
    v1::ReadRowsResponse encoded;
    EncodeRows(block, &encoded);
    v1::ExportRows& message = *fake_.exported.emplace_back().mutable_rows();
    message.set_row_count(encoded.row_count());
    message.mutable_columns()->Swap(encoded.mutable_columns());
  }
  std::vector<std::string> Words(const std::string& format = "csv") const {
    return {"export", "Cust", "people", "--format", format, "--out", Out()};
  }
  std::string Out() const { return Path("people.out"); }
  void ExpectNoFile() {
    EXPECT_FALSE(std::filesystem::exists(Out()));
    EXPECT_FALSE(std::filesystem::exists(Out() + ".part"));
  }
};

TEST_F(ExportCommand, WritesTheFileAndSaysWhatItIs) {
  const Finished run = Run(Words());
  EXPECT_EQ(run.exit_code, 0) << run.errors;
  EXPECT_EQ(ReadFileText(Out()), "id,name,age\r\n1,Ada,36\r\n2,,7\r\n3,Cid,1\r\n");
  EXPECT_THAT(run.output, AllOf(HasSubstr("people: 3 rows"), HasSubstr("as of LSN 7"), HasSubstr(Out())));
  EXPECT_THAT(fake_.Calls(), ElementsAre("ExportTable context_id: \"Cust\" table: \"people\""));
  const Finished again = Run(Words());
  EXPECT_EQ(again.exit_code, 1);
  EXPECT_THAT(again.errors, HasSubstr("exists already"));
  EXPECT_THAT(fake_.Calls(), SizeIs(1)) << "the server is not asked for nothing";
  std::vector<std::string> words = Words("ndjson");
  words.push_back("--replace");
  EXPECT_EQ(Run(words).exit_code, 0);
  EXPECT_THAT(ReadFileText(Out()), HasSubstr("{\"id\":\"2\",\"name\":null,\"age\":7}\n"));
}

TEST_F(ExportCommand, ParquetSaysAsOfWhenItIs) {
  ASSERT_EQ(Run(Words("parquet")).exit_code, 0);
  const std::string file = ReadFileText(Out());
  const ParquetReading reading(file);
  EXPECT_THAT(reading.Column(1), ElementsAre("Ada", std::nullopt, "Cid"));
  std::vector<std::string> notes;
  for (const ThriftValue& note : reading.footer().at(5).list) {
    notes.push_back(absl::StrCat(note.at(1).text, "=", note.at(2).text));
  }
  EXPECT_THAT(notes, ElementsAre("mirror_context_id=Cust", "mirror_table=people", "mirror_lsn=7",
                                 "mirror_schema_hash=abc", "mirror_exported_ms=0"));
}

TEST_F(ExportCommand, StdoutHasTheRowsAlone) {
  const Finished run = Run({"export", "Cust", "people", "--format", "csv", "--out", "-"});
  EXPECT_EQ(run.exit_code, 0);
  EXPECT_EQ(run.output, "id,name,age\r\n1,Ada,36\r\n2,,7\r\n3,Cid,1\r\n");
  EXPECT_THAT(run.errors, HasSubstr("3 rows"));
  const Finished parquet = Run({"export", "Cust", "people", "--format", "parquet", "--out", "-"});
  EXPECT_EQ(parquet.exit_code, 2);
  EXPECT_THAT(parquet.errors, HasSubstr("cannot be written to stdout"));
}

TEST_F(ExportCommand, WhatIsNotWholeLeavesNoFile) {
  fake_.export_end = {grpc::StatusCode::UNAVAILABLE, "the disk failed. Ask again."};
  const Finished failed = Run(Words());
  EXPECT_EQ(failed.exit_code, 1);
  EXPECT_THAT(failed.errors, HasSubstr("the disk failed"));
  ExpectNoFile();
  fake_.export_end = grpc::Status::OK;
  const v1::ExportPart end = fake_.exported.back();
  fake_.exported.pop_back();
  const Finished cut = Run(Words());
  EXPECT_EQ(cut.exit_code, 1);
  EXPECT_THAT(cut.errors, HasSubstr("only some of the rows"));
  ExpectNoFile();
  fake_.exported.pop_back();
  fake_.exported.push_back(end);
  EXPECT_THAT(Run(Words()).errors, HasSubstr("another number of rows"));
  ExpectNoFile();
}

TEST_F(ExportCommand, AnInterruptionLeavesNoFile) {
  fake_.export_waits = true;
  for (const int signal : {SIGINT, SIGTERM}) {
    std::vector<std::string> words = Words("parquet");
    words.insert(words.begin(), {"--config", Config()});
    auto process = Process::Start({kBinary, words, {}, "", Path("err")});
    ASSERT_THAT(process, IsOk());
    ASSERT_TRUE(fake_.exports_came.try_acquire_for(kPatience));
    EXPECT_TRUE(std::filesystem::exists(Out() + ".part"));
    (*process)->Signal(signal);
    EXPECT_THAT((*process)->Wait(), IsOkAndHolds(1));
    EXPECT_THAT((*process)->Errors(), HasSubstr("interrupted"));
    ExpectNoFile();
  }
}

TEST_F(ExportCommand, AKilledOneLeavesNoFileAndIsWrittenOver) {
  fake_.export_waits = true;
  std::vector<std::string> words = Words();
  words.insert(words.begin(), {"--config", Config()});
  auto process = Process::Start({kBinary, words, {}, "", Path("err")});
  ASSERT_THAT(process, IsOk());
  ASSERT_TRUE(fake_.exports_came.try_acquire_for(kPatience));
  EXPECT_THAT(Run(Words()).errors, HasSubstr("another export"));
  (*process)->Signal(SIGKILL);
  EXPECT_THAT((*process)->Wait(), IsOkAndHolds(128 + SIGKILL));
  EXPECT_FALSE(std::filesystem::exists(Out()));
  fake_.export_waits = false;
  EXPECT_EQ(Run(Words()).exit_code, 0);
  EXPECT_THAT(ReadFileText(Out()), HasSubstr("3,Cid,1"));
  EXPECT_FALSE(std::filesystem::exists(Out() + ".part"));
}

TEST_F(ExportCommand, TheServersRefusalIsShown) {
  fake_.refusal = {grpc::StatusCode::UNIMPLEMENTED, "this server keeps no history of table 'people'."};
  std::vector<std::string> words = Words();
  words.push_back("--history");
  const Finished run = Run(words);
  EXPECT_EQ(run.exit_code, 1);
  EXPECT_THAT(run.errors, HasSubstr("keeps no history"));
  EXPECT_THAT(fake_.Calls(), ElementsAre("ExportTable context_id: \"Cust\" table: \"people\" history: true"));
  ExpectNoFile();
  words.insert(words.end(), {"--as-of", "7"});
  EXPECT_EQ(Run(words).exit_code, 2) << "not both";
}

}  // namespace
}  // namespace mirror::export_test
