#include "base/db/postgres/connection.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/db/postgres/pipeline.h"
#include "base/db/postgres/target.h"
#include "base/db/postgres/transaction.h"
#include "tests/support/postgres_database.h"
#include "tests/support/postgres_server.h"
#include "tests/support/status_matchers.h"

namespace mirror::postgres::postgres_connection_test {
namespace {

using absl::StatusCode;
using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::AllOf;
using testing::AnyOf;
using testing::HasSubstr;
using testing::Not;

class PostgresTest : public PostgresDatabaseTest {
 protected:
  void Fill() override {
    ASSERT_THAT(connection_->Execute("CREATE TABLE public.t (k bigint PRIMARY KEY, v text)"), IsOk());
  }
};

TEST_F(PostgresTest, ValuesComeBackAsTheyWentWithTheirTypes) {
  const std::string bytes("\0\xff'\\", 4);
  const auto rows = connection_->Query("SELECT $1, $2, $3, $4, $5, $6::text, $7",
                                       {std::numeric_limits<std::int64_t>::min(), -0.1, true, "Grüße",
                                        Value::Bytes(bytes), nullptr, Value::Int4(-5)});
  ASSERT_THAT(rows, IsOk());
  EXPECT_THAT(rows->Require({Type::kInt8, Type::kFloat8, Type::kBool, Type::kText, Type::kBytea, Type::kText,
                             Type::kInt4}),
              IsOk());
  EXPECT_EQ(rows->Int(0, 0), std::numeric_limits<std::int64_t>::min());
  EXPECT_EQ(rows->Real(0, 1), -0.1);
  EXPECT_TRUE(rows->Bool(0, 2));
  EXPECT_EQ(rows->View(0, 3), "Grüße");
  EXPECT_EQ(rows->View(0, 4), bytes);
  EXPECT_TRUE(rows->IsNull(0, 5));
  EXPECT_FALSE(rows->IsNull(0, 4));
  EXPECT_EQ(rows->Int(0, 6), -5);
  EXPECT_THAT(rows->Require({Type::kInt8}), StatusIs(StatusCode::kInternal));
  const auto empty = connection_->Query("SELECT $1, $2", {"", Value::Bytes("")});
  ASSERT_THAT(empty, IsOk());
  EXPECT_FALSE(empty->IsNull(0, 0));
  EXPECT_FALSE(empty->IsNull(0, 1));
  const auto nan = connection_->Query("SELECT $1", {std::numeric_limits<double>::quiet_NaN()});
  ASSERT_THAT(nan, IsOk());
  EXPECT_TRUE(std::isnan(nan->Real(0, 0)));
}

TEST_F(PostgresTest, ATextIsReadAsWhateverTheStatementWants) {
  const std::string time = "2025-06-25 10:30:00", number = "-7", text = "it's";
  const auto rows = connection_->Query(
      "SELECT $1 = timestamp '2025-06-25 10:30:00', $2 = -7, $3 = 'it''s', $4::text",
      {Value::AsWanted(time), Value::AsWanted(number), Value::AsWanted(text), Value::AsWanted(text)});
  ASSERT_THAT(rows, IsOk());
  for (int column = 0; column < 3; ++column) EXPECT_TRUE(rows->Bool(0, column)) << column;
  EXPECT_EQ(rows->View(0, 3), text);
}

TEST_F(PostgresTest, ArraysAreSets) {
  Array keys(Type::kInt8), texts(Type::kText);
  for (std::int64_t key = 0; key < 1000; ++key) {
    keys.Add(key);
    texts.Add(key % 3 == 0 ? Value(nullptr) : Value("x"));
  }
  const std::string insert = "INSERT INTO public.t SELECT * FROM unnest($1, $2)";
  EXPECT_THAT(connection_->Run(insert, {keys.value(), texts.value()}), IsOkAndHolds(1000));
  EXPECT_THAT(connection_->Number("SELECT count(*) FROM public.t WHERE v IS NULL"), IsOkAndHolds(334));
  EXPECT_THAT(connection_->Run("DELETE FROM public.t WHERE k = ANY($1)", {keys.value()}), IsOkAndHolds(1000));
  EXPECT_THAT(connection_->Run("DELETE FROM public.t WHERE k = ANY($1)", {Array(Type::kInt8).value()}),
              IsOkAndHolds(0));
}

TEST_F(PostgresTest, TheSessionIsOursWhateverTheDatabaseSays) {
  ASSERT_THAT(
      connection_->Execute("DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET search_path = public', "
                           "current_database()); EXECUTE format('ALTER DATABASE %I SET DateStyle = German', "
                           "current_database()); END $$"),
      IsOk());
  const auto other = Connect(conninfo_);
  const auto path = other->Query(
      "SELECT current_setting('search_path'), current_setting('row_security'), "
      "current_setting('application_name'), current_setting('client_encoding')");
  ASSERT_THAT(path, IsOk());
  EXPECT_EQ(path->View(0, 0), "pg_catalog, pg_temp");
  EXPECT_EQ(path->View(0, 1), "off");
  EXPECT_EQ(path->View(0, 2), "mirror-test");
  EXPECT_EQ(path->View(0, 3), "UTF8");
  EXPECT_EQ(other->Setting("DateStyle").substr(0, 3), "ISO");
  EXPECT_THAT(other->Number("SELECT count(*) FROM t"), StatusIs(StatusCode::kNotFound));
}

TEST_F(PostgresTest, ErrorsHaveTheirClassAndNoValues) {
  const auto trouble = [&](const std::string& sql, Values values = {}) {
    const absl::Status status = connection_->Query(sql, values, "trying it").status();
    EXPECT_THAT(std::string(status.message()), AllOf(Not(HasSubstr("4711")), HasSubstr("trying it: ")));
    EXPECT_THAT(status.ToString(), Not(HasSubstr("4711")));
    return TroubleOf(status);
  };
  ASSERT_THAT(connection_->Run("INSERT INTO public.t VALUES ($1, $2)", {4711, "4711"}), IsOkAndHolds(1));
  EXPECT_EQ(trouble("INSERT INTO public.t VALUES ($1, $2)", {4711, "b"}), Trouble::kConstraint);
  EXPECT_EQ(trouble("SELECT $1::bigint", {"4711x"}), Trouble::kValue);
  EXPECT_EQ(trouble("SELECT ($1::bigint + 100000)::smallint", {4711}), Trouble::kValue);
  EXPECT_EQ(trouble("SELECT $1::date", {"4711-13-13"}), Trouble::kValue);
  EXPECT_EQ(trouble("SELECT 1 FROM nowhere"), Trouble::kUndefined);
  EXPECT_EQ(trouble("SELECT nothing FROM public.t"), Trouble::kUndefined);
  EXPECT_EQ(trouble("CREATE TABLE public.t (k int)"), Trouble::kExists);
  EXPECT_EQ(trouble("INSERT INTO public.t VALUES (1, $1)", {std::string("47\xff", 3)}), Trouble::kValue);
  EXPECT_EQ(trouble("DO $$ BEGIN RAISE EXCEPTION '4711'; END $$"), Trouble::kOther);
  EXPECT_EQ(trouble("DO $$ BEGIN RAISE EXCEPTION 'no disk' USING ERRCODE = '58030'; END $$"),
            Trouble::kNoSpace);
  // Another server that this one needs, as Citus its workers; the connection itself goes on. Where a
  // statement commits by itself, it may have done so there.
  ASSERT_THAT(connection_->Execute("BEGIN"), IsOk());
  EXPECT_EQ(trouble("DO $$ BEGIN RAISE EXCEPTION 'w1 is gone' USING ERRCODE = '08006'; END $$"),
            Trouble::kNotReady);
  ASSERT_THAT(connection_->Execute("ROLLBACK"), IsOk());
  connection_->Execute("CREATE INDEX ON public.t (v)").IgnoreError();
  const std::string long_text = [] {
    std::string text;
    for (unsigned i = 0, x = 1; i < 9000; ++i)
      text += static_cast<char>('a' + (x = x * 1103515245 + 12345) / 65536 % 26);
    return text;
  }();
  EXPECT_EQ(trouble("INSERT INTO public.t VALUES (2, $1)", {long_text}), Trouble::kTooLarge);
  const absl::Status twice = connection_->Run("INSERT INTO public.t VALUES (4711)", {}, "trying it").status();
  EXPECT_EQ(FailureOf(twice).constraint, "t_pkey");
  EXPECT_EQ(FailureOf(twice).sqlstate, "23505");
  ASSERT_THAT(connection_->Execute("BEGIN READ ONLY"), IsOk());
  EXPECT_EQ(trouble("DELETE FROM public.t"), Trouble::kReadOnly);
  ASSERT_THAT(connection_->Execute("ROLLBACK"), IsOk());
  EXPECT_TRUE(connection_->IsIdle());
}

TEST_F(PostgresTest, WhatIsNotAsAStatementTakesItForIsUndefined) {
  ASSERT_THAT(connection_->Execute("CREATE TABLE public.other (k bigint, v text, given bigint GENERATED "
                                   "ALWAYS AS (k) STORED); CREATE INDEX other_k ON public.other (k); CREATE "
                                   "VIEW public.counted AS SELECT count(*) AS n FROM public.other"),
              IsOk());
  const struct {
    const char* sqlstate;
    const char* sql;
  } kCases[] = {
      {"42P10", "INSERT INTO public.other (k) VALUES (1) ON CONFLICT (k) DO NOTHING"},
      {"42804", "INSERT INTO public.other (k) VALUES ('{1}'::bigint[])"},
      {"428C9", "INSERT INTO public.other (given) VALUES (1)"},
      {"42809", "INSERT INTO public.other_k VALUES (1)"},
      {"55000", "INSERT INTO public.counted VALUES (1)"},
  };
  for (const auto& one : kCases) {
    const Failure failure = FailureOf(connection_->Query(one.sql).status());
    EXPECT_EQ(failure.sqlstate, one.sqlstate);
    EXPECT_EQ(failure.trouble, Trouble::kUndefined) << one.sqlstate;
  }
}

TEST_F(PostgresTest, WhatCannotBeSentIsRefusedAndTheConnectionGoesOn) {
  EXPECT_THAT(connection_->Query(std::string("SELECT 1\0, 2", 12)), StatusIs(StatusCode::kInvalidArgument));
  EXPECT_THAT(connection_->Query("SELECT 1", std::vector<Value>(65'536, Value(1))),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("65535")));
  EXPECT_THAT(connection_->Number("SELECT 1::int8 WHERE false"), StatusIs(StatusCode::kInternal));
  EXPECT_THAT(connection_->Number("SELECT 1.5"), StatusIs(StatusCode::kInternal));
  EXPECT_TRUE(connection_->IsIdle());
  EXPECT_THAT(connection_->Query("COPY public.t TO STDOUT"),
              StatusIs(StatusCode::kUnavailable, HasSubstr("COPY is for CopyIn and CopyOut")));
}

TEST_F(PostgresTest, StatementsArePreparedAtTheirSecondUse) {
  const auto prepared = [&] { return *connection_->Number("SELECT count(*) FROM pg_prepared_statements"); };
  EXPECT_EQ(prepared(), 0);
  const std::string sql = "SELECT v FROM public.t WHERE k = $1";
  EXPECT_THAT(connection_->Query(sql, {1}), IsOk());
  EXPECT_EQ(prepared(), 1);  // That is the question itself.
  EXPECT_THAT(connection_->Query(sql, {1}), IsOk());
  EXPECT_EQ(prepared(), 2);
  // Its result has another type now: begun again outside of a transaction, an error for the caller within.
  ASSERT_THAT(connection_->Query("SELECT * FROM public.t"), IsOk());
  ASSERT_THAT(connection_->Query("SELECT * FROM public.t"), IsOk());
  ASSERT_THAT(Connect(conninfo_)->Execute("ALTER TABLE public.t ADD COLUMN w text"), IsOk());
  const auto rows = connection_->Query("SELECT * FROM public.t");
  ASSERT_THAT(rows, IsOk());
  EXPECT_EQ(rows->columns(), 3);
  ASSERT_THAT(connection_->Query("SELECT * FROM public.t"), IsOk());
  ASSERT_THAT(Connect(conninfo_)->Execute("ALTER TABLE public.t ADD COLUMN x text"), IsOk());
  {
    Transaction transaction(*connection_);
    ASSERT_THAT(transaction.Begin(), IsOk());
    const absl::Status stale = connection_->Query("SELECT * FROM public.t").status();
    EXPECT_THAT(stale, StatusIs(StatusCode::kAborted));
    EXPECT_EQ(TroubleOf(stale), Trouble::kStalePlan);
  }
  EXPECT_THAT(connection_->Query("SELECT * FROM public.t"), IsOk());
  ASSERT_THAT(connection_->Execute("DEALLOCATE ALL"), IsOk());
  EXPECT_THAT(connection_->Query(sql, {1}), IsOk());
}

TEST_F(PostgresTest, OnlySoManyStatementsStayPrepared) {
  auto few = Connection::Open({.conninfo = conninfo_, .statements_max = 4});
  ASSERT_THAT(few, IsOk());
  for (int i = 0; i < 20; ++i) {
    const std::string sql = absl::StrCat("SELECT ", i, "::int8");
    EXPECT_THAT((*few)->Number(sql), IsOkAndHolds(i));
    EXPECT_THAT((*few)->Number(sql), IsOkAndHolds(i));
  }
  EXPECT_LE(*(*few)->Number("SELECT count(*) FROM pg_prepared_statements"), 4);
}

TEST_F(PostgresTest, RowsComeOneByOneAndMayBeLeft) {
  auto stream = connection_->Stream("SELECT g, NULL::text FROM generate_series(1, $1) g", {100'000});
  ASSERT_THAT(stream, IsOk());
  std::int64_t sum = 0;
  absl::StatusOr<bool> row = true;
  while (*(row = stream->Step())) {
    sum += stream->row().Int(0, 0);
    ASSERT_TRUE(stream->row().IsNull(0, 1));
  }
  EXPECT_EQ(sum, 5'000'050'000);
  {
    auto left = connection_->Stream("SELECT generate_series(1, 100000000::int8)");
    ASSERT_THAT(left, IsOk());
    EXPECT_THAT(left->Step(), IsOkAndHolds(true));
  }
  EXPECT_TRUE(connection_->IsIdle());
  EXPECT_THAT(connection_->Number("SELECT 1"), IsOkAndHolds(1));
  auto failing = connection_->Stream("SELECT 10 / (3 - g) FROM generate_series(1, 10) g");
  ASSERT_THAT(failing, IsOk());
  int rows = 0;
  while ((row = failing->Step()).ok() && *row) ++rows;
  EXPECT_EQ(rows, 2);
  EXPECT_EQ(TroubleOf(row.status()), Trouble::kValue);
  EXPECT_THAT(connection_->Number("SELECT 1"), IsOkAndHolds(1));
}

TEST_F(PostgresTest, AStreamOfATableWhoseTypesChangedGivesItsRows) {
  ASSERT_THAT(
      connection_->Execute("CREATE TABLE public.typed (x float8); INSERT INTO public.typed VALUES (1)"),
      IsOk());
  for (const char* const type : {"float8", "float8", "text", "float8 USING x::float8"}) {
    ASSERT_THAT(Connect(conninfo_)->Execute(absl::StrCat("ALTER TABLE public.typed ALTER x TYPE ", type)),
                IsOk());
    auto stream = connection_->Stream("SELECT x FROM public.typed");
    ASSERT_THAT(stream, IsOk());
    EXPECT_THAT(stream->Step(), IsOkAndHolds(true)) << type;
    EXPECT_THAT(stream->Step(), IsOkAndHolds(false)) << type;
  }
}

TEST_F(PostgresTest, APipelineBehindAStreamGivesAllItsRows) {
  const auto pipeline_gives_its_row = [&] {
    Pipeline pipeline(*connection_);
    pipeline.Queue("SELECT 7::int8");
    pipeline.Queue("SELECT 8::int8");
    const auto rows = pipeline.Run();
    ASSERT_THAT(rows, IsOk());
    for (const int i : {0, 1}) {
      ASSERT_EQ(rows->at(static_cast<std::size_t>(i)).rows(), 1);
      EXPECT_EQ(rows->at(static_cast<std::size_t>(i)).Int(0, 0), 7 + i);
    }
  };
  pipeline_gives_its_row();  // Prepares nothing from now on.
  pipeline_gives_its_row();
  {
    auto whole = connection_->Stream("SELECT generate_series(1, 2)");
    ASSERT_THAT(whole, IsOk());
    while (*whole->Step()) {
    }
  }
  pipeline_gives_its_row();
  {
    auto left = connection_->Stream("SELECT generate_series(1, 100000000::int8)");
    ASSERT_THAT(left, IsOk());
    EXPECT_THAT(left->Step(), IsOkAndHolds(true));
  }
  pipeline_gives_its_row();
  {
    auto failing = connection_->Stream("SELECT 1 / 0");
    ASSERT_THAT(failing, IsOk());
    EXPECT_THAT(failing->Step().status(), Not(IsOk()));
  }
  pipeline_gives_its_row();
}

TEST_F(PostgresTest, WhoWaitsForARowMayLookUpMeanwhile) {
  auto stream = connection_->Stream("SELECT pg_sleep(0.3)::text");
  ASSERT_THAT(stream, IsOk());
  int looks = 0;
  while (!stream->IsReady(std::chrono::milliseconds(10))) ++looks;
  EXPECT_GT(looks, 2);
  EXPECT_THAT(stream->Step(), IsOkAndHolds(true));
  EXPECT_THAT(stream->Step(), IsOkAndHolds(false));
  EXPECT_TRUE(stream->IsReady(std::chrono::milliseconds(0))) << "at its end";
}

TEST_F(PostgresTest, AnotherThreadCancelsAndTheConnectionGoesOn) {
  const std::shared_ptr<Canceller> canceller = connection_->canceller();
  std::thread other([&] {
    const auto asking = Connect(conninfo_);
    while (*asking->Number("SELECT count(*) FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(60)'") ==
           0) {
      std::this_thread::sleep_for(milliseconds(10));
    }
    EXPECT_THAT(canceller->Cancel(), IsOk());
  });
  const absl::Status cancelled = connection_->Query("SELECT pg_sleep(60)").status();
  other.join();
  EXPECT_THAT(cancelled, StatusIs(StatusCode::kCancelled));
  EXPECT_EQ(TroubleOf(cancelled), Trouble::kCancelled);
  EXPECT_THAT(connection_->Number("SELECT 1"), IsOkAndHolds(1));
  connection_.reset();
  EXPECT_THAT(canceller->Cancel(), StatusIs(StatusCode::kFailedPrecondition));
}

TEST_F(PostgresTest, LocksThatAreNotToBeHadAndDeadlocksHaveTheirClass) {
  ASSERT_THAT(connection_->Run("INSERT INTO public.t VALUES (1), (2)"), IsOk());
  const auto other = Connect(conninfo_);
  Transaction mine(*connection_), others(*other);
  ASSERT_THAT(mine.Begin(), IsOk());
  ASSERT_THAT(others.Begin(), IsOk());
  const std::string sql = "UPDATE public.t SET v = 'x' WHERE k = $1";
  ASSERT_THAT(connection_->Run(sql, {1}), IsOk());
  ASSERT_THAT(other->Run(sql, {2}), IsOk());
  {
    Savepoint savepoint(*other);
    ASSERT_THAT(savepoint.Begin(), IsOk());
    ASSERT_THAT(other->Execute("SET LOCAL lock_timeout = '50ms'"), IsOk());
    const absl::Status waited = other->Run(sql, {1}).status();
    EXPECT_THAT(waited, StatusIs(StatusCode::kUnavailable));
    EXPECT_EQ(TroubleOf(waited), Trouble::kLockTimeout);
  }
  std::thread waiting([&] { connection_->Run(sql, {2}).IgnoreError(); });
  const auto asking = Connect(conninfo_);
  while (*asking->Number("SELECT count(*) FROM pg_locks WHERE NOT granted") == 0) {
    std::this_thread::sleep_for(milliseconds(10));
  }
  const absl::Status deadlock = other->Run(sql, {1}).status();
  if (!deadlock.ok()) {
    EXPECT_EQ(TroubleOf(deadlock), Trouble::kRetry);
    EXPECT_THAT(others.RollBack(), IsOk());
  } else {
    EXPECT_THAT(others.Commit(), IsOk());
  }
  waiting.join();
}

TEST_F(PostgresTest, SilenceEndsAndSoDoesConnecting) {
  PostgresProxy proxy(*server_);
  auto opened = Connection::Open({.conninfo = proxy.Conninfo()});
  ASSERT_THAT(opened, IsOk());
  proxy.Swallow();
  (*opened)->SetAnswerWithin(milliseconds(200));
  const absl::Status silent = (*opened)->Query("SELECT 1").status();
  EXPECT_THAT(silent, StatusIs(StatusCode::kUnavailable, HasSubstr("the server said nothing for 200 ms")));
  EXPECT_FALSE((*opened)->IsOpen());
  EXPECT_EQ(TroubleOf((*opened)->Query("SELECT 1").status()), Trouble::kLost);
  const auto before = std::chrono::steady_clock::now();
  const auto none = Connection::Open({.conninfo = proxy.Conninfo(), .connect_within = milliseconds(300)});
  EXPECT_LT(std::chrono::steady_clock::now() - before, seconds(20));
  EXPECT_THAT(none, StatusIs(StatusCode::kUnavailable, HasSubstr("did not answer in time")));
  EXPECT_EQ(TroubleOf(none.status()), Trouble::kNotReady);
  // The host that is silent takes its share of the time alone.
  const std::string both = absl::StrCat("host=", server_->folder(), " user=mirror dbname=postgres");
  EXPECT_THAT(
      Connection::Open({.conninfo = absl::StrCat(proxy.Conninfo(), " host=/nowhere,", server_->folder())}),
      IsOk());
  EXPECT_THAT(Connection::Open({.conninfo = both}), IsOk());
}

TEST_F(PostgresTest, WhoIsNotLetInIsToldWhy) {
  const auto refused = [&](const std::string& conninfo) {
    const absl::Status status = Connection::Open({.conninfo = conninfo}).status();
    EXPECT_THAT(std::string(status.message()), HasSubstr("cannot be used: "));
    return TroubleOf(status);
  };
  EXPECT_EQ(refused(server_->Conninfo("nowhere")), Trouble::kNotLetIn);
  EXPECT_EQ(refused("host=/nowhere user=mirror dbname=postgres"), Trouble::kNotReady);
  EXPECT_EQ(refused(absl::StrCat("host=", server_->folder(), " user=nobody dbname=postgres")),
            Trouble::kNotLetIn);
  ASSERT_THAT(connection_->Execute("CREATE ROLE one LOGIN CONNECTION LIMIT 0"), IsOk());
  EXPECT_EQ(refused(absl::StrCat("host=", server_->folder(), " user=one dbname=postgres")),
            Trouble::kTooMany);
  EXPECT_THAT(Connection::Open({.conninfo = conninfo_, .settings = {{"TimeZone", "Nowhere/None"}}}),
              StatusIs(StatusCode::kInvalidArgument));
}

TEST_F(PostgresTest, AServerThatIsKilledInATransactionIsLostAndWhatWasCommittedStays) {
  const auto own = PostgresServer::Start();
  ASSERT_THAT(own, IsOk());
  const ConnectAs as{.conninfo = (*own)->Conninfo()};
  auto opened = Connection::Open(as);
  ASSERT_THAT(opened, IsOk());
  ASSERT_THAT(
      (*opened)->Execute("CREATE TABLE public.t (k int8 PRIMARY KEY); INSERT INTO public.t VALUES (1)"),
      IsOk());
  {
    Transaction transaction(**opened);
    ASSERT_THAT(transaction.Begin(), IsOk());
    ASSERT_THAT((*opened)->Run("INSERT INTO public.t VALUES (2)"), IsOkAndHolds(1));
    (*own)->Kill();
    const absl::Status lost = (*opened)->Run("INSERT INTO public.t VALUES (3)", {}, "writing").status();
    EXPECT_THAT(lost, StatusIs(StatusCode::kUnavailable, HasSubstr("what was not committed is rolled back")));
    EXPECT_EQ(TroubleOf(lost), Trouble::kLost);
    EXPECT_EQ(TroubleOf(transaction.Commit()), Trouble::kLost);
  }
  EXPECT_EQ(TroubleOf(Connection::Open(as).status()), Trouble::kNotReady);
  ASSERT_THAT((*own)->StartAgain(), IsOk());
  opened = Connection::Open(as);
  ASSERT_THAT(opened, IsOk());
  EXPECT_THAT((*opened)->Number("SELECT count(*) FROM public.t"), IsOkAndHolds(1));
}

TEST_F(PostgresTest, AStatementOutsideOfATransactionMayHaveBeenApplied) {
  const int pid = connection_->server_pid();
  std::thread other([&] {
    const auto asking = Connect(conninfo_);
    while (*asking->Number(
               "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(59)%' AND pid = $1",
               {pid}) == 0) {
      std::this_thread::sleep_for(milliseconds(10));
    }
    EXPECT_THAT(asking->Query("SELECT pg_terminate_backend($1)", {Value::Int4(pid)}), IsOk());
  });
  const absl::Status lost = connection_->Run("INSERT INTO public.t SELECT 1 FROM pg_sleep(59)").status();
  other.join();
  EXPECT_EQ(TroubleOf(lost), Trouble::kCommitUnknown) << lost;
  EXPECT_EQ(FailureOf(lost).sqlstate, "57P01");
  EXPECT_FALSE(connection_->IsOpen());
}

TEST(PostgresEnvironmentTest, SaysNothingOfWhereAProgramConnects) {
  const std::vector<std::string> names = {"PGPASSWORD",    "PGHOST",     "PGDATABASE",
                                          "PGUSER",        "PGPASSFILE", "PGSERVICE",
                                          "PGSERVICEFILE", "PGOPTIONS",  "PGSSLMODE"};
  std::map<std::string, std::optional<std::string>> before;
  for (const std::string& name : names) {
    const char* const value = std::getenv(name.c_str());
    before[name] = value == nullptr ? std::nullopt : std::optional<std::string>(value);
    ::setenv(name.c_str(), "elsewhere", 1);
  }
  ForgetEnvironment();
  for (const std::string& name : names) EXPECT_EQ(std::getenv(name.c_str()), nullptr) << name;
  for (const auto& [name, value] : before) {
    if (value) ::setenv(name.c_str(), value->c_str(), 1);
  }
}

}  // namespace
}  // namespace mirror::postgres::postgres_connection_test
