#include "tools/benchmarks/echo_table.h"

#include "base/status_macros.h"
#include "client/config/config.h"
#include "tools/benchmarks/batch_maker.h"
#include "tools/benchmarks/push_calls.h"
#include "tools/benchmarks/stopwatch.h"

namespace mirror::bench {

absl::StatusOr<std::unique_ptr<EchoTable>> EchoTable::Open(const std::string& config, const BenchRows* rows) {
  ASSIGN_OR_RETURN(const AgentConfig loaded, LoadAgentConfig(config));
  ASSIGN_OR_RETURN(const Connection connection, Connect(loaded));
  return std::unique_ptr<EchoTable>(new EchoTable(connection, rows));
}

absl::StatusOr<StepTime> EchoTable::Run(const Step& step) {
  if (!IsPush(step.verb)) return absl::InvalidArgumentError("an echo takes pushes alone");
  const BatchMaker maker(rows_, step);
  StepTime time{maker.keys(), 0, {}};
  // As long as those of a mirror.
  const StepHead head{std::string(32, 'h'), Lsn{1}, {Lsn{2}, "bench-1"}, /*populate=*/false};
  const Clock::time_point start = Clock::now();
  RETURN_IF_ERROR(PushBatches(client_, 1, maker, head, step.verb == Verb::kPushStream, &time));
  time.seconds = Since(start);
  return time;
}

}  // namespace mirror::bench
