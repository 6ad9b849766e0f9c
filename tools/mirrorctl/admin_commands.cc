#include "tools/mirrorctl/admin_commands.h"

#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "base/printable.h"
#include "tools/mirrorctl/admin_command.h"
#include "tools/mirrorctl/control_config.h"
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
      if (absl::IsNotFound(console.failure)) SayNearest(**client, request, console);
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

CLI::App& AdminCommands::Add(const std::string& name, const std::string& help, const std::string& example,
                             AdminRun run) const {
  CLI::App* const command = app.add_subcommand(name, help);
  command->footer(
      absl::StrCat("Exit codes: 0 answered, 1 refused or unreachable, 2 wrong usage or "
                   "configuration. Example:\n  mirrorctl --config dev/mirrorctl.toml ",
                   app.get_parent() == nullptr ? "" : absl::StrCat(app.get_name(), " "), name,
                   example.empty() ? "" : " ", example));
  command->callback([this_ = *this, run = std::move(run)] {
    RunWith(this_.config_path, run, *this_.request, this_.console);
  });
  return *command;
}

void AdminCommands::AddContext(CLI::App& command, bool required) const {
  command.add_option("context_id", request->context_id, "Tenant, e.g. Cust26759")->required(required);
}

void AdminCommands::AddJson(CLI::App& command, const std::string& help) const {
  command.add_flag("--json", request->json, help);
}

void AdminCommands::AddWide(CLI::App& command) const {
  command.add_flag("--wide", request->wide, "Cut and wrap nothing, however long the lines are");
}

void AdminCommands::AddConfirm(CLI::App& command, const char* nothing) const {
  command.add_option("--confirm", request->confirm, "The context id once more")->required();
  command.parse_complete_callback([request_ = request, nothing] {
    if (request_->confirm != request_->context_id) {
      throw CLI::ValidationError(absl::StrCat("--confirm must repeat the context id. ", nothing));
    }
  });
}

void AdminCommands::AddTables(CLI::App& command) const {
  CLI::Option* const tables =
      command.add_option("--table", request->tables, "Names, as 'mirrorctl tables' prints them");
  // Without extra arguments CLI11 takes a name as it stands; otherwise "[a,b]" would be two.
  tables->expected(1, kTablesMax)->allow_extra_args(false);
  CLI::Option* const all = command.add_flag("--all", request->all, "All tables of the tenant");
  command.parse_complete_callback([tables, all] {
    if (tables->empty() == all->empty()) {
      throw CLI::ValidationError("give either --table with names, or --all");
    }
  });
}

void AddAdminCommands(CLI::App& app, const std::string& config_path, Console& console) {
  app.get_option("--config")->envname("MIRRORCTL_CONFIG");
  const AdminCommands commands{app, config_path, console};
  AddReadingCommands(commands);
  AddChangingCommands(commands);
}

}  // namespace mirror
