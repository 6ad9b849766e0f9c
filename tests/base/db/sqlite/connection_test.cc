#include "base/db/sqlite/connection.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>

#include <filesystem>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "tests/support/processes.h"
#include "tests/support/status_matchers.h"

namespace mirror::sqlite::sqlite_connection_test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using Mode = OpenAs::Mode;

absl::Status Explained(const Failure& failure, std::string_view doing) {
  return absl::UnavailableError(
      absl::StrCat(failure.primary(), "/", failure.extended, " ", std::string(doing), ": ", failure.words));
}

std::unique_ptr<Connection> OpenOrDie(const std::string& path, const OpenAs& as) {
  auto opened = Connection::Open(path, as, Explained);
  EXPECT_THAT(opened.status(), IsOk());
  return *std::move(opened);
}

class ConnectionTest : public testing::Test {
 protected:
  std::int64_t Rows() { return *database_->Number("SELECT count(*) FROM t"); }

  TempFolder dir_;
  const std::string path_ = dir_.path() + "/a.db";
  std::unique_ptr<Connection> database_ = OpenOrDie(path_, {.mode = Mode::kMake});
  const absl::Status made_ = database_->Execute("CREATE TABLE t (v)");
};

TEST_F(ConnectionTest, EachModeOpensWhatItSays) {
  EXPECT_FALSE(Connection::Open(dir_.path() + "/none.db", {.mode = Mode::kRead}, Explained).ok());
  EXPECT_FALSE(Connection::Open(dir_.path() + "/none.db", {.mode = Mode::kWrite}, Explained).ok());
  EXPECT_FALSE(std::filesystem::exists(dir_.path() + "/none.db"));
  EXPECT_THAT(OpenOrDie(path_, {.mode = Mode::kWrite})->Execute("INSERT INTO t VALUES (1)"), IsOk());
  const auto reader = OpenOrDie(path_, {.mode = Mode::kRead});
  EXPECT_THAT(reader->Number("SELECT v FROM t"), IsOkAndHolds(1));
  EXPECT_THAT(reader->Execute("INSERT INTO t VALUES (2)"), Not(IsOk()));
}

TEST_F(ConnectionTest, HasTheTablesThatAreThereAsOfTheStatementThatWasStepped) {
  EXPECT_THAT(database_->HasTable("T"), IsOkAndHolds(true));
  EXPECT_THAT(database_->HasTable("u"), IsOkAndHolds(false));
  EXPECT_THAT(database_->HasTable("sqlite_nothing"), IsOkAndHolds(false));
  ASSERT_THAT(database_->Execute("CREATE VIEW shown AS SELECT 1; CREATE INDEX by_v ON t (v); CREATE VIRTUAL "
                                 "TABLE words USING fts5 (w); CREATE TEMP TABLE mine (v)"),
              IsOk());
  EXPECT_THAT(database_->HasTable("shown"), IsOkAndHolds(false));
  EXPECT_THAT(database_->HasTable("by_v"), IsOkAndHolds(false));
  EXPECT_THAT(database_->HasTable("mine"), IsOkAndHolds(false));
  EXPECT_THAT(database_->HasTable("words"), IsOkAndHolds(true));
  // What others do is seen with the statement that sees it.
  ASSERT_THAT(OpenOrDie(path_, {.mode = Mode::kWrite})->Execute("DROP TABLE t; CREATE TABLE u (v)"), IsOk());
  Statement read = database_->Prepare("SELECT 1 FROM words_config");
  ASSERT_THAT(read.Step(), IsOkAndHolds(true));
  EXPECT_THAT(database_->HasTable("t"), IsOkAndHolds(false));
  EXPECT_THAT(database_->HasTable("u"), IsOkAndHolds(true));
  read = database_->Prepare("SELECT 1");
  ASSERT_THAT(database_->Execute("BEGIN; DROP TABLE u"), IsOk());
  EXPECT_THAT(database_->HasTable("u"), IsOkAndHolds(false));
  ASSERT_THAT(database_->Execute("ROLLBACK"), IsOk());
  EXPECT_THAT(database_->HasTable("u"), IsOkAndHolds(true));
}

TEST_F(ConnectionTest, OpensAUriAndSaysWhatItWasDoingWhenItCannot) {
  EXPECT_TRUE(
      Connection::Open("file:" + path_ + "?mode=ro", {.mode = Mode::kRead, .uri = true}, Explained).ok());
  EXPECT_THAT(
      Connection::Open(dir_.path() + "/none.db", {.mode = Mode::kRead}, Explained, "opening it").status(),
      StatusIs(absl::StatusCode::kUnavailable,
               AllOf(HasSubstr("14/"), HasSubstr("opening it: unable to open database file"))));
  EXPECT_FALSE(Connection::Open(path_, {.vfs = "no-such-vfs"}, Explained).ok());
}

TEST_F(ConnectionTest, ErrorsAreThoseOfExplain) {
  EXPECT_THAT(database_->Execute("INSERT INTO nowhere VALUES (1)", "writing it"),
              StatusIs(absl::StatusCode::kUnavailable, "1/1 writing it: no such table: nowhere"));
  EXPECT_THAT(database_->Number("SELECT v FROM t", "counting"),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("counting")));
  sqlite3_exec(database_->handle(), "SELECT v FROM missing", nullptr, nullptr, nullptr);
  EXPECT_THAT(database_->LastError("looking").message(), HasSubstr("looking: no such table: missing"));
}

TEST_F(ConnectionTest, WaitsForALockAsLongAsItIsToldAndTellsThatItIsOne) {
  ASSERT_THAT(database_->Execute("BEGIN IMMEDIATE"), IsOk());
  bool busy = false;
  const auto other = *Connection::Open(path_, {.busy_ms = 20}, [&](const Failure& failure, std::string_view) {
    busy = failure.primary() == SQLITE_BUSY && !IsDamage(failure) && !IsFull(failure);
    return absl::UnavailableError(WordsOf(failure.primary()));
  });
  EXPECT_THAT(other->Number("PRAGMA busy_timeout"), IsOkAndHolds(20));
  EXPECT_THAT(other->Execute("BEGIN IMMEDIATE"),
              StatusIs(absl::StatusCode::kUnavailable, "database is locked"));
  EXPECT_TRUE(busy);
}

TEST_F(ConnectionTest, TellsDamageFromAFullDisk) {
  EXPECT_TRUE(IsDamage({SQLITE_CORRUPT_VTAB, SQLITE_CORRUPT_VTAB, ""}));
  EXPECT_TRUE(IsDamage({SQLITE_NOTADB, SQLITE_NOTADB, ""}));
  EXPECT_FALSE(IsDamage({SQLITE_FULL, SQLITE_FULL, ""}));
  EXPECT_TRUE(IsFull({SQLITE_FULL, SQLITE_FULL, ""}));
}

TEST_F(ConnectionTest, TransactCommitsWhatWasDone) {
  EXPECT_THAT(database_->Transact(Connection::Begin::kDeferred,
                                  [&] {
                                    EXPECT_TRUE(database_->InTransaction());
                                    return database_->Execute("INSERT INTO t VALUES (1)");
                                  }),
              IsOk());
  EXPECT_FALSE(database_->InTransaction());
  EXPECT_EQ(OpenOrDie(path_, {})->Number("SELECT count(*) FROM t").value(), 1);
}

TEST_F(ConnectionTest, TransactTakesBackWhatEndsWithAnErrorOrAnException) {
  const auto insert_and = [&](const absl::Status& end) {
    return database_->Transact(Connection::Begin::kImmediate, [&] {
      EXPECT_THAT(database_->Execute("INSERT INTO t VALUES (1)"), IsOk());
      return end;
    });
  };
  EXPECT_THAT(insert_and(absl::AbortedError("no")), StatusIs(absl::StatusCode::kAborted, "no"));
  EXPECT_FALSE(database_->InTransaction());
  EXPECT_EQ(Rows(), 0);
  EXPECT_THROW((void)database_->Transact(Connection::Begin::kImmediate,
                                         [&]() -> absl::Status {
                                           (void)database_->Execute("INSERT INTO t VALUES (1)");
                                           throw std::runtime_error("no");
                                         }),
               std::runtime_error);
  EXPECT_FALSE(database_->InTransaction());
  EXPECT_EQ(Rows(), 0);
}

TEST_F(ConnectionTest, TransactTakesBackWhatCannotBeCommitted) {
  ASSERT_THAT(database_->Execute("PRAGMA foreign_keys = ON; CREATE TABLE p (k PRIMARY KEY); CREATE TABLE c "
                                 "(k REFERENCES p DEFERRABLE INITIALLY DEFERRED)"),
              IsOk());
  EXPECT_THAT(database_->Transact(
                  Connection::Begin::kImmediate,
                  [&] { return database_->Execute("INSERT INTO c VALUES (1)"); }, "writing it"),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("writing it: FOREIGN KEY")));
  EXPECT_FALSE(database_->InTransaction());
  EXPECT_THAT(database_->Number("SELECT count(*) FROM c"), IsOkAndHolds(0));
}

TEST_F(ConnectionTest, AnImmediateTransactionMayWriteFromTheBeginAndADeferredOneNeedNot) {
  const auto other = OpenOrDie(path_, {});
  ASSERT_THAT(other->Execute("BEGIN IMMEDIATE"), IsOk());
  EXPECT_THAT(database_->Transact(Connection::Begin::kDeferred, [] { return absl::OkStatus(); }), IsOk());
  bool worked = false;
  const absl::Status refused = database_->Transact(Connection::Begin::kImmediate, [&] {
    worked = true;
    return absl::OkStatus();
  });
  EXPECT_THAT(refused, Not(IsOk()));
  EXPECT_FALSE(worked);
}

TEST_F(ConnectionTest, CountsWhatAStatementChanged) {
  ASSERT_THAT(database_->Execute("INSERT INTO t VALUES (1), (2), (3)"), IsOk());
  EXPECT_EQ(database_->LastRowid(), 3);
  ASSERT_THAT(database_->Execute("DELETE FROM t WHERE v > 1"), IsOk());
  EXPECT_EQ(database_->Changes(), 2);
}

TEST_F(ConnectionTest, LoadsAllOfAnotherFile) {
  ASSERT_THAT(database_->Execute("INSERT INTO t VALUES (7)"), IsOk());
  const auto copy = OpenOrDie("", {.mode = Mode::kMake});
  ASSERT_THAT(copy->Execute("CREATE TABLE former (v)"), IsOk());
  ASSERT_THAT(copy->LoadFrom(path_, 0), IsOk());
  EXPECT_THAT(copy->Number("SELECT v FROM t"), IsOkAndHolds(7));
  EXPECT_THAT(copy->Number("SELECT count(*) FROM sqlite_schema"), IsOkAndHolds(1));
  EXPECT_THAT(copy->LoadFrom(dir_.path(), 0, "copying"),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("copying")));
  ASSERT_THAT(database_->Execute("BEGIN EXCLUSIVE"), IsOk());
  EXPECT_THAT(copy->LoadFrom(path_, 0),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("database is locked")));
}

TEST_F(ConnectionTest, DoubleQuotesHoldNames) {
  EXPECT_THAT(database_->Execute("SELECT \"misspelled\" FROM t"), IsOk());
  database_->ReadQuotedAsNames();
  EXPECT_THAT(database_->Execute("SELECT \"misspelled\" FROM t"), Not(IsOk()));
}

TEST_F(ConnectionTest, OverAnotherOnesConnectionItClosesNothing) {
  { const Connection over(database_->handle(), Explained); }
  EXPECT_EQ(Rows(), 0);
}

TEST_F(ConnectionTest, AStatementThatIsStillThereKeepsTheFileOpen) {
  Statement select = database_->Prepare("SELECT 5");
  sqlite3_stmt* const raw = select.get();
  database_.reset();
  EXPECT_EQ(sqlite3_step(raw), SQLITE_ROW);
}

TEST_F(ConnectionTest, AWatchEndsAStatementAndGoesWithItsScope) {
  const std::string endless =
      "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000) "
      "SELECT count(*) FROM n";
  int asked = 0;
  {
    const Watch watch(database_->handle(), 100, [&] { return ++asked == 3; });
    EXPECT_THAT(database_->Number(endless),
                StatusIs(absl::StatusCode::kUnavailable, HasSubstr("interrupted")));
  }
  EXPECT_EQ(asked, 3);
  EXPECT_THAT(database_->Number(endless), IsOkAndHolds(100000));
  EXPECT_EQ(asked, 3);
}

TEST(IsCompleteSqlTest, LooksAtItsEndAlone) {
  EXPECT_TRUE(IsCompleteSql("SELECT nothing FROM nowhere;"));
  EXPECT_FALSE(IsCompleteSql("SELECT 'a;"));
  EXPECT_FALSE(IsCompleteSql("SELECT 1"));
}

}  // namespace
}  // namespace mirror::sqlite::sqlite_connection_test
