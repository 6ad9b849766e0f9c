// How often a server asks PostgreSQL, and waits, for what sources do all the time.

#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/server/tenant/servers_bench.h"
#include "tests/support/postgres_server.h"

namespace mirror::postgres_round_trips_test {
namespace {

class RoundTrips : public ServersBench {
 protected:
  void Fill() override {
    proxy_ = std::make_unique<PostgresProxy>(*server_);
    first_place_ = proxy_->Conninfo(conninfo_.substr(conninfo_.find("test_")));
    ServersBench::Fill();
    StartServers(1);
    At(0).Mirror(People(), {{1, "Ada", 36}}, Position{Lsn{5}, "five"});
    calls_ = &At(0);
    calls_->Begin();
    ASSERT_THAT(calls_->Announce({People()}), IsOk());
  }
  /// The cycle's next batch, of one row.
  void Push() {
    const BatchOutcome outcome = calls_->Send(
        People(),
        {.rows = {{++pushed_, "Grace", 45}}, .seq = static_cast<std::uint64_t>(pushed_), .base_lsn = 5});
    ASSERT_THAT(outcome.status, IsOk());
  }

  std::unique_ptr<PostgresProxy> proxy_;
  SourceCalls* calls_ = nullptr;
  int pushed_ = 0;
};

TEST_F(RoundTrips, ABatchIsThree) {
  Push();
  Push();
  proxy_->TakeSent();
  const int before = proxy_->RoundTrips();
  Push();
  EXPECT_LE(proxy_->RoundTrips() - before, 3) << proxy_->TakeSent();
}

/// A row that is locked is written to its page and to the database's log, for each table of the mirror.
TEST_F(RoundTrips, ACycleWithoutChangesLocksNoRowOfATable) {
  const auto locks = [&] {
    return Ask("SELECT coalesce(max(xmax::text::bigint), 0) FROM \"Mirror_Cust\".\"Cust_mirroring\"");
  };
  ASSERT_THAT(calls_->Complete(), IsOk());
  const std::int64_t before = locks();
  for (int i = 0; i < 2; ++i) {
    calls_->Begin();
    // As the endpoint announces what a source names by its digest.
    ASSERT_THAT(
        TenantAt(0)->Announce(calls_->caller, calls_->cycle, calls_->source_id, absl::StrCat("digest ", i),
                              {{People().name, People()}}, calls_->now, Tenant::Announcing::kRepetition),
        IsOk());
    ASSERT_THAT(TenantAt(0)->Complete(calls_->caller, calls_->cycle, {}, calls_->now, AllAsOf{calls_->now}),
                IsOk());
  }
  EXPECT_EQ(locks(), before);
  calls_->Begin();
  ASSERT_THAT(calls_->Announce({People()}), IsOk());
  Push();
  EXPECT_GT(locks(), before) << "a batch locks its own";
}

}  // namespace
}  // namespace mirror::postgres_round_trips_test
