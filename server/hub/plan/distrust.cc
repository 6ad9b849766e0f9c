#include "server/hub/plan/distrust.h"

#include <algorithm>

namespace mirror {
namespace {

// The file and the hub do not know each other as the last derivation left them.
bool IsOfOtherLife(const HubFeed& feed, const LookHead& head, std::optional<std::int64_t> salt) {
  // A kill between the hub's commit and what the mirror is told leaves what it was told before.
  const bool known = head.anchor == feed.anchor ||
                     (feed.before && head.anchor == *feed.before && head.completed_cycle >= feed.cycle);
  // A file that was put back to before that commit, and has grown since, differs in the entry that was read.
  // Where that entry went, as the journal is bounded, all rows are compared.
  const bool went = head.floor > feed.anchor.number;
  return !known || (!went && salt != feed.salt);
}

}  // namespace

void Feeds::Suspend(const std::string& data_source) {
  const auto cycle = cycles.find(data_source);
  feeds[data_source].suspended = std::max(now_ms, cycle == cycles.end() ? 0 : cycle->second);
}

bool Distrust(const std::string& data_source, const LookHead& head, std::optional<std::int64_t> salt,
              Feeds* feeds) {
  HubFeed& feed = feeds->feeds[data_source];
  const bool first = feed.cycle == 0;
  const bool other_life = first ? !head.anchor.token.empty() : IsOfOtherLife(feed, head, salt);
  if ((other_life && !feed.suspended) || head.mirror_older > feed.mirror_older) {
    for (auto& [name, other] : feeds->feeds) feeds->Suspend(name);
  }
  if (head.source_older > feed.source_older) {
    feeds->Suspend(data_source);
    feed.own_restore = true;
  }
  feed.source_older = head.source_older;
  feed.mirror_older = head.mirror_older;
  return first && other_life;
}

}  // namespace mirror
