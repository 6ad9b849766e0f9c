#include "tools/mirrorctl/admin_commands.h"

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "tools/mirrorctl/admin_client.h"
#include "tools/mirrorctl/admin_output.h"
#include "tools/mirrorctl/control_config.h"
#include "tools/mirrorctl/interruption.h"
#include "tools/mirrorctl/table_text.h"

namespace mirror {
namespace {

constexpr int kTablesMax = 10'000;  // Of a tenant.
constexpr std::uint32_t kEventsDefault = 100;
constexpr std::uint32_t kEventsMax = 1'000;

/// What the commands are asked for; each uses a part of it.
struct Request {
  std::string context_id;
  std::vector<std::string> tables;
  bool all = false;
  std::string reason, confirm, path, hold;
  bool drill = false;
  std::uint32_t limit = kEventsDefault;
  bool follow = false, reload = false;
  bool json = false;
};

/// Words from the server or a file, as a terminal may show them.
void Fail(Console& console, const absl::Status& status) {
  console.Fail(absl::Status(status.code(), Printable(std::string(status.message()))));
}

void Warn(Console& console, const std::string& words) {
  console.err << "mirrorctl: warning: " << Printable(words) << '\n';
}

/// What a diagnosis is made for: it ends as a failure does.
void Found(Console& console, const std::string& words) {
  Warn(console, words);
  console.exit_code = Console::kFailed;
}

using Run = std::function<void(AdminClient&, const Request&, Console&)>;

/// Opens what the configuration names, then runs the command.
void RunWith(const std::string& config_path, const Run& run, const Request& request, Console& console) {
  const absl::StatusOr<ControlConfig> config = LoadControlConfig(config_path);
  absl::Status status = config.status();
  if (status.ok()) {
    const absl::StatusOr<std::unique_ptr<AdminClient>> client = AdminClient::Open(*config);
    if (client.ok()) return run(**client, request, console);
    status = client.status();
  }
  Fail(console, status);
  console.exit_code = Console::kWrongUsage;
}

// --- What the commands do -----------------------------------------------------

void ListTenants(AdminClient& admin, const Request& request, Console& console) {
  const auto answer = admin.Tenants();
  if (!answer.ok()) return Fail(console, answer.status());
  if (request.json) return PrintJson(console.out, ToJsonArray(answer->tenants()));
  PrintTenants(console.out, *answer);
  for (const v1::Tenant& tenant : answer->tenants()) {
    if (!tenant.quarantine().empty())
      Warn(console, absl::StrCat(tenant.context_id(), ": ", tenant.quarantine()));
  }
}

void ListTables(AdminClient& admin, const Request& request, Console& console) {
  const auto answer = admin.Tables(request.context_id);
  if (!answer.ok()) return Fail(console, answer.status());
  if (request.json) return PrintJson(console.out, ToJsonArray(answer->tables()));
  PrintTables(console.out, *answer);
}

/// An InvalidateLsnRequest or a ResetTableRequest.
template <typename Message>
Message TablesOf(const Request& request) {
  Message message;
  message.set_context_id(request.context_id);
  message.set_all(request.all);
  message.mutable_tables()->Add(request.tables.begin(), request.tables.end());
  return message;
}

void Invalidate(AdminClient& admin, const Request& request, Console& console) {
  const auto answer = admin.Invalidate(TablesOf<v1::InvalidateLsnRequest>(request));
  if (!answer.ok()) return Fail(console, answer.status());
  constexpr std::int64_t kUnpopulated = -1;
  if (request.json) {
    Json list = Json::array();
    for (const std::string& table : answer->tables()) {
      list.push_back({{"table", table}, {"position", {{"lsn", kUnpopulated}}}});
    }
    return PrintJson(console.out, list);
  }
  TextTable table({{"table"}, {"lsn", true}});
  for (const std::string& name : answer->tables()) table.Add({name, absl::StrCat(kUnpopulated)});
  table.Print(console.out);
}

void Reset(AdminClient& admin, const Request& request, Console& console) {
  const auto answer = admin.Reset(TablesOf<v1::ResetTableRequest>(request));
  if (!answer.ok()) return Fail(console, answer.status());
  if (request.json) {
    Json list = Json::array();
    for (const std::string& table : answer->tables()) list.push_back({{"table", table}});
    return PrintJson(console.out, list);
  }
  TextTable table({{"table"}});
  for (const std::string& name : answer->tables()) table.Add({name});
  table.Print(console.out);
}

void Pause(AdminClient& admin, const Request& request, Console& console) {
  if (const absl::Status status = admin.Pause(request.context_id, request.reason); !status.ok()) {
    return Fail(console, status);
  }
  console.out << Printable(request.context_id) << " is paused: its source is told not to replicate until "
              << "'mirrorctl resume " << Printable(ShellWord(request.context_id)) << "'\n";
}

void Resume(AdminClient& admin, const Request& request, Console& console) {
  if (const absl::Status status = admin.Resume(request.context_id); !status.ok())
    return Fail(console, status);
  console.out << Printable(request.context_id) << " is not paused: its source's next cycle is taken\n";
}

void Delete(AdminClient& admin, const Request& request, Console& console) {
  if (const absl::Status status = admin.Delete(request.context_id, request.confirm); !status.ok()) {
    return Fail(console, status);
  }
  console.out << "the mirror of " << Printable(request.context_id) << " is deleted\n";
}

void AcceptSource(AdminClient& admin, const Request& request, Console& console) {
  const auto answer = admin.AcceptSource(request.context_id);
  if (!answer.ok()) return Fail(console, answer.status());
  console.out << "source " << Printable(answer->source_id())
              << " is believed from now on; its next cycle sends "
              << "what the mirror lacks\n";
}

void Verify(AdminClient& admin, const Request& request, Console& console) {
  v1::VerifyRequest message;
  message.set_context_id(request.context_id);
  message.mutable_tables()->Add(request.tables.begin(), request.tables.end());
  const auto answer = admin.Verify(message);
  if (!answer.ok()) return Fail(console, answer.status());
  console.out << answer->tables_size() << (answer->tables_size() == 1 ? " table is" : " tables are")
              << " compared with the source in its next cycle; 'mirrorctl tables "
              << Printable(ShellWord(request.context_id)) << "' then says what was found\n";
}

/// As the server sees it: a relative path is meant from here.
std::string AbsolutePath(const std::string& path) {
  return path.empty() ? path : std::filesystem::absolute(path).lexically_normal().string();
}

void Backup(AdminClient& admin, const Request& request, Console& console) {
  v1::BackupRequest message;
  message.set_context_id(request.context_id);
  message.set_path(AbsolutePath(request.path));
  message.set_drill(request.drill);
  const auto answer = admin.Backup(message);
  if (!answer.ok()) return Fail(console, answer.status());
  if (request.json) return PrintJson(console.out, ToJson(*answer));
  PrintBackup(console.out, *answer);
}

void Restore(AdminClient& admin, const Request& request, Console& console) {
  v1::RestoreRequest message;
  message.set_context_id(request.context_id);
  message.set_path(AbsolutePath(request.path));
  const auto answer = admin.Restore(message);
  if (!answer.ok()) return Fail(console, answer.status());
  console.out << Printable(request.context_id) << " is restored: " << answer->tables() << " tables, "
              << answer->bytes() << " bytes; its source's next cycle catches it up\n";
}

void ListHolds(AdminClient& admin, const Request& request, Console& console) {
  const auto answer = admin.ListHolds(request.context_id);
  if (!answer.ok()) return Fail(console, answer.status());
  if (request.json) return PrintJson(console.out, ToJsonArray(answer->holds()));
  PrintHolds(console.out, *answer);
}

/// TENANT:NUMBER.
absl::StatusOr<std::pair<std::string, std::uint64_t>> ParseHold(const std::string& name) {
  const std::size_t colon = name.rfind(':');
  std::uint64_t id = 0;
  if (colon == std::string::npos || !absl::SimpleAtoi(name.substr(colon + 1), &id)) {
    return absl::InvalidArgumentError(
        absl::StrCat("'", name,
                     "' is no hold. Nothing was changed. Give one as 'mirrorctl "
                     "hold list' shows it, TENANT:NUMBER"));
  }
  return std::pair(name.substr(0, colon), id);
}

void DecideHold(AdminClient& admin, const Request& request, Console& console, bool commits) {
  const auto hold = ParseHold(request.hold);
  if (!hold.ok()) {
    Fail(console, hold.status());
    console.exit_code = Console::kWrongUsage;
    return;
  }
  const absl::Status status =
      commits ? admin.CommitHold(hold->first, hold->second) : admin.RollbackHold(hold->first, hold->second);
  if (!status.ok()) return Fail(console, status);
  console.out << Printable(request.hold)
              << (commits ? " happens once, up to its counts and a tenth more, in the source's next cycle\n"
                          : " is refused until the source plans less\n");
}

void ShowEvents(AdminClient& admin, const Request& request, Console& console) {
  std::unique_ptr<Interruption> interruption;
  if (request.follow) interruption = std::make_unique<Interruption>();
  const auto answer = admin.Events(request.context_id, request.limit);
  if (!answer.ok()) return Fail(console, answer.status());
  if (request.json && !request.follow) return PrintJson(console.out, ToJsonArray(answer->events()));

  TextTable table = EventTable();
  std::uint64_t last_id = 0;
  for (const v1::Event& event : answer->events()) {
    if (request.json) {
      PrintJsonLine(console.out, ToJson(event));
    } else {
      AddEvent(table, event);
    }
    last_id = event.id();
  }
  if (!request.json) table.Print(console.out);
  if (!request.follow) return;
  console.out.flush();
  const absl::Status status =
      admin.Follow(request.context_id, last_id, *interruption, [&](const v1::Event& event) {
        if (request.json) {
          PrintJsonLine(console.out, ToJson(event));
        } else {
          AddEvent(table, event);
          table.Print(console.out);
        }
        return static_cast<bool>(console.out.flush());
      });
  if (!status.ok()) Fail(console, status);
}

void ShowKeys(AdminClient& admin, const Request& request, Console& console) {
  if (request.reload) {
    const auto reloaded = admin.ReloadKeys();
    if (!reloaded.ok()) return Fail(console, reloaded.status());
  }
  const auto answer = admin.Keys();
  if (!answer.ok()) return Fail(console, answer.status());
  if (request.json) return PrintJson(console.out, ToJsonArray(answer->keys()));
  PrintKeys(console.out, *answer);
}

void Diagnose(AdminClient& admin, const Request& request, Console& console) {
  const auto answer = admin.Diagnose(request.context_id);
  if (!answer.ok()) return Fail(console, answer.status());
  if (request.json) {
    PrintJson(console.out, ToJson(*answer));
  } else {
    PrintDiagnosis(console.out, *answer);
  }
  for (const std::string& finding : answer->findings()) Found(console, finding);
  for (const v1::DiagnoseResponse::Store& store : answer->stores()) {
    if (!store.ok())
      Found(console, absl::StrCat("the mirror of ", store.context_id(), " did not pass its check"));
  }
}

// --- How they are asked for ---------------------------------------------------

/// The application, and what each command works with.
struct Commands {
  CLI::App& app;
  const std::string& config_path;
  Console& console;
  std::shared_ptr<Request> request = std::make_shared<Request>();

  CLI::App& Add(const std::string& name, const std::string& help, const std::string& example, Run run) const {
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

  void AddContext(CLI::App& command, bool required) const {
    command.add_option("context_id", request->context_id, "Tenant, e.g. Cust26759")->required(required);
  }

  void AddJson(CLI::App& command, const std::string& help = "Print an array of objects") const {
    command.add_flag("--json", request->json, help);
  }

  /// --table T... or --all, one of them.
  void AddTables(CLI::App& command) const {
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
};

void AddReading(const Commands& commands) {
  CLI::App& tenants = commands.Add("tenants", "Show all tenants", "", ListTenants);
  commands.AddJson(tenants);

  CLI::App& tables =
      commands.Add("tables", "Show how far each table of a tenant is mirrored", "Cust26759", ListTables);
  commands.AddContext(tables, true);
  commands.AddJson(tables);

  const std::shared_ptr<Request>& request = commands.request;
  CLI::App& events =
      commands.Add("events", "Show what happened, newest last", "Cust26759 --follow", ShowEvents);
  commands.AddContext(events, false);
  events.add_option("--limit", request->limit, "The last so many")
      ->check(CLI::Range(std::uint32_t{1}, kEventsMax))
      ->capture_default_str();
  events.add_flag("--follow", request->follow, "Then each new one, until Ctrl-C or until the server ends");
  commands.AddJson(events, "Print an array of objects; with --follow one object a line");

  CLI::App& keys =
      commands.Add("keys", "Show the sources' keys that the server believes", "--reload", ShowKeys);
  keys.add_flag("--reload", request->reload, "Have the server re-read its keys first, as SIGHUP does");
  commands.AddJson(keys);

  CLI::App& diagnose = commands.Add(
      "diagnose", "Check disk space, time of an fsync, integrity of the mirrors; 1: something is wrong",
      "Cust26759", Diagnose);
  commands.AddContext(diagnose, false);
  commands.AddJson(diagnose, "Print an object");
}

void AddEquality(const Commands& commands) {
  const std::shared_ptr<Request>& request = commands.request;
  CLI::App& verify = commands.Add("verify", "Have tables compared with the source in its next cycle",
                                  "Cust26759 --table contact", Verify);
  commands.AddContext(verify, true);
  verify.add_option("--table", request->tables, "Names, as 'mirrorctl tables' prints them; none: all")
      ->expected(1, kTablesMax)
      ->allow_extra_args(false);

  CLI::App& accept = commands.Add("accept-source", "Let another source database take over, as after a move",
                                  "Cust26759", AcceptSource);
  commands.AddContext(accept, true);

  CLI::App& backup = commands.Add("backup", "Copy a mirror, consistent, while it is in use",
                                  "Cust26759 /backup/Cust26759.db --drill", Backup);
  commands.AddContext(backup, true);
  CLI::Option* const file =
      backup.add_option("FILE", request->path, "Where to, on the server's machine; it must not be there yet");
  CLI::Option* const drill =
      backup.add_flag("--drill", request->drill,
                      "Restore the copy beside, check it and compare all rows; without FILE no copy is kept");
  commands.AddJson(backup, "Print an object");
  backup.parse_complete_callback([file, drill] {
    if (file->empty() && drill->empty()) throw CLI::ValidationError("give FILE, or --drill, or both");
  });

  CLI::App& restore = commands.Add("restore", "Put a copy in a mirror's place; the source catches it up",
                                   "Cust26759 /backup/Cust26759.db", Restore);
  commands.AddContext(restore, true);
  restore.add_option("FILE", request->path, "The copy, on the server's machine; it stays")->required();

  CLI::App* const hold = commands.app.add_subcommand(
      "hold", "What waits for your decision: rows that would vanish, another source");
  hold->require_subcommand(1);
  const Commands of_hold{*hold, commands.config_path, commands.console, request};
  CLI::App& list = of_hold.Add("list", "Show what is held", "", ListHolds);
  of_hold.AddContext(list, false);
  of_hold.AddJson(list);
  for (const bool commits : {true, false}) {
    CLI::App& decide = of_hold.Add(
        commits ? "commit" : "rollback",
        commits ? "Let it happen once, up to its counts and a tenth more" : "Refuse it until less is planned",
        "Cust26759:3", [commits](AdminClient& admin, const Request& asked, Console& console) {
          DecideHold(admin, asked, console, commits);
        });
    decide.add_option("ID", request->hold, "As 'mirrorctl hold list' shows it")->required();
  }
}

void AddActing(const Commands& commands) {
  const std::shared_ptr<Request>& request = commands.request;
  CLI::App& invalidate =
      commands.Add("invalidate", "Set LSNs to -1: the next cycle populates those tables anew",
                   "Cust26759 --table contact person", Invalidate);
  commands.AddContext(invalidate, true);
  commands.AddTables(invalidate);
  commands.AddJson(invalidate);

  CLI::App& reset =
      commands.Add("reset",
                   "Drop tables with their metadata, and the partner's indexes and triggers on them: "
                   "the next cycle creates them anew, without those",
                   "Cust26759 --table contact person", Reset);
  commands.AddContext(reset, true);
  commands.AddTables(reset);
  commands.AddJson(reset);

  CLI::App& pause = commands.Add("pause", "End the running cycle and tell the source not to replicate",
                                 "Cust26759 --reason 'disk is exchanged'", Pause);
  commands.AddContext(pause, true);
  pause.add_option("--reason", request->reason, "Told to the source; at most 500 bytes");

  CLI::App& resume = commands.Add("resume", "Let a paused tenant's source replicate", "Cust26759", Resume);
  commands.AddContext(resume, true);

  AddEquality(commands);
  CLI::App& erase =
      commands.Add("delete", "Remove a mirror for good", "Cust26759 --confirm Cust26759", Delete);
  commands.AddContext(erase, true);
  erase.add_option("--confirm", request->confirm, "The context id once more")->required();
  erase.parse_complete_callback([request] {
    if (request->confirm != request->context_id) {
      throw CLI::ValidationError("--confirm must repeat the context id. Nothing was deleted");
    }
  });
}

}  // namespace

void AddAdminCommands(CLI::App& app, const std::string& config_path, Console& console) {
  app.get_option("--config")->envname("MIRRORCTL_CONFIG");
  const Commands commands{app, config_path, console};
  AddReading(commands);
  AddActing(commands);
}

}  // namespace mirror
