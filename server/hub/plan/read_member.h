#ifndef MIRROR_SERVER_HUB_PLAN_READ_MEMBER_H_
#define MIRROR_SERVER_HUB_PLAN_READ_MEMBER_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "server/hub/plan/derive.h"
#include "server/hub/plan/hub_book.h"
#include "server/hub/plan/member_look.h"

namespace mirror {

/// What all members of one derivation share.
struct Reading {
  const HubRules& rules;
  HubBook& book;
  std::int64_t now_ms = 0;
  std::int64_t time = 0;   ///< The hub's.
  std::int64_t turns = 0;  ///< Rows that were read so far.
  std::vector<HubNote> notes = {};
};

/// Reads what is new of one member into the book: its rows as they are, and what that asks of their records,
/// which are planned later. `mode`: the member is resumed. Moves `feed` on, but for its token. Gives whether
/// the mirror has to be told. Errors: those of the book and the look.
absl::StatusOr<bool> ReadMember(const std::string& data_source, std::optional<ResumeMode> mode,
                                MemberLook* look, HubFeed* feed, Reading* reading);

}  // namespace mirror

#endif  // MIRROR_SERVER_HUB_PLAN_READ_MEMBER_H_
