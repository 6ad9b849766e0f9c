#include "tools/mirrorctl/doctor/doctor.h"

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/config/find_config.h"
#include "base/db/sqlite/connection.h"
#include "base/file.h"
#include "base/text/text_table.h"
#include "client/config/config.h"
#include "tools/mirrorctl/admin/control_config.h"
#include "tools/mirrorctl/doctor/doctor_report.h"
#include "tools/mirrorctl/doctor/doctor_server.h"
#include "tools/mirrorctl/doctor/doctor_source.h"

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

/// Those of this machine, whichever configurations there are.
std::vector<std::string> CertificatesOf(const absl::StatusOr<ControlConfig>& config,
                                        const std::optional<AgentConfig>& source) {
  std::vector<std::string> files;
  if (config.ok()) files = {config->tls.ca, config->tls.certificate};
  if (!source) return files;
  if (!source->endpoint.plaintext) {
    files.push_back(source->endpoint.ca);
    files.push_back(source->endpoint.certificate);
  }
  files.push_back(source->identity.application_certificate);
  std::erase(files, "");
  return files;
}

/// Which they are, since nobody need have named them.
std::string FilesOf(const absl::StatusOr<ControlConfig>& config, const std::optional<AgentConfig>& source) {
  std::vector<std::string> files;
  if (config.ok()) files.push_back(absl::StrCat("'", config->file, "'"));
  if (source) files.push_back(absl::StrCat("'", source->file, "'"));
  return absl::StrJoin(files, " and ");
}

/// The source's configuration. Its database, which 'init --source' takes, is a near mistake.
absl::StatusOr<AgentConfig> LoadSource(const std::string& path) {
  std::error_code error;
  if (std::filesystem::is_regular_file(path, error) && !std::filesystem::is_empty(path, error) &&
      access(path.c_str(), R_OK) == 0 && LooksLikeSqlite(path)) {
    return absl::InvalidArgumentError(
        absl::StrCat("'", path,
                     "' is a database. Nothing was looked at: --source takes the agent's mirror-agent.toml, "
                     "which names it"));
  }
  return LoadAgentConfig(path);
}

void Doctor(const std::string& config_path, const DoctorRequest& request, Console& console) {
  const absl::StatusOr<FoundConfig> found = FindConfig(config_path, kControlConfig);
  const absl::StatusOr<ControlConfig> config = found.ok() ? LoadControlConfig(found->path) : found.status();
  if (found.ok() && !found->passed_over.empty()) console.err << "mirrorctl: " << found->passed_over << '\n';
  // Who looks at a source need not be an operator of the endpoint.
  const bool source_alone = !request.source.empty() && !found.ok();
  if (!config.ok() && !source_alone) return WrongConfiguration(config.status(), console);
  std::optional<AgentConfig> source;
  if (!request.source.empty()) {
    absl::StatusOr<AgentConfig> loaded = LoadSource(request.source);
    if (!loaded.ok()) return WrongConfiguration(loaded.status(), console);
    source = *std::move(loaded);
  }
  // A server that hangs up is a finding; gRPC's own lines about it would stand between ours.
  ::signal(SIGPIPE, SIG_IGN);
  setenv("GRPC_VERBOSITY", "NONE", /*overwrite=*/0);
  sqlite::PrepareSqlite();
  DoctorReport report(console, request.json);
  report.Ok("configuration", FilesOf(config, source));
  if (ExamineClockHere(CertificatesOf(config, source), report)) {
    if (config.ok()) ExamineServer(*config, report);
    if (source) ExamineSource(*source, report);
  } else {
    report.Skip("everything else", "clock here");
  }
  report.Finish();
}

}  // namespace

void AddDoctor(const cli::Command& app, const std::string& config_path, Console& console) {
  const cli::Command doctor =
      app.AddCommand("doctor", "Check everything from here to the server, and say what to do");
  doctor.Footer(
      "Looks at clocks, names, ports, TLS, certificates, disk and mirrors; with --source also at the "
      "endpoint, the source's keys and the endpoint's proof, the source's database and its change log; where "
      "there is no mirrorctl.toml, at these alone. Root asks for the rights of the agent's user, whose its "
      "state_dir is. Changes nothing.\n"
      "The calls are described in proto/mirror/v1/*.proto (in a clone, or in "
      "/usr/share/doc/partner-mirror-doc of that package); servers describe them only with [listen] "
      "reflection.\n"
      "Exit codes: 0 nothing needs doing, 1 something does, 2 wrong usage or configuration. Example:\n"
      "  mirrorctl --config dev/mirrorctl.toml doctor --source dev/mirror-agent.toml");
  const auto request = std::make_shared<DoctorRequest>();
  doctor.Add("--source", request->source, "A source's mirror-agent.toml, on this machine")
      .Completes(cli::Besides::kFiles);
  doctor.AddFlag("--json", request->json, "Print an array of objects");
  doctor.Run([request, &config_path, &console] { Doctor(config_path, *request, console); });
}

}  // namespace mirror
