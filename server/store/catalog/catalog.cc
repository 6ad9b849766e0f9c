#include "server/store/catalog/catalog.h"

#include "base/name_pattern.h"

namespace mirror {

bool Matches(const EventFilter& filter, const EventRecord& event) {
  return (filter.context_id.empty() || event.context_id == filter.context_id) &&
         event.severity >= filter.severity && event.time_ms >= filter.since_ms &&
         (filter.kind.empty() || MatchesExactly(event.kind, filter.kind));
}

}  // namespace mirror
