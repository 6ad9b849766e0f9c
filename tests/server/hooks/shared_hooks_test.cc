// Hooks of several servers that have the same mirrors.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/hooks/delivery/hook_runner.h"
#include "server/jobs/fleet.h"
#include "server/store/postgres/place/postgres_catalog.h"
#include "server/tenant/tenants.h"
#include "tests/server/store/postgres/placed_homes.h"
#include "tests/server/tenant/tenant_bench.h"

namespace mirror::shared_hooks_test {
namespace {

using testing::ElementsAreArray;
using testing::IsEmpty;

const Position kFive{Lsn{5}, "five"};

class HeardCycles final : public MirrorHooks {
 public:
  absl::Status Completed(const HookCycle& cycle, const std::vector<HookCounts>& /*tables*/) override {
    const std::lock_guard lock(mutex_);
    heard_.push_back(cycle.cycle);
    return absl::OkStatus();
  }
  std::vector<std::int64_t> All() {
    const std::lock_guard lock(mutex_);
    return heard_;
  }

 private:
  std::mutex mutex_;
  std::vector<std::int64_t> heard_;
};

class SharedHooksTest : public PlacedHomesTest {
 protected:
  /// What of a server hooks need.
  struct One {
    RememberingCatalog catalog;
    Events events{catalog};
    std::shared_ptr<HeardCycles> heard = std::make_shared<HeardCycles>();
    std::shared_ptr<PostgresControl> control;
    std::unique_ptr<HookCursor> cursor;
    std::unique_ptr<StoreHome> home;
    std::unique_ptr<Fleet> fleet;
    std::unique_ptr<HookRunner> hooks;
    std::unique_ptr<Tenants> tenants;
    ~One() {
      fleet->Stop();
      hooks->Stop();
    }

    void Start() {
      fleet->Start({.begin = [this] { hooks->Start(*tenants, *cursor); },
                    .end = [this] { hooks->Stop(); },
                    .wake = [this](const std::string& context_id) { hooks->WakeHere(context_id); },
                    .wake_events = [this] { hooks->WakeEvents(); }});
    }
    /// A cycle whose calls come to this server; gives its number.
    std::int64_t Cycle(std::int64_t now_ms) {
      const auto tenant =
          tenants->FindOrTakeIn({.context_id = "Cust", .issuer = "issuer", .environment = "prod"});
      EXPECT_THAT(tenant.status(), IsOk());
      if (!tenant.ok()) return 0;
      SourceCalls source(**tenant, "Cust");
      source.now = now_ms;
      source.Mirror(People(), {{1, "Ada", 36}}, kFive);
      return source.cycle;
    }
  };

  std::unique_ptr<One> Server(const std::string& host) {
    auto one = std::make_unique<One>();
    one->home = OpenHome();
    one->control = control_;
    one->cursor = MakeHookCursor(control_);
    one->hooks = std::make_unique<HookRunner>(
        HooksConfig{}, one->heard, [](const std::string&) { return std::string(); }, one->events);
    FleetOptions options;
    options.host = host;
    options.beat = std::chrono::milliseconds(50);
    options.look = std::chrono::milliseconds(20);
    one->fleet = std::make_unique<Fleet>(control_, options, one->events);
    one->hooks->Share({.is_here = [fleet = one->fleet.get()] { return fleet->Holds(Duty::kHooks); },
                       .waits = [fleet = one->fleet.get()](const std::string& id) { fleet->HookWaits(id); },
                       .search = std::chrono::milliseconds(50)});
    TenantsOptions tenants;
    tenants.tenant.hooks = &one->hooks->book();
    auto opened = Tenants::Open(*one->home, tenants, one->events);
    EXPECT_THAT(opened.status(), IsOk());
    one->tenants = *std::move(opened);
    return one;
  }
  static bool Comes(const std::function<bool()>& it) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (!it() && std::chrono::steady_clock::now() < end)
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    return it();
  }
};

TEST_F(SharedHooksTest, EachNotificationIsDeliveredByOneServerWhoeverCommittedIt) {
  FillSecondPlace();
  ASSERT_NE(Make("Cust"), nullptr);
  const auto first = Server("db1"), second = Server("db2");
  first->Start();
  ASSERT_TRUE(Comes([&] { return first->fleet->Holds(Duty::kHooks); }));
  second->Start();
  std::vector<std::int64_t> cycles;
  std::int64_t now_ms = 1'700'000'000'000;
  for (int i = 0; i < 6; ++i) {
    cycles.push_back((i % 2 == 0 ? first : second)->Cycle(now_ms));
    now_ms += 10'000;
  }
  EXPECT_TRUE(Comes([&] { return first->heard->All().size() == cycles.size(); }));
  EXPECT_THAT(first->heard->All(), ElementsAreArray(cycles));
  EXPECT_THAT(second->heard->All(), IsEmpty());

  // What is delivered and not noted as that yet is delivered once more by whoever comes next.
  ASSERT_TRUE(Comes([&] { return Ask("SELECT count(*) FROM \"Mirror_Cust\"._mirror_hooks") == 0; }));
  first->fleet->Stop();
  ASSERT_TRUE(Comes([&] { return second->fleet->Holds(Duty::kHooks); }));
  std::vector<std::int64_t> later;
  for (int i = 0; i < 2; ++i) {
    later.push_back((i % 2 == 0 ? first : second)->Cycle(now_ms));
    now_ms += 10'000;
  }
  EXPECT_TRUE(Comes([&] { return second->heard->All().size() == later.size(); }));
  EXPECT_THAT(second->heard->All(), ElementsAreArray(later));
  EXPECT_THAT(first->heard->All(), ElementsAreArray(cycles)) << "none again";
}

TEST_F(SharedHooksTest, WhatWaitsWhenADutyIsTakenIsDeliveredAlthoughNobodyTold) {
  ASSERT_NE(Make("Cust"), nullptr);
  const auto first = Server("db1"), second = Server("db2");
  // As of a server that was killed behind its commit.
  const std::int64_t cycle = first->Cycle(1'700'000'000'000);
  second->Start();
  EXPECT_TRUE(Comes([&] { return second->heard->All() == std::vector<std::int64_t>{cycle}; }));
  EXPECT_THAT(first->heard->All(), IsEmpty());
}

TEST_F(SharedHooksTest, WhatAServerCommitsAndIsKilledBeforeItTellsIsFound) {
  ASSERT_NE(Make("Cust"), nullptr);
  const auto first = Server("db1"), second = Server("db2");
  second->Start();
  ASSERT_TRUE(Comes([&] { return second->fleet->Holds(Duty::kHooks); }));
  const std::int64_t cycle = first->Cycle(1'700'000'000'000);
  EXPECT_TRUE(Comes([&] { return second->heard->All() == std::vector<std::int64_t>{cycle}; }));
  EXPECT_TRUE(Comes([&] {
    const auto waiting = second->home->FindWithHooks();
    return waiting.ok() && waiting->empty();
  }));
  EXPECT_THAT(first->heard->All(), IsEmpty());
}

}  // namespace
}  // namespace mirror::shared_hooks_test
