#include "server/store/catalog/catalog.h"

#include "base/name_pattern.h"
#include "base/status_macros.h"

namespace mirror {

bool Matches(const EventFilter& filter, const EventRecord& event) {
  return (filter.context_id.empty() || event.context_id == filter.context_id) &&
         event.severity >= filter.severity && event.time_ms >= filter.since_ms &&
         (filter.kind.empty() || MatchesExactly(event.kind, filter.kind));
}

absl::StatusOr<std::map<std::string, std::string>> Catalog::KeepKnownSummaries(
    const std::map<std::string, std::string>& by_context, const IsKnown& is_known) {
  ASSIGN_OR_RETURN(const auto kept, Summaries());
  std::map<std::string, std::string> known, unknown;
  for (const auto& [context_id, text] : by_context) {
    const auto found = kept.find(context_id);
    const std::string before = found == kept.end() ? std::string() : found->second;
    if (is_known(context_id, before)) {
      known[context_id] = text;
    } else {
      unknown[context_id] = before;
    }
  }
  RETURN_IF_ERROR(KeepSummaries(known));
  return unknown;
}

}  // namespace mirror
