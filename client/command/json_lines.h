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

/// Converts the agent's output for people to JSON lines if [log] 'format' requests it: each whole line
/// written to stream() becomes one object on `out`. "mirror-agent: Cust: ..." belongs to tenant Cust.
/// Threads: one at a time.
class JsonLines : private std::streambuf {
 public:
  /// `out` and `config` must outlive this. `kind`: the kind of the lines that are written to stream().
  JsonLines(std::ostream& out, const AgentConfig& config, spdlog::level::level_enum level, std::string kind);

  std::ostream& stream() { return stream_; }
  /// Writes a line directly.
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

/// Whether [log] requests JSON lines.
bool WantsJson(const AgentConfig& config);

}  // namespace mirror

#endif  // MIRROR_CLIENT_COMMAND_JSON_LINES_H_
