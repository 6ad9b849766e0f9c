#include "server/config/http_keys.h"

#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

#include "base/status_macros.h"

namespace mirror {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr std::uint64_t kMegabyte = 1ULL << 20;
constexpr std::uint64_t kTerabyte = 1ULL << 40;
/// A server that runs is heard of every few seconds.
constexpr seconds kJobLeaseMin{15};

Setter SetUrl(std::string* target) {
  return [target](const Given& given) -> absl::Status {
    ASSIGN_OR_RETURN(std::string text, AsText(given));
    const bool is_url = absl::StartsWith(text, "https://") || absl::StartsWith(text, "http://");
    if (!text.empty() && (!is_url || text.back() == '/' || text.find_first_of(" ?#\"") != std::string::npos))
      return given.Wrong(
          absl::StrCat("cannot be '", text, "': give the beginning of a URL, as https://mirror.example.org"));
    *target = std::move(text);
    return absl::OkStatus();
  };
}

absl::Status CheckBasePaths(const ConfigFile& file, const HttpConfig& http) {
  for (const std::string& path : http.base_paths) {
    if (path.empty() || (path.front() == '/' && path.back() != '/' && path.find("//") == std::string::npos))
      continue;
    return file.Wrong(
        "http", "base_paths",
        absl::StrCat("cannot have '", path, "': a path begins with '/' and does not end with one"));
  }
  return absl::OkStatus();
}

}  // namespace

ConfigKeys HttpKeys(HttpConfig& http, const std::filesystem::path& folder, Setter set_address) {
  return {{"enabled", SetFlag(&http.enabled)},
          {"address", std::move(set_address)},
          {"port", SetWhole(&http.port, 0, 65'535)},
          {"plaintext", SetFlag(&http.plaintext)},
          {"certificate", SetPath(&http.certificate, folder)},
          {"key", SetPath(&http.key, folder)},
          {"api_keys", SetPath(&http.api_keys, folder)},
          {"public_url", SetUrl(&http.public_url)},
          {"base_paths", SetTexts(&http.base_paths, ListRule::kAny)},
          {"connections_max", SetWhole(&http.connections_max, 1, 100'000)},
          {"connections_per_address_max", SetWhole(&http.connections_per_address_max, 1, 100'000)},
          {"header_limit", SetSize(&http.header_limit, 1'024, kMegabyte)},
          {"body_limit", SetSize(&http.body_limit, 1'024, 64 * kMegabyte)},
          {"file_limit", SetSize(&http.file_limit, 1'024, 100 * kMegabyte)},
          {"upload_limit", SetSize(&http.upload_limit, 1'024, kTerabyte)},
          {"requests_max", SetWhole(&http.requests_max, 1, 1'024)},
          {"requests_per_key", SetWhole(&http.requests_per_key, 1, 100'000)},
          {"head_time", SetSpan(&http.head_time, seconds(1), minutes(5))},
          {"body_time", SetSpan(&http.body_time, seconds(1), hours(1))},
          {"stream_time", SetSpan(&http.stream_time, seconds(1), hours(24))},
          {"disk_free_min", SetSize(&http.disk_free_min, kMegabyte, 1'000 * kTerabyte)},
          {"uploads_max", SetSize(&http.uploads_max, kMegabyte, 1'000 * kTerabyte)},
          {"uploads_per_key", SetSize(&http.uploads_per_key, kMegabyte, 1'000 * kTerabyte)},
          {"links_per_key", SetWhole(&http.links_per_key, 1, 10'000)},
          {"upload_kept", SetSpan(&http.upload_kept, minutes(1), hours(24 * 7))},
          {"jobs_max", SetWhole(&http.jobs_max, 1, 64)},
          {"jobs_waiting_max", SetWhole(&http.jobs_waiting_max, 1, 10'000)},
          {"job_time", SetSpan(&http.job_time, seconds(1), hours(24))},
          {"job_lease", SetSpan(&http.job_lease, kJobLeaseMin, hours(24))},
          {"erase_within", SetSpan(&http.erase_within, seconds(1), hours(24 * 30))}};
}

absl::Status FinishHttp(const ConfigFile& file, bool is_loopback, ServerConfig* config) {
  HttpConfig& http = config->http;
  if (http.api_keys.empty()) http.api_keys = (file.folder() / "apikeys").lexically_normal().string();
  http.uploads = absl::StrCat(config->data.dir, "/.uploads");
  http.proxies = config->listen.proxies;
  if (!http.enabled) return absl::OkStatus();
  if (http.plaintext && !is_loopback) {
    return file.Wrong("http", "plaintext",
                      absl::StrCat("is for a loopback address only, not for '", http.address,
                                   "': keys and records would be readable on the way"));
  }
  if (http.certificate.empty() != http.key.empty())
    return file.Wrong("http", http.key.empty() ? "certificate" : "key",
                      "needs the other of 'certificate' and 'key'");
  if (!http.plaintext && http.certificate.empty()) {
    http.certificate = config->listen.certificate;
    http.key = config->listen.key;
    if (http.certificate.empty()) return file.Missing("http", "certificate");
  }
  for (const auto& [name, port] :
       {std::pair("listen", config->listen.port), std::pair("admin", config->admin.port),
        std::pair("metrics", config->metrics.enabled ? config->metrics.port : std::uint16_t{0})}) {
    if (http.port == 0 || http.port != port) continue;
    return file.Wrong(
        "http", "port",
        absl::StrCat("is already that of [", name, "], ", port, ": each listener needs a port of its own"));
  }
  return CheckBasePaths(file, http);
}

}  // namespace mirror
