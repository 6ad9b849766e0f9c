#include "server/journal/journal_rules.h"

#include <gtest/gtest.h>

namespace mirror::journal_rules_test {
namespace {

TEST(JournalRulesTest, NoFormerVersionsOfTheLedgerAreKept) {
  JournalConfig config;
  config.rules.push_back({.history = true});
  const JournalRules rules(config, "Cust");
  EXPECT_TRUE(rules.Of("contact").history);
  EXPECT_TRUE(rules.Of("contact").journal);
  EXPECT_FALSE(rules.Of("_mirror_ledger").history);
  EXPECT_TRUE(rules.Of("_mirror_ledger").journal);
}

}  // namespace
}  // namespace mirror::journal_rules_test
