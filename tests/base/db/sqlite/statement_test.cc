#include "base/db/sqlite/statement.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/db/sqlite/connection.h"
#include "base/db/sqlite/row_digest.h"
#include "tests/support/status_matchers.h"

namespace mirror::sqlite::statement_test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using namespace std::string_literals;

std::unique_ptr<Connection> InMemory() {
  return *Connection::Open(
      ":memory:", {.mode = OpenAs::Mode::kMake, .one_thread = true},
      [](const Failure& failure, std::string_view doing) {
        return absl::UnavailableError(absl::StrCat(std::string(doing), ": ", failure.words));
      });
}

class StatementTest : public testing::Test {
 protected:
  const std::unique_ptr<Connection> database_ = InMemory();
  const absl::Status made_ = database_->Execute("CREATE TABLE t (a, b)");
};

TEST_F(StatementTest, ReadsBackWhatWasBound) {
  Statement select = database_->Prepare("SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7");
  const std::string text = "t\0xt"s, blob = "b\0"s;
  select.With(-7, UINT64_MAX, 2.5, text, "literal", true).BindBlob(7, blob);
  ASSERT_THAT(select.StepToRow(), IsOk());
  EXPECT_EQ(select.columns(), 7);
  EXPECT_EQ(select.Int(0), -7);
  EXPECT_EQ(select.Int(1), -1);
  EXPECT_EQ(select.Real(2), 2.5);
  EXPECT_EQ(select.TypeAt(2), Type::kReal);
  EXPECT_EQ(select.Text(3), text);
  EXPECT_EQ(select.View(4), "literal");
  EXPECT_EQ(select.TypeAt(5), Type::kInteger);
  EXPECT_EQ(select.TypeAt(6), Type::kBlob);
  EXPECT_EQ(select.Text(6), blob);
}

TEST_F(StatementTest, NothingIsEmptyTextOrBlobOrNull) {
  Statement select = database_->Prepare("SELECT ?1, ?2, ?3");
  select.Bind(1, std::string_view()).BindBlob(2, std::string_view()).BindNull(3);
  ASSERT_THAT(select.StepToRow(), IsOk());
  EXPECT_EQ(select.TypeAt(0), Type::kText);
  EXPECT_EQ(select.TypeAt(1), Type::kBlob);
  EXPECT_TRUE(select.IsNull(2));
  EXPECT_EQ(select.Text(2), "");
}

TEST_F(StatementTest, CopiesAStringThatIsGoneWhenItIsStepped) {
  Statement select = database_->Prepare("SELECT ?1");
  select.Bind(1, std::string(1'000, 'x'));
  ASSERT_THAT(select.StepToRow(), IsOk());
  EXPECT_EQ(select.Text(0), std::string(1'000, 'x'));
}

TEST_F(StatementTest, TextOfAUtf16DatabaseComesAsUtf8) {
  ASSERT_THAT(database_->Execute("DROP TABLE t"), IsOk());
  const auto wide = InMemory();
  ASSERT_THAT(
      wide->Execute("PRAGMA encoding = 'UTF-16'; CREATE TABLE w (v); INSERT INTO w VALUES ('\u00e5')"),
      IsOk());
  Statement select = wide->Prepare("SELECT v FROM w");
  ASSERT_THAT(select.StepToRow(), IsOk());
  EXPECT_EQ(select.View(0), "\u00e5");
}

TEST_F(StatementTest, TheErrorOfPreparingItIsThatOfEachStep) {
  Statement wrong = database_->Prepare("SELECT a FROM nowhere", "reading it");
  EXPECT_THAT(wrong.status(), StatusIs(absl::StatusCode::kUnavailable, "reading it: no such table: nowhere"));
  EXPECT_EQ(wrong.get(), nullptr);
  wrong.With(1, "a", 2.0).BindNull(4).BindBlob(5, "b").Bind(6, Value{}).Reset();
  EXPECT_EQ(wrong.Step().status(), wrong.status());
  EXPECT_EQ(wrong.Run(), wrong.status());
  EXPECT_EQ(wrong.Texts().status(), wrong.status());
  EXPECT_FALSE(wrong.status().ok());
}

TEST_F(StatementTest, OneThatWasNotPreparedGivesAnError) {
  Statement none;
  EXPECT_THAT(none.Step(), StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(none.Run(), StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(database_->Prepare("-- nothing").Run(), StatusIs(absl::StatusCode::kFailedPrecondition));
}

TEST_F(StatementTest, AValueThatSqliteDoesNotTakeIsToldByTheStepUntilReset) {
  sqlite3_limit(database_->handle(), SQLITE_LIMIT_LENGTH, 10);
  Statement insert = database_->Prepare("INSERT INTO t VALUES (?1, 1)", "writing it");
  EXPECT_THAT(insert.Bind(1, "0123456789a").Run(),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("writing it: string or blob too big")));
  EXPECT_THAT(insert.Bind(1, "short").Run(), IsOk());
  EXPECT_THAT(insert.Bind(2, 1).Run(), Not(IsOk())) << "there is no second place";
  EXPECT_THAT(database_->Number("SELECT count(*) FROM t"), IsOkAndHolds(1));
}

TEST_F(StatementTest, ItsStepsAreNamedByWhatIsBeingDone) {
  ASSERT_THAT(database_->Execute("CREATE UNIQUE INDEX one ON t (a)"), IsOk());
  Statement insert = database_->Prepare("INSERT INTO t VALUES (1, 1)", "preparing");
  ASSERT_THAT(insert.Run(), IsOk());
  insert.SetDoing("adding");
  EXPECT_THAT(insert.Run(), StatusIs(absl::StatusCode::kUnavailable, HasSubstr("adding: UNIQUE")));
}

TEST_F(StatementTest, ARowThatHasToBeThereIsAnErrorWithoutIt) {
  EXPECT_THAT(database_->Prepare("SELECT a FROM t", "reading").StepToRow(),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("reading")));
}

TEST_F(StatementTest, RunGoesToTheEndAndCanBeRunAgain) {
  Statement insert = database_->Prepare("INSERT INTO t VALUES (?, ?) RETURNING a");
  EXPECT_THAT(insert.With(1, 2).Run(), IsOk());
  EXPECT_THAT(insert.Bind(1, 3).Run(), IsOk());
  EXPECT_THAT(database_->Prepare("SELECT a || '-' || b FROM t ORDER BY a").Texts(),
              IsOkAndHolds(ElementsAre("1-2", "3-2")));
}

TEST_F(StatementTest, KnowsWhetherItCanWrite) {
  EXPECT_TRUE(database_->Prepare("SELECT * FROM t").IsReadOnly());
  EXPECT_FALSE(database_->Prepare("DELETE FROM t").IsReadOnly());
}

TEST_F(StatementTest, WhatIsMovedGoesOn) {
  Statement select = database_->Prepare("SELECT 1 UNION SELECT 2");
  ASSERT_THAT(select.StepToRow(), IsOk());
  Statement moved = std::move(select);
  EXPECT_THAT(moved.Step(), IsOkAndHolds(true));
  EXPECT_EQ(moved.Int(0), 2);
  moved = database_->Prepare("SELECT 3");
  ASSERT_THAT(moved.StepToRow(), IsOk());
  EXPECT_EQ(moved.Int(0), 3);
}

TEST_F(StatementTest, AKeptValueIsBoundAgainAsItWas) {
  Statement values = database_->Prepare("SELECT 7, 2.5, 'text', x'00ff', NULL, ''");
  ASSERT_THAT(values.StepToRow(), IsOk());
  Statement again = database_->Prepare("SELECT ?1, ?2, ?3, ?4, ?5, ?6");
  for (int i = 0; i < values.columns(); ++i) again.Bind(i + 1, values.ValueAt(i));
  const std::string bytes = values.Text(3);
  values.Reset();
  ASSERT_THAT(again.StepToRow(), IsOk());
  EXPECT_EQ(again.Int(0), 7);
  EXPECT_EQ(again.Real(1), 2.5);
  EXPECT_EQ(again.Text(2), "text");
  EXPECT_EQ(again.TypeAt(3), Type::kBlob);
  EXPECT_EQ(again.Text(3), bytes);
  EXPECT_TRUE(again.IsNull(4));
  EXPECT_EQ(again.TypeAt(5), Type::kText);
}

TEST_F(StatementTest, ACacheGivesTheSameStatementResetAndWithoutBindings) {
  StatementCache cache(*database_);
  sqlite3_stmt* raw = nullptr;
  {
    Statement first = cache.Prepare("SELECT ?1", "reading");
    raw = first.get();
    ASSERT_THAT(first.Bind(1, 5).StepToRow(), IsOk());
  }
  EXPECT_EQ(sqlite3_stmt_busy(raw), 0);
  Statement second = cache.Prepare("SELECT ?1", "reading");
  EXPECT_EQ(second.get(), raw);
  ASSERT_THAT(second.StepToRow(), IsOk());
  EXPECT_TRUE(second.IsNull(0));
  EXPECT_THAT(cache.Find("SELECT ?1", "reading"), IsOkAndHolds(raw));
  EXPECT_EQ(cache.size(), 1);
}

TEST_F(StatementTest, ACacheKeepsNoErrorAndForgetsAll) {
  StatementCache cache(*database_);
  EXPECT_THAT(cache.Prepare("SELECT * FROM nowhere", "reading").Step(),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("reading: no such table")));
  EXPECT_EQ(cache.size(), 0);
  ASSERT_THAT(cache.Prepare("SELECT a FROM t", "reading").Step(), IsOkAndHolds(false));
  cache.Forget();
  EXPECT_EQ(cache.size(), 0);
  EXPECT_THAT(database_->Execute("DROP TABLE t"), IsOk());
}

/// Writes down what it is given.
struct Told {
  std::string text;
  void AddNull() { text += "null "; }
  void AddInteger(std::int64_t value) { absl::StrAppend(&text, "int ", value, " "); }
  void AddReal(double value) { absl::StrAppend(&text, "real ", value, " "); }
  void AddText(std::string_view value) { absl::StrAppend(&text, "text ", std::string(value), " "); }
  void AddBytes(std::string_view value) { absl::StrAppend(&text, "bytes ", value.size(), " "); }
};

TEST_F(StatementTest, ADigestIsToldEachValueAsItIsStored) {
  Statement row = database_->Prepare("SELECT NULL, 3, 2.5, '3', x'0000'");
  ASSERT_THAT(row.StepToRow(), IsOk());
  Told told;
  for (int i = 0; i < row.columns(); ++i) AddToDigest(row.RawValue(i), &told);
  EXPECT_EQ(told.text, "null int 3 real 2.5 text 3 bytes 2 ");
}

TEST_F(StatementTest, TheValuesOfARowAreThoseOfItsColumns) {
  Statement row = database_->Prepare("SELECT 1, 'b'");
  ASSERT_THAT(row.StepToRow(), IsOk());
  RowValues values;
  sqlite3_value** const all = values.Of(row.get());
  EXPECT_EQ(IntOf(all[0]), 1);
  EXPECT_EQ(TextOf(all[1]), "b");
}

}  // namespace
}  // namespace mirror::sqlite::statement_test
