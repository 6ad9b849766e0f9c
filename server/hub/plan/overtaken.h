#ifndef MIRROR_SERVER_HUB_PLAN_OVERTAKEN_H_
#define MIRROR_SERVER_HUB_PLAN_OVERTAKEN_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "server/hub/plan/component.h"

namespace mirror {

/// An edit that nobody will see, since a later one counts whose author did not know it. No value.
struct OvertakenEdit {
  std::string golden_id, attribute;
  std::string lost;  ///< Data source where it was made.
  std::int64_t lost_ms = 0;
  std::string won;
  std::int64_t won_ms = 0;
  friend bool operator==(const OvertakenEdit&, const OvertakenEdit&) = default;
};

/// Of attributes whose newest value counts. `was`: the records before GoldenPlan(), which was done.
std::vector<OvertakenEdit> FindOvertaken(const std::map<std::string, GoldenRecord>& was,
                                         const Component& now);

}  // namespace mirror

#endif  // MIRROR_SERVER_HUB_PLAN_OVERTAKEN_H_
