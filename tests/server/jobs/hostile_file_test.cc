// Files that somebody made to hurt: each ends within its limits, with a reason, and nobody else notices.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <random>
#include <string>

#include "absl/strings/str_cat.h"
#include "client/source/files/rows/xlsx_rows.h"
#include "tests/server/jobs/read_import.h"
#include "tests/support/sanitizers.h"
#include "tests/support/status_matchers.h"
#include "tests/support/workbook/workbook_file.h"

namespace mirror::hostile_file_test {
namespace {

using testing::HasSubstr;

/// Of this process, beside a file of any size. A sanitizer keeps what was freed.
constexpr std::uint64_t kGrowthMax =
    MIRROR_ADDRESS_SANITIZER || MIRROR_THREAD_SANITIZER ? 1U << 30 : 64U << 20;

/// Of this process, now, in bytes.
std::uint64_t Resident() {
  std::ifstream file("/proc/self/statm");
  std::uint64_t all = 0, resident = 0;
  file >> all >> resident;
  return resident * 4'096;
}

/// A text that is repeated.
std::string Repeated(const std::string& text, std::size_t count) {
  std::string all;
  all.reserve(text.size() * count);
  for (std::size_t i = 0; i < count; ++i) all += text;
  return all;
}

class HostileFileTest : public testing::Test {
 protected:
  /// Reads a file; this process does not grow meanwhile, whatever it is.
  ImportSeen Read(const std::string& path) {
    const std::uint64_t before = Resident();
    std::uint64_t most = before;
    const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
    absl::StatusOr<std::unique_ptr<ImportChild>> child =
        ImportChild::Start(BinDir() + "/mirror-import", file);
    close(file);
    ImportSeen seen;
    if (!child.ok()) {
      seen.error = child.status();
      return seen;
    }
    while (!seen.end && seen.error.ok()) {
      const absl::StatusOr<std::optional<ImportPiece>> piece = (*child)->Next(kPatience);
      if (!piece.ok() || !piece->has_value()) {
        seen.error = piece.ok() ? absl::DeadlineExceededError("nothing came") : piece.status();
        break;
      }
      seen.row_count +=
          std::holds_alternative<ImportRows>(**piece) ? std::get<ImportRows>(**piece).batch.row_count : 0;
      if (std::holds_alternative<ImportEnd>(**piece)) seen.end = std::get<ImportEnd>(**piece);
      most = std::max(most, Resident());
    }
    EXPECT_LT(most - before, kGrowthMax) << path;
    return seen;
  }
  ImportSeen Csv(const std::string& bytes) {
    const std::string path = folder_.path() + "/file.csv";
    WriteFileText(path, bytes);
    return Read(path);
  }
  ImportSeen Xlsx(const std::string& sheet, const std::string& shared = "") {
    const std::string path = folder_.path() + "/file.xlsx";
    WriteZip(path, WorkbookMembers(sheet, shared));
    return Read(path);
  }
  const TempFolder folder_;
};

void ExpectFailed(const ImportSeen& seen, const std::string& reason) {
  ASSERT_THAT(seen.error, IsOk());
  EXPECT_NE(seen.end->outcome, ImportOutcome::kDone);
  EXPECT_THAT(seen.end->reason, HasSubstr(reason));
}

TEST_F(HostileFileTest, AZipBomb) {
  const std::string blanks(100 << 20, ' ');
  ExpectFailed(Xlsx("<worksheet><sheetData>" + blanks + "</sheetData></worksheet>"),
               "unpacked it has more than 64 MB");
  ExpectFailed(Xlsx(SheetXml({{TextCell("id")}}), "<sst>" + blanks + "</sst>"),
               "unpacked it has more than 64 MB");
  ExpectFailed(Xlsx("<worksheet><sheetData>" + Repeated("<row/>", 30'000'000) + "</sheetData></worksheet>"),
               "the sheet has more than 1,048,576 rows");
}

TEST_F(HostileFileTest, ALargeWorkbookMayBecomeAHundredTimesItsSize) {
  std::mt19937_64 random(7);
  std::string sheet = "<worksheet><sheetData><row r=\"1\"><c t=\"inlineStr\"><is><t>id</t></is></c></row>";
  for (int i = 0; i < 60'000; ++i) {
    absl::StrAppend(&sheet, "<row><c t=\"inlineStr\"><is><t>", random(), "</t></is></c></row>");
  }
  const ImportSeen seen = Xlsx(sheet + "</sheetData></worksheet>");
  ASSERT_THAT(seen.error, IsOk());
  EXPECT_EQ(seen.end->outcome, ImportOutcome::kDone) << seen.reason();
  EXPECT_EQ(seen.row_count, 60'000U);
}

TEST_F(HostileFileTest, OneEndlessFieldOfACsvFile) {
  ExpectFailed(
      Csv("id,name\n1,Ada\n2,\"" + std::string(30'000'000, 'a')),
      "the file, the row of line 3: column 'name': it has more than 4 MB: a quote in it is not closed");
  ExpectFailed(Csv("id,name\n1,Ada\n2," + std::string(30'000'000, 'a')), "no line of a table is so long");
  ExpectFailed(Csv("id,name\n2,\"" + Repeated("abc\n", 3'000'000)), "a quote in it is not closed");
  ExpectFailed(Csv(std::string(30'000'000, 'a')), "no line of a table is so long");
}

TEST_F(HostileFileTest, RowsOfManyFields) {
  const ImportSeen seen =
      Csv("id,name\n" + std::string(4'000'000, ',') + "\n1,Ada\n\"a\"" + std::string(4'000'000, ',') + "\n");
  ASSERT_THAT(seen.error, IsOk());
  EXPECT_EQ(seen.end->outcome, ImportOutcome::kDone);
  EXPECT_EQ(seen.end->rows, 1U);
  EXPECT_EQ(seen.end->rejects, 2U);
  ExpectFailed(Csv(std::string(4'000'000, ',') + "\n"), "it has more than 2,000 fields");
}

TEST_F(HostileFileTest, ACsvFileMayHaveMoreRowsThanASheet) {
  const ImportSeen seen = Csv("id\n" + Repeated("1\n", 1'048'577));
  ASSERT_THAT(seen.error, IsOk());
  EXPECT_EQ(seen.end->outcome, ImportOutcome::kDone) << seen.reason();
  EXPECT_EQ(seen.row_count, 1'048'577U);
  EXPECT_EQ(seen.end->rows, 1'048'577U);
}

TEST_F(HostileFileTest, AWorkbookWithMoreColumnsThanAHeaderMayHave) {
  ExpectFailed(Xlsx("<worksheet><sheetData><row><c r=\"A1\"><v>1</v></c><c "
                    "r=\"XFD1\"><v>1</v></c></row></sheetData></worksheet>"),
               "the header has more than 2,000 columns");
}

TEST_F(HostileFileTest, FarCellsInManyRowsTakeNoMemory) {
  std::string header = "<row r=\"1\">";
  for (int i = 0; i < 2'000; ++i) absl::StrAppend(&header, "<c t=\"inlineStr\"><is><t>c", i, "</t></is></c>");
  const ImportSeen seen = Xlsx(absl::StrCat("<worksheet><sheetData>", header, "</row>",
                                            Repeated("<row><c r=\"BXX1\"><v>1</v></c></row>", 20'000),
                                            "</sheetData></worksheet>"));
  ASSERT_THAT(seen.error, IsOk());
  EXPECT_EQ(seen.end->outcome, ImportOutcome::kDone) << seen.reason();
  EXPECT_EQ(seen.row_count, 20'000U);
}

TEST_F(HostileFileTest, OneSharedTextInEveryCell) {
  const std::string shared = "<sst><si><t>" + std::string(1'000'000, 'a') + "</t></si></sst>";
  const std::string begin = "<worksheet><sheetData><row><c t=\"inlineStr\"><is><t>id</t></is></c></row>";
  const std::string cell = "<c t=\"s\"><v>0</v></c>";
  ExpectFailed(
      Xlsx(begin + Repeated("<row>" + cell + "</row>", 100'000) + "</sheetData></worksheet>", shared),
      "the values up to there have more than 64 MB");
  ExpectFailed(Xlsx("<worksheet><sheetData><row>" + Repeated("<c t=\"s\"><v>0</v></c>", 1'000) +
                        "</row></sheetData></worksheet>",
                    shared),
               "the row has more than 4 MB");
}

TEST_F(HostileFileTest, AReaderWithTheAgentsLimitsHoldsFewRowsOfLongTexts) {
  const std::string path = folder_.path() + "/file.xlsx";
  WriteZip(path, WorkbookMembers(
                     "<worksheet><sheetData><row><c t=\"inlineStr\"><is><t>id</t></is></c></row>" +
                         Repeated("<row><c t=\"s\"><v>0</v></c></row>", 1'000) + "</sheetData></worksheet>",
                     "<sst><si><t>" + std::string(1'000'000, 'a') + "</t></si></sst>"));
  const std::uint64_t before = Resident();
  const auto rows = OpenXlsx(path, "");
  ASSERT_THAT(rows, IsOk());
  FileRow row;
  std::size_t count = 0;
  for (absl::StatusOr<bool> there = (*rows)->Next(&row); there.ok() && *there; there = (*rows)->Next(&row))
    ++count;
  EXPECT_EQ(count, 1'000U);
  EXPECT_LT(Resident(), before + kGrowthMax);
}

TEST_F(HostileFileTest, ExternalEntitiesAreNotFollowed) {
  WriteFileText(folder_.path() + "/secret", "sesame");
  const std::string doctype = absl::StrCat(
      "<?xml version=\"1.0\"?><!DOCTYPE sst [<!ENTITY e SYSTEM \"file://", folder_.path(), "/secret\">]>");
  ExpectFailed(Xlsx(SheetXml({{SharedCell(0)}}), doctype + "<sst><si><t>&e;</t></si></sst>"),
               "has a document type");
  // Entities that become each other.
  ExpectFailed(
      Xlsx("<!DOCTYPE a [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;&a;\">]><worksheet>&b;</worksheet>"),
      "has a document type");
}

TEST_F(HostileFileTest, ElementsWithinEachOther) {
  ExpectFailed(Xlsx(Repeated("<a>", 5'000'000)), "elements that are nested too deeply");
}

TEST_F(HostileFileTest, ATagThatDoesNotEnd) {
  ExpectFailed(Xlsx("<worksheet a=\"" + std::string(40'000'000, 'a')), "a tag of more than a megabyte");
  ExpectFailed(Xlsx("<worksheet><!--" + std::string(40'000'000, 'a')), "a tag of more than a megabyte");
}

TEST_F(HostileFileTest, AZipWithAHundredThousandMembers) {
  auto members = WorkbookMembers(SheetXml({{TextCell("id")}, {TextCell("1")}}));
  for (int i = 0; i < 100'000; ++i) members.emplace_back(absl::StrCat("m/", i), "x");
  const std::string path = folder_.path() + "/file.xlsx";
  WriteZip(path, members);
  const ImportSeen seen = Read(path);
  ASSERT_THAT(seen.error, IsOk());
  EXPECT_EQ(seen.end->outcome, ImportOutcome::kDone) << seen.reason();
}

#if !MIRROR_ADDRESS_SANITIZER && !MIRROR_THREAD_SANITIZER
TEST_F(HostileFileTest, MoreMemoryThanItMayHave) {
  // Sheets, relations and shared texts, each within its bounds, beside noise that lets it become so much.
  std::mt19937_64 random(3);
  std::string noise(2'000'000, '\0');
  for (char& byte : noise) byte = static_cast<char>(random());
  std::string relations = "<Relationships>";
  for (int i = 0; i < 500'000; ++i) absl::StrAppend(&relations, "<Relationship Id=\"", i, "\"/>");
  const std::string path = folder_.path() + "/file.xlsx";
  WriteZip(path, {{"xl/workbook.xml", "<workbook>" + Repeated("<sheet/>", 2'000'000) + "</workbook>"},
                  {"xl/_rels/workbook.xml.rels", relations + "</Relationships>"},
                  {"xl/sharedStrings.xml", "<sst><si><t>" + std::string(120 << 20, 'a') + "</t></si></sst>"},
                  {"noise", noise}});
  ExpectFailed(Read(path), "the file needs more than 300 MB of memory");
}
#endif

TEST_F(HostileFileTest, FilesThatWereCutOffAndAnyBytes) {
  const std::uint64_t seed = std::getenv("MIRROR_TEST_SEED") != nullptr
                                 ? std::stoull(std::getenv("MIRROR_TEST_SEED"))
                                 : std::random_device{}();
  std::cout << "MIRROR_TEST_SEED=" << seed << "\n";
  std::mt19937_64 random(seed);
  const std::string path = folder_.path() + "/file.xlsx";
  std::vector<std::vector<std::string>> table = {{TextCell("id"), TextCell("n")}};
  for (int i = 0; i < 200; ++i)
    table.push_back({TextCell(absl::StrCat(i)), NumberCell(absl::StrCat(random() % 1'000))});
  WriteZip(path, WorkbookMembers(SheetXml(table)));
  const std::string whole = ReadFileText(path);
  for (int round = 0; round < 40; ++round) {
    std::string bytes = whole;
    if (round % 2 == 0) bytes.resize(random() % whole.size());
    for (int i = 0; i < round / 4; ++i) {
      if (!bytes.empty()) bytes[random() % bytes.size()] = static_cast<char>(random());
    }
    if (round % 8 == 7) {
      for (char& byte : bytes) byte = static_cast<char>(random());
    }
    WriteFileText(path, bytes);
    const ImportSeen seen = Read(path);
    EXPECT_THAT(seen.error, IsOk()) << "round " << round;
  }
}

}  // namespace
}  // namespace mirror::hostile_file_test
