#include "tools/mirrorctl/init/doctor.h"

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/db/sqlite/connection.h"
#include "base/file.h"
#include "base/text/find_config.h"
#include "base/text/text_table.h"
#include "client/config/config.h"
#include "tools/mirrorctl/admin/control_config.h"
#include "tools/mirrorctl/init/doctor_report.h"
#include "tools/mirrorctl/init/doctor_server.h"
#include "tools/mirrorctl/init/doctor_source.h"

namespace mirror {
namespace {

struct DoctorRequest {
  std::string source;
  bool json = false;
};

void WrongConfiguration(const absl::Status& status, Console& console) {
  console.Fail(absl::Status(status.code(), Printable(std::string(status.message()))));
  console.exit_code = Console::kWrongUsage;
}

/// The configurations of one examination. Null: this side is not examined.
struct Examined {
  const ControlConfig* server = nullptr;
  const AgentConfig* source = nullptr;
};

/// Returns the certificates on this machine.
std::vector<std::string> CertificatesOf(const Examined& examined) {
  std::vector<std::string> files;
  if (examined.server != nullptr) files = {examined.server->tls.ca, examined.server->tls.certificate};
  if (const AgentConfig* const source = examined.source) {
    if (!source->endpoint.plaintext) {
      files.push_back(source->endpoint.ca);
      files.push_back(source->endpoint.certificate);
    }
    files.push_back(source->identity.application_certificate);
  }
  std::erase(files, "");
  return files;
}

/// Returns a text with the configurations in use, because the user may have named none.
std::string FilesOf(const Examined& examined) {
  std::vector<std::string> files;
  if (examined.server != nullptr) files.push_back(absl::StrCat("'", examined.server->file, "'"));
  if (examined.source != nullptr) files.push_back(absl::StrCat("'", examined.source->file, "'"));
  return absl::StrJoin(files, " and ");
}

/// Returns the longest interval of the agent's sources; 0: none is known.
std::int64_t LongestIntervalMs(const AgentConfig* source) {
  std::int64_t longest_ms = 0;
  if (source == nullptr) return longest_ms;
  for (const SourceConfig& one : source->sources) {
    if (!one.cron) longest_ms = std::max(longest_ms, one.interval_ms);
  }
  return longest_ms;
}

/// Runs an examination. `source`: the agent's configuration, if it was named. Advice about a server uses its
/// interval.
void Examine(const Examined& examined, const AgentConfig* source, DoctorReport& report) {
  report.Ok("configuration", FilesOf(examined));
  if (!ExamineClockHere(CertificatesOf(examined), report))
    return report.Skip("everything else", "clock here");
  if (examined.server != nullptr) ExamineServer(*examined.server, LongestIntervalMs(source), report);
  if (examined.source != nullptr) ExamineSource(*examined.source, report);
}

/// Loads the source's configuration. If the file is a database, as for 'init --source', the error says so.
absl::StatusOr<AgentConfig> LoadSource(const std::string& path) {
  std::error_code error;
  if (std::filesystem::is_regular_file(path, error) && !std::filesystem::is_empty(path, error) &&
      access(path.c_str(), R_OK) == 0 && LooksLikeSqlite(path)) {
    return absl::InvalidArgumentError(
        absl::StrCat("'", path,
                     "' is a database. Nothing was checked: --source takes the agent's mirror-agent.toml, "
                     "which names the database"));
  }
  if (!std::filesystem::exists(path, error) && !error) {
    return absl::NotFoundError(
        absl::StrCat("'", path, "' does not exist. Nothing was checked: --source takes the agent's ",
                     "mirror-agent.toml ('mirrorctl init' writes one)"));
  }
  return LoadAgentConfig(path);
}

/// Prepares the process for the first call.
void PrepareToLook() {
  // A connection that the server closes must be a finding, not end the process. gRPC's own lines about it
  // would be mixed with ours.
  ::signal(SIGPIPE, SIG_IGN);
  setenv("GRPC_VERBOSITY", "NONE", /*overwrite=*/0);
  sqlite::PrepareSqlite();
}

void ExamineSeveral(const std::vector<std::string>& paths, const AgentConfig* source,
                    const DoctorRequest& request, Console& console) {
  std::size_t named = 0;
  const std::vector<ControlConfig> configs = LoadControlConfigs(paths, &named, console);
  PrepareToLook();
  DoctorReport report(console, request.json);
  for (const ControlConfig& config : configs) {
    report.Begin(config.address, config.file);
    Examine({.server = &config}, source, report);
  }
  if (source != nullptr) {
    report.Begin("", source->file);
    Examine({.source = source}, source, report);
  }
  report.Finish();
}

void Doctor(const std::string& config_path, const std::vector<std::string>& configs,
            const DoctorRequest& request, Console& console) {
  std::optional<AgentConfig> named;
  if (!request.source.empty()) {
    absl::StatusOr<AgentConfig> loaded = LoadSource(request.source);
    if (!loaded.ok()) return WrongConfiguration(loaded.status(), console);
    named = *std::move(loaded);
  }
  const AgentConfig* const source = named ? &*named : nullptr;
  if (configs.size() > 1) return ExamineSeveral(configs, source, request, console);
  const absl::StatusOr<FoundConfig> found = FindConfig(config_path, kControlConfig);
  const absl::StatusOr<ControlConfig> config = found.ok() ? LoadControlConfig(found->path) : found.status();
  if (found.ok() && !found->passed_over.empty()) console.err << "mirrorctl: " << found->passed_over << '\n';
  // A user who checks a source may be no operator of the endpoint.
  const bool source_alone = source != nullptr && !found.ok();
  if (!config.ok() && !source_alone) return WrongConfiguration(config.status(), console);
  PrepareToLook();
  DoctorReport report(console, request.json);
  Examine({.server = config.ok() ? &*config : nullptr, .source = source}, source, report);
  report.Finish();
}

}  // namespace

void AddDoctor(const cli::Command& app, const std::string& config_path,
               const std::vector<std::string>& configs, Console& console) {
  const cli::Command doctor =
      app.AddCommand("doctor", "Check everything from here to the server, and say what to do");
  doctor.Footer(
      "Checks clocks, names, ports, TLS, certificates, disk and mirrors; with several --config, those of "
      "each server. With --source it also checks the endpoint, the source's keys, the endpoint's proof, the "
      "source's database and its change log; without a mirrorctl.toml it checks only these. Root checks the "
      "rights of the agent's user, who owns the state_dir. Changes nothing.\n"
      "The calls are described in proto/mirror/v1/*.proto (in a clone, or in "
      "/usr/share/doc/partner-mirror-doc of the package partner-mirror-doc); servers do not describe them "
      "themselves.\n"
      "Exit codes: 0 nothing needs doing, 1 something does, 2 wrong usage or configuration. Example:\n"
      "  mirrorctl --config dev/mirrorctl.toml doctor --source dev/mirror-agent.toml");
  const auto request = std::make_shared<DoctorRequest>();
  doctor.Add("--source", request->source, "A source's mirror-agent.toml, on this machine")
      .Completes(cli::Besides::kFiles);
  doctor.AddFlag("--json", request->json, "Print an array of objects");
  doctor.Run(
      [request, &config_path, &configs, &console] { Doctor(config_path, configs, *request, console); });
}

}  // namespace mirror
