// mirror-example: an endpoint that contains a partner's own code. It prints the calls of its hooks,
// and refuses tenants whose context id begins with "No".
//
//   mirror-example --config dev/mirror-server.toml

#include <signal.h>

#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "base/mutex.h"
#include "server/config/config.h"
#include "server/hooks/hooks.h"
#include "server/server.h"
#include "server/store/sqlite/sqlite_store.h"

namespace {

/// Prints each line at once: hooks come from several threads.
class PrintingHooks final : public mirror::MirrorHooks {
 public:
  absl::Status ResolveConnection(const mirror::HookCaller& caller) override {
    Print("resolve " + caller.context_id);
    if (absl::StartsWith(caller.context_id, "No"))
      return absl::PermissionDeniedError("we know no such customer");
    return absl::OkStatus();
  }

  std::optional<std::string> Authenticated(const mirror::HookCaller& caller) override {
    Print("authenticated " + caller.context_id + " of " + caller.issuer);
    return std::nullopt;
  }

  absl::Status BeforeTables(const mirror::HookCycle& cycle,
                            const std::vector<mirror::HookTable>& tables) override {
    Print("tables " + cycle.context_id + ": " + std::to_string(tables.size()));
    return absl::OkStatus();
  }

  absl::Status Wiped(const mirror::HookCycle& cycle, const std::string& table) override {
    Print("wiped " + cycle.context_id + ": " + table);
    return absl::OkStatus();
  }

  absl::Status Completed(const mirror::HookCycle& cycle,
                         const std::vector<mirror::HookCounts>& tables) override {
    for (const mirror::HookCounts& table : tables) {
      Print("completed " + cycle.context_id + ": " + table.table + " +" + std::to_string(table.inserts) +
            " ~" + std::to_string(table.updates) + " -" + std::to_string(table.deletes));
    }
    Print("completed " + cycle.context_id);
    return absl::OkStatus();
  }

  absl::Status Event(const mirror::EventRecord& event) override {
    Print("event " + event.kind);
    return absl::OkStatus();
  }

 private:
  void Print(const std::string& line) {
    const mirror::MutexLock lock(mutex_);
    std::cout << line << std::endl;
  }
  mirror::Mutex mutex_;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3 || std::string(argv[1]) != "--config") {
    std::cerr << "usage: mirror-example --config mirror-server.toml\n";
    return 2;
  }
  // Called before the first thread starts: all threads then leave these signals to this one.
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  signal(SIGPIPE, SIG_IGN);
  mirror::ConfigureSqlite();

  const absl::StatusOr<mirror::ServerConfig> config = mirror::LoadServerConfig(argv[2]);
  if (!config.ok()) {
    std::cerr << "mirror-example: " << config.status().message() << std::endl;
    return 2;
  }
  mirror::SetUpLog(*config);
  const auto server = mirror::Server::Open(*config, std::make_shared<PrintingHooks>());
  if (!server.ok()) {
    std::cerr << "mirror-example: " << server.status().message() << std::endl;
    return 1;
  }
  (*server)->Start();
  std::cout << "mirror-example ready: sources on " << (*server)->address() << ", admin on "
            << (*server)->admin_address() << std::endl;
  const timespec second{1, 0};
  while (sigtimedwait(&signals, nullptr, &second) < 0) (*server)->KeepHouse();
  (*server)->Stop();
  return 0;
}
