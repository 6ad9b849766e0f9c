#include "server/hub_metrics.h"

#include <algorithm>
#include <array>
#include <string>
#include <utility>

namespace mirror {
namespace {

double InSeconds(std::int64_t ms) { return static_cast<double>(ms) / 1'000; }

/// As `mirrorctl hub status` calls them.
constexpr std::array<const char*, 6> kStates = {"read",      "unread",   "absent",
                                                "suspended", "restored", "failing"};

std::string StateOf(const MemberState& member) {
  if (member.feed.suspended) return member.feed.own_restore ? "restored" : "suspended";
  if (member.absent) return "absent";
  if (!member.trouble.empty()) return "failing";
  return member.feed.cycle == 0 ? "unread" : "read";
}

struct MemberSeries {
  const std::string* storage;
  const MemberState* member;
};

/// What is cut must be what nobody misses.
bool ComesBefore(const MemberSeries& a, const MemberSeries& b) {
  const auto rests = [](const MemberState& member) {
    const HubFile::Figures& figures = member.figures;
    return !member.feed.suspended && member.trouble.empty() && figures.held == 0 && figures.refused == 0;
  };
  return rests(*a.member) < rests(*b.member);
}

void AddHub(const WatchedHub& hub, std::int64_t now_ms, MetricPage* page) {
  const MetricLabels labels = {{"hub", hub.storage}};
  const auto gauge = [&](const char* name, auto value) { page->Add(name, labels, value); };
  gauge("mirror_hub_failing", hub.failing.empty() ? 0 : 1);
  gauge("mirror_hub_behind_seconds",
        hub.behind_since_ms == 0 ? 0 : InSeconds(std::max<std::int64_t>(0, now_ms - hub.behind_since_ms)));
  if (hub.standing.derived_ms > 0) {
    gauge("mirror_hub_last_derivation_timestamp_seconds", InSeconds(hub.standing.derived_ms));
  }
  if (!hub.looked) return;
  gauge("mirror_hub_records", hub.standing.records);
  gauge("mirror_hub_holds_all", hub.standing.holds_all ? 1 : 0);
  gauge("mirror_hub_frozen_records", hub.standing.frozen.records);
  for (const char* const state : kStates) {
    const auto count = std::count_if(hub.standing.members.begin(), hub.standing.members.end(),
                                     [&](const MemberState& one) { return StateOf(one) == state; });
    page->Add("mirror_hub_members", {{"hub", hub.storage}, {"state", state}}, count);
  }
}

void AddMember(const std::string& storage, const MemberState& member, MetricPage* page) {
  const MetricLabels labels = {{"hub", storage}, {"data_source", member.data_source}};
  const auto gauge = [&](const char* name, auto value) { page->Add(name, labels, value); };
  gauge("mirror_hub_member_suspended", member.feed.suspended ? 1 : 0);
  gauge("mirror_hub_member_failing", member.trouble.empty() ? 0 : 1);
  if (member.feed.at > 0) {
    gauge("mirror_hub_member_last_read_timestamp_seconds", InSeconds(member.feed.at));
  }
  gauge("mirror_hub_member_rows", member.figures.rows);
  const std::pair<const char*, std::uint64_t> states[] = {
      {"open", member.figures.open}, {"held", member.figures.held}, {"dropped", member.figures.dropped}};
  for (const auto& [state, count] : states) {
    page->Add("mirror_hub_deliveries",
              {{"hub", storage}, {"data_source", member.data_source}, {"state", state}}, count);
  }
  gauge("mirror_hub_deliveries_refused", member.figures.refused);
}

}  // namespace

void AddHubs(const std::vector<WatchedHub>& hubs, std::int64_t now_ms, MetricPage* page) {
  std::vector<MemberSeries> all;
  for (const WatchedHub& hub : hubs) {
    AddHub(hub, now_ms, page);
    for (const MemberState& member : hub.standing.members) all.push_back({&hub.storage, &member});
  }
  const std::size_t shown = std::min(all.size(), kHubMembersShownMax);
  std::stable_sort(all.begin(), all.end(), ComesBefore);
  all.resize(shown);
  for (const MemberSeries& one : all) AddMember(*one.storage, *one.member, page);
}

}  // namespace mirror
