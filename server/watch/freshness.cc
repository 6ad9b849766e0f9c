#include "server/watch/freshness.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/human_text.h"
#include "proto/wire/table.h"
#include "server/plan/freshness_plan.h"

namespace mirror {
namespace {

std::string Tables(const std::vector<std::string>& tables) {
  return absl::StrCat(tables.size() == 1 ? "table " : absl::StrCat(Counted(tables.size(), "table"), ": "),
                      ListNames(tables));
}

}  // namespace

void FreshnessWatch::Look(const std::vector<Seen>& tenants, std::int64_t now_ms, bool tells) {
  News news;
  {
    const MutexLock lock(mutex_);
    if (tells && !told_) {
      for (auto& [context_id, watched] : watched_) {
        watched.missed.clear();
        watched.due_ms = 0;
      }
    }
    told_ = tells;
    // If the clock was set back, results from the time when it was ahead are not valid any more.
    const bool set_back = now_ms < looked_ms_;
    looked_ms_ = now_ms;
    for (auto& [context_id, watched] : watched_) watched.there = false;
    for (const Seen& seen : tenants) {
      const auto [at, fresh] = watched_.try_emplace(seen.context_id);
      Watched& watched = at->second;
      watched.since_ms = fresh ? now_ms : std::min(watched.since_ms, now_ms);
      watched.there = true;
      if (!fresh && !set_back && watched.summary == seen.summary && now_ms < watched.due_ms) continue;
      watched.summary = seen.summary;
      LookAt(seen.context_id, now_ms, watched, &news);
    }
    std::erase_if(watched_, [](const auto& entry) { return !entry.second.there; });
  }
  // An event is a transaction of the catalog: a request for the metrics must not wait for thousands of them.
  if (tells) Tell(news);
}

void FreshnessWatch::LookAt(const std::string& context_id, std::int64_t now_ms, Watched& watched,
                            News* news) const {
  const TenantSummary& summary = *watched.summary;
  // A table of records is always as fresh as its last write.
  const bool has_none = summary.moving || summary.HasRecords();
  const FreshnessTargets targets =
      has_none ? FreshnessTargets{} : TargetsOf(rules_, context_id, summary.table_names);
  std::set<std::string> missed;
  std::set<std::string> ended = std::exchange(watched.missed, {});
  std::vector<std::string> newly, regained;
  watched.due_ms = std::numeric_limits<std::int64_t>::max();
  for (const std::string& table : summary.table_names) {
    const std::int64_t target = TargetOf(targets, table);
    if (target <= 0) continue;
    const bool before = ended.erase(table) > 0;
    const std::int64_t from = TimeOf(summary.freshness, table).value_or(watched.since_ms);
    const std::int64_t due = from + target + 1;
    if (now_ms < due) {
      watched.due_ms = std::min(watched.due_ms, due);
      if (before) regained.push_back(table);
      continue;
    }
    missed.insert(table);
    if (!before) newly.push_back(table);
  }
  watched.missed = std::move(missed);
  if (!newly.empty()) {
    const char* const why = summary.quarantined ? "damaged" : summary.paused ? "paused" : "";
    news->missed.push_back({context_id, std::move(newly), why});
  }
  if (!regained.empty()) news->regained.push_back({context_id, std::move(regained), ""});
  if (!ended.empty()) news->ended.push_back({context_id, {ended.begin(), ended.end()}, ""});
}

void FreshnessWatch::Tell(const News& news) {
  constexpr char kMissed[] = "freshness.missed";
  if (news.missed.size() > kFreshnessToldMax) {
    TellTogether(
        Severity::kWarning, kMissed, "have tables that are older than the configuration wants", news.missed,
        ". Look for what they share: this machine was down, or nothing reaches it; 'mirrorctl tenants' shows "
        "when each was last served, 'mirrorctl tables TENANT' how old its tables are");
  } else {
    for (const Found& found : news.missed) {
      std::string next = absl::StrCat("Check whether the source's agent runs ('mirrorctl tables ",
                                      found.context_id, "' shows how old each table is)");
      if (found.why == "paused") {
        next = absl::StrCat("The tenant is paused, and its source sends nothing until 'mirrorctl resume ",
                            found.context_id, "'");
      } else if (found.why == "damaged") {
        next = absl::StrCat(
            "The mirror is damaged and accepts nothing; the event mirror.damaged, or mirror.lost, says what "
            "to do ('mirrorctl events ",
            found.context_id, "')");
      }
      events_.Add(found.context_id, Severity::kWarning, kMissed,
                  absl::StrCat("older than the configuration wants: ", Tables(found.tables), ". ", next));
    }
  }
  const auto tell = [this](const char* kind, const std::vector<Found>& all, const char* together,
                           const char* alone) {
    if (all.size() > kFreshnessToldMax) {
      return TellTogether(Severity::kInformation, kind, together, all, "");
    }
    for (const Found& found : all) {
      events_.Add(found.context_id, Severity::kInformation, kind,
                  absl::StrCat(alone, ": ", Tables(found.tables)));
    }
  };
  tell("freshness.regained", news.regained, "have tables that are as fresh as wanted again",
       "as fresh as the configuration wants again");
  tell("freshness.ended", news.ended, "have tables that were too old and are no longer watched",
       "too old until now, and no longer watched, since the mirror does not have them or the configuration "
       "has no target for them");
}

void FreshnessWatch::TellTogether(Severity severity, const char* kind, const std::string& what,
                                  const std::vector<Found>& found, const std::string& next) {
  std::vector<std::string> names;
  names.reserve(found.size());
  for (const Found& one : found) names.push_back(one.context_id);
  events_.Add("", severity, kind,
              absl::StrCat(Counted(found.size(), "tenant"), " ", what, ": ",
                           ListNames(names, kFreshnessToldMax), next));
}

std::size_t FreshnessWatch::Missed(const std::string& context_id) const {
  const MutexLock lock(mutex_);
  const auto found = watched_.find(context_id);
  return found == watched_.end() ? 0 : found->second.missed.size();
}

}  // namespace mirror
