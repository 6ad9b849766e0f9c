#ifndef MIRROR_SERVER_HUB_PLAN_FORGET_H_
#define MIRROR_SERVER_HUB_PLAN_FORGET_H_

#include <cstddef>
#include <cstdint>

#include "absl/status/status.h"
#include "server/hub/plan/hub_book.h"
#include "server/hub/plan/hub_rules.h"

namespace mirror {

/// Records, and issued INSERTs, that one derivation forgets for their age.
inline constexpr std::size_t kForgottenMax = 1'000;

/// Behind the reading of members in which something was erased, and before their records are planned: what a
/// row that is gone has said stands nowhere any more. A word that no row says any more goes, and what the
/// system made of it counts; so do rows and records that the rules do not name, as nobody would ever read
/// that they are gone. Reads the whole book. Memory: one record. Errors: those of `book`.
absl::Status ForgetErased(const HubRules& rules, HubBook* book);

/// Records that have had no row for HubRules::forget_ms, and INSERTs that were issued as long ago and are not
/// open: kForgottenMax of each at most, the oldest first. Errors: those of `book`.
absl::Status ForgetOld(const HubRules& rules, std::int64_t time, HubBook* book);

}  // namespace mirror

#endif  // MIRROR_SERVER_HUB_PLAN_FORGET_H_
