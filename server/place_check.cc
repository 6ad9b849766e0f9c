#include "server/place_check.h"

#include <unistd.h>

#include <filesystem>
#include <string>
#include <system_error>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "base/status_macros.h"
#include "certs/api_key.h"
#include "certs/key_ring.h"
#include "certs/tls.h"
#include "server/hooks/delivery/hook_sql.h"
#include "server/open_store.h"
#include "server/server.h"

namespace mirror {
namespace {

namespace fs = std::filesystem;

absl::Status CheckFolder(const ServerConfig& config) {
  const absl::Status tried = TryFolder(config.data.dir);
  if (tried.ok()) return tried;
  return absl::FailedPreconditionError(
      absl::StrCat(config.file, ": [data] 'dir' is '", config.data.dir, "', and ", tried.message(),
                   ". Check its owner and mode, and run this check as the server's user."));
}

absl::Status CheckHook(const ServerConfig& config, const HookConfig& hook) {
  if (!hook.sql.empty()) {
    const absl::Status read = TryHookSql(hook.sql);
    if (read.ok()) return read;
    return absl::FailedPreconditionError(absl::StrCat(config.file, ": the 'sql' of the [[hook]] '", hook.name,
                                                      "' cannot be run: ", read.message(), ". Correct it."));
  }
  if (hook.command.empty()) return absl::OkStatus();
  const std::string& program = hook.command.front();
  std::error_code error;
  if (fs::is_regular_file(program, error) && access(program.c_str(), X_OK) == 0) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat(config.file, ": the [[hook]] '", hook.name, "' runs '", program,
                   "', which is not a program that this user may run. Check its path, owner and mode."));
}

/// Adds to `notes` what an operator should know about the keys.
absl::Status CheckDoor(const ServerConfig& config, std::vector<std::string>* notes) {
  const HttpConfig& http = config.http;
  if (!http.enabled) return absl::OkStatus();
  if (!http.plaintext) RETURN_IF_ERROR(CheckTlsPair(http.certificate, http.key));
  const absl::StatusOr<FoundApiKeys> found = ReadApiKeys(http.api_keys);
  if (!found.ok()) {
    return absl::FailedPreconditionError(absl::StrCat(
        config.file, ": the keys of [http] cannot be read: ", std::string(found.status().message()),
        ". Until they can be read, the door refuses every call. Check the folder's owner and mode, and run "
        "this check as the server's user."));
  }
  notes->insert(notes->end(), found->left_out.begin(), found->left_out.end());
  if (found->keys.empty()) {
    notes->push_back(absl::StrCat("there is no key of the HTTP door in '", http.api_keys,
                                  "': the door refuses every call until 'mirrorctl apikey issue' makes one"));
  }
  return absl::OkStatus();
}

/// No source may push as such an issuer. A folder that cannot be read is refused elsewhere.
void NoteEmptyKeyFolders(const ServerConfig& config, std::vector<std::string>* notes) {
  for (const IssuerConfig& issuer : config.issuers) {
    const absl::StatusOr<KeyRing> ring = KeyRing::Load({{issuer.name, issuer.environment, issuer.keys}});
    if (!ring.ok() || !ring->keys().empty()) continue;
    notes->push_back(
        absl::StrCat("'keys' of the [[issuer]] '", issuer.name, "' is the folder '", issuer.keys,
                     "', which has no certificate (KEY-ID.crt): its sources are refused until one "
                     "is there and the server has read it"));
  }
}

}  // namespace

absl::StatusOr<std::vector<std::string>> CheckPlaces(const ServerConfig& config) {
  RETURN_IF_ERROR(CheckFolder(config));
  for (const HookConfig& hook : config.hooks.hooks) {
    RETURN_IF_ERROR(CheckHook(config, hook));
  }
  std::vector<std::string> notes;
  RETURN_IF_ERROR(CheckDoor(config, &notes));
  NoteEmptyKeyFolders(config, &notes);
  absl::StatusOr<TriedStore> store = TryStore(config);
  absl::StatusOr<std::vector<std::string>> others = std::vector<std::string>();
  if (store.ok() && store->control != nullptr) others = CheckOtherServers(config, *store->control);
  const absl::Status failed = store.ok() ? others.status() : store.status();
  if (!failed.ok()) {
    return absl::FailedPreconditionError(absl::StrCat(config.file, ": ", std::string(failed.message())));
  }
  notes.insert(notes.end(), store->notes.begin(), store->notes.end());
  notes.insert(notes.end(), others->begin(), others->end());
  return notes;
}

}  // namespace mirror
