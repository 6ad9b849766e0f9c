#ifndef MIRROR_CLIENT_CONFIG_CONFIG_H_
#define MIRROR_CLIENT_CONFIG_CONFIG_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/http/metrics_listener.h"
#include "base/log_words.h"
#include "client/config/source_config.h"

namespace mirror {

/// `[endpoint]`: where the rows are sent. Each key may also come from an environment variable such
/// as MIRROR_ENDPOINT_ADDRESS, which takes precedence; so may those of [identity] and [agent].
struct EndpointConfig {
  std::string address;      ///< host:port.
  std::string ca;           ///< PEM; empty: the system's own list.
  std::string certificate;  ///< For mutual TLS, with `key`; both empty: none.
  std::string key;
  bool plaintext = false;  ///< Without TLS; only allowed for a loopback address.
};

/// `[identity]`: the source's identity, and the expected endpoint's.
struct IdentityConfig {
  std::string issuer;
  std::string key;  ///< PEM, no access for group and others.
  std::string key_id;
  std::string application_id;
  std::string application_certificate;
  std::string context_claim = "http://schemes.superoffice.net/identity/ctx";
};

/// `[agent]`
struct AgentSettings {
  std::string state_dir = "agent-state";  ///< Lock and run number of each tenant; made if it is missing.
  std::uint64_t batch_bytes = 1'000'000;  ///< Approximate; 1 KB to 8 MB.
  std::uint32_t window = 4;               ///< Requests in flight, 1 to 64.
  std::uint32_t runs_at_once = 16;        ///< Sources of `run` that work at once; others wait. 1 to 1,000.
  std::string hash_key;  ///< File with the key for hashed columns; no access for group and others.
  bool receipts = true;  ///< The mirror's receipts are kept beside the state.
  bool follow = false;   ///< Default of `follow` for sources that can be followed.
};

struct AgentConfig {
  std::string file;
  EndpointConfig endpoint;
  IdentityConfig identity;
  AgentSettings agent;
  LogFormat log_format = LogFormat::kText;
  MetricsConfig metrics = {.port = 7446};  ///< For `run`.
  std::vector<SourceConfig> sources;       ///< May be empty: the harness needs none.
};

/// Reads mirror-agent.toml. Relative paths start at its folder; the result has absolute
/// paths. Errors: kInvalidArgument, "FILE:LINE: [table] 'key' ...", for a wrong or missing
/// value, an unknown key and an unknown MIRROR_ variable; kNotFound and kPermissionDenied
/// for the file itself. Opens no key or certificate.
absl::StatusOr<AgentConfig> LoadAgentConfig(const std::string& path);

}  // namespace mirror

#endif  // MIRROR_CLIENT_CONFIG_CONFIG_H_
