#include "server/watch/events.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/log_format.h"
#include "base/name_pattern.h"
#include "base/printable.h"
#include "base/text/config_node.h"
#include "server/watch/log_text.h"

MIRROR_EMBEDDED(events);

namespace mirror {
namespace {

/// Sorted alphabetically.
std::vector<std::string> DescribedKinds() {
  std::vector<std::string> kinds;
  for (const ConfigNode& row : DescribedRows(mirror_embedded_events[0]))
    kinds.push_back(row.Find("name")->text);
  std::sort(kinds.begin(), kinds.end());
  return kinds;
}

/// Returns the part before the dot.
std::string_view GroupOf(std::string_view kind) { return kind.substr(0, kind.find('.')); }

}  // namespace

absl::Status CheckKindPattern(std::string_view pattern) {
  static const std::vector<std::string> kinds = DescribedKinds();
  std::vector<std::string> near, groups;
  for (const std::string_view kind : kinds) {
    if (pattern.empty() || MatchesExactly(kind, pattern)) return absl::OkStatus();
    const std::string_view group = GroupOf(kind);
    if (group == GroupOf(pattern)) near.emplace_back(kind);
    if (groups.empty() || groups.back() != group) groups.emplace_back(group);
  }
  const std::string there = near.empty() ? absl::StrCat("Kinds begin with ", absl::StrJoin(groups, ", "),
                                                        "; cycle.* means all that begin with cycle.")
                                         : absl::StrCat("There are ", absl::StrJoin(near, ", "), ".");
  return absl::InvalidArgumentError(
      absl::StrCat("no event is of the kind '", Printable(pattern), "'. ", there));
}

namespace {

constexpr std::int64_t kFloodMs = 60'000;

spdlog::level::level_enum LevelOf(Severity severity) {
  switch (severity) {
    case Severity::kError:
      return spdlog::level::err;
    case Severity::kWarning:
      return spdlog::level::warn;
    case Severity::kInformation:
      break;
  }
  return spdlog::level::info;
}

void Log(const EventRecord& event) {
  const std::string before =
      absl::StrCat("event ", event.kind, " ", event.context_id.empty() ? "-" : event.context_id, ": ");
  // Names of tables may contain anything, also line ends.
  WriteLog(*spdlog::default_logger(), LevelOf(event.severity), {event.kind, event.context_id}, before,
           OneLine(event.message));
}

}  // namespace

EventRecord Events::SummedUp(const Flood& flood) {
  EventRecord event = flood.last;
  absl::StrAppend(&event.message, " … ", flood.more, " more like it");
  return event;
}

void Events::Add(const std::string& context_id, Severity severity, std::string_view kind,
                 const std::string& message) {
  EventRecord event;
  event.time_ms = now_ms_();
  event.context_id = context_id;
  event.severity = severity;
  event.kind = std::string(kind);
  event.message = message;
  counters_.events.at(static_cast<std::size_t>(event.severity)).Add();
  std::vector<EventRecord> summed_up;
  const bool kept = HasRoom(event, &summed_up);
  for (EventRecord& sum : summed_up) Keep(std::move(sum));
  if (kept) Keep(std::move(event));
}

bool Events::HasRoom(const EventRecord& event, std::vector<EventRecord>* summed_up) {
  const MutexLock lock(floods_mutex_);
  Flood& flood = floods_[{event.context_id, event.kind}];
  const bool over = event.time_ms - flood.begin_ms >= kFloodMs || event.time_ms < flood.begin_ms;
  if (over) {
    if (flood.more > 0) summed_up->push_back(SummedUp(flood));
    flood = Flood{.begin_ms = event.time_ms};
  }
  if (++flood.events <= kEventsPerMinute) return true;
  ++flood.more;
  const Severity worst = flood.more > 1 ? std::max(flood.last.severity, event.severity) : event.severity;
  flood.last = event;
  flood.last.severity = worst;
  return false;
}

/// Keeps one summary event for each flood that is over.
void Events::KeepSums(std::int64_t older_than_ms) {
  std::vector<EventRecord> summed_up;
  {
    const MutexLock lock(floods_mutex_);
    std::erase_if(floods_, [&](const auto& entry) {
      const Flood& flood = entry.second;
      if (flood.begin_ms > older_than_ms) return false;
      if (flood.more > 0) summed_up.push_back(SummedUp(flood));
      return true;
    });
  }
  for (EventRecord& sum : summed_up) Keep(std::move(sum));
}

void Events::KeepHouse() {
  KeepSums(now_ms_() - kFloodMs);
  KeepWaiting();
}

void Events::EndFloods() { KeepSums(INT64_MAX); }

/// Writes the events that the catalog did not accept before, in order. False: it still fails.
bool Events::KeepWaiting() {
  while (true) {
    EventRecord event;
    {
      const MutexLock lock(mutex_);
      if (unkept_.empty()) return true;
      event = unkept_.front();
      unkept_.pop_front();
    }
    const absl::StatusOr<EventRecord> kept = catalog_.AddEvent(event);
    const MutexLock lock(mutex_);
    if (!kept.ok()) {
      unkept_.push_front(std::move(event));
      return false;
    }
    if (listener_) listener_(*kept);
    ++count_;
  }
}

void Events::Keep(EventRecord event) {
  absl::StatusOr<EventRecord> kept = absl::UnavailableError("earlier events still wait");
  if (KeepWaiting()) kept = catalog_.AddEvent(event);
  Log(event);
  if (!kept.ok()) {
    spdlog::error("this event was not kept yet: {}", std::string(kept.status().message()));
  } else if (listener_) {
    listener_(*kept);
  }
  {
    const MutexLock lock(mutex_);
    if (!kept.ok()) {
      unkept_.push_back(std::move(event));
      if (unkept_.size() > kUnkeptEventsMax) unkept_.pop_front();
    }
    ++count_;
  }
  added_.NotifyAll();
}

absl::StatusOr<std::vector<EventRecord>> Events::Last(const EventFilter& filter, std::uint64_t before_id,
                                                      std::uint32_t limit) {
  return catalog_.LastEvents(filter, before_id, limit);
}

absl::StatusOr<std::vector<EventRecord>> Events::After(const std::string& context_id, std::uint64_t after_id,
                                                       std::uint32_t limit) {
  return catalog_.EventsAfter(context_id, after_id, limit);
}

void Events::Wait(std::chrono::milliseconds patience) {
  const MutexLock lock(mutex_);
  const std::uint64_t before = count_;
  const auto end = std::chrono::steady_clock::now() + patience;
  while (count_ == before) {
    if (!added_.WaitUntil(mutex_, end)) return;
  }
}

}  // namespace mirror
