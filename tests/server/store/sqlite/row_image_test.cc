// Rows as a database in memory, and tables into which they are copied from there.

#include "server/store/sqlite/file/row_image.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>

#include <algorithm>
#include <cstdint>
#include <fstream>
#include <limits>
#include <memory>
#include <numeric>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/store/sqlite/file/sql.h"
#include "server/store/sqlite/file/sqlite_connection.h"
#include "server/store/sqlite/rows/sqlite_image_insert.h"
#include "server/store/sqlite/rows/sqlite_rows.h"
#include "tests/support/rows.h"
#include "tests/support/status_matchers.h"

namespace mirror::row_image_test {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::Not;

/// A column of every type, with the key somewhere among them.
TableSchema EveryType() {
  return NamedTable("every", {PlainColumn("flag", Type::kBool), PlainColumn("small", Type::kInt16),
                              KeyColumn("id", Type::kInt64), PlainColumn("number", Type::kInt64),
                              PlainColumn("real", Type::kDouble), PlainColumn("decimal", Type::kDecimal),
                              PlainColumn("text", Type::kText), PlainColumn("bytes", Type::kBytes),
                              PlainColumn("day", Type::kDate), PlainColumn("moment", Type::kTimestamp),
                              PlainColumn("uuid", Type::kUuid), AnyColumn("any", Affinity::kBlob)});
}

/// Around each size that the file format has a form of its own for.
std::int64_t AnyInteger(std::mt19937_64& dice) {
  const int bits = static_cast<int>(dice() % 64);
  const auto edge = static_cast<std::int64_t>(std::uint64_t{1} << bits);
  const auto at = static_cast<std::int64_t>(static_cast<std::uint64_t>(edge) + dice() % 3 - 1);
  return dice() % 2 == 0 ? at : static_cast<std::int64_t>(0 - static_cast<std::uint64_t>(at));
}

double AnyReal(std::mt19937_64& dice) {
  return dice() % 2 == 0 ? static_cast<double>(AnyInteger(dice)) : static_cast<double>(dice()) / 3;
}

std::string AnyBytes(std::mt19937_64& dice, std::size_t most) {
  // 57 and 58 bytes of text, 8,185 and 8,186: where the header needs a byte more for them.
  constexpr std::size_t kSizes[] = {0, 1, 57, 58, 59, 63, 64, 65, 200, 8'185, 8'186, 20'000};
  const std::size_t size = dice() % 4 == 0 ? kSizes[dice() % std::size(kSizes)] : dice() % 40;
  std::string bytes(std::min(size, most), 'x');
  for (char& byte : bytes) byte = static_cast<char>('a' + dice() % 26);
  return bytes;
}

Cell AnyValue(std::mt19937_64& dice, std::size_t most) {
  switch (dice() % 4) {
    case 0:
      return AnyInteger(dice);
    case 1:
      return static_cast<double>(static_cast<std::int64_t>(dice())) / 7;
    case 2:
      return AnyBytes(dice, most);
    default:
      return Blob(AnyBytes(dice, most));
  }
}

Row AnyRow(std::mt19937_64& dice, std::int64_t id, std::size_t most) {
  Row row = {static_cast<int>(dice() % 2),
             static_cast<int>(dice() % 65'536) - 32'768,
             id,
             AnyInteger(dice),
             AnyReal(dice),
             absl::StrCat(dice() % 1'000, ".", dice() % 9 + 1),
             AnyBytes(dice, most),
             Blob(AnyBytes(dice, most)),
             static_cast<std::int64_t>(dice() % 700'000) * 864'000'000'000,
             static_cast<std::int64_t>(dice() % 1'000'000'000'000),
             Blob(std::string(16, static_cast<char>(dice()))),
             AnyValue(dice, most)};
  for (std::size_t i = 0; i < row.size(); ++i) {
    if (i != 2 && dice() % 6 == 0) row[i] = nullptr;
  }
  return row;
}

Rows AnyRows(std::mt19937_64& dice, std::size_t count, std::size_t most = 20'000) {
  std::set<std::int64_t> ids;
  while (ids.size() < count) {
    ids.insert(dice() % 2 == 0 ? AnyInteger(dice) : static_cast<std::int64_t>(dice() % 10'000));
  }
  Rows rows;
  for (const std::int64_t id : ids) rows.push_back(AnyRow(dice, id, most));
  std::shuffle(rows.begin(), rows.end(), dice);
  return rows;
}

void Save(const std::vector<unsigned char>& image, std::size_t size, const std::string& path) {
  std::ofstream(path, std::ios::binary)
      .write(reinterpret_cast<const char*>(image.data()), static_cast<std::streamsize>(size));
}

std::vector<std::uint32_t> InOrder(const TableSchema& table) {
  std::vector<std::uint32_t> order(table.columns.size());
  std::iota(order.begin(), order.end(), 0);
  return order;
}

class RowImageTest : public testing::Test {
 protected:
  RowImageTest()
      : connection_(
            *SqliteConnection::Open(folder_.path() + "/Mirror_t.db", true, MirrorUse::kMirror, nullptr)) {
    Run("CREATE TABLE _mirror_tenant (x)");
  }

  void Run(const std::string& sql) { ASSERT_THAT(connection_->Execute(sql), IsOk()); }
  void Make(const std::string& name, const TableSchema& table) { Run(CreateTableSql(name, table)); }
  Rows Ask(const std::string& sql) { return Partner(connection_->path()).Ask(sql); }
  /// All that SQLite says of a table's values, with what each is.
  Rows All(const std::string& name, const TableSchema& table) {
    std::string what;
    for (const Column& column : table.columns) {
      absl::StrAppend(&what, what.empty() ? "" : ", ", "typeof(", QuoteName(column.name), "), ",
                      QuoteName(column.name));
    }
    return Ask(absl::StrCat("SELECT rowid, ", what, " FROM ", QuoteName(name), " ORDER BY rowid"));
  }
  Cell Payload(const std::string& name) {
    return Ask("SELECT sum(payload) FROM dbstat WHERE name = '" + name + "'")[0][0];
  }
  absl::StatusOr<bool> Insert(const std::string& target, const TestBatch& made) {
    return InsertAsImages(*connection_, target, *made.schema, *made.batch, InOrder(*made.schema));
  }
  /// How a batch is written where images are not.
  void InsertByLoop(const std::string& target, const TestBatch& made) {
    RowsWritten written;
    ASSERT_THAT(WriteRows(*connection_, target, {made.schema.get(), &*made.batch}, ApplyMethod::kBindLoop, 0,
                          &written),
                IsOk());
  }

  ScratchFolder folder_;
  std::unique_ptr<SqliteConnection> connection_;
};

TEST_F(RowImageTest, ATableThatIsFilledFromImagesIsTheOneThatTheLoopFills) {
  const TableSchema table = EveryType();
  const std::uint64_t seed = std::random_device()();
  std::mt19937_64 dice(seed);
  SCOPED_TRACE(absl::StrCat("seed ", seed));
  for (const std::size_t count : {1, 2, 7, 60, 300, 2'500}) {
    SCOPED_TRACE(absl::StrCat(count, " rows"));
    Run("DROP TABLE IF EXISTS copied; DROP TABLE IF EXISTS looped");
    Make("copied", table);
    Make("looped", table);
    const TestBatch made = MakeBatch(table, {.rows = AnyRows(dice, count)});
    ASSERT_THAT(made.batch.status(), IsOk());
    ASSERT_TRUE(RowImage::CanHold(table, *made.batch));

    Run("BEGIN IMMEDIATE");
    ASSERT_TRUE(Insert("copied", made).value());
    InsertByLoop("looped", made);
    Run("COMMIT");

    ASSERT_EQ(All("copied", table).size(), count);
    ASSERT_TRUE(All("copied", table) == All("looped", table));
    EXPECT_EQ(Payload("copied"), Payload("looped")) << "each value in as few bytes";
    ASSERT_EQ(Ask("PRAGMA integrity_check"), (Rows{{"ok"}}));
  }
}

TEST_F(RowImageTest, SqliteFindsNothingWrongWithAnImage) {
  const TableSchema table = EveryType();
  const std::uint64_t seed = std::random_device()();
  std::mt19937_64 dice(seed);
  SCOPED_TRACE(absl::StrCat("seed ", seed));
  const TestBatch made = MakeBatch(table, {.rows = AnyRows(dice, 3'000)});
  ASSERT_THAT(made.batch.status(), IsOk());
  RowImage image(table, *made.batch, InOrder(table));
  std::vector<unsigned char> bytes(RowImage::kBytesMax);
  std::int64_t rows = 0;
  for (std::uint32_t place = 0; place < made.batch->row_count;) {
    const std::uint32_t next = image.Write(place, bytes);
    ASSERT_GT(next, place);
    ASSERT_LE(image.size(), bytes.size());
    const std::string path = folder_.path() + "/image.db";
    Save(bytes, image.size(), path);
    Partner partner(path);
    EXPECT_EQ(partner.Ask("PRAGMA integrity_check"), (Rows{{"ok"}}));
    rows += partner.One("SELECT count(*) FROM r").integer;
    place = next;
  }
  EXPECT_EQ(rows, 3'000);
}

TEST_F(RowImageTest, ABatchBehindAllRowsIsCopiedByRecords) {
  Make("people", People());
  Rows rows;
  for (int id = 0; id < 500; ++id) rows.push_back({id, "a", id});
  const TestBatch made = MakeBatch(People(), {.rows = rows});
  Run("BEGIN IMMEDIATE");
  RowsWritten written;
  ASSERT_THAT(
      WriteRows(*connection_, "people", {made.schema.get(), &*made.batch}, ApplyMethod::kBest, 0, &written),
      IsOk());
  EXPECT_EQ(written.added, 500);
  Run("COMMIT");
  EXPECT_EQ(ReadNumber(*connection_, "SELECT count(*) FROM pragma_database_list").value(), 2) << "an image";
}

TEST_F(RowImageTest, SqliteMakesNoRecordOfItsOwn) {
  const TableSchema table = EveryType();
  Make("every", table);
  const std::string path = folder_.path() + "/image.db";
  std::mt19937_64 dice(1);
  const TestBatch made = MakeBatch(table, {.rows = AnyRows(dice, 9)});
  RowImage image(table, *made.batch, InOrder(table));
  std::vector<unsigned char> bytes(RowImage::kBytesMax);
  image.Write(0, bytes);
  Save(bytes, image.size(), path);
  Partner partner(connection_->path());
  partner.Run("ATTACH '" + path + "' AS image");
  std::vector<std::string> operations;
  for (const Row& row : partner.Ask("EXPLAIN INSERT INTO main.every SELECT * FROM image.r")) {
    operations.push_back(row[1].bytes);
  }
  EXPECT_THAT(operations, Contains("RowData"));
  EXPECT_THAT(operations, Not(Contains("MakeRecord")));
}

TEST_F(RowImageTest, AMirrorWithOtherTextsIsWrittenInAnotherWay) {
  const std::string path = folder_.path() + "/Mirror_wide.db";
  std::ofstream(path).close();
  Partner(path).Run("PRAGMA encoding = 'UTF-16'; CREATE TABLE _mirror_tenant (x)");
  connection_ = *SqliteConnection::Open(path, false, MirrorUse::kMirror, nullptr);
  Make("people", People());
  Run("BEGIN IMMEDIATE");
  EXPECT_FALSE(Insert("people", MakeBatch(People(), {.rows = {{1, "a", 1}}})).value());
  Run("INSERT INTO people VALUES (1, 'b', 2)");
  Run("COMMIT");
  EXPECT_EQ(Ask("SELECT id, age, name = 'b' FROM people"), (Rows{{1, 2, 1}}));
}

TEST_F(RowImageTest, WhereMemoryEndsABatchIsWrittenOrNotAndTheConnectionGoesOn) {
  Make("people", People());
  Rows rows;
  for (int id = 0; id < 30'000; ++id) rows.push_back({id, std::string(50, 'n'), id});
  const TestBatch made = MakeBatch(People(), {.rows = rows});
  int written = 0, refused = 0;
  for (sqlite3_int64 more = 1'000; written < 3 && more < 64'000'000; more += more / 4) {
    Run("DELETE FROM people");
    Run("BEGIN IMMEDIATE");
    sqlite3_hard_heap_limit64(sqlite3_memory_used() + more);
    const absl::StatusOr<bool> inserted = Insert("people", made);
    sqlite3_hard_heap_limit64(0);
    if (connection_->database().InTransaction()) Run("COMMIT");
    const bool all = inserted.ok() && *inserted;
    ASSERT_EQ(Ask("SELECT count(*) FROM people"), (Rows{{all ? 30'000 : 0}})) << more << " bytes more";
    ++(all ? written : refused);
    Run("INSERT INTO _mirror_tenant VALUES (1)");
  }
  EXPECT_EQ(written, 3);
  EXPECT_GT(refused, 5);
  EXPECT_EQ(Ask("PRAGMA integrity_check"), (Rows{{"ok"}}));
}

TEST_F(RowImageTest, RowsOfAKeyAloneFillAPageToItsEnd) {
  const TableSchema table = NamedTable("keys", {KeyColumn("id", Type::kInt64)});
  Make("keys", table);
  Rows rows;
  for (int id = 0; id < 60'000; ++id) rows.push_back({id - 30});
  const TestBatch made = MakeBatch(table, {.rows = rows});
  ASSERT_THAT(made.batch.status(), IsOk());
  Run("BEGIN IMMEDIATE");
  ASSERT_TRUE(Insert("keys", made).value());
  Run("COMMIT");
  EXPECT_EQ(Ask("SELECT count(*), min(id), max(id) FROM keys"), (Rows{{60'000, -30, 59'969}}));
  EXPECT_EQ(Ask("PRAGMA integrity_check"), (Rows{{"ok"}}));
}

TEST_F(RowImageTest, AsManyColumnsAsSqliteAllowsHaveRoom) {
  std::vector<Column> columns = {KeyColumn("id", Type::kInt64)};
  Row row = {7};
  for (int i = 1; i < 2'000; ++i) {
    columns.push_back(PlainColumn(absl::StrCat("c", i), Type::kInt64));
    row.push_back(i * 1'000);
  }
  const TableSchema table = NamedTable("wide", columns);
  Make("wide", table);
  const TestBatch made = MakeBatch(table, {.rows = {row}});
  ASSERT_THAT(made.batch.status(), IsOk());
  ASSERT_TRUE(RowImage::CanHold(table, *made.batch));
  Run("BEGIN IMMEDIATE");
  ASSERT_TRUE(Insert("wide", made).value());
  Run("COMMIT");
  EXPECT_EQ(Ask("SELECT id, c1, c1999 FROM wide"), (Rows{{7, 1'000, 1'999'000}}));
}

TEST_F(RowImageTest, ARowThatNeedsMoreThanAPageIsNotHeld) {
  const TableSchema table = People();
  const auto holds = [&](std::size_t bytes) {
    const TestBatch made = MakeBatch(table, {.rows = {{1, std::string(bytes, 'x'), 1}}});
    return RowImage::CanHold(table, *made.batch);
  };
  EXPECT_TRUE(holds(65'000));
  EXPECT_FALSE(holds(66'000));
}

TEST_F(RowImageTest, TheLongestRowThatIsHeldHasRoom) {
  const TableSchema table = People();
  Make("people", table);
  std::size_t longest = 65'000;
  for (std::size_t bytes = longest; bytes < 66'000; ++bytes) {
    const TestBatch made = MakeBatch(table, {.rows = {{1, std::string(bytes, 'x'), 1}}});
    if (RowImage::CanHold(table, *made.batch)) longest = bytes;
  }
  const TestBatch made = MakeBatch(
      table, {.rows = {{std::numeric_limits<std::int64_t>::max(), std::string(longest, 'x'), 2'000'000'000},
                       {-1, std::string(longest, 'y'), nullptr}}});
  Run("BEGIN IMMEDIATE");
  ASSERT_TRUE(Insert("people", made).value());
  Run("COMMIT");
  EXPECT_EQ(Ask("SELECT count(*), sum(length(name)) FROM people"),
            (Rows{{2, static_cast<std::int64_t>(2 * longest)}}));
}

TEST_F(RowImageTest, WhatItsColumnMightChangeIsNotHeld) {
  const auto holds = [](Affinity affinity) {
    const TableSchema table = NamedTable("t", {KeyColumn("id", Type::kInt64), AnyColumn("a", affinity)});
    return RowImage::CanHold(table, *MakeBatch(table, {.rows = {{1, "a"}}}).batch);
  };
  EXPECT_TRUE(holds(Affinity::kBlob));
  for (const Affinity affinity : {Affinity::kText, Affinity::kNumeric, Affinity::kInteger, Affinity::kReal}) {
    EXPECT_FALSE(holds(affinity));
  }
}

TEST_F(RowImageTest, AKeyOfAnotherKindIsNotHeld) {
  EXPECT_FALSE(RowImage::CanHold(Pairs(), *MakeBatch(Pairs(), {.rows = {{1, "a", "v"}}}).batch));
  EXPECT_FALSE(RowImage::CanHold(Keyless(), *MakeBatch(Keyless(), {.rows = {{"a", 1}}}).batch));
}

TEST_F(RowImageTest, AColumnThatThePartnerDeclaredOtherwiseGetsItsOwnForm) {
  Run("CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT, age TEXT)");
  const TestBatch made = MakeBatch(People(), {.rows = {{1, "a", 10}, {2, "b", nullptr}}});
  Run("BEGIN IMMEDIATE");
  ASSERT_TRUE(Insert("people", made).value());
  Run("COMMIT");
  EXPECT_EQ(Ask("SELECT id, name, age FROM people"), (Rows{{1, "a", "10"}, {2, "b", nullptr}}));
}

TEST_F(RowImageTest, WhatAConstraintRefusesIsTakenBackAndLeftToAnotherWay) {
  Run("CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT, age INTEGER CHECK (age < 90))");
  Run("INSERT INTO people VALUES (-5, 'before', 1)");
  Rows rows;
  for (int id = 0; id < 40'000; ++id) rows.push_back({id, std::string(60, 'n'), id == 39'000 ? 95 : 7});
  const TestBatch made = MakeBatch(People(), {.rows = rows});
  Run("BEGIN IMMEDIATE");
  EXPECT_FALSE(Insert("people", made).value()) << "the second image or the third has that row";
  Run("COMMIT");
  EXPECT_EQ(Ask("SELECT * FROM people"), (Rows{{-5, "before", 1}}));
}

TEST_F(RowImageTest, SeveralBatchesStandInOneTransactionAndOneThatIsTakenBackLeavesNothing) {
  Make("people", People());
  const auto batch = [](int id) { return MakeBatch(People(), {.rows = {{id, "a", id}}}); };
  Run("BEGIN IMMEDIATE");
  for (int id = 1; id < 5; ++id) ASSERT_TRUE(Insert("people", batch(id)).value());
  Run("SAVEPOINT step");
  ASSERT_TRUE(Insert("people", batch(5)).value());
  Run("ROLLBACK TO step; RELEASE step");
  ASSERT_TRUE(Insert("people", batch(6)).value());
  Run("COMMIT");
  EXPECT_EQ(Ask("SELECT group_concat(id) FROM people"), (Rows{{"1,2,3,4,6"}}));
  Run("BEGIN IMMEDIATE");
  ASSERT_TRUE(Insert("people", batch(7)).value());
  Run("ROLLBACK");
  EXPECT_EQ(Ask("SELECT count(*) FROM people"), (Rows{{5}}));
}

TEST_F(RowImageTest, TheConnectionWritesAsBeforeWithAnImageAndWithoutOne) {
  Make("people", People());
  for (int turn = 0; turn < 3; ++turn) {
    Run("BEGIN IMMEDIATE");
    ASSERT_TRUE(Insert("people", MakeBatch(People(), {.rows = {{turn, "a", 1}}})).value());
    Run("COMMIT");
    Run("INSERT INTO _mirror_tenant VALUES (1)");
    ForgetImages(*connection_);
    Run("INSERT INTO _mirror_tenant VALUES (2)");
    // What the mirror's own look at it as a whole says.
    EXPECT_EQ(ReadNumber(*connection_, "SELECT count(*) FROM pragma_database_list").value(), 1);
  }
  EXPECT_EQ(Ask("SELECT (SELECT count(*) FROM people), count(*) FROM _mirror_tenant"), (Rows{{3, 6}}));
}

TEST_F(RowImageTest, NothingElseCanBeAttached) {
  Make("people", People());
  Run("BEGIN IMMEDIATE");
  ASSERT_TRUE(Insert("people", MakeBatch(People(), {.rows = {{1, "a", 1}}})).value());
  Run("COMMIT");
  EXPECT_THAT(connection_->Execute("ATTACH ':memory:' AS other").message(), HasSubstr("too many attached"));
}

TEST_F(RowImageTest, ATableOfTheImagesNameIsThePartners) {
  Run("CREATE TABLE r (id INTEGER PRIMARY KEY, name TEXT, age INTEGER)");
  Make("people", People());
  Run("BEGIN IMMEDIATE");
  ASSERT_TRUE(Insert("people", MakeBatch(People(), {.rows = {{1, "a", 1}}})).value());
  Run("COMMIT");
  EXPECT_EQ(Ask("SELECT (SELECT count(*) FROM r), count(*) FROM people"), (Rows{{0, 1}}));
}

}  // namespace
}  // namespace mirror::row_image_test
