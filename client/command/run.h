#ifndef MIRROR_CLIENT_COMMAND_RUN_H_
#define MIRROR_CLIENT_COMMAND_RUN_H_

#include <ostream>
#include <stop_token>

#include "base/text/find_config.h"
#include "client/command/agent_metrics.h"
#include "client/config/config.h"
#include "client/wire/connect.h"

namespace mirror {

/// `mirror-agent run`: runs cycles of all sources until SIGTERM or SIGINT. Then each
/// finishes its present batch; a second signal ends at once, which costs only a retry.
/// Call it before other threads are made. The first line of its log names a configuration
/// that was found by search. Returns the exit code: 0 stopped, 2 wrong configuration.
int Run(const FoundConfig& config, std::ostream& out, std::ostream& err);

/// Runs a thread for each source, each with its own Schedule: one that fails or hangs
/// does not disturb the others. Returns after `stop` was requested and the running
/// cycles have ended. `metrics` covers the sources of `config`, and may be null.
void RunSources(const AgentConfig& config, const Connection& connection, const std::stop_token& stop,
                std::ostream& out, std::ostream& err, AgentMetrics* metrics = nullptr);

}  // namespace mirror

#endif  // MIRROR_CLIENT_COMMAND_RUN_H_
