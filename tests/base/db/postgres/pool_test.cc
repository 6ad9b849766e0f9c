#include "base/db/postgres/pool.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/db/postgres/copy.h"
#include "base/db/postgres/transaction.h"
#include "tests/support/postgres_server.h"
#include "tests/support/processes.h"
#include "tests/support/status_matchers.h"

namespace mirror::postgres::pool_test {
namespace {

using absl::StatusCode;
using std::chrono::milliseconds;
using testing::AllOf;
using testing::HasSubstr;

class PostgresPool : public testing::Test {
 protected:
  void SetUp() override {
    SKIP_WITHOUT_POSTGRES();
    server_ = PostgresServer::Shared();
    ASSERT_NE(server_, nullptr);
    options_.connect_as.conninfo = server_->Conninfo();
    options_.name = "place p1, writing";
    options_.connections = 2;
  }
  static int PidOf(Pool& pool) {
    const auto lease = pool.Take(kPatience);
    EXPECT_THAT(lease.status(), IsOk());
    return lease.ok() ? (*lease)->server_pid() : 0;
  }

  PostgresServer* server_ = nullptr;
  PoolOptions options_;
};

TEST_F(PostgresPool, ConnectionsAreUsedAgainAndNoMoreThanAllowed) {
  Pool pool(options_);
  const int first = PidOf(pool);
  EXPECT_EQ(PidOf(pool), first);
  auto one = pool.Take(kPatience), two = pool.Take(kPatience);
  ASSERT_THAT(one.status(), IsOk());
  ASSERT_THAT(two.status(), IsOk());
  EXPECT_NE((*one)->server_pid(), (*two)->server_pid());
  const auto none = pool.Take(milliseconds(50));
  EXPECT_THAT(none.status(),
              StatusIs(StatusCode::kUnavailable,
                       HasSubstr("all 2 connections of place p1, writing were in use for 50 ms")));
  EXPECT_EQ(TroubleOf(none.status()), Trouble::kTooMany);
  std::thread giving_back([&] {
    while (pool.counts().waiting == 0) std::this_thread::sleep_for(milliseconds(1));
    const Lease back = *std::move(one);
  });
  EXPECT_THAT(pool.Take(kPatience).status(), IsOk());
  giving_back.join();
  EXPECT_EQ(pool.counts().open, 2U);
  EXPECT_EQ(pool.counts().idle, 1U);
  EXPECT_EQ(pool.counts().refused, 1U);
}

TEST_F(PostgresPool, AConnectionThatIsNotAdmittedIsNotLent) {
  bool admits = false;
  int asked = 0;
  options_.admit = [&](Connection& connection) {
    ++asked;
    EXPECT_THAT(connection.Number("SELECT 1"), IsOkAndHolds(1));
    return admits ? absl::OkStatus() : absl::FailedPreconditionError("not this one");
  };
  Pool pool(options_);
  for (int i = 0; i < 3; ++i) {
    EXPECT_THAT(pool.Take(kPatience).status(), StatusIs(StatusCode::kFailedPrecondition, "not this one"));
  }
  EXPECT_EQ(pool.counts().open, 0U);
  admits = true;
  const int first = PidOf(pool);
  EXPECT_EQ(PidOf(pool), first);
  EXPECT_EQ(asked, 4);
}

/// All that a server of few connections has.
std::vector<std::unique_ptr<Connection>> TakeAll(const PostgresServer& server) {
  std::vector<std::unique_ptr<Connection>> all;
  for (;;) {
    auto one = Connection::Open({.conninfo = server.Conninfo()});
    if (!one.ok()) return all;
    all.push_back(*std::move(one));
  }
}

TEST_F(PostgresPool, ASlotIsWaitedForAndWhatToRaiseIsNamed) {
  auto small = PostgresServer::Start({"max_connections=4", "superuser_reserved_connections=0"});
  ASSERT_THAT(small, IsOk());
  std::vector<std::unique_ptr<Connection>> others = TakeAll(**small);
  ASSERT_EQ(others.size(), 4U);
  options_.connect_as.conninfo = (*small)->Conninfo();
  Pool pool(options_);
  const auto none = pool.Take(milliseconds(100));
  EXPECT_THAT(none.status(), StatusIs(StatusCode::kUnavailable, AllOf(HasSubstr("SQLSTATE 53300"),
                                                                      HasSubstr("raise its max_connections"),
                                                                      HasSubstr("CONNECTION LIMIT"))));
  EXPECT_EQ(TroubleOf(none.status()), Trouble::kTooMany);
  EXPECT_EQ(pool.counts().refused, 1U);
  EXPECT_EQ(pool.counts().open, 0U);

  std::thread giving_back([&] {
    while (pool.counts().waiting == 0) std::this_thread::sleep_for(milliseconds(1));
    others.pop_back();
  });
  const auto lease = pool.Take(kPatience);
  EXPECT_THAT(lease.status(), IsOk());
  giving_back.join();
}

TEST_F(PostgresPool, WhoWaitsForASlotTakesWhatComesBackToThePool) {
  auto small = PostgresServer::Start({"max_connections=4", "superuser_reserved_connections=0"});
  ASSERT_THAT(small, IsOk());
  options_.connect_as.conninfo = (*small)->Conninfo();
  Pool pool(options_);
  auto own = std::optional(pool.Take(kPatience));
  ASSERT_THAT(own->status(), IsOk());
  const int pid = (**own)->server_pid();
  const std::vector<std::unique_ptr<Connection>> others = TakeAll(**small);
  ASSERT_EQ(others.size(), 3U);
  std::thread giving_back([&] {
    while (pool.counts().waiting == 0) std::this_thread::sleep_for(milliseconds(1));
    own.reset();
  });
  EXPECT_EQ(PidOf(pool), pid);
  giving_back.join();
}

TEST_F(PostgresPool, ARolesLimitIsWaitedForToo) {
  auto opened = Connection::Open(options_.connect_as);
  ASSERT_THAT(opened, IsOk());
  ASSERT_THAT((*opened)->Execute("DROP ROLE IF EXISTS narrow; CREATE ROLE narrow LOGIN CONNECTION LIMIT 1"),
              IsOk());
  options_.connect_as.conninfo += " user=narrow";
  auto only = Connection::Open(options_.connect_as);
  ASSERT_THAT(only, IsOk());
  Pool pool(options_);
  EXPECT_THAT(pool.Take(std::chrono::seconds(2)).status(),
              StatusIs(StatusCode::kUnavailable, AllOf(HasSubstr("too many connections for role 'narrow'"),
                                                       HasSubstr("the CONNECTION LIMIT of that"))));
  only->reset();
  EXPECT_THAT(pool.Take(kPatience).status(), IsOk());
}

TEST_F(PostgresPool, WhatIsLostOrInATransactionDoesNotGoBack) {
  Pool pool(options_);
  const int first = PidOf(pool);
  {
    const auto lease = pool.Take(kPatience);
    ASSERT_THAT(lease.status(), IsOk());
    ASSERT_THAT((*lease)->Execute("BEGIN"), IsOk());
  }
  EXPECT_EQ(pool.counts().open, 0U);
  const int second = PidOf(pool);
  EXPECT_NE(second, first);
  // One that the server closed while it was idle is replaced, without an error.
  auto other = Connection::Open(options_.connect_as);
  ASSERT_THAT(other, IsOk());
  ASSERT_THAT((*other)->Query("SELECT pg_terminate_backend($1, 10000)", {Value::Int4(second)}), IsOk());
  EXPECT_NE(PidOf(pool), second);
  EXPECT_EQ(pool.counts().open, 1U);
}

TEST_F(PostgresPool, OldOnesAndThoseOfAnOldPassfileAreClosed) {
  options_.uses_max = 2;
  Pool pool(options_);
  const int first = PidOf(pool);
  EXPECT_EQ(PidOf(pool), first);
  EXPECT_NE(PidOf(pool), first);
  pool.Renew();
  EXPECT_EQ(pool.counts().open, 0U);
  {
    const auto lease = pool.Take(kPatience);
    pool.Renew();
  }
  EXPECT_EQ(pool.counts().open, 0U);
  options_.uses_max = 500;
  options_.age_max = milliseconds(0);
  Pool short_lived(options_);
  EXPECT_NE(PidOf(short_lived), PidOf(short_lived));
}

TEST_F(PostgresPool, OneThatALargeValueWentThroughIsClosed) {
  options_.bytes_max = 1'000'000;
  Pool pool(options_);
  const auto pid_after = [&](const std::function<absl::Status(Connection&)>& use) {
    const auto lease = pool.Take(kPatience);
    EXPECT_THAT(lease.status(), IsOk());
    EXPECT_THAT(use(**lease), IsOk());
    return (*lease)->server_pid();
  };
  const auto select = [](int bytes) {
    return [bytes](Connection& connection) {
      return connection.Query("SELECT repeat('x', $1::int)", {bytes}).status();
    };
  };
  const auto stream = [](Connection& connection) -> absl::Status {
    absl::StatusOr<RowStream> rows = connection.Stream("SELECT repeat('x', 2000000)");
    if (!rows.ok()) return rows.status();
    absl::StatusOr<bool> row = rows->Step();
    while (row.ok() && *row) row = rows->Step();
    return row.status();
  };
  const auto copy = [](Connection& connection) -> absl::Status {
    absl::StatusOr<CopyOut> rows =
        CopyOut::Begin(connection, "COPY (SELECT repeat('x', 2000000)) TO STDOUT (FORMAT binary)");
    if (!rows.ok()) return rows.status();
    absl::StatusOr<bool> row = rows->Step();
    while (row.ok() && *row) row = rows->Step();
    return row.status();
  };
  const std::string large(2'000'000, 'x');
  const auto send = [&](Connection& connection) {
    return connection.Query("SELECT octet_length($1)", {large}).status();
  };

  const int first = pid_after(select(100'000));
  EXPECT_EQ(pid_after(select(100'000)), first) << "however many small ones there are";
  for (const std::function<absl::Status(Connection&)>& use :
       {std::function<absl::Status(Connection&)>(select(2'000'000)), {stream}, {copy}, {send}}) {
    const int used = pid_after(use);
    EXPECT_NE(PidOf(pool), used) << "its buffers would stay as large as that";
  }
}

TEST_F(PostgresPool, WhereAServerRefusesToWriteThePrimaryIsLookedForAnew) {
  const auto first = PostgresServer::Start();
  ASSERT_THAT(first, IsOk());
  options_.connect_as.conninfo =
      absl::StrCat("host=", (*first)->folder(), ",", server_->folder(),
                   " port=5432 user=mirror dbname=postgres target_session_attrs=read-write");
  Pool pool(options_);
  auto one = std::optional(pool.Take(kPatience)), idle = std::optional(pool.Take(kPatience));
  ASSERT_THAT(one->status(), IsOk());
  ASSERT_THAT(idle->status(), IsOk());
  idle.reset();
  // As for who meets a standby there from now on.
  ASSERT_THAT((**one)->Execute("ALTER DATABASE postgres SET default_transaction_read_only = on"), IsOk());
  ASSERT_THAT((**one)->Execute("SET default_transaction_read_only = on"), IsOk());
  EXPECT_EQ(TroubleOf((**one)->Execute("CREATE TABLE public.refused (k bigint)")), Trouble::kReadOnly);
  one.reset();
  EXPECT_EQ(pool.counts().open, 0U) << "the idle one leads to the same server";
  const auto next = pool.Take(kPatience);
  ASSERT_THAT(next.status(), IsOk());
  EXPECT_EQ((*next)->Query("SELECT current_setting('unix_socket_directories')")->Text(0, 0),
            server_->folder());
  EXPECT_THAT((*next)->Execute("CREATE TEMP TABLE taken (k bigint)"), IsOk());
}

TEST_F(PostgresPool, AServerThatDoesNotAnswerIsNoConnectionFromThePool) {
  PostgresProxy proxy(*server_);
  options_.connect_as.conninfo = proxy.Conninfo();
  options_.connect_as.connect_within = milliseconds(300);
  options_.probe_after = milliseconds(0);
  Pool pool(options_);
  // Tries again: on a busy machine a connection can take longer than connect_within.
  while (!pool.Take(kPatience).ok()) continue;
  proxy.Swallow();
  const auto none = pool.Take(kPatience);
  EXPECT_EQ(TroubleOf(none.status()), Trouble::kNotReady);
  EXPECT_EQ(pool.counts().open, 0U);
}

/// Lets commits wait for a standby that is not there, or not.
void NameStandby(Connection& connection, const char* name) {
  ASSERT_THAT(connection.Execute(absl::StrCat("ALTER SYSTEM SET synchronous_standby_names = '", name, "'")),
              IsOk());
  ASSERT_THAT(connection.Query("SELECT pg_reload_conf()"), IsOk());
  while (*connection.Number("SELECT (current_setting('synchronous_standby_names') = $1)::int::bigint",
                            {name}) == 0) {
    std::this_thread::sleep_for(milliseconds(10));
  }
}

constexpr char kWaitForStandby[] =
    "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND backend_type = 'client backend'";

constexpr char kWrite[] = "SELECT pg_logical_emit_message(true, 'test', '')";

/// What a commit at a connection of the pool's became.
absl::Status CommitAt(Pool& pool, milliseconds within) {
  const auto lease = pool.Take(within);
  if (!lease.ok()) return lease.status();
  Transaction transaction(**lease);
  if (absl::Status begun = transaction.Begin(); !begun.ok()) return begun;
  if (absl::Status ran = (*lease)->Query(kWrite).status(); !ran.ok()) return ran;
  (*lease)->SetAnswerWithin(milliseconds(100));
  return transaction.Commit();
}

TEST_F(PostgresPool, CommitsThatNoStandbyAnswersTakeNoMoreSlotsThanThePool) {
  auto own = PostgresServer::Start();
  ASSERT_THAT(own, IsOk());
  const auto other = Connection::Open({.conninfo = (*own)->Conninfo()});
  ASSERT_THAT(other, IsOk());
  NameStandby(**other, "nobody");
  options_.connect_as.conninfo = (*own)->Conninfo();
  Pool pool(options_);
  for (int i = 0; i < 2; ++i)
    EXPECT_EQ(TroubleOf(CommitAt(pool, kPatience)), Trouble::kCommitUnknown) << "it is never cancelled";
  for (int i = 0; i < 3; ++i) {
    EXPECT_THAT(CommitAt(pool, milliseconds(50)),
                StatusIs(StatusCode::kUnavailable, AllOf(HasSubstr("all 2 connections of place p1, writing"),
                                                         HasSubstr("a commit that waits for a standby"))));
  }
  // With a look in that time.
  const absl::Status refused = CommitAt(pool, std::chrono::milliseconds(1'500));
  EXPECT_EQ(TroubleOf(refused), Trouble::kTooMany);
  EXPECT_EQ(pool.counts().refused, 4U);
  EXPECT_EQ(pool.counts().open, 2U);
  EXPECT_EQ(pool.counts().left, 2U);
  EXPECT_THAT((*other)->Number(kWaitForStandby), IsOkAndHolds(2));

  std::thread naming([&] {
    while (pool.counts().waiting == 0) std::this_thread::sleep_for(milliseconds(1));
    NameStandby(**other, "");
  });
  EXPECT_THAT(pool.Take(kPatience).status(), IsOk());
  naming.join();
  EXPECT_EQ(pool.counts().left, 0U);
  EXPECT_EQ(pool.counts().open, 1U);
}

TEST_F(PostgresPool, WhatAServerThatIsGoneDidNotAnswerKeepsNoPlace) {
  auto own = PostgresServer::Start();
  ASSERT_THAT(own, IsOk());
  auto other = Connection::Open({.conninfo = (*own)->Conninfo()});
  ASSERT_THAT(other, IsOk());
  NameStandby(**other, "nobody");
  options_.connect_as.conninfo = (*own)->Conninfo();
  Pool pool(options_);
  for (int i = 0; i < 2; ++i) EXPECT_EQ(TroubleOf(CommitAt(pool, kPatience)), Trouble::kCommitUnknown);
  (*own)->Kill();
  EXPECT_EQ(TroubleOf(pool.Take(milliseconds(1'500)).status()), Trouble::kNotReady);
  ASSERT_THAT((*own)->StartAgain(), IsOk());
  EXPECT_THAT(pool.Take(kPatience).status(), IsOk());
  EXPECT_EQ(pool.counts().left, 0U);
}

TEST_F(PostgresPool, OneThatComesBackLooksWhichProcessesAreGone) {
  PostgresProxy proxy(*server_);
  options_.connect_as.conninfo = proxy.Conninfo();
  Pool pool(options_);
  {
    const auto kept = pool.Take(kPatience);
    ASSERT_THAT(kept.status(), IsOk());
    {
      const auto cut = pool.Take(kPatience);
      ASSERT_THAT(cut.status(), IsOk());
      proxy.CutAt("emit", PostgresProxy::Cut::kBeforeTheAnswer);
      EXPECT_EQ(TroubleOf((*cut)->Query(kWrite).status()), Trouble::kCommitUnknown);
    }
    EXPECT_EQ(pool.counts().left, 1U);
  }
  const auto since = std::chrono::steady_clock::now();
  while (pool.counts().left > 0 && std::chrono::steady_clock::now() - since < kPatience) {
    EXPECT_NE(PidOf(pool), 0);
    std::this_thread::sleep_for(milliseconds(10));
  }
  EXPECT_EQ(pool.counts().left, 0U);
  EXPECT_EQ(pool.counts().open, 1U);
}

TEST_F(PostgresPool, ManyThreadsShareIt) {
  Pool pool(options_);
  auto opened = Connection::Open(options_.connect_as);
  ASSERT_THAT(opened, IsOk());
  ASSERT_THAT(
      (*opened)->Execute("CREATE TABLE IF NOT EXISTS public.counter (n int8); DELETE FROM public.counter; "
                         "INSERT INTO public.counter VALUES (0)"),
      IsOk());
  constexpr int kThreads = 8, kTimes = 25;
  std::atomic<int> failed = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&] {
      for (int time = 0; time < kTimes; ++time) {
        const auto lease = pool.Take(kPatience);
        if (!lease.ok()) {
          ++failed;
          continue;
        }
        Transaction transaction(**lease);
        if (!transaction.Begin().ok() || !(*lease)->Run("UPDATE public.counter SET n = n + 1").ok()) ++failed;
        if (time % 5 == 0) (*lease)->canceller()->Cancel().IgnoreError();
        if (time % 5 != 0 && !transaction.Commit().ok()) ++failed;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(failed, 0);
  EXPECT_THAT((*opened)->Number("SELECT n FROM public.counter"),
              IsOkAndHolds(kThreads * (kTimes - kTimes / 5)));
  EXPECT_LE(pool.counts().open, 2U);
}

}  // namespace
}  // namespace mirror::postgres::pool_test
