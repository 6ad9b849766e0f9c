#include "client/source/files/rows/csv_rows.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "client/source/capture/capture_rule.h"
#include "client/source/files/rows/file_rows.h"
#include "tests/client/source/source_database.h"
#include "tests/support/rows.h"
#include "tests/support/status_matchers.h"

namespace mirror::csv_rows_test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::SizeIs;

class CsvRowsTest : public testing::Test {
 protected:
  /// A line for each row: where it begins, then its fields, or why it is none.
  std::vector<std::string> Read(const std::string& bytes, const CsvOptions& options = {}) {
    std::ofstream(path_, std::ios::binary) << bytes;
    std::vector<std::string> lines;
    const auto rows = OpenCsv(path_, options);
    if (!rows.ok()) return {std::string(rows.status().message())};
    header_ = (*rows)->header();
    FileRow row;
    raw_.clear();
    for (;;) {
      const absl::StatusOr<bool> there = (*rows)->Next(&row);
      if (!there.ok()) return {std::string(there.status().message())};
      if (!*there) return lines;
      raw_.append(row.raw);
      std::string line = absl::StrCat(row.line, ":");
      for (const auto& field : row.fields) {
        absl::StrAppend(&line, " ", field ? absl::StrCat("[", std::string(*field), "]") : std::string("-"));
      }
      lines.push_back(row.wrong.empty() ? line : absl::StrCat(row.line, ": ", row.wrong));
    }
  }

  TempFolder folder_;
  const std::string path_ = folder_ / "file.csv";
  std::vector<std::string> header_;
  std::string raw_;  ///< Of all rows.
};

TEST_F(CsvRowsTest, ReadsWhatRfc4180Writes) {
  EXPECT_THAT(Read("id,name\r\n1,\"a, \"\"b\"\"\"\r\n2,\"two\r\nlines\"\r\n3,\r\n4,\"\"\r\n"),
              ElementsAre("2: [1] [a, \"b\"]", "3: [2] [two\r\nlines]", "5: [3] -", "6: [4] []"));
  EXPECT_THAT(header_, ElementsAre("id", "name"));
  EXPECT_EQ(raw_, "1,\"a, \"\"b\"\"\"\r\n2,\"two\r\nlines\"\r\n3,\r\n4,\"\"\r\n");
}

TEST_F(CsvRowsTest, TakesTheUsualDeviations) {
  EXPECT_THAT(Read("\xef\xbb\xbf"
                   "a;b\n\n1;x,y\n\r\n2; z \n3;last"),
              ElementsAre("3: [1] [x,y]", "5: [2] [ z ]", "6: [3] [last]"));
  EXPECT_THAT(header_, ElementsAre("a", "b")) << "without the byte-order mark";
  EXPECT_THAT(Read("a\tb,c\td\n1\t2\t3\n"), ElementsAre("2: [1] [2] [3]"));
  EXPECT_THAT(Read("a|b\n'1|2'|3\n", {'|', '\''}), ElementsAre("2: [1|2] [3]"));
  EXPECT_THAT(Read("a\n1\n\n2\n"), ElementsAre("2: [1]", "4: [2]"));
  EXPECT_THAT(Read("a,b\nx\ry,2\n"), ElementsAre("2: [x\ry] [2]")) << "a CR alone ends no line";
}

TEST_F(CsvRowsTest, ReadsOtherEncodings) {
  EXPECT_THAT(Read("a\nM\xfcller \x80\n", {0, '"', 0, CsvEncoding::kWindows1252}),
              ElementsAre("2: [Müller €]"));
  EXPECT_THAT(Read("a\nM\xfcller\n", {0, '"', 0, CsvEncoding::kLatin1}), ElementsAre("2: [Müller]"));
  EXPECT_THAT(Read("\xff\xfe"
                   "a"),
              ElementsAre(HasSubstr("is UTF-16")));
  EXPECT_THAT(Read("sep=;\r\na;b;\r\n1,5;x;\r\n2;;\r\n3;y;z\r\n"),
              ElementsAre("3: [1,5] [x]", "4: [2] -", "5: it has 3 fields, the header 2"));
  EXPECT_THAT(header_, ElementsAre("a", "b"));
  EXPECT_THAT(Read("a,b\r1,2\r"), ElementsAre(HasSubstr("its lines end with CR alone")));
}

TEST_F(CsvRowsTest, RowsThatSayNothingArePassedOver) {
  // As Excel writes cleared rows, also before the header and with other counts of separators.
  EXPECT_THAT(Read(";;\nid;a;b\n1;x;y\n;;\n ; ;\t\n\"\";\"\";\"\"\n;;;;;\n\xc2\xa0;;\n2;;\n;;z\n"),
              ElementsAre("3: [1] [x] [y]", "9: [2] - -", "10: - - [z]"));
  EXPECT_THAT(header_, ElementsAre("id", "a", "b"));
  EXPECT_THAT(Read("a,b\r\n1,2\r\n,\r\n"), ElementsAre("2: [1] [2]"));
  EXPECT_THAT(Read("a;b\n1;2\n \n\xa0;\n", {0, '"', 0, CsvEncoding::kLatin1}), ElementsAre("2: [1] [2]"));
  EXPECT_THAT(Read("a,b\n\" \",\n,\"\n\"\n"), ElementsAre("2: [ ] -", "3: - [\n]")) << "values, since quoted";
  // Of a single column two quotes are the only way to write an empty text.
  EXPECT_THAT(Read("a\n1\n  \n\"\"\n2\n"), ElementsAre("2: [1]", "4: []", "5: [2]"));
  EXPECT_THAT(Read(";;\n\n \n"), ElementsAre(HasSubstr("is empty")));
}

TEST_F(CsvRowsTest, TheEndOfAFileOfDosIsNoRow) {
  for (const char* const end : {"\x1a", "\x1a\x1a\x1a", "\n\x1a", "\r\n\x1a\r\n", "\n\x1a\n\x1a", ""}) {
    EXPECT_THAT(Read(absl::StrCat("a,b\n1,2\n3,4", end)), ElementsAre("2: [1] [2]", "3: [3] [4]")) << end;
  }
  EXPECT_THAT(Read("a,b\n1,x\x1ay\n"), ElementsAre("2: [1] [x\x1ay]")) << "within a value it stays";
  EXPECT_THAT(Read("\x1a"), ElementsAre(HasSubstr("is empty")));
}

TEST_F(CsvRowsTest, AFileThatWasCutOffWithinALinesEndHasTheLinesValues) {
  EXPECT_THAT(Read("id,v\r\n1,5\r"), ElementsAre("2: [1] [5]"));
  EXPECT_THAT(Read("id,v\r\n1,\"x\"\r"), ElementsAre("2: [1] [x]"));
  EXPECT_THAT(Read("id,v\r\n1,\r"), ElementsAre("2: [1] -"));
  EXPECT_THAT(Read("id,v\r\n1,5\r\n\r"), ElementsAre("2: [1] [5]"));
  EXPECT_THAT(Read("id,v\r\n1,\"x\r"), ElementsAre(HasSubstr("the quote is not closed")));
}

TEST_F(CsvRowsTest, ASeparatorThatIsNamedInQuotesIsNamed) {
  EXPECT_THAT(Read("\"sep=;\"\r\nid;a,b\r\n1;x\r\n"), ElementsAre("3: [1] [x]"));
  EXPECT_THAT(header_, ElementsAre("id", "a,b"));
}

TEST_F(CsvRowsTest, WhatEndsItsLinesOtherwiseIsToldHow) {
  EXPECT_THAT(Read("id,a\r\r\n1,x\r\r\n"), ElementsAre(HasSubstr("its lines end with CR CR LF")));
  EXPECT_THAT(Read(std::string("i\0d\0\r\0\n\0", 8)), ElementsAre(HasSubstr("is UTF-16")));
  EXPECT_THAT(Read(std::string("\0i\0d\0\n", 6)), ElementsAre(HasSubstr("is UTF-16")));
}

TEST_F(CsvRowsTest, TellsWhichLineIsWrongAndGoesOn) {
  EXPECT_THAT(Read("a,b\n1,2\n3\n4,5,6\nx\"y,7\n\"z\"q,8\n9,10\n"),
              ElementsAre("2: [1] [2]", "3: it has 1 field, the header 2", "4: it has 3 fields, the header 2",
                          HasSubstr("5: column 'a': a quote is in the wrong place"),
                          HasSubstr("6: column 'a': a quote"), "7: [9] [10]"));
  EXPECT_THAT(Read("a,b\n1,2\n3,\"4\n5,6\n"),
              ElementsAre("2: [1] [2]", HasSubstr("3: column 'b': the quote is not closed")));
}

TEST_F(CsvRowsTest, WhatIsNoFileWithAHeaderSaysSo) {
  EXPECT_THAT(Read(""), ElementsAre(HasSubstr("is empty")));
  EXPECT_THAT(Read("\"a\n"), ElementsAre(HasSubstr("file.csv:1: the header")));
  EXPECT_THAT(OpenCsv(folder_ / "none.csv", {}), StatusIs(absl::StatusCode::kNotFound));
}

TEST_F(CsvRowsTest, RowsOverPiecesOfTheFileAreWhole) {
  std::string bytes = "id,text\n";
  for (int i = 0; i < 3'000; ++i)
    absl::StrAppend(&bytes, i, ",\"", std::string(1'000, static_cast<char>('a' + i % 26)), "\"\n");
  const std::vector<std::string> rows = Read(bytes);
  ASSERT_THAT(rows, SizeIs(3'000));
  EXPECT_EQ(rows[2'999], absl::StrCat("3001: [2999] [", std::string(1'000, 'a' + 2'999 % 26), "]"));
  const std::string large(5'000'000, 'x');
  EXPECT_THAT(Read("a\n" + large + "\n"), ElementsAre("2: [" + large + "]"));
}

TEST_F(CsvRowsTest, HoweverAValueIsQuotedItIsRead) {
  const std::uint64_t seed = TestSeed();
  SCOPED_TRACE(absl::StrCat("MIRROR_TEST_SEED=", seed));
  std::mt19937_64 random(seed);
  const std::vector<std::string> letters = {"a", "1", "\"", ",", "\n", "\r\n", " ", "\xc3\xbc", "'"};
  std::string bytes = "a,b,c\n";
  std::vector<std::string> expected;
  std::size_t line = 2;
  for (int row = 0; row < 3'000; ++row) {
    std::string shown = absl::StrCat(line, ":");
    bool quoted = false, all_empty = true, all_blank = true;
    for (int column = 0; column < 3; ++column) {
      std::string value;
      for (std::uint64_t i = random() % 6; i > 0; --i) value += letters[random() % letters.size()];
      const bool plain = value.find_first_of("\",\n\r") == std::string::npos && random() % 2 == 0;
      const std::string doubled = absl::StrReplaceAll(value, {{"\"", "\"\""}});
      absl::StrAppend(&bytes, column == 0 ? "" : ",", plain ? value : absl::StrCat("\"", doubled, "\""));
      absl::StrAppend(&shown, plain && value.empty() ? " -" : absl::StrCat(" [", value, "]"));
      line += static_cast<std::size_t>(std::count(value.begin(), value.end(), '\n'));
      quoted = quoted || !plain;
      all_empty = all_empty && value.empty();
      all_blank = all_blank && value.find_first_not_of(' ') == std::string::npos;
    }
    bytes += random() % 2 == 0 ? "\n" : "\r\n";
    ++line;
    // Such a row says nothing.
    if (!(quoted ? all_empty : all_blank)) expected.push_back(shown);
  }
  EXPECT_EQ(Read(bytes), expected);
}

TEST_F(CsvRowsTest, AQuoteThatIsNeverClosedEndsAtTheLimit) {
  std::string bytes = "a\n\"";
  const std::string line = std::string(999'999, 'x') + "\n";
  for (std::size_t i = 0; i <= kFileRowBytesMax / line.size(); ++i) bytes += line;
  const std::vector<std::string> rows = Read(bytes + "after\n");
  ASSERT_FALSE(rows.empty());
  EXPECT_THAT(rows[0], HasSubstr("a quote in it is not closed"));
  EXPECT_EQ(rows.back().substr(rows.back().size() - 7), "[after]");
}

// --- Values ---

TEST(FileValueTest, ANumberIsOneOnlyWhereNothingIsLost) {
  for (const char* const text : {"0", "7", "-7", "9223372036854775807", "-9223372036854775808"}) {
    EXPECT_TRUE(ReadInteger(text)) << text;
  }
  for (const char* const text :
       {"", "-", "+7", "007", "-0", "7.0", "1e3", " 7", "7 ", "9223372036854775808", "0x7"}) {
    EXPECT_FALSE(ReadInteger(text)) << text;
  }
  for (const char* const text :
       {"0.5", "-1.25", "1.0", "123456789012345", "100000", "10", "0", "0.0", "0.0001", "1e-05", "1e+16",
        "0.30000000000000004", "1234567890.1234567", "2.2250738585072014e-308", "-1.7976931348623157e+308"}) {
    EXPECT_TRUE(ReadReal(text)) << text;
  }
  for (const char* const text :
       {"", ".5", "00.5", "inf", "nan", "-nan", "1,5", "1234567890.123456789", "9007199254740993",
        "12345678901234567890", "0.3000000000000000444", "1e999", "1e-999", "0x1p3",
        // The same number has another text.
        "1.10", "1E5", "1e5", "1e3", "0.000", "-0", "-0.0", "0.00001", "1E-05", "40.712800000000001",
        "1.00"}) {
    EXPECT_FALSE(ReadReal(text)) << text;
  }
}

TEST(FileValueTest, TheNarrowestTypeThatHoldsAll) {
  const auto guess = [](const std::vector<std::string>& texts) {
    TypeGuess one;
    for (const std::string& text : texts) one.Add(text);
    return one.type();
  };
  EXPECT_EQ(guess({"1", "-2"}), Type::kInt64);
  EXPECT_EQ(guess({"1", "2.5"}), Type::kDouble);
  EXPECT_EQ(guess({"1", "2.5", "n/a"}), Type::kText);
  EXPECT_EQ(guess({"007", "8"}), Type::kText);
  EXPECT_EQ(guess({"1.1", "1.10"}), Type::kText);
  EXPECT_EQ(guess({}), Type::kText);
  TypeGuess typed;
  typed.Add("1", /*is_text=*/true);
  EXPECT_EQ(typed.type(), Type::kText);
}

// --- From where a look begins ---

KeyPart Text(const std::string& text) { return {Kind::kText, 0, 0, text}; }
KeyPart Integer(std::int64_t value) { return {Kind::kInteger, value, 0, ""}; }

TEST(CaptureRuleTest, AWatermarkIsCutToItsPrecision) {
  EXPECT_EQ(CutToPrecision(Text("2024-05-01 12:34:56.789"), {TimeUnit::kSecond}),
            Text("2024-05-01 12:34:56"));
  EXPECT_EQ(CutToPrecision(Text("2024-05-01T12:34:56Z"), {TimeUnit::kHour}), Text("2024-05-01T12"));
  EXPECT_EQ(CutToPrecision(Text("2024"), {TimeUnit::kDay}), Text("2024"));
  EXPECT_EQ(CutToPrecision(Integer(1234), {.step = 100}), Integer(1200));
  EXPECT_EQ(CutToPrecision(Integer(-1), {.step = 100}), Integer(-100));
  EXPECT_EQ(CutToPrecision(Integer(INT64_MIN + 3), {.step = 100}), Integer(INT64_MIN));
  EXPECT_EQ(CutToPrecision({Kind::kReal, 0, 12.75, ""}, {.step = 5}), (KeyPart{Kind::kReal, 0, 10, ""}));
  EXPECT_EQ(CutToPrecision(Integer(1234), {}), Integer(1234));
  EXPECT_EQ(CutToPrecision(Integer(1234), {TimeUnit::kDay}), Integer(1234));
}

TEST(CaptureRuleTest, AWindowBeginsWithAWholeDayWhereItIsAText) {
  CaptureRule rule;
  rule.window_ms = 2LL * 86'400'000;
  const std::int64_t now_ms = 1'714'566'896'000;  // 2024-05-01 12:34:56
  EXPECT_EQ(BeginOfWindow(rule, false, now_ms), Text("2024-04-29"));
  EXPECT_EQ(BeginOfWindow(rule, true, now_ms), Integer(1'714'394'096));
  rule.time = TimeFormat::kUnixMs;
  EXPECT_EQ(BeginOfWindow(rule, true, now_ms), Integer(1'714'394'096'000));
  rule.time = TimeFormat::kIso;
  EXPECT_EQ(BeginOfWindow(rule, true, now_ms), Text("2024-04-29"));
}

}  // namespace
}  // namespace mirror::csv_rows_test
