#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <ostream>
#include <string>

#include "absl/strings/str_cat.h"
#include "base/clock.h"
#include "base/human_text.h"
#include "base/text/terminal.h"
#include "base/text/text_table.h"
#include "mirror/v1/mirror_admin.pb.h"
#include "tools/mirrorctl/admin/admin_output.h"
#include "tools/mirrorctl/admin/name_completion.h"
#include "tools/mirrorctl/admin_commands.h"

// Commands that show records received over HTTP.

namespace mirror {
namespace {

std::string AgoText(std::int64_t then_ms, std::int64_t now_ms) {
  return then_ms == 0 ? "" : SpanText(now_ms - then_ms);
}

Colour SourceColour(const std::string& state) {
  if (state == "damaged" || state == "failing") return Colour::kRed;
  if (state == "good" || state == "active") return Colour::kGreen;
  return state.empty() || state == "unknown" ? Colour::kNone : Colour::kYellow;
}

Colour JobColour(const v1::ImportJobInfo& job) {
  if (job.state() == "DIED" || job.state() == "COULDNT_START") return Colour::kRed;
  if (job.state() != "FINISHED") return Colour::kNone;
  return job.failed() > 0 ? Colour::kYellow : Colour::kGreen;
}

/// Prints a line for each data source.
void PrintStorages(std::ostream& out, const v1::ListStoragesResponse& answer, std::size_t width,
                   std::int64_t now_ms) {
  // The table has no names, because they may be long; JSON has them.
  TextTable table({{"storage"},
                   {"source"},
                   {.name = "door", .goes = 2, .whole = true},
                   {.name = "state", .whole = true},
                   {.name = "rows", .number = true, .goes = 4},
                   {.name = "written", .goes = 3, .whole = true},
                   {.name = "mapper", .goes = 1, .whole = true},
                   {"tenant"}},
                  width);
  for (const v1::StorageInfo& storage : answer.storages()) {
    if (storage.data_sources().empty()) {
      table.Add({storage.id(), "", "", {"unreadable", Colour::kRed}, "", "", "", storage.problem()});
    }
    for (const v1::DataSourceInfo& source : storage.data_sources()) {
      table.Add({storage.id(),
                 source.id(),
                 source.door(),
                 {source.state(), SourceColour(source.state())},
                 source.state().empty()
                     ? ""
                     : Grouped(static_cast<std::uint64_t>(std::max<std::int64_t>(0, source.rows()))),
                 AgoText(source.last_progress_ms(), now_ms),
                 source.mapper(),
                 source.tenant()});
    }
  }
  table.Print(out);
}

void PrintImportJobs(std::ostream& out, const v1::ListImportJobsResponse& answer, std::size_t width,
                     std::int64_t now_ms) {
  TextTable table({{.name = "job", .whole = true},
                   {.name = "state", .whole = true},
                   {.name = "done", .number = true},
                   {.name = "inserts", .number = true, .goes = 1},
                   {.name = "updates", .number = true, .goes = 2},
                   {.name = "failed", .number = true, .goes = 4},
                   {.name = "since", .goes = 3},
                   {"message"}},
                  width);
  for (const v1::ImportJobInfo& job : answer.jobs()) {
    table.Add({job.id(),
               {job.state(), JobColour(job)},
               absl::StrCat(job.progress(), " %"),
               Grouped(job.inserts()),
               Grouped(job.updates()),
               Grouped(job.failed()),
               AgoText(job.created_ms(), now_ms),
               job.message()});
  }
  table.Print(out);
}

constexpr std::uint32_t kJobsMax = 10'000;

void SayDoorIsOff(const std::string& http_url, Console& console) {
  if (!http_url.empty()) return;
  SayNone(console,
          "the server accepts no records: its HTTP door is off. To switch it on, set 'enabled = true' under "
          "[http] in mirror-server.toml and restart the server");
}

void ListStorages(AdminClient& admin, const AdminRequest& request, Console& console) {
  v1::ListStoragesRequest message;
  message.set_id_pattern(request.pattern);
  message.set_with_records(request.with_records);
  const auto answer = LookClient(admin).AllStorages(message);
  if (!answer.ok()) return Fail(console, answer.status());
  if (request.json) return PrintJson(console.out, ToJsonArray(answer->storages()));
  PrintStorages(console.out, *answer, request.width(), NowMs());
  SayDoorIsOff(answer->http_url(), console);
  if (!answer->storages().empty()) return;
  SayNone(console, request.pattern.empty() && !request.with_records
                       ? "there are no storages yet. POST /v2/storages makes one, and so does a source's "
                         "first cycle"
                       : "no storage matches your request");
}

void ListJobs(AdminClient& admin, const AdminRequest& request, Console& console) {
  v1::ListImportJobsRequest message;
  message.set_storage(request.storage);
  message.set_context_id(request.context_id);
  message.mutable_states()->Add(request.states.begin(), request.states.end());
  const auto answer = LookClient(admin).LastImportJobs(message, request.limit);
  if (!answer.ok()) return Fail(console, answer.status());
  if (request.json) return PrintJson(console.out, ToJsonArray(answer->jobs()));
  PrintImportJobs(console.out, *answer, request.width(), NowMs());
  SayDoorIsOff(answer->http_url(), console);
  if (answer->jobs().empty()) {
    const bool all = request.storage.empty() && request.context_id.empty() && request.states.empty();
    SayNone(console, all ? "no import job is known here yet" : "no import job matches your request");
  }
  if (!answer->next_page_token().empty()) {
    SayNone(console, absl::StrCat("there are more than these ", request.limit,
                                  "; --limit N shows more, --storage or --tenant shows those of one"));
  }
}

}  // namespace

void AddRecordsCommands(const AdminCommands& commands) {
  const std::shared_ptr<AdminRequest>& request = commands.request;
  const cli::Command storages =
      commands.Add("storages", "Show storages with their data sources, as the HTTP door has them", "'Acme*'",
                   ListStorages);
  storages.Add("pattern", request->pattern, "Only storages with this id; * stands for any characters")
      .Completes(StorageNames);
  storages.AddFlag("--records", request->with_records, "Only storages that receive records");
  commands.AddWide(storages);
  commands.AddJson(storages);

  const cli::Command jobs =
      commands.Add("jobs", "Show import jobs, the newest first", "--storage Acme --state RUNNING", ListJobs);
  jobs.Add("--storage", request->storage, "Only those of this storage")
      .ValueName("ID")
      .Completes(StorageNames);
  jobs.Add("--tenant", request->context_id, "Only those of this tenant, e.g. Acme--crm")
      .ValueName("ID")
      .Completes(TenantNames);
  jobs.Add("--state", request->states, "Only those in one of these states")
      .OneOf({"SCHEDULED", "RUNNING", "FINISHED", "COULDNT_START", "DIED"})
      .AsItStands()
      .TakeAll();
  jobs.Add("--limit", request->limit, "How many, the newest ones")
      .Within(std::uint32_t{1}, kJobsMax)
      .ShowDefault();
  commands.AddWatch(jobs);
  commands.AddWide(jobs);
  commands.AddJson(jobs);
}

}  // namespace mirror
