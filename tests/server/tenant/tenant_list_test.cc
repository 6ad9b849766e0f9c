#include "server/tenant/tenant_list.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/plan/pause.h"
#include "tests/support/status_matchers.h"

namespace mirror::tenant_list_test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;

ListedTenant Tenant(const std::string& id, const std::function<void(TenantSummary&)>& change = {}) {
  TenantSummary summary;
  summary.known = true;
  summary.completed_ms = 1'000;
  summary.tables = 3;
  if (change) change(summary);
  return {.context_id = id, .summary = std::make_shared<const TenantSummary>(std::move(summary))};
}

std::vector<std::string> NamesOf(const absl::StatusOr<TenantPage>& page) {
  std::vector<std::string> names;
  EXPECT_THAT(page, IsOk());
  if (!page.ok()) return names;
  for (const ListedTenant* const tenant : page->tenants) names.push_back(tenant->context_id);
  return names;
}

TEST(TenantListTest, OneThatAHubSuspendedOrHoldsSomethingForWaitsForADecision) {
  const auto in_hub = [](const TenantInHub& hub) {
    ListedTenant tenant = Tenant("a", [](TenantSummary& s) { s.tables_differing = 1; });
    tenant.hub = std::make_shared<const TenantInHub>(hub);
    return tenant;
  };
  EXPECT_EQ(StateOf(in_hub({.suspended_ms = 5})), TenantState::kHeld);
  EXPECT_EQ(StateOf(in_hub({.held = 1})), TenantState::kHeld);
  EXPECT_EQ(StateOf(in_hub({.frozen = 1})), TenantState::kHeld);
  EXPECT_TRUE(IsProblem(in_hub({.suspended_ms = 5})));
  EXPECT_EQ(StateOf(in_hub({.open = 3, .refused = 2, .stopped = "another is suspended"})),
            TenantState::kDiffers);
  ListedTenant failing = in_hub({.suspended_ms = 5});
  TenantSummary summary = *failing.summary;
  summary.failure.since_ms = 1;
  failing.summary = std::make_shared<const TenantSummary>(summary);
  EXPECT_EQ(StateOf(failing), TenantState::kFailing);
}

TEST(TenantListTest, TheWorstThatIsTrueOfATenantIsItsState) {
  EXPECT_EQ(StateOf(Tenant("a")), TenantState::kGood);
  EXPECT_EQ(StateOf(Tenant("a", [](TenantSummary& s) { s.active = true; })), TenantState::kActive);
  EXPECT_EQ(StateOf(Tenant("a", [](TenantSummary& s) { s.completed_ms = 0; })), TenantState::kIncomplete);
  EXPECT_EQ(StateOf(Tenant("a", [](TenantSummary& s) { s.tables_unpopulated = 1; })),
            TenantState::kIncomplete);
  EXPECT_EQ(StateOf(Tenant("a", [](TenantSummary& s) { s.known = false; })), TenantState::kUnknown);
  EXPECT_EQ(StateOf(Tenant("a",
                           [](TenantSummary& s) {
                             s.active = true;
                             s.paused = true;
                           })),
            TenantState::kPaused);
  EXPECT_EQ(StateOf(Tenant("a",
                           [](TenantSummary& s) {
                             s.paused = true;
                             s.tables_differing = 1;
                           })),
            TenantState::kDiffers);
  EXPECT_EQ(StateOf(Tenant("a",
                           [](TenantSummary& s) {
                             s.tables_differing = 1;
                             s.waiting_source = "other";
                           })),
            TenantState::kHeld);
  EXPECT_EQ(StateOf(Tenant("a",
                           [](TenantSummary& s) {
                             s.failure.since_ms = 7;
                             s.known = false;
                             s.holds = 1;
                             s.active = true;
                           })),
            TenantState::kFailing);
  EXPECT_EQ(StateOf(Tenant("a", [](TenantSummary& s) { s.tables_refused = 1; })), TenantState::kIncomplete);
  // An operator knows of his own pause.
  TenantSummary paused = *Tenant("a").summary;
  paused.paused = true;
  EXPECT_EQ(StateOf(Tenant("a", [&](TenantSummary& s) { s = paused; })), TenantState::kPaused);
  paused.pause_reason = kMissPause;
  EXPECT_EQ(StateOf(Tenant("a", [&](TenantSummary& s) { s = paused; })), TenantState::kFailing);
  // One that could not even be opened.
  EXPECT_EQ(StateOf(Tenant("a",
                           [](TenantSummary& s) {
                             s.known = false;
                             s.quarantined = true;
                           })),
            TenantState::kDamaged);
  EXPECT_EQ(StateOf(Tenant("a",
                           [](TenantSummary& s) {
                             s.active = true;
                             s.tables_unsent = 1;
                           })),
            TenantState::kUnsent);
  ListedTenant late = Tenant("a");
  late.late = 1;
  EXPECT_EQ(StateOf(late), TenantState::kLate);
  late.deleted = true;
  EXPECT_EQ(StateOf(late), TenantState::kDeleted);
}

TEST(TenantListTest, ProblemsAreWhatSomebodyShouldLookAt) {
  for (const TenantState state :
       {TenantState::kDamaged, TenantState::kFailing, TenantState::kHeld, TenantState::kDiffers,
        TenantState::kUnsent, TenantState::kLate, TenantState::kIncomplete}) {
    EXPECT_TRUE(IsProblem(state)) << ToString(state);
  }
  for (const TenantState state : {TenantState::kUnknown, TenantState::kPaused, TenantState::kDeleted,
                                  TenantState::kActive, TenantState::kGood}) {
    EXPECT_FALSE(IsProblem(state)) << ToString(state);
  }
  const ListedTenant unreadable = Tenant("a", [](TenantSummary& s) {
    s.known = false;
    s.quarantine = "nobody knows its state";
  });
  EXPECT_EQ(StateOf(unreadable), TenantState::kUnknown);
  EXPECT_TRUE(IsProblem(unreadable));
  EXPECT_THAT(NamesOf(PageOf({Tenant("b"), unreadable}, {.problems = true})), ElementsAre("a"));
}

TEST(TenantListTest, TenantsAreFoundByNameStateAndProblem) {
  const std::vector<ListedTenant> tenants = {Tenant("Cust2", [](TenantSummary& s) { s.holds = 1; }),
                                             Tenant("cust1"),
                                             Tenant("Other", [](TenantSummary& s) { s.paused = true; })};
  EXPECT_THAT(NamesOf(PageOf(tenants, {})), ElementsAre("cust1", "Cust2", "Other"));
  EXPECT_THAT(NamesOf(PageOf(tenants, {.name_pattern = "CUST*"})), ElementsAre("cust1", "Cust2"));
  EXPECT_THAT(NamesOf(PageOf(tenants, {.states = {"paused", "held"}})), ElementsAre("Cust2", "Other"));
  EXPECT_THAT(NamesOf(PageOf(tenants, {.problems = true})), ElementsAre("Cust2"));
  EXPECT_THAT(NamesOf(PageOf(tenants, {.order = TenantOrder::kProblems})),
              ElementsAre("Cust2", "Other", "cust1"));
  EXPECT_THAT(NamesOf(PageOf(tenants, {.states = {"nonsense"}})), IsEmpty());
}

TEST(TenantListTest, TheOldestAreThoseWhoseDataAreOldest) {
  const auto with = [](std::int64_t source_ms, std::int64_t completed_ms) {
    return [=](TenantSummary& s) {
      s.oldest_source_ms = source_ms;
      s.completed_ms = completed_ms;
    };
  };
  // A table that fails keeps its age, however many cycles are completed since.
  std::vector<ListedTenant> tenants = {
      Tenant("fresh", with(900, 900)), Tenant("stuck", with(100, 990)), Tenant("unknown age", with(0, 500)),
      Tenant("never", with(0, 0)), Tenant("records", [](TenantSummary& s) { s.issuer = kRecordsIssuer; })};
  tenants.push_back(
      {.context_id = "deleted", .summary = std::make_shared<const TenantSummary>(), .deleted = true});
  EXPECT_THAT(NamesOf(PageOf(tenants, {.order = TenantOrder::kOldest})),
              ElementsAre("never", "stuck", "unknown age", "fresh", "deleted", "records"));
}

TEST(TenantListTest, TotalsAreOfAllThatTheNameMeansWhateverIsShown) {
  const std::vector<ListedTenant> tenants = {Tenant("a"), Tenant("ab"), Tenant("b"),
                                             Tenant("ac", [](TenantSummary& s) { s.holds = 1; })};
  const auto page = PageOf(tenants, {.name_pattern = "a*", .problems = true, .page_size = 1});
  ASSERT_THAT(page, IsOk());
  EXPECT_THAT(page->totals, ElementsAre(Pair(TenantState::kHeld, 1), Pair(TenantState::kGood, 2)));
}

TEST(TenantListTest, PagesAreTheWholeInItsOrder) {
  std::vector<ListedTenant> tenants;
  for (int i = 0; i < 25; ++i) {
    tenants.push_back(Tenant(absl::StrCat("T/", i % 5, "-", i), [i](TenantSummary& s) {
      s.completed_ms = 1'000 - i % 7;
      s.holds = i % 3 == 0 ? 1 : 0;
    }));
  }
  for (const TenantOrder order : {TenantOrder::kName, TenantOrder::kProblems, TenantOrder::kOldest}) {
    const std::vector<std::string> whole = NamesOf(PageOf(tenants, {.order = order}));
    EXPECT_EQ(whole.size(), 25U);
    std::vector<std::string> paged;
    TenantQuery query{.order = order, .page_size = 4};
    do {
      const auto page = PageOf(tenants, query);
      ASSERT_THAT(page, IsOk());
      EXPECT_LE(page->tenants.size(), 4U);
      for (const ListedTenant* const tenant : page->tenants) paged.push_back(tenant->context_id);
      query.page_token = page->next_page_token;
    } while (!query.page_token.empty());
    EXPECT_EQ(paged, whole);
  }
}

TEST(TenantListTest, ATokenOfAnotherOrderOrOfNobodyIsRefused) {
  const std::vector<ListedTenant> tenants = {Tenant("a"), Tenant("b")};
  const auto first = PageOf(tenants, {.page_size = 1});
  ASSERT_THAT(first, IsOk());
  for (const std::string& token : {std::string("x"), std::string("/"), std::string("0//"), std::string("0/1"),
                                   std::string("0/99999999999999999999/a"), std::string("00/0/a")}) {
    EXPECT_THAT(PageOf(tenants, {.page_token = token}),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("first page")))
        << token;
  }
  EXPECT_THAT(PageOf(tenants, {.order = TenantOrder::kOldest, .page_token = first->next_page_token}),
              StatusIs(absl::StatusCode::kInvalidArgument));
}

}  // namespace
}  // namespace mirror::tenant_list_test
