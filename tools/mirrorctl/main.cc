// mirrorctl: makes keys and configurations, and administers an endpoint.
// Exit code: 0 done, 1 refused or failed, 2 wrong usage.

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <iostream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "certs/private_memory.h"
#include "proto/wire/nearest_word.h"
#include "proto/wire/text_table.h"
#include "tools/mirrorctl/admin_commands.h"
#include "tools/mirrorctl/audit_commands.h"
#include "tools/mirrorctl/certs_command.h"
#include "tools/mirrorctl/console.h"
#include "tools/mirrorctl/doctor.h"
#include "tools/mirrorctl/init.h"

namespace {

/// Of the command that was given, or of the program.
std::vector<std::string> CommandsOf(const CLI::App& app) {
  const std::vector<CLI::App*> given = app.get_subcommands();
  const CLI::App& asked = given.empty() ? app : *given.front();
  std::vector<std::string> names;
  for (const CLI::App* command : asked.get_subcommands([](const CLI::App*) { return true; })) {
    names.push_back(command->get_name());
  }
  return names;
}

int WrongUsage(const CLI::App& app, const CLI::ParseError& error, mirror::Console& console) {
  std::string what = error.what();
  const std::vector<std::string> unknown = app.remaining(true);
  if (dynamic_cast<const CLI::RequiredError*>(&error) != nullptr && !unknown.empty()) {
    const std::string nearest = mirror::NearestWord(unknown.front(), CommandsOf(app));
    what = absl::StrCat("there is no command or option '", unknown.front(), "'. Nothing was done.",
                        nearest.empty() ? "" : absl::StrCat(" Did you mean '", nearest, "'?"));
  }
  console.Fail(absl::InvalidArgumentError(mirror::Printable(what)));
  console.err << "Run with --help for more information.\n";
  return mirror::Console::kWrongUsage;
}

}  // namespace

int main(int argc, char** argv) {
  mirror::KeepMemoryPrivate();
  mirror::Console console{std::cout, std::cerr, isatty(STDERR_FILENO) != 0};
  CLI::App app("Make keys and configurations, and administer a mirror endpoint", "mirrorctl");
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
    if (error.get_exit_code() != 0) return WrongUsage(app, error, console);
    app.exit(error, std::cout, std::cerr);  // --help or --version.
    return mirror::Console::kDone;
  }
  std::cout.flush();
  if (!std::cout) {
    console.Fail(absl::UnavailableError("the output could not be written. What was asked for was done."));
  }
  return console.exit_code;
}
