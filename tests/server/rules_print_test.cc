#include "server/rules_print.h"

#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <set>
#include <string>
#include <vector>

#include "server/store/postgres/place/server_rows.h"

namespace mirror::rules_print_test {
namespace {

constexpr char kApplicationKey[] = "0123";

TEST(RulesPrintTest, EachRuleThatServersShareMakesAnotherOne) {
  const std::vector<std::function<void(ServerConfig&)>> changes = {
      [](ServerConfig&) {},
      [](ServerConfig& config) { config.application.id = "another"; },
      [](ServerConfig& config) { config.data.automatic_provisioning = false; },
      [](ServerConfig& config) { config.postgres.replicated = false; },
      [](ServerConfig& config) { config.data.drop_grace = std::chrono::seconds(1); },
      [](ServerConfig& config) { config.limits.cycle_idle = std::chrono::seconds(61); },
      [](ServerConfig& config) { config.columns.blocks.push_back({.leave_out = {"a"}, .hash = {"b"}}); },
      [](ServerConfig& config) {
        config.columns.blocks.push_back({.leave_out = {"a", "b"}});
      },
      [](ServerConfig& config) {
        config.columns.blocks.push_back({.hash = {"a", "b"}});
      },
      [](ServerConfig& config) { config.breaker.limits.rows_min = 7; },
      [](ServerConfig& config) { config.breaker.rules.push_back({.rows_min = 7}); },
      [](ServerConfig& config) { config.breaker.rules.push_back({.tables_min = 7}); },
      [](ServerConfig& config) { config.freshness.push_back({.target_ms = 7}); },
      [](ServerConfig& config) { config.receipts.on = false; },
      [](ServerConfig& config) { config.receipts.tenants.push_back({.on = false}); },
      [](ServerConfig& config) { config.hooks.hooks.push_back({.on = {"completed"}, .url = "u"}); },
      [](ServerConfig& config) { config.hubs.push_back({.storage = "Acme"}); },
      [](ServerConfig& config) { config.hubs.push_back({.storage = "Acme", .data_sources = {"crm"}}); },
  };
  std::set<std::string> prints;
  for (const auto& change : changes) {
    ServerConfig config;
    change(config);
    EXPECT_EQ(RulesPrint(config, kApplicationKey).size(), 16U);
    prints.insert(RulesPrint(config, kApplicationKey));
  }
  EXPECT_EQ(prints.size(), changes.size());
}

TEST(RulesPrintTest, ItsFirstDigitsTellHowColumnsAreSet) {
  ServerConfig config, breaker, columns;
  breaker.breaker.limits.rows_min = 7;
  columns.columns.blocks.push_back({.hash = {"a"}});
  const auto first = [](const ServerConfig& of) {
    return RulesPrint(of, kApplicationKey).substr(0, kColumnRulesDigits);
  };
  EXPECT_EQ(first(breaker), first(config));
  EXPECT_NE(first(columns), first(config));
}

TEST(RulesPrintTest, AnotherKeyOfTheApplicationIsAnotherRuleAndNoneOfColumns) {
  const ServerConfig config;
  const std::string print = RulesPrint(config, kApplicationKey), other = RulesPrint(config, "4567");
  EXPECT_NE(print, other);
  EXPECT_EQ(print.substr(0, kColumnRulesDigits), other.substr(0, kColumnRulesDigits))
      << "the older of two agrees on tables meanwhile";
}

TEST(RulesPrintTest, WhatIsOneServersAloneMakesNoDifference) {
  ServerConfig config, other;
  other.file = "other.toml";
  other.listen.port = 1;
  other.admin.port = 2;
  other.data.dir = "elsewhere";
  other.metrics.enabled = false;
  other.columns.hash_key = "elsewhere/hash.key";
  other.application.key = "elsewhere/application.key";
  other.application.key_id = "elsewhere";
  other.postgres.passfile = "elsewhere/pgpass";
  EXPECT_EQ(RulesPrint(config, kApplicationKey), RulesPrint(other, kApplicationKey));
}

}  // namespace
}  // namespace mirror::rules_print_test
