#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "server/storages/storages.h"
#include "server/store/catalog/sqlite_catalog.h"
#include "server/store/sqlite/sqlite_home.h"
#include "server/tenant/summary_keeper.h"
#include "tests/server/tenant/tenant_bench.h"

// Lists of storages, which are made of what the catalog kept.

namespace mirror::storage_list_test {
namespace {

using testing::ElementsAre;

/// A server that is killed and started.
class StorageListTest : public testing::Test {
 protected:
  StorageListTest() {
    spdlog::set_level(spdlog::level::off);
    Start();
  }
  void Start() {
    storages_.reset();
    keeper_.reset();
    tenants_.reset();
    home_.reset();
    events_.reset();
    catalog_.reset();
    auto catalog = OpenSqliteCatalog(catalog_folder_.path());
    ASSERT_THAT(catalog.status(), IsOk());
    catalog_ = *std::move(catalog);
    events_ = std::make_unique<Events>(*catalog_);
    auto home = OpenSqliteHome(folder_.path(), {});
    ASSERT_THAT(home, IsOk());
    home_ = *std::move(home);
    TenantsOptions options;
    options.tenant.forget_summary = [this](const std::string& context_id) {
      EXPECT_THAT(catalog_->KeepSummaries({{context_id, ""}}), IsOk());
    };
    auto tenants = Tenants::Open(*home_, options, *events_);
    ASSERT_THAT(tenants, IsOk());
    tenants_ = *std::move(tenants);
    keeper_ = std::make_unique<SummaryKeeper>(*catalog_, *tenants_);
    keeper_->Restore();
    storages_ = std::make_unique<Storages>(*tenants_, *events_);
  }
  void MakeStorage(const std::string& name, const std::string& id = "") {
    ASSERT_THAT(storages_->Create(name, id, 1), IsOk());
  }
  void MakeTenantOfCycles(const std::string& context_id) {
    const auto tenant =
        tenants_->FindOrTakeIn({.context_id = context_id, .issuer = "issuer", .environment = "prod"});
    ASSERT_THAT(tenant, IsOk());
    SourceCalls(**tenant, context_id).Mirror(People(), {{1, "Ada", 36}}, {Lsn{5}, "five"});
  }
  Storages::Page Page(const std::string& after = "", std::size_t limit = 100) {
    const auto page = storages_->List(after, limit, [](const std::string&) { return true; });
    EXPECT_THAT(page.status(), IsOk());
    return page.ok() ? *page : Storages::Page{};
  }
  static std::vector<std::string> Names(const Storages::Page& page) {
    std::vector<std::string> names;
    for (const StorageInfo& storage : page.storages) names.push_back(storage.id + " " + storage.name);
    return names;
  }

  ScratchFolder folder_, catalog_folder_;
  std::unique_ptr<Catalog> catalog_;
  std::unique_ptr<Events> events_;
  std::unique_ptr<StoreHome> home_;
  std::unique_ptr<Tenants> tenants_;
  std::unique_ptr<SummaryKeeper> keeper_;
  std::unique_ptr<Storages> storages_;
};

TEST_F(StorageListTest, BehindARestartItOpensNoMirror) {
  MakeStorage("First one", "b");
  MakeStorage("c");
  MakeStorage("Third", "A");
  ASSERT_THAT(storages_->AddSource("b", {.id = "crm"}, 1), IsOk());
  MakeTenantOfCycles("Cust");
  keeper_->Keep();
  Start();
  Storages::Page page = Page("", 2);
  EXPECT_THAT(Names(page), ElementsAre("A Third", "b First one"));
  EXPECT_EQ(page.total, 4U);
  EXPECT_FALSE(page.is_last);
  page = Page("b");
  EXPECT_THAT(Names(page), ElementsAre("c c", "Cust Cust"));
  EXPECT_TRUE(page.is_last);
  EXPECT_EQ(tenants_->open_count(), 0U);
}

TEST_F(StorageListTest, WhatTheCatalogLacksIsLookedAt) {
  MakeStorage("Named", "a");
  MakeTenantOfCycles("Cust");
  Start();
  EXPECT_THAT(Names(Page()), ElementsAre("a Named", "Cust Cust"));
}

TEST_F(StorageListTest, AKillBehindAChangeLeavesNothingInItThatIsNotSo) {
  MakeStorage("a");
  MakeTenantOfCycles("Cust");
  keeper_->Keep();
  const DataSource source{.id = "erp", .door = Door::kCycles, .tenant = "Cust"};
  ASSERT_THAT(storages_->AddSource("a", source, 1), IsOk());
  Start();
  EXPECT_THAT(Names(Page()), ElementsAre("a a"));
  keeper_->Keep();
  ASSERT_THAT(storages_->DeleteSource("a", "erp", 1), IsOk());
  Start();
  EXPECT_THAT(Names(Page()), ElementsAre("a a", "Cust Cust"));
  ASSERT_THAT(storages_->Delete("a", 1), IsOk());
  Start();
  EXPECT_THAT(Names(Page()), ElementsAre("Cust Cust"));
}

}  // namespace
}  // namespace mirror::storage_list_test
