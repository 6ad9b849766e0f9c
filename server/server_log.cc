#include "server/server_log.h"

#include <grpc/support/log.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <utility>

#include "base/log_format.h"

namespace mirror {

void SetUpLog(const ServerConfig& config) {
  auto logger = spdlog::stderr_logger_mt("mirror-server");
  SetFormat(*logger, config.log_format);
  SetLevel(*logger, config.log_level);
  logger->flush_on(spdlog::level::trace);
  spdlog::set_default_logger(std::move(logger));
  // gRPC calls each stranger's failed handshake an error.
  gpr_set_log_function([](gpr_log_func_args* args) { spdlog::debug("gRPC: {}", args->message); });
}

}  // namespace mirror
