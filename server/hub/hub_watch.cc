#include "server/hub/hub_watch.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/folded_name.h"
#include "base/human_text.h"

namespace mirror {
namespace {

std::string StatusCommand(const WatchedHub& hub) {
  return absl::StrCat("'mirrorctl hub status ", hub.storage, "' says how to continue");
}

std::string WhySuspended(const WatchedHub& hub, const MemberState& member) {
  std::string why = "a mirror, the hub or the server was restored";
  if (!member.trouble.empty()) why = member.trouble;
  if (member.feed.own_restore) why = "its source was restored";
  return absl::StrCat("it is suspended in hub '", hub.storage, "' since ",
                      FormatUnixTime(*member.feed.suspended / 1'000), ": ", why, ". ", StatusCommand(hub));
}

/// Returns why other members stop it, for a member that is read, and whose hub derives.
std::string WhyOthersStopIt(const WatchedHub& hub) {
  const std::vector<MemberState>& members = hub.standing.members;
  const auto unread = std::find_if(members.begin(), members.end(),
                                   [](const MemberState& one) { return one.feed.cycle == 0; });
  if (unread != members.end()) {
    return absl::StrCat("hub '", hub.storage, "' hands out nothing before '", unread->data_source,
                        "' has completed a cycle");
  }
  const auto suspended = std::find_if(members.begin(), members.end(),
                                      [](const MemberState& one) { return one.feed.suspended.has_value(); });
  if (suspended == members.end()) return "";
  return absl::StrCat("hub '", hub.storage, "' hands out only updates of records that '",
                      suspended->data_source, "' never had, as that member is suspended. ",
                      StatusCommand(hub));
}

std::uint64_t FrozenOf(const WatchedHub& hub, const std::string& data_source) {
  const auto count = hub.standing.frozen.of_data_source.find(data_source);
  return count == hub.standing.frozen.of_data_source.end() ? 0 : count->second;
}

/// Returns when it last had news for a hub. Records come without cycles.
std::int64_t LastNewsOf(const Tenants::Seen& seen) {
  return seen.summary->HasRecords() ? seen.progress_ms : seen.summary->completed_ms;
}

}  // namespace

std::string WhyStopped(const WatchedHub& hub, std::size_t member) {
  const MemberState& state = hub.standing.members.at(member);
  if (state.feed.suspended) return WhySuspended(hub, state);
  if (!hub.written.at(member)) return "";
  if (!hub.failing.empty()) return absl::StrCat("hub '", hub.storage, "' derives nothing: ", hub.failing);
  if (!state.trouble.empty()) return absl::StrCat("hub '", hub.storage, "' cannot read it: ", state.trouble);
  return WhyOthersStopIt(hub);
}

HubWatch::Entry* HubWatch::Find(const std::string& storage) {
  const auto entry =
      std::find_if(hubs_.begin(), hubs_.end(), [&](const Entry& one) { return one.hub.storage == storage; });
  return entry == hubs_.end() ? nullptr : &*entry;
}

void HubWatch::Keep(const std::vector<std::string>& storages) {
  const MutexLock lock(mutex_);
  std::vector<Entry> kept;
  for (const std::string& storage : storages) {
    Entry* const known = Find(storage);
    kept.push_back(known == nullptr ? Entry{.hub = {.storage = storage}} : std::move(*known));
    kept.back().changed = true;
  }
  hubs_ = std::move(kept);
}

void HubWatch::Note(const HubRules& rules, HubStanding standing, std::vector<std::string> tenants,
                    std::int64_t now_ms) {
  const MutexLock lock(mutex_);
  Entry* const entry = Find(rules.storage);
  if (entry == nullptr) return;
  standing.derived_ms = std::max(standing.derived_ms, entry->hub.standing.derived_ms);
  entry->hub.looked = true;
  entry->hub.standing = std::move(standing);
  entry->hub.tenants = std::move(tenants);
  entry->hub.written.clear();
  for (const MemberState& member : entry->hub.standing.members) {
    entry->hub.written.push_back(IsWritten(rules, member.data_source));
  }
  if (entry->hub.behind_since_ms <= entry->hub.standing.derived_ms) entry->hub.behind_since_ms = 0;
  entry->looked_ms = now_ms;
  entry->changed = false;
}

void HubWatch::NoteUnseen(const std::string& storage, std::int64_t now_ms) {
  const MutexLock lock(mutex_);
  if (Entry* const entry = Find(storage); entry != nullptr) entry->looked_ms = now_ms;
}

void HubWatch::NoteDerived(const std::string& storage, std::int64_t begun_ms) {
  const MutexLock lock(mutex_);
  Entry* const entry = Find(storage);
  if (entry == nullptr) return;
  WatchedHub& hub = entry->hub;
  hub.failing.clear();
  hub.failing_since_ms = 0;
  hub.standing.derived_ms = std::max(hub.standing.derived_ms, begun_ms);
  if (hub.behind_since_ms <= hub.standing.derived_ms) hub.behind_since_ms = 0;
  entry->changed = true;
}

void HubWatch::NoteFailed(const std::string& storage, const std::string& why, std::int64_t now_ms) {
  const MutexLock lock(mutex_);
  Entry* const entry = Find(storage);
  if (entry == nullptr) return;
  if (entry->hub.failing.empty()) entry->hub.failing_since_ms = now_ms;
  entry->hub.failing = why;
}

void HubWatch::NoteCompleted(const std::vector<Tenants::Seen>& all) {
  const MutexLock lock(mutex_);
  if (hubs_.empty()) return;
  std::map<std::string, std::int64_t> news;
  for (const Tenants::Seen& seen : all) news[FoldName(seen.context_id)] = LastNewsOf(seen);
  for (Entry& entry : hubs_) {
    WatchedHub& hub = entry.hub;
    // The first news since the last derivation count: later ones do not make the wait shorter.
    if (hub.behind_since_ms > hub.standing.derived_ms) continue;
    hub.behind_since_ms = 0;
    for (const std::string& tenant : hub.tenants) {
      const auto one = news.find(FoldName(tenant));
      if (one == news.end() || one->second <= hub.standing.derived_ms) continue;
      if (hub.behind_since_ms == 0 || one->second < hub.behind_since_ms) hub.behind_since_ms = one->second;
    }
  }
}

bool HubWatch::IsDue(const std::string& storage, bool others, std::int64_t now_ms) const {
  const MutexLock lock(mutex_);
  return std::any_of(hubs_.begin(), hubs_.end(), [&](const Entry& one) {
    const bool soon = now_ms >= one.looked_ms && now_ms - one.looked_ms < kHubStandMs;
    return one.hub.storage == storage && (one.changed || others) && !soon;
  });
}

bool HubWatch::Waits() const {
  const MutexLock lock(mutex_);
  return std::any_of(hubs_.begin(), hubs_.end(), [](const Entry& one) { return one.changed; });
}

std::vector<WatchedHub> HubWatch::All() const {
  const MutexLock lock(mutex_);
  std::vector<WatchedHub> all;
  for (const Entry& entry : hubs_) all.push_back(entry.hub);
  return all;
}

std::map<std::string, std::shared_ptr<const TenantInHub>> HubWatch::OfTenants() const {
  std::map<std::string, std::shared_ptr<const TenantInHub>> all;
  for (const WatchedHub& hub : All()) {
    for (std::size_t i = 0; i < hub.tenants.size(); ++i) {
      const MemberState& member = hub.standing.members.at(i);
      if (hub.tenants[i].empty()) continue;
      // A tenant is a member of one hub; if of several, the first counts.
      all.emplace(FoldName(hub.tenants[i]), std::make_shared<const TenantInHub>(
                                                TenantInHub{.storage = hub.storage,
                                                            .data_source = member.data_source,
                                                            .suspended_ms = member.feed.suspended.value_or(0),
                                                            .source_restored = member.feed.own_restore,
                                                            .open = member.figures.open,
                                                            .held = member.figures.held,
                                                            .refused = member.figures.refused,
                                                            .frozen = FrozenOf(hub, member.data_source),
                                                            .stopped = WhyStopped(hub, i)}));
    }
  }
  return all;
}

}  // namespace mirror
