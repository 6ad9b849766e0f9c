#ifndef MIRROR_SERVER_HUB_PLAN_DISTRUST_H_
#define MIRROR_SERVER_HUB_PLAN_DISTRUST_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "server/hub/plan/hub_values.h"
#include "server/hub/plan/member_look.h"

namespace mirror {

struct Feeds {
  std::map<std::string, HubFeed>& feeds;
  const std::map<std::string, std::int64_t>& cycles;  ///< The last that began, by data source.
  std::int64_t now_ms = 0;

  void Suspend(const std::string& data_source);
};

/// Suspends a member whose source was restored, and all of them when a mirror or the hub's file was.
/// `salt`: of the mirror's entry with the feed's number. Gives whether the hub that a mirror knows is another
/// one, so that whatever is new has to wait.
bool Distrust(const std::string& data_source, const LookHead& head, std::optional<std::int64_t> salt,
              Feeds* feeds);

}  // namespace mirror

#endif  // MIRROR_SERVER_HUB_PLAN_DISTRUST_H_
