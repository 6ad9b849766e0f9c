#ifndef MIRROR_CLIENT_WIRE_AGENT_COUNTERS_H_
#define MIRROR_CLIENT_WIRE_AGENT_COUNTERS_H_

#include <array>
#include <cstddef>
#include <string_view>

#include "base/exposition/counters.h"

namespace mirror {

/// The calls that an agent makes, as the metrics name them. RowDataStream: one request of it, from its
/// sending to its answer.
inline constexpr std::array<std::string_view, 8> kTimedCalls = {
    "Authenticate",         "TableSchema",  "RowData",  "RowDataStream",
    "ReplicationCompleted", "DigestRanges", "ReadRows", "other"};

/// What the wire counts for one source. Threads: any.
struct WireCounters {
  std::array<Timings, kTimedCalls.size()> calls;
  Counter sent_bytes;  ///< Of requests with rows.

  Timings& Of(std::string_view call) {
    std::size_t index = 0;
    while (index + 1 < kTimedCalls.size() && kTimedCalls[index] != call) ++index;
    return calls[index];
  }
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_WIRE_AGENT_COUNTERS_H_
