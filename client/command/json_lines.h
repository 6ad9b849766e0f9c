#ifndef MIRROR_CLIENT_COMMAND_JSON_LINES_H_
#define MIRROR_CLIENT_COMMAND_JSON_LINES_H_

#include <spdlog/logger.h>

#include <memory>
#include <ostream>
#include <streambuf>
#include <string>
#include <string_view>

#include "client/config/config.h"

namespace mirror {

/// What the agent writes for people, as JSON lines when [log] 'format' says so: each whole line that is
/// written to stream() becomes one object on `out`. "mirror-agent: Cust: ..." is about tenant Cust.
/// Threads: one at a time.
class JsonLines : private std::streambuf {
 public:
  /// `out` and `config` must outlive it. `kind`: of lines that come by stream().
  JsonLines(std::ostream& out, const AgentConfig& config, spdlog::level::level_enum level, std::string kind);

  std::ostream& stream() { return stream_; }
  /// A line of its own.
  void Write(std::string_view kind, std::string_view tenant, std::string_view message);

 private:
  int overflow(int character) override;
  int sync() override;
  void WriteLine();

  const AgentConfig& config_;
  const spdlog::level::level_enum level_;
  const std::string kind_;
  spdlog::logger logger_;
  std::string line_;
  std::ostream stream_;
};

/// Whether [log] asks for lines for machines.
bool WantsJson(const AgentConfig& config);

}  // namespace mirror

#endif  // MIRROR_CLIENT_COMMAND_JSON_LINES_H_
