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
#include "base/clock.h"
#include "base/text/human_text.h"
#include "base/text/text_table.h"
#include "tools/mirrorctl/admin_client.h"
#include "tools/mirrorctl/admin_output.h"
#include "tools/mirrorctl/backup_progress.h"
#include "tools/mirrorctl/control_config.h"
#include "tools/mirrorctl/interruption.h"
#include "tools/mirrorctl/nearest_names.h"
#include "tools/mirrorctl/size_text.h"

namespace mirror {
namespace {

constexpr int kTablesMax = 10'000;  // Of a tenant.
constexpr std::uint32_t kEventsDefault = 100;
constexpr std::uint32_t kEventsMax = 1'000;
constexpr std::int64_t kSinceMostMs = 3'650LL * 86'400'000;  // Ten years.

/// What the commands are asked for; each uses a part of it.
struct Request {
  std::string context_id;
  std::vector<std::string> tables;
  bool all = false;
  std::string reason, confirm, path, hold;
  bool drill = false;
  std::uint32_t limit = kEventsDefault;
  bool follow = false, reload = false;
  bool json = false, wide = false;
  std::string pattern, order = "problems";
  std::vector<std::string> states;
  bool failed = false;
  std::string severity = "information", kind, since;

  std::size_t width() const { return wide ? 0 : kTextWidth; }
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

/// Behind a name that there is not, the one that was meant.
void SayNearest(AdminClient& admin, const Request& request, Console& console) {
  const std::string tenant =
      request.context_id.empty() ? request.hold.substr(0, request.hold.rfind(':')) : request.context_id;
  const std::string words = tenant.empty() ? "" : NearestNames(admin, tenant, request.tables);
  if (!words.empty()) console.err << words << '\n';
}

/// Opens what the configuration names, then runs the command.
void RunWith(const std::string& config_path, const Run& run, const Request& request, Console& console) {
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

// --- What the commands do -----------------------------------------------------

v1::ListTenantsRequest TenantsAskedFor(const Request& request) {
  v1::ListTenantsRequest message;
  message.set_name_pattern(request.pattern);
  message.mutable_states()->Add(request.states.begin(), request.states.end());
  message.set_problems(request.failed);
  if (request.order == "problems") message.set_order(v1::TENANT_ORDER_PROBLEMS);
  if (request.order == "oldest") message.set_order(v1::TENANT_ORDER_OLDEST);
  return message;
}

void ListTenants(AdminClient& admin, const Request& request, Console& console) {
  const auto answer = admin.Tenants(TenantsAskedFor(request));
  if (!answer.ok()) return Fail(console, answer.status());
  // Its answers have no totals.
  const bool older = answer->tenants_size() > 0 && answer->totals_size() == 0;
  if (older) Warn(console, "the server is older than this mirrorctl: it shows all tenants, in no state");
  if (request.json) return PrintJson(console.out, ToJsonArray(answer->tenants()));
  PrintTenants(console.out, *answer, request.width(), NowMs());
  for (const v1::Tenant& tenant : answer->tenants()) {
    if (!tenant.quarantine().empty())
      Warn(console, absl::StrCat(tenant.context_id(), ": ", tenant.quarantine()));
  }
}

void ListTables(AdminClient& admin, const Request& request, Console& console) {
  const auto answer = admin.Tables(request.context_id);
  if (!answer.ok()) return Fail(console, answer.status());
  if (request.json) return PrintJson(console.out, ToJsonArray(answer->tables()));
  PrintTables(console.out, *answer, request.width(), NowMs());
}

void ListIndexes(AdminClient& admin, const Request& request, Console& console) {
  v1::ListIndexesRequest message;
  message.set_context_id(request.context_id);
  message.mutable_tables()->Add(request.tables.begin(), request.tables.end());
  const auto answer = admin.Indexes(message);
  if (!answer.ok()) return Fail(console, answer.status());
  if (request.json) return PrintJson(console.out, ToJson(*answer));
  PrintIndexes(console.out, *answer);
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
  auto message = TablesOf<v1::ResetTableRequest>(request);
  message.set_confirm(request.confirm);
  const auto answer = admin.Reset(message);
  if (!answer.ok()) return Fail(console, answer.status());
  if (!answer->kept_path().empty()) {
    console.err << "mirrorctl: the mirror as it was is kept on the server's machine as "
                << Printable(answer->kept_path()) << ", until somebody removes it\n";
  }
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
  console.out << Printable(request.context_id) << " goes on: its source's next cycle is taken\n";
}

void Delete(AdminClient& admin, const Request& request, Console& console) {
  if (const absl::Status status = admin.Delete(request.context_id, request.confirm); !status.ok()) {
    return Fail(console, status);
  }
  console.out << "the mirror of " << Printable(request.context_id)
              << " is deleted; its source is told not to replicate until 'mirrorctl allow "
              << Printable(ShellWord(request.context_id)) << "'\n";
}

void AcceptSource(AdminClient& admin, const Request& request, Console& console) {
  const auto answer = admin.AcceptSource(request.context_id);
  if (!answer.ok()) return Fail(console, answer.status());
  console.out << "source " << Printable(answer->source_id())
              << " is believed from now on; its next cycle sends "
              << "what the mirror lacks\n";
}

void Allow(AdminClient& admin, const Request& request, Console& console) {
  if (const absl::Status status = admin.Allow(request.context_id); !status.ok()) return Fail(console, status);
  console.out << Printable(request.context_id)
              << " may be mirrored again: its source's next cycle makes a new mirror\n";
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
  BackupProgress progress(console.err, console.terminal);
  const auto answer = admin.Backup(message, [&](const v1::BackupProgress& step) { progress.Show(step); });
  progress.Clear();
  if (!answer.ok()) return Fail(console, answer.status());
  if (request.json) return PrintJson(console.out, ToJson(*answer));
  PrintBackup(console.out, *answer, message.path());
}

void Restore(AdminClient& admin, const Request& request, Console& console) {
  v1::RestoreRequest message;
  message.set_context_id(request.context_id);
  message.set_path(AbsolutePath(request.path));
  message.set_confirm(request.confirm);
  const auto answer = admin.Restore(message);
  if (!answer.ok()) return Fail(console, answer.status());
  console.out << Printable(request.context_id) << " is restored: " << Grouped(answer->tables()) << " tables, "
              << SizeText(answer->bytes()) << "; its source's next cycle catches it up\n";
  if (answer->kept_path().empty()) return;
  console.out << "The mirror as it was is kept on the server's machine as " << Printable(answer->kept_path())
              << ", until somebody removes it.\n";
}

void ListHolds(AdminClient& admin, const Request& request, Console& console) {
  const auto answer = admin.ListHolds(request.context_id);
  if (!answer.ok()) return Fail(console, answer.status());
  if (request.json) return PrintJson(console.out, ToJsonArray(answer->holds()));
  PrintHolds(console.out, *answer, request.width(), NowMs());
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
  console.out
      << Printable(request.hold)
      << (commits ? " happens once, up to its counts and a tenth more, in the source's next cycle\n"
                  : " is refused, until the source plans less; of another source: until 'accept-source'\n");
}

void ShowHold(AdminClient& admin, const Request& request, Console& console) {
  const auto name = ParseHold(request.hold);
  if (!name.ok()) {
    Fail(console, name.status());
    console.exit_code = Console::kWrongUsage;
    return;
  }
  const auto answer = admin.ListHolds(name->first, /*with_keys=*/true);
  if (!answer.ok()) return Fail(console, answer.status());
  for (const v1::Hold& hold : answer->holds()) {
    if (hold.hold_id() != name->second) continue;
    if (request.json) return PrintJson(console.out, ToJson(hold));
    return PrintHold(console.out, hold);
  }
  Fail(console, absl::NotFoundError(absl::StrCat(
                    "there is no hold '", request.hold,
                    "'. Nothing was changed. 'mirrorctl hold list' shows those that there are")));
}

/// How far back '30s', '15min', '3h', '2d' reach. Errors: another text.
absl::StatusOr<std::int64_t> ParseSpanMs(const std::string& text) {
  static const std::vector<std::pair<std::string, std::int64_t>> kUnits = {
      {"min", 60'000}, {"ms", 1}, {"s", 1'000}, {"m", 60'000}, {"h", 3'600'000}, {"d", 86'400'000}};
  for (const auto& [unit, ms] : kUnits) {
    std::int64_t count = 0;
    const bool read = text.size() > unit.size() && text.ends_with(unit) &&
                      absl::SimpleAtoi(text.substr(0, text.size() - unit.size()), &count);
    if (read && count >= 0 && count <= kSinceMostMs / ms) return count * ms;
  }
  return absl::InvalidArgumentError(
      absl::StrCat("--since '", text, "' is no span. Nothing was asked. Give one as 30min, 12h or 7d"));
}

v1::Severity SeverityNamed(const std::string& word) {
  if (word == "error") return v1::SEVERITY_ERROR;
  if (word == "warning") return v1::SEVERITY_WARNING;
  return v1::SEVERITY_UNSPECIFIED;
}

void ShowEvents(AdminClient& admin, const Request& request, Console& console) {
  std::unique_ptr<Interruption> interruption;
  if (request.follow) interruption = std::make_unique<Interruption>();
  v1::ListEventsRequest asked;
  asked.set_context_id(request.context_id);
  asked.set_limit(request.limit);
  asked.set_severity(SeverityNamed(request.severity));
  asked.set_kind(request.kind);
  if (!request.since.empty()) {
    const absl::StatusOr<std::int64_t> since_ms = ParseSpanMs(request.since);
    if (!since_ms.ok()) {
      Fail(console, since_ms.status());
      console.exit_code = Console::kWrongUsage;
      return;
    }
    asked.set_since_ms(NowMs() - *since_ms);
  }
  const auto answer = admin.Events(asked);
  if (!answer.ok()) return Fail(console, answer.status());
  if (request.json && !request.follow) return PrintJson(console.out, ToJsonArray(answer->events()));

  TextTable table = EventTable(request.width());
  v1::WatchEventsRequest watched;
  watched.set_context_id(request.context_id);
  watched.set_severity(asked.severity());
  watched.set_kind(request.kind);
  for (const v1::Event& event : answer->events()) {
    if (request.json) {
      PrintJsonLine(console.out, ToJson(event));
    } else {
      AddEvent(table, event);
    }
    watched.set_after_id(event.id());
  }
  if (!request.json) table.Print(console.out);
  if (!request.follow) return;
  console.out.flush();
  const absl::Status status = admin.Follow(watched, *interruption, [&](const v1::Event& event) {
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
  PrintKeys(console.out, *answer, request.width());
}

void Diagnose(AdminClient& admin, const Request& request, Console& console) {
  const auto answer = admin.Diagnose(request.context_id);
  if (!answer.ok()) return Fail(console, answer.status());
  if (request.json) {
    PrintJson(console.out, ToJson(*answer));
  } else {
    PrintDiagnosis(console.out, *answer, request.width());
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

  void AddWide(CLI::App& command) const {
    command.add_flag("--wide", request->wide, "Nothing is cut and nothing wraps, however long the lines are");
  }

  /// The context id once more, where something is lost that nothing brings back by itself.
  void AddConfirm(CLI::App& command, const char* nothing) const {
    command.add_option("--confirm", request->confirm, "The context id once more")->required();
    command.parse_complete_callback([request_ = request, nothing] {
      if (request_->confirm != request_->context_id) {
        throw CLI::ValidationError(absl::StrCat("--confirm must repeat the context id. ", nothing));
      }
    });
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
  const std::shared_ptr<Request>& request = commands.request;
  CLI::App& tenants = commands.Add("tenants", "Show tenants, those that need somebody first",
                                   "'Cust*' --failed", ListTenants);
  tenants.add_option("pattern", request->pattern, "Only those whose context id is so; * stands for anything");
  tenants.add_flag("--failed", request->failed,
                   "Only those that somebody should look at: damaged, failing, held, differs, late, "
                   "incomplete");
  tenants.add_option("--state", request->states, "Only those in one of these states")
      ->check(CLI::IsMember({"damaged", "failing", "held", "differs", "late", "incomplete", "unknown",
                             "paused", "deleted", "active", "good"}))
      ->allow_extra_args(false)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  tenants.add_option("--sort", request->order, "What comes first")
      ->check(CLI::IsMember({"problems", "name", "oldest"}))
      ->capture_default_str();
  commands.AddWide(tenants);
  commands.AddJson(tenants);

  CLI::App& tables =
      commands.Add("tables", "Show how far each table of a tenant is mirrored", "Cust26759", ListTables);
  commands.AddContext(tables, true);
  commands.AddWide(tables);
  commands.AddJson(tables);

  CLI::App& indexes = commands.Add(
      "indexes", "Show the source's indexes and foreign keys as SQL that can be run on the mirror",
      "Cust26759 contact", ListIndexes);
  commands.AddContext(indexes, true);
  indexes.add_option("table", request->tables, "Names, as 'mirrorctl tables' prints them; none: all")
      ->expected(0, kTablesMax);
  commands.AddJson(indexes, "Print an object");

  CLI::App& events =
      commands.Add("events", "Show what happened, newest last", "--severity warning --since 12h", ShowEvents);
  commands.AddContext(events, false);
  events.add_option("--limit", request->limit, "The last so many")
      ->check(CLI::Range(std::uint32_t{1}, kEventsMax))
      ->capture_default_str();
  events.add_option("--severity", request->severity, "Only those that are at least so urgent")
      ->check(CLI::IsMember({"information", "warning", "error"}))
      ->capture_default_str();
  events.add_option("--since", request->since, "Only those of so long ago, as 30min, 12h or 7d");
  events.add_option("--kind", request->kind, "Only of this kind, as cycle.failed; * stands for anything");
  commands.AddWide(events);
  events.add_flag("--follow", request->follow, "Then each new one, until Ctrl-C or until the server ends");
  commands.AddJson(events, "Print an array of objects; with --follow one object a line");

  CLI::App& keys =
      commands.Add("keys", "Show the sources' keys that the server believes", "--reload", ShowKeys);
  keys.add_flag("--reload", request->reload, "Have the server re-read its keys first, as SIGHUP does");
  commands.AddWide(keys);
  commands.AddJson(keys);

  CLI::App& diagnose = commands.Add(
      "diagnose", "Check disk space, time of an fsync, integrity of the mirrors; 1: something is wrong",
      "Cust26759", Diagnose);
  commands.AddContext(diagnose, false);
  commands.AddWide(diagnose);
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

  CLI::App& restore =
      commands.Add("restore", "Put a copy in a mirror's place, whose file is kept; the source catches it up",
                   "Cust26759 /backup/Cust26759.db --confirm Cust26759", Restore);
  commands.AddContext(restore, true);
  restore.add_option("FILE", request->path, "The copy, on the server's machine; it stays")->required();
  commands.AddConfirm(restore, "Nothing was restored");

  CLI::App* const hold = commands.app.add_subcommand(
      "hold", "What waits for your decision: rows that would vanish, another source");
  hold->require_subcommand(1);
  hold->footer("Example:\n  mirrorctl --config dev/mirrorctl.toml hold list");
  const Commands of_hold{*hold, commands.config_path, commands.console, request};
  CLI::App& list = of_hold.Add("list", "Show what is held", "", ListHolds);
  of_hold.AddContext(list, false);
  of_hold.AddWide(list);
  of_hold.AddJson(list);
  CLI::App& show = of_hold.Add("show", "Show all of one, and how it is decided", "Cust26759:3", ShowHold);
  show.add_option("ID", request->hold, "As 'mirrorctl hold list' shows it")->required();
  of_hold.AddJson(show, "Print an object");
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
                   "the next cycle creates them anew, without those. With --all the mirror as it was is kept",
                   "Cust26759 --table contact person", Reset);
  commands.AddContext(reset, true);
  commands.AddTables(reset);
  CLI::Option* const confirm =
      reset.add_option("--confirm", request->confirm, "With --all: the context id once more");
  reset.get_option("--all")->needs(confirm);
  commands.AddJson(reset);

  CLI::App& pause = commands.Add("pause", "End the running cycle and tell the source not to replicate",
                                 "Cust26759 --reason 'disk is exchanged'", Pause);
  commands.AddContext(pause, true);
  pause.add_option("--reason", request->reason, "Told to the source; at most 500 bytes");

  CLI::App& resume = commands.Add("resume", "Let a paused tenant's source replicate", "Cust26759", Resume);
  commands.AddContext(resume, true);

  AddEquality(commands);
  CLI::App& erase = commands.Add("delete",
                                 "Remove a mirror and its kept copies for good; its source is told not to "
                                 "replicate until 'mirrorctl allow'",
                                 "Cust26759 --confirm Cust26759", Delete);
  commands.AddContext(erase, true);
  commands.AddConfirm(erase, "Nothing was deleted");

  CLI::App& allow =
      commands.Add("allow", "Let the source of a deleted tenant mirror it anew", "Cust26759", Allow);
  commands.AddContext(allow, true);
}

}  // namespace

void AddAdminCommands(CLI::App& app, const std::string& config_path, Console& console) {
  app.get_option("--config")->envname("MIRRORCTL_CONFIG");
  const Commands commands{app, config_path, console};
  AddReading(commands);
  AddActing(commands);
}

}  // namespace mirror
