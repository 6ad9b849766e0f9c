// Any text as mirror-agent.toml. It is refused by a sentence that names file and line, or gives a
// configuration that holds what the rest of the agent takes for granted.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/folded_name.h"
#include "client/config/config.h"
#include "proto/wire/table.h"
#include "tests/fuzz/config_file.h"

namespace mirror {
namespace {

bool IsMinute(int minute) { return minute >= 0 && minute < 24 * 60; }

void RequireSound(const AgentConfig& config) {
  const std::size_t colon = config.endpoint.address.rfind(':');
  Require(colon != std::string::npos && colon > 0);
  Require(config.endpoint.certificate.empty() == config.endpoint.key.empty());
  const IdentityConfig& identity = config.identity;
  for (const std::string* text : {&identity.issuer, &identity.key, &identity.key_id, &identity.application_id,
                                  &identity.application_certificate, &identity.context_claim}) {
    Require(!text->empty() && text->find('\0') == std::string::npos);
  }
  Require(config.agent.batch_bytes >= 1'000 && config.agent.batch_bytes <= 8'000'000);
  Require(config.agent.window >= 1 && config.agent.window <= 64 && !config.agent.state_dir.empty());
  for (const SourceConfig& source : config.sources) {
    Require(CheckContextId(source.context_id).ok() && !source.path.empty() && source.line > 0);
    Require(!ToString(source.kind).empty() && !ToString(source.strategy).empty());
    Require(TraitsOf(source.kind).has_log || !IsLogged(source.strategy));
    Require(TraitsOf(source.kind).has_reader &&
            (source.strategy != Strategy::kCdc || TraitsOf(source.kind).reads_log));
    Require(!IsServer(source.kind) || !source.server.dsn.empty());
    Require(source.interval_ms > 0 && source.retention_ms > 0 && source.max_log > 0);
    Require(source.count_interval_ms >= 0 && source.verify_interval_ms >= 0);
    for (const QuietHours& quiet : source.quiet) {
      Require(IsMinute(quiet.from) && IsMinute(quiet.to) && quiet.from != quiet.to);
    }
    for (const SourceConfig& other : config.sources) {
      Require(&other == &source || !SameName(other.context_id, source.context_id));
    }
  }
}

}  // namespace
}  // namespace mirror

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const auto* const kFile = new mirror::ConfigText;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  kFile->Write(text);
  const auto config = mirror::LoadAgentConfig(kFile->path());
  if (config.ok()) {
    mirror::RequireSound(*config);
  } else {
    mirror::RequireNamesPlace(config.status(), kFile->path(), text);
  }
  return 0;
}
