#include "tools/mirrorctl/init/apikey_command.h"

#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/enum_words.h"
#include "base/status_macros.h"
#include "base/text/config_file.h"
#include "base/text/text_stream.h"
#include "base/text/text_table.h"
#include "certs/api_key.h"
#include "tools/mirrorctl/init/init.h"

namespace mirror {
namespace {

struct ApiKeyRequest {
  std::string dir;
  ApiKey key;
  std::string role = ToString(ApiRole::kReader);
  bool as_json = false;
};

/// The paths of an installation's keys.
struct KeyPlace {
  std::string configuration;  ///< Path of mirror-server.toml.
  std::string folder;
};

/// Makes an error that also says what is unchanged.
absl::Status Refused(const absl::Status& status, const char* what_was_left) {
  std::string words(status.message());
  if (!words.ends_with('.')) words += '.';
  return absl::Status(status.code(), absl::StrCat(words, " ", what_was_left));
}

/// Finds the folder of keys that the server uses with the configuration in `dir`.
absl::StatusOr<KeyPlace> FindKeys(const std::string& dir) {
  KeyPlace place;
  place.configuration = absl::StrCat(dir, "/mirror-server.toml");
  ASSIGN_OR_RETURN(
      const ConfigFile file,
      ConfigFile::Open(place.configuration,
                       "--dir is the folder of the server's configuration, which 'mirrorctl init' makes. The "
                       "keys are in the folder that its [http] 'api_keys' names"));
  ASSIGN_OR_RETURN(const std::string folder, file.PathOf("http", "api_keys"));
  place.folder = folder.empty() ? absl::StrCat(dir, "/", kApiKeysFolder) : folder;
  return place;
}

/// Prints a document for programs. Texts from files may contain bytes that are not UTF-8: these are replaced.
void Print(const nlohmann::json& document, Console& console) {
  AsItIs(console.out) << document.dump(2, ' ', /*ensure_ascii=*/true,
                                       nlohmann::json::error_handler_t::replace)
                      << '\n';
}

nlohmann::json AsJson(const ApiKey& key) {
  return {{"name", key.name}, {"role", ToString(key.role)}, {"storages", key.storages}};
}

void Issue(ApiKeyRequest request, Console& console) {
  constexpr char kNothing[] = "Nothing was made.";
  request.key.role = *ValueOf(ApiRoleWords(), request.role);
  const absl::StatusOr<KeyPlace> place = FindKeys(request.dir);
  if (!place.ok()) return console.Fail(Refused(place.status(), kNothing));
  const absl::StatusOr<std::string> key = IssueApiKey(place->folder, request.key, place->configuration);
  if (!key.ok()) return console.Fail(Refused(key.status(), kNothing));
  console.err << "The key '" << request.key.name << "' has the role " << request.role << " for the storages "
              << absl::StrJoin(request.key.storages, ", ")
              << ". It is shown only once. A running server accepts it within seconds.\n";
  if (!request.as_json) {
    AsItIs(console.out) << *key << '\n';
    return;
  }
  nlohmann::json document = AsJson(request.key);
  document["key"] = *key;
  Print(document, console);
}

void List(const ApiKeyRequest& request, Console& console) {
  const absl::StatusOr<KeyPlace> place = FindKeys(request.dir);
  if (!place.ok()) return console.Fail(place.status());
  const absl::StatusOr<FoundApiKeys> found = ReadApiKeys(place->folder);
  if (!found.ok()) return console.Fail(found.status());
  for (const std::string& left_out : found->left_out) console.err << left_out << ".\n";
  if (request.as_json) {
    nlohmann::json list = nlohmann::json::array();
    for (const ApiKey& key : found->keys) list.emplace_back(AsJson(key))["issued"] = key.issued;
    return Print(list, console);
  }
  TextTable table({{.name = "key", .whole = true},
                   {.name = "role", .whole = true},
                   {.name = "issued", .number = true},
                   {.name = "storages"}});
  for (const ApiKey& key : found->keys)
    table.Add({key.name, ToString(key.role), key.issued, absl::StrJoin(key.storages, ", ")});
  table.Print(console.out);
}

void Revoke(const ApiKeyRequest& request, Console& console) {
  constexpr char kNothing[] = "Nothing was changed.";
  const absl::StatusOr<KeyPlace> place = FindKeys(request.dir);
  if (!place.ok()) return console.Fail(Refused(place.status(), kNothing));
  if (absl::Status gone = RevokeApiKey(place->folder, request.key.name); !gone.ok())
    return console.Fail(Refused(gone, kNothing));
  console.out << "The key '" << request.key.name
              << "' is revoked: a running server refuses it within seconds.\n";
}

std::vector<std::string> RoleNames() {
  std::vector<std::string> names;
  for (const auto& [name, role] : ApiRoleWords()) names.push_back(name);
  return names;
}

}  // namespace

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
    command
        .Add("--dir", request->dir,
             "The folder of mirror-server.toml, whose [http] names the folder of the keys")
        .Required()
        .Completes(cli::Besides::kFolders);
    command.Run([request, run, &console] { run(*request, console); });
    return command;
  };
  const cli::Command issue = add("issue", "Make a key, and print it once",
                                 "loader --dir dev --storages 'Acme*' --role writer", Issue);
  issue.Add("name", request->key.name, "Name of the key, also in audit records").Required();
  issue.Add("--storages", request->key.storages, "Ids of storages, * for any characters")
      .Delimiter(',')
      .ValueName("PATTERN[,PATTERN]")
      .Required();
  issue.Add("--role", request->role, "What the key may do; each role includes those before it")
      .OneOf(RoleNames())
      .ShowDefault();
  issue.AddFlag("--json", request->as_json, "Print an object, with the key in it");
  const cli::Command list = add("list", "Show the existing keys", "--dir dev",
                                [](ApiKeyRequest asked, Console& to) { List(asked, to); });
  list.AddFlag("--json", request->as_json, "Print an array of objects");
  const cli::Command revoke = add("revoke", "Remove a key: it is then refused", "loader --dir dev",
                                  [](ApiKeyRequest asked, Console& to) { Revoke(asked, to); });
  revoke.Add("name", request->key.name, "The key").Required();
}

}  // namespace mirror
