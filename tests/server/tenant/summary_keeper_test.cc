#include "server/tenant/summary_keeper.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "server/plan/tenant_summary.h"
#include "server/store/postgres/place/postgres_catalog.h"
#include "server/tenant/mirror/seen_summary.h"
#include "tests/server/tenant/servers_bench.h"

// What servers over one control database keep there of tenants, and take from there.

namespace mirror::summary_keeper_test {
namespace {

const Position kKeptFive{Lsn{5}, "five"}, kKeptTen{Lsn{10}, "ten"};

class SummaryKeeperTest : public ServersBench {
 protected:
  /// A mirror of one row, which both know as it is kept.
  void StartTwo() {
    StartServers(2);
    for (const auto& server : servers_) {
      catalogs_.push_back(MakeCatalog(control_));
      keepers_.push_back(
          std::make_unique<SummaryKeeper>(*catalogs_.back(), *server->tenants, /*shared=*/true));
    }
    At(0).Mirror(People(), {{1, "Ada", 36}}, kKeptFive);
    keepers_[0]->Keep();
    At(1).Begin();
    ASSERT_THAT(At(1).Announce({People()}), IsOk());
    ASSERT_THAT(At(1).Complete(), IsOk());
    keepers_[1]->Keep();
    keepers_[0]->TakeOthers();
    for (std::size_t server = 0; server < 2; ++server) {
      ASSERT_EQ(SummaryAt(server).rows, 1) << server;
      ASSERT_FALSE(SummaryAt(server).paused) << server;
    }
  }
  TenantSummary SummaryAt(std::size_t server) { return TenantAt(server)->summary(); }
  TenantSummary Kept() {
    const auto kept = catalogs_[0]->Summaries();
    EXPECT_THAT(kept, IsOk());
    const auto found = kept.ok() ? UnpackSummary(kept->at("Cust")) : std::nullopt;
    return found.value_or(TenantSummary{});
  }
  /// As servers do in their time: one after the other, `first` before the other one.
  void KeepBoth(std::size_t first) {
    keepers_[first]->Keep();
    keepers_[1 - first]->Keep();
    for (const auto& keeper : keepers_) keeper->TakeOthers();
  }

  std::vector<std::unique_ptr<Catalog>> catalogs_;
  std::vector<std::unique_ptr<SummaryKeeper>> keepers_;
};

class SummaryKeeperOrder : public SummaryKeeperTest, public testing::WithParamInterface<std::size_t> {};

TEST_P(SummaryKeeperOrder, APauseIsSeenWhicheverServerKeepsItsSummaryLast) {
  StartTwo();
  At(0).Begin();
  ASSERT_THAT(At(0).Announce({People()}), IsOk());
  const BatchSpec row{.rows = {{2, "Grace", 45}}, .base_lsn = 5, .target = kKeptTen, .commit = kKeptTen};
  ASSERT_THAT(At(0).Send(People(), row).status, IsOk());
  ASSERT_THAT(At(0).Complete(), IsOk());
  ASSERT_THAT(TenantAt(1)->Pause("x", now() + 1), IsOk());
  ASSERT_FALSE(SummaryAt(0).paused) << "it is told by nobody yet";

  KeepBoth(GetParam());

  EXPECT_TRUE(Kept().paused);
  EXPECT_EQ(Kept().rows, 2);
  for (std::size_t server = 0; server < 2; ++server) {
    EXPECT_TRUE(SummaryAt(server).paused) << server;
    EXPECT_EQ(SummaryAt(server).rows, 2) << server;
  }
}

TEST_P(SummaryKeeperOrder, TheLaterOfTwoCallsIsSeenWhicheverServerKeepsItsSummaryLast) {
  StartTwo();
  ASSERT_THAT(TenantAt(0)->Pause("x", now() + 1), IsOk());
  ASSERT_THAT(TenantAt(1)->Resume(now() + 2), IsOk());

  KeepBoth(GetParam());

  EXPECT_FALSE(Kept().paused);
  for (std::size_t server = 0; server < 2; ++server) EXPECT_FALSE(SummaryAt(server).paused) << server;

  // What was in the way once is not any more.
  ASSERT_THAT(TenantAt(0)->Pause("y", now() + 3), IsOk());
  KeepBoth(GetParam());
  for (std::size_t server = 0; server < 2; ++server) EXPECT_TRUE(SummaryAt(server).paused) << server;
}

INSTANTIATE_TEST_SUITE_P(First, SummaryKeeperOrder, testing::Values(0, 1));

TEST_F(SummaryKeeperTest, WhatWasForgottenMeanwhileIsKeptAgain) {
  StartTwo();
  ASSERT_THAT(catalogs_[1]->KeepSummaries({{"Cust", ""}}), IsOk());
  ASSERT_THAT(TenantAt(0)->Pause("x", now() + 1), IsOk());
  keepers_[0]->Keep();
  EXPECT_TRUE(Kept().paused);
}

TEST(SeenSummaryTest, WhatChangedSinceIsNotLostToWhatAnotherServerKept) {
  TenantSummary ours, theirs;
  ours.known = theirs.known = true;
  ours.rows = 1;
  theirs.rows = 2;
  SeenSummary seen;
  seen.Set(ours);
  auto known = seen.Shared();
  seen.NoteRecords(3, 9);
  EXPECT_EQ(seen.TakeOver(theirs, known), nullptr);
  EXPECT_EQ(seen.Get().rows, 3);
  EXPECT_EQ(seen.TakeOver(theirs, known), nullptr) << "it is another one by now";
  EXPECT_EQ(seen.Get().rows, 3);
  known = seen.Shared();
  const auto taken = seen.TakeOver(theirs, known);
  EXPECT_EQ(taken, seen.Shared());
  EXPECT_EQ(seen.Get().rows, 2);
}

}  // namespace
}  // namespace mirror::summary_keeper_test
