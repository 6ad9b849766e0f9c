#include "base/db/postgres/copy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/db/postgres/connection.h"
#include "base/db/postgres/transaction.h"
#include "tests/support/postgres_database.h"
#include "tests/support/status_matchers.h"

namespace mirror::postgres::copy_test {
namespace {

using absl::StatusCode;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

constexpr char kIn[] = "COPY public.t FROM STDIN (FORMAT binary)";
constexpr char kOut[] = "COPY (SELECT * FROM public.t ORDER BY k) TO STDOUT (FORMAT binary)";

class PostgresCopy : public PostgresDatabaseTest {
 protected:
  void Fill() override {
    ASSERT_THAT(
        connection_->Execute("CREATE TABLE public.t (k int8 PRIMARY KEY, r float8, v text, b bytea, y bool)"),
        IsOk());
  }
  std::int64_t Rows() { return *connection_->Number("SELECT count(*) FROM public.t"); }
};

TEST_F(PostgresCopy, RowsGoInAndComeOut) {
  constexpr std::int64_t kRows = 100'000;
  auto in = CopyIn::Begin(*connection_, kIn, "filling t");
  ASSERT_THAT(in, IsOk());
  for (std::int64_t k = 0; k < kRows; ++k) {
    const std::string text = absl::StrCat("row ", k, " ä");
    const std::string bytes(static_cast<std::size_t>(k % 50), '\0');
    ASSERT_THAT(in->Add({{k, 0.5 * static_cast<double>(k), k % 7 == 0 ? Value(nullptr) : Value(text),
                          Value::Bytes(bytes), k % 2 == 0}}),
                IsOk());
  }
  EXPECT_THAT(in->Finish(), IsOkAndHolds(kRows));
  EXPECT_THAT(in->Finish(), StatusIs(StatusCode::kFailedPrecondition));
  auto out = CopyOut::Begin(*connection_, kOut);
  ASSERT_THAT(out, IsOk());
  absl::StatusOr<bool> row = false;
  std::int64_t k = 0;
  for (; (row = out->Step()).ok() && *row; ++k) {
    ASSERT_EQ(out->columns(), 5);
    ASSERT_EQ(out->Int(0), k);
    ASSERT_EQ(out->Real(1), 0.5 * static_cast<double>(k));
    ASSERT_EQ(out->IsNull(2), k % 7 == 0);
    ASSERT_EQ(out->View(2), k % 7 == 0 ? "" : absl::StrCat("row ", k, " ä"));
    ASSERT_FALSE(out->IsNull(3));
    ASSERT_EQ(out->View(3).size(), static_cast<std::size_t>(k % 50));
    ASSERT_EQ(out->Int(4), k % 2 == 0 ? 1 : 0);
  }
  EXPECT_THAT(row, IsOkAndHolds(false));
  EXPECT_EQ(k, kRows);
  EXPECT_THAT(out->Step(), IsOkAndHolds(false));
  EXPECT_EQ(Rows(), kRows);
}

TEST_F(PostgresCopy, LargeValuesPassWhole) {
  std::string large(20'000'000, 'x');
  large[10'000'000] = 'y';
  auto in = CopyIn::Begin(*connection_, kIn);
  ASSERT_THAT(in, IsOk());
  ASSERT_THAT(in->Add({{1, nullptr, large, Value::Bytes(large), nullptr}}), IsOk());
  ASSERT_THAT(in->Add({{2, nullptr, "", nullptr, nullptr}}), IsOk());
  EXPECT_THAT(in->Finish(), IsOkAndHolds(2));
  auto out = CopyOut::Begin(*connection_, kOut);
  ASSERT_THAT(out, IsOk());
  ASSERT_THAT(out->Step(), IsOkAndHolds(true));
  EXPECT_TRUE(out->View(2) == large);
  EXPECT_TRUE(out->View(3) == large);
  ASSERT_THAT(out->Step(), IsOkAndHolds(true));
  EXPECT_FALSE(out->IsNull(2));
  EXPECT_THAT(out->Step(), IsOkAndHolds(false));
}

TEST_F(PostgresCopy, AnEmptyTableAndNoRowAreNoError) {
  auto in = CopyIn::Begin(*connection_, kIn);
  ASSERT_THAT(in, IsOk());
  EXPECT_THAT(in->Finish(), IsOkAndHolds(0));
  auto out = CopyOut::Begin(*connection_, kOut);
  ASSERT_THAT(out, IsOk());
  EXPECT_THAT(out->Step(), IsOkAndHolds(false));
  EXPECT_EQ(Rows(), 0);
}

TEST_F(PostgresCopy, ARefusedRowIsNamedByItsNumberAndNoneStays) {
  auto in = CopyIn::Begin(*connection_, kIn, "filling t");
  ASSERT_THAT(in, IsOk());
  const std::string text(1000, 'x');
  for (int row = 0; row < 20'000; ++row) {
    ASSERT_THAT(in->Add({{row == 4711 ? 4710 : row, nullptr, text, nullptr, nullptr}}), IsOk());
  }
  const absl::Status added = in->Finish().status();
  EXPECT_THAT(added, StatusIs(StatusCode::kFailedPrecondition,
                              AllOf(HasSubstr("filling t: "), Not(HasSubstr("4710")))));
  EXPECT_EQ(FailureOf(added).constraint, "t_pkey");
  EXPECT_EQ(FailureOf(added).copy_row, 4712);
  EXPECT_THAT(in->Add({{1}}), StatusIs(StatusCode::kFailedPrecondition));
  EXPECT_TRUE(connection_->IsIdle());
  EXPECT_EQ(Rows(), 0);
  auto wrong = CopyIn::Begin(*connection_, kIn);
  ASSERT_THAT(wrong, IsOk());
  ASSERT_THAT(wrong->Add({{1, 2}}), IsOk());
  EXPECT_THAT(wrong->Finish(),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("row field count is 2, expected 5")));
  EXPECT_EQ(TroubleOf(CopyIn::Begin(*connection_, "COPY nowhere FROM STDIN (FORMAT binary)").status()),
            Trouble::kUndefined);
  EXPECT_EQ(TroubleOf(CopyOut::Begin(*connection_, "COPY nowhere TO STDOUT").status()), Trouble::kUndefined);
  EXPECT_TRUE(connection_->IsIdle());
}

TEST_F(PostgresCopy, WhatIsLeftBeforeItsEndIsTakenBack) {
  Transaction transaction(*connection_);
  ASSERT_THAT(transaction.Begin(), IsOk());
  Savepoint savepoint(*connection_);
  ASSERT_THAT(savepoint.Begin(), IsOk());
  {
    auto left = CopyIn::Begin(*connection_, kIn);
    ASSERT_THAT(left, IsOk());
    ASSERT_THAT(left->Add({{1, nullptr, nullptr, nullptr, nullptr}}), IsOk());
  }
  EXPECT_TRUE(connection_->InTransaction());
  ASSERT_THAT(savepoint.RollBack(), IsOk());
  {
    auto left =
        CopyOut::Begin(*connection_, "COPY (SELECT generate_series(1, 100000000)) TO STDOUT (FORMAT binary)");
    ASSERT_THAT(left, IsOk());
    ASSERT_THAT(left->Step(), IsOkAndHolds(true));
    EXPECT_EQ(left->Int(0), 1);
  }
  ASSERT_THAT(transaction.RollBack(), IsOk());
  EXPECT_TRUE(connection_->IsIdle());
  EXPECT_EQ(Rows(), 0);
}

TEST_F(PostgresCopy, OneThatIsSlowIsNotWaitedFor) {
  const std::string slow = "COPY (SELECT pg_sleep(60)) TO STDOUT (FORMAT binary)";
  {
    auto out = CopyOut::Send(*connection_, slow);
    ASSERT_THAT(out, IsOk());
    EXPECT_FALSE(out->IsReady(std::chrono::milliseconds(1)));
  }
  EXPECT_TRUE(connection_->IsIdle()) << "it was cancelled";
  ASSERT_THAT(connection_->Run("INSERT INTO public.t (k, v) VALUES (1, 'a'), (2, NULL)"), IsOk());
  auto out =
      CopyOut::Send(*connection_, "COPY (SELECT k, v FROM public.t ORDER BY k) TO STDOUT (FORMAT binary)");
  ASSERT_THAT(out, IsOk());
  EXPECT_THAT(connection_->canceller()->Cancel(), IsOk()) << "too late, or its error is told";
  int rows = 0;
  for (;;) {
    while (!out->IsReady(std::chrono::milliseconds(10))) {
    }
    const auto stepped = out->Step();
    if (!stepped.ok()) {
      EXPECT_EQ(TroubleOf(stepped.status()), Trouble::kCancelled);
      break;
    }
    if (!*stepped) break;
    EXPECT_EQ(out->fields().size(), 2U);
    ++rows;
  }
  EXPECT_THAT(rows, testing::AnyOf(0, 2));
  EXPECT_TRUE(connection_->IsIdle());
}

TEST_F(PostgresCopy, OneThatIsGivenUpAtOnceIsCancelled) {
  // The server may not have read the statement when it is asked to cancel, and passes over that.
  for (int round = 0; round < 50; ++round) {
    {
      ASSERT_THAT(CopyOut::Send(*connection_, "COPY (SELECT pg_sleep(60)) TO STDOUT (FORMAT binary)"),
                  IsOk());
    }
    ASSERT_TRUE(connection_->IsIdle()) << "round " << round;
    { ASSERT_THAT(connection_->Stream("SELECT pg_sleep(60)"), IsOk()); }
    ASSERT_TRUE(connection_->IsIdle()) << "round " << round;
  }
}

TEST_F(PostgresCopy, OneThatIsRefusedIsHeardOfAtItsFirstStep) {
  auto out = CopyOut::Send(*connection_, "COPY nowhere TO STDOUT (FORMAT binary)");
  ASSERT_THAT(out, IsOk());
  while (!out->IsReady(std::chrono::milliseconds(10))) {
  }
  EXPECT_EQ(TroubleOf(out->Step().status()), Trouble::kUndefined);
  EXPECT_EQ(TroubleOf(out->Step().status()), Trouble::kUndefined);
  EXPECT_TRUE(connection_->IsIdle());
}

TEST_F(PostgresCopy, OtherFormatsComeByPieces) {
  ASSERT_THAT(connection_->Run("INSERT INTO public.t (k, v) VALUES (1, 'a'), (2, NULL)"), IsOk());
  auto out = CopyOut::Begin(*connection_, "COPY (SELECT k, v FROM public.t ORDER BY k) TO STDOUT");
  ASSERT_THAT(out, IsOk());
  std::string all;
  for (auto piece = out->Piece(); piece.ok() && !piece->empty(); piece = out->Piece()) all += *piece;
  EXPECT_EQ(all, "1\ta\n2\t\\N\n");
  auto text = CopyOut::Begin(*connection_, "COPY public.t TO STDOUT");
  ASSERT_THAT(text, IsOk());
  EXPECT_THAT(text->Step(), StatusIs(StatusCode::kUnavailable, HasSubstr("binary format")));
}

TEST_F(PostgresCopy, MessagesComeAndGoOverAConnectionForReplication) {
  using std::chrono::milliseconds;
  const auto opened = Connection::Open({.conninfo = conninfo_, .replication = true});
  ASSERT_THAT(opened, IsOk());
  Connection& log = **opened;
  const auto system = log.Command("IDENTIFY_SYSTEM", "asking who it is");
  ASSERT_THAT(system, IsOk());
  // What it gives is text, of statements, too.
  EXPECT_EQ(log.Command("SELECT 1 + 1, NULL, true")->Text(0, 0), "2");
  EXPECT_TRUE(log.Command("SELECT 1 + 1, NULL, true")->IsNull(0, 1));
  EXPECT_EQ(TroubleOf(log.Command("SELECT nowhere", "asking").status()), Trouble::kUndefined);
  // One that is refused leaves the connection.
  EXPECT_THAT(CopyBoth::Begin(log, "START_REPLICATION SLOT nowhere LOGICAL 0/0", "reading"),
              StatusIs(StatusCode::kNotFound, HasSubstr("reading: ")));
  EXPECT_TRUE(log.IsIdle());
  auto both = CopyBoth::Begin(log, absl::StrCat("START_REPLICATION ", system->Text(0, 2)), "reading");
  ASSERT_THAT(both, IsOk());
  ASSERT_THAT(connection_->Run("INSERT INTO public.t (k) VALUES (1)"), IsOk());
  std::string kinds;
  while (kinds.find('w') == std::string::npos) {
    const auto message = both->Next(milliseconds(5'000));
    ASSERT_THAT(message, IsOk());
    ASSERT_TRUE(*message);
    kinds += (*message)->front();
  }
  // 'r', three positions, a time, and that an answer is wanted.
  ASSERT_THAT(both->Put("r" + std::string(32, '\0') + '\1'), IsOk());
  for (char kind = 'w'; kind != 'k';) {
    const auto message = both->Next(milliseconds(5'000));
    ASSERT_THAT(message, IsOk());
    ASSERT_TRUE(*message);
    kind = (*message)->front();
  }
  EXPECT_THAT(both->Next(milliseconds(1)), IsOkAndHolds(std::nullopt)) << "nobody writes";
  EXPECT_THAT(connection_->Query("SELECT pg_terminate_backend($1, 5000)", {Value::Int4(log.server_pid())}),
              IsOk());
  EXPECT_EQ(TroubleOf(both->Next(milliseconds(5'000)).status()), Trouble::kLost);
  EXPECT_THAT(both->Next(milliseconds(0)), StatusIs(StatusCode::kFailedPrecondition));
  EXPECT_THAT(both->Put("r"), StatusIs(StatusCode::kFailedPrecondition));
  // It ends with its connection.
  const auto again = Connection::Open({.conninfo = conninfo_, .replication = true});
  ASSERT_THAT(again, IsOk());
  ASSERT_THAT(CopyBoth::Begin(**again, absl::StrCat("START_REPLICATION ", system->Text(0, 2))).status(),
              IsOk());
  EXPECT_FALSE((*again)->IsOpen());
}

}  // namespace
}  // namespace mirror::postgres::copy_test
