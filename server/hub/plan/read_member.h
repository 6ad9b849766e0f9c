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

/// State that all members of one derivation share.
struct Reading {
  const HubRules& rules;
  HubBook& book;
  std::int64_t now_ms = 0;
  std::int64_t time = 0;   ///< The hub's time.
  std::int64_t turns = 0;  ///< Rows that were read so far.
  std::vector<HubNote> notes = {};
};

/// Reads the news of one member into the book: its present rows, and the work for their records, which are
/// planned later. `mode`: set if the member is resumed. Updates `feed`, except its token. Returns whether the
/// mirror needs an acknowledgement. Errors: those of the book and the look.
absl::StatusOr<bool> ReadMember(const std::string& data_source, std::optional<ResumeMode> mode,
                                MemberLook* look, HubFeed* feed, Reading* reading);

}  // namespace mirror

#endif  // MIRROR_SERVER_HUB_PLAN_READ_MEMBER_H_
