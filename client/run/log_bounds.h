#ifndef MIRROR_CLIENT_RUN_LOG_BOUNDS_H_
#define MIRROR_CLIENT_RUN_LOG_BOUNDS_H_

#include <string>
#include <vector>

#include "client/config/source_config.h"
#include "client/source/source_log.h"

namespace mirror {

/// Which bound of a source's log is near, a sentence for people each, before the source or this agent gives
/// something up: `max_wal` is passed, the source is about to drop what it keeps for the agent, the stage is
/// nearly `max_stage`.
std::vector<std::string> NearBounds(const LogFigures& figures, const SourceConfig& source);

}  // namespace mirror

#endif  // MIRROR_CLIENT_RUN_LOG_BOUNDS_H_
