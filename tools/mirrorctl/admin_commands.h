#ifndef MIRROR_TOOLS_MIRRORCTL_ADMIN_COMMANDS_H_
#define MIRROR_TOOLS_MIRRORCTL_ADMIN_COMMANDS_H_

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/interruption.h"
#include "base/text/command_line.h"
#include "base/text/text_table.h"
#include "tools/mirrorctl/admin/admin_client.h"
#include "tools/mirrorctl/admin/admin_output.h"
#include "tools/mirrorctl/admin/console.h"

namespace mirror {

/// The answer of one of several servers.
template <typename Answer>
struct ServerAnswer {
  std::string server;  ///< The address of the server's administration, from its configuration.
  Answer answer;
};

/// Makes the calls of one command to the servers of several configurations. Threads: one.
class Overview {
 public:
  /// Opens each configuration. For each configuration that cannot be opened, `console` gets the reason and
  /// exit code 2. `interruption` cancels the calls, which then also have a short time limit; null: neither.
  /// Both must outlive this.
  Overview(const std::vector<std::string>& configs, const Interruption* interruption, Console& console);

  /// Asks all servers at the same time. Returns the answers in the order of the configurations. For each
  /// server that failed, `console` gets the reason and exit code 1. NOT_FOUND is not a failure if another
  /// server answers, because that server has the requested object.
  template <typename Answer>
  std::vector<ServerAnswer<Answer>> Ask(
      const std::function<absl::StatusOr<Answer>(AdminClient&)>& ask) const {
    std::vector<std::optional<absl::StatusOr<Answer>>> given(servers_.size());
    {
      std::vector<std::jthread> threads;
      for (std::size_t i = 0; i < servers_.size(); ++i) {
        threads.emplace_back([this, &given, &ask, i] { given[i] = ask(*servers_[i].client); });
      }
    }
    std::vector<absl::Status> statuses;
    std::vector<ServerAnswer<Answer>> answers;
    for (std::size_t i = 0; i < servers_.size(); ++i) {
      statuses.push_back(given[i]->status());
      if (given[i]->ok()) answers.push_back({servers_[i].address, **std::move(given[i])});
    }
    TellFailures(statuses);
    return answers;
  }

  /// Returns "at 3 servers", or "at 2 of 3 servers" if only `answered` servers answered.
  std::string Where(std::size_t answered) const;

 private:
  struct Server {
    std::string address;
    std::unique_ptr<AdminClient> client;  ///< Never null.
  };

  /// Reports the failures of calls. `statuses`: one for each server.
  void TellFailures(const std::vector<absl::Status>& statuses) const;

  Console& console_;
  std::size_t named_ = 0;  ///< The number of configurations, with those that cannot be opened.
  std::vector<Server> servers_;
};

/// Merges the lines of all answers into one list. It is sorted by the result of `place` for each line, then
/// by the order of the servers. `lines` returns the repeated field of an answer.
template <typename Answer, typename Lines, typename Place>
LineServers MergeLines(std::vector<ServerAnswer<Answer>>* answers, Lines lines, Place place, Answer* merged) {
  using Message = typename std::remove_reference_t<decltype(*lines(merged))>::value_type;
  struct Line {
    std::invoke_result_t<Place, const Message&> place;
    const std::string* server;
    Message* message;
  };
  std::vector<Line> found;
  for (ServerAnswer<Answer>& one : *answers) {
    for (Message& message : *lines(&one.answer)) found.push_back({place(message), &one.server, &message});
  }
  std::stable_sort(found.begin(), found.end(),
                   [](const Line& one, const Line& other) { return one.place < other.place; });
  LineServers servers;
  for (const Line& line : found) {
    *lines(merged)->Add() = std::move(*line.message);
    servers.push_back(*line.server);
  }
  return servers;
}

inline constexpr int kTablesMax = 10'000;  ///< Greatest number of tables of one tenant.

/// The options of all commands; each command uses a part of them.
struct AdminRequest {
  std::string context_id;
  std::vector<std::string> tables;
  bool all = false;
  std::string reason, confirm, path, hold;
  bool drill = false;
  bool dry_run = false, with_keys = false, quick = false;
  std::string expect;
  std::uint32_t limit = 100;
  bool follow = false, reload = false;
  bool json = false, wide = false;
  std::string pattern, order = "problems";
  std::vector<std::string> states;
  bool failed = false;
  std::string severity = "information", kind, since;
  std::string storage, key;
  std::string data_source, take, without, golden_id, other_id;
  std::vector<std::string> row;
  bool insert = false, datajoin = false, dropped = false;
  std::string entity;
  std::vector<std::string> names, tenants;
  bool with_records = false;

  std::string export_table, as_of, format, out;
  std::string from_moment, to_moment;
  bool now = false;
  bool history = false, replace = false;

  std::string to_config, place, address;
  bool resume = false, undo = false;

  bool watched = false;
  int watch_s = 2;

  std::size_t width() const { return wide ? 0 : kStreamWidth; }
};

/// Write a message of the server or a file to `console.err`, safe for a terminal.
void Fail(Console& console, const absl::Status& status);
void Warn(Console& console, const std::string& words);
/// Writes for people that a list is empty. The output for scripts is unchanged.
void SayNone(Console& console, const std::string& words);

/// Returns a question such as "Did you mean 'Album'?", for a tenant or a table that the server did not find.
/// Empty: no name is similar, or the server does not list its names.
std::string NearestNames(AdminClient& admin, const std::string& context_id,
                         const std::vector<std::string>& tables);

/// Time limit of one refresh of a watch. After it, the watch shows that the server did not answer.
inline constexpr std::chrono::seconds kLookPatience(10);

using AdminRun = std::function<void(AdminClient&, const AdminRequest&, Console&)>;
/// Runs the same command at the servers of several configurations.
using OverviewRun = std::function<void(const Overview&, const AdminRequest&, Console&)>;

/// The application and the objects that every command uses.
struct AdminCommands {
  cli::Command app;
  const std::string& config_path;
  Console& console;
  std::shared_ptr<AdminRequest> request = std::make_shared<AdminRequest>();
  std::string group = {};  ///< The name of the parent command and a space; empty: there is none.
  /// All values of --config; null: `config_path` alone.
  const std::vector<std::string>* configs = nullptr;

  /// Adds a command. `overview`: runs the command with several --config; null: the command takes only one.
  cli::Command Add(const std::string& name, const std::string& help, const std::string& example, AdminRun run,
                   OverviewRun overview = nullptr) const;
  void AddContext(const cli::Command& command, bool required) const;
  void AddJson(const cli::Command& command, const std::string& help = "Print an array of objects") const;
  void AddWide(const cli::Command& command) const;
  /// Adds --watch. The command must have no other check.
  void AddWatch(const cli::Command& command) const;
  /// Adds --confirm, whose value must repeat the context id, for acts whose loss is not repaired
  /// automatically. On a terminal the command asks for it.
  void AddConfirm(const cli::Command& command, const char* nothing) const;
  /// Adds --dry-run, --keys and --expect TOKEN. `has_json`: the command also prints JSON.
  void AddDryRun(const cli::Command& command, bool has_json) const;
  /// Adds --table T... and --all; exactly one of them must be given.
  void AddTables(const cli::Command& command) const;
};

void AddExportCommand(const AdminCommands& commands);
void AddReadingCommands(const AdminCommands& commands);
void AddTenantsCommand(const AdminCommands& commands);
void AddRecordsCommands(const AdminCommands& commands);
void AddChangingCommands(const AdminCommands& commands);
void AddHistoryCommands(const AdminCommands& commands);
void AddHoldCommands(const AdminCommands& commands);
void AddHubCommands(const AdminCommands& commands);
void AddMoveCommand(const AdminCommands& commands);

/// Adds the commands that call a running server over its [admin] listener:
///   tenants [--watch] | tables CTX [--watch] | invalidate CTX (--table T... | --all) |
///   reset CTX (--table T... | --all) | pause CTX [--reason TEXT] | resume CTX | delete CTX --confirm CTX |
///   events [CTX] [--limit N] [--follow] | keys [--reload] | diagnose [CTX] | storages [PATTERN] |
///   jobs [--watch] | export CTX TABLE --format F --out FILE
/// They print a table as text with a header line, or with --json as an array of objects with the names of the
/// messages' fields. 'events --follow --json' prints one object per line, and 'diagnose --json' prints one
/// object. Exit code: 0 answered, 1 refused or unreachable (reason on stderr), 2 wrong usage or
/// configuration.
///
/// `config_path`: the value of --config of `app`; empty: see FindConfig(). `configs`: all values of --config;
/// null: it takes only one. They and `console` must outlive `app`.
void AddAdminCommands(const cli::Command& app, const std::string& config_path, Console& console,
                      const std::vector<std::string>* configs = nullptr);

/// Adds the commands for the audit log of a running server:
///   audit list [--limit N] [--json]
///   audit verify [--certificate FILE...] [--receipt FILE] [--chain ID] [--json]
/// 'verify' recomputes the chain and verifies its signatures on this machine; it does not trust the server.
/// Exit code: 0 answered, and the log is intact; 1 refused, unreachable, or the log has errors; 2 wrong usage
/// or configuration.
///
/// `config_path` and `console` must outlive `app`.
void AddAuditCommands(const cli::Command& app, const std::string& config_path, Console& console);

}  // namespace mirror

#endif  // MIRROR_TOOLS_MIRRORCTL_ADMIN_COMMANDS_H_
