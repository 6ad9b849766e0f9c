#include "tools/mirrorctl/init/init_http.h"

#include <memory>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/enum_words.h"
#include "base/text/text_stream.h"
#include "base/text/text_table.h"
#include "certs/apikeys/api_key.h"

namespace mirror {
namespace {

struct ApiKeyRequest {
  std::string dir;
  ApiKey key;
  std::string role = "reader";
  bool as_json = false;
};

const EnumWords<ApiRole>& Roles() {
  static const EnumWords<ApiRole> words = {
      {"reader", ApiRole::kReader}, {"writer", ApiRole::kWriter}, {"owner", ApiRole::kOwner}};
  return words;
}

std::string FolderOf(const ApiKeyRequest& request) { return absl::StrCat(request.dir, "/", kApiKeysFolder); }

void Issue(ApiKeyRequest request, Console& console) {
  request.key.role = *ValueOf(Roles(), request.role);
  const absl::StatusOr<std::string> key = IssueApiKey(FolderOf(request), request.key);
  if (!key.ok()) {
    return console.Fail(absl::Status(
        key.status().code(), absl::StrCat(std::string(key.status().message()), ". Nothing was made.")));
  }
  console.err << "The key '" << request.key.name << "' may be used as " << request.role << " of the storages "
              << absl::StrJoin(request.key.storages, ", ")
              << ". It is shown once, and a server that runs takes it within seconds.\n";
  AsItIs(console.out) << *key << '\n';
}

void List(const ApiKeyRequest& request, Console& console) {
  const absl::StatusOr<FoundApiKeys> found = ReadApiKeys(FolderOf(request));
  if (!found.ok()) return console.Fail(found.status());
  for (const std::string& left_out : found->left_out) console.err << left_out << ".\n";
  TextTable table({{.name = "key", .whole = true},
                   {.name = "role", .whole = true},
                   {.name = "issued", .number = true},
                   {.name = "storages"}});
  for (const ApiKey& key : found->keys) {
    table.Add({key.name, std::string(ToString(key.role)), key.issued, absl::StrJoin(key.storages, ", ")});
  }
  table.Print(console.out);
}

void Revoke(const ApiKeyRequest& request, Console& console) {
  if (absl::Status gone = RevokeApiKey(FolderOf(request), request.key.name); !gone.ok()) {
    return console.Fail(
        absl::Status(gone.code(), absl::StrCat(std::string(gone.message()), ". Nothing was changed.")));
  }
  console.out << "The key '" << request.key.name
              << "' is revoked: a server that runs refuses it within seconds.\n";
}

}  // namespace

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
links_per_key = 100
upload_kept = "1h"
jobs_max = 4                        # import jobs at a time
jobs_waiting_max = 100
job_time = "10m"
job_lease = "10m"                   # a job whose server is gone for longer has died; see "Several servers"
erase_within = "24h"                # what was deleted leaves the files

)");
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

void AddApiKey(const cli::Command& app, Console& console) {
  const cli::Command keys = app.AddCommand("apikey", "Issue, list and revoke keys of the HTTP door");
  keys.RequireCommand();
  keys.Footer(
      "Needs no server. Example:\n"
      "  mirrorctl apikey issue loader --dir dev --storages 'Acme*' --role writer");
  const auto request = std::make_shared<ApiKeyRequest>();
  const auto add = [&](const std::string& name, const std::string& help, const std::string& example,
                       void (*run)(ApiKeyRequest, Console&)) {
    const cli::Command command = keys.AddCommand(name, help);
    command.Footer(absl::StrCat("Example:\n  mirrorctl apikey ", name, " ", example));
    command.Add("--dir", request->dir, "The folder of mirror-server.toml")
        .Required()
        .Completes(cli::Besides::kFolders);
    command.Run([request, run, &console] { run(*request, console); });
    return command;
  };
  const cli::Command issue = add("issue", "Make a key, and print it once",
                                 "loader --dir dev --storages 'Acme*' --role writer", Issue);
  issue.Add("name", request->key.name, "What audit records call it").Required();
  issue.Add("--storages", request->key.storages, "Ids of storages, * for any characters")
      .Delimiter(',')
      .ValueName("PATTERN[,PATTERN]")
      .Required();
  issue.Add("--role", request->role, "What it may do; each may what those before it may")
      .OneOf({"reader", "writer", "owner"})
      .ShowDefault();
  add("list", "Show the keys that there are", "--dir dev",
      [](ApiKeyRequest asked, Console& to) { List(asked, to); });
  const cli::Command revoke = add("revoke", "Remove a key: it is then refused", "loader --dir dev",
                                  [](ApiKeyRequest asked, Console& to) { Revoke(asked, to); });
  revoke.Add("name", request->key.name, "The key").Required();
}

}  // namespace mirror
