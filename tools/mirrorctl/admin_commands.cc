#include "tools/mirrorctl/admin_commands.h"

#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "base/printable.h"
#include "tools/mirrorctl/admin_command.h"
#include "tools/mirrorctl/control_config.h"
#include "tools/mirrorctl/name_completion.h"
#include "tools/mirrorctl/nearest_names.h"

namespace mirror {
namespace {

/// Behind a name that there is not, the one that was meant.
void SayNearest(AdminClient& admin, const AdminRequest& request, Console& console) {
  const std::string tenant =
      request.context_id.empty() ? request.hold.substr(0, request.hold.rfind(':')) : request.context_id;
  const std::string words = tenant.empty() ? "" : NearestNames(admin, tenant, request.tables);
  if (!words.empty()) console.err << words << '\n';
}

/// Opens what the configuration names, then runs the command.
void RunWith(const std::string& config_path, const AdminRun& run, const AdminRequest& request,
             Console& console) {
  const absl::StatusOr<ControlConfig> config = LoadControlConfig(config_path);
  absl::Status status = config.status();
  if (status.ok()) {
    const absl::StatusOr<std::unique_ptr<AdminClient>> client = AdminClient::Open(*config);
    if (client.ok()) {
      run(**client, request, console);
      // A restore makes the tenant that there is not, so what is refused is the file.
      if (absl::IsNotFound(console.failure) || absl::IsFailedPrecondition(console.failure))
        SayNearest(**client, request, console);
      return;
    }
    status = client.status();
  }
  Fail(console, status);
  console.exit_code = Console::kWrongUsage;
}

}  // namespace

void Fail(Console& console, const absl::Status& status) {
  console.Fail(absl::Status(status.code(), Printable(std::string(status.message()))));
}

void Warn(Console& console, const std::string& words) {
  console.err << "mirrorctl: warning: " << Printable(words) << '\n';
}

cli::Command AdminCommands::Add(const std::string& name, const std::string& help, const std::string& example,
                                AdminRun run) const {
  const cli::Command command = app.AddCommand(name, help);
  command.Footer(
      absl::StrCat("Exit codes: 0 answered, 1 refused or unreachable, 2 wrong usage or "
                   "configuration. Example:\n  mirrorctl --config dev/mirrorctl.toml ",
                   group, name, example.empty() ? "" : " ", example));
  command.Run([this_ = *this, run = std::move(run)] {
    RunWith(this_.config_path, run, *this_.request, this_.console);
  });
  return command;
}

void AdminCommands::AddContext(const cli::Command& command, bool required) const {
  command.Add("context_id", request->context_id, "Tenant, e.g. Cust26759")
      .Required(required)
      .Completes(TenantNames);
}

void AdminCommands::AddJson(const cli::Command& command, const std::string& help) const {
  command.AddFlag("--json", request->json, help);
}

void AdminCommands::AddWide(const cli::Command& command) const {
  command.AddFlag("--wide", request->wide, "Cut and wrap nothing, however long the lines are");
}

void AdminCommands::AddConfirm(const cli::Command& command, const char* nothing) const {
  command.Add("--confirm", request->confirm, "The context id once more").Required();
  command.Check([request_ = request, nothing] {
    if (request_->confirm == request_->context_id) return std::string();
    return absl::StrCat("--confirm must repeat the context id. ", nothing);
  });
}

void AdminCommands::AddTables(const cli::Command& command) const {
  const cli::Option tables =
      command.Add("--table", request->tables, "Names, as 'mirrorctl tables' prints them");
  // Without extra arguments CLI11 takes a name as it stands; otherwise "[a,b]" would be two.
  tables.Values(1, kTablesMax).AsItStands().Completes(TableNames);
  const cli::Option all = command.AddFlag("--all", request->all, "All tables of the tenant");
  command.Check([tables, all] {
    return tables.given() == all.given() ? "give either --table with names, or --all" : "";
  });
}

void AddAdminCommands(const cli::Command& app, const std::string& config_path, Console& console) {
  app.Find("--config").Variable("MIRRORCTL_CONFIG");
  const AdminCommands commands{app, config_path, console};
  AddReadingCommands(commands);
  AddChangingCommands(commands);
}

}  // namespace mirror
