#ifndef MIRROR_SERVER_WATCH_COUNTERS_H_
#define MIRROR_SERVER_WATCH_COUNTERS_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/http/counters.h"

namespace mirror {

/// Codes of gRPC: 0 (OK) to 16 (UNAUTHENTICATED).
inline constexpr std::size_t kRpcCodes = 17;

/// The calls of sources, as the metrics name them; all others count as the last.
inline constexpr std::array<std::string_view, 9> kCountedCalls = {
    "Authenticate",         "TableSchema",  "RowData",  "RowDataStream", "Wipe",
    "ReplicationCompleted", "DigestRanges", "ReadRows", "other"};

struct CallCounters {
  std::array<Counter, kRpcCodes> ended;  ///< By code.
  Timings took;
};

/// What the server counts while it works. Threads: any; nothing here waits for anything.
struct ServerCounters {
  std::array<CallCounters, kCountedCalls.size()> calls;

  Counter cycles_begun;
  Counter cycles_completed;
  Counter cycles_interrupted;  ///< Ended by anything but ReplicationCompleted.
  Counter cycles_busy;         ///< Authenticate while another one ran.
  Counter cycles_told_not;     ///< Authenticate of a paused tenant.

  Counter rows_inserted, rows_updated, rows_deleted;  ///< Of batches that were applied.
  Counter batches_applied, batches_repeated, batches_refused;
  Counter row_bytes;  ///< Of requests with rows, as they came.
  Timings commits;    ///< Transactions of rows in the store, with the wait for its lock.
  Timings requests;   ///< Requests with rows, from decoded to committed, waiting included.

  std::array<Counter, 4> events;  ///< By Severity.

  CallCounters& Of(std::string_view call) {
    std::size_t index = 0;
    while (index + 1 < kCountedCalls.size() && kCountedCalls[index] != call) ++index;
    return calls[index];
  }
};

/// For whoever is not watched: counted, and never shown.
inline ServerCounters& UnwatchedCounters() {
  static ServerCounters counters;
  return counters;
}

}  // namespace mirror

#endif  // MIRROR_SERVER_WATCH_COUNTERS_H_
