#include "server/http/http_audit.h"

#include "absl/strings/str_cat.h"

namespace mirror {
namespace {

/// So many sums wait at most: keys and data sources may be many.
constexpr std::size_t kSumsMax = 10'000;

std::string WhoOf(const HttpCall& call) {
  return absl::StrCat("apikey:", call.key == nullptr ? std::string() : call.key->name);
}

}  // namespace

void HttpAudit::Add(const HttpCall& call, const std::string& what, const absl::Status& outcome) {
  // The message may name what the caller sent: the code says how it ended.
  write_(WhoOf(call), absl::StrCat("http: ", what), absl::Status(outcome.code(), ""));
}

void HttpAudit::AddDelete(const HttpCall& call, const std::string& tenant, const RecordOutcome& outcome) {
  Add(call,
      absl::StrCat("delete ", tenant, ": ", outcome.status.ok() ? outcome.deletes : 0, " deletes, ",
                   outcome.status.ok() ? outcome.failures.size() : 0, " rows failed"),
      outcome.status);
}

void HttpAudit::AddUpsert(const HttpCall& call, const std::string& tenant, const RecordOutcome& outcome) {
  bool is_full = false;
  {
    const MutexLock lock(mutex_);
    Sum& sum = sums_[{WhoOf(call), absl::StrCat("upsert ", tenant)}];
    ++sum.calls;
    sum.refused += outcome.status.ok() ? 0 : 1;
    if (outcome.status.ok()) {
      sum.inserts += outcome.inserts;
      sum.updates += outcome.updates;
      sum.failed += outcome.failures.size();
    }
    is_full = sums_.size() >= kSumsMax;
  }
  if (is_full) Flush();
}

void HttpAudit::AddEnd(const ImportJob& job) {
  write_(absl::StrCat("apikey:", job.key),
         absl::StrCat("http: import job ", job.id, " in ", job.storage, "/", job.source, " ",
                      std::string(ToString(job.state)), ": ", job.inserts, " inserts, ", job.updates,
                      " updates, ", job.failed, " rows failed"),
         absl::OkStatus());
}

void HttpAudit::Flush() {
  std::map<std::pair<std::string, std::string>, Sum> sums;
  {
    const MutexLock lock(mutex_);
    sums.swap(sums_);
  }
  for (const auto& [key, sum] : sums) {
    write_(key.first,
           absl::StrCat("http: ", key.second, ": ", sum.calls, " calls, ", sum.refused, " refused, ",
                        sum.inserts, " inserts, ", sum.updates, " updates, ", sum.failed, " rows failed"),
           absl::OkStatus());
  }
}

}  // namespace mirror
