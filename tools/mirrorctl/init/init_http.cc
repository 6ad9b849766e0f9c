#include "tools/mirrorctl/init/init_http.h"

#include "absl/strings/str_cat.h"
#include "base/text/text_stream.h"
#include "certs/apikeys/api_key.h"

namespace mirror {

std::string HttpConfiguration(const InitOptions& options) {
  const bool on = options.http_port != 0;
  return absl::StrCat(
      R"([http]                              # Records, and mirrors as JSON, over HTTP: docs/records.md.
enabled = )",
      on ? "true" : "false", R"(
address = "127.0.0.1"
port = )",
      on ? options.http_port : 7447, R"(
plaintext = )",
      on ? "true " : "false", R"(                   # no TLS; refused but for a loopback address
certificate = ""                    # with key; "": those of [listen]
key = ""
api_keys = "apikeys"                # see 'mirrorctl apikey'; a file that is removed is a key that is revoked
public_url = ""                     # what upload links begin with; "": what the request was sent to
base_paths = ["", "/data-exchange/rest"]
connections_max = 256
connections_per_address_max = 64    # of these, from one address without a key; not for [listen] proxies
header_limit = "8KiB"
body_limit = "4MiB"                 # of a request's JSON
file_limit = "10MB"                 # of an import job's own file; larger ones are uploaded
upload_limit = "500MB"
requests_max = 32                   # worked on at a time; half of them may be streams
requests_per_key = 64               # let in at a time
head_time = "5s"                    # for a request's line and headers
body_time = "60s"
stream_time = "10m"
uploads_max = "10GB"                # of all uploads that wait
uploads_per_key = "2GB"
disk_free_min = "1GB"               # stays free where uploads are; under it none is taken
links_per_key = 100
upload_kept = "1h"
jobs_max = 4                        # import jobs at a time
jobs_waiting_max = 100
job_time = "10m"
job_lease = "10m"                   # a job whose server is gone for longer has died; see "Several servers"
erase_within = "24h"                # what was deleted leaves the files

)");
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
