#include "client/config/config.h"

#include <toml++/toml.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "client/config/config_value.h"
#include "client/config/source_loader.h"

namespace mirror {
namespace {

constexpr std::uint64_t kBatchBytesMin = 1'000;
constexpr std::uint64_t kBatchBytesMax = 8'000'000;
constexpr std::int64_t kWindowMax = 64;
constexpr std::int64_t kRunsAtOnceMax = 1'000;

class Loader {
 public:
  Loader(std::string file, std::filesystem::path folder) : folder_(std::move(folder)) {
    config_.file = std::move(file);
  }

  absl::StatusOr<AgentConfig> Load(const toml::table& root) {
    const std::vector<std::string> tables = {"endpoint", "identity", "agent", "metrics", "log", "source"};
    for (const auto& [key, node] : root) {
      if (std::find(tables.begin(), tables.end(), key.str()) == tables.end()) {
        return absl::InvalidArgumentError(absl::StrCat(Line(key), ": '", std::string(key.str()),
                                                       "' is not a table of this file",
                                                       Suggest(key.str(), tables)));
      }
    }
    if (auto status = Section(root, "endpoint", EndpointKeys()); !status.ok()) return status;
    if (auto status = Section(root, "identity", IdentityKeys()); !status.ok()) return status;
    if (auto status = Section(root, "agent", AgentKeys()); !status.ok()) return status;
    if (auto status = Section(root, "log", LogKeys()); !status.ok()) return status;
    if (auto status = Section(root, "metrics", MetricsKeys()); !status.ok()) return status;
    if (config_.agent.state_dir == AgentSettings{}.state_dir) {
      config_.agent.state_dir = (folder_ / config_.agent.state_dir).lexically_normal().string();
    }
    if (auto status = CheckRequired(); !status.ok()) return status;
    absl::StatusOr<std::vector<SourceConfig>> sources =
        LoadSources(root, config_.file, folder_, config_.agent.hash_key);
    if (!sources.ok()) return sources.status();
    config_.sources = *std::move(sources);
    return std::move(config_);
  }

 private:
  std::string At(const toml::node& node) const {
    return absl::StrCat(config_.file, ":", node.source().begin.line);
  }
  std::string Line(const toml::key& key) const {
    return absl::StrCat(config_.file, ":", key.source().begin.line);
  }

  ConfigKeys EndpointKeys() {
    EndpointConfig& endpoint = config_.endpoint;
    return {{"address",
             [&endpoint](const Given& given) {
               auto value = AsText(given);
               if (!value.ok()) return value.status();
               const std::size_t colon = value->rfind(':');
               int port = 0;
               const char* end = value->data() + value->size();
               if (colon == std::string::npos || colon == 0 ||
                   std::from_chars(value->data() + colon + 1, end, port).ptr != end || port < 1 ||
                   port > 65535) {
                 return given.Wrong(
                     absl::StrCat("must be host:port, as \"mirror.example.com:5443\", not '", *value, "'"));
               }
               endpoint.address = *std::move(value);
               return absl::OkStatus();
             }},
            {"ca", SetOptionalPath(&endpoint.ca, folder_)},
            {"certificate", SetOptionalPath(&endpoint.certificate, folder_)},
            {"key", SetOptionalPath(&endpoint.key, folder_)},
            {"plaintext", [this, &endpoint](const Given& given) {
               auto value = AsBool(given);
               if (!value.ok()) return value.status();
               endpoint.plaintext = *value;
               plaintext_at_ = given.where;
               return absl::OkStatus();
             }}};
  }

  ConfigKeys IdentityKeys() {
    IdentityConfig& identity = config_.identity;
    return {{"issuer", SetText(&identity.issuer)},
            {"key", SetPath(&identity.key, folder_)},
            {"key_id", SetText(&identity.key_id)},
            {"application_id", SetText(&identity.application_id)},
            {"application_certificate", SetPath(&identity.application_certificate, folder_)},
            {"context_claim", SetText(&identity.context_claim)}};
  }

  ConfigKeys AgentKeys() {
    AgentSettings& agent = config_.agent;
    return {{"state_dir", SetPath(&agent.state_dir, folder_)},
            {"batch_bytes",
             [&agent](const Given& given) {
               auto value = AsBytes(given, kBatchBytesMin, kBatchBytesMax);
               if (!value.ok()) return value.status();
               agent.batch_bytes = *value;
               return absl::OkStatus();
             }},
            {"window",
             [&agent](const Given& given) {
               auto value = AsNumber(given, 1, kWindowMax);
               if (!value.ok()) return value.status();
               agent.window = static_cast<std::uint32_t>(*value);
               return absl::OkStatus();
             }},
            {"runs_at_once",
             [&agent](const Given& given) {
               auto value = AsNumber(given, 1, kRunsAtOnceMax);
               if (!value.ok()) return value.status();
               agent.runs_at_once = static_cast<std::uint32_t>(*value);
               return absl::OkStatus();
             }},
            {"hash_key", SetOptionalPath(&agent.hash_key, folder_)},
            {"receipts", [&agent](const Given& given) {
               auto value = AsBool(given);
               if (!value.ok()) return value.status();
               agent.receipts = *value;
               return absl::OkStatus();
             }}};
  }

  ConfigKeys LogKeys() {
    return {{"format", [this](const Given& given) {
               auto value = AsText(given);
               if (!value.ok()) return value.status();
               if (*value != "text" && *value != "json") {
                 return given.Wrong(absl::StrCat("must be \"text\" or \"json\", not '", *value, "'",
                                                 Suggest(*value, {"text", "json"})));
               }
               config_.log_format = *std::move(value);
               return absl::OkStatus();
             }}};
  }
  ConfigKeys MetricsKeys() {
    MetricsConfig& metrics = config_.metrics;
    return {{"enabled", SetFlag(&metrics.enabled)},
            {"address", SetText(&metrics.address)},
            {"port",
             [&metrics](const Given& given) {
               const auto value = AsNumber(given, 0, 65'535);
               if (!value.ok()) return value.status();
               metrics.port = static_cast<std::uint16_t>(*value);
               return absl::OkStatus();
             }},
            {"allow_remote", SetFlag(&metrics.allow_remote)}};
  }

  /// One of the tables that stand once, then what the environment says.
  absl::Status Section(const toml::table& root, const std::string& name, const ConfigKeys& keys) {
    if (const toml::node* node = root.get(name)) {
      const toml::table* table = node->as_table();
      if (table == nullptr) {
        return absl::InvalidArgumentError(
            absl::StrCat(At(*node), ": '", name, "' must be a table, written as [", name, "]"));
      }
      if (absl::Status status = SetAll(config_.file, *table, name, keys); !status.ok()) return status;
    }
    for (const ConfigKey& key : keys) {
      const std::string variable = Variable(name, key.name);
      const char* text = std::getenv(variable.c_str());
      if (text == nullptr || *text == '\0') continue;
      if (absl::Status status = key.set(Given{variable, nullptr, text}); !status.ok()) return status;
    }
    return CheckVariables(name, keys);
  }

  /// A variable of a section that is no key of it says nothing, so it is one that was meant otherwise.
  static absl::Status CheckVariables(const std::string& section, const ConfigKeys& keys) {
    std::vector<std::string> known;
    for (const ConfigKey& key : keys) known.push_back(Variable(section, key.name));
    // The server's, which may have the same environment.
    if (section == "log") known.push_back(Variable(section, "level"));
    const std::string prefix = Variable(section, "");
    for (char** entry = environ; *entry != nullptr; ++entry) {
      const std::string_view text = *entry;
      const std::string_view name = text.substr(0, text.find('='));
      if (!name.starts_with(prefix) || text.size() <= name.size() + 1) continue;
      if (std::find(known.begin(), known.end(), name) != known.end()) continue;
      return absl::InvalidArgumentError(absl::StrCat(std::string(name), " is not a variable of [", section,
                                                     "] here", Suggest(name, known)));
    }
    return absl::OkStatus();
  }

  static std::string Variable(const std::string& section, const std::string& key) {
    return absl::AsciiStrToUpper(absl::StrCat("MIRROR_", section, "_", key));
  }

  absl::Status CheckRequired() const {
    const std::array<std::array<std::string, 3>, 6> required = {{
        {"endpoint", "address", config_.endpoint.address},
        {"identity", "issuer", config_.identity.issuer},
        {"identity", "key", config_.identity.key},
        {"identity", "key_id", config_.identity.key_id},
        {"identity", "application_id", config_.identity.application_id},
        {"identity", "application_certificate", config_.identity.application_certificate},
    }};
    for (const auto& [table, key, value] : required) {
      if (!value.empty()) continue;
      return absl::InvalidArgumentError(absl::StrCat(config_.file, ": [", table, "] '", key,
                                                     "' is missing (it may also come from ",
                                                     Variable(table, key), ")"));
    }
    if (config_.endpoint.certificate.empty() != config_.endpoint.key.empty()) {
      return absl::InvalidArgumentError(
          absl::StrCat(config_.file, ": [endpoint] 'certificate' and 'key' go together: give both, or none"));
    }
    const MetricsConfig& metrics = config_.metrics;
    if (metrics.enabled && !metrics.allow_remote && metrics.address != "::1" &&
        !IsLoopback(metrics.address + ":0")) {
      return absl::InvalidArgumentError(absl::StrCat(
          config_.file, ": [metrics] 'address' is not a loopback address, but '", metrics.address,
          "': the metrics have neither TLS nor a password. Set 'allow_remote' when only those that may see ",
          "them can get there"));
    }
    if (config_.endpoint.plaintext && !IsLoopback(config_.endpoint.address)) {
      return absl::InvalidArgumentError(absl::StrCat(
          plaintext_at_, " is for a loopback address only (127.0.0.1, [::1], localhost), not for '",
          config_.endpoint.address, "': tokens and rows would be readable on the way"));
    }
    return absl::OkStatus();
  }

  static bool IsLoopback(const std::string& address) {
    const std::string host = address.substr(0, address.rfind(':'));
    if (host == "localhost" || host == "[::1]") return true;
    // A name such as 127.example.com is no address.
    return absl::StartsWith(host, "127.") && host.find_first_not_of("0123456789.") == std::string::npos;
  }

  std::filesystem::path folder_;
  AgentConfig config_;
  std::string plaintext_at_;
};

}  // namespace

absl::StatusOr<AgentConfig> LoadAgentConfig(const std::string& path) {
  std::error_code error;
  if (!std::filesystem::exists(path, error)) {
    return absl::NotFoundError(absl::StrCat("'", path, "' is not there: give the agent's configuration with ",
                                            "--config ('mirrorctl init' writes one)"));
  }
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  if (!std::filesystem::is_regular_file(path, error) || !file.good()) {
    return absl::PermissionDeniedError(
        absl::StrCat("'", path, "' cannot be read: check that it is a file and its permissions"));
  }
  const std::filesystem::path folder = std::filesystem::absolute(path, error).parent_path();
  try {
    const toml::table root = toml::parse(text.str(), path);
    return Loader(path, folder).Load(root);
  } catch (const toml::parse_error& wrong) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ":", wrong.source().begin.line, ": not TOML: ", std::string(wrong.description())));
  }
}

}  // namespace mirror
