#include "server/tenant/tenant_list.h"

#include <algorithm>
#include <array>
#include <limits>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/folded_name.h"
#include "base/name_pattern.h"
#include "proto/wire/table.h"
#include "server/plan/pause.h"

namespace mirror {
namespace {

constexpr std::array<std::string_view, 12> kStates = {"damaged", "failing", "held",       "differs",
                                                      "unsent",  "late",    "incomplete", "unknown",
                                                      "paused",  "deleted", "active",     "good"};

/// A tenant's position in the requested order. No two tenants have the same.
struct Place {
  std::int64_t rank = 0;
  std::string name;  ///< Folded.
  friend auto operator<=>(const Place&, const Place&) = default;
};

/// Returns the time of its oldest data; tenants without data of a source come last.
std::int64_t AgeRankOf(const ListedTenant& tenant) {
  const TenantSummary& summary = *tenant.summary;
  if (tenant.deleted || summary.HasRecords()) return std::numeric_limits<std::int64_t>::max();
  return summary.oldest_source_ms > 0 ? summary.oldest_source_ms : summary.completed_ms;
}

std::int64_t RankOf(const ListedTenant& tenant, TenantState state, TenantOrder order) {
  switch (order) {
    case TenantOrder::kProblems:
      return static_cast<std::int64_t>(state);
    case TenantOrder::kOldest:
      return AgeRankOf(tenant);
    case TenantOrder::kName:
      break;
  }
  return 0;
}

/// "2/17/cust-1": order, rank, name.
std::string TokenOf(TenantOrder order, const Place& place) {
  return absl::StrCat(static_cast<int>(order), "/", place.rank, "/", place.name);
}

std::optional<Place> PlaceOf(const std::string& token, TenantOrder order) {
  const std::size_t first = token.find('/');
  const std::size_t second = first == std::string::npos ? first : token.find('/', first + 1);
  if (second == std::string::npos) return std::nullopt;
  Place place;
  place.name = token.substr(second + 1);
  const bool read = absl::SimpleAtoi(token.substr(first + 1, second - first - 1), &place.rank);
  if (!read || TokenOf(order, place) != token) return std::nullopt;
  return place;
}

}  // namespace

std::string_view ToString(TenantState state) { return kStates.at(static_cast<std::size_t>(state)); }

bool IsProblem(TenantState state) { return state < TenantState::kUnknown; }

TenantState StateOf(const ListedTenant& tenant) {
  const TenantSummary& summary = *tenant.summary;
  if (tenant.deleted) return TenantState::kDeleted;
  if (summary.quarantined) return TenantState::kDamaged;
  // Its state here is not its state in the place to which it moves.
  if (summary.moving) return TenantState::kPaused;
  if (summary.failure.since_ms > 0 || WhoPaused(summary.paused, summary.pause_reason) == PausedBy::kMiss)
    return TenantState::kFailing;
  if (!summary.known) return TenantState::kUnknown;
  const bool hub_waits = tenant.hub != nullptr && tenant.hub->Waits();
  if (summary.holds > 0 || !summary.waiting_source.empty() || hub_waits) return TenantState::kHeld;
  if (summary.tables_differing > 0) return TenantState::kDiffers;
  if (summary.tables_unsent > 0) return TenantState::kUnsent;
  if (tenant.late > 0) return TenantState::kLate;
  if (summary.paused) return TenantState::kPaused;
  if (summary.active) return TenantState::kActive;
  // Records come without cycles.
  const bool needs_cycle = summary.completed_ms == 0 && summary.issuer != kRecordsIssuer;
  if (needs_cycle || summary.tables_unpopulated > 0 || summary.tables_refused > 0)
    return TenantState::kIncomplete;
  return TenantState::kGood;
}

bool IsProblem(const ListedTenant& tenant) {
  return IsProblem(StateOf(tenant)) || !tenant.summary->quarantine.empty();
}

absl::StatusOr<TenantPage> PageOf(const std::vector<ListedTenant>& tenants, const TenantQuery& query) {
  std::optional<Place> after;
  if (!query.page_token.empty()) {
    after = PlaceOf(query.page_token, query.order);
    if (!after) {
      return absl::InvalidArgumentError(
          "'page_token' is not from an answer to this request. Ask for the first page again.");
    }
  }
  TenantPage page;
  std::vector<std::pair<Place, const ListedTenant*>> found;
  for (const ListedTenant& tenant : tenants) {
    if (!query.name_pattern.empty() && !MatchesPattern(tenant.context_id, query.name_pattern)) continue;
    const TenantState state = StateOf(tenant);
    ++page.totals[state];
    if (query.problems && !IsProblem(tenant)) continue;
    if (!query.states.empty() && !query.states.contains(std::string(ToString(state)))) continue;
    Place place{RankOf(tenant, state, query.order), FoldName(tenant.context_id)};
    if (after && place <= *after) continue;
    found.emplace_back(std::move(place), &tenant);
  }
  std::sort(found.begin(), found.end());
  const std::size_t size =
      query.page_size == 0 ? kTenantsPerPageMax : std::min(query.page_size, kTenantsPerPageMax);
  for (std::size_t i = 0; i < std::min(size, found.size()); ++i) {
    page.tenants.push_back(found[i].second);
  }
  if (found.size() > size) page.next_page_token = TokenOf(query.order, found[size - 1].first);
  return page;
}

}  // namespace mirror
