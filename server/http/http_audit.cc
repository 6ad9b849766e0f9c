#include "server/http/http_audit.h"

#include "absl/strings/str_cat.h"
#include "base/human_text.h"

namespace mirror {
namespace {

/// The most sums that wait: keys and data sources may be many.
constexpr std::size_t kSumsMax = 10'000;

std::string WhoOf(const ApiKey* key) {
  return absl::StrCat("apikey:", key == nullptr ? std::string() : key->name);
}

std::string RowsOf(std::uint64_t inserts, std::uint64_t updates, std::uint64_t failed) {
  return absl::StrCat(Counted(inserts, "insert"), ", ", Counted(updates, "update"), ", ",
                      Counted(failed, "row"), " failed");
}

absl::StatusCode CodeOf(const ImportJob& job) {
  if (job.state == JobState::kFinished) return absl::StatusCode::kOk;
  if (job.state == JobState::kCouldNotStart) return absl::StatusCode::kFailedPrecondition;
  const bool was_ended = job.message == kJobCancelled || job.message == kJobCleared;
  return was_ended ? absl::StatusCode::kCancelled : absl::StatusCode::kAborted;
}

}  // namespace

void HttpAudit::Add(const HttpCall& call, const std::string& what, const absl::Status& outcome) {
  // The message may contain what the caller sent: record only the code.
  write_(WhoOf(call.key.get()), absl::StrCat("http: ", what), absl::Status(outcome.code(), ""));
}

void HttpAudit::AddDelete(const HttpCall& call, const std::string& tenant, const RecordOutcome& outcome) {
  Add(call,
      absl::StrCat("delete business partners in ", tenant, ": ",
                   Counted(outcome.status.ok() ? outcome.deletes : 0, "delete"), ", ",
                   Counted(outcome.status.ok() ? outcome.failures.size() : 0, "row"), " failed"),
      outcome.status);
}

void HttpAudit::AddUpsert(const HttpCall& call, const std::string& tenant, const RecordOutcome& outcome) {
  bool is_full = false;
  {
    const MutexLock lock(mutex_);
    Sum& sum = sums_[{WhoOf(call.key.get()), absl::StrCat("upsert ", tenant), outcome.status.code()}];
    ++sum.calls;
    if (outcome.status.ok()) {
      sum.inserts += outcome.inserts;
      sum.updates += outcome.updates;
      sum.failed += outcome.failures.size();
    }
    is_full = sums_.size() >= kSumsMax;
  }
  if (is_full) Flush();
}

void HttpAudit::AddUpload(const std::string& key, const absl::Status& outcome) {
  write_(absl::StrCat("apikey:", key), "http: upload a file by its link", absl::Status(outcome.code(), ""));
}

void HttpAudit::AddEnd(const ImportJob& job) {
  write_(absl::StrCat("apikey:", job.key),
         absl::StrCat("http: import job ", job.id, " in ", job.storage, "/", job.source, " ",
                      std::string(ToString(job.state)), ": ", RowsOf(job.inserts, job.updates, job.failed)),
         absl::Status(CodeOf(job), ""));
}

void HttpAudit::AddRefused(const HttpHead& head, const ApiKey* key, std::string_view call,
                           const absl::Status& why) {
  // The port of a stranger has no meaning.
  const std::string from = head.peer.substr(0, head.peer.rfind(':'));
  bool is_full = false;
  {
    const MutexLock lock(mutex_);
    ++refusals_[{key == nullptr ? "no API key" : WhoOf(key), absl::StrCat(std::string(call), " from ", from),
                 why.code()}];
    is_full = refusals_.size() >= kSumsMax;
  }
  if (is_full) Flush();
}

void HttpAudit::Flush() {
  std::map<SumOf, Sum> sums;
  std::map<SumOf, std::uint64_t> refusals;
  {
    const MutexLock lock(mutex_);
    sums.swap(sums_);
    refusals.swap(refusals_);
  }
  for (const auto& [of, calls] : refusals)
    look_(of.who, absl::StrCat("http: ", of.what, ": ", Counted(calls, "call")),
          absl::Status(of.outcome, ""));
  for (const auto& [of, sum] : sums) {
    const std::string calls = absl::StrCat("http: ", of.what, ": ", Counted(sum.calls, "call"));
    const bool is_done = of.outcome == absl::StatusCode::kOk;
    write_(of.who,
           is_done ? absl::StrCat(calls, ", ", RowsOf(sum.inserts, sum.updates, sum.failed))
                   : absl::StrCat(calls, " refused"),
           absl::Status(of.outcome, ""));
  }
}

}  // namespace mirror
