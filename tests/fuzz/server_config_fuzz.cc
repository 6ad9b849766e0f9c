// Any text as mirror-server.toml. It is refused by a sentence that names file and line, or gives a
// configuration that holds what the rest of the server takes for granted.

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "proto/wire/limits.h"
#include "server/config/config.h"
#include "tests/fuzz/config_file.h"

namespace mirror {
namespace {

void RequireSound(const ServerConfig& config) {
  Require(config.listen.plaintext || (!config.listen.certificate.empty() && !config.listen.key.empty()));
  Require(!config.listen.plaintext || config.listen.client_ca.empty());
  Require(config.listen.port == 0 || config.listen.port != config.admin.port);
  Require(!config.admin.certificate.empty() && !config.admin.key.empty() && !config.admin.client_ca.empty());
  Require(!config.application.id.empty() && !config.application.key.empty() &&
          !config.application.key_id.empty());
  Require(!config.data.dir.empty() && !config.issuers.empty() && !config.tokens.context_claim.empty());
  for (const IssuerConfig& issuer : config.issuers) {
    Require(!issuer.name.empty() && !issuer.environment.empty() && !issuer.keys.empty());
  }
  const LimitsConfig& limits = config.limits;
  Require(limits.message_bytes_max <= limits.bytes_in_flight_tenant_max &&
          limits.bytes_in_flight_tenant_max <= limits.bytes_in_flight_max);
  Require(limits.calls_max > 0 && limits.cycle_idle.count() > 0 && limits.columns_max > 0);
  Require(config.tokens.leeway.count() >= 0 && config.tokens.lifetime_max.count() > 0);
  Require(config.data.drop_grace.count() >= 0 && config.miss_window_ms >= 0);
}

}  // namespace
}  // namespace mirror

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const auto* const kFile = new mirror::ConfigText;
  if (size == 0) return 0;  // Refused as a file, not for what it says.
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  kFile->Write(text);
  const auto config = mirror::LoadServerConfig(kFile->path());
  if (!config.ok()) {
    mirror::RequireNamesPlace(config.status(), kFile->path(), text);
    return 0;
  }
  mirror::RequireSound(*config);
  const auto again = mirror::LoadServerConfig(kFile->path());
  mirror::Require(again.ok() && again->listen == config->listen && again->admin == config->admin &&
                  again->application == config->application && again->data == config->data &&
                  again->tokens == config->tokens && again->issuers == config->issuers &&
                  again->limits == config->limits);
  return 0;
}
