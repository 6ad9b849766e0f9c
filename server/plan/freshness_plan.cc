#include "server/plan/freshness_plan.h"

#include <algorithm>
#include <set>
#include <utility>

#include "base/folded_name.h"

namespace mirror {
namespace {

bool IsWhole(const TableRecord& record) {
  return record.state == TableState::kMirrored && record.position.lsn != Lsn{} && !record.pending;
}

}  // namespace

std::optional<std::int64_t> TimeOf(const Freshness& freshness, const std::string& table) {
  const auto own = freshness.tables.find(FoldName(table));
  return own == freshness.tables.end() ? freshness.all_ms : own->second;
}

std::int64_t TargetOf(const FreshnessTargets& targets, const std::string& table) {
  const auto own = targets.tables.find(FoldName(table));
  return own == targets.tables.end() ? targets.all_ms : own->second;
}

Freshness WithAllAsOf(const Freshness& freshness, const std::vector<TableRecord>& records,
                      const AllAsOf& as_of) {
  std::set<std::string> stale;
  for (const std::string& table : as_of.stale) stale.insert(FoldName(table));
  Freshness next = freshness;
  next.all_ms = as_of.source_ms;
  next.tables.clear();
  for (const TableRecord& record : records) {
    std::string key = FoldName(record.table);
    const std::optional<std::int64_t> before = TimeOf(freshness, record.table);
    const auto own = freshness.tables.find(key);
    const bool later = own != freshness.tables.end() && own->second && *own->second > as_of.source_ms;
    if (!IsWhole(record) || stale.contains(key) || later) next.tables.emplace(std::move(key), before);
  }
  return next;
}

std::optional<std::int64_t> ShortestTarget(const FreshnessTargets& targets) {
  std::optional<std::int64_t> shortest;
  const auto add = [&](std::int64_t target_ms) {
    if (target_ms > 0) shortest = std::min(shortest.value_or(target_ms), target_ms);
  };
  add(targets.all_ms);
  for (const auto& [table, target_ms] : targets.tables) add(target_ms);
  return shortest;
}

std::int64_t TimesBehindMax(const FreshnessTargets& targets) {
  return std::min(kTimesBehindMaxMs, ShortestTarget(targets).value_or(3 * kTimesBehindMaxMs) / 3);
}

}  // namespace mirror
