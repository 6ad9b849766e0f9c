#ifndef MIRROR_SERVER_SOURCE_CALL_LOG_H_
#define MIRROR_SERVER_SOURCE_CALL_LOG_H_

#include <chrono>
#include <string>

#include "absl/status/status.h"
#include "server/watch/counters.h"

namespace mirror {

/// Logs one line for a call that ended, and counts the call in the metrics. The level is debug, or info for a
/// refused call. The rate of lines about refusals is limited, so that a stranger cannot fill the disk. A line
/// never contains values, tokens or keys.
class CallLog {
 public:
  /// `call` names the call: "RowData". `counters` must outlive the log.
  explicit CallLog(const char* call, ServerCounters& counters = UnwatchedCounters())
      : call_(call), counters_(counters) {}

  void set_tenant(const std::string& context_id) { tenant_ = context_id; }
  /// Writes the line with all that is known by then, and counts the call. Returns `status`.
  absl::Status Finish(absl::Status status) const;

 private:
  const char* const call_;
  ServerCounters& counters_;
  std::string tenant_ = "-";
  const std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
};

}  // namespace mirror

#endif  // MIRROR_SERVER_SOURCE_CALL_LOG_H_
