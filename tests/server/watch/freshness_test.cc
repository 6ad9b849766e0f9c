#include "server/watch/freshness.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/plan/freshness_plan.h"
#include "tests/server/tenant/tenant_bench.h"
#include "tests/support/mirror_file.h"

// Targets, who is told when they are missed, and the view in which a partner sees it.

namespace mirror::freshness_test {
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
  const std::vector<std::string> tables = {"people", "LOG_old", "log_now"};
  EXPECT_EQ(TargetsOf(rules, "Other", tables), (FreshnessTargets{60'000, {}}));
  const FreshnessTargets targets = TargetsOf(rules, "Cust1", tables);
  EXPECT_EQ(targets.all_ms, 30'000);
  EXPECT_THAT(targets.tables, ElementsAre(Pair("log_now", 5'000), Pair("log_old", 0)));
  EXPECT_EQ(TargetsOf({}, "Cust1", tables), FreshnessTargets{});
}

class FreshnessWatchTest : public testing::Test {
 protected:
  FreshnessWatchTest() { spdlog::set_level(spdlog::level::off); }

  using Times = std::vector<std::pair<std::string, std::optional<std::int64_t>>>;
  static TenantSummary SummaryOf(const Times& times) {
    TenantSummary summary;
    for (const auto& [table, source_ms] : times) {
      summary.table_names.push_back(table);
      summary.freshness.tables[table] = source_ms;
    }
    return summary;
  }
  /// One tenant with these tables.
  void Know(const Times& times) { Know(SummaryOf(times)); }
  void Know(const TenantSummary& summary) { summary_ = std::make_shared<const TenantSummary>(summary); }
  void LookAt(std::int64_t now_ms) { watch_->Look({{"Cust", summary_}}, now_ms); }
  /// As if the server had been started anew with these.
  void Restart(const FreshnessRules& rules) { watch_ = std::make_unique<FreshnessWatch>(rules, events_); }

  RememberingCatalog catalog_;
  Events events_{catalog_};
  std::unique_ptr<FreshnessWatch> watch_ =
      std::make_unique<FreshnessWatch>(FreshnessRules{{"*", "*", false, 60'000}}, events_);
  std::shared_ptr<const TenantSummary> summary_;
};

TEST_F(FreshnessWatchTest, ATableIsToldOnceWhenItIsTooOldAndOnceWhenItIsNot) {
  Know({{"a", 100'000}, {"b", 150'000}});
  LookAt(160'000);
  EXPECT_THAT(catalog_.Kinds(), IsEmpty()) << "as old as it may be";
  LookAt(160'001);
  EXPECT_EQ(watch_->Missed("Cust"), 1U);
  EXPECT_THAT(catalog_.Messages("freshness.missed"),
              AllOf(HasSubstr("table a"), HasSubstr("mirrorctl tables Cust")));
  for (const std::int64_t later : {161'000, 200'000, 210'000}) LookAt(later);
  EXPECT_THAT(catalog_.Kinds(), SizeIs(1));
  LookAt(210'001);
  EXPECT_EQ(watch_->Missed("Cust"), 2U);
  EXPECT_THAT(catalog_.Kinds(), ElementsAre("freshness.missed", "freshness.missed"));

  Know({{"a", 205'000}, {"b", 150'000}});
  LookAt(211'000);
  EXPECT_EQ(watch_->Missed("Cust"), 1U);
  EXPECT_EQ(catalog_.Messages("freshness.regained"), "as fresh as the configuration wants again: table a\n");
  LookAt(265'001);
  EXPECT_THAT(catalog_.Kinds(), SizeIs(4)) << "missed once more";
}

TEST_F(FreshnessWatchTest, ATableWithoutATimeCountsFromWhenItsTenantWasSeen) {
  Know({{"a", std::nullopt}});
  LookAt(1'000'000);
  LookAt(1'060'000);
  EXPECT_EQ(watch_->Missed("Cust"), 0U);
  LookAt(1'060'001);
  EXPECT_EQ(watch_->Missed("Cust"), 1U);
}

TEST_F(FreshnessWatchTest, WhereAnotherServerTellsItIsKnownAndToldByWhoTakesThatOver) {
  Know({{"a", 100'000}});
  watch_->Look({{"Cust", summary_}}, 170'000, false);
  EXPECT_EQ(watch_->Missed("Cust"), 1U);
  EXPECT_THAT(catalog_.Kinds(), IsEmpty());
  LookAt(171'000);
  LookAt(172'000);
  EXPECT_THAT(catalog_.Kinds(), ElementsAre("freshness.missed"));
  watch_->Look({{"Cust", summary_}}, 173'000, false);
  LookAt(174'000);
  EXPECT_THAT(catalog_.Kinds(), ElementsAre("freshness.missed", "freshness.missed"));
}

TEST_F(FreshnessWatchTest, TablesOfOneLookShareAnEvent) {
  Know({{"a", 1}, {"b", 1}, {"c", 1}});
  LookAt(100'000);
  EXPECT_THAT(catalog_.Messages("freshness.missed"), HasSubstr("3 tables: "));
}

TEST_F(FreshnessWatchTest, ATenantThatWentIsForgotten) {
  Know({{"a", 1}});
  LookAt(100'000);
  watch_->Look({}, 200'000);
  EXPECT_EQ(watch_->Missed("Cust"), 0U);
}

TEST_F(FreshnessWatchTest, ANewTargetCountsForATenantOfWhichNothingIsHeard) {
  Restart({});
  TenantSummary summary;
  summary.known = true;
  summary.table_names = {"a", "b"};
  summary.freshness.all_ms = 100'000;
  summary.freshness.tables["b"] = 190'000;
  // As the catalog has it: its file is opened for none of this.
  Know(UnpackSummary(PackSummary(summary)).value());
  LookAt(200'000);
  EXPECT_EQ(watch_->Missed("Cust"), 0U) << "no target";
  Restart({{"*", "*", false, 60'000}});
  LookAt(200'000);
  EXPECT_EQ(watch_->Missed("Cust"), 1U);
  EXPECT_THAT(catalog_.Messages("freshness.missed"), HasSubstr("table a."));
  Restart({{"*", "*", false, 60'000}, {"*", "a", true, 0}});
  LookAt(201'000);
  EXPECT_EQ(watch_->Missed("Cust"), 0U) << "the target was taken away";
}

TEST_F(FreshnessWatchTest, ATableThatGoesWhileItIsMissedIsToldToBeWatchedNoMore) {
  Know({{"a", 1}, {"b", 1}});
  LookAt(100'000);
  Know({{"b", 1}});
  LookAt(101'000);
  EXPECT_EQ(watch_->Missed("Cust"), 1U);
  EXPECT_THAT(catalog_.Kinds(), ElementsAre("freshness.missed", "freshness.ended"));
  EXPECT_THAT(catalog_.Messages("freshness.ended"), HasSubstr("table a\n"));
}

TEST_F(FreshnessWatchTest, APausedOrDamagedTenantSaysSoInPlaceOfItsAgent) {
  TenantSummary summary = SummaryOf({{"a", 1}});
  summary.paused = true;
  Know(summary);
  LookAt(100'000);
  EXPECT_THAT(catalog_.Messages("freshness.missed"),
              AllOf(HasSubstr("mirrorctl resume Cust"), testing::Not(HasSubstr("agent"))));
  summary = SummaryOf({{"a", 1}, {"b", 1}});
  summary.quarantined = true;
  Know(summary);
  LookAt(101'000);
  EXPECT_THAT(catalog_.Messages("freshness.missed"), HasSubstr("mirror.damaged"));
}

TEST_F(FreshnessWatchTest, AClockThatIsSetBackIsBelieved) {
  Know({{"a", 1'000'000}, {"b", std::nullopt}});
  LookAt(9'000'000);
  LookAt(9'060'001);
  EXPECT_EQ(watch_->Missed("Cust"), 2U);
  LookAt(1'000'000);
  EXPECT_EQ(watch_->Missed("Cust"), 0U);
  LookAt(1'060'001);
  EXPECT_EQ(watch_->Missed("Cust"), 2U) << "what is not known counts from the earliest time that was seen";
}

TEST_F(FreshnessWatchTest, AnOutageOfManyTenantsIsOneEvent) {
  Know({{"a", 1'000'000}});
  std::vector<FreshnessWatch::Seen> all;
  for (std::size_t i = 0; i <= kFreshnessToldMax; ++i) all.push_back({absl::StrCat("Cust", i), summary_});
  watch_->Look(all, 1'060'001);
  EXPECT_EQ(watch_->Missed("Cust20"), 1U);
  EXPECT_THAT(catalog_.Kinds(), ElementsAre("freshness.missed"));
  EXPECT_THAT(catalog_.Messages("freshness.missed"), AllOf(HasSubstr("21 tenants"), HasSubstr("Cust0")));
  Know({{"a", 1'060'000}});
  for (FreshnessWatch::Seen& seen : all) seen.summary = summary_;
  all.pop_back();
  watch_->Look(all, 1'061'000);
  EXPECT_EQ(catalog_.Kinds().size(), 1U + kFreshnessToldMax) << "so many are told each";
}

TEST_F(FreshnessWatchTest, WhoAsksDoesNotWaitForTheEventsToBeWritten) {
  Know({{"a", 1}});
  std::size_t seen = 0;
  events_.Listen([&](const EventRecord&) {
    // In the thread that tells: with the watch's lock held this would never return.
    seen = std::async(std::launch::async, [&] { return watch_->Missed("Cust"); }).get();
  });
  LookAt(100'000);
  EXPECT_EQ(seen, 1U);
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
  EXPECT_THAT(tenant_->summary().table_names, ElementsAre("people"));
  EXPECT_EQ(TimeOf(tenant_->summary().freshness, "people"), 1'650'000'000'000);
}

TEST_F(FreshTenant, WhatACommitSaysIsKnownBeforeTheCycleEnds) {
  source_->Mirror(People(), {{1, "Ada", 36}}, kFive);
  source_->Begin();
  ASSERT_THAT(source_->Announce({People()}), IsOk());
  EXPECT_EQ(tenant_->shared_summary()->oldest_source_ms, 0);
  EXPECT_THAT(source_
                  ->Send(People(), {.rows = {{2, "Bob", 1}},
                                    .base_lsn = 5,
                                    .target = kTen,
                                    .commit = kTen,
                                    .source_ms = 1'650'000'000'000})
                  .status,
              IsOk());
  const std::shared_ptr<const TenantSummary> summary = tenant_->shared_summary();
  EXPECT_EQ(summary->oldest_source_ms, 1'650'000'000'000);
  EXPECT_EQ(TimeOf(summary->freshness, "people"), 1'650'000'000'000);
  EXPECT_EQ(tenant_->shared_summary(), summary) << "the same until something is said";
}

TEST_F(FreshTenant, ADatabaseThatIsNotTheBelievedOneMakesNothingFresh) {
  source_->Mirror(People(), {{1, "Ada", 36}}, kFive);
  source_->Begin();
  ASSERT_THAT(source_->Announce({People()}), IsOk());
  ASSERT_THAT(CompleteAsOf(1'600'000'000'000), IsOk());
  // A copy, or quite another database: it does not even have the table.
  TableSchema others = People();
  others.name = "others";
  for (const std::vector<TableSchema>& announced : {std::vector{others}, std::vector{People(), others}}) {
    source_->source_id = "a copy";
    source_->Begin();
    ASSERT_THAT(source_->Announce(announced), IsOk());
    ASSERT_THAT(source_->Announce(announced), IsOk()) << "a repetition";
    ASSERT_THAT(CompleteAsOf(1'650'000'000'000), IsOk());
    EXPECT_EQ(Info().source_ms, 1'600'000'000'000);
  }
  source_->source_id = "source";
  source_->Begin();
  ASSERT_THAT(source_->Announce({People()}), IsOk());
  ASSERT_THAT(CompleteAsOf(1'650'000'000'000), IsOk());
  EXPECT_EQ(Info().source_ms, 1'650'000'000'000);
}

TEST_F(FreshTenant, ATableThatIsHeldBecauseItIsNotAnnouncedAnyMoreIsNotMadeFresh) {
  options_.breaker.limits.rows_min = 1;
  Restart();
  std::vector<TableSchema> all;
  for (const char* name : {"people", "second", "third", "fourth"}) {
    all.push_back(People());
    all.back().name = name;
  }
  source_->Begin();
  ASSERT_THAT(source_->Announce(all), IsOk());
  for (const TableSchema& table : all) source_->Populate(table, {{1, "Ada", 36}}, kFive);
  ASSERT_THAT(CompleteAsOf(1'600'000'000'000), IsOk());
  source_->Begin();
  ASSERT_THAT(source_->Announce({all.back()}), IsOk());
  ASSERT_THAT(source_->last_announcement->held_tables, SizeIs(3));
  ASSERT_THAT(CompleteAsOf(1'650'000'000'000), IsOk());
  const std::vector<TableInfo> tables = tenant_->Tables().value();
  ASSERT_THAT(tables, SizeIs(4));
  for (const TableInfo& info : tables) {
    EXPECT_EQ(info.source_ms, info.record.table == "fourth" ? 1'650'000'000'000 : 1'600'000'000'000)
        << info.record.table;
  }
}

TEST_F(FreshTenant, ACycleThatOutlivesTheServerMakesItsTablesFresh) {
  source_->Mirror(People(), {{1, "Ada", 36}}, kFive);
  source_->Begin();
  ASSERT_THAT(source_->Announce({People()}), IsOk());
  Restart();
  ASSERT_THAT(CompleteAsOf(1'650'000'000'000), IsOk());
  EXPECT_EQ(Info().source_ms, 1'650'000'000'000);
}

TEST_F(FreshTenant, AfterARestartASourceThatIsHeldHasNoSayOfAnyTable) {
  source_->Mirror(People(), {{1, "Ada", 36}}, kFive);
  source_->Begin();
  source_->source_id = "another";
  ASSERT_THAT(source_->Announce({People()}), IsOk());
  Restart();
  ASSERT_THAT(CompleteAsOf(1'650'000'000'000), IsOk());
  EXPECT_EQ(Info().source_ms, 0);
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
  for (const char* sql : {"DROP VIEW _mirror_freshness", "DROP TABLE _mirror_times",
                          "DROP TABLE _mirror_targets", "DROP TABLE _mirror_layout"})
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
}  // namespace mirror::freshness_test
