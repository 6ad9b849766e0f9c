#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/clock.h"
#include "base/human_text.h"
#include "base/interruption.h"
#include "base/text/text_table.h"
#include "mirror/v1/mirror_admin.pb.h"
#include "proto/wire/table.h"
#include "tools/mirrorctl/admin/admin_output.h"
#include "tools/mirrorctl/admin/name_completion.h"
#include "tools/mirrorctl/admin_commands.h"

// Commands that show the data and the state of a server.

namespace mirror {
namespace {

/// Returns a sentence for each reason why the source could not send tables, with the names of the tables.
/// Empty: it sent all tables.
std::vector<std::string> UnsentNotes(const v1::ListTablesResponse& answer, std::int64_t now_ms) {
  struct Of {
    std::vector<std::string> names;
    std::int64_t since_ms = 0;
  };
  std::map<std::string, Of> by_reason;
  for (const v1::TableInfo& info : answer.tables()) {
    if (info.unsent().empty()) continue;
    Of& of = by_reason[info.unsent_why()];
    of.names.push_back(info.table());
    if (of.since_ms == 0 || info.unsent_since_ms() < of.since_ms) of.since_ms = info.unsent_since_ms();
  }
  std::vector<std::string> all;
  for (const auto& [why, of] : by_reason) {
    all.push_back(absl::StrCat(Counted(of.names.size(), "table"), of.names.size() == 1 ? " was" : " were",
                               " not sent by the source for ", SpanText(now_ms - of.since_ms), " (", why,
                               "): ", ListNames(of.names),
                               ". 'mirror-agent status' on the source's machine says what to correct"));
  }
  return all;
}

constexpr std::uint32_t kEventsMax = 1'000;
constexpr std::int64_t kSinceMostMs = 3'650LL * 86'400'000;  // Ten years.

/// Reports a problem that a diagnosis found, with the exit code of a failure.
void Found(Console& console, const std::string& words) {
  Warn(console, words);
  console.exit_code = Console::kFailed;
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

/// Parses a duration such as '30s', '15min', '3h' or '2d'. Errors: any other text.
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
      "--since '", text, "' is not a span of time. Nothing was asked. Give one such as 30min, 12h or 7d"));
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

/// Returns the request for the options. Absent: the options are wrong usage; the reason was printed.
std::optional<v1::ListEventsRequest> EventsAskedFor(const AdminRequest& request, Console& console) {
  v1::ListEventsRequest asked;
  asked.set_context_id(request.context_id);
  asked.set_limit(request.limit);
  asked.set_severity(SeverityNamed(request.severity));
  asked.set_kind(request.kind);
  if (request.since.empty()) return asked;
  const absl::StatusOr<std::int64_t> since_ms = ParseSpanMs(request.since);
  if (since_ms.ok()) {
    asked.set_since_ms(NowMs() - *since_ms);
    return asked;
  }
  Fail(console, since_ms.status());
  console.exit_code = Console::kWrongUsage;
  return std::nullopt;
}

/// Shows the newest events of all servers, newest last, ordered by the clocks of the servers.
void ShowEventsOfAll(const Overview& servers, const AdminRequest& request, Console& console) {
  if (request.follow) {
    Fail(console, absl::InvalidArgumentError("--follow works with only one --config. Nothing was asked"));
    console.exit_code = Console::kWrongUsage;
    return;
  }
  const std::optional<v1::ListEventsRequest> asked = EventsAskedFor(request, console);
  if (!asked) return;
  std::vector<ServerAnswer<v1::ListEventsResponse>> answers =
      servers.Ask<v1::ListEventsResponse>([&](AdminClient& admin) { return admin.Events(*asked); });
  v1::ListEventsResponse all;
  LineServers lines = MergeLines(
      &answers, [](v1::ListEventsResponse* answer) { return answer->mutable_events(); },
      [](const v1::Event& event) { return event.time_ms(); }, &all);
  if (lines.size() > request.limit) {
    const auto more = static_cast<int>(lines.size() - request.limit);
    all.mutable_events()->DeleteSubrange(0, more);
    lines.erase(lines.begin(), lines.begin() + more);
  }
  if (request.json) return PrintJson(console.out, ToJsonArray(all.events(), &lines));
  ServerTable table = EventTable(request.width(), &lines);
  for (const v1::Event& event : all.events()) AddEvent(table, event);
  table.Print(console.out);
  if (lines.empty() && !answers.empty())
    SayNone(console, absl::StrCat("there is no such event ", servers.Where(answers.size())));
}

void ShowEvents(AdminClient& admin, const AdminRequest& request, Console& console) {
  std::unique_ptr<Interruption> interruption;
  if (request.follow) interruption = std::make_unique<Interruption>();
  const std::optional<v1::ListEventsRequest> asked = EventsAskedFor(request, console);
  if (!asked) return;
  admin.EndAt(interruption.get());
  const auto answer = admin.Events(*asked);
  admin.EndAt(nullptr);
  if (interruption != nullptr && interruption->Wait(std::chrono::milliseconds(0))) return;
  if (!answer.ok()) return Fail(console, answer.status());
  if (request.json && !request.follow) return PrintJson(console.out, ToJsonArray(answer->events()));

  ServerTable table = EventTable(request.width());
  v1::WatchEventsRequest watched;
  watched.set_context_id(request.context_id);
  watched.set_severity(asked->severity());
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

void AddEvents(const AdminCommands& commands) {
  const std::shared_ptr<AdminRequest>& request = commands.request;
  const cli::Command events = commands.Add("events", "Show what happened, newest last",
                                           "--severity warning --since 12h", ShowEvents, ShowEventsOfAll);
  commands.AddContext(events, false);
  events.Add("--limit", request->limit, "How many, the newest ones")
      .Within(std::uint32_t{1}, kEventsMax)
      .ShowDefault();
  events.Add("--severity", request->severity, "Only events of at least this severity")
      .OneOf({"information", "warning", "error"})
      .ShowDefault();
  events.Add("--since", request->since, "Only events not older than this, e.g. 30min, 12h or 7d")
      .ValueName("SPAN");
  events
      .Add("--kind", request->kind,
           "Only events of this kind, e.g. cycle.failed; * stands for any characters")
      .ValueName("PATTERN");
  commands.AddWide(events);
  events.AddFlag("--follow", request->follow,
                 "Continue with each new event, until Ctrl-C or until the server stops");
  commands.AddJson(events, "Print an array of objects; with --follow one object a line");
}

}  // namespace

void AddReadingCommands(const AdminCommands& commands) {
  const std::shared_ptr<AdminRequest>& request = commands.request;
  AddTenantsCommand(commands);
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
  indexes.Add("table", request->tables, "Names, as 'mirrorctl tables' prints them; without names all")
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
      "servers", "Show the servers that share these mirrors, and the duties of each", "", ListServers);
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
