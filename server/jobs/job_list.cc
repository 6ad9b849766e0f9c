#include "server/jobs/job_list.h"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/folded_name.h"
#include "base/status_macros.h"

namespace mirror {

absl::StatusOr<std::vector<ImportJob>> JobsOf(Tenant& tenant) {
  ASSIGN_OR_RETURN(const std::vector<Document> kept, tenant.ListDocuments(kJobKind, "", kJobsKeptMax));
  return JobsIn(kept);
}

absl::StatusOr<std::optional<ImportJob>> EndJob(Tenant& tenant, const std::string& id,
                                                const std::string& message, std::int64_t now_ms,
                                                const MayEndJob& may_end) {
  std::optional<ImportJob> dead;
  RETURN_IF_ERROR(tenant.ChangeDocuments(
      [&](StoreRecords& records) -> absl::StatusOr<std::vector<DocumentChange>> {
        dead.reset();
        ASSIGN_OR_RETURN(const std::optional<Document> kept, records.ReadDocument(kJobKind, id));
        std::optional<ImportJob> job = kept ? JobOf(kept->text) : std::nullopt;
        if (!job || IsOver(job->state)) return std::vector<DocumentChange>();
        RETURN_IF_ERROR(may_end(*job));
        dead = DeadJob(*std::move(job), message, now_ms);
        return std::vector<DocumentChange>{JobChange(*dead)};
      },
      now_ms));
  return dead;
}

namespace {

/// The place of a job in the list: newer ones are before it.
struct Place {
  std::int64_t created_ms = 0;
  std::string id;
};
bool IsBefore(const Place& one, const Place& other) {
  return one.created_ms != other.created_ms ? one.created_ms > other.created_ms : one.id < other.id;
}
Place PlaceOf(const ImportJob& job) { return {job.created_ms, job.id}; }

/// "1764173319000/Acme--crm-5b2f0c1e8d7a"
std::string TokenOf(const Place& place) { return absl::StrCat(place.created_ms, "/", place.id); }

absl::StatusOr<std::optional<Place>> BehindOf(const std::string& token) {
  if (token.empty()) return std::optional<Place>();
  const std::size_t slash = token.find('/');
  Place place;
  if (slash != std::string::npos && absl::SimpleAtoi(token.substr(0, slash), &place.created_ms)) {
    place.id = token.substr(slash + 1);
    if (TokenOf(place) == token) return std::optional(std::move(place));
  }
  return absl::InvalidArgumentError(
      "'page_token' is not from an answer to this request. Ask for the first page again.");
}

absl::Status CheckStates(const std::set<std::string>& states) {
  std::set<std::string> known;
  for (const JobState state : {JobState::kScheduled, JobState::kRunning, JobState::kFinished,
                               JobState::kCouldNotStart, JobState::kDied}) {
    known.emplace(ToString(state));
  }
  for (const std::string& state : states) {
    if (known.contains(state)) continue;
    return absl::InvalidArgumentError(
        "import jobs have no such state. Ask for SCHEDULED, RUNNING, FINISHED, COULDNT_START or DIED.");
  }
  return absl::OkStatus();
}

/// A tenant that has jobs.
struct Holder {
  std::string context_id;
  std::int64_t newest_ms = 0;
};

/// The tenant of data source "crm" in "Acme" is "Acme--crm".
bool IsOfStorage(const std::string& folded, const std::string& storage) {
  return folded == storage || folded.starts_with(storage + "--");
}

/// Returns the tenants of the query, the one with the newest job first.
std::vector<Holder> HoldersOf(Tenants& tenants, const JobQuery& query) {
  const std::string storage = FoldName(query.storage), tenant = FoldName(query.context_id);
  std::vector<Holder> holders;
  for (const Tenants::Seen& seen : tenants.AllSeen()) {
    if (seen.summary->job_ms == 0) continue;
    const std::string folded = FoldName(seen.context_id);
    if (!storage.empty() && !IsOfStorage(folded, storage)) continue;
    if (tenant.empty() || folded == tenant) holders.push_back({seen.context_id, seen.summary->job_ms});
  }
  std::sort(holders.begin(), holders.end(),
            [](const Holder& one, const Holder& other) { return one.newest_ms > other.newest_ms; });
  return holders;
}

/// Adds the tenant's jobs; none if it was deleted, or cannot be read now.
void AddJobs(Tenants& tenants, const std::string& context_id, const JobQuery& query,
             const std::optional<Place>& behind, std::vector<ListedJob>* jobs) {
  const absl::StatusOr<std::shared_ptr<Tenant>> tenant = tenants.Find(context_id);
  if (!tenant.ok()) return;
  absl::StatusOr<std::vector<ImportJob>> kept = JobsOf(**tenant);
  if (!kept.ok()) return;
  for (ImportJob& job : *kept) {
    if (behind && !IsBefore(*behind, PlaceOf(job))) continue;
    if (!query.states.empty() && !query.states.contains(std::string(ToString(job.state)))) continue;
    jobs->push_back({std::move(job), context_id});
  }
}

void SortNewestFirst(std::vector<ListedJob>* jobs) {
  std::sort(jobs->begin(), jobs->end(), [](const ListedJob& one, const ListedJob& other) {
    return IsBefore(PlaceOf(one.job), PlaceOf(other.job));
  });
}

/// Returns whether the page is full, and all of it newer than anything of `next`.
bool IsFull(std::vector<ListedJob>* jobs, std::size_t page_size, const Holder& next) {
  if (jobs->size() < page_size) return false;
  SortNewestFirst(jobs);
  return (*jobs)[page_size - 1].job.created_ms > next.newest_ms;
}

}  // namespace

absl::StatusOr<JobPage> ListImportJobs(Tenants& tenants, const JobQuery& query) {
  ASSIGN_OR_RETURN(const std::optional<Place> behind, BehindOf(query.page_token));
  RETURN_IF_ERROR(CheckStates(query.states));
  if (!query.storage.empty() && absl::IsNotFound(tenants.Find(query.storage).status())) {
    return absl::NotFoundError(
        absl::StrCat("there is no storage '", query.storage, "'. 'mirrorctl storages' lists all storages."));
  }
  if (!query.context_id.empty()) RETURN_IF_ERROR(tenants.Find(query.context_id).status());
  const std::size_t page_size =
      query.page_size == 0 ? kJobsPerPage : std::min(query.page_size, kJobsPerPageMax);
  JobPage page;
  std::size_t opened = 0;
  bool is_last = true;
  for (const Holder& holder : HoldersOf(tenants, query)) {
    if (IsFull(&page.jobs, page_size, holder)) {
      is_last = false;
      break;
    }
    if (++opened > kJobTenantsMax) {
      return absl::ResourceExhaustedError(
          absl::StrCat("over ", kJobTenantsMax,
                       " mirrors would be opened for this page. Nothing was read. Ask for the jobs of one "
                       "storage or tenant."));
    }
    AddJobs(tenants, holder.context_id, query, behind, &page.jobs);
  }
  SortNewestFirst(&page.jobs);
  if (page.jobs.size() > page_size) {
    page.jobs.resize(page_size);
    is_last = false;
  }
  if (!is_last) page.next_page_token = TokenOf(PlaceOf(page.jobs.back().job));
  return page;
}

}  // namespace mirror
