#include "tools/mirrorctl/admin/records_output.h"

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/human_text.h"
#include "base/text/terminal.h"
#include "base/text/text_table.h"

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

}  // namespace

void PrintStorages(std::ostream& out, const v1::ListStoragesResponse& answer, std::size_t width,
                   std::int64_t now_ms) {
  // Ids may be long, words are not. Names are free text: JSON has them.
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

}  // namespace mirror
