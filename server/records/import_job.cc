#include "server/records/import_job.h"

#include <cstdio>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/enum_words.h"
#include "base/json_document.h"
#include "base/json_writer.h"

namespace mirror {
namespace {

constexpr std::size_t kDigits = 12;

const EnumWords<JobState>& StateWords() {
  static const EnumWords<JobState> words = {{"SCHEDULED", JobState::kScheduled},
                                            {"RUNNING", JobState::kRunning},
                                            {"FINISHED", JobState::kFinished},
                                            {"COULDNT_START", JobState::kCouldNotStart},
                                            {"DIED", JobState::kDied}};
  return words;
}

bool FlagOf(const JsonView& object, std::string_view name) {
  const std::optional<JsonView> found = object.Find(name);
  return found && found->IsTrue();
}

}  // namespace

std::string_view ToString(JobState state) {
  for (const auto& [word, meaning] : StateWords()) {
    if (meaning == state) return word;
  }
  return "";
}

std::string TenantOfJob(const std::string& id) {
  const std::size_t dash = id.rfind('-');
  if (dash == std::string::npos || dash == 0 || id.size() - dash != kDigits + 1) return "";
  return id.substr(0, dash);
}

std::string JobText(const ImportJob& job) {
  return JsonWriter()
      .Begin('{')
      .Member("id", job.id)
      .Member("storage", job.storage)
      .Member("source", job.source)
      .Member("key", job.key)
      .Member("upload", job.upload)
      .Member("server", job.server)
      .Key("updatesKnown")
      .Bool(job.updates_known)
      .Member("state", ToString(job.state))
      .Member("message", job.message)
      .Member("progress", job.progress)
      .Member("seq", job.seq)
      .Member("ahead", job.ahead)
      .Member("inserts", job.inserts)
      .Member("updates", job.updates)
      .Member("unchanged", job.unchanged)
      .Member("failed", job.failed)
      .Member("rejects", job.rejects)
      .Member("rejectsRead", job.rejects_read)
      .Member("created", static_cast<std::uint64_t>(job.created_ms))
      .Member("modified", static_cast<std::uint64_t>(job.modified_ms))
      .End('}')
      .Take();
}

std::optional<ImportJob> JobOf(const std::string& text) {
  const absl::StatusOr<JsonDocument> document = JsonDocument::Parse(text);
  if (!document.ok() || !document->root().Is(JsonKind::kObject)) return std::nullopt;
  const JsonView root = document->root();
  const std::optional<JobState> state = ValueOf(StateWords(), root.TextOf("state"));
  if (!state) return std::nullopt;
  ImportJob job;
  job.id = root.TextOf("id");
  job.storage = root.TextOf("storage");
  job.source = root.TextOf("source");
  job.key = root.TextOf("key");
  job.upload = root.TextOf("upload");
  job.server = root.TextOf("server");
  job.updates_known = FlagOf(root, "updatesKnown");
  job.state = *state;
  job.message = root.TextOf("message");
  job.progress = root.NumberOf("progress");
  job.seq = root.NumberOf("seq");
  job.ahead = root.NumberOf("ahead");
  job.inserts = root.NumberOf("inserts");
  job.updates = root.NumberOf("updates");
  job.unchanged = root.NumberOf("unchanged");
  job.failed = root.NumberOf("failed");
  job.rejects = root.NumberOf("rejects");
  job.rejects_read = root.NumberOf("rejectsRead");
  job.created_ms = static_cast<std::int64_t>(root.NumberOf("created"));
  job.modified_ms = static_cast<std::int64_t>(root.NumberOf("modified"));
  return job;
}

std::vector<ImportJob> JobsIn(const std::vector<Document>& documents) {
  std::vector<ImportJob> jobs;
  for (const Document& one : documents) {
    if (std::optional<ImportJob> job = JobOf(one.text)) jobs.push_back(*std::move(job));
  }
  return jobs;
}

ImportJob DeadJob(ImportJob job, const std::string& message, std::int64_t now_ms) {
  job.state = JobState::kDied;
  job.message = message;
  job.modified_ms = now_ms;
  return job;
}

DocumentChange JobChange(const ImportJob& job) { return {kJobKind, job.id, JobText(job)}; }

std::string RejectId(const std::string& job, std::uint64_t number) {
  char digits[24];
  std::snprintf(digits, sizeof(digits), "/%08llu", static_cast<unsigned long long>(number));
  return absl::StrCat(job, digits);
}

std::string RejectText(const Reject& reject) {
  return JsonWriter()
      .Begin('{')
      .Member("line", reject.line)
      .Member("externalId", reject.external_id)
      .Member("message", reject.message)
      .Member("raw", reject.external_id.empty() ? std::string() : reject.raw)
      .End('}')
      .Take();
}

std::optional<Reject> RejectOf(const std::string& text) {
  const absl::StatusOr<JsonDocument> document = JsonDocument::Parse(text);
  if (!document.ok()) return std::nullopt;
  return Reject{document->root().NumberOf("line"), document->root().TextOf("externalId"),
                document->root().TextOf("message"), document->root().TextOf("raw")};
}

}  // namespace mirror
