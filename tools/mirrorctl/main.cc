// mirrorctl: makes keys and configurations, and administers an endpoint.
// Exit code: 0 done, 1 refused or failed, 2 wrong usage.

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>
#include <string>

#include "base/text/command_line.h"
#include "base/text/text_stream.h"
#include "certs/openssl_exit.h"
#include "certs/private_memory.h"
#include "tools/mirrorctl/admin_commands.h"
#include "tools/mirrorctl/audit_commands.h"
#include "tools/mirrorctl/certs_command.h"
#include "tools/mirrorctl/console.h"
#include "tools/mirrorctl/doctor.h"
#include "tools/mirrorctl/init.h"

int main(int argc, char** argv) {
  mirror::KeepMemoryPrivate();
  mirror::LeaveOpenSslToTheEnd();
  mirror::TextStream out(std::cout), err(std::cerr);
  mirror::Console console{out, err, isatty(STDERR_FILENO) != 0};
  CLI::App app("Make keys and configurations, and administer a mirror endpoint", "mirrorctl");
  app.formatter(std::make_shared<mirror::HelpFormat>());
  app.set_version_flag("--version", "mirrorctl " MIRROR_VERSION);
  app.footer(
      "Exit codes: 0 done, 1 refused or failed, 2 wrong usage. Example:\n"
      "  mirrorctl init --dir dev --context-id Cust26759 --source crm.db");
  app.require_subcommand(1);
  app.fallthrough();  // --config may also stand behind the command.
  std::string config_path = "mirrorctl.toml";
  app.add_option("--config", config_path, "Which endpoint, and as whom")->capture_default_str();

  mirror::AddInit(app, console);
  mirror::AddCerts(app, console);
  mirror::AddAdminCommands(app, config_path, console);
  mirror::AddAuditCommands(app, config_path, console);
  mirror::AddDoctor(app, config_path, console);

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) {
      app.exit(error, std::cout, std::cerr);  // --help or --version.
      return mirror::Console::kDone;
    }
    console.Fail(absl::InvalidArgumentError(mirror::WrongUsageWords(app, error)));
    err << "Run with --help for more information.\n";
    return mirror::Console::kWrongUsage;
  }
  if (!out.flush()) {
    console.Fail(absl::UnavailableError("the output could not be written. What was asked for was done."));
  }
  return console.exit_code;
}
