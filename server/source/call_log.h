#ifndef MIRROR_SERVER_SOURCE_CALL_LOG_H_
#define MIRROR_SERVER_SOURCE_CALL_LOG_H_

#include <chrono>
#include <string>

#include "absl/status/status.h"
#include "server/watch/counters.h"

namespace mirror {

/// One line in the log for a call that ended, and its place in the metrics: at debug, or at info when it was
/// refused. Lines about refusals are bounded by time, so that a stranger cannot fill the disk with them.
/// Never in it: values, tokens, keys.
class CallLog {
 public:
  /// `call` names it: "RowData". `counters` outlives the log.
  explicit CallLog(const char* call, ServerCounters& counters = UnwatchedCounters())
      : call_(call), counters_(counters) {}

  void set_tenant(const std::string& context_id) { tenant_ = context_id; }
  /// Writes the line, with all that is known, and counts the call; gives the status on.
  absl::Status Finish(absl::Status status) const;

 private:
  const char* const call_;
  ServerCounters& counters_;
  std::string tenant_ = "-";
  const std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
};

}  // namespace mirror

#endif  // MIRROR_SERVER_SOURCE_CALL_LOG_H_
