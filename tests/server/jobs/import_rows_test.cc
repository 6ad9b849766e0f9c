// What the real mirror-import makes of files that people have.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/server/jobs/read_import.h"
#include "tests/support/status_matchers.h"
#include "tests/support/workbook/workbook_file.h"

namespace mirror::import_rows_test {
namespace {

using testing::ElementsAre;
using testing::Field;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

class ImportRowsTest : public testing::Test {
 protected:
  ImportSeen Csv(const std::string& bytes) {
    const std::string path = folder_.path() + "/file.csv";
    WriteFileText(path, bytes);
    return ReadImport(path);
  }
  ImportSeen Xlsx(const std::string& sheet, const std::string& shared = "") {
    const std::string path = folder_.path() + "/file.xlsx";
    WriteZip(path, WorkbookMembers(sheet, shared));
    return ReadImport(path);
  }
  const TempFolder folder_;
};

TEST_F(ImportRowsTest, ACsvFileGivesItsRowsWithTheirLines) {
  const ImportSeen seen =
      Csv("\xef\xbb\xbf"
          "id;name;city\r\n0053;Ada;\"Köln;\nam Rhein\"\r\n\r\n0054;;\"\"\r\n");
  ASSERT_THAT(seen.error, IsOk());
  ASSERT_TRUE(seen.header);
  EXPECT_THAT(seen.header->columns, ElementsAre("id", "name", "city"));
  EXPECT_FALSE(seen.header->workbook);
  EXPECT_THAT(seen.rows, ElementsAre(ElementsAre("2", "0053", "Ada", "Köln;\nam Rhein"),
                                     ElementsAre("5", "0054", "-", "")));
  EXPECT_EQ(seen.end->outcome, ImportOutcome::kDone);
  EXPECT_EQ(seen.end->rows, 2U);
  EXPECT_EQ(seen.end->rejects, 0U);
}

TEST_F(ImportRowsTest, AWorkbookOfTheSameRowsGivesTheSame) {
  const ImportSeen csv = Csv("id,name,city\n0053,Ada,Paris\n0054,,Rome\n");
  const ImportSeen xlsx = Xlsx(SheetXml({{TextCell("id"), TextCell("name"), TextCell("city")},
                                         {TextCell("0053"), TextCell("Ada"), SharedCell(0)},
                                         {TextCell("0054"), "", SharedCell(1)}}),
                               "<sst><si><t>Paris</t></si><si><t>Rome</t></si></sst>");
  ASSERT_THAT(xlsx.error, IsOk());
  EXPECT_TRUE(xlsx.header->workbook);
  EXPECT_EQ(xlsx.header->columns, csv.header->columns);
  EXPECT_THAT(xlsx.rows, SizeIs(2));
  EXPECT_EQ(xlsx.rows, csv.rows);
  EXPECT_EQ(xlsx.end->outcome, ImportOutcome::kDone);
}

TEST_F(ImportRowsTest, ACellThatIsNoTextIsMarked) {
  std::vector<std::string> header, cells;
  for (int i = 0; i < 10; ++i) {
    header.push_back(TextCell(absl::StrCat("c", i)));
    cells.push_back(i % 9 == 0 ? NumberCell("53") : TextCell("x"));
  }
  const ImportSeen seen = Xlsx(SheetXml({header, cells}));
  ASSERT_THAT(seen.error, IsOk());
  EXPECT_THAT(seen.rows, ElementsAre(ElementsAre("2", "#53", "x", "x", "x", "x", "x", "x", "x", "x", "#53")));
}

TEST_F(ImportRowsTest, ARowThatIsNoneIsARejectWithItsLine) {
  const ImportSeen seen = Csv("id,name\n1,Ada\n2\n3,B\"o\n\n4,\xff\n5,Eve\n6,\"open\n");
  ASSERT_THAT(seen.error, IsOk());
  EXPECT_THAT(seen.rows, ElementsAre(ElementsAre("2", "1", "Ada"), ElementsAre("7", "5", "Eve")));
  ASSERT_THAT(seen.rejects, SizeIs(4));
  EXPECT_EQ(seen.rejects[0].line, 3U);
  EXPECT_EQ(seen.rejects[0].reason, "it has 1 field, the header 2");
  EXPECT_EQ(seen.rejects[0].raw, "2");
  EXPECT_EQ(seen.rejects[0].Cell(0), "2");
  EXPECT_EQ(seen.rejects[0].CountCells(), 1U);
  EXPECT_EQ(seen.rejects[1].CountCells(), 0U);
  EXPECT_EQ(seen.rejects[2].CountCells(), 2U);
  EXPECT_EQ(seen.rejects[1].line, 4U);
  EXPECT_THAT(seen.rejects[1].reason, HasSubstr("column 'name': a quote is in the wrong place"));
  EXPECT_EQ(seen.rejects[2].line, 6U);
  EXPECT_THAT(seen.rejects[2].reason, HasSubstr("column 'name': it is not UTF-8: save the file as UTF-8"));
  EXPECT_EQ(seen.rejects[2].raw, "4,\xff");
  EXPECT_EQ(seen.rejects[3].line, 8U);
  EXPECT_THAT(seen.rejects[3].reason, HasSubstr("the quote is not closed before the end of the file"));
  EXPECT_EQ(seen.end->rows, 2U);
  EXPECT_EQ(seen.end->rejects, 4U);
}

TEST_F(ImportRowsTest, ACharacterWithTheNumberZeroIsNoText) {
  const ImportSeen seen = Csv("id,name\n1," + std::string(5'000, 'a') + "\n2," + std::string("\0", 1) + "\n");
  ASSERT_THAT(seen.error, IsOk());
  ASSERT_THAT(seen.rejects, SizeIs(1));
  EXPECT_THAT(seen.rejects[0].reason, HasSubstr("a text cannot have a NUL character (code 0)"));
}

TEST_F(ImportRowsTest, ARejectShowsTheBeginningOfItsRow) {
  const ImportSeen seen = Csv("id,name\n1,Ada,\"" + std::string(100'000, 'x') + "\"\n");
  ASSERT_THAT(seen.error, IsOk());
  ASSERT_THAT(seen.rejects, SizeIs(1));
  EXPECT_EQ(seen.rejects[0].raw.size(), kImportRawBytesMax);
  // Of a row that is cut, what stands before the cut is known.
  EXPECT_EQ(seen.rejects[0].CountCells(), 2U);
  EXPECT_EQ(seen.rejects[0].Cell(1), "Ada");
}

TEST_F(ImportRowsTest, ARejectIsCutAtACharacter) {
  std::string umlauts;
  for (int i = 0; i < 5'000; ++i) umlauts += "\xC3\xBC";
  const ImportSeen seen = Csv("id,name\n1,x," + umlauts + "\n");
  ASSERT_THAT(seen.rejects, SizeIs(1));
  EXPECT_EQ(seen.rejects[0].raw, "1,x," + umlauts.substr(0, kImportRawBytesMax - 4));
  const ImportSeen odd = Csv("id,name\n12,x," + umlauts + "\n");
  ASSERT_THAT(odd.rejects, SizeIs(1));
  EXPECT_EQ(odd.rejects[0].raw, "12,x," + umlauts.substr(0, kImportRawBytesMax - 6));
}

TEST_F(ImportRowsTest, ARowOfAWorkbookWithAnErrorIsAReject) {
  const ImportSeen seen = Xlsx(SheetXml({{TextCell("id"), TextCell("n")},
                                         {TextCell("1"), "t=\"e\"><v>#N/A</v></c>"},
                                         {TextCell("2"), NumberCell("7")}}));
  ASSERT_THAT(seen.error, IsOk());
  EXPECT_THAT(seen.rejects, ElementsAre(Field(&ImportReject::line, 2U)));
  EXPECT_THAT(seen.rows, ElementsAre(ElementsAre("3", "2", "#7")));
}

std::string ManyRows(int count) {
  std::string bytes = "id,name\n";
  for (int i = 0; i < count; ++i) {
    absl::StrAppend(&bytes, i, i % 700 == 699 ? "\n" : ",some name that has a few letters\n");
  }
  return bytes;
}

TEST_F(ImportRowsTest, AFileThatIsReadAgainGivesTheSameFrames) {
  const std::string bytes = ManyRows(4'500);
  const ImportSeen first = Csv(bytes), second = Csv(bytes);
  ASSERT_THAT(first.error, IsOk());
  EXPECT_EQ(first.row_count, 4'494U);
  EXPECT_THAT(first.order,
              ElementsAre("rejects 1 1", "rows 1 1000", "rejects 2 1", "rows 2 1000", "rejects 3 2",
                          "rows 3 1000", "rejects 4 1", "rows 4 1000", "rejects 5 1", "rows 5 494"));
  EXPECT_EQ(first.order, second.order);
  EXPECT_EQ(first.rows, second.rows);
}

TEST_F(ImportRowsTest, ProgressGrowsUpToTheSizeOfTheFile) {
  const std::string bytes = ManyRows(50'000);
  const ImportSeen seen = Csv(bytes);
  ASSERT_THAT(seen.error, IsOk());
  ASSERT_GE(seen.progress.size(), 3U);
  for (std::size_t i = 1; i < seen.progress.size(); ++i) {
    EXPECT_GE(seen.progress[i].bytes_read, seen.progress[i - 1].bytes_read);
  }
  EXPECT_EQ(seen.progress.back().bytes_read, bytes.size());
  EXPECT_EQ(seen.progress.back().bytes_total, bytes.size());
}

TEST_F(ImportRowsTest, LargeValuesMakeFramesOfFewerRows) {
  std::string bytes = "id,record\n";
  for (int i = 0; i < 8; ++i) absl::StrAppend(&bytes, i, ",", std::string(3'900'000, 'a'), "\n");
  const ImportSeen seen = Csv(bytes);
  ASSERT_THAT(seen.error, IsOk());
  EXPECT_EQ(seen.row_count, 8U);
  EXPECT_EQ(seen.last_seq, 8U);
  EXPECT_EQ(seen.rows[7][2].size(), 3'900'000U);
}

TEST_F(ImportRowsTest, ManyRejectsComeInSeveralFrames) {
  std::string bytes = "id,name\n";
  for (int i = 0; i < 2'500; ++i) bytes += "x\n";
  const ImportSeen seen = Csv(bytes + "1,Ada\n");
  ASSERT_THAT(seen.error, IsOk());
  EXPECT_THAT(seen.order, ElementsAre("rejects 1 1000", "rejects 1 1000", "rejects 1 500", "rows 1 1"));
}

struct NoTableCase {
  std::string name, bytes, reason;
};

class NoTable : public testing::TestWithParam<NoTableCase> {};

TEST_P(NoTable, CouldNotStartAndSaysWhy) {
  const TempFolder folder;
  const std::string path = folder.path() + "/file";
  WriteFileText(path, GetParam().bytes);
  const ImportSeen seen = ReadImport(path);
  ASSERT_THAT(seen.error, IsOk());
  EXPECT_EQ(seen.end->outcome, ImportOutcome::kCouldNotStart) << seen.end->reason;
  EXPECT_THAT(seen.end->reason, HasSubstr(GetParam().reason));
  EXPECT_THAT(seen.end->reason, testing::Not(HasSubstr("/proc")));
  EXPECT_FALSE(seen.header);
  EXPECT_THAT(seen.rows, IsEmpty());
}

INSTANTIATE_TEST_SUITE_P(
    Import, NoTable,
    testing::Values(
        NoTableCase{"Empty", "", "the file is empty"},
        NoTableCase{"Utf16", "\xff\xfei\1", "is UTF-16: save it as UTF-8"},
        NoTableCase{"OldWorkbook", "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
                    "the old format (.xls), or has a password"},
        NoTableCase{"Picture", std::string("\x89PNG\r\n\x1a\n\0\0\0\rIHDR", 16),
                    "neither CSV nor an Excel workbook"},
        NoTableCase{"Latin1Header",
                    "stra\xdf"
                    "e,ort\n",
                    "the file's header is not UTF-8"},
        NoTableCase{"SameNames", "Ort,name,ORT\n1,2,3\n", "columns 1 and 3 of the header have the same name"},
        NoTableCase{"NoName", "id,,name\n", "column 2 of the header has no name"},
        NoTableCase{"CarriageReturns", "id,name\r1,Ada\r", "lines end with CR alone"},
        NoTableCase{"BrokenHeader", "id,\"na\"me\n", "line 1: the header"},
        NoTableCase{"ZipThatIsNone", "PK\x03\x04zzzzzzzzzzzzzzzzzzzzzzzz", "it is not an Excel workbook"}),
    [](const auto& test) { return test.param.name; });

TEST_F(ImportRowsTest, AWorkbookThatIsNoneSaysWhy) {
  const std::string path = folder_.path() + "/file.xlsx";
  const std::string sheet = SheetXml({{TextCell("id")}, {TextCell("1")}});
  const auto reason = [&](const std::vector<std::pair<std::string, std::string>>& members,
                          const char* password = nullptr) {
    WriteZip(path, members, password);
    const ImportSeen seen = ReadImport(path);
    EXPECT_THAT(seen.error, IsOk());
    EXPECT_EQ(seen.end->outcome, ImportOutcome::kCouldNotStart);
    return seen.reason();
  };
  EXPECT_THAT(reason({{"a.txt", "x"}}), HasSubstr("it has no list of sheets"));
  EXPECT_THAT(reason(WorkbookMembers(sheet), "sesame"), HasSubstr("it is encrypted"));
  EXPECT_THAT(reason(WorkbookMembers("<worksheet/>")), HasSubstr("the sheet is empty"));
  EXPECT_THAT(reason(WorkbookMembers("<worksheet><sheetData>")), HasSubstr("not well-formed"));
  EXPECT_THAT(reason(WorkbookMembers(
                  "<!DOCTYPE x [<!ENTITY e SYSTEM \"file:///etc/passwd\">]><worksheet>&e;</worksheet>")),
              HasSubstr("has a document type, which is not allowed"));
}

}  // namespace
}  // namespace mirror::import_rows_test
