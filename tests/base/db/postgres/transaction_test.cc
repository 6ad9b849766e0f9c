#include "base/db/postgres/transaction.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/db/postgres/connection.h"
#include "base/db/postgres/pipeline.h"
#include "tests/support/postgres_database.h"
#include "tests/support/postgres_server.h"
#include "tests/support/status_matchers.h"

namespace mirror::postgres::transaction_test {
namespace {

using absl::StatusCode;
using std::chrono::milliseconds;
using testing::HasSubstr;
using testing::SizeIs;

constexpr char kInsert[] = "INSERT INTO public.t VALUES ($1)";

class PostgresTransaction : public PostgresDatabaseTest {
 protected:
  void Fill() override {
    ASSERT_THAT(connection_->Execute("CREATE TABLE public.t (k bigint PRIMARY KEY DEFERRABLE)"), IsOk());
  }
  std::int64_t Rows() const { return *Connect(conninfo_)->Number("SELECT count(*) FROM public.t"); }
  std::string Database() const { return conninfo_.substr(conninfo_.rfind('=') + 1); }
};

TEST_F(PostgresTransaction, KeepsWhatIsCommittedAndTakesTheRestBack) {
  {
    Transaction transaction(*connection_);
    ASSERT_THAT(transaction.Begin(), IsOk());
    EXPECT_TRUE(connection_->InTransaction());
    ASSERT_THAT(connection_->Run(kInsert, {1}), IsOk());
    EXPECT_THAT(transaction.Commit(), IsOk());
  }
  {
    Transaction transaction(*connection_);
    ASSERT_THAT(transaction.Begin(), IsOk());
    ASSERT_THAT(connection_->Run(kInsert, {2}), IsOk());
  }
  EXPECT_TRUE(connection_->IsIdle());
  EXPECT_EQ(Rows(), 1);
  Transaction reading(*connection_);
  ASSERT_THAT(reading.Begin({.repeatable_read = true, .read_only = true}), IsOk());
  EXPECT_THAT(connection_->Number("SELECT count(*) FROM public.t"), IsOkAndHolds(1));
  ASSERT_THAT(Connect(conninfo_)->Run(kInsert, {3}), IsOk());
  EXPECT_THAT(connection_->Number("SELECT count(*) FROM public.t"), IsOkAndHolds(1));
  EXPECT_EQ(TroubleOf(connection_->Run(kInsert, {4}).status()), Trouble::kReadOnly);
}

TEST_F(PostgresTransaction, ACommitThatRolledBackIsAnError) {
  Transaction transaction(*connection_);
  ASSERT_THAT(transaction.Begin(), IsOk());
  ASSERT_THAT(connection_->Run(kInsert, {1}), IsOk());
  EXPECT_FALSE(connection_->Query("SELECT nothing").ok());
  EXPECT_THAT(transaction.Commit("keeping"),
              StatusIs(StatusCode::kInternal, HasSubstr("keeping: the transaction was rolled back")));
  EXPECT_EQ(Rows(), 0);
}

TEST_F(PostgresTransaction, AConstraintThatCommitLooksAtIsNamed) {
  Transaction transaction(*connection_);
  ASSERT_THAT(transaction.Begin(), IsOk());
  ASSERT_THAT(connection_->Execute("SET CONSTRAINTS ALL DEFERRED"), IsOk());
  ASSERT_THAT(connection_->Run(kInsert, {1}), IsOk());
  ASSERT_THAT(connection_->Run(kInsert, {1}), IsOk());
  const absl::Status committed = transaction.Commit();
  EXPECT_EQ(TroubleOf(committed), Trouble::kConstraint);
  EXPECT_EQ(FailureOf(committed).constraint, "t_pkey");
  EXPECT_TRUE(connection_->IsIdle());
}

TEST_F(PostgresTransaction, ASavepointTakesItsPartBack) {
  Transaction transaction(*connection_);
  ASSERT_THAT(transaction.Begin(), IsOk());
  ASSERT_THAT(connection_->Run(kInsert, {1}), IsOk());
  {
    Savepoint outer(*connection_);
    ASSERT_THAT(outer.Begin(), IsOk());
    ASSERT_THAT(connection_->Run(kInsert, {2}), IsOk());
    {
      Savepoint inner(*connection_);
      ASSERT_THAT(inner.Begin(), IsOk());
      ASSERT_THAT(connection_->Run(kInsert, {3}), IsOk());
      EXPECT_EQ(TroubleOf(connection_->Run(kInsert, {3}).status()), Trouble::kConstraint);
    }
    {
      Savepoint inner(*connection_);
      ASSERT_THAT(inner.Begin(), IsOk());
      ASSERT_THAT(connection_->Run(kInsert, {4}), IsOk());
      EXPECT_THAT(inner.Release(), IsOk());
    }
    EXPECT_THAT(outer.Release(), IsOk());
  }
  {
    Savepoint taken_back(*connection_);
    ASSERT_THAT(taken_back.Begin(), IsOk());
    ASSERT_THAT(connection_->Run(kInsert, {5}), IsOk());
  }
  EXPECT_THAT(transaction.Commit(), IsOk());
  EXPECT_THAT(connection_->Number("SELECT sum(k)::int8 FROM public.t"), IsOkAndHolds(1 + 2 + 4));
}

TEST_F(PostgresTransaction, APipelineIsOneRoundTripAndItsFirstErrorIsNamed) {
  // The second time its statements are prepared, the third time they are there.
  for (std::int64_t time = 0; time < 3; ++time) {
    Transaction transaction(*connection_);
    Pipeline first(*connection_), last(*connection_);
    transaction.Begin(first);
    first.Queue("SELECT count(*) FROM public.t", {}, "counting");
    EXPECT_EQ(first.Queue("SELECT $1::text", {"x"}, "saying"), 2);
    const auto rows = first.Run();
    ASSERT_THAT(rows, IsOkAndHolds(SizeIs(3)));
    EXPECT_EQ((*rows)[1].Int(0, 0), time);
    EXPECT_EQ((*rows)[2].View(0, 0), "x");
    EXPECT_TRUE(connection_->InTransaction());
    last.Queue(kInsert, {time}, "inserting");
    const auto committed = transaction.Commit(last);
    ASSERT_THAT(committed, IsOkAndHolds(SizeIs(1)));
    EXPECT_EQ((*committed)[0].affected(), 1);
    EXPECT_TRUE(connection_->IsIdle());
  }
  EXPECT_EQ(Rows(), 3);
  Transaction transaction(*connection_);
  ASSERT_THAT(transaction.Begin(), IsOk());
  Pipeline pipeline(*connection_);
  pipeline.Queue(kInsert, {10}, "the first");
  pipeline.Queue(kInsert, {1}, "the second");
  pipeline.Queue("SELECT 'never run'", {}, "the third");
  const absl::Status failed = transaction.Commit(pipeline).status();
  EXPECT_THAT(failed, StatusIs(StatusCode::kFailedPrecondition, HasSubstr("the second: ")));
  EXPECT_EQ(TroubleOf(failed), Trouble::kConstraint);
  EXPECT_EQ(pipeline.failed(), 1);
  EXPECT_TRUE(connection_->InTransaction());
  EXPECT_THAT(transaction.RollBack(), IsOk());
  EXPECT_EQ(Rows(), 3);
}

TEST_F(PostgresTransaction, APipelineOutsideOfATransactionIsOne) {
  Pipeline pipeline(*connection_);
  pipeline.Queue(kInsert, {1});
  pipeline.Queue("SELECT nothing", {}, "failing");
  EXPECT_EQ(TroubleOf(pipeline.Run().status()), Trouble::kUndefined);
  EXPECT_EQ(Rows(), 0);
  EXPECT_THAT(pipeline.Run(), IsOkAndHolds(SizeIs(0)));
  // More than any buffer between them holds, in both directions.
  const std::string large(100'000, 'x');
  for (int i = 0; i < 200; ++i) pipeline.Queue("SELECT $1", {large});
  EXPECT_THAT(pipeline.Run(), IsOkAndHolds(SizeIs(200)));
}

TEST_F(PostgresTransaction, APipelineOfManyStatementsIsOneToo) {
  constexpr std::int64_t kMany = 1'200;
  for (const std::int64_t breaks_at : {kMany, std::int64_t{300}, kMany - 1}) {
    Pipeline pipeline(*connection_);
    for (std::int64_t i = 0; i < kMany; ++i) pipeline.Queue(kInsert, {i == breaks_at ? 0 : i}, "inserting");
    const auto ran = pipeline.Run();
    EXPECT_EQ(pipeline.failed(), breaks_at == kMany ? -1 : static_cast<int>(breaks_at));
    EXPECT_TRUE(connection_->IsIdle());
    if (breaks_at == kMany) {
      EXPECT_THAT(ran, IsOkAndHolds(SizeIs(kMany)));
      EXPECT_EQ(Rows(), kMany);
      ASSERT_THAT(connection_->Execute("DELETE FROM public.t"), IsOk());
    } else {
      EXPECT_EQ(TroubleOf(ran.status()), Trouble::kConstraint);
      EXPECT_EQ(Rows(), 0);
    }
  }
}

TEST_F(PostgresTransaction, ACommitWhoseAnswerIsLostMayHaveBeenApplied) {
  PostgresProxy proxy(*server_);
  for (const bool arrives : {true, false}) {
    const auto through = Connect(proxy.Conninfo(Database()));
    Transaction transaction(*through);
    ASSERT_THAT(transaction.Begin(), IsOk());
    ASSERT_THAT(through->Run(kInsert, {arrives ? 1 : 2}), IsOk());
    proxy.CutAt("COMMIT",
                arrives ? PostgresProxy::Cut::kBeforeTheAnswer : PostgresProxy::Cut::kBeforeItArrives);
    const absl::Status committed = transaction.Commit("keeping it");
    EXPECT_THAT(committed, StatusIs(StatusCode::kUnavailable, HasSubstr("the commit may have succeeded")));
    EXPECT_EQ(TroubleOf(committed), Trouble::kCommitUnknown);
    EXPECT_FALSE(through->IsOpen());
  }
  EXPECT_THAT(connection_->Number("SELECT sum(k)::int8 FROM public.t"), IsOkAndHolds(1));
  // A statement of a transaction that is lost is none of that kind, the same one alone is.
  auto through = Connect(proxy.Conninfo(Database()));
  {
    Transaction transaction(*through);
    ASSERT_THAT(transaction.Begin(), IsOk());
    proxy.CutAt("INSERT", PostgresProxy::Cut::kBeforeTheAnswer);
    EXPECT_EQ(TroubleOf(through->Run(kInsert, {3}).status()), Trouble::kLost);
  }
  through = Connect(proxy.Conninfo(Database()));
  {
    Transaction transaction(*through);
    ASSERT_THAT(transaction.Begin(), IsOk());
    proxy.CutAt("DELETE", PostgresProxy::Cut::kBeforeTheAnswer);
    EXPECT_EQ(TroubleOf(through->Execute("DELETE FROM public.t; SELECT 1")), Trouble::kLost);
  }
  through = Connect(proxy.Conninfo(Database()));
  proxy.CutAt("INSERT", PostgresProxy::Cut::kBeforeTheAnswer);
  EXPECT_EQ(TroubleOf(through->Run(kInsert, {4}).status()), Trouble::kCommitUnknown);
  through = Connect(proxy.Conninfo(Database()));
  {
    Transaction transaction(*through);
    ASSERT_THAT(transaction.Begin(), IsOk());
    Pipeline pipeline(*through);
    pipeline.Queue(kInsert, {5});
    proxy.CutAt("COMMIT", PostgresProxy::Cut::kBeforeTheAnswer);
    EXPECT_EQ(TroubleOf(transaction.Commit(pipeline).status()), Trouble::kCommitUnknown);
  }
  EXPECT_THAT(connection_->Number("SELECT sum(k)::int8 FROM public.t"), IsOkAndHolds(1 + 4 + 5));
}

TEST_F(PostgresTransaction, SoMayOneBehindAnyNumberOfStatements) {
  PostgresProxy proxy(*server_);
  int key = 0;
  for (const int statements : {498, 499, 500, 999}) {
    SCOPED_TRACE(statements);
    const auto through = Connect(proxy.Conninfo(Database()));
    Transaction transaction(*through);
    ASSERT_THAT(transaction.Begin(), IsOk());
    Pipeline pipeline(*through);
    for (int i = 0; i < statements; ++i) pipeline.Queue(kInsert, {++key});
    proxy.CutAt("COMMIT", PostgresProxy::Cut::kBeforeTheAnswer);
    bool has_standby = false;
    EXPECT_EQ(TroubleOf(transaction.Commit(pipeline, "keeping", &has_standby).status()),
              Trouble::kCommitUnknown);
    EXPECT_EQ(Rows(), key);
  }
}

TEST_F(PostgresTransaction, WhoWritesAtAStandbyIsToldThatNothingIsWrittenThere) {
  const auto own = PostgresServer::Start();
  ASSERT_THAT(own, IsOk());
  ASSERT_THAT(Connect((*own)->Conninfo())->Execute("CREATE TABLE public.t (k bigint)"), IsOk());
  ASSERT_THAT((*own)->StartAsStandby(), IsOk());
  const auto standby = Connect((*own)->Conninfo());
  Transaction transaction(*standby);
  ASSERT_THAT(transaction.Begin(), IsOk());
  const absl::Status refused = standby->Run(kInsert, {1}).status();
  EXPECT_THAT(refused, StatusIs(StatusCode::kUnavailable));
  EXPECT_EQ(TroubleOf(refused), Trouble::kReadOnly);
}

TEST_F(PostgresTransaction, AWaitForAStandbyThatIsBrokenOffIsSaid) {
  const auto own = PostgresServer::Start();
  ASSERT_THAT(own, IsOk());
  const auto writing = Connect((*own)->Conninfo());
  const auto other = Connect((*own)->Conninfo());
  ASSERT_THAT(writing->Execute("CREATE TABLE public.t (k bigint)"), IsOk());
  ASSERT_THAT(other->Execute("ALTER SYSTEM SET synchronous_standby_names = 'nobody'"), IsOk());
  ASSERT_THAT(other->Query("SELECT pg_reload_conf()"), IsOk());
  ASSERT_THAT(other->Query("SELECT pg_sleep(0.5)"), IsOk());
  const std::shared_ptr<Canceller> canceller = writing->canceller();
  Transaction transaction(*writing);
  ASSERT_THAT(transaction.Begin(), IsOk());
  ASSERT_THAT(writing->Run(kInsert, {1}), IsOk());
  std::thread cancelling([&] {
    while (*other->Number("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'") == 0) {
      std::this_thread::sleep_for(milliseconds(10));
    }
    // We never cancel a commit; an administrator may.
    EXPECT_THAT(canceller->Cancel(), StatusIs(StatusCode::kFailedPrecondition));
    EXPECT_THAT(other->Query("SELECT pg_cancel_backend($1)", {Value::Int4(writing->server_pid())}), IsOk());
  });
  const absl::Status committed = transaction.Commit();
  cancelling.join();
  EXPECT_THAT(committed, StatusIs(StatusCode::kUnavailable, HasSubstr("its standbys may not have it")));
  EXPECT_EQ(TroubleOf(committed), Trouble::kNotReplicated);
  EXPECT_THAT(other->Number("SELECT count(*) FROM public.t"), IsOkAndHolds(1));
}

}  // namespace
}  // namespace mirror::postgres::transaction_test
