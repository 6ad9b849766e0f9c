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

/// `[endpoint]`: where the rows go. Each key may also come from the environment, as MIRROR_ENDPOINT_ADDRESS,
/// which then wins; so may those of [identity] and [agent].
struct EndpointConfig {
  std::string address;      ///< host:port.
  std::string ca;           ///< PEM; empty: the system's own list.
  std::string certificate;  ///< For mutual TLS, with `key`; both empty: none.
  std::string key;
  bool plaintext = false;  ///< Without TLS; accepted for a loopback address only.
};

/// `[identity]`: who the source is, and who must answer.
struct IdentityConfig {
  std::string issuer;
  std::string key;  ///< PEM, closed to group and others.
  std::string key_id;
  std::string application_id;
  std::string application_certificate;
  std::string context_claim = "http://schemes.superoffice.net/identity/ctx";
};

/// `[agent]`
struct AgentSettings {
  std::string state_dir = "agent-state";  ///< Lock and run number of each tenant; made when it is not there.
  std::uint64_t batch_bytes = 1'000'000;  ///< About; 1 KB to 8 MB.
  std::uint32_t window = 4;               ///< Requests in flight, 1 to 64.
  std::uint32_t runs_at_once = 16;        ///< Sources of `run` in a cycle; the others wait. 1 to 1,000.
  std::string hash_key;  ///< File with the key by which columns are hashed, closed to group and others.
  bool receipts = true;  ///< What the mirror gives of them is kept beside the state.
};

struct AgentConfig {
  std::string file;
  EndpointConfig endpoint;
  IdentityConfig identity;
  AgentSettings agent;
  LogFormat log_format = LogFormat::kText;
  MetricsConfig metrics = {.port = 7446};  ///< Of `run`.
  std::vector<SourceConfig> sources;       ///< Maybe none: the harness needs none.
};

/// Reads mirror-agent.toml. Relative paths are seen from its folder; absolute ones come back.
/// Errors: kInvalidArgument "FILE:LINE: [table] 'key' ..." for everything that is not as above, unknown keys
/// and unknown variables of MIRROR_ included; kNotFound and kPermissionDenied about the file itself.
/// No key or certificate is opened.
absl::StatusOr<AgentConfig> LoadAgentConfig(const std::string& path);

}  // namespace mirror

#endif  // MIRROR_CLIENT_CONFIG_CONFIG_H_
