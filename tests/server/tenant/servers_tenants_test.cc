// Tenants that several servers make, delete and reset.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "server/tenant/backup.h"
#include "tests/server/tenant/servers_bench.h"

namespace mirror::servers_tenants_test {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;
using testing::UnorderedElementsAre;

const Position kServersFive{Lsn{5}, "five"}, kServersTen{Lsn{10}, "ten"};

class ServersTenants : public ServersBench {
 protected:
  std::vector<std::string> Listed(std::size_t server) {
    std::vector<std::string> names;
    for (const Tenants::Seen& seen : TenantsOf(server).AllKnown()) names.push_back(seen.context_id);
    return names;
  }
  void MirrorAt(std::size_t server) { At(server).Mirror(People(), {{1, "Ada", 36}}, kServersFive); }
  static BatchSpec ToTen() {
    return {.rows = {{2, "Grace", 45}}, .base_lsn = 5, .target = kServersTen, .commit = kServersTen};
  }
  /// Both have it open, and a cycle runs.
  void BeginAtBoth() {
    StartServers(2);
    MirrorAt(0);
    At(0).Begin();
    ASSERT_THAT(At(1).Announce({People()}), IsOk());
  }
};

TEST_F(ServersTenants, OneTenantIsMadeByTwoServersAtOnce) {
  StartServers(2);
  std::atomic<int> accepted = 0, busy = 0;
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < 2; ++i) {
    threads.emplace_back([&, i] {
      const auto tenant = TenantsOf(i).FindOrTakeIn(CallerOf("Cust"));
      ASSERT_THAT(tenant, IsOk());
      SourceCalls calls(**tenant, "Cust");
      const auto admission = calls.Authenticate(i == 0 ? "one" : "two");
      ASSERT_THAT(admission, IsOk());
      accepted += admission->accepted ? 1 : 0;
      busy += admission->busy ? 1 : 0;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(accepted, 1);
  EXPECT_EQ(busy, 1);
  EXPECT_EQ(Schemas("Mirror\\_%"), 1);
}

TEST_F(ServersTenants, AnotherServersTenantIsFoundAndListed) {
  StartServers(2);
  EXPECT_THAT(Listed(1), IsEmpty());
  EXPECT_THAT(TenantsOf(1).Find("Cust"), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(TenantsOf(1).Find(CallerOf("Cust")), StatusIs(absl::StatusCode::kPermissionDenied));
  MirrorAt(0);

  EXPECT_THAT(Listed(1), ElementsAre("Cust"));
  EXPECT_THAT(TenantsOf(1).All(), SizeIs(1));
  ASSERT_THAT(TenantsOf(1).Find("cust"), IsOk()) << "an operator need not spell it";
  EXPECT_THAT(TenantsOf(1).Find(CallerOf("cust")), StatusIs(absl::StatusCode::kPermissionDenied));
  EXPECT_THAT(TenantsOf(1).FindOrTakeIn(CallerOf("CUST")), StatusIs(absl::StatusCode::kPermissionDenied));
  EXPECT_THAT(TenantsOf(1).Find(CallerOf("Cust")), IsOk());
}

TEST_F(ServersTenants, ATenantThatAnotherServerDeletedIsGoneAndNotDamaged) {
  BeginAtBoth();
  const std::shared_ptr<Tenant> stale = TenantAt(1);
  ASSERT_THAT(TenantsOf(0).Delete("Cust"), IsOk());

  // Whoever has it open still finds no table any more.
  SourceCalls open(*stale, "Cust");
  open.cycle = At(1).cycle;
  EXPECT_THAT(open.Send(People(), ToTen()).status,
              StatusIs(absl::StatusCode::kAborted, HasSubstr("no longer exists")));
  EXPECT_THAT(stale->Holds(), StatusIs(absl::StatusCode::kNotFound));
  const auto tenant = TenantsOf(1).FindOrTakeIn(CallerOf("Cust"));
  ASSERT_THAT(tenant, IsOk());
  EXPECT_EQ(*tenant, nullptr);
  EXPECT_THAT(TenantsOf(1).Find("Cust"), StatusIs(absl::StatusCode::kNotFound, HasSubstr("was deleted")));
  EXPECT_THAT(Listed(1), IsEmpty());
  EXPECT_THAT(*TenantsOf(1).Deleted(), ElementsAre("Cust"));
  EXPECT_EQ(Schemas("Mirror\\_%"), 0);
  for (const char* const bad : {"mirror.damaged", "mirror.unavailable"})
    EXPECT_THAT(Kinds(), Not(Contains(bad)));

  ASSERT_THAT(TenantsOf(1).Allow("cust"), IsOk());
  EXPECT_THAT(TenantsOf(0).Allow("Cust"), StatusIs(absl::StatusCode::kNotFound));
  MirrorAt(0);
  EXPECT_EQ(RowsNow(), "1 Ada 36");
  At(1).Begin();
  ASSERT_THAT(At(0).Announce({People()}), IsOk());
  EXPECT_THAT(At(1).Send(People(), ToTen()).status, IsOk());
  EXPECT_EQ(RowsNow(), "1 Ada 36; 2 Grace 45");
}

TEST_F(ServersTenants, WhatAnotherServerDeletedAndAllowedIsMadeAnewByTheNextAuthenticate) {
  BeginAtBoth();
  const std::shared_ptr<Tenant> stale = TenantAt(1);
  ASSERT_THAT(TenantsOf(0).Delete("Cust"), IsOk());
  ASSERT_THAT(TenantsOf(0).Allow("Cust"), IsOk());
  SourceCalls open(*stale, "Cust");
  ASSERT_NO_FATAL_FAILURE(open.Begin());
  EXPECT_EQ(open.Announced(People()).position.lsn.value, -1);
}

TEST_F(ServersTenants, WhoseDeletionHasBegunTakesNoRowsAtAnyServer) {
  BeginAtBoth();
  BatchSpec first = ToTen();
  first.commit.reset();
  EXPECT_THAT(At(1).Send(People(), first).status, IsOk());
  ASSERT_THAT(connection_->Execute("CREATE VIEW public.ages AS SELECT age FROM \"Mirror_Cust\".people"),
              IsOk());
  EXPECT_THAT(TenantsOf(0).Delete("Cust"),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("ages")));
  BatchSpec next = first;
  next.seq = 2;
  next.rows = {{3, "Joan", 20}};
  EXPECT_THAT(At(1).Send(People(), next).status, IsOk()) << "nothing was done";

  // As a kill leaves it when the control database has been told.
  ASSERT_THAT(connection_->Execute("UPDATE mirror_control.tenant SET state = 'deleting'; UPDATE "
                                   "\"Mirror_Cust\"._mirror_tenant SET state = 'deleting'"),
              IsOk());
  BatchSpec late = ToTen();
  late.seq = 3;
  EXPECT_FALSE(At(1).Send(People(), late).status.ok());
  EXPECT_EQ(RowsNow("id::text"), "1; 2; 3");
  const absl::StatusOr<std::shared_ptr<Tenant>> tenant = TenantsOf(1).FindOrTakeIn(CallerOf("Cust"));
  ASSERT_THAT(tenant, IsOk());
  EXPECT_EQ(*tenant, nullptr);
  EXPECT_THAT(TenantsOf(1).Allow("Cust"), StatusIs(absl::StatusCode::kFailedPrecondition));
  ASSERT_THAT(connection_->Execute("DROP VIEW public.ages"), IsOk());
  EXPECT_THAT(TenantsOf(1).Delete("Cust"), IsOk()) << "another server ends what one began";
  EXPECT_EQ(Schemas("Mirror\\_%"), 0);
  EXPECT_THAT(*TenantsOf(0).Deleted(), ElementsAre("Cust"));
}

TEST_F(ServersTenants, TwoServersEndOneDeletionAtOnce) {
  StartServers(2);
  MirrorAt(0);
  ASSERT_THAT(servers_[0]->home->BeginDeletion("Cust"), IsOk());
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < 2; ++i) {
    threads.emplace_back([&, i] { EXPECT_THAT(servers_[i]->home->FinishDeletion("Cust"), IsOk()); });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(Schemas("Mirror\\_%"), 0);
  EXPECT_THAT(*TenantsOf(0).Deleted(), ElementsAre("Cust"));
}

TEST_F(ServersTenants, AMirrorThatAnotherServerResetIsTakenUpAgain) {
  BeginAtBoth();
  EXPECT_THAT(At(1).Send(People(), ToTen()).status, IsOk());
  ASSERT_THAT(connection_->Execute("DROP TABLE \"Mirror_Cust\"._mirror_receipts"), IsOk());
  EXPECT_THAT(At(1).Authenticate(), StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_THAT(At(0).Authenticate(), StatusIs(absl::StatusCode::kDataLoss));

  At(0);
  ASSERT_THAT(ResetMirror(TenantsOf(0), tenant(), now(), [] { return true; }), IsOk());

  MirrorAt(1);
  EXPECT_EQ(RowsNow(), "1 Ada 36");
  EXPECT_THAT(Listed(1), ElementsAre("Cust"));
}

TEST_F(ServersTenants, APauseAtAnotherServerOutlivesAReset) {
  BeginAtBoth();
  At(0);
  ASSERT_THAT(tenant().Info(), IsOk());
  At(1);
  ASSERT_THAT(tenant().Pause("for a while", now()), IsOk());
  ASSERT_THAT(connection_->Execute("DROP TABLE \"Mirror_Cust\"._mirror_receipts"), IsOk());
  At(0);
  EXPECT_THAT(tenant().CheckIntegrity(), StatusIs(absl::StatusCode::kDataLoss));
  ASSERT_THAT(ResetMirror(TenantsOf(0), tenant(), now(), [] { return true; }), IsOk());
  const auto admission = At(0).Authenticate();
  ASSERT_THAT(admission, IsOk());
  EXPECT_EQ(admission->reason, "for a while");
}

TEST_F(ServersTenants, WhereALostMirrorIsRestoredItsPauseIsAsItWasToldLast) {
  const ScratchFolder folder;
  const std::string copy = folder.path() + "/copy.db";
  BeginAtBoth();
  At(0);
  ASSERT_THAT(BackupMirror(TenantsOf(0), tenant(), copy, false, [] { return true; }), IsOk());
  const auto is_paused_behind_a_loss = [&] {
    EXPECT_THAT(connection_->Execute("DROP SCHEMA \"Mirror_Cust\" CASCADE"), IsOk());
    EXPECT_THAT(RestoreMirror(TenantsOf(0), "Cust", copy, now()), IsOk());
    return Ask("SELECT count(*) FROM \"Mirror_Cust\"._mirror_tenant WHERE paused");
  };
  // As in an installation, where both have one catalog.
  const auto tell = [&](const char* kind) {
    servers_[0]->events.Add("Cust", Severity::kInformation, kind, "at another server");
  };
  At(0);
  ASSERT_THAT(tenant().Pause("for a while", now()), IsOk());
  At(1);
  ASSERT_THAT(tenant().Resume(now()), IsOk());
  tell("tenant.resumed");
  EXPECT_EQ(is_paused_behind_a_loss(), 0) << "it had ended";

  StartServers(3);
  At(2);
  ASSERT_THAT(tenant().Pause("once more", now()), IsOk());
  tell("tenant.paused");
  EXPECT_EQ(is_paused_behind_a_loss(), 1) << "nobody ended it";
  EXPECT_EQ(is_paused_behind_a_loss(), 1) << "as this server knows by now";
}

TEST_F(ServersTenants, ATenantWhoseStateIsUnknownIsListedWithThatAmongTheOthers) {
  StartServers(2);
  MirrorAt(0);
  const std::shared_ptr<Tenant> other = TenantAt(1, "Other");
  ASSERT_NE(other, nullptr);
  SourceCalls calls(*other, "Other");
  calls.Begin();
  const auto set_state = [this](const std::string& state) {
    ASSERT_THAT(
        connection_->Run("UPDATE mirror_control.tenant SET state = $1 WHERE folded = 'cust'", {state}),
        IsOkAndHolds(1));
  };
  set_state("dreaming");
  for (const std::size_t server : {0U, 1U}) {
    const std::vector<Tenants::Seen> all = TenantsOf(server).AllKnown();
    EXPECT_THAT(all, SizeIs(2));
    for (const Tenants::Seen& seen : all) {
      EXPECT_EQ(seen.unreadable.empty(), seen.context_id == "Other");
      EXPECT_THAT(seen.unreadable, seen.context_id == "Other" ? HasSubstr("") : HasSubstr("'dreaming'"));
    }
    EXPECT_THAT(TenantsOf(server).Deleted(), IsOkAndHolds(IsEmpty()));
    EXPECT_THAT(TenantsOf(server).Find("Other"), IsOk());
  }
  EXPECT_THAT(Kinds(), Not(Contains("mirror.lost")));
  set_state("serving");
  for (const Tenants::Seen& seen : TenantsOf(1).AllKnown()) EXPECT_EQ(seen.unreadable, "");
}

TEST_F(ServersTenants, ASpellingThatOnlyLookedKeepsNobodyOut) {
  StartServers(2);
  const auto probed = TenantsOf(1).FindOrTakeIn(CallerOf("CUST"));
  ASSERT_THAT(probed, IsOk());
  MirrorAt(0);
  EXPECT_THAT(TenantsOf(1).FindOrTakeIn(CallerOf("Cust")), IsOk());
  EXPECT_THAT(Listed(1), UnorderedElementsAre("Cust"));
}

}  // namespace
}  // namespace mirror::servers_tenants_test
