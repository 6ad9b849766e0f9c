#include "server/freshness.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "tests/server/tenant_bench.h"
#include "tests/support/mirror_file.h"

// Targets, who is told when they are missed, and the view in which a partner sees it.

namespace mirror {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;
using testing::SizeIs;

const Position kFive{Lsn{5}, "five"}, kTen{Lsn{10}, "ten"};

TEST(FreshnessTargetsTest, TheLastRuleThatFitsCounts) {
  const FreshnessRules rules = {{"*", "*", false, 60'000},
                                {"Cust*", "*", false, 30'000},
                                {"Cust*", "log_*", true, 0},
                                {"Cust1", "log_now", true, 5'000}};
  std::vector<TableRecord> tables(3);
  tables[0].table = "people";
  tables[1].table = "LOG_old";
  tables[2].table = "log_now";
  EXPECT_EQ(TargetsOf(rules, "Other", tables), (FreshnessTargets{60'000, {}}));
  const FreshnessTargets targets = TargetsOf(rules, "Cust1", tables);
  EXPECT_EQ(targets.all_ms, 30'000);
  EXPECT_THAT(targets.tables, ElementsAre(Pair("log_now", 5'000), Pair("log_old", 0)));
  EXPECT_EQ(TargetsOf({}, "Cust1", tables), FreshnessTargets{});
}

class FreshnessWatchTest : public testing::Test {
 protected:
  FreshnessWatchTest() { spdlog::set_level(spdlog::level::off); }

  /// One tenant with these tables.
  void Know(std::vector<TableFreshness> tables) {
    TenantSummary summary;
    summary.freshness = std::move(tables);
    summary_ = std::make_shared<const TenantSummary>(summary);
  }
  void LookAt(std::int64_t now_ms) { watch_.Look({{"Cust", summary_}}, now_ms); }

  RememberingCatalog catalog_;
  Events events_{catalog_};
  FreshnessWatch watch_{events_};
  std::shared_ptr<const TenantSummary> summary_;
};

TEST_F(FreshnessWatchTest, ATableIsToldOnceWhenItIsTooOldAndOnceWhenItIsNot) {
  Know({{"a", 100'000, 60'000}, {"b", 150'000, 60'000}});
  LookAt(160'000);
  EXPECT_THAT(catalog_.Kinds(), IsEmpty()) << "as old as it may be";
  LookAt(160'001);
  EXPECT_EQ(watch_.Missed("Cust"), 1U);
  EXPECT_THAT(catalog_.Messages("freshness.missed"),
              AllOf(HasSubstr("table a"), HasSubstr("mirrorctl tables Cust")));
  for (const std::int64_t later : {161'000, 200'000, 210'000}) LookAt(later);
  EXPECT_THAT(catalog_.Kinds(), SizeIs(1));
  LookAt(210'001);
  EXPECT_EQ(watch_.Missed("Cust"), 2U);
  EXPECT_THAT(catalog_.Kinds(), ElementsAre("freshness.missed", "freshness.missed"));

  Know({{"a", 205'000, 60'000}, {"b", 150'000, 60'000}});
  LookAt(211'000);
  EXPECT_EQ(watch_.Missed("Cust"), 1U);
  EXPECT_EQ(catalog_.Messages("freshness.regained"), "as fresh as the configuration wants again: table a\n");
  LookAt(265'001);
  EXPECT_THAT(catalog_.Kinds(), SizeIs(4)) << "missed once more";
}

TEST_F(FreshnessWatchTest, ATableWithoutATimeCountsFromWhenItsTenantWasSeen) {
  Know({{"a", 0, 60'000}});
  LookAt(1'000'000);
  LookAt(1'060'000);
  EXPECT_EQ(watch_.Missed("Cust"), 0U);
  LookAt(1'060'001);
  EXPECT_EQ(watch_.Missed("Cust"), 1U);
}

TEST_F(FreshnessWatchTest, TablesOfOneLookShareAnEvent) {
  Know({{"a", 1, 1}, {"b", 1, 1}, {"c", 1, 1}});
  LookAt(100);
  EXPECT_THAT(catalog_.Messages("freshness.missed"), HasSubstr("3 tables: "));
}

TEST_F(FreshnessWatchTest, ATenantThatWentIsForgotten) {
  Know({{"a", 1, 1}});
  LookAt(100);
  watch_.Look({}, 200);
  EXPECT_EQ(watch_.Missed("Cust"), 0U);
}

class FreshTenant : public TenantBench {
 protected:
  FreshTenant() : TenantBench(WithTarget()) {}
  static TenantOptions WithTarget() {
    TenantOptions options;
    options.freshness = {{"*", "*", false, 60'000}};
    return options;
  }
  absl::StatusOr<std::vector<TableVerdict>> CompleteAsOf(std::int64_t source_ms) {
    return tenant_->Complete(source_->caller, source_->cycle, {}, source_->now, AllAsOf{source_ms});
  }
  TableInfo Info() { return tenant_->Tables().value().at(0); }
  Cell View(const std::string& column) const {
    return Partner(path()).One("SELECT " + column + " FROM _mirror_freshness WHERE table_name = 'people'");
  }
};

TEST_F(FreshTenant, TheTimeTravelsWithTheCommitAndWithTheEndOfTheCycle) {
  source_->Begin();
  ASSERT_THAT(source_->Announce({People()}), IsOk());
  EXPECT_THAT(source_
                  ->Send(People(), {.rows = {{1, "Ada", 36}},
                                    .populate = PopulateReason::kRequested,
                                    .target = kFive,
                                    .commit = kFive,
                                    .source_ms = 1'600'000'000'000})
                  .status,
              IsOk());
  ASSERT_THAT(source_->Complete(), IsOk());
  EXPECT_EQ(Info().source_ms, 1'600'000'000'000);
  EXPECT_EQ(Info().target_ms, 60'000);
  EXPECT_EQ(View("source_time").bytes, "2020-09-13T12:26:40Z");
  EXPECT_EQ(View("target_seconds").real, 60.0);
  EXPECT_EQ(View("missed").integer, 1);
  EXPECT_EQ(View("age_seconds > 100000000").integer, 1);

  source_->Begin();
  ASSERT_THAT(source_->Announce({People()}), IsOk());
  ASSERT_THAT(CompleteAsOf(1'650'000'000'000), IsOk());
  EXPECT_EQ(Info().source_ms, 1'650'000'000'000) << "quiet, and as of then all the same";
  EXPECT_EQ(tenant_->summary().oldest_source_ms, 1'650'000'000'000);
  EXPECT_THAT(tenant_->summary().freshness, ElementsAre(TableFreshness{"people", 1'650'000'000'000, 60'000}));
}

TEST_F(FreshTenant, WhatTheMirrorRefusedInTheCycleIsNotMadeFreshByTheSourcesWord) {
  source_->Mirror(People(), {{1, "Ada", 36}}, kFive);
  source_->Begin();
  ASSERT_THAT(source_->Announce({People()}), IsOk());
  ASSERT_THAT(CompleteAsOf(1'600'000'000'000), IsOk());
  source_->Begin();
  ASSERT_THAT(source_->Announce({People()}), IsOk());
  EXPECT_FALSE(source_->Send(People(), {.rows = {{2, "Bob", 1}}, .base_lsn = 4, .target = kTen}).status.ok());
  ASSERT_THAT(CompleteAsOf(1'650'000'000'000), IsOk());
  EXPECT_EQ(Info().source_ms, 1'600'000'000'000);
}

TEST_F(FreshTenant, ACycleThatAnnouncedNothingSaysNothingOfTables) {
  source_->Mirror(People(), {{1, "Ada", 36}}, kFive);
  source_->Begin();
  ASSERT_THAT(CompleteAsOf(1'650'000'000'000), IsOk());
  EXPECT_EQ(Info().source_ms, 0);
}

TEST_F(FreshTenant, ASourceWhoseClockIsAheadIsNotFreshTomorrow) {
  source_->Mirror(People(), {{1, "Ada", 36}}, kFive);
  source_->Begin();
  ASSERT_THAT(source_->Announce({People()}), IsOk());
  ASSERT_THAT(CompleteAsOf(source_->now + 86'400'000), IsOk());
  EXPECT_EQ(Info().source_ms, source_->now);
}

TEST_F(FreshTenant, TheFileHasTheTargetsOfTheConfigurationThatOpenedItLast) {
  source_->Mirror(People(), {{1, "Ada", 36}}, kFive);
  EXPECT_EQ(View("target_seconds").real, 60.0);
  EXPECT_EQ(View("missed").integer, 1) << "nobody told a time";
  options_.freshness = {{"*", "peo*", true, 5'000}};
  Restart();
  EXPECT_EQ(Info().target_ms, 5'000);
  EXPECT_EQ(View("target_seconds").real, 5.0);
  options_.freshness.clear();
  Restart();
  EXPECT_EQ(Info().target_ms, 0);
  EXPECT_EQ(View("target_seconds").kind, Kind::kNull);
  EXPECT_EQ(View("missed").integer, 0);
}

TEST_F(FreshTenant, AMirrorOfAnEarlierVersionGetsTheViewWhenItIsOpened) {
  source_->Mirror(People(), {{1, "Ada", 36}}, kFive);
  tenant_.reset();
  for (const char* sql :
       {"DROP VIEW _mirror_freshness", "DROP TABLE _mirror_times", "DROP TABLE _mirror_targets"})
    ByHand(sql);
  Restart();
  EXPECT_EQ(Info().source_ms, 0);
  EXPECT_EQ(View("target_seconds").real, 60.0);
  EXPECT_EQ(View("source_time").kind, Kind::kNull);
}

TEST_F(FreshTenant, AViewOfAnotherVersionIsMadeAnewAndATableOfThatNameIsLeftAlone) {
  source_->Mirror(People(), {{1, "Ada", 36}}, kFive);
  tenant_.reset();
  ByHand("DROP VIEW _mirror_freshness");
  ByHand("CREATE VIEW _mirror_freshness AS SELECT 1 AS x");
  Restart();
  EXPECT_EQ(Info().target_ms, 60'000);
  EXPECT_EQ(View("missed").integer, 1);
  tenant_.reset();
  ByHand("DROP VIEW _mirror_freshness");
  ByHand("CREATE TABLE _mirror_freshness (x)");
  Restart();
  EXPECT_EQ(Info().target_ms, 60'000);
}

}  // namespace
}  // namespace mirror
