#include "client/command/source_names.h"

#include "absl/status/statusor.h"
#include "base/config/find_config.h"
#include "client/config/config.h"

namespace mirror {

std::vector<std::string> SourceNames(const cli::TypedLine& line) {
  std::vector<std::string> names;
  const absl::StatusOr<AgentConfig> config = LoadAgentConfig(ConfigOfLine(line, kAgentConfig));
  if (!config.ok()) return names;
  for (const SourceConfig& source : config->sources) names.push_back(source.context_id);
  return names;
}

}  // namespace mirror
