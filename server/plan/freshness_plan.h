#ifndef MIRROR_SERVER_PLAN_FRESHNESS_PLAN_H_
#define MIRROR_SERVER_PLAN_FRESHNESS_PLAN_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "server/plan/plan.h"

// As of when a mirror's tables are. Pure.

namespace mirror {

/// As of when a table is, unix milliseconds; absent: not known.
std::optional<std::int64_t> TimeOf(const Freshness& freshness, const std::string& table);

/// How old a table may become, milliseconds; 0: as it likes.
std::int64_t TargetOf(const FreshnessTargets& targets, const std::string& table);

/// What `freshness` becomes when the source says that all of its tables but some are as of a moment. Tables
/// that the mirror itself knows to lack something (not populated, a cycle that died left rows in them) stay
/// as they were; one whose own time is later keeps that.
Freshness WithAllAsOf(const Freshness& freshness, const std::vector<TableRecord>& records,
                      const AllAsOf& as_of);

/// The times in a mirror's file may be behind what the server knows by less than this, where nothing else has
/// to be written.
inline constexpr std::int64_t kTimesBehindMaxMs = 600'000;
/// The same of a mirror with these targets: at most half of the shortest, so that no table seems to miss its
/// target which does not.
std::int64_t TimesBehindMax(const FreshnessTargets& targets);

}  // namespace mirror

#endif  // MIRROR_SERVER_PLAN_FRESHNESS_PLAN_H_
