#include <signal.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>
#include <filesystem>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "base/db/postgres/target.h"
#include "base/printable.h"
#include "base/system_user.h"
#include "base/text/command_line.h"
#include "base/text/find_config.h"
#include "base/text/text_stream.h"
#include "certs/openssl.h"
#include "certs/private_memory.h"
#include "server/config/config.h"
#include "server/data_check.h"
#include "server/place_check.h"
#include "server/rpc/message_memory.h"
#include "server/server.h"
#include "server/store/sqlite/sqlite_store.h"

namespace mirror {
namespace {

constexpr char kConfig[] = "mirror-server.toml";
constexpr int kDone = 0, kFailed = 1, kWrongUsage = 2;
constexpr std::int64_t kHousekeepingS = 1;

int Fail(int code, const absl::Status& status) {
  TextStream(std::cerr, TerminalAt(STDERR_FILENO)) << "mirror-server: " << status.message() << std::endl;
  return code;
}

constexpr int kAwaited[] = {SIGTERM, SIGINT, SIGHUP};

/// Blocks the signals that Serve() waits for, in all threads. The system calls it before it initialises the
/// libraries, which may start threads: a SIGHUP from then on waits, and becomes a reload. No code of the
/// program runs earlier: while the system loads and links the libraries, about 10 ms, a SIGHUP ends the
/// process. Sanitizers do not work yet, so it calls no function that they replace.
__attribute__((no_sanitize("address", "thread", "undefined"))) void BlockSignals(int, char**, char**) {
  unsigned long signals = 0;  // In the kernel's format.
  for (const int number : kAwaited) signals |= 1UL << (number - 1);
  syscall(SYS_rt_sigprocmask, SIG_BLOCK, &signals, nullptr, sizeof(signals));
}
__attribute__((section(".preinit_array"), used)) void (*const block_signals)(int, char**,
                                                                             char**) = BlockSignals;

sigset_t Awaited() {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int number : kAwaited) sigaddset(&signals, number);
  return signals;
}

int Serve(const ServerConfig& config) {
  const sigset_t signals = Awaited();
  absl::StatusOr<std::unique_ptr<Server>> server = Server::Open(config);
  if (!server.ok()) {
    // The log is set up by now, in its configured format.
    spdlog::critical("not started: {}", std::string(server.status().message()));
    return kFailed;
  }
  (*server)->Start();
  std::cout << "mirror-server ready: sources on " << (*server)->address() << ", admin on "
            << (*server)->admin_address() << std::endl;
  if (const std::string http = (*server)->http_url(); !http.empty()) {
    std::cout << "mirror-server JSON: " << http << std::endl;
  }
  if (const std::string metrics = (*server)->metrics_address(); !metrics.empty()) {
    std::cout << "mirror-server metrics: http://" << metrics << "/metrics" << std::endl;
  }
  while (true) {
    const timespec patience{kHousekeepingS, 0};
    const int number = sigtimedwait(&signals, nullptr, &patience);
    if (number == SIGHUP) static_cast<void>((*server)->Reload());
    if (number == SIGTERM || number == SIGINT) break;
    (*server)->KeepHouse();
  }
  (*server)->Stop();
  // Its destructor closes the databases and frees the data folder for another server.
  server->reset();
  spdlog::info("stopped");
  return kDone;
}

int WithOutput(TextStream& out) {
  TextStream err(std::cerr, TerminalAt(STDERR_FILENO));
  return ExitCode(kDone, out, err, "mirror-server");
}

/// `data`: checks the mirrors, too.
int CheckOnly(const ServerConfig& config, bool data) {
  const absl::StatusOr<std::vector<std::string>> notes = CheckPlaces(config);
  if (!notes.ok()) return Fail(kWrongUsage, notes.status());
  const absl::StatusOr<std::vector<std::string>> refused = FindRefusedKeys(config, data);
  if (!refused.ok()) return Fail(kWrongUsage, refused.status());
  if (!refused->empty()) {
    for (const std::string& words : *refused)
      Fail(kWrongUsage, absl::FailedPreconditionError(absl::StrCat(config.file, ": ", Printable(words))));
    return kWrongUsage;
  }
  TextStream out(std::cout, TerminalAt(STDOUT_FILENO));
  out << config.file << ": no errors" << std::endl;
  for (const std::string& note : *notes) out << "note: " << note << std::endl;
  if (!std::filesystem::exists(config.data.dir)) {
    out << "the data folder '" << config.data.dir
        << "' does not exist yet: the server makes it when it starts" << std::endl;
  }
  if (data) {
    const absl::StatusOr<std::vector<std::string>> taken = CheckData(config);
    if (!taken.ok()) return Fail(kWrongUsage, taken.status());
    for (const std::string& words : *taken) out << Printable(words) << std::endl;
    if (taken->empty()) out << "the next cycles empty no column" << std::endl;
  }
  return WithOutput(out);
}

/// Runs what the command line asks for.
int Start(const std::string& file, bool check_only, bool check_data) {
  // Partners read the mirrors as members of the group; keys have their own modes.
  umask(027);
  KeepMemoryPrivate();
  LeaveOpenSslToTheEnd();
  ::signal(SIGPIPE, SIG_IGN);
  KeepMessageMemory();
  ConfigureSqlite();
  const absl::StatusOr<FoundConfig> found = FindConfig(file, kConfig);
  if (!found.ok()) return Fail(kWrongUsage, found.status());
  if (check_only) {
    SayConfig(*found, "mirror-server", std::cerr);
    // A person who waits for an answer may interrupt.
    const sigset_t signals = Awaited();
    pthread_sigmask(SIG_UNBLOCK, &signals, nullptr);
  }
  const absl::StatusOr<ServerConfig> config = LoadServerConfig(found->path);
  if (!config.ok()) return Fail(kWrongUsage, config.status());
  if (absl::Status files = CheckServerFiles(*config); !files.ok()) return Fail(kWrongUsage, files);
  if (check_only) return CheckOnly(*config, check_data);
  if (absl::Status own = CheckOwnFolder(config->data.dir, config->file); !own.ok())
    return Fail(kWrongUsage, own);
  SetUpLog(*config);
  if (!found->passed_over.empty()) spdlog::warn("{}", found->passed_over);
  spdlog::info("configuration {}", config->file);
  return Serve(*config);
}

int Main(int argc, char** argv) {
  postgres::ForgetEnvironment();
  const cli::Program app(
      "The mirror endpoint: takes changes from sources and keeps a database for each tenant.", "",
      "mirror-server " MIRROR_VERSION);
  app.Footer(
      "Signals: SIGTERM lets running calls end and stops; SIGHUP reads [application], [tokens],\n"
      "[[issuer]] with its keys, and [log] again.\n"
      "'mirror-server completion bash' (or zsh, fish) prints the script that completes options.\n"
      "Exit codes: 0 stopped as asked, 1 failed, 2 wrong usage or configuration.\n"
      "Example:\n  mirrorctl init --dir dev --context-id Cust26759\n"
      "  mirror-server --config dev/mirror-server.toml");
  std::string file;
  bool check_only = false, check_data = false;
  const cli::Option config_option =
      app.Add("--config", file, "Configuration (default: mirror-server.toml, searched for)")
          .Completes(cli::Besides::kFiles);
  LetSearch(app, config_option, file, kConfig);
  app.AddFlag("--check-config", check_only,
              "Check configuration, keys, certificates, data folder, hooks and databases, and end");
  app.AddFlag("--data", check_data,
              "With --check-config: count the values that the column rules will remove from the mirrors");
  app.Check([&check_only, &check_data] {
    return check_data && !check_only ? "--data works only with --check-config" : "";
  });
  app.SpeakToShells(
      {.name = "mirror-server",
       .section = 8,
       .variables = {kNoColour, kConfigHome},
       .files =
           {{"mirror-server.toml",
             "The configuration: in the current folder, ~/.config/partner-mirror or /etc/partner-mirror"}},
       .see_also = {"mirror-server.toml(5)", "mirrorctl(1)", "mirror-agent(1)"}});
  TextStream help(std::cout, TerminalAt(STDOUT_FILENO));
  const cli::Outcome outcome = app.Parse(argc, argv, help);
  if (outcome.answered) return WithOutput(help);
  if (!outcome.wrong.empty()) {
    return Fail(kWrongUsage, absl::InvalidArgumentError(
                                 absl::StrCat(outcome.wrong, "\nRun with --help for more information.")));
  }

  return Start(file, check_only, check_data);
}

}  // namespace
}  // namespace mirror

int main(int argc, char** argv) { return mirror::Main(argc, argv); }
