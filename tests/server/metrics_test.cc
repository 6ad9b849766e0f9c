#include "server/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/clock.h"
#include "server/store/catalog/sqlite_catalog.h"
#include "server/store/sqlite/sqlite_home.h"
#include "server/tenant/summary_keeper.h"
#include "server/watch/freshness.h"
#include "tests/server/tenant/tenant_bench.h"
#include "tests/support/processes.h"

// What a scrape says of tenants, and that it neither opens nor waits for them.

namespace mirror::metrics_test {
namespace {

using testing::AllOf;
using testing::AnyOf;
using testing::HasSubstr;
using testing::Not;

const Position kFive{Lsn{5}, "five"};

class MetricsTest : public testing::Test {
 protected:
  MetricsTest() : events_(catalog_, &NowMs, counters_) {
    spdlog::set_level(spdlog::level::off);
    sqlite_.build_beside = true;
    options_.tenant.counters = &counters_;
    Restart();
  }

  void Restart() {
    tenants_.reset();
    home_.reset();
    absl::StatusOr<std::unique_ptr<StoreHome>> home = OpenSqliteHome(folder_.path(), sqlite_);
    ASSERT_THAT(home, IsOk());
    home_ = *std::move(home);
    absl::StatusOr<std::unique_ptr<Tenants>> tenants = Tenants::Open(*home_, options_, events_);
    ASSERT_THAT(tenants, IsOk());
    tenants_ = *std::move(tenants);
  }
  std::shared_ptr<Tenant> Of(const std::string& context_id) {
    return *tenants_->FindOrTakeIn({.context_id = context_id, .issuer = "issuer", .environment = "prod"});
  }
  /// A whole cycle; gives its end.
  std::int64_t Mirror(const std::string& context_id) {
    SourceCalls source(*Of(context_id), context_id);
    source.Mirror(People(), {{1, "Ada", 36}, {2, "Grace", 45}}, kFive);
    return source.now;
  }
  std::string Page(std::int64_t now_ms = 1'700'000'000'000) {
    const MetricsSources sources{counters_,
                                 *tenants_,
                                 watch_,
                                 [] {
                                   return InFlight::Usage{5, 2, 1};
                                 },
                                 [] {
                                   return std::vector<ExpiringKey>{{"source-1", "issuer", 1'800'000'000}};
                                 },
                                 store_,
                                 fleet_,
                                 door_,
                                 hubs_};
    return ServerMetricsText(sources, now_ms);
  }

  TempFolder folder_;
  RememberingCatalog catalog_;
  ServerCounters counters_;
  Events events_;
  FreshnessWatch watch_{{{"*", "*", false, 60'000}}, events_};
  TenantsOptions options_;
  SqliteOptions sqlite_;
  std::unique_ptr<StoreHome> home_;
  std::unique_ptr<Tenants> tenants_;
  std::function<StoreState()> store_;
  std::function<FleetShare()> fleet_;
  std::function<DoorFigures()> door_;
  std::function<std::vector<WatchedHub>()> hubs_;
};

WatchedHub Hub(const std::string& storage, const std::vector<MemberState>& members) {
  return {.storage = storage,
          .looked = true,
          .standing = {.records = 7, .derived_ms = 1'699'999'990'000, .members = members}};
}

TEST_F(MetricsTest, OfHubsItShowsWhetherTheyDeriveAndWhatWaits) {
  EXPECT_THAT(Page(), Not(HasSubstr("mirror_hub_")));
  MemberState crm{.data_source = "crm"}, erp{.data_source = "erp"};
  crm.feed.cycle = erp.feed.cycle = 3;
  crm.feed.at = 1'699'999'980'000;
  crm.figures = {.rows = 15, .open = 3, .held = 2, .dropped = 1, .refused = 1};
  erp.feed.suspended = 1'699'999'970'000;
  WatchedHub hub = Hub("Acme", {crm, erp});
  hub.standing.holds_all = true;
  hub.standing.frozen.records = 3;
  hub.failing = "the disk failed";
  hub.behind_since_ms = 1'699'999'995'000;
  hubs_ = [&] { return std::vector<WatchedHub>{hub, {.storage = "Other"}}; };
  const std::string page = Page();
  for (const char* const line :
       {"mirror_hub_failing{hub=\"Acme\"} 1\n",
        "mirror_hub_failing{hub=\"Other\"} 0\n",
        "mirror_hub_behind_seconds{hub=\"Acme\"} 5\n",
        "mirror_hub_behind_seconds{hub=\"Other\"} 0\n",
        "mirror_hub_last_derivation_timestamp_seconds{hub=\"Acme\"} 1699999990\n",
        "mirror_hub_records{hub=\"Acme\"} 7\n",
        "mirror_hub_holds_all{hub=\"Acme\"} 1\n",
        "mirror_hub_frozen_records{hub=\"Acme\"} 3\n",
        "mirror_hub_members{hub=\"Acme\",state=\"read\"} 1\n",
        "mirror_hub_members{hub=\"Acme\",state=\"suspended\"} 1\n",
        "mirror_hub_members{hub=\"Acme\",state=\"restored\"} 0\n",
        "mirror_hub_member_suspended{hub=\"Acme\",data_source=\"crm\"} 0\n",
        "mirror_hub_member_suspended{hub=\"Acme\",data_source=\"erp\"} 1\n",
        "mirror_hub_member_failing{hub=\"Acme\",data_source=\"crm\"} 0\n",
        "mirror_hub_member_last_read_timestamp_seconds{hub=\"Acme\",data_source=\"crm\"} 1699999980\n",
        "mirror_hub_member_rows{hub=\"Acme\",data_source=\"crm\"} 15\n",
        "mirror_hub_deliveries{hub=\"Acme\",data_source=\"crm\",state=\"open\"} 3\n",
        "mirror_hub_deliveries{hub=\"Acme\",data_source=\"crm\",state=\"held\"} 2\n",
        "mirror_hub_deliveries{hub=\"Acme\",data_source=\"crm\",state=\"dropped\"} 1\n",
        "mirror_hub_deliveries_refused{hub=\"Acme\",data_source=\"crm\"} 1\n"}) {
    EXPECT_THAT(page, HasSubstr(line));
  }
  EXPECT_THAT(page, Not(AnyOf(HasSubstr("mirror_hub_records{hub=\"Other\"}"),
                              HasSubstr("last_derivation_timestamp_seconds{hub=\"Other\"}"),
                              HasSubstr("last_read_timestamp_seconds{hub=\"Acme\",data_source=\"erp\"}"))))
      << "nobody knows that";
}

TEST_F(MetricsTest, OfVeryManyMembersThoseThatWaitAreShown) {
  std::vector<MemberState> members(kHubMembersShownMax + 5);
  for (std::size_t i = 0; i < members.size(); ++i) members[i].data_source = absl::StrCat("source-", i);
  members.back().feed.suspended = 1;
  members[members.size() - 2].figures.refused = 1;
  hubs_ = [&] { return std::vector<WatchedHub>{Hub("Acme", members)}; };
  const std::string page = Page();
  std::size_t shown = 0;
  for (std::size_t at = page.find("\nmirror_hub_member_rows{"); at != std::string::npos;
       at = page.find("\nmirror_hub_member_rows{", at + 1)) {
    ++shown;
  }
  EXPECT_EQ(shown, kHubMembersShownMax);
  EXPECT_THAT(page, AllOf(HasSubstr(absl::StrCat("source-", members.size() - 1, "\"} 1\n")),
                          HasSubstr(absl::StrCat("source-", members.size() - 2, "\"")),
                          HasSubstr("mirror_hub_members{hub=\"Acme\",state=\"unread\"} 1004\n")));
}

TEST_F(MetricsTest, ACycleIsCountedAndItsTenantIsKnown) {
  const std::int64_t completed = Mirror("Cust");
  EXPECT_THAT(Page(completed + 90'000),
              AllOf(HasSubstr("mirror_cycles_total{outcome=\"completed\"} 1\n"),
                    HasSubstr("mirror_cycles_total{outcome=\"interrupted\"} 0\n"),
                    HasSubstr("mirror_rows_total{operation=\"insert\"} 2\n"),
                    HasSubstr("mirror_batches_total{result=\"applied\"} 1\n"),
                    HasSubstr("mirror_commit_seconds_count 1\n"),
                    HasSubstr("mirror_tenant_lag_seconds{tenant=\"Cust\"} 90\n"),
                    HasSubstr("mirror_tenant_rows{tenant=\"Cust\"} 2\n"),
                    HasSubstr("mirror_tenant_lsn{tenant=\"Cust\"} 5\n"),
                    HasSubstr("mirror_tenant_active{tenant=\"Cust\"} 0\n"),
                    HasSubstr("mirror_tenants_in_state{state=\"unknown\"} 0\n"),
                    HasSubstr("mirror_stream_bytes_in_flight 5\n"),
                    HasSubstr("_expiry_timestamp_seconds{name=\"source-1\",kind=\"issuer\"} 1800000000\n")));
}

TEST_F(MetricsTest, ACycleThatAnotherOneReplacedIsInterrupted) {
  Mirror("Cust");
  SourceCalls source(*Of("Cust"), "Cust");
  source.now += 10'000;
  source.Begin();
  EXPECT_THAT(Page(), HasSubstr("mirror_tenant_active{tenant=\"Cust\"} 1\n"));
  ASSERT_THAT(source.Authenticate("other"), IsOk());
  ASSERT_THAT(source.Authenticate("holder", true), IsOk());
  EXPECT_EQ(counters_.cycles_busy.value(), 1U);
  EXPECT_EQ(counters_.cycles_interrupted.value(), 1U);
}

TEST_F(MetricsTest, TheDoorForJsonIsShownWhereThereIsOne) {
  EXPECT_THAT(Page(), Not(HasSubstr("mirror_http_")));
  DoorCounters counters;
  counters.calls = std::vector<DoorCallCounters>(2);
  counters.calls[0].name = "none";
  counters.calls[1].name = "getStorage";
  for (const int status : {200, 404, 404, 503, 413, 401, 403, 307}) counters.NoteAnswer(1, status, {});
  counters.NoteAnswer(7, 400, std::chrono::seconds(2));
  counters.Limit(DoorLimit::kDisk);
  counters.requested.Count(1, 2, 3, 4);
  door_ = [&] {
    return DoorFigures{.counters = counters,
                       .connections = 6,
                       .connections_let_go = 7,
                       .erasures = 2,
                       .oldest_erasure_ms = 1'699'999'990'000,
                       .erase_within_ms = 86'400'000};
  };
  EXPECT_THAT(Page(), AllOf(HasSubstr("mirror_http_requests_total{call=\"getStorage\",status=\"2xx\"} 1\n"),
                            HasSubstr("mirror_http_requests_total{call=\"getStorage\",status=\"3xx\"} 1\n"),
                            HasSubstr("mirror_http_requests_total{call=\"getStorage\",status=\"4xx\"} 5\n"),
                            HasSubstr("mirror_http_requests_total{call=\"getStorage\",status=\"5xx\"} 1\n"),
                            HasSubstr("mirror_http_request_seconds_count{call=\"getStorage\"} 8\n"),
                            HasSubstr("mirror_http_keys_refused_total{status=\"404\"} 2\n"),
                            HasSubstr("mirror_http_bodies_refused_total 1\n"),
                            HasSubstr("mirror_http_limited_total{limit=\"disk\"} 1\n"),
                            HasSubstr("mirror_http_rows_total{operation=\"delete\",by=\"request\"} 3\n"),
                            HasSubstr("mirror_http_rows_total{operation=\"delete\",by=\"import\"} 0\n")));
  EXPECT_THAT(
      Page(),
      AllOf(HasSubstr("mirror_http_connections 6\n"), HasSubstr("mirror_http_connections_refused_total 7\n"),
            HasSubstr("mirror_http_erasures_waiting 2\n"), HasSubstr("mirror_http_erasure_age_seconds 10\n"),
            HasSubstr("mirror_http_erase_within_seconds 86400\n")));
}

TEST_F(MetricsTest, WhatAnOperatorDoesShowsAtOnce) {
  Mirror("Cust");
  ASSERT_THAT(Of("Cust")->Invalidate({}, 1'700'000'100'000), IsOk());
  ASSERT_THAT(Of("Cust")->Pause("", 1'700'000'100'000), IsOk());
  EXPECT_THAT(Page(), AllOf(HasSubstr("mirror_tenant_tables_unsent{tenant=\"Cust\"} 0\n"),
                            HasSubstr("mirror_tables_unsent 0\n"),
                            HasSubstr("mirror_tenant_tables_unpopulated{tenant=\"Cust\"} 1\n"),
                            HasSubstr("mirror_tenant_paused{tenant=\"Cust\"} 1\n"),
                            HasSubstr("mirror_tenants_in_state{state=\"paused\"} 1\n")));
}

TEST_F(MetricsTest, ATenantWhoseFirstCycleCannotBeginIsShown) {
  tenants_->NoteFailure("Zed", "the disk is full");
  EXPECT_THAT(Page(), AllOf(HasSubstr("mirror_tenant_failing{tenant=\"Zed\"} 1\n"),
                            HasSubstr("mirror_tenants_in_state{state=\"failing\"} 1\n")));
  Mirror("Zed");
  tenants_->NoteBegun("Zed");
  EXPECT_THAT(Page(), AllOf(HasSubstr("mirror_tenant_failing{tenant=\"Zed\"} 0\n"),
                            HasSubstr("mirror_tenants_in_state{state=\"failing\"} 0\n")));
}

TEST_F(MetricsTest, ARefusedBatchIsCountedAndItsRowsAreNot) {
  Mirror("Cust");
  SourceCalls source(*Of("Cust"), "Cust");
  source.now += 10'000;
  source.Begin();
  ASSERT_THAT(source.Announce({People()}), IsOk());
  EXPECT_THAT(
      source.Send(People(), {.rows = {{3, "Joan", 1}}, .base_lsn = 4, .target = {Lsn{9}, "nine"}}).status,
      Not(IsOk()));
  EXPECT_EQ(counters_.batches_refused.value(), 1U);
  EXPECT_EQ(counters_.rows_inserted.value(), 2U);
}

TEST_F(MetricsTest, AScrapeOpensNoTenantAndARestartIsBridgedByTheCatalog) {
  const std::int64_t completed = Mirror("Cust");
  const auto catalog = OpenSqliteCatalog(folder_.path());
  ASSERT_THAT(catalog, IsOk());
  SummaryKeeper(**catalog, *tenants_).Keep();

  Restart();
  EXPECT_THAT(Page(), AllOf(HasSubstr("mirror_tenants 1\n"), HasSubstr("{state=\"unknown\"} 1\n"),
                            Not(HasSubstr("mirror_tenant_rows{"))));
  SummaryKeeper keeper(**catalog, *tenants_);
  keeper.Restore();
  EXPECT_THAT(Page(completed + 5'000),
              AllOf(HasSubstr("{state=\"unknown\"} 0\n"), HasSubstr("{state=\"open\"} 0\n"),
                    HasSubstr("mirror_tenant_lag_seconds{tenant=\"Cust\"} 5\n"),
                    HasSubstr("mirror_tenant_rows{tenant=\"Cust\"} 2\n")));

  ASSERT_THAT(tenants_->Delete("Cust"), IsOk());
  keeper.Keep();
  EXPECT_TRUE((*catalog)->Summaries()->empty()) << "one that was deleted is forgotten";
}

TEST_F(MetricsTest, WhatDidNotChangeIsNotWrittenAgain) {
  Mirror("Cust");
  Mirror("Other");
  const auto catalog = OpenSqliteCatalog(folder_.path());
  ASSERT_THAT(catalog, IsOk());
  SummaryKeeper(**catalog, *tenants_).Keep();
  Restart();
  SummaryKeeper keeper(**catalog, *tenants_);
  keeper.Restore();
  ASSERT_THAT((*catalog)->KeepSummaries({{"Cust", "{}"}, {"Other", "{}"}}), IsOk());
  keeper.Keep();
  EXPECT_EQ((*catalog)->Summaries()->at("Cust"), "{}") << "as it was read";
  ASSERT_THAT(Of("Cust")->Pause("", 1'700'000'100'000), IsOk());
  keeper.Keep();
  EXPECT_NE((*catalog)->Summaries()->at("Cust"), "{}");
  EXPECT_EQ((*catalog)->Summaries()->at("Other"), "{}");
}

TEST_F(MetricsTest, WhatAnotherServerKeptOfATenantIsTakenAndNotWrittenBack) {
  Mirror("Cust");
  const auto catalog = OpenSqliteCatalog(folder_.path());
  ASSERT_THAT(catalog, IsOk());
  ASSERT_THAT((*catalog)->KeepSummaries({{"Theirs", "{}"}}), IsOk());
  SummaryKeeper keeper(**catalog, *tenants_, /*shared=*/true);
  keeper.Restore();
  keeper.Keep();
  keeper.TakeOthers();
  EXPECT_FALSE(Of("Cust")->summary().paused);
  ASSERT_TRUE((*catalog)->Summaries()->contains("Theirs")) << "a mirror that was never seen here";

  TenantSummary theirs = Of("Cust")->summary();
  theirs.paused = true;
  theirs.cycle += 7;
  const std::string text = PackSummary(theirs);
  ASSERT_THAT((*catalog)->KeepSummaries({{"Cust", text}}), IsOk());
  keeper.TakeOthers();
  EXPECT_TRUE(Of("Cust")->summary().paused);
  EXPECT_EQ(Of("Cust")->summary().cycle, theirs.cycle);
  keeper.Keep();
  EXPECT_EQ((*catalog)->Summaries()->at("Cust"), text);

  // What happened here since Keep() is later than what others kept.
  ASSERT_THAT(Of("Cust")->Resume(1'700'000'100'000), IsOk());
  theirs.cycle += 7;
  ASSERT_THAT((*catalog)->KeepSummaries({{"Cust", PackSummary(theirs)}}), IsOk());
  keeper.TakeOthers();
  EXPECT_FALSE(Of("Cust")->summary().paused);
}

TEST_F(MetricsTest, WhatIsReadFromTheDatabaseIsBetterThanTheCatalog) {
  Mirror("Cust");
  TenantSummary old;
  old.known = true;
  old.rows = 77;
  tenants_->Remember("Cust", old);
  EXPECT_THAT(Page(), HasSubstr("mirror_tenant_rows{tenant=\"Cust\"} 2\n"));
}

TEST_F(MetricsTest, AScrapeDoesNotWaitForATenantThatIsBusy) {
  Mirror("Cust");
  // The move runs under the tenant's lock.
  std::string page;
  EXPECT_THAT(Of("Cust")->ReplaceFile(
                  [&](const auto&) {
                    page = Page();
                    return absl::UnavailableError("not moved");
                  },
                  1'700'000'100'000),
              Not(IsOk()));
  EXPECT_THAT(page, HasSubstr("mirror_tenant_rows{tenant=\"Cust\"} 2\n"));
}

TEST_F(MetricsTest, OfVeryManyTenantsThoseInTroubleAreShownAndAllCountInTheSums) {
  tenants_.reset();
  constexpr std::int64_t kNow = 1'700'000'000'000;
  constexpr std::size_t kInTrouble = 3;
  const std::size_t all = kTenantsShownMax + kInTrouble;
  for (std::size_t i = 0; i < all; ++i) {
    WriteFileText(absl::StrCat(folder_.path(), "/Mirror_T", i, ".db"), "");
  }
  Restart();
  std::vector<FreshnessWatch::Seen> seen;
  for (std::size_t i = 0; i < all; ++i) {
    TenantSummary summary;
    summary.known = true;
    // The last ones were served last, but for these; they would be cut.
    summary.completed_ms = static_cast<std::int64_t>(1'000'000 + i * 1'000);
    summary.table_names = {"a"};
    summary.freshness.all_ms = kNow;
    if (i == all - 1) summary.freshness.all_ms = 1;
    if (i == all - 2) summary.quarantined = true;
    if (i == all - 3) summary.holds = 1;
    const std::string name = absl::StrCat("T", i);
    seen.push_back({name, std::make_shared<const TenantSummary>(summary)});
    tenants_->Remember(name, summary);
  }
  watch_.Look(seen, kNow);
  const std::string page = Page();
  EXPECT_THAT(page, AllOf(HasSubstr(absl::StrCat("mirror_tenants ", all, "\n")),
                          HasSubstr(absl::StrCat("mirror_tenants_shown ", kTenantsShownMax, "\n")),
                          HasSubstr("mirror_freshness_missed_tables_all 1\n"),
                          HasSubstr("mirror_oldest_success_timestamp_seconds 1000\n")));
  for (std::size_t i = 0; i < all; ++i) {
    const bool cut = i >= all - 2 * kInTrouble && i < all - kInTrouble;
    EXPECT_EQ(page.find(absl::StrCat("mirror_tenant_holds{tenant=\"T", i, "\"}")) == std::string::npos, cut)
        << i;
  }
}

TEST_F(MetricsTest, ATenantThatIsPausedIsNotBehindInTheSums) {
  const std::int64_t completed = Mirror("Cust");
  watch_.Look({{"Cust", Of("Cust")->shared_summary()}}, completed);
  watch_.Look({{"Cust", Of("Cust")->shared_summary()}}, completed + 60'001);
  EXPECT_THAT(Page(), AllOf(HasSubstr("mirror_freshness_missed_tables_all 1\n"),
                            HasSubstr("mirror_oldest_success_timestamp_seconds ")));
  ASSERT_THAT(Of("Cust")->Pause("", completed), IsOk());
  EXPECT_THAT(Page(), AllOf(HasSubstr("mirror_freshness_missed_tables_all 0\n"),
                            HasSubstr("mirror_freshness_missed_tables{tenant=\"Cust\"} 1\n"),
                            Not(HasSubstr("mirror_oldest_success_timestamp_seconds"))));
}

TEST_F(MetricsTest, DatabasesAreShownWhereThereAreAny) {
  EXPECT_THAT(Page(), Not(AnyOf(HasSubstr("mirror_place_"), HasSubstr("mirror_control_"))));
  store_ = [] {
    PlaceState up{.name = "p1",
                  .pools = {{"write", 3, 2, 1, 7}},
                  .standbys = 2,
                  .standby_lag_bytes = 4'096,
                  .relations = 900};
    return StoreState{{std::move(up), {.name = "p2", .is_up = false}}, false};
  };
  EXPECT_THAT(Page(),
              AllOf(HasSubstr("mirror_control_up 0\n"), HasSubstr("mirror_place_up{place=\"p1\"} 1\n"),
                    HasSubstr("mirror_place_up{place=\"p2\"} 0\n"),
                    HasSubstr("mirror_place_standbys{place=\"p1\"} 2\n"),
                    HasSubstr("mirror_place_standby_lag_bytes{place=\"p1\"} 4096\n"),
                    HasSubstr("mirror_place_relations{place=\"p1\"} 900\n"),
                    Not(HasSubstr("_relations{place=\"p2\"}")),
                    HasSubstr("mirror_place_pool_connections{place=\"p1\",use=\"write\",state=\"used\"} 3\n"),
                    HasSubstr("mirror_place_pool_connections{place=\"p1\",use=\"write\",state=\"free\"} 1\n"),
                    HasSubstr("mirror_place_pool_refused_total{place=\"p1\",use=\"write\"} 7\n")));
}

TEST_F(MetricsTest, OfServersWithTheSameMirrorsOneShowsTheTenants) {
  Mirror("Cust");
  EXPECT_THAT(Page(), Not(HasSubstr("mirror_fleet_servers")));
  fleet_ = [] { return FleetShare{.shows_tenants = true, .running = 3}; };
  EXPECT_THAT(Page(),
              AllOf(HasSubstr("mirror_fleet_servers 3\n"), HasSubstr("mirror_tenants 1\n"),
                    HasSubstr("mirror_tenant_rows{tenant=\"Cust\"} 2\n"), HasSubstr("mirror_holds 0\n"),
                    HasSubstr("mirror_tenants_in_state{state=\"paused\"} 0\n")));
  fleet_ = [] { return FleetShare{.shows_tenants = false, .running = 3}; };
  EXPECT_THAT(Page(), AllOf(HasSubstr("mirror_fleet_servers 3\n"), Not(HasSubstr("mirror_tenants ")),
                            Not(HasSubstr("tenant=\"Cust\"")), Not(HasSubstr("mirror_holds")),
                            Not(HasSubstr("{state=\"paused\"}"))));
  EXPECT_THAT(Page(), AllOf(HasSubstr("mirror_tenants_in_state{state=\"open\"} 1\n"),
                            HasSubstr("mirror_open_tenants_max ")))
      << "of the server itself";
  fleet_ = [] { return FleetShare{.shows_tenants = false, .running = std::nullopt}; };
  EXPECT_THAT(Page(), Not(HasSubstr("mirror_fleet_servers")));
}

TEST(TenantSummaryTest, SurvivesItsTextForm) {
  const TenantSummary summary{.known = true,
                              .completed_ms = 5,
                              .progress_ms = 6,
                              .paused = true,
                              .failure = {.since_ms = 3, .last_ms = 4, .why = "a \"full\" disk"},
                              .holds = 1,
                              .tables = 4,
                              .tables_differing = 2,
                              .tables_unpopulated = 3,
                              .tables_refused = 1,
                              .tables_unsent = 5,
                              .rows = 1LL << 40,
                              .lsn = 9,
                              .oldest_source_ms = 7,
                              .table_names = {"a", "B", "c"},
                              .freshness = {.all_ms = 8, .tables = {{"b", 7}, {"c", std::nullopt}}}};
  EXPECT_EQ(UnpackSummary(PackSummary(summary)), summary);
  for (const char* wrong : {"", "[]", "{", "7"}) EXPECT_EQ(UnpackSummary(wrong), std::nullopt) << wrong;
  EXPECT_TRUE(UnpackSummary(R"({"rows": "many", "lsn": null})")->known);
  // One of a version before failures were kept.
  EXPECT_EQ(UnpackSummary(R"({"completed_ms": 5})")->failure, CycleFailure{});
  for (const char* times : {"7", R"({"names": 7})", R"({"names": ["a", 7], "own": 7, "all_ms": "x"})",
                            R"({"names": ["a"], "own": [[1, 5], [-1, 5], ["a", 5], [0], 7]})"}) {
    const auto odd = UnpackSummary(absl::StrCat(R"({"times": )", times, "}"));
    ASSERT_TRUE(odd.has_value());
    EXPECT_TRUE(odd->freshness.tables.empty()) << times;
  }
}

}  // namespace
}  // namespace mirror::metrics_test
