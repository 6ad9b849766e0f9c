#include "server/freshness.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "proto/wire/name_pattern.h"
#include "proto/wire/table.h"

namespace mirror {
namespace {

constexpr std::size_t kNamesListed = 20;

std::string Tables(const std::vector<std::string>& tables) {
  return absl::StrCat(tables.size() == 1 ? "table " : absl::StrCat(tables.size(), " tables: "),
                      ListNames(tables, kNamesListed));
}

}  // namespace

FreshnessTargets TargetsOf(const FreshnessRules& rules, const std::string& context_id,
                           const std::vector<TableRecord>& tables) {
  FreshnessTargets targets;
  std::vector<const FreshnessRule*> of_tables;
  for (const FreshnessRule& rule : rules) {
    if (!MatchesExactly(context_id, rule.context)) continue;
    if (rule.of_table) {
      of_tables.push_back(&rule);
    } else {
      targets.all_ms = rule.target_ms;
    }
  }
  if (of_tables.empty()) return targets;
  for (const TableRecord& record : tables) {
    std::optional<std::int64_t> own;
    for (const FreshnessRule* rule : of_tables) {
      if (MatchesPattern(record.table, rule->table)) own = rule->target_ms;
    }
    if (own && *own != targets.all_ms) targets.tables[FoldName(record.table)] = *own;
  }
  return targets;
}

void FreshnessWatch::Look(const std::vector<Seen>& tenants, std::int64_t now_ms) {
  const std::lock_guard lock(mutex_);
  for (auto& [context_id, watched] : watched_) watched.there = false;
  for (const Seen& seen : tenants) {
    const auto [at, fresh] = watched_.try_emplace(seen.context_id);
    Watched& watched = at->second;
    if (fresh) watched.since_ms = now_ms;
    watched.there = true;
    if (!fresh && watched.summary == seen.summary && now_ms < watched.due_ms) continue;
    watched.summary = seen.summary;
    LookAt(seen.context_id, now_ms, watched);
  }
  std::erase_if(watched_, [](const auto& entry) { return !entry.second.there; });
}

void FreshnessWatch::LookAt(const std::string& context_id, std::int64_t now_ms, Watched& watched) {
  std::set<std::string> missed;
  std::vector<std::string> newly, regained;
  watched.due_ms = std::numeric_limits<std::int64_t>::max();
  for (const TableFreshness& table : watched.summary->freshness) {
    const std::int64_t from = table.source_ms > 0 ? table.source_ms : watched.since_ms;
    const std::int64_t due = from + table.target_ms + 1;
    if (now_ms < due) {
      watched.due_ms = std::min(watched.due_ms, due);
      if (watched.missed.contains(table.table)) regained.push_back(table.table);
      continue;
    }
    missed.insert(table.table);
    if (!watched.missed.contains(table.table)) newly.push_back(table.table);
  }
  watched.missed = std::move(missed);
  if (!newly.empty()) {
    events_.Add(context_id, Severity::kWarning, "freshness.missed",
                absl::StrCat("older than the configuration wants: ", Tables(newly),
                             ". Look whether the source's agent runs ('mirrorctl tables ", context_id,
                             "' shows as of when each table is)"));
  }
  if (!regained.empty()) {
    events_.Add(context_id, Severity::kInformation, "freshness.regained",
                absl::StrCat("as fresh as the configuration wants again: ", Tables(regained)));
  }
}

std::size_t FreshnessWatch::Missed(const std::string& context_id) const {
  const std::lock_guard lock(mutex_);
  const auto found = watched_.find(context_id);
  return found == watched_.end() ? 0 : found->second.missed.size();
}

}  // namespace mirror
