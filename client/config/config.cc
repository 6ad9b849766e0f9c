#include "client/config/config.h"

#include <utility>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "base/text/config_file.h"
#include "base/text/own_variables.h"
#include "client/config/source_config.h"

namespace mirror {
namespace {

constexpr std::uint64_t kBatchBytesMin = 1'000;
constexpr std::uint64_t kBatchBytesMax = 8'000'000;
constexpr std::int64_t kWindowMax = 64;
constexpr std::int64_t kRunsAtOnceMax = 1'000;

bool IsLoopback(const std::string& host) {
  if (host == "localhost" || host == "[::1]") return true;
  // A name such as 127.example.com is not an address.
  return absl::StartsWith(host, "127.") && host.find_first_not_of("0123456789.") == std::string::npos;
}

class Loader {
 public:
  explicit Loader(ConfigFile file) : file_(std::move(file)) {
    config_.file = file_.path();
    config_.agent.state_dir = (file_.folder() / config_.agent.state_dir).lexically_normal().string();
  }

  absl::StatusOr<AgentConfig> Load() {
    ConfigForm form;
    form.prefix = "MIRROR_";
    form.sections = {{"endpoint", EndpointKeys()},
                     {"identity", IdentityKeys()},
                     {"agent", AgentKeys()},
                     {"log", {{"format", SetOneOf(&config_.log_format, LogFormatWords())}}},
                     {"metrics", MetricsKeys()}};
    form.blocks = {"source"};
    form.let_through = OwnVariables();
    // Variables of mirror-server, which may run with the same environment.
    for (const char* const theirs :
         {"MIRROR_LISTEN_*", "MIRROR_ADMIN_*", "MIRROR_APPLICATION_*", "MIRROR_DATA_*", "MIRROR_TOKENS_*",
          "MIRROR_LIMITS_*", "MIRROR_BREAKER_*", "MIRROR_HOOKS_*", "MIRROR_LOG_LEVEL"}) {
      form.let_through.emplace_back(theirs);
    }
    RETURN_IF_ERROR(file_.ReadSections(form));
    RETURN_IF_ERROR(CheckTogether());
    ASSIGN_OR_RETURN(std::vector<SourceConfig> sources,
                     LoadSources(file_, {config_.agent.hash_key, config_.agent.follow}));
    config_.sources = std::move(sources);
    return std::move(config_);
  }

 private:
  ConfigKeys EndpointKeys() {
    EndpointConfig& endpoint = config_.endpoint;
    return {{"address", SetHostAndPort(&endpoint.address, R"("mirror.example.com:5443")"), &endpoint.address},
            {"ca", Path(&endpoint.ca)},
            {"certificate", Path(&endpoint.certificate)},
            {"key", Path(&endpoint.key)},
            {"plaintext", SetFlag(&endpoint.plaintext)}};
  }
  ConfigKeys IdentityKeys() {
    IdentityConfig& identity = config_.identity;
    return {{"issuer", SetText(&identity.issuer), &identity.issuer},
            {"key", Path(&identity.key), &identity.key},
            {"key_id", SetText(&identity.key_id), &identity.key_id},
            {"application_id", SetText(&identity.application_id), &identity.application_id},
            {"application_certificate", Path(&identity.application_certificate),
             &identity.application_certificate},
            {"context_claim", SetText(&identity.context_claim)}};
  }
  ConfigKeys AgentKeys() {
    AgentSettings& agent = config_.agent;
    return {{"state_dir", Path(&agent.state_dir), &agent.state_dir},
            {"batch_bytes", SetSize(&agent.batch_bytes, kBatchBytesMin, kBatchBytesMax)},
            {"window", SetWhole(&agent.window, 1, kWindowMax)},
            {"runs_at_once", SetWhole(&agent.runs_at_once, 1, kRunsAtOnceMax)},
            {"hash_key", Path(&agent.hash_key)},
            {"follow", SetFlag(&agent.follow)},
            {"receipts", SetFlag(&agent.receipts)}};
  }
  ConfigKeys MetricsKeys() {
    MetricsConfig& metrics = config_.metrics;
    return {{"enabled", SetFlag(&metrics.enabled)},
            {"address", SetText(&metrics.address)},
            {"port", SetWhole(&metrics.port, 0, 65'535)},
            {"allow_remote", SetFlag(&metrics.allow_remote)}};
  }

  Setter Path(std::string* target) const { return SetPath(target, file_.folder()); }

  absl::Status CheckTogether() const {
    const EndpointConfig& endpoint = config_.endpoint;
    if (endpoint.certificate.empty() != endpoint.key.empty()) {
      return absl::InvalidArgumentError(
          absl::StrCat(file_.path(), ": [endpoint] 'certificate' and 'key' go together: give both, or none"));
    }
    const MetricsConfig& metrics = config_.metrics;
    const bool here = metrics.address == "::1" || IsLoopback(metrics.address);
    if (metrics.enabled && !metrics.allow_remote && !here) {
      return file_.Wrong("metrics", "address",
                         absl::StrCat("is not a loopback address, but '", metrics.address,
                                      "': the metrics have neither TLS nor a password. Set 'allow_remote' if "
                                      "only people who may see them can reach that address"));
    }
    if (endpoint.plaintext && !IsLoopback(endpoint.address.substr(0, endpoint.address.rfind(':')))) {
      return file_.Wrong(
          "endpoint", "plaintext",
          absl::StrCat("is for a loopback address only (127.0.0.1, [::1], localhost), not for '",
                       endpoint.address, "': tokens and rows would be readable on the way"));
    }
    return absl::OkStatus();
  }

  ConfigFile file_;
  AgentConfig config_;
};

}  // namespace

absl::StatusOr<AgentConfig> LoadAgentConfig(const std::string& path) {
  ASSIGN_OR_RETURN(
      ConfigFile file,
      ConfigFile::Open(path, "name another configuration with --config ('mirrorctl init' writes one)"));
  return Loader(std::move(file)).Load();
}

}  // namespace mirror
