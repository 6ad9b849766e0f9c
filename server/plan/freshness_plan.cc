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

std::int64_t TimesBehindMax(const FreshnessTargets& targets) {
  std::int64_t behind_ms = kTimesBehindMaxMs;
  const auto bound = [&](std::int64_t target_ms) {
    if (target_ms > 0) behind_ms = std::min(behind_ms, target_ms / 2);
  };
  bound(targets.all_ms);
  for (const auto& [table, target_ms] : targets.tables) bound(target_ms);
  return behind_ms;
}

}  // namespace mirror
