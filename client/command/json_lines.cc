#include "client/command/json_lines.h"

#include <spdlog/sinks/ostream_sink.h>

#include <utility>

#include "base/log_format.h"
#include "base/text/text_stream.h"

namespace mirror {
namespace {

constexpr std::string_view kPrefix = "mirror-agent: ";

}  // namespace

JsonLines::JsonLines(std::ostream& out, const AgentConfig& config, spdlog::level::level_enum level,
                     std::string kind)
    : config_(config),
      level_(level),
      kind_(std::move(kind)),
      logger_("mirror-agent",
              std::make_shared<spdlog::sinks::ostream_sink_mt>(AsItIs(out), /*force_flush=*/true)),
      stream_(this) {
  SetFormat(logger_, LogFormat::kJson);
}

void JsonLines::Write(std::string_view kind, std::string_view tenant, std::string_view message) {
  WriteLog(logger_, level_, {kind, tenant}, "", message);
}

int JsonLines::overflow(int character) {
  if (character == traits_type::eof()) return 0;
  if (character == '\n') {
    WriteLine();
  } else {
    line_ += static_cast<char>(character);
  }
  return character;
}

int JsonLines::sync() { return 0; }

void JsonLines::WriteLine() {
  std::string_view message = line_;
  std::string_view tenant;
  if (message.starts_with(kPrefix)) message.remove_prefix(kPrefix.size());
  for (const SourceConfig& source : config_.sources) {
    const std::string begin = source.context_id + ": ";
    if (!message.starts_with(begin)) continue;
    tenant = source.context_id;
    message.remove_prefix(begin.size());
    break;
  }
  if (!message.empty()) Write(kind_, tenant, message);
  line_.clear();
}

bool WantsJson(const AgentConfig& config) { return config.log_format == LogFormat::kJson; }

}  // namespace mirror
