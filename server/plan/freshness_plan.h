#ifndef MIRROR_SERVER_PLAN_FRESHNESS_PLAN_H_
#define MIRROR_SERVER_PLAN_FRESHNESS_PLAN_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "server/plan/plan.h"

// Computes the time, by the source's clock, whose state the tables of a mirror show. Pure.

namespace mirror {

/// Returns the time whose state a table shows, unix milliseconds; absent: not known.
std::optional<std::int64_t> TimeOf(const Freshness& freshness, const std::string& table);

/// Returns the maximum age that the configuration allows for a table, milliseconds; 0: no maximum.
std::int64_t TargetOf(const FreshnessTargets& targets, const std::string& table);

/// Returns the shortest maximum age of any table, milliseconds; absent: there is no maximum.
std::optional<std::int64_t> ShortestTarget(const FreshnessTargets& targets);

/// Returns `freshness` after the source stated that all its tables, except `as_of.stale`, are current as of
/// one moment. Three kinds of tables keep their own time: stale tables, tables whose own time is later, and
/// tables that the mirror knows to be incomplete. A table is incomplete if it is not populated, or has rows
/// of a cycle that did not commit them.
Freshness WithAllAsOf(const Freshness& freshness, const std::vector<TableRecord>& records,
                      const AllAsOf& as_of);

/// Maximum lag, in milliseconds, of the times in a mirror's file behind those in the server's memory. It
/// applies while the server has nothing else to write to the file.
inline constexpr std::int64_t kTimesBehindMaxMs = 600'000;
/// Returns this maximum for a mirror with these targets: at most a third of the shortest target. So no table
/// misses its target because of the lag alone, even if the next time comes a third of the target later.
std::int64_t TimesBehindMax(const FreshnessTargets& targets);

}  // namespace mirror

#endif  // MIRROR_SERVER_PLAN_FRESHNESS_PLAN_H_
