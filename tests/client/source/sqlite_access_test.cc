// A source that others use at the same time, and files that are none.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <fstream>
#include <map>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "client/source/sqlite/file/sqlite_file.h"
#include "client/source/sqlite/file/sqlite_schema.h"
#include "client/source/sqlite/sqlite_column_look.h"
#include "client/source/sqlite/sqlite_reader.h"
#include "tests/client/source/source_database.h"
#include "tests/support/status_matchers.h"

namespace mirror::sqlite_access_test {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

constexpr char kTenThousand[] =
    "CREATE TABLE t(id INTEGER PRIMARY KEY, v INT NOT NULL); WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL "
    "SELECT i + 1 "
    "FROM n WHERE i < 10000) INSERT INTO t SELECT i, 0 FROM n;";

class SqliteAccessTest : public testing::Test {
 protected:
  absl::StatusOr<SourceSchema> Open() {
    reader_ = OpenSqliteReader({.path = path_});
    return reader_->Schema();
  }
  TableSchema Only() {
    auto schema = Open();
    EXPECT_THAT(schema, IsOk());
    return schema.ok() && !schema->tables.empty() ? schema->tables[0].schema : TableSchema{};
  }
  /// Begins to read table t and stops after the first block.
  void ReadFirst(const TableSchema& table) {
    auto rows = reader_->Read(table.name, AllColumns(table));
    ASSERT_THAT(rows, IsOk());
    rows_ = *std::move(rows);
    block_ = RowBlock::ForAll(table);
    ASSERT_THAT(rows_->Next({1'000}, &block_, &pieces_), IsOkAndHolds(true));
  }
  /// Reads on; the number of rows in all.
  absl::StatusOr<std::size_t> ReadRest() {
    std::size_t count = block_.rows();
    for (;;) {
      block_.Clear();
      const auto more = rows_->Next({100'000}, &block_, &pieces_);
      if (!more.ok()) return more.status();
      count += block_.rows();
      if (!*more) return count;
    }
  }

  TempFolder folder_;
  std::string path_ = folder_ / "source.db";
  std::unique_ptr<SourceReader> reader_;
  std::unique_ptr<TableReader> rows_;
  RowBlock block_;
  Pieces pieces_;
};

// --- Files that are none ---

TEST_F(SqliteAccessTest, MissingFileSaysWhichKeyToCorrect) {
  EXPECT_THAT(Open(), StatusIs(absl::StatusCode::kNotFound, AllOf(HasSubstr(path_), HasSubstr("'path'"))));
  EXPECT_THAT(folder_.Names(), ElementsAre());
}

TEST_F(SqliteAccessTest, FolderIsNoDatabase) {
  path_ = folder_.path();
  EXPECT_THAT(Open(), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("is not a file")));
}

TEST_F(SqliteAccessTest, EmptyFileIsRefusedSinceItWouldEmptyTheMirror) {
  std::ofstream(path_).close();
  EXPECT_THAT(Open(), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("is empty")));
}

TEST_F(SqliteAccessTest, OtherFilesAreNoDatabase) {
  std::ofstream(path_) << "a,b,c\n1,2,3\n";
  EXPECT_THAT(Open(), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("not a SQLite database")));
}

TEST_F(SqliteAccessTest, UnreadableFileAsksForTheRight) {
  Sql(path_, "CREATE TABLE t(x)");
  if (geteuid() == 0) {
    // Root reads everything; a link that leads round in a circle cannot be opened by anybody.
    path_ = folder_ / "circle";
    ASSERT_EQ(symlink("circle", path_.c_str()), 0);
  } else {
    ASSERT_EQ(chmod(path_.c_str(), 0), 0);
  }
  EXPECT_THAT(Open(), StatusIs(absl::StatusCode::kPermissionDenied, HasSubstr("right to read")));
}

TEST_F(SqliteAccessTest, DamagedTableIsItsOwnProblem) {
  Sql(path_, std::string(kTenThousand) + "CREATE TABLE good(id INTEGER PRIMARY KEY)");
  {
    std::fstream file(path_, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(4096 * 5);
    file << std::string(4096 * 10, '\x55');
  }
  auto schema = Open();
  ASSERT_THAT(schema, IsOk());
  ASSERT_EQ(schema->tables.size(), 2U);
  EXPECT_THAT(schema->tables[0].problem, testing::IsEmpty());
  EXPECT_THAT(schema->tables[1].problem, AllOf(HasSubstr("'t'"), HasSubstr("damaged")));
}

TEST_F(SqliteAccessTest, LockedFileSaysSoAfterFiveSeconds) {
  Sql(path_, "CREATE TABLE t(x)");
  Application application(path_);
  application.Run("BEGIN EXCLUSIVE");
  EXPECT_THAT(Open(),
              StatusIs(absl::StatusCode::kUnavailable, AllOf(HasSubstr("locked"), HasSubstr("5 seconds"))));
  application.Run("COMMIT");
  EXPECT_THAT(Open(), IsOk());
}

TEST_F(SqliteAccessTest, WriteThatDiedHalfWayIsNotRepairedHere) {
  Sql(path_, kTenThousand);
  const pid_t child = fork();
  if (child == 0) {
    sqlite3* database = nullptr;
    sqlite3_open(path_.c_str(), &database);
    // A cache this small spills into the file before the commit; the journal stays behind.
    sqlite3_exec(database, "PRAGMA cache_size = 1; BEGIN; UPDATE t SET v = v + 1", nullptr, nullptr, nullptr);
    _exit(0);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_THAT(folder_.Names(), ElementsAre("source.db", "source.db-journal"));
  EXPECT_THAT(Open(), StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("in the middle of a write")));
  EXPECT_THAT(folder_.Names(), ElementsAre("source.db", "source.db-journal"));
}

// --- Nothing is left behind ---

TEST_F(SqliteAccessTest, NothingIsCreatedBesideARollbackJournalSource) {
  Sql(path_, kTenThousand);
  const TableSchema table = Only();
  EXPECT_EQ(ReadAll(*reader_, table).rows.size(), 10'000U);
  EXPECT_THAT(folder_.Names(), ElementsAre("source.db"));
}

TEST_F(SqliteAccessTest, NothingIsCreatedBesideAClosedWalSource) {
  Sql(path_, std::string("PRAGMA journal_mode = WAL;") + kTenThousand);
  ASSERT_THAT(folder_.Names(), ElementsAre("source.db"));
  const TableSchema table = Only();
  EXPECT_EQ(ReadAll(*reader_, table).rows.size(), 10'000U);
  EXPECT_THAT(folder_.Names(), ElementsAre("source.db"));
  reader_.reset();
  EXPECT_THAT(folder_.Names(), ElementsAre("source.db"));
}

TEST_F(SqliteAccessTest, PathWithSpecialCharactersIsAPath) {
  path_ = folder_ / "100% crm?mode=rw#1 \xC3\xA4.db";
  Sql(path_, "CREATE TABLE t(x)");
  EXPECT_THAT(Open(), IsOk());
}

// --- WAL ---

TEST_F(SqliteAccessTest, WalSourceIsReadAsOfOneMomentBesideAWriter) {
  Application application(path_);
  application.Run(std::string("PRAGMA journal_mode = WAL;") + kTenThousand);
  const TableSchema table = Only();
  ReadFirst(table);
  application.Run("UPDATE t SET v = 1; DELETE FROM t WHERE id > 9000; INSERT INTO t VALUES(20000, 2)");
  EXPECT_THAT(ReadRest(), IsOkAndHolds(10'000U));
  EXPECT_THAT(reader_->CountRows("t"), IsOkAndHolds(10'000U));
  // The next look is of the present.
  rows_.reset();
  ASSERT_THAT(reader_->Schema(), IsOk());
  EXPECT_EQ(ReadAll(*reader_, table).rows.size(), 9'001U);
}

TEST_F(SqliteAccessTest, ClosedWalSourceThatSomebodyOpensMeanwhileIsReadAgain) {
  Sql(path_, std::string("PRAGMA journal_mode = WAL;") + kTenThousand);
  const TableSchema table = Only();
  ReadFirst(table);
  Application application(path_);
  application.Run("UPDATE t SET v = 1");
  EXPECT_THAT(ReadRest(), StatusIs(absl::StatusCode::kAborted, HasSubstr("'t' could not be read at")));
  rows_.reset();
  ASSERT_THAT(reader_->Schema(), IsOk());
  EXPECT_EQ(ReadAll(*reader_, table).rows.size(), 10'000U);
}

TEST_F(SqliteAccessTest, ClosedWalSourceThatWasOpenedAndClosedMeanwhileIsReadAgain) {
  Sql(path_, std::string("PRAGMA journal_mode = WAL;") + kTenThousand);
  const TableSchema table = Only();
  ReadFirst(table);
  Sql(path_, "UPDATE t SET v = 1");
  ASSERT_THAT(folder_.Names(), ElementsAre("source.db"));
  EXPECT_THAT(ReadRest(), StatusIs(absl::StatusCode::kAborted));
}

TEST_F(SqliteAccessTest, LastRowsOfAStillSourceCountOnlyIfItStayedStill) {
  Sql(path_, std::string("PRAGMA journal_mode = WAL;") + kTenThousand);
  const TableSchema table = Only();
  ReadFirst(table);
  block_.Clear();
  // One byte short of everything: what is left to see is the end.
  while (block_.rows() < 9'000) ASSERT_THAT(rows_->Next({1'000}, &block_, &pieces_), IsOkAndHolds(true));
  Sql(path_, "DELETE FROM t WHERE id > 5");
  EXPECT_THAT(ReadRest(), StatusIs(absl::StatusCode::kAborted));
}

// --- Rollback journal ---

TEST_F(SqliteAccessTest, NobodyWaitsForAViewOfASourceWithARollbackJournal) {
  Sql(path_, std::string(kTenThousand) +
                 "CREATE VIEW w AS SELECT a.id, a.v FROM t a JOIN t b USING (id) WHERE a.v = 0");
  reader_ = OpenSqliteReader({.path = path_, .include = {"w"}, .keys = {{"w", {"id"}}}});
  const auto schema = reader_->Schema();
  ASSERT_THAT(schema, IsOk());
  ASSERT_EQ(schema->tables.at(0).problem, "");
  const TableSchema& view = schema->tables[0].schema;
  Application app(path_);
  sqlite3_busy_timeout(app.handle(), 0);
  ReadFirst(view);
  EXPECT_EQ(app.Try("UPDATE t SET v = 1 WHERE id > 9000"), SQLITE_OK);
  block_.Clear();
  EXPECT_THAT(rows_->Next({1'000}, &block_, &pieces_), IsOkAndHolds(true));
  EXPECT_EQ(app.Try("UPDATE t SET v = 1"), SQLITE_OK);
  rows_.reset();
  // All of it is of the moment in which it was looked at first.
  EXPECT_THAT(ReadAll(*reader_, view).rows, testing::SizeIs(10'000));
  EXPECT_THAT(reader_->CountRows("w"), IsOkAndHolds(10'000U));
  const auto looked = reader_->LookAtColumn("w", 0);
  ASSERT_THAT(looked, IsOk());
  EXPECT_EQ(looked->greatest.integer, 10'000);
  EXPECT_EQ(app.Try("UPDATE t SET v = 2"), SQLITE_OK);
  EXPECT_THAT(reader_->Schema(), IsOk());
  EXPECT_THAT(reader_->CountRows("w"), IsOkAndHolds(0U));
}

TEST_F(SqliteAccessTest, ACopyIsMadeBetweenTheCommitsOfABusyProgram) {
  Sql(path_, kTenThousand);
  std::atomic<bool> enough = false;
  std::atomic<int> refused = 0;
  std::thread writer([&] {
    Application app(path_);
    for (int i = 0; !enough || i < 20; ++i) {
      if (app.Try(absl::StrCat("BEGIN IMMEDIATE; UPDATE t SET v = v + 1 WHERE id = ", 1 + i % 100,
                               "; UPDATE t SET v = v - 1 WHERE id = ", 9'900 + i % 100, "; COMMIT")) !=
          SQLITE_OK) {
        ++refused;
        app.Try("ROLLBACK");
      }
    }
  });
  const auto file = SqliteFile::Open(path_);
  ASSERT_THAT(file, IsOk());
  for (int i = 0; i < 5; ++i) {
    const auto copy = (*file)->CopyOfOneMoment();
    EXPECT_THAT(copy, IsOk());
    if (!copy.ok()) break;
    EXPECT_THAT((*copy)->Number("SELECT sum(v) FROM t"), IsOkAndHolds(0));
    EXPECT_THAT((*copy)->Run("DELETE FROM t"), IsOk());
    EXPECT_THAT((*file)->Number("SELECT count(*) FROM t"), IsOkAndHolds(10'000)) << "the copy is its own";
  }
  enough = true;
  writer.join();
  EXPECT_EQ(refused, 0);
}

TEST_F(SqliteAccessTest, ATableIsReadBesideAProgramThatCommitsAllTheTime) {
  Sql(path_, absl::StrCat(kTenThousand, "CREATE TABLE keyless(a, b); INSERT INTO keyless SELECT * FROM t"));
  std::atomic<bool> enough = false;
  std::atomic<int> refused = 0;
  std::thread writer([&] {
    Application app(path_);
    for (int i = 0; !enough; ++i) {
      const auto change = [&](const std::string& table, const std::string& value, const std::string& key) {
        return absl::StrCat("UPDATE ", table, " SET ", value, " = ", value, " + 1 WHERE ", key, " = ",
                            1 + i % 100, "; UPDATE ", table, " SET ", value, " = ", value, " - 1 WHERE ", key,
                            " = ", 9'900 + i % 100, ";");
      };
      if (app.Try(absl::StrCat("BEGIN IMMEDIATE;", change("t", "v", "id"), change("keyless", "b", "a"),
                               "COMMIT")) != SQLITE_OK) {
        ++refused;
        app.Try("ROLLBACK");
      }
    }
  });
  reader_ = OpenSqliteReader({.path = path_});
  for (const std::string table : {"t", "keyless"}) {
    ReadTable read;
    for (int attempt = 0; attempt <= kMovesBeforeCopy; ++attempt) {
      const auto schema = reader_->Schema();
      EXPECT_THAT(schema, IsOk());
      if (!schema.ok()) break;
      read = ReadAll(*reader_, schema->tables[table == "t" ? 1 : 0].schema);
      if (!absl::IsAborted(read.status)) break;
    }
    EXPECT_THAT(read.status, IsOk()) << table;
    EXPECT_THAT(read.rows, testing::SizeIs(10'000));
    int sum = 0;
    for (const auto& row : read.rows) sum += std::stoi(row.at(1).substr(2));
    EXPECT_EQ(sum, 0) << "of one moment";
  }
  enough = true;
  writer.join();
  EXPECT_EQ(refused, 0);
}

TEST_F(SqliteAccessTest, AColumnWithoutAnIndexIsLookedAtInPartsWhereWritersWait) {
  struct Case {
    std::string values, where;
  };
  const std::string numbers =
      "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 50000) ";
  for (const auto& [values, where] : std::vector<Case>{
           {"SELECT i * 3 % 50001 FROM n", ""},
           {"SELECT CASE WHEN i % 7 = 0 THEN NULL WHEN i = 41000 THEN 'x' ELSE i / 2.0 END FROM n", ""},
           {"SELECT printf('%05d', i) FROM n", ""},
           {"SELECT CAST(i AS TEXT) FROM n", ""},
           {"SELECT CAST(i AS TEXT) FROM n", "length(w) = 4"},
           {"SELECT i FROM n WHERE 0", ""}}) {
    SCOPED_TRACE(values + where);
    std::vector<SourceReader::ColumnFacts> all;
    for (const std::string mode : {"WAL", "DELETE", "INDEX"}) {
      path_ = folder_ / ("source" + std::to_string(all.size()) + ".db");
      std::filesystem::remove(path_);
      Sql(path_, absl::StrCat("PRAGMA journal_mode = ", mode == "WAL" ? "WAL" : "DELETE",
                              "; CREATE TABLE t(id INTEGER PRIMARY KEY, w);", numbers, "INSERT INTO t(w) ",
                              values, mode == "INDEX" ? "; CREATE INDEX i ON t(w)" : ""));
      SqliteReaderOptions options{.path = path_};
      if (!where.empty()) options.steps.push_back({.table = "t", .where = where});
      reader_ = OpenSqliteReader(std::move(options));
      ASSERT_THAT(reader_->Schema(), IsOk());
      const auto facts = reader_->LookAtColumn("t", 1);
      ASSERT_THAT(facts, IsOk());
      all.push_back(*facts);
    }
    for (const SourceReader::ColumnFacts& one : all) {
      EXPECT_TRUE(one.greatest == all[0].greatest && one.least == all[0].least);
      EXPECT_EQ(one.nulls, all[0].nulls);
      EXPECT_EQ(one.trouble, all[0].trouble);
    }
  }
}

TEST_F(SqliteAccessTest, EachPartOfAColumnIsALookOfItsOwn) {
  Sql(path_,
      "CREATE TABLE t(id INTEGER PRIMARY KEY, v, w); CREATE INDEX i ON t(w, v); WITH RECURSIVE n(i) AS "
      "(SELECT 1 UNION "
      "ALL SELECT i + 1 FROM n WHERE i < 50000) INSERT INTO t SELECT i, i, i FROM n");
  const auto file = SqliteFile::Open(path_);
  ASSERT_THAT(file, IsOk());
  const auto plan = PlanSource(**file, "t");
  ASSERT_THAT(plan, IsOk());
  int begun = 0;
  const auto count = [](unsigned, void* looks, void*, void* sql) {
    if (std::string(static_cast<const char*>(sql)) == "BEGIN") ++*static_cast<int*>(looks);
    return 0;
  };
  sqlite3_trace_v2((*file)->handle(), SQLITE_TRACE_STMT, count, &begun);
  ASSERT_THAT(LookAtColumnOf(**file, *plan, 1), IsOk());
  EXPECT_EQ(begun, 3);
  begun = 0;
  ASSERT_THAT(LookAtColumnOf(**file, *plan, 2), IsOk());
  EXPECT_EQ(begun, 1);
}

/// Rows by key of a table whose declared key has no index, beside one that has.
TEST_F(SqliteAccessTest, RowsAreFoundByAKeyWithoutAnIndexInOnePass) {
  constexpr int kRows = 8'000;
  Sql(path_,
      absl::StrCat(
          "CREATE TABLE t(v, k TEXT, n INT); WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n "
          "WHERE i < ",
          kRows,
          ") INSERT INTO t SELECT i * 2, 'k' || i, i % 5 FROM n; UPDATE t SET k = 'K7' WHERE k = 'k7';"
          "CREATE TABLE u AS SELECT * FROM t; CREATE INDEX by_key ON u(k, n);"
          "UPDATE t SET v = zeroblob(70000000) WHERE k = 'k4711'"));
  std::map<std::string, std::vector<std::string>> found;
  std::map<std::string, absl::Duration> took;
  for (const std::string name : {"t", "u"}) {
    reader_ = OpenSqliteReader({.path = path_, .keys = {{"t", {"k", "n"}}, {"u", {"k", "n"}}}});
    const auto schema = reader_->Schema();
    ASSERT_THAT(schema, IsOk());
    const TableSchema table = schema->tables.at(name == "t" ? 0 : 1).schema;
    ASSERT_EQ(table.Key().size(), 2U);
    std::vector<Key> keys;
    for (int i = kRows + 10; i >= 1; i -= 2) {
      keys.push_back({{Kind::kText, 0, 0, absl::StrCat("k", i)}, {Kind::kInteger, i % 5, 0, ""}});
    }
    keys.push_back({{Kind::kText, 0, 0, "k7"}, {Kind::kInteger, 2, 0, ""}});
    keys.push_back({{Kind::kText, 0, 0, "k4711"}, {Kind::kInteger, 1, 0, ""}});
    const absl::Time begun = absl::Now();
    const auto rows = reader_->RowsOf(name, AllColumns(table), keys);
    ASSERT_THAT(rows, IsOk());
    Pieces pieces;
    for (bool last = false; !last;) {
      const auto piece = (*rows)->Next({100'000}, &pieces);
      ASSERT_THAT(piece, IsOk());
      last = piece->last;
      for (const ChangeBlock& block : piece->blocks) {
        std::vector<std::vector<std::string>> shown;
        AppendRows(block.rows, &shown);
        for (const auto& row : shown) {
          if (row.back() == "i:1" && row[row.size() - 2] == "t:k4711") continue;
          found[name].push_back(
              absl::StrCat(static_cast<int>(block.operation), " ", absl::StrJoin(row, " ")));
        }
      }
    }
    took[name] = absl::Now() - begun;
    if (name == "t") {
      EXPECT_EQ(pieces.value(1).size(), 70'000'000U);
    }
    std::sort(found[name].begin(), found[name].end());
  }
  EXPECT_EQ(found["t"], found["u"]);
  EXPECT_EQ(found["t"].size(), kRows / 2 + 6U);
  // A pass for each key took 1,200 times as long as the index, and one pass for all takes up to forty times.
  EXPECT_LT(took["t"], 300 * took["u"] + absl::Seconds(1));
}

TEST_F(SqliteAccessTest, RollbackJournalSourceThatMovedIsNotOfOneMoment) {
  Sql(path_, kTenThousand);
  const TableSchema table = Only();
  ReadFirst(table);
  Sql(path_, "UPDATE t SET v = 1 WHERE id = 9999");
  EXPECT_THAT(ReadRest(), StatusIs(absl::StatusCode::kAborted, HasSubstr("'t' could not be read at")));
}

TEST_F(SqliteAccessTest, ChangeBetweenSchemaAndReadingIsSeenInTheSchemaVersion) {
  Sql(path_, kTenThousand);
  const TableSchema table = Only();
  Sql(path_, "ALTER TABLE t ADD COLUMN w TEXT");
  EXPECT_THAT(ReadAll(*reader_, table).status, StatusIs(absl::StatusCode::kAborted));
}

TEST_F(SqliteAccessTest, QuietRollbackJournalSourceIsReadInChunks) {
  Sql(path_, kTenThousand);
  const TableSchema table = Only();
  ReadFirst(table);
  EXPECT_THAT(ReadRest(), IsOkAndHolds(10'000U));
}

TEST_F(SqliteAccessTest, NoLockIsHeldBetweenTwoBlocks) {
  Sql(path_, kTenThousand);
  const TableSchema table = Only();
  Application application(path_);
  sqlite3_busy_timeout(application.handle(), 0);
  ReadFirst(table);
  EXPECT_EQ(application.Try("UPDATE t SET v = 2 WHERE id = 1"), SQLITE_OK);
}

/// Looks whether a writer without any patience could write while a piece is on its way.
class ImpatientSink : public Pieces {
 public:
  explicit ImpatientSink(Application& application) : application_(application) {}
  absl::Status Part(std::uint32_t column, std::uint64_t value_id, std::uint64_t offset,
                    std::string_view data) override {
    // Rolled back, so that the source does not move.
    EXPECT_EQ(application_.Try("BEGIN EXCLUSIVE"), SQLITE_OK);
    application_.Run("ROLLBACK");
    ++parts_;
    return Pieces::Part(column, value_id, offset, data);
  }
  int parts() const { return parts_; }

 private:
  Application& application_;
  int parts_ = 0;
};

TEST_F(SqliteAccessTest, NoLockIsHeldWhileAPieceIsOnItsWay) {
  Sql(path_,
      "CREATE TABLE t(id INTEGER PRIMARY KEY, a, b, c); INSERT INTO t VALUES(1, zeroblob(9000000), "
      "zeroblob(4000000), zeroblob(4000000)), (2, zeroblob(4000000), zeroblob(4000000), 3)");
  Application application(path_);
  sqlite3_busy_timeout(application.handle(), 0);
  const TableSchema table = Only();
  ImpatientSink sink(application);
  const ReadTable read = ReadAll(*reader_, table, 1'000, &sink);
  EXPECT_THAT(read.status, IsOk());
  EXPECT_EQ(read.rows.size(), 2U);
  EXPECT_EQ(sink.parts(), 3 + 1 + 1);
}

TEST_F(SqliteAccessTest, WriterOfARollbackJournalSourceIsNeverRefused) {
  Sql(path_, std::string(kTenThousand) +
                 "CREATE TABLE w(k TEXT PRIMARY KEY, v BLOB) WITHOUT ROWID; WITH RECURSIVE n(i) AS (SELECT 1 "
                 "UNION ALL "
                 "SELECT i + 1 FROM n WHERE i < 20000) INSERT INTO w SELECT 'k' || i, zeroblob(100) FROM n");
  std::atomic<bool> stop = false;
  std::atomic<int> written = 0, refused = 0;
  std::thread writer([&] {
    Application application(path_);
    while (!stop) {
      const int code = application.Try("UPDATE t SET v = v + 1 WHERE id = 7");
      if (code == SQLITE_OK) {
        ++written;
      } else {
        ++refused;
      }
    }
  });
  int looks = 0;
  for (int i = 0; i < 10; ++i) {
    auto schema = Open();
    EXPECT_THAT(schema, IsOk());
    if (!schema.ok()) continue;
    for (const SourceTable& table : schema->tables) {
      EXPECT_THAT(reader_->CountRows(table.schema.name), IsOk());
      const ReadTable read = ReadAll(*reader_, table.schema, 100'000);
      EXPECT_TRUE(read.status.ok() || absl::IsAborted(read.status)) << read.status;
      ++looks;
    }
  }
  stop = true;
  writer.join();
  EXPECT_EQ(refused, 0);
  EXPECT_GT(written, 0);
  EXPECT_EQ(looks, 20);
}

}  // namespace
}  // namespace mirror::sqlite_access_test
