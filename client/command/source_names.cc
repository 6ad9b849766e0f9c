#include "client/command/commands.h"

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "base/name_pattern.h"
#include "base/text/find_config.h"
#include "base/text/nearest_word.h"

namespace mirror {

std::vector<std::string> SourceNames(const cli::TypedLine& line) {
  std::vector<std::string> names;
  const absl::StatusOr<AgentConfig> config = LoadAgentConfig(ConfigOfLine(line, kAgentConfig));
  if (!config.ok()) return names;
  for (const SourceConfig& source : config->sources) names.push_back(source.context_id);
  return names;
}

absl::Status PickSources(const std::string& context_id, AgentConfig* config) {
  std::vector<SourceConfig>& sources = config->sources;
  if (sources.empty()) {
    return absl::InvalidArgumentError(absl::StrCat(
        config->file, ": there is no [[source]]: add one with 'context_id' and 'path', 'folder' or 'dsn'"));
  }
  if (context_id.empty()) return absl::OkStatus();
  std::vector<std::string> tenants;
  for (const SourceConfig& source : sources) tenants.push_back(source.context_id);
  std::erase_if(sources,
                [&](const SourceConfig& source) { return !MatchesExactly(source.context_id, context_id); });
  if (!sources.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("there is no [[source]] '", context_id, "'.", DidYouMean(context_id, tenants)));
}

}  // namespace mirror
