// Workbooks as Excel and other programs write them: where their parts stand, what their cells hold.

#include "client/source/files/rows/xlsx_rows.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "client/source/files/rows/cell_format.h"
#include "client/source/files/rows/workbook.h"
#include "tests/client/source/source_database.h"
#include "tests/support/status_matchers.h"
#include "tests/support/workbook/workbook_file.h"

namespace mirror::xlsx_rows_test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

using Members = std::vector<std::pair<std::string, std::string>>;
struct Target {
  std::string part, type, mode = "Internal";
};

constexpr char kTypes[] = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/";
/// Two columns of shared texts and one of a date.
constexpr char kSheet[] =
    "<worksheet><sheetData><row r=\"1\"><c t=\"s\"><v>0</v></c><c t=\"s\"><v>1</v></c></row>"
    "<row r=\"2\"><c t=\"s\"><v>2</v></c><c s=\"1\"><v>45413</v></c></row></sheetData></worksheet>";
constexpr char kTexts[] = "<sst><si><t>id</t></si><si><t>day</t></si><si><t>Ada</t></si></sst>";
constexpr char kStyles[] =
    "<styleSheet><cellXfs><xf numFmtId=\"0\"/><xf numFmtId=\"14\"/></cellXfs></styleSheet>";

std::string Relations(const std::vector<Target>& targets) {
  std::string xml = "<Relationships>";
  for (std::size_t i = 0; i < targets.size(); ++i) {
    absl::StrAppend(&xml, "<Relationship Id=\"r", i + 1, "\" Type=\"", kTypes, targets[i].type,
                    "\" Target=\"", targets[i].part, "\" TargetMode=\"", targets[i].mode, "\"/>");
  }
  return xml + "</Relationships>";
}

std::vector<Target> UsualTargets() {
  return {{"worksheets/sheet1.xml", "worksheet"},
          {"sharedStrings.xml", "sharedStrings"},
          {"styles.xml", "styles"}};
}

Members Book(const std::vector<Target>& targets = UsualTargets()) {
  return {{"_rels/.rels", Relations({{"xl/workbook.xml", "officeDocument"}})},
          {"xl/workbook.xml", "<workbook><sheets><sheet name=\"One\" id=\"r1\"/></sheets></workbook>"},
          {"xl/_rels/workbook.xml.rels", Relations(targets)},
          {"xl/worksheets/sheet1.xml", kSheet},
          {"xl/sharedStrings.xml", kTexts},
          {"xl/styles.xml", kStyles}};
}

/// The same with other names in the archive.
Members Renamed(Members members, const std::vector<std::pair<std::string, std::string>>& names) {
  for (auto& [name, content] : members) {
    for (const auto& [from, to] : names) name = absl::StrReplaceAll(name, {{from, to}});
  }
  return members;
}

class XlsxRowsTest : public testing::Test {
 protected:
  /// The header, then a line for each row, or why it is none; or why there are no rows.
  std::vector<std::string> Read(const Members& members, const std::string& sheet = "") {
    WriteZip(path_, members);
    const auto rows = OpenXlsx(path_, sheet);
    if (!rows.ok()) return {absl::StrReplaceAll(std::string(rows.status().message()), {{path_, "FILE"}})};
    std::string header = "header";
    for (const std::string& name : (*rows)->header()) absl::StrAppend(&header, " ", name);
    std::vector<std::string> lines = {header};
    FileRow row;
    for (;;) {
      const absl::StatusOr<bool> there = (*rows)->Next(&row);
      if (!there.ok()) return {std::string(there.status().message())};
      if (!*there) return lines;
      std::string line;
      for (const auto& field : row.fields) {
        absl::StrAppend(&line, line.empty() ? "" : " ",
                        field ? absl::StrCat("[", std::string(*field), "]") : "-");
      }
      lines.push_back(row.wrong.empty() ? line : absl::StrCat(row.line, ": ", row.wrong));
    }
  }
  /// The same of a sheet with a column "v", one row for each of `cells`.
  std::vector<std::string> ReadCells(const std::vector<std::string>& cells, const std::string& styles,
                                     const std::string& workbook = "") {
    std::string sheet = "<worksheet><sheetData><row><c t=\"str\"><v>v</v></c></row>";
    for (const std::string& cell : cells) absl::StrAppend(&sheet, "<row>", cell, "</row>");
    Members members = Book();
    for (auto& [name, content] : members) {
      if (name == "xl/worksheets/sheet1.xml") content = sheet + "</sheetData></worksheet>";
      if (name == "xl/styles.xml") content = styles;
      if (name == "xl/workbook.xml" && !workbook.empty()) content = workbook;
    }
    return Read(members);
  }

  TempFolder folder_;
  const std::string path_ = folder_ / "book.xlsx";
  const testing::Matcher<std::vector<std::string>> is_right_ =
      ElementsAre("header id day", "[Ada] [2024-05-01]");
};

TEST_F(XlsxRowsTest, PartsAreFoundByTheirRelations) {
  EXPECT_THAT(Read(Book()), is_right_);
  // The workbook itself, beside one that is none of the package's.
  Members moved =
      Renamed(Book(), {{"xl/workbook", "other/book22"}, {"xl/_rels/workbook", "other/_rels/book22"}});
  moved[0].second =
      Relations({{"docProps/app.xml", "extended-properties"}, {"other/book22.xml", "officeDocument"}});
  moved[2].second = Relations({{"/xl/worksheets/sheet1.xml", "worksheet"},
                               {"../xl/sharedStrings.xml", "sharedStrings"},
                               {"./../xl/./styles.xml", "styles"}});
  EXPECT_THAT(Read(moved), is_right_);
  moved.emplace_back("xl/workbook.xml", "<workbook/>");
  EXPECT_THAT(Read(moved), is_right_);
  // Shared texts and formats under other names, and decoys under the usual ones.
  Members named = Renamed(Book({{"worksheets/sheet1.xml", "worksheet"},
                                {"http://example.com/styles.xml", "styles", "External"},
                                {"strings.xml", "sharedStrings"},
                                {"formats%201.xml", "styles"}}),
                          {{"sharedStrings", "strings"}, {"xl/styles", "xl/formats 1"}});
  named.emplace_back("xl/sharedStrings.xml", "<sst><si><t>decoy</t></si></sst>");
  named.emplace_back("xl/styles.xml", "<styleSheet/>");
  EXPECT_THAT(Read(named), is_right_);
}

TEST_F(XlsxRowsTest, NamesOfPartsHaveNoCaseAndAnySlashes) {
  EXPECT_THAT(Read(Renamed(Book(), {{"xl/styles", "xl/Styles"}})), is_right_);
  EXPECT_THAT(Read(Renamed(Book(), {{"shared", "Shared"}, {"xl/", "XL/"}, {"_rels", "_Rels"}})), is_right_);
  EXPECT_THAT(Read(Renamed(Book(), {{"/", "\\"}})), is_right_);
  EXPECT_THAT(Read(Book({{"Worksheets\\Sheet1.xml", "worksheet"},
                         {"\\xl\\sharedStrings.xml", "sharedStrings"},
                         {".\\styles.xml", "styles"}})),
              is_right_);
}

TEST_F(XlsxRowsTest, WithoutRelationsPartsStandWhereTheyUsuallyDo) {
  Members members = Book({{"worksheets/sheet1.xml", "worksheet"}});
  members.erase(members.begin());
  EXPECT_THAT(Read(members), is_right_);
}

TEST_F(XlsxRowsTest, AMissingPartIsNamed) {
  const auto without = [](const std::string& gone) {
    Members members = Book();
    std::erase_if(members, [&](const auto& member) { return member.first == gone; });
    return members;
  };
  EXPECT_THAT(Read(without("xl/worksheets/sheet1.xml")),
              ElementsAre("'FILE': it has no part 'xl/worksheets/sheet1.xml'"));
  EXPECT_THAT(Read(without("xl/workbook.xml")),
              ElementsAre(HasSubstr("it has no list of sheets ('xl/workbook.xml')")));
  EXPECT_THAT(
      Read(without("xl/sharedStrings.xml")),
      ElementsAre("'FILE': row 1, which names the columns: column A: its text is not in the workbook"));
  EXPECT_THAT(
      Read(without("xl/styles.xml")),
      ElementsAre("header id day", "2: column B: its format is not in the workbook: it may be a date"));
  Members binary = Book();
  binary[0].second = Relations({{"xl/workbook.bin", "officeDocument"}});
  EXPECT_THAT(Read(binary), ElementsAre("'FILE': it is a binary workbook (.xlsb): save it as .xlsx"));
}

TEST_F(XlsxRowsTest, ASheetWithoutCellsIsPassedOverOrNamed) {
  Members members = Book({{"chartsheets/sheet1.xml", "chartsheet"},
                          {"worksheets/sheet1.xml", "worksheet"},
                          {"sharedStrings.xml", "sharedStrings"},
                          {"styles.xml", "styles"}});
  members[1].second =
      "<workbook><sheets><sheet name=\"Chart\" id=\"r1\"/><sheet name=\"Data\" "
      "id=\"r2\"/></sheets></workbook>";
  members.emplace_back("xl/chartsheets/sheet1.xml", "<chartsheet/>");
  EXPECT_THAT(Read(members), is_right_);
  EXPECT_THAT(Read(members, "DATA"), is_right_);
  EXPECT_THAT(Read(members, "Chart"),
              ElementsAre("'FILE': its sheet 'Chart' is a chart or a dialog, and has no cells"));
  EXPECT_THAT(Read(members, "Dat"), ElementsAre("'FILE': it has no sheet 'Dat', but 'Chart', 'Data'"));
  members[1].second = "<workbook><sheets><sheet name=\"Chart\" id=\"r1\"/></sheets></workbook>";
  EXPECT_THAT(Read(members), ElementsAre("'FILE': it has no sheet with cells, only charts: 'Chart'"));
}

TEST_F(XlsxRowsTest, ADateAsTextIsShownAsANumberOfTheSameMoment) {
  const std::string styles =
      "<styleSheet><cellXfs><xf numFmtId=\"0\"/><xf numFmtId=\"14\"/><xf numFmtId=\"22\"/><xf "
      "numFmtId=\"21\"/>"
      "<xf numFmtId=\"46\"/></cellXfs></styleSheet>";
  const auto date = [](const char* text, int style) {
    return absl::StrCat("<c t=\"d\" s=\"", style, "\"><v>", text, "</v></c>");
  };
  const auto number = [](const char* text, int style) {
    return absl::StrCat("<c s=\"", style, "\"><v>", text, "</v></c>");
  };
  const std::vector<std::pair<std::string, std::string>> same = {
      {date("2024-05-01", 1), number("45413", 1)},
      {date("2024-05-01", 2), number("45413", 2)},
      {date("\n  2024-05-01\n", 1), number("\n 45413\n", 1)},
      {date("2024-05-01T00:00:00.000Z", 1), number("+45413", 1)},
      {date("2024-05-01T12:30:15", 2), number("45413.521006944445", 2)},
      {date("2024-05-01 12:30:15.5+02:00", 2), number("45413.521012731479", 2)},
      {date("2024-05-01T12:30", 1), number("45413.520833333336", 1)},
      {date("2024-05-01T23:59:59.9996", 2), number("45414", 2)},
      {date("12:30:15Z", 3), number("0.521006944444444", 3)},
      {date("1900-02-28", 1), number("59", 1)},
      {date("1900-03-01T12:00:00", 4), number("61.5", 4)},
      {date("1900-02-28T12:00:00", 4), number("59.5", 4)},
      {date("9999-12-31", 1), number("2958465", 1)}};
  for (const auto& [text, of_number] : same) {
    const std::vector<std::string> rows = ReadCells({text, of_number}, styles);
    ASSERT_EQ(rows.size(), 3U) << text;
    EXPECT_EQ(rows[1], rows[2]) << text;
    EXPECT_THAT(rows[1], testing::StartsWith("[")) << text;
  }
  EXPECT_THAT(ReadCells({date("2024-05-01T12:30:15.000Z", 2), date("2024-05-01T00:00:00", 0),
                         date("07:08:09", 0), "<c t=\"b\"><v> true </v></c>", "<c t=\"b\"><v>0</v></c>"},
                        styles),
              ElementsAre("header v", "[2024-05-01 12:30:15]", "[2024-05-01]", "[07:08:09]", "[1]", "[0]"));
  for (const char* const wrong :
       {"2024-13-01", "2023-02-29", "24-05-01", "2024-05-01T", "2024-05-01T24:00:00", "2024-05-01X12:00:00",
        "2024-05-01T12:00:00 CET", "noon", "12", "2024-05-01T12:00:00."}) {
    EXPECT_THAT(ReadCells({date(wrong, 1)}, styles),
                ElementsAre("header v", "2: column A: not a date of the calendar"))
        << wrong;
  }
}

TEST_F(XlsxRowsTest, WhatIsOutOfRangeIsNeverPassedOver) {
  const std::string styles =
      "<styleSheet><cellXfs><xf numFmtId=\"0\"/><xf numFmtId=\"164\"/></cellXfs>"
      "<numFmts><numFmt numFmtId=\"164\" formatCode=\"yyyy\"/></numFmts></styleSheet>";
  EXPECT_THAT(
      ReadCells({"<c s=\"1\"><v>45413</v></c>", "<c s=\"2\"><v>45413</v></c>", "<c s=\"-1\"><v>45413</v></c>",
                 "<c s=\"2\" t=\"str\"><v>text</v></c>", "<c t=\"s\"><v>3</v></c>",
                 "<c t=\"s\"><v>-1</v></c>", "<c t=\"s\"><v>\n 2 </v></c>", "<c s=\"1\"><v>2958466</v></c>",
                 "<c s=\"1\"><v>2958465.9999999999</v></c>", "<c r=\"XFE9\"><v>1</v></c>",
                 "<c r=\"b10\"><v>1</v></c>", "<c t=\"b\"><v>2</v></c>"},
                styles),
      ElementsAre(
          "header v", "[2024-05-01]", "3: column A: its format is not in the workbook: it may be a date",
          "4: column A: its format is not in the workbook: it may be a date", "[text]",
          "6: column A: its text is not in the workbook", "7: column A: its text is not in the workbook",
          "[Ada]", "9: column A: not a date of the calendar", "10: column A: not a date of the calendar",
          "11: it has more columns than the header", "12: it has more columns than the header",
          "13: column A: neither TRUE nor FALSE"));
  // The calendar of 1904 ends on another number.
  const std::string of_1904 =
      "<workbook><workbookPr date1904=\"1\"/><sheets><sheet name=\"One\" id=\"r1\"/></sheets></workbook>";
  EXPECT_THAT(
      ReadCells({"<c s=\"1\"><v>2957003</v></c>", "<c s=\"1\"><v>2957004</v></c>", "<c s=\"1\"><v>0</v></c>"},
                styles, of_1904),
      ElementsAre("header v", "[9999-12-31]", "3: column A: not a date of the calendar", "[1904-01-01]"));
}

TEST_F(XlsxRowsTest, RowsOfNothingButBlanksAreNone) {
  EXPECT_THAT(ReadCells({"<c t=\"str\"><v>1</v></c>", "<c t=\"str\"><v> </v></c>",
                         "<c t=\"inlineStr\"><is><t/></is></c>", "<c/>", "<c t=\"str\"><v>\xc2\xa0</v></c>",
                         "<c t=\"str\"><v>2</v></c>"},
                        kStyles),
              ElementsAre("header v", "[1]", "[2]"));
}

TEST(CellFormatTest, TheLettersOfAFormatSayWhatItShows) {
  const std::map<Shown, std::vector<const char*>> formats = {
      {Shown::kNumber,
       {"General", "GENERAL", "0.00E+00", "##0.0e-0", "#,##0.00\\ \"day\"", "0.0 m", "0%", "@",
        "[Red]0;[Blue]-0", "", "[<=9999999]###-####;(###) ###-####", "0_d", "0*s", "\"a;b\"0", "# ?/?",
        "[$kr-414] #,##0", "0;yyyy"}},
      {Shown::kDate,
       {"yyyy-mm-dd", "yyyy-mm-dd;@", "[$-409]d/m/yy", "mmmm", "mm", "mmm\\ ", "e/m/d", "[$-411]ggge", "aaaa",
        "bbbb", "\"a;b\"yyyy", "dddd", "[>1]yyyy;General", "[=0]\"-\";yyyy"}},
      {Shown::kTime, {"h:mm", "mm:ss.0", "AM/PM h", "hh", "[$-F400]h:mm:ss\\ AM/PM"}},
      {Shown::kDateTime, {"yyyy-mm-dd hh:mm:ss", "d.m.yy h:mm", "yyyy-mm-dd\"T\"hh:mm"}},
      {Shown::kElapsed, {"[h]:mm:ss", "[hh]:mm", "[mm]:ss", "[s]", "[Red][h]"}}};
  for (const auto& [shown, codes] : formats) {
    for (const char* const code : codes) EXPECT_EQ(ShownBy(code), shown) << code;
  }
}

TEST(CellFormatTest, FormatsOfEveryWorkbookAreKnownByTheirNumbers) {
  for (const int id : {0, 1, 4, 11, 13, 23, 26, 37, 44, 48, 49, 59, 70, 82, 163}) {
    EXPECT_EQ(ShownByNumber(id), Shown::kNumber) << id;
  }
  for (const int id : {14, 17, 27, 31, 36, 50, 57, 58, 71, 74, 81})
    EXPECT_EQ(ShownByNumber(id), Shown::kDate) << id;
  for (const int id : {18, 21, 32, 45, 47, 75, 78, 80}) EXPECT_EQ(ShownByNumber(id), Shown::kTime) << id;
  for (const int id : {46, 79}) EXPECT_EQ(ShownByNumber(id), Shown::kElapsed) << id;
  // "m月d日" in one language, a time in another one.
  EXPECT_EQ(ShowNumber(45413, ShownByNumber(35), false), "2024-05-01");
  EXPECT_EQ(ShowNumber(0.5, ShownByNumber(35), false), "12:00:00");
  EXPECT_EQ(ShowNumber(45413.5, ShownByNumber(56), false), "2024-05-01 12:00:00");
}

TEST(PartNameTest, AllNamesOfOnePartAreFoldedAlike) {
  for (const char* const name : {"xl/styles.xml", "/xl/Styles.xml", "XL\\styles.xml", "./xl//x/../styles.xml",
                                 "../xl/styles.xml", "xl/styles%2Exml", "xl/%73tyles.xml"}) {
    EXPECT_EQ(FoldPartName(name), "xl/styles.xml") << name;
  }
  for (const char* const name : {"xl%2fstyles.xml", "xl%5Cstyles.xml", "xl/styles.xml%00", "xl/styles%.xml",
                                 "xl/styles%2", "xl/styles%-1.xml"}) {
    EXPECT_NE(FoldPartName(name), "xl/styles.xml") << name;
  }
  EXPECT_EQ(ResolveTarget("xl/workbook.xml", "../docProps/./Core.xml"), "docProps/Core.xml");
  EXPECT_EQ(ResolveTarget("", "xl/workbook.xml"), "xl/workbook.xml");
  EXPECT_EQ(RelationsOf("xl/workbook.xml"), "xl/_rels/workbook.xml.rels");
  EXPECT_EQ(RelationsOf(""), "_rels/.rels");
}

}  // namespace
}  // namespace mirror::xlsx_rows_test
