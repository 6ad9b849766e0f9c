// mirror-agent: pushes source databases to a mirror endpoint.

#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <functional>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "base/db/postgres/target.h"
#include "base/db/sqlite/connection.h"
#include "base/interruption.h"
#include "base/text/command_line.h"
#include "base/text/find_config.h"
#include "base/text/text_stream.h"
#include "base/text/watch.h"
#include "certs/key.h"
#include "certs/openssl.h"
#include "certs/private_memory.h"
#include "client/command/commands.h"
#include "client/command/report.h"
#include "client/command/run.h"
#include "client/wire/block_memory.h"

namespace mirror {
namespace {

/// A subcommand and its function. Its options live as long as
/// this object, and so does `given`, the --config option.
struct Command {
  cli::Command command;
  std::string* given;
  std::function<int(std::ostream& out, std::ostream& err)> run;
  /// Set if the command's own log tells which configuration was found by search.
  std::shared_ptr<FoundConfig> told = {};
};

/// Adds --config. `path` gets the value of the option or of its variable; an empty option is wrong usage.
void AddConfig(const cli::Command& command, std::string& path) {
  const cli::Option config =
      command.Add("--config", path, "The agent's configuration (default: mirror-agent.toml, searched for)")
          .Completes(cli::Besides::kFiles);
  LetSearch(command, config, path, kAgentConfig);
}

void AddContextId(const cli::Command& command, std::string& context_id,
                  const char* help = "Only sources whose context id is this; * stands for any characters") {
  command.Add("--context-id", context_id, help).ValueName("ID").Completes(SourceNames);
}

int RunOnceOrVerify(OnceOptions options, std::ostream& out, std::ostream& err) {
  options.terminal = isatty(STDERR_FILENO) != 0;
  std::erase(options.tables, "");
  return Once(options, out, err);
}

Command AddOnce(const cli::Command& app) {
  const auto options = std::make_shared<OnceOptions>();
  const cli::Command once = app.AddCommand("once", "One cycle for each [[source]] of the configuration");
  once.Footer(
      "Example:\n  mirror-agent once --config mirror-agent.toml --repopulate customers orders\n"
      "With a change log ('mirror-agent install') the agent sends the net changes. It sends a table whole "
      "when the mirror asks for that, when the log no longer has all changes since the mirror's state, or "
      "when --repopulate names the table.\n");
  AddConfig(once, options->config);
  AddContextId(once, options->context_id);
  once.AddFlag("--details", options->details, "A line for each table, even with several sources");
  once.AddFlag("--failed", options->failed, "Of several sources, show only those that are not good");
  const cli::Option repopulate =
      once.Add("--repopulate", options->tables, "Send these tables whole; without names, all of them")
          .ValueName("[TABLE...]")
          .Values(0, -1);
  const cli::Option dry_run = once.AddFlag(
      "--dry-run", options->dry_run,
      "Show the changes that wait, and the tables and columns that the mirror would lose. Also try the "
      "connection. Nothing is sent or written");
  dry_run.Excludes(repopulate);
  dry_run.Excludes(once.AddFlag("--json", options->json, "Print one JSON object instead of lines"));
  return {once, &options->config, [options, repopulate](std::ostream& out, std::ostream& err) {
            options->repopulate = repopulate.given();
            return RunOnceOrVerify(*options, out, err);
          }};
}

/// Adds a command that does half of the work on a hub's deliveries: program 1000 (transport) or 1001
/// (import) of DataJoin.
Command AddHalf(const cli::Command& app, const std::string& name, RunRequest::Exchange half,
                const std::string& help, const std::string& footer) {
  const auto options = std::make_shared<OnceOptions>();
  options->exchange = half;
  const cli::Command command = app.AddCommand(name, help);
  command.Footer(absl::StrCat("Example:\n  mirror-agent ", name, " --config mirror-agent.toml\n", footer));
  AddConfig(command, options->config);
  AddContextId(command, options->context_id);
  command.AddFlag("--json", options->json, "Print one JSON object instead of lines");
  return {command, &options->config,
          [options](std::ostream& out, std::ostream& err) { return RunOnceOrVerify(*options, out, err); }};
}

Command AddTransport(const cli::Command& app) {
  return AddHalf(
      app, "transport", RunRequest::Exchange::kTransport,
      "Push a cycle, and fetch a hub's deliveries into the inbox of each source",
      "'mirror-agent import' applies the fetched deliveries; the next push empties the inbox. 'once' does "
      "both.\n");
}

Command AddImport(const cli::Command& app) {
  return AddHalf(
      app, "import", RunRequest::Exchange::kImport,
      "Apply the deliveries that 'transport' fetched, and push their results",
      "Each delivery is one transaction of the source's database, with its row of _mirror_ledger. If the "
      "source refuses a delivery, the exit code is 1, and later runs try it again, after longer and longer "
      "pauses.\n");
}

Command AddVerify(const cli::Command& app) {
  const auto options = std::make_shared<OnceOptions>();
  const cli::Command verify =
      app.AddCommand("verify", "Compare the mirror with each [[source]], row by row where digests differ");
  verify.Footer(
      "Example:\n  mirror-agent verify --config mirror-agent.toml --repair\n"
      "Runs a cycle first, so that changes that were not sent yet do not count as differences. --repair "
      "sends exactly the rows that differ. The exit code is 1 also if a table still differs at the end.\n");
  AddConfig(verify, options->config);
  AddContextId(verify, options->context_id, "Only this source");
  verify.AddFlag("--repair", options->repair, "Send the rows that differ");
  verify.AddFlag("--show-keys", options->show_keys,
                 "Show the keys of the rows that differ, the first 20 of each kind and table");
  verify.Add("--table", options->tables, "Only these tables").ValueName("TABLE...");
  verify.AddFlag("--json", options->json, "Print one JSON object instead of lines");
  return {verify, &options->config, [options](std::ostream& out, std::ostream& err) {
            options->verify = true;
            return RunOnceOrVerify(*options, out, err);
          }};
}

Command AddRun(const cli::Command& app) {
  const auto found = std::make_shared<FoundConfig>();
  const cli::Command run =
      app.AddCommand("run", "Run cycles of all sources, each by its schedule, until SIGTERM");
  run.Footer(
      "Example:\n  mirror-agent run --config mirror-agent.toml\n"
      "[[source]] has 'interval' (\"20m\") or 'cron' (\"30 6-20/2 * * mon-fri\", @daily; local time), and "
      "'quiet'. With an interval the first cycle begins at once; with cron at its next time, or at once if "
      "no run was good yet. A source that fails is tried again after 5 s, then after longer and longer "
      "pauses, but not later than its interval or next time. SIGTERM ends the program after the current "
      "batch. 'mirror-agent status' shows the state of each source.\n");
  AddConfig(run, found->path);
  // A log: a line for each event.
  return {run, &found->path,
          [found](std::ostream&, std::ostream&) { return Run(*found, std::cout, std::cerr); }, found};
}

Command AddStatus(const cli::Command& app) {
  const auto options = std::make_shared<StatusOptions>();
  const cli::Command status =
      app.AddCommand("status", "Show the state of each [[source]]: last run, next run, errors");
  status.Footer(
      "Example:\n  mirror-agent status --config mirror-agent.toml --json\n"
      "Reads the agent's own files; opens no source, calls no endpoint, and does not disturb 'run'. Exit "
      "code: 0 "
      "all are good or paused by an operator, 1 a source failed, never ran, is overdue (two of its times "
      "have passed) or its files "
      "cannot be read, 2 wrong usage or configuration.\n");
  AddConfig(status, options->config);
  AddContextId(status, options->context_id);
  status.AddFlag("--failed", options->failed, "Only sources that are not good");
  status.AddFlag("--details", options->details, "All details of each source, even with several");
  status.AddFlag("--wide", options->wide, "Cut, wrap and leave out nothing, however long the lines are");
  status.AddFlag("--json", options->json, "Print one JSON object instead of lines");
  const auto every_s = std::make_shared<int>(2);
  const cli::Option watch = AddWatchOption(status, *every_s);
  return {status, &options->config, [options, every_s, watch](std::ostream& out, std::ostream& err) {
            const auto look = [&options](std::ostream& shown, std::ostream& said) {
              return ShowStatus(*options, options->wide ? AsItIs(shown) : shown, said);
            };
            if (!watch.given()) return look(out, err);
            const Interruption interruption;
            return WatchHere("mirror-agent status", *every_s, options->json, interruption, look, out, err);
          }};
}

Command AddInstall(const cli::Command& app) {
  const auto options = std::make_shared<InstallOptions>();
  const cli::Command install =
      app.AddCommand("install", "Make the change log of each source with strategy cdc");
  install.Footer(
      "Example:\n  mirror-agent install --config mirror-agent.toml\nIn a SQLite source, install makes "
      "triggers. They write each later change into tables whose names begin with _mirror_. In a "
      "PostgreSQL source, install makes a publication and a replication slot, through which the agent "
      "reads the server's log; if the agent's role does not own the tables, use --print-sql. In a "
      "MariaDB source, install makes no log: it checks the binlog, and begins the agent's stage in "
      "'state_dir'. If [[source]] has 'accept', install also makes the tables of the exchange. To "
      "install twice is harmless. A cycle renews the triggers of altered tables; for new tables in "
      "PostgreSQL, run install again. A source has one log, which belongs to one agent. Another agent is "
      "refused, unless --take-over says that the former agent will not run again.\n");
  AddConfig(install, options->config);
  AddContextId(install, options->context_id);
  const cli::Option take_over = install.AddFlag("--take-over", options->take_over,
                                                "Take over the logs of agents that will not run again");
  install
      .AddFlag(
          "--print-sql", options->print_sql,
          "Change nothing: print a script that a DBA runs in one source's database, with psql or mariadb")
      .Excludes(take_over);
  return {install, &options->config,
          [options](std::ostream& out, std::ostream& err) { return Install(*options, out, err); }};
}

Command AddCheckConfig(const cli::Command& app) {
  const auto config = std::make_shared<std::string>();
  const cli::Command check = app.AddCommand(
      "check-config", "Check configuration, keys, certificates, sources' paths and the agent's folder");
  check.Footer(
      "Example:\n  mirror-agent check-config --config mirror-agent.toml\n"
      "Opens no source and calls no endpoint; 'once --dry-run' does both. Exit code: 0 no errors, 2 an "
      "error.\n");
  AddConfig(check, *config);
  return {check, config.get(),
          [config](std::ostream& out, std::ostream& err) { return CheckConfig(*config, out, err); }};
}

Command AddUninstall(const cli::Command& app) {
  const auto config = std::make_shared<std::string>();
  const cli::Command uninstall =
      app.AddCommand("uninstall", "Remove every trace of the change log from the sources");
  uninstall.Footer(
      "Example:\n  mirror-agent uninstall --config mirror-agent.toml\n"
      "In SQLite, drops the triggers and the tables whose names begin with _mirror_; in PostgreSQL, the "
      "replication slot and the publication; in MariaDB there is nothing to drop. Also removes the agent's "
      "stage of a log from 'state_dir'.\n");
  AddConfig(uninstall, *config);
  return {uninstall, config.get(),
          [config](std::ostream& out, std::ostream& err) { return Uninstall(*config, out, err); }};
}

Command AddPointers(const cli::Command& app) {
  const auto options = std::make_shared<PointersOptions>();
  const cli::Command pointers =
      app.AddCommand("pointers", "Show from where the next run reads each table, or move that pointer");
  pointers.Footer(
      "Example:\n  mirror-agent pointers --config mirror-agent.toml --set \"orders=2024-05-01 00:00:00\"\n"
      "For tables with strategy watermark or watermark_cdc. If you move a pointer back, the next run reads "
      "the rows after it again. 'mirror-agent once --repopulate' sends a table whole.\n");
  AddConfig(pointers, options->config);
  AddContextId(pointers, options->context_id, "Only this source");
  pointers.Add("--set", options->set, "Move a pointer").ValueName("TABLE=VALUE...");
  pointers.Add("--reset", options->reset, "Move pointers to before all values").ValueName("TABLE...");
  pointers.AddFlag("--deletes", options->deletes,
                   "--set and --reset move the pointer of the feed of deletes");
  pointers.AddFlag("--json", options->json, "Print one JSON object instead of lines");
  return {pointers, &options->config,
          [options](std::ostream& out, std::ostream& err) { return Pointers(*options, out, err); }};
}

Command AddReceipts(const cli::Command& app) {
  const auto options = std::make_shared<ReceiptsOptions>();
  const cli::Command receipts =
      app.AddCommand("receipts", "Check the mirror's signed receipts of the rows that it received");
  receipts.RequireCommand();
  receipts.Footer("Example:\n  mirror-agent receipts verify --config mirror-agent.toml\n");
  const cli::Command receipts_verify =
      receipts.AddCommand("verify", "Check chain, signatures and content of the receipts of each [[source]]");
  receipts_verify.Footer(
      "Example:\n  mirror-agent receipts verify --config mirror-agent.toml\n"
      "Reads the agent's own files and calls no endpoint. Exit code: 0 all is proven, 1 there are findings "
      "(lines "
      "with WRONG) or nothing is signed yet, 2 wrong usage or configuration.\n");
  AddConfig(receipts_verify, options->config);
  receipts_verify
      .Add("--certificate", options->certificates,
           "Former certificates of the application, for receipts that its former keys signed")
      .ValueName("FILE...")
      .Completes(cli::Besides::kFiles);
  receipts_verify.AddFlag("--json", options->json, "Print one JSON object instead of lines");
  return {receipts, &options->config,
          [options](std::ostream& out, std::ostream& err) { return VerifyReceipts(*options, out, err); }};
}

/// Commands that only mirrorctl has.
std::vector<std::string> ControlCommands() {
  return {"init",     "certs",      "tenants", "tables",   "indexes", "events",        "keys",
          "diagnose", "invalidate", "reset",   "pause",    "resume",  "accept-source", "servers",
          "move",     "backup",     "restore", "hold",     "delete",  "allow",         "audit",
          "doctor",   "apikey",     "web",     "storages", "jobs",    "export",        "changes",
          "explain",  "history",    "diff",    "erase",    "hub"};
}

int Main(int argc, char** argv) {
  TextStream out(std::cout, TerminalAt(STDOUT_FILENO)), err(std::cerr, TerminalAt(STDERR_FILENO));
  const cli::Program app("mirror-agent pushes databases and files to a mirror endpoint.", "mirror-agent",
                         "mirror-agent " MIRROR_VERSION);
  app.Footer(
      "Example:\n  mirror-agent once --config mirror-agent.toml\n"
      "Exit code: 0 done or paused by an operator, 1 busy, stopped for another reason, or something failed, "
      "is held or differs (see stderr), 2 wrong usage or configuration.\n");
  app.RequireCommand();
  const std::vector<Command> commands = {AddOnce(app),     AddTransport(app),  AddImport(app),
                                         AddVerify(app),   AddRun(app),        AddStatus(app),
                                         AddInstall(app),  AddUninstall(app),  AddPointers(app),
                                         AddReceipts(app), AddCheckConfig(app)};
  app.SpeakToShells({.name = "mirror-agent",
                     .sisters = {{"mirrorctl", ControlCommands()}},
                     .variables = {kNoColour, kConfigHome},
                     .files = {{"mirror-agent.toml",
                                "Endpoint, identity and sources: in the current folder, "
                                "~/.config/partner-mirror, /etc/partner-mirror-agent or "
                                "/etc/partner-mirror"}},
                     .see_also = {"mirror-agent.toml(5)", "mirrorctl(1)", "mirror-server(8)"}});
  const cli::Outcome outcome = app.Parse(argc, argv, out);
  if (outcome.answered) return ExitCode(kExitDone, out, err, "mirror-agent");
  if (!outcome.wrong.empty()) {
    err << kFailedHere << outcome.wrong << "\nRun with --help for more information.\n";
    return kExitWrongUse;
  }
  const auto given = std::find_if(commands.begin(), commands.end(),
                                  [](const Command& command) { return command.command.given(); });
  if (given == commands.end()) return kExitWrongUse;  // Never happens: a subcommand is required.
  const absl::StatusOr<FoundConfig> found = FindConfig(*given->given, kAgentConfig);
  if (!found.ok()) {
    err << kFailedHere << std::string(found.status().message()) << '\n';
    return kExitWrongUse;
  }
  *given->given = found->path;
  if (given->told != nullptr) {
    *given->told = *found;
  } else {
    SayConfig(*found, "mirror-agent", err);
  }
  const int code = given->run(out, err);
  // The log of a service is not the output of a command.
  return given->told != nullptr ? code : ExitCode(code, out, err, "mirror-agent");
}

}  // namespace
}  // namespace mirror

int main(int argc, char** argv) {
  // gRPC's own log lines about connections would repeat ours
  // between them. The environment can still turn them on.
  setenv("GRPC_VERBOSITY", "NONE", /*overwrite=*/0);
  mirror::KeepMemoryPrivate();
  mirror::LeaveOpenSslToTheEnd();
  mirror::KeepBlockMemory();
  mirror::sqlite::PrepareSqlite();
  mirror::postgres::ForgetEnvironment();
  return mirror::Main(argc, argv);
}
