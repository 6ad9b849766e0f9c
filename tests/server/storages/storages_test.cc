#include "server/storages/storages.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <string>

#include "server/store/sqlite/sqlite_home.h"
#include "tests/server/tenant/tenant_bench.h"

namespace mirror {
namespace {

constexpr std::int64_t kNow = 1'700'000'000'000;

class StoragesTest : public testing::Test {
 protected:
  void SetUp() override {
    spdlog::set_level(spdlog::level::off);
    absl::StatusOr<std::unique_ptr<StoreHome>> home = OpenSqliteHome(folder_.path(), SqliteOptions{});
    ASSERT_THAT(home, IsOk());
    home_ = *std::move(home);
    absl::StatusOr<std::unique_ptr<Tenants>> tenants = Tenants::Open(*home_, TenantsOptions{}, events_);
    ASSERT_THAT(tenants, IsOk());
    tenants_ = *std::move(tenants);
    storages_ = std::make_unique<Storages>(*tenants_, events_);
  }

  std::string NameOf(const std::string& source) {
    const absl::StatusOr<DataSource> found = storages_->FindSource("Acme", source);
    return found.ok() ? found->name : std::string(found.status().message());
  }

  ScratchFolder folder_;
  RememberingCatalog catalog_;
  Events events_{catalog_};
  std::unique_ptr<StoreHome> home_;
  std::unique_ptr<Tenants> tenants_;
  std::unique_ptr<Storages> storages_;
};

TEST_F(StoragesTest, WhatChangesIsKnownAtOnce) {
  ASSERT_THAT(storages_->Create("Acme", "", kNow), IsOk());
  EXPECT_EQ(NameOf(""), "default");
  ASSERT_THAT(storages_->AddSource("Acme", {.id = "crm", .name = "One"}, kNow), IsOk());
  EXPECT_EQ(NameOf("crm"), "One");
  ASSERT_THAT(storages_->ChangeSource("Acme", "crm", "Two", "", kNow), IsOk());
  EXPECT_EQ(NameOf("crm"), "Two");
  EXPECT_EQ(NameOf("One"), "storage 'Acme' has no data source 'One'. Nothing was done.");
  ASSERT_THAT(
      storages_->PutMapper("Acme", *RecordMapper::Make("m1", {{"KDNR", "externalId"}}, true), true, kNow),
      IsOk());
  ASSERT_THAT(storages_->ChangeSource("Acme", "default", "", "m1", kNow), IsOk());
  EXPECT_EQ(storages_->FindSource("Acme", "")->mapper, "m1");
  ASSERT_THAT(storages_->DeleteSource("Acme", "crm", kNow), IsOk());
  EXPECT_EQ(NameOf("crm"), "storage 'Acme' has no data source 'crm'. Nothing was done.");
}

TEST_F(StoragesTest, AStorageMadeAnewHasNothingOfTheFormerOne) {
  ASSERT_THAT(storages_->Create("Acme", "", kNow), IsOk());
  ASSERT_THAT(storages_->AddSource("Acme", {.id = "crm", .name = "One"}, kNow), IsOk());
  EXPECT_EQ(NameOf("crm"), "One");
  ASSERT_THAT(storages_->Delete("Acme", kNow), IsOk());
  EXPECT_THAT(storages_->FindSource("Acme", ""), StatusIs(absl::StatusCode::kNotFound));
  ASSERT_THAT(storages_->Create("Acme Inc.", "Acme", kNow), IsOk());
  EXPECT_EQ(storages_->Find("Acme")->name, "Acme Inc.");
  EXPECT_EQ(NameOf("crm"), "storage 'Acme' has no data source 'crm'. Nothing was done.");
}

TEST_F(StoragesTest, AnOperatorsDeletionIsKnownAtOnce) {
  ASSERT_THAT(storages_->Create("Acme", "", kNow), IsOk());
  EXPECT_EQ(NameOf(""), "default");
  ASSERT_THAT(tenants_->Delete("Acme"), IsOk());
  EXPECT_THAT(storages_->FindSource("Acme", ""), StatusIs(absl::StatusCode::kNotFound));
  ASSERT_THAT(tenants_->Allow("Acme"), IsOk());
  ASSERT_THAT(storages_->Create("Other name", "Acme", kNow), IsOk());
  EXPECT_EQ(storages_->Find("Acme")->name, "Other name");
}

/// A file that is put in the mirror's place, as a restore does, brings the storage that it has.
TEST_F(StoragesTest, ARestoredStorageHasItsOwnSources) {
  ASSERT_THAT(storages_->Create("Acme", "", kNow), IsOk());
  ASSERT_THAT(storages_->AddSource("Acme", {.id = "crm", .name = "One"}, kNow), IsOk());
  const absl::StatusOr<std::shared_ptr<Tenant>> root = tenants_->Find("Acme");
  ASSERT_THAT(root, IsOk());
  ASSERT_TRUE((*root)->CloseIfIdle());
  const std::string file = SqlitePath(folder_.path(), "Acme"), copy = folder_.path() + "/copy";
  std::filesystem::copy_file(file, copy);
  ASSERT_THAT(storages_->ChangeSource("Acme", "crm", "Two", "", kNow), IsOk());
  EXPECT_EQ(NameOf("crm"), "Two");
  ASSERT_TRUE((*root)->CloseIfIdle());
  std::filesystem::copy_file(copy, file, std::filesystem::copy_options::overwrite_existing);
  EXPECT_EQ(NameOf("crm"), "One");
}

}  // namespace
}  // namespace mirror
