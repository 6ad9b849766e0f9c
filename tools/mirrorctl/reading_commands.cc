// The commands that show what a server holds and knows.
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/clock.h"
#include "base/interruption.h"
#include "base/text/text_table.h"
#include "tools/mirrorctl/admin/admin_output.h"
#include "tools/mirrorctl/admin/name_completion.h"
#include "tools/mirrorctl/admin/nearest_names.h"
#include "tools/mirrorctl/admin/server_list.h"
#include "tools/mirrorctl/admin/unsent_notes.h"
#include "tools/mirrorctl/admin_command.h"

namespace mirror {
namespace {

constexpr std::uint32_t kEventsMax = 1'000;
constexpr std::int64_t kSinceMostMs = 3'650LL * 86'400'000;  // Ten years.

/// What a diagnosis is made for: it ends as a failure does.
void Found(Console& console, const std::string& words) {
  Warn(console, words);
  console.exit_code = Console::kFailed;
}

v1::ListTenantsRequest TenantsAskedFor(const AdminRequest& request) {
  v1::ListTenantsRequest message;
  message.set_name_pattern(request.pattern);
  message.mutable_states()->Add(request.states.begin(), request.states.end());
  message.set_problems(request.failed);
  if (request.order == "problems") message.set_order(v1::TENANT_ORDER_PROBLEMS);
  if (request.order == "oldest") message.set_order(v1::TENANT_ORDER_OLDEST);
  return message;
}

/// Whether no tenant at all has such a name: more often a mistake in the pattern than an answer.
bool MatchesNone(const AdminRequest& request, const v1::ListTenantsResponse& answer) {
  if (request.pattern.empty() || answer.tenants_size() > 0) return false;
  std::uint64_t named = 0;
  for (const v1::TenantCount& total : answer.totals()) named += total.tenants();
  return named == 0 || (!request.failed && request.states.empty());
}

void SayNoTenant(const AdminRequest& request, Console& console) {
  if (request.failed || !request.states.empty()) {
    SayNone(console, "no tenant is as asked for");
  } else {
    SayNone(console, "there are no tenants yet. A source's first cycle makes one");
  }
}

/// For scripts: what is wrong is an exit code, too, as that of 'doctor'.
void JudgeTenants(const AdminRequest& request, const v1::ListTenantsResponse& answer, Console& console) {
  if (MatchesNone(request, answer)) {
    SayNone(console, absl::StrCat("no tenant matches '", request.pattern,
                                  "'. Nothing is shown. 'mirrorctl tenants' lists all of them"));
    console.exit_code = Console::kFailed;
    return;
  }
  // Who watches looks at the list itself.
  if (request.failed && !request.watched && answer.tenants_size() > 0) console.exit_code = Console::kFailed;
}

void ListTenants(AdminClient& admin, const AdminRequest& request, Console& console) {
  const auto answer = admin.Tenants(TenantsAskedFor(request));
  if (!answer.ok()) return Fail(console, answer.status());
  // Its answers have no totals.
  const bool older = answer->tenants_size() > 0 && answer->totals_size() == 0;
  if (older)
    Warn(console, "the server is older than this mirrorctl: it shows all tenants, without their states");
  if (!older) JudgeTenants(request, *answer, console);
  if (request.json) return PrintJson(console.out, ToJsonArray(answer->tenants()));
  PrintTenants(console.out, *answer, request.width(), NowMs());
  if (answer->tenants_size() == 0 && !MatchesNone(request, *answer)) SayNoTenant(request, console);
  for (const v1::Tenant& tenant : answer->tenants()) {
    if (!tenant.quarantine().empty())
      Warn(console, absl::StrCat(tenant.context_id(), ": ", tenant.quarantine()));
    if (tenant.hub().suspended_ms() > 0)
      Warn(console, absl::StrCat(tenant.context_id(), ": ", tenant.hub().stopped()));
  }
}

void ShowTables(AdminClient& admin, const AdminRequest& request, Console& console) {
  const auto answer = admin.Tables(request.context_id);
  if (!answer.ok()) return Fail(console, answer.status());
  if (request.json) return PrintJson(console.out, ToJsonArray(answer->tables()));
  PrintTables(console.out, *answer, request.width(), NowMs());
  if (answer->tables_size() == 0) SayNone(console, "there are no tables");
  for (const std::string& words : UnsentNotes(*answer, NowMs())) Warn(console, words);
}

void ListIndexes(AdminClient& admin, const AdminRequest& request, Console& console) {
  v1::ListIndexesRequest message;
  message.set_context_id(request.context_id);
  message.mutable_tables()->Add(request.tables.begin(), request.tables.end());
  const auto answer = admin.Indexes(message);
  if (!answer.ok()) return Fail(console, answer.status());
  if (request.json) return PrintJson(console.out, ToJson(*answer));
  PrintIndexes(console.out, *answer);
  if (answer->tables_size() == 0) SayNone(console, "there are no tables");
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
  return absl::InvalidArgumentError(absl::StrCat(
      "--since '", text, "' is not a span of time. Nothing was asked. Give one as 30min, 12h or 7d"));
}

v1::Severity SeverityNamed(const std::string& word) {
  if (word == "error") return v1::SEVERITY_ERROR;
  if (word == "warning") return v1::SEVERITY_WARNING;
  return v1::SEVERITY_UNSPECIFIED;
}

void SayNoEvent(AdminClient& admin, const AdminRequest& request, Console& console) {
  if (request.context_id.empty()) return SayNone(console, "there is no such event");
  const std::string meant = NearestNames(admin, request.context_id, {});
  Warn(console, absl::StrCat("there is no such event of '", admin.SpelledAs(request.context_id), "'",
                             meant.empty() ? "" : ". ", meant));
}

void ShowEvents(AdminClient& admin, const AdminRequest& request, Console& console) {
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
  admin.EndAt(interruption.get());
  const auto answer = admin.Events(asked);
  admin.EndAt(nullptr);
  if (interruption != nullptr && interruption->Wait(std::chrono::milliseconds(0))) return;
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
  if (!request.follow) {
    if (answer->events_size() == 0) SayNoEvent(admin, request, console);
    return;
  }
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

void ShowKeys(AdminClient& admin, const AdminRequest& request, Console& console) {
  if (request.reload) {
    const auto reloaded = admin.ReloadKeys();
    if (!reloaded.ok()) return Fail(console, reloaded.status());
  }
  const auto answer = admin.Keys();
  if (!answer.ok()) return Fail(console, answer.status());
  if (request.json) return PrintJson(console.out, ToJsonArray(answer->keys()));
  PrintKeys(console.out, *answer, request.width());
  if (answer->keys_size() == 0) SayNone(console, "the server accepts no source's keys");
}

void Diagnose(AdminClient& admin, const AdminRequest& request, Console& console) {
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

void ListServers(AdminClient& admin, const AdminRequest& request, Console& console) {
  const auto answer = admin.Servers();
  if (!answer.ok()) return Fail(console, answer.status());
  if (request.json) return PrintJson(console.out, ToJsonArray(answer->servers()));
  PrintServers(console.out, *answer, request.width(), NowMs());
  if (answer->servers_size() == 1 && answer->servers(0).server_id().empty()) {
    SayNone(console, "this server is the only one: its mirrors are files");
  }
}

void AddTenants(const AdminCommands& commands) {
  const std::shared_ptr<AdminRequest>& request = commands.request;
  const cli::Command tenants =
      commands.Add("tenants", "Show tenants, those with problems first", "'Cust*' --failed", ListTenants);
  tenants
      .Add("pattern", request->pattern, "Only tenants whose context id is this; * stands for any characters")
      .Completes(TenantNames);
  tenants.AddFlag(
      "--failed", request->failed,
      "Only tenants with problems: damaged, failing, held, differs, unsent, late, incomplete; exit "
      "code 1: there are some");
  tenants.Add("--state", request->states, "Only tenants in one of these states")
      .OneOf({"damaged", "failing", "held", "differs", "unsent", "late", "incomplete", "unknown", "paused",
              "deleted", "active", "good"})
      .AsItStands()
      .TakeAll();
  tenants.Add("--sort", request->order, "The order of the tenants")
      .OneOf({"problems", "name", "oldest"})
      .ShowDefault();
  commands.AddWatch(tenants);
  commands.AddWide(tenants);
  commands.AddJson(tenants);
}

void AddEvents(const AdminCommands& commands) {
  const std::shared_ptr<AdminRequest>& request = commands.request;
  const cli::Command events =
      commands.Add("events", "Show what happened, newest last", "--severity warning --since 12h", ShowEvents);
  commands.AddContext(events, false);
  events.Add("--limit", request->limit, "How many, the newest ones")
      .Within(std::uint32_t{1}, kEventsMax)
      .ShowDefault();
  events.Add("--severity", request->severity, "Only events of at least this severity")
      .OneOf({"information", "warning", "error"})
      .ShowDefault();
  events.Add("--since", request->since, "Only events not older than this, as 30min, 12h or 7d")
      .ValueName("SPAN");
  events
      .Add("--kind", request->kind, "Only events of this kind, as cycle.failed; * stands for any characters")
      .ValueName("PATTERN");
  commands.AddWide(events);
  events.AddFlag("--follow", request->follow,
                 "Then show each new event, until Ctrl-C or until the server ends");
  commands.AddJson(events, "Print an array of objects; with --follow one object a line");
}

}  // namespace

void AddReadingCommands(const AdminCommands& commands) {
  const std::shared_ptr<AdminRequest>& request = commands.request;
  AddTenants(commands);
  const cli::Command tables =
      commands.Add("tables", "Show how far each table of a tenant is mirrored", "Cust26759", ShowTables);
  commands.AddContext(tables, true);
  commands.AddWatch(tables);
  commands.AddWide(tables);
  commands.AddJson(tables);

  const cli::Command indexes = commands.Add(
      "indexes", "Show the source's indexes and foreign keys as SQL that can be run on the mirror",
      "Cust26759 contact", ListIndexes);
  commands.AddContext(indexes, true);
  indexes.Add("table", request->tables, "Names, as 'mirrorctl tables' prints them; none: all")
      .Values(0, kTablesMax)
      .Completes(TableNames);
  commands.AddJson(indexes, "Print an object");

  AddEvents(commands);
  const cli::Command keys =
      commands.Add("keys", "Show the sources' keys that the server accepts", "--reload", ShowKeys);
  keys.AddFlag("--reload", request->reload, "Have the server re-read its keys first, as SIGHUP does");
  commands.AddWide(keys);
  commands.AddJson(keys);

  const cli::Command servers = commands.Add(
      "servers", "Show the servers that have these mirrors, and what each does for all", "", ListServers);
  commands.AddWide(servers);
  commands.AddJson(servers);

  const cli::Command diagnose = commands.Add(
      "diagnose",
      "Check disk space, the time of an fsync and the mirrors' integrity; exit code 1: something is wrong",
      "Cust26759", Diagnose);
  commands.AddContext(diagnose, false);
  commands.AddWide(diagnose);
  commands.AddJson(diagnose, "Print an object");
}

}  // namespace mirror
