#include "tools/mirrorctl/admin_commands.h"

#include <algorithm>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/folded_name.h"
#include "base/human_text.h"
#include "base/interruption.h"
#include "base/printable.h"
#include "base/text/nearest_word.h"
#include "base/text/watch.h"
#include "tools/mirrorctl/admin/admin_output.h"
#include "tools/mirrorctl/admin/control_config.h"
#include "tools/mirrorctl/admin/name_completion.h"

namespace mirror {
namespace {

std::string TenantOf(const AdminRequest& request) {
  return request.context_id.empty() ? request.hold.substr(0, request.hold.rfind(':')) : request.context_id;
}

/// Suggests an existing name after a name that does not exist.
void SayNearest(AdminClient& admin, const AdminRequest& request, Console& console) {
  const std::string tenant = TenantOf(request);
  const std::string words = tenant.empty() ? "" : NearestNames(admin, tenant, request.tables);
  if (!words.empty()) console.err << words << '\n';
}

void RunOn(AdminClient& client, const AdminRun& run, const AdminRequest& request, Console& console) {
  run(client, request, console);
  const std::string asked = TenantOf(request), spelled = client.SpelledAs(asked);
  if (spelled != asked) SayNone(console, absl::StrCat("'", asked, "' is the tenant '", spelled, "'"));
  // For a restore a missing tenant is no error. If the user mistyped the tenant, the server refuses the file
  // instead: FAILED_PRECONDITION.
  if (absl::IsNotFound(console.failure) || absl::IsFailedPrecondition(console.failure))
    SayNearest(client, request, console);
}

/// Returns the title of a watch, such as "mirrorctl tenants Cust*".
std::string WhatIsWatched(const std::string& command, const AdminRequest& request) {
  const std::string& of = request.context_id.empty() ? request.pattern : request.context_id;
  return absl::StrCat("mirrorctl ", command, of.empty() ? "" : " ", Printable(of));
}

/// Repeats the command until Ctrl-C. If the server is not reachable, it may answer the next time.
void WatchOn(const ControlConfig& config, std::unique_ptr<AdminClient> client, const AdminRun& run,
             const AdminRequest& request, const std::string& command, Console& console) {
  const Interruption interruption;
  client->EndAt(&interruption);
  const auto look = [&](std::ostream& out, std::ostream& err) {
    Console looked{out, err};
    if (client == nullptr) {
      absl::StatusOr<std::unique_ptr<AdminClient>> opened = AdminClient::Open(config);
      if (!opened.ok()) {
        Fail(looked, opened.status());
        return looked.exit_code;
      }
      client = *std::move(opened);
      client->EndAt(&interruption);
    }
    client->EndWithin(kLookPatience);
    RunOn(*client, run, request, looked);
    // gRPC's pauses between its attempts grow. Therefore the next refresh opens a new client.
    if (looked.exit_code != Console::kDone) client.reset();
    return looked.exit_code;
  };
  console.exit_code = WatchHere(WhatIsWatched(command, request), request.watch_s, request.json, interruption,
                                look, console.out, console.err);
}

/// Runs a command once at the servers of several configurations. `interruption`: as for Overview.
void RunOverview(const std::vector<std::string>& configs, const Interruption* interruption,
                 const OverviewRun& run, const AdminRequest& request, Console& console) {
  const Overview servers(configs, interruption, console);
  const int opened = console.exit_code;
  run(servers, request, console);
  console.exit_code = std::max(console.exit_code, opened);
}

void RunOnMany(const AdminCommands& commands, const std::string& name, const OverviewRun& run) {
  Console& console = commands.console;
  const AdminRequest& request = *commands.request;
  if (!request.watched) return RunOverview(*commands.configs, nullptr, run, request, console);
  const Interruption interruption;
  const auto look = [&](std::ostream& out, std::ostream& err) {
    Console looked{out, err};
    RunOverview(*commands.configs, &interruption, run, request, looked);
    return looked.exit_code;
  };
  console.exit_code = WatchHere(WhatIsWatched(name, request), request.watch_s, request.json, interruption,
                                look, console.out, console.err);
}

/// Opens the servers of the configuration, then runs the command.
void RunWith(const AdminCommands& commands, const std::string& name, const AdminRun& run,
             const OverviewRun& overview) {
  Console& console = commands.console;
  const AdminRequest& request = *commands.request;
  if (overview && commands.configs != nullptr && commands.configs->size() > 1)
    return RunOnMany(commands, name, overview);
  const absl::StatusOr<ControlConfig> config = FindControlConfig(commands.config_path, console.err);
  absl::Status status = config.status();
  if (status.ok()) {
    absl::StatusOr<std::unique_ptr<AdminClient>> client = AdminClient::Open(*config);
    if (client.ok()) {
      if (request.watched) return WatchOn(*config, *std::move(client), run, request, name, console);
      return RunOn(**client, run, request, console);
    }
    status = client.status();
  }
  Fail(console, status);
  console.exit_code = Console::kWrongUsage;
}

bool IsThere(const std::vector<std::string>& names, const std::string& name) {
  return std::any_of(names.begin(), names.end(),
                     [&](const std::string& one) { return FoldName(one) == FoldName(name); });
}

std::string Sentence(const std::string& given, const std::vector<std::string>& names) {
  const std::string words = DidYouMean(given, names);
  return words.empty() ? words : Printable(words.substr(1));
}

}  // namespace

Overview::Overview(const std::vector<std::string>& configs, const Interruption* interruption,
                   Console& console)
    : console_(console) {
  for (const ControlConfig& config : LoadControlConfigs(configs, &named_, console)) {
    absl::StatusOr<std::unique_ptr<AdminClient>> client = AdminClient::Open(config);
    if (!client.ok()) {
      Fail(console, client.status());
      console.exit_code = Console::kWrongUsage;
      continue;
    }
    if (interruption != nullptr) {
      (*client)->EndAt(interruption);
      (*client)->EndWithin(kLookPatience);
    }
    servers_.push_back({config.address, *std::move(client)});
  }
}

std::string Overview::Where(std::size_t answered) const {
  const std::string named = Counted(named_, "server");
  return answered == named_ ? absl::StrCat("at ", named)
                            : absl::StrCat("at ", Grouped(answered), " of ", named);
}

void Overview::TellFailures(const std::vector<absl::Status>& statuses) const {
  const int before = console_.exit_code;
  const bool any = std::any_of(statuses.begin(), statuses.end(), [](const auto& one) { return one.ok(); });
  for (std::size_t i = 0; i < statuses.size(); ++i) {
    if (statuses[i].ok() || (any && absl::IsNotFound(statuses[i]))) continue;
    const std::string words(statuses[i].message());
    // A message from a server does not name that server.
    const bool is_named = absl::StrContains(words, servers_[i].address);
    Fail(console_,
         absl::Status(statuses[i].code(), is_named ? words : absl::StrCat(servers_[i].address, ": ", words)));
  }
  console_.exit_code = std::max(console_.exit_code, before);
}

void Fail(Console& console, const absl::Status& status) {
  console.Fail(absl::Status(status.code(), Printable(std::string(status.message()))));
}

void Warn(Console& console, const std::string& words) {
  console.err << "mirrorctl: " << kWarningWord << ' ' << Printable(words) << '\n';
}

void SayNone(Console& console, const std::string& words) {
  console.err << "mirrorctl: " << Printable(words) << '\n';
}

cli::Command AdminCommands::Add(const std::string& name, const std::string& help, const std::string& example,
                                AdminRun run, OverviewRun overview) const {
  const cli::Command command = app.AddCommand(name, help);
  command.Footer(
      absl::StrCat("Exit codes: 0 answered, 1 refused or unreachable, 2 wrong usage or "
                   "configuration. Example:\n  mirrorctl --config dev/mirrorctl.toml ",
                   group, name, example.empty() ? "" : " ", example));
  command.Run(
      [this_ = *this, command, name = group + name, run = std::move(run), overview = std::move(overview)] {
        if (!command.command_given()) RunWith(this_, name, run, overview);
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
  command.AddFlag("--wide", request->wide, "Do not cut, wrap or omit anything, however long the lines are");
}

void AdminCommands::AddWatch(const cli::Command& command) const {
  const cli::Option watch =
      AddWatchOption(command, request->watch_s, "put a pattern or context id before it");
  command.Check([request_ = request, watch] {
    request_->watched = watch.given();
    return "";
  });
}

void AdminCommands::AddConfirm(const cli::Command& command, const char* nothing) const {
  const cli::Option confirm =
      command
          .Add("--confirm", request->confirm,
               "Repeat the context id exactly as it was typed before; on a terminal you are asked for it")
          .ValueName("ID");
  command.Check([request_ = request, can_ask = console.in != nullptr, confirm, nothing] {
    if (request_->confirm == request_->context_id) return std::string();
    if (!confirm.given()) return request_->dry_run || can_ask ? "" : std::string("--confirm is required");
    return absl::StrCat("--confirm must repeat the context id. ", nothing);
  });
}

void AdminCommands::AddDryRun(const cli::Command& command, bool has_json) const {
  command.AddFlag("--dry-run", request->dry_run, "Count what the command would change, and do nothing");
  const cli::Option keys = command.AddFlag("--keys", request->with_keys,
                                           "With --dry-run: also show the keys of the first rows that "
                                           "would change");
  command
      .Add("--expect", request->expect,
           "Token that --dry-run printed: run the command only if the counted data has not changed since")
      .ValueName("TOKEN");
  if (!has_json) AddJson(command, "With --dry-run: print an object");
  command.Check([request_ = request, keys, has_json] {
    if (request_->dry_run && !request_->expect.empty())
      return "give either --dry-run, or --expect with the token that it printed";
    if (keys.given() && !request_->dry_run) return "--keys works only with --dry-run";
    return request_->json && !has_json && !request_->dry_run ? "--json works only with --dry-run" : "";
  });
}

void AdminCommands::AddTables(const cli::Command& command) const {
  const cli::Option tables =
      command.Add("--table", request->tables, "Names, as 'mirrorctl tables' prints them")
          .ValueName("TABLE...");
  // With AsItStands() CLI11 takes a name unchanged. Otherwise it would split "[a,b]" into two.
  tables.Values(1, kTablesMax).AsItStands().Completes(TableNames);
  const cli::Option all = command.AddFlag("--all", request->all, "All tables of the tenant");
  command.Check([tables, all] {
    return tables.given() == all.given() ? "give either --table with names, or --all" : "";
  });
}

void AddAdminCommands(const cli::Command& app, const std::string& config_path, Console& console,
                      const std::vector<std::string>* configs) {
  AdminCommands commands{app, config_path, console};
  commands.configs = configs;
  AddReadingCommands(commands);
  AddExportCommand(commands);
  AddRecordsCommands(commands);
  AddHistoryCommands(commands);
  AddHubCommands(commands);
  AddChangingCommands(commands);
}

std::string NearestNames(AdminClient& admin, const std::string& context_id,
                         const std::vector<std::string>& tables) {
  std::vector<std::string> names;
  const auto tenants = admin.Tenants();
  if (!tenants.ok()) return "";
  for (const v1::Tenant& tenant : tenants->tenants()) names.push_back(tenant.context_id());
  if (!IsThere(names, context_id)) return Sentence(context_id, names);
  const auto there = tables.empty() ? absl::StatusOr<v1::ListTablesResponse>() : admin.Tables(context_id);
  if (!there.ok()) return "";
  names.clear();
  for (const v1::TableInfo& table : there->tables()) names.push_back(table.table());
  const auto missing = std::find_if(tables.begin(), tables.end(),
                                    [&](const std::string& table) { return !IsThere(names, table); });
  return missing == tables.end() ? "" : Sentence(*missing, names);
}

}  // namespace mirror
