// What a folder of files is read as, look after look.

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <ctime>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "client/source/files/file_reader.h"
#include "tests/client/source/source_database.h"
#include "tests/support/status_matchers.h"

namespace mirror::file_reader_test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

class FileReaderTest : public testing::Test {
 protected:
  void SetUp() override {
    table_.name = "t";
    table_.file = "t*.csv";
    table_.key = {"id"};
  }

  /// Written at another second than all before.
  void Drop(const std::string& name, const std::string& text) {
    const std::string path = folder_ / name;
    std::ofstream(path) << text;
    const timespec then{1'700'000'000 + ++seconds_, 0};
    const timespec times[2] = {then, then};
    ASSERT_EQ(utimensat(AT_FDCWD, path.c_str(), times, 0), 0);
  }

  /// As a run does, with what the one before left.
  void Look() {
    FileReaderOptions options;
    options.folder = folder_.path();
    options.tables = {table_};
    options.settle_ms = settle_ms_;
    options.records = records_;
    reader_ = OpenFileReader(std::move(options));
    schema_ = {};
    rows_.clear();
    for (int look = 0; look < 3; ++look) {
      auto schema = reader_->Schema();
      ASSERT_THAT(schema, IsOk());
      schema_ = *std::move(schema);
      ASSERT_EQ(schema_.tables.size(), 1U) << schema_.refused.front().reason;
      if (!Table().problem.empty() || !Table().later.empty()) break;
      const ReadTable read = ReadAll(*reader_, Table().schema);
      rows_ = read.rows;
      // A value is of a wider type.
      if (!absl::IsAborted(read.status)) break;
    }
    records_["t"] = Table().record;
  }
  const SourceTable& Table() const { return schema_.tables.front(); }
  std::string Notes() const {
    std::string notes;
    for (const std::string& note : schema_.notes) notes += note + "\n";
    return notes;
  }
  Type TypeOf(const std::string& column) const {
    return Table().schema.columns[*Table().schema.Find(column)].type;
  }

  TempFolder folder_;
  FileTable table_;
  std::int64_t settle_ms_ = 0;
  std::map<std::string, std::string> records_;
  std::unique_ptr<SourceReader> reader_;
  SourceSchema schema_;
  std::vector<std::vector<std::string>> rows_;
  int seconds_ = 0;
};

TEST_F(FileReaderTest, KeysAreTextsUnlessSomebodySaysOtherwise) {
  Drop("t.csv", "id,n\n1.1,1\n1.10,2\n1E5,3\n100000,4\n1,5\n1.0,6\n");
  Look();
  EXPECT_EQ(TypeOf("id"), Type::kText);
  EXPECT_THAT(rows_, ElementsAre(ElementsAre("t:1.1", "i:1"), ElementsAre("t:1.10", "i:2"),
                                 ElementsAre("t:1E5", "i:3"), ElementsAre("t:100000", "i:4"),
                                 ElementsAre("t:1", "i:5"), ElementsAre("t:1.0", "i:6")));
  table_.types = {{"id", Type::kDouble}};
  Look();
  EXPECT_EQ(rows_.front().front(), "r:1.1");
  EXPECT_EQ(rows_[1].front(), "r:1.1");
}

TEST_F(FileReaderTest, WhatIsGuessedIsToldOnceAndWhenItChanges) {
  Drop("t.csv", "id,n,r,v\n1,1,0.5,a\n");
  Look();
  EXPECT_EQ(Notes(),
            "table 't': types were guessed: id text (key), n integer, r real, v text. Where a guess is "
            "wrong, set the "
            "type in 'types' of its [[source.table]]\n");
  Look();
  EXPECT_EQ(Notes(), "");
  Drop("t.csv", "id,n,r,v\n1,1,1.10,a\n");
  Look();
  EXPECT_THAT(Notes(), HasSubstr("guessed: r text."));
  table_.types = {{"r", Type::kDouble}};
  Look();
  EXPECT_EQ(Notes(), "") << "nothing is guessed of it";
}

TEST_F(FileReaderTest, AKeyThatWasTakenForNumbersIsToldOnce) {
  // As 0.1.0 wrote it.
  records_["t"] = R"([["id",4],["n",4]])";
  ASSERT_EQ(static_cast<int>(Type::kInt64), 4);
  Drop("t.csv", "id,n\n1,1\n");
  Look();
  EXPECT_THAT(Notes(), HasSubstr("its key (id) was read as a number until now"));
  EXPECT_EQ(TypeOf("id"), Type::kText);
  Look();
  EXPECT_EQ(Notes(), "");
  records_["t"] = R"([["id",4],["n",4]])";
  table_.types = {{"id", Type::kInt64}};
  Look();
  EXPECT_EQ(Notes(), "");
  EXPECT_EQ(TypeOf("id"), Type::kInt64);
}

TEST_F(FileReaderTest, AFilterOverAColumnOfAnotherTypeByNowSendsNothing) {
  records_["t"] = R"([["id",4],["n",4]])";
  Drop("t.csv", "id,n\n1,1\n200,2\n");
  table_.steps.table = "t";
  table_.steps.where = "id > 100";
  Look();
  EXPECT_THAT(Table().problem,
              HasSubstr("'where' uses column 'id', and the guessed type of that column changed (text"));
  EXPECT_EQ(TypeOf("id"), Type::kInt64) << "announced as it was";
  Look();
  EXPECT_THAT(Table().problem, HasSubstr("'where' uses column 'id'")) << "until somebody says";
  table_.types = {{"id", Type::kInt64}};
  Look();
  EXPECT_EQ(Table().problem, "");
  EXPECT_THAT(rows_, ElementsAre(ElementsAre("i:200", "i:2")));
  // A column that a value makes wider.
  table_.steps.where = "n = 2";
  Drop("t.csv", "id,n\n1,x\n200,2\n");
  Look();
  EXPECT_THAT(Table().problem, HasSubstr("'where' uses column 'n'"));
}

TEST_F(FileReaderTest, ACommaIsThatOfNumbersWhereSemicolonsSeparate) {
  Drop("t.csv", "id;a;b;c;d\n1;1,5;1.5;1,5;7\n2;-0,25;2;2.5;1,234\n");
  Look();
  EXPECT_THAT(rows_, ElementsAre(ElementsAre("t:1", "r:1.5", "r:1.5", "t:1,5", "r:7"),
                                 ElementsAre("t:2", "r:-0.25", "r:2", "t:2.5", "r:1.234")));
  EXPECT_THAT(Notes(), HasSubstr("a real (decimal comma), b real, c text"));
  Look();
  EXPECT_EQ(rows_.front()[1], "r:1.5") << "by its record";
  EXPECT_EQ(Notes(), "");
  table_.csv.decimal = '.';
  Look();
  EXPECT_EQ(TypeOf("a"), Type::kText) << "guessed anew";
  EXPECT_THAT(Notes(), HasSubstr("guessed: a text"));
  Look();
  EXPECT_EQ(Notes(), "");
  table_.types = {{"a", Type::kDouble}};
  table_.csv.decimal = ',';
  Look();
  EXPECT_EQ(rows_.front()[1], "r:1.5");
}

TEST_F(FileReaderTest, WithoutSemicolonsACommaIsNoneUnlessSomebodySaysSo) {
  Drop("t.csv", "id\ta\n1\t1,5\n");
  Look();
  EXPECT_EQ(TypeOf("a"), Type::kText);
  table_.csv.decimal = ',';
  Look();
  EXPECT_EQ(TypeOf("a"), Type::kDouble) << "somebody said so later";
  EXPECT_EQ(rows_.front()[1], "r:1.5");
}

TEST_F(FileReaderTest, ADecimalSignThatSomebodySaidIsTheOnlyOne) {
  table_.csv.decimal = ',';
  Drop("t.csv", "id;a;b\n1;1,5;1.5\n");
  Look();
  EXPECT_EQ(TypeOf("a"), Type::kDouble);
  EXPECT_EQ(TypeOf("b"), Type::kText);
}

TEST_F(FileReaderTest, LinesOfRowsWithTheKeyOfAnotherAreNamed) {
  Drop("t.csv", "id,n\n1,1\n2,2\n1,3\n\n2,\"a\nb\"\n1,4\n");
  Look();
  const auto key = [](const char* id) { return Key{{Kind::kText, 0, 0, id}}; };
  EXPECT_THAT(reader_->PlacesOf("t", {key("2"), key("1")}),
              ElementsAre("line 4 has the key of line 2", "line 6 has the key of line 3"));
  EXPECT_THAT(reader_->PlacesOf("t", {key("3")}), IsEmpty());
  EXPECT_THAT(reader_->PlacesOf("t", {}), IsEmpty());
  EXPECT_THAT(reader_->PlacesOf("u", {key("1")}), IsEmpty());
}

TEST_F(FileReaderTest, AFileThatLostBytesIsTakenAtTheSecondLook) {
  settle_ms_ = 1;
  Drop("t.csv", "id,n\n1,1\n2,2\n3,3\n");
  Look();
  EXPECT_EQ(rows_.size(), 3U) << "the first one is taken as it is";
  Drop("t.csv", "id,n\n1,1\n");
  Look();
  EXPECT_THAT(Table().later, HasSubstr("is shorter than what was read last"));
  EXPECT_THAT(rows_, IsEmpty());
  // The upload goes on, and stalls again.
  Drop("t.csv", "id,n\n1,1\n2,2\n");
  Look();
  EXPECT_NE(Table().later, "");
  Look();
  EXPECT_EQ(Table().later, "");
  EXPECT_EQ(rows_.size(), 2U);
  Look();
  EXPECT_EQ(rows_.size(), 2U);
}

TEST_F(FileReaderTest, AHeaderBehindAnEmptyFileIsNoTableYet) {
  settle_ms_ = 1;
  Drop("t.csv", "id,n\n1,1\n2,2\n3,3\n");
  Look();
  Drop("t.csv", "");
  Look();
  EXPECT_THAT(Table().later, HasSubstr("is shorter than what was read last"));
  Look();
  Drop("t.csv", "id,n\n");
  Look();
  EXPECT_THAT(Table().later, HasSubstr("is shorter than what was read last"));
  Look();
  EXPECT_EQ(Table().later, "");
  EXPECT_THAT(rows_, IsEmpty());
}

TEST_F(FileReaderTest, ALastLineWithoutItsEndIsASignWhereTheFileBeforeHadOne) {
  settle_ms_ = 1;
  Drop("t.csv", "id,n\n1,1\n");
  Look();
  Drop("t.csv", "id,n\n1,1\n2,2");
  Look();
  EXPECT_THAT(Table().later, HasSubstr("ends within a line"));
  Drop("t.csv", "id,n\n1,1\n2,22\n");
  Look();
  EXPECT_EQ(rows_.size(), 2U);
  Drop("t.csv", "id,n\n1,1\n2,22\n3,3");
  Look();
  Look();
  EXPECT_EQ(rows_.size(), 3U) << "its owner writes no last end";
  Drop("t.csv", "id,n\n1,1\n2,22\n3,3\n4,4");
  Look();
  EXPECT_EQ(rows_.size(), 4U) << "as the one before";
}

TEST_F(FileReaderTest, OfDatedFilesNoTwoAreHeldInARow) {
  settle_ms_ = 1;
  Drop("t-1.csv", "id,n\n1,1\n2,2\n3,3\n");
  Look();
  Drop("t-2.csv", "id,n\n1,1\n2,2\n");
  Look();
  EXPECT_NE(Table().later, "");
  Drop("t-3.csv", "id,n\n1,1\n");
  Look();
  EXPECT_EQ(Table().later, "");
  EXPECT_EQ(rows_.size(), 1U);
  // Who asks for no patience gets none.
  settle_ms_ = 0;
  Drop("t-4.csv", "id,n\n");
  Look();
  EXPECT_EQ(Table().later, "");
  EXPECT_THAT(rows_, IsEmpty());
}

TEST_F(FileReaderTest, NamesOfTheConfigurationAreThoseOfTheHeaderWhateverTheirCase) {
  Drop("t.csv", "ORDER_NO,line,Amount,plz\nA,1,1.50,01067\nA,2,2.50,20095\nB,1,3.50,1\nB,2,4.50,2\n");
  table_.key = {"LINE", "order_no"};
  table_.types = {{"AMOUNT", Type::kText}, {"Plz", Type::kInt64}};
  Look();
  EXPECT_EQ(Table().problem, "");
  EXPECT_THAT(Table().schema.Key(), ElementsAre(1, 0)) << "in the order of 'key'";
  EXPECT_THAT(rows_, ElementsAre(ElementsAre("t:A", "t:1", "t:1.50", "i:1067"),
                                 ElementsAre("t:A", "t:2", "t:2.50", "i:20095"),
                                 ElementsAre("t:B", "t:1", "t:3.50", "i:1"),
                                 ElementsAre("t:B", "t:2", "t:4.50", "i:2")));
  EXPECT_THAT(Notes(), Not(HasSubstr("Amount"))) << "it was declared";
}

TEST_F(FileReaderTest, AHeaderThatChangedItsCaseIsTheSameHeader) {
  Drop("t.csv", "id,n\n1,1\n2,2\n");
  Look();
  ASSERT_NE(Notes(), "");
  Drop("t.csv", "ID,N\n1,1\n2,22\n");
  Look();
  EXPECT_EQ(Table().problem, "");
  EXPECT_THAT(Table().schema.Key(), ElementsAre(0));
  EXPECT_EQ(TypeOf("n"), Type::kInt64);
  EXPECT_EQ(Notes(), "") << "nothing new was guessed";
  EXPECT_EQ(rows_.size(), 2U);
  // A name in the configuration that changed its case finds its record.
  table_.name = "T";
  Look();
  EXPECT_EQ(Notes(), "");
}

TEST_F(FileReaderTest, FilesOfOneTableMayDifferInTheCaseOfTheirHeaders) {
  table_.all_files = true;
  Drop("t-1.csv", "Id,n\n1,1\n2,2\n");
  Drop("t-2.csv", "ID,N\n1,11\n");
  Look();
  EXPECT_EQ(Table().problem, "");
  EXPECT_THAT(rows_,
              ElementsAre(ElementsAre("t:1", "i:11"), ElementsAre("t:1", "i:1"), ElementsAre("t:2", "i:2")));
  Drop("t-3.csv", "ID,M\n1,11\n");
  Look();
  EXPECT_THAT(Table().problem, HasSubstr("has other columns than"));
}

TEST_F(FileReaderTest, FilesOfProgramsAreNoneOfAPattern) {
  table_.file = "*.csv";
  Drop("t.csv", "id,n\n1,1\n");
  Drop("~$t.csv", "\x04User");
  Drop(".t.csv", "id,n\n3,3\n");
  for (const bool all : {false, true}) {
    table_.all_files = all;
    Look();
    EXPECT_EQ(Table().problem, "");
    EXPECT_THAT(rows_, ElementsAre(ElementsAre("t:1", "i:1")));
  }
  table_.file = ".t*.csv";
  Look();
  EXPECT_THAT(rows_, ElementsAre(ElementsAre("t:3", "i:3"))) << "who names it means it";
}

TEST_F(FileReaderTest, AColumnThatIsNotThereIsToldWithThoseThatAre) {
  Drop("t.csv", "Kunden\xc2\xa0Nr,a\n1,x\n");
  table_.key = {"Kunden Nr"};
  FileReaderOptions options;
  options.folder = folder_.path();
  options.tables = {table_};
  options.settle_ms = 0;
  auto schema = OpenFileReader(options)->Schema();
  ASSERT_THAT(schema, IsOk());
  ASSERT_EQ(schema->refused.size(), 1U);
  EXPECT_THAT(schema->refused.front().reason,
              HasSubstr("has no column 'Kunden Nr', which 'key' names. Its column "
                        "'Kunden\xc2\xa0Nr' differs only in blanks"));
  options.tables.front().key = {"nr"};
  schema = OpenFileReader(options)->Schema();
  ASSERT_THAT(schema, IsOk());
  EXPECT_THAT(schema->refused.front().reason,
              HasSubstr("has no column 'nr', which 'key' names; it has: Kunden\xc2\xa0Nr, a"));
}

TEST_F(FileReaderTest, AFileThatEndsAsThoseOfDosDoHasItsEnd) {
  settle_ms_ = 1;
  Drop("t.csv", "id,n\n1,1\n");
  Look();
  Drop("t.csv", "id,n\n1,1\n2,2\n\x1a");
  Look();
  EXPECT_EQ(Table().later, "");
  EXPECT_EQ(rows_.size(), 2U);
}

TEST_F(FileReaderTest, AFilterKnowsItsColumnByAnyCase) {
  records_["t"] = R"([["id",8],["n",4]])";
  ASSERT_EQ(static_cast<int>(Type::kText), 8);
  table_.steps.table = "t";
  table_.steps.where = "n > 1";
  Drop("t.csv", "ID,N\n1,1\n2,2x\n");
  Look();
  EXPECT_THAT(Table().problem, HasSubstr("'where' uses column 'n', and the guessed type of that"));
}

}  // namespace
}  // namespace mirror::file_reader_test
