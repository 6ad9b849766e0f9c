#ifndef MIRROR_SERVER_HUB_PLAN_FORGET_H_
#define MIRROR_SERVER_HUB_PLAN_FORGET_H_

#include <cstddef>
#include <cstdint>

#include "absl/status/status.h"
#include "server/hub/plan/hub_book.h"
#include "server/hub/plan/hub_rules.h"

namespace mirror {

/// Maximum number of records, and of issued INSERTs, that one derivation forgets because of their age.
inline constexpr std::size_t kForgottenMax = 1'000;

/// Removes everything that deleted rows have said. Called after reading members in which data was erased,
/// before their records are planned. A Said::word that no row says any more is removed; the value that the
/// system made of it then counts. Rows and records that the rules do not name are removed, because no
/// derivation would read their deletion. Reads the whole book. Memory: one record. Errors: those of `book`.
absl::Status ForgetErased(const HubRules& rules, HubBook* book);

/// Forgets records that have had no row for HubRules::forget_ms, and INSERTs that were issued that long ago
/// and are not open. At most kForgottenMax of each, the oldest first. Errors: those of `book`.
absl::Status ForgetOld(const HubRules& rules, std::int64_t time, HubBook* book);

}  // namespace mirror

#endif  // MIRROR_SERVER_HUB_PLAN_FORGET_H_
