#ifndef MIRROR_SERVER_SERVER_LOG_H_
#define MIRROR_SERVER_SERVER_LOG_H_

#include "server/config/config.h"

namespace mirror {

/// The process' log, on standard error, as [log] says; gRPC's own lines with it. Called once.
void SetUpLog(const ServerConfig& config);

}  // namespace mirror

#endif  // MIRROR_SERVER_SERVER_LOG_H_
