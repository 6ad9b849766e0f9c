#include <gmock/gmock.h>

#include <atomic>
#include <thread>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "tests/client/source/server_source.h"

namespace mirror::server_reader_test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class ServerReaderTest : public ServerSourceTest {};

TEST_P(ServerReaderTest, AllRowsAreOfOneMomentBesideWriters) {
  // Each writer moves amounts: at every moment they come to the same in all, and so does the number of rows.
  Sql("CREATE TABLE t (id INT PRIMARY KEY, v BIGINT, more TEXT)",
      "INSERT INTO t SELECT seq, 100, REPEAT('x', 500) FROM " + Numbers(2000));
  Look();
  std::atomic<bool> is_over = false;
  std::vector<std::thread> writers;
  for (int w = 0; w < 2; ++w) {
    writers.emplace_back([&, w] {
      const Session writer = NewSession();
      for (int i = 0; !is_over; ++i) {
        const int from = i * 7 % 1000 + 1, to = (i * 11 + w) % 1000 + 1001;
        for (const std::string& sql :
             {std::string("BEGIN"), absl::StrCat("UPDATE t SET v = v - 1 WHERE id = ", from),
              absl::StrCat("INSERT INTO t VALUES (", -1 - w, ", 0, '')"),
              absl::StrCat("UPDATE t SET v = v + 1 WHERE id = ", to),
              absl::StrCat("DELETE FROM t WHERE id = ", -1 - w), std::string("COMMIT")}) {
          const absl::Status done = writer(sql);
          EXPECT_TRUE(done.ok()) << done;
        }
      }
    });
  }
  for (int round = 0; round < 10; ++round) {
    const ReadTable read = ReadAll(*reader_, Table("t").schema, 50'000);
    EXPECT_THAT(read.status, IsOk());
    std::int64_t sum = 0;
    for (const auto& row : read.rows) {
      std::int64_t value = 0;
      ASSERT_TRUE(absl::SimpleAtoi(row[1].substr(2), &value));
      sum += value;
    }
    EXPECT_EQ(read.rows.size(), 2000U);
    EXPECT_EQ(sum, 200'000);
    const auto digests = Digest(reader_->Digests("t", {0}), 100);
    ASSERT_THAT(digests, IsOk());
    EXPECT_EQ(digests->digest.rows, 2000U);
  }
  is_over = true;
  for (std::thread& writer : writers) writer.join();
}

TEST_P(ServerReaderTest, SomeOfTheColumnsAreReadInAnyOrder) {
  Sql("CREATE TABLE t (id INT PRIMARY KEY, a TEXT, b INT)",
      "INSERT INTO t VALUES (1, 'x', 2), (3, 'y', NULL)");
  Look();
  auto read = reader_->Read("t", {2, 0});
  ASSERT_THAT(read, IsOk());
  RowBlock block = RowBlock::For(Table("t").schema, {2, 0});
  Pieces pieces;
  ASSERT_THAT((*read)->Next({}, &block, &pieces), IsOkAndHolds(false));
  ShownRows rows;
  AppendRows(block, &rows);
  EXPECT_THAT(rows, testing::UnorderedElementsAre(ElementsAre("i:2", "i:1"), ElementsAre("null", "i:3")));
  const auto digests = Digest(reader_->Digests("t", {0, 2}));
  ASSERT_THAT(digests, IsOk());
  RowDigest wanted;
  wanted.AddInteger(1);
  wanted.AddInteger(2);
  EXPECT_EQ(digests->rows[0].second, wanted.Finish());
}

TEST_P(ServerReaderTest, DigestsGoOnBehindAnyKeyInTheOrderOfBytes) {
  Sql("CREATE TABLE t (k VARCHAR(9) PRIMARY KEY, v INT)",
      "INSERT INTO t VALUES ('a', 1), ('B', 2), ('\u00f6', 3), ('_', 4), ('1', 5)");
  Look();
  auto digests = reader_->Digests("t", {0, 1});
  ASSERT_THAT(digests, IsOk());
  std::vector<std::string> keys;
  for (bool end = false; !end;) {
    const auto piece = (*digests)->Next(2, /*each=*/true);
    ASSERT_THAT(piece, IsOk());
    for (const auto& [key, digest] : piece->rows) keys.push_back(key.front().bytes);
    end = piece->end;
  }
  EXPECT_THAT(keys, ElementsAre("1", "B", "_", "a", "\u00f6"));
  ASSERT_THAT((*digests)->Seek(TextKey("_")), IsOk());
  const auto behind = (*digests)->Next(10, /*each=*/true);
  ASSERT_THAT(behind, IsOk());
  EXPECT_EQ(behind->digest.rows, 2U);
}

TEST_P(ServerReaderTest, AScanByColumnsTellsWhichOneDiffers) {
  Sql("CREATE TABLE t (id INT PRIMARY KEY, a TEXT, b TEXT)", "INSERT INTO t VALUES (1, 'x', 'y')");
  Look();
  const auto before = Digest(reader_->ScanByColumn("t", {0, 1, 2}));
  Sql("UPDATE t SET b = 'z'");
  const auto after = Digest(reader_->ScanByColumn("t", {0, 1, 2}));
  ASSERT_THAT(before, IsOk());
  ASSERT_THAT(after, IsOk());
  ASSERT_EQ(before->by_column.front().size(), 24U);
  EXPECT_EQ(before->by_column.front().substr(0, 16), after->by_column.front().substr(0, 16));
  EXPECT_NE(before->by_column.front().substr(16), after->by_column.front().substr(16));
  EXPECT_NE(before->digest.sum, after->digest.sum);
}

TEST_P(ServerReaderTest, ManyKeysAreFoundInPiecesOfAnySize) {
  Sql("CREATE TABLE t (a INT, b VARCHAR(9), v TEXT, PRIMARY KEY (b, a))",
      "INSERT INTO t SELECT seq, CONCAT('k', seq % 7), 'v' FROM " + Numbers(3000));
  Look();
  std::vector<Key> keys;
  for (int i = 2001; i <= 6000; ++i)
    keys.push_back({TextKey(absl::StrCat("k", i % 7)).front(), IntKey(i).front()});
  for (const BlockSize& size : {BlockSize{}, BlockSize{1, 100}, BlockSize{1'000, 17}}) {
    const absl::StatusOr<Found> found = RowsOf("t", keys, size);
    ASSERT_THAT(found, IsOk());
    EXPECT_EQ(found->rows.size(), 1000U);
    EXPECT_EQ(found->gone.size(), 3000U);
  }
}

TEST_P(ServerReaderTest, RowsAreChosenHashedAndMaskedOnTheirWay) {
  Sql("CREATE TABLE t (id INT PRIMARY KEY, at DATE, name TEXT, iban TEXT)",
      "INSERT INTO t VALUES (1, '2024-01-01', 'Ada', 'DE0012345678'), (2, '2023-01-01', 'Bob', "
      "'DE0087654321'), "
      "(3, NULL, NULL, NULL)");
  TableSteps steps;
  steps.table = "T";
  steps.where = "at >= '2024-01-01' OR at IS NULL";
  steps.mask = {{"iban", 4}};
  options_.steps = {steps};
  Open();
  Look();
  EXPECT_EQ(Table("t").problem, "");
  EXPECT_EQ(Rows("t"), (ShownRows{{"i:1", "i:638396640000000000", "t:Ada", "t:****5678"},
                                  {"i:3", "null", "null", "null"}}));
  ExpectEqualDigests("t");
  EXPECT_THAT(reader_->CountRows("t"), IsOkAndHolds(2U));
  const absl::StatusOr<Found> found = RowsOf("t", {IntKey(1), IntKey(2)});
  ASSERT_THAT(found, IsOk());
  EXPECT_EQ(found->rows.size(), 1U);
  EXPECT_EQ(found->gone, (ShownRows{{"i:2"}}));
  RowBound left_out{0, IntKey(0).front()};
  left_out.left_out = true;
  const auto others = Digest(reader_->ScanFrom("t", {0}, left_out));
  ASSERT_THAT(others, IsOk());
  ASSERT_EQ(others->rows.size(), 1U);
  EXPECT_EQ(others->rows[0].first, IntKey(2));
  EXPECT_EQ(reader_->LookAtColumn("t", 0)->greatest, IntKey(3).front());
  options_.steps[0].where = "nothing > 1";
  Open();
  Look();
  EXPECT_THAT(Table("t").problem, HasSubstr("'where'"));
}

TEST_P(ServerReaderTest, HashedValuesAreTexts) {
  Sql("CREATE TABLE t (id INT PRIMARY KEY, n INT, d DATE)",
      "INSERT INTO t VALUES (1, 7, '2024-01-01'), (2, NULL, NULL)");
  TableSteps steps;
  steps.table = "t";
  steps.hash = {"n", "d"};
  options_.steps = {steps};
  options_.hash_key.emplace(std::string(32, 's'), "Cust");
  Open();
  Look();
  EXPECT_EQ(Table("t").problem, "");
  EXPECT_EQ(ColumnOf("t", "d").type, Type::kText);
  ExpectEqualDigests("t");
  const ShownRows rows = Rows("t");
  EXPECT_EQ(rows[0][1].size(), 66U);
  EXPECT_EQ(rows[0][2].size(), 66U);
  EXPECT_THAT(rows[1], ElementsAre("i:2", "null", "null"));
  const absl::StatusOr<Found> found = RowsOf("t", {IntKey(1), IntKey(2)});
  ASSERT_THAT(found, IsOk());
  EXPECT_EQ(found->rows, rows);
}

TEST_P(ServerReaderTest, AKeyOfTheConfigurationIsThatOfATableWithoutOne) {
  Sql("CREATE TABLE t (id INT NOT NULL, v TEXT)", "INSERT INTO t VALUES (1, 'a'), (2, 'b')");
  options_.keys = {{"t", {"ID"}}};
  Open();
  Look();
  EXPECT_THAT(Table("t").schema.Key(), ElementsAre(0U));
  EXPECT_EQ(reader_->RepeatedKeysOf("t"), RepeatedKeys::kMistake);
  ExpectEqualDigests("t");
  const absl::StatusOr<Found> found = RowsOf("t", {IntKey(2)});
  ASSERT_THAT(found, IsOk());
  EXPECT_EQ(found->rows, (ShownRows{{"i:2", "t:b"}}));
  options_.keys = {{"t", {"v"}}};
  Open();
  Look();
  EXPECT_THAT(Table("t").problem, HasSubstr("make it NOT NULL"));
  options_.keys = {{"t", {"nothing"}}};
  Open();
  Look();
  EXPECT_THAT(Table("t").problem, HasSubstr("the table does not have"));
}

TEST_P(ServerReaderTest, ATableThatIsNotThereIsNotFound) {
  Look();
  EXPECT_EQ(reader_->Read("nothing", {0}).status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(reader_->CountRows("nothing").status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(reader_->Digests("nothing", {0}).status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(reader_->ScanByColumn("nothing", {0}).status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(reader_->ScanFrom("nothing", {0}, {}).status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(reader_->LookAtColumn("nothing", 0).status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(reader_->RowsOf("nothing", {0}, {IntKey(1)}).status().code(), absl::StatusCode::kNotFound);
}

INSTANTIATE_TEST_SUITE_P(EveryServer, ServerReaderTest,
                         testing::Values(ServerUnderTest::kPostgres, ServerUnderTest::kMariadb),
                         NameOfServer);

}  // namespace
}  // namespace mirror::server_reader_test
