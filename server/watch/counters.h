#ifndef MIRROR_SERVER_WATCH_COUNTERS_H_
#define MIRROR_SERVER_WATCH_COUNTERS_H_

#include <array>
#include <cstddef>
#include <string_view>

#include "base/http/counters.h"

namespace mirror {

/// Status codes of gRPC: 0 (OK) to 16 (UNAUTHENTICATED).
inline constexpr std::size_t kRpcCodes = 17;

/// The calls of sources, as the metrics name them; any other call counts as the last one.
inline constexpr std::array<std::string_view, 9> kCountedCalls = {
    "Authenticate",         "TableSchema",  "RowData",  "RowDataStream", "Wipe",
    "ReplicationCompleted", "DigestRanges", "ReadRows", "other"};

struct CallCounters {
  std::array<Counter, kRpcCodes> ended;  ///< By code.
  Timings took;
};

/// Counters that the server updates while it works. Threads: any; nothing here blocks.
struct ServerCounters {
  std::array<CallCounters, kCountedCalls.size()> calls;

  Counter cycles_begun;
  Counter cycles_completed;
  Counter cycles_interrupted;  ///< Ended by anything but ReplicationCompleted.
  Counter cycles_busy;         ///< Authenticate was refused because another cycle ran.
  Counter cycles_told_not;     ///< Authenticate of a paused tenant: the answer was not to replicate.

  Counter rows_inserted, rows_updated, rows_deleted;  ///< Rows of batches that were applied.
  Counter batches_applied, batches_repeated, batches_refused;
  Counter row_bytes;  ///< Bytes of row requests, as received.
  Timings commits;    ///< Duration of transactions of rows in the store, including the wait for its lock.
  Timings requests;   ///< Duration of requests with rows, from decoded to committed, including the wait.

  std::array<Counter, 4> events;  ///< By Severity.

  CallCounters& Of(std::string_view call) {
    std::size_t index = 0;
    while (index + 1 < kCountedCalls.size() && kCountedCalls[index] != call) ++index;
    return calls[index];
  }
};

/// For code that is not monitored: counts, but is never shown.
inline ServerCounters& UnwatchedCounters() {
  static ServerCounters counters;
  return counters;
}

}  // namespace mirror

#endif  // MIRROR_SERVER_WATCH_COUNTERS_H_
