// mirrorctl: makes keys and configurations, and administers an endpoint.
// Exit code: 0 done, 1 refused or failed, 2 wrong usage.

#include <unistd.h>

#include <algorithm>
#include <iostream>
#include <string>
#include <vector>

#include "base/db/postgres/target.h"
#include "base/text/command_line.h"
#include "base/text/find_config.h"
#include "base/text/text_stream.h"
#include "certs/openssl.h"
#include "certs/private_memory.h"
#include "tools/mirrorctl/admin/console.h"
#include "tools/mirrorctl/admin/control_config.h"
#include "tools/mirrorctl/admin_commands.h"
#include "tools/mirrorctl/init/apikey_command.h"
#include "tools/mirrorctl/init/certs_command.h"
#include "tools/mirrorctl/init/doctor.h"
#include "tools/mirrorctl/init/init.h"
#include "tools/mirrorctl/web/web_command.h"

namespace {

/// Returns true if the given command can call several servers.
bool TakesSeveral(const mirror::cli::Command& app) {
  const mirror::cli::Command hold = app.FindCommand("hold");
  return app.FindCommand("tenants").given() || app.FindCommand("events").given() ||
         app.FindCommand("doctor").given() || (hold.given() && hold.FindCommand("list").given());
}

/// Takes the values of --config. Returns what is wrong with them; empty: nothing.
std::string TakeConfigs(const mirror::cli::Command& app, const std::vector<std::string>& configs,
                        std::string& path) {
  // An empty value is refused, at any position.
  const bool whole = std::find(configs.begin(), configs.end(), "") == configs.end();
  if (!configs.empty()) path = whole ? configs.front() : "";
  return configs.size() > 1 && !TakesSeveral(app)
             ? "several --config are only for 'tenants', 'events', 'hold list' and 'doctor'"
             : "";
}

}  // namespace

int main(int argc, char** argv) {
  mirror::KeepMemoryPrivate();
  mirror::LeaveOpenSslToTheEnd();
  mirror::postgres::ForgetEnvironment();
  mirror::TextStream out(std::cout, mirror::TerminalAt(STDOUT_FILENO));
  mirror::TextStream err(std::cerr, mirror::TerminalAt(STDERR_FILENO));
  mirror::Console console{out, err, isatty(STDERR_FILENO) != 0};
  if (console.terminal && isatty(STDIN_FILENO) != 0) console.in = &std::cin;
  const mirror::cli::Program app("Make keys and configurations, and administer a mirror endpoint",
                                 "mirrorctl", "mirrorctl " MIRROR_VERSION);
  app.Footer(
      "Exit codes: 0 done, 1 refused or failed, 2 wrong usage. Example:\n"
      "  mirrorctl init --dir dev --context-id Cust26759 --source crm.db");
  app.RequireCommand();
  app.OptionsBehindCommands();
  std::string config_path;
  std::vector<std::string> configs;
  const mirror::cli::Option config =
      app.Add("--config", configs,
              "Configuration with the endpoint and your certificate (default: mirrorctl.toml, searched for); "
              "several for 'tenants', 'events', 'hold list' and 'doctor'")
          .TakeAll()
          .AsItStands()
          .Completes(mirror::cli::Besides::kFiles);
  app.Check([&app, &configs, &config_path] { return TakeConfigs(app, configs, config_path); });
  mirror::LetSearch(app, config, config_path, mirror::kControlConfig);

  mirror::AddInit(app, console);
  mirror::AddCerts(app, console);
  mirror::AddApiKey(app, console);
  mirror::AddAdminCommands(app, config_path, console, &configs);
  mirror::AddAuditCommands(app, config_path, console);
  mirror::AddDoctor(app, config_path, configs, console);
  mirror::AddWebCommand(app, config_path, console);

  app.SpeakToShells(
      {.name = "mirrorctl",
       .sisters = {{"mirror-agent",
                    {"once", "transport", "import", "run", "status", "install", "uninstall", "pointers",
                     "receipts", "check-config"}}},
       .variables = {mirror::kNoColour, mirror::kConfigHome},
       .files = {{"mirrorctl.toml",
                  "The endpoint and your certificate: in the current folder, ~/.config/partner-mirror or "
                  "/etc/partner-mirror"}},
       .see_also = {"mirrorctl.toml(5)", "mirror-server(8)", "mirror-agent(1)", "mirror-compare(1)",
                    "mirror-harness(1)"}});
  const mirror::cli::Outcome outcome = app.Parse(argc, argv, out);
  if (outcome.answered) return mirror::ExitCode(mirror::Console::kDone, out, err, "mirrorctl");
  if (!outcome.wrong.empty()) {
    console.Fail(absl::InvalidArgumentError(outcome.wrong));
    err << "Run with --help for more information.\n";
    return mirror::Console::kWrongUsage;
  }
  return mirror::ExitCode(console.exit_code, out, err, "mirrorctl");
}
