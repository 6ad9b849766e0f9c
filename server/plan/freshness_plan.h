#ifndef MIRROR_SERVER_PLAN_FRESHNESS_PLAN_H_
#define MIRROR_SERVER_PLAN_FRESHNESS_PLAN_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "server/plan/plan.h"

// The source's time as of which a mirror's tables are current. Pure.

namespace mirror {

/// Returns the time as of which a table is current, unix milliseconds; absent: not known.
std::optional<std::int64_t> TimeOf(const Freshness& freshness, const std::string& table);

/// Returns the maximum age of a table, milliseconds; 0: no maximum.
std::int64_t TargetOf(const FreshnessTargets& targets, const std::string& table);

/// Returns the shortest maximum age of any table, milliseconds; absent: there is no maximum.
std::optional<std::int64_t> ShortestTarget(const FreshnessTargets& targets);

/// Returns `freshness` after the source said that all of its tables, except some, are current as of a moment.
/// Keeps the time of tables that the mirror knows to be incomplete (not populated, or with rows of a cycle
/// that died), and any table's own time if that is later.
Freshness WithAllAsOf(const Freshness& freshness, const std::vector<TableRecord>& records,
                      const AllAsOf& as_of);

/// The maximum by which the times in a mirror's file lag behind those in the server's memory, while nothing
/// else has to be written.
inline constexpr std::int64_t kTimesBehindMaxMs = 600'000;
/// Returns that limit for a mirror with these targets: at most a third of the shortest target, so that no
/// table seems to miss its target by the lag alone, even if the next time comes a third of the target later.
std::int64_t TimesBehindMax(const FreshnessTargets& targets);

}  // namespace mirror

#endif  // MIRROR_SERVER_PLAN_FRESHNESS_PLAN_H_
