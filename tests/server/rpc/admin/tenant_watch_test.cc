#include "server/rpc/admin/tenant_watch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

namespace mirror::tenant_watch_test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class TenantWatchTest : public testing::Test {
 protected:
  static ListedTenant Listed(const std::string& id, std::int64_t cycle = 1) {
    TenantSummary summary;
    summary.known = true;
    summary.cycle = cycle;
    return {.context_id = id, .summary = std::make_shared<const TenantSummary>(summary)};
  }
  std::vector<std::string> Changed() {
    news_ = watch_.Take(tenants_);
    std::vector<std::string> names;
    for (const ListedTenant* const tenant : news_.changed) names.push_back(tenant->context_id);
    return names;
  }

  TenantWatch watch_;
  TenantWatch::News news_;
  std::vector<ListedTenant> tenants_ = {Listed("a"), Listed("b")};
};

TEST_F(TenantWatchTest, AllAreNewsOnce) {
  EXPECT_THAT(Changed(), ElementsAre("a", "b"));
  EXPECT_THAT(Changed(), IsEmpty());
}

TEST_F(TenantWatchTest, WhatIsShownOfATenantIsNewsWhenItChanges) {
  Changed();
  tenants_[1] = Listed("b", 2);
  EXPECT_THAT(Changed(), ElementsAre("b"));
  tenants_[0].late = 1;
  EXPECT_THAT(Changed(), ElementsAre("a"));
  tenants_[0].progress_ms = 5;
  EXPECT_THAT(Changed(), ElementsAre("a"));
  tenants_[1].rows.done = 7;
  EXPECT_THAT(Changed(), ElementsAre("b"));
  tenants_[1].rows.per_second = 7;
  EXPECT_THAT(Changed(), ElementsAre("b"));
  tenants_[0].hub = std::make_shared<const TenantInHub>(TenantInHub{.storage = "Acme", .open = 1});
  EXPECT_THAT(Changed(), ElementsAre("a"));
  tenants_[0].hub = std::make_shared<const TenantInHub>(TenantInHub{.storage = "Acme", .open = 1});
  EXPECT_THAT(Changed(), IsEmpty());
  tenants_[0].hub = std::make_shared<const TenantInHub>(TenantInHub{.storage = "Acme", .suspended_ms = 1});
  EXPECT_THAT(Changed(), ElementsAre("a"));
  tenants_[0].hub = nullptr;
  EXPECT_THAT(Changed(), ElementsAre("a"));
  tenants_[1].deleted = true;
  EXPECT_THAT(Changed(), ElementsAre("b"));
}

TEST_F(TenantWatchTest, TheSameSummaryMadeAnewIsNoNews) {
  Changed();
  tenants_[0] = Listed("a");
  EXPECT_THAT(Changed(), IsEmpty());
}

TEST_F(TenantWatchTest, WhoIsNotThereAnyMoreIsGoneOnceAndNewWhenItComesBack) {
  Changed();
  tenants_.pop_back();
  EXPECT_THAT(Changed(), IsEmpty());
  EXPECT_THAT(news_.gone, ElementsAre("b"));
  Changed();
  EXPECT_THAT(news_.gone, IsEmpty());
  tenants_.push_back(Listed("b"));
  EXPECT_THAT(Changed(), ElementsAre("b"));
}

}  // namespace
}  // namespace mirror::tenant_watch_test
