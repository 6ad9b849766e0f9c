#include "tools/mirrorctl/init/init_http.h"

#include "absl/strings/str_cat.h"
#include "base/text/text_stream.h"
#include "certs/apikeys/api_key.h"

namespace mirror {

std::string HttpConfiguration(const DescribedKeys& keys, const InitOptions& options) {
  if (options.http_port == 0) return keys.Table("[http]");
  return keys.Table(
      "[http]", {{"enabled", "true"}, {"port", std::to_string(options.http_port)}, {"plaintext", "true"}});
}

absl::Status CheckHttpPort(const InitOptions& options) {
  if (options.http_port != 0 &&
      (options.http_port == options.port || options.http_port == options.admin_port ||
       options.http_port == options.metrics_port)) {
    return absl::InvalidArgumentError(
        absl::StrCat("JSON cannot be served on port ", options.http_port,
                     ", which another listener has. Nothing was made. Give another --http-port."));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> MakeOwnerKey(const InitOptions& options) {
  if (options.http_port == 0) return std::string();
  ApiKey key;
  key.name = "owner";
  key.role = ApiRole::kOwner;
  key.storages = {"*"};
  return IssueApiKey(absl::StrCat(options.dir, "/", kApiKeysFolder), key);
}

void PrintHttp(const InitOptions& options, const std::string& key, Console& console) {
  if (options.http_port == 0) return;
  AsItIs(console.out) << "\nJSON over HTTP (docs/records.md), in plain text on loopback:\n"
                      << "  curl -H \"X-API-KEY: $KEY\" http://127.0.0.1:" << options.http_port
                      << "/v2/storages\n"
                      << "The owner's key of all storages, which is shown once:\n"
                      << key << '\n';
}

}  // namespace mirror
