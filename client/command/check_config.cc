
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <string>
#include <string_view>
#include <system_error>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "base/printable.h"
#include "base/status_macros.h"
#include "client/command/commands.h"
#include "client/config/config.h"
#include "client/run/source_rules.h"
#include "client/wire/connect.h"

namespace mirror {
namespace {

std::string_view KindOfFile(mode_t mode) {
  if (S_ISREG(mode)) return "a file";
  if (S_ISDIR(mode)) return "a folder";
  if (S_ISFIFO(mode)) return "a pipe";
  if (S_ISSOCK(mode)) return "a socket";
  return "a device";
}

/// Checks the settings of a source at a database server, as far as that needs no call to the server.
absl::Status CheckServerSource(const AgentConfig& config, const SourceConfig& source) {
  const std::string& file = source.server.password_file;
  if (file.empty()) return HashKeyOf(source).status();
  const absl::Status read = ReadKeyFile(file, FileUse::kPassfile).status();
  if (read.ok()) return HashKeyOf(source).status();
  return absl::FailedPreconditionError(absl::StrCat(config.file, ": 'password_file' of the [[source]] '",
                                                    source.context_id, "': ", read.message()));
}

/// Returns the error at which the first cycle would fail, without opening the source.
absl::Status CheckSource(const AgentConfig& config, const SourceConfig& source) {
  if (IsServer(source.kind)) return CheckServerSource(config, source);
  const auto refusal = [&](std::string_view what) {
    return absl::FailedPreconditionError(absl::StrCat(config.file, ": the [[source]] '", source.context_id,
                                                      "' is '", source.path, "', which ", std::string(what)));
  };
  const bool files = IsFolder(source.kind);
  struct stat info = {};
  const auto unread = [&] {
    return refusal(
        absl::StrCat("cannot be read: ", std::strerror(errno),
                     ". Check its path, owner and mode, and run this command as the user of the agent."));
  };
  if (stat(source.path.c_str(), &info) != 0) return unread();
  if (files && !S_ISDIR(info.st_mode)) {
    return refusal(absl::StrCat("is ", std::string(KindOfFile(info.st_mode)),
                                ": 'folder' must be the folder that holds the files"));
  }
  const bool database = IsFile(source.kind);
  if (database && !S_ISREG(info.st_mode)) {
    return refusal(absl::StrCat("is ", std::string(KindOfFile(info.st_mode)),
                                ": 'path' must be a SQLite database",
                                S_ISDIR(info.st_mode) ? ". For a folder of files, set 'kind' to \"csv\" or "
                                                        "\"xlsx\" and write 'folder' in place of 'path'."
                                                      : ""));
  }
  if (access(source.path.c_str(), files ? R_OK | X_OK : R_OK) != 0) return unread();
  if (database && !LooksLikeSqlite(source.path)) {
    return refusal("has no SQLite header: 'path' must name a SQLite database");
  }
  return HashKeyOf(source).status();
}

absl::Status CheckAll(const AgentConfig& config) {
  if (const auto connection = Connect(config); !connection.ok()) return connection.status();
  if (const absl::Status tried = TryFolder(config.agent.state_dir); !tried.ok()) {
    return absl::FailedPreconditionError(absl::StrCat(
        config.file, ": [agent] 'state_dir' is '", config.agent.state_dir, "', and ", tried.message(),
        ". Check its owner and mode, and run this command as the user of the agent."));
  }
  for (const SourceConfig& source : config.sources) {
    RETURN_IF_ERROR(CheckSource(config, source));
  }
  return absl::OkStatus();
}

}  // namespace

int CheckConfig(const std::string& file, std::ostream& out, std::ostream& err) {
  const absl::StatusOr<AgentConfig> config = LoadAgentConfig(file);
  const absl::Status checked = config.ok() ? CheckAll(*config) : config.status();
  if (!checked.ok()) {
    err << kFailedHere << Printable(std::string(checked.message())) << '\n';
    return kExitWrongUse;
  }
  out << file << ": no errors\n";
  std::error_code error;
  if (!std::filesystem::exists(config->agent.state_dir, error)) {
    out << "the agent's folder '" << config->agent.state_dir
        << "' is not there yet: the first run makes it\n";
  }
  return kExitDone;
}

}  // namespace mirror
