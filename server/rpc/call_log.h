#ifndef MIRROR_SERVER_RPC_CALL_LOG_H_
#define MIRROR_SERVER_RPC_CALL_LOG_H_

#include <grpcpp/support/status.h>

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
  /// Who gets the answer: a source is told SourceWords(), an operator all of it.
  enum class Told { kSource, kOperator };

  /// `call` names it: "RowData". `counters` outlives the log.
  explicit CallLog(const char* call, ServerCounters& counters = UnwatchedCounters(),
                   Told told = Told::kSource)
      : call_(call), counters_(counters), told_(told) {}

  void set_tenant(const std::string& context_id) { tenant_ = context_id; }
  /// Writes the line, with all that is known, and counts the call; gives the status for the wire.
  grpc::Status Finish(const absl::Status& status) const;

 private:
  const char* const call_;
  ServerCounters& counters_;
  const Told told_;
  std::string tenant_ = "-";
  const std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
};

}  // namespace mirror

#endif  // MIRROR_SERVER_RPC_CALL_LOG_H_
