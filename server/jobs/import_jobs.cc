#include "server/jobs/import_jobs.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/clock.h"
#include "base/crash_point.h"
#include "base/folded_name.h"
#include "server/import/import_child.h"
#include "server/jobs/import_run.h"

namespace mirror {

namespace {

void CountEnd(const ImportJob& job, DoorCounters* counters) {
  if (job.state == JobState::kFinished) counters->jobs_finished.Add();
  if (job.state == JobState::kCouldNotStart) counters->jobs_not_started.Add();
  if (job.state != JobState::kDied) return;
  const bool was_ended = job.message == kJobCancelled || job.message == kJobCleared;
  (was_ended ? counters->jobs_cancelled : counters->jobs_died).Add();
}

}  // namespace

ImportJobs::ImportJobs(Tenants& tenants, Uploads& uploads, const ImportJobsOptions& options, Events& events,
                       DoorCounters& counters)
    : tenants_(tenants), uploads_(uploads), options_(options), events_(events), counters_(counters) {}

ImportJobs::~ImportJobs() { Stop(); }

void ImportJobs::Start(const std::vector<Uploads::Upload>& left) {
  absl::StatusOr<std::string> program = FindImportProgram();
  if (program.ok()) {
    program_ = *std::move(program);
  } else {
    events_.Add("", Severity::kError, "http.no_imports", std::string(program.status().message()));
  }
  for (const Uploads::Upload& upload : left) {
    const absl::StatusOr<std::optional<ImportJob>> job = Find(upload.job);
    // Its tenant cannot be asked now: the next start does.
    if (!job.ok()) continue;
    if (!*job || IsOver((*job)->state)) {
      uploads_.Remove(upload.id);
      continue;
    }
    const MutexLock lock(mutex_);
    waiting_.push_back({(*job)->id, FoldName(TenantOfJob((*job)->id)), upload.id});
  }
  for (std::size_t i = 0; i < options_.running_max; ++i) threads_.emplace_back([this] { Work(); });
}

void ImportJobs::Stop() {
  {
    const MutexLock lock(mutex_);
    is_stopping_ = true;
    changed_.NotifyAll();
  }
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

bool ImportJobs::HasRoom() {
  const MutexLock lock(mutex_);
  return waiting_.size() < options_.waiting_max;
}

ImportJobs::Load ImportJobs::FindLoad() {
  const MutexLock lock(mutex_);
  return {.running = busy_.size(), .waiting = waiting_.size()};
}

void ImportJobs::Schedule(const ImportJob& job) {
  const MutexLock lock(mutex_);
  waiting_.push_back({job.id, FoldName(TenantOfJob(job.id)), job.upload});
  changed_.NotifyOne();
}

std::optional<ImportJobs::Waiting> ImportJobs::Take() {
  const MutexLock lock(mutex_);
  while (true) {
    if (is_stopping_) return std::nullopt;
    const auto next =
        std::find_if(waiting_.begin(), waiting_.end(),
                     [&](const Waiting& one) MIRROR_REQUIRES(mutex_) { return !busy_.contains(one.tenant); });
    if (next != waiting_.end()) {
      Waiting job = *next;
      waiting_.erase(next);
      busy_.insert(job.tenant);
      return job;
    }
    changed_.Wait(mutex_);
  }
}

void ImportJobs::Done(const Waiting& job, bool goes_on) {
  const MutexLock lock(mutex_);
  busy_.erase(job.tenant);
  if (goes_on) waiting_.push_back(job);
  changed_.NotifyAll();
}

void ImportJobs::Work() {
  while (const std::optional<Waiting> next = Take()) {
    const absl::StatusOr<std::optional<ImportJob>> job = Find(next->id);
    const auto is_stopping = [this] {
      const MutexLock lock(mutex_);
      return is_stopping_;
    };
    if (job.ok() && *job && !IsOver((*job)->state)) {
      if (const absl::StatusOr<std::shared_ptr<Tenant>> tenant = tenants_.Find(TenantOfJob(next->id));
          tenant.ok()) {
        RunImport(**job, **tenant, uploads_,
                  {.program = program_, .time = options_.time, .rows = &counters_.imported}, is_stopping,
                  events_);
      }
    }
    const absl::StatusOr<std::optional<ImportJob>> after = Find(next->id);
    const bool is_gone = after.ok() && (!*after || IsOver((*after)->state));
    if (is_gone) {
      CrashPoint("job.ended");
      // Also of one that went with its data source before it began.
      uploads_.Remove(next->upload);
    }
    if (is_gone && *after) CountEnd(**after, &counters_);
    Done(*next, !is_gone);
  }
}

absl::StatusOr<std::optional<ImportJob>> ImportJobs::Find(const std::string& id) {
  const std::string context_id = TenantOfJob(id);
  if (context_id.empty() || !CheckContextId(context_id).ok()) return std::optional<ImportJob>();
  const absl::StatusOr<std::shared_ptr<Tenant>> tenant = tenants_.Find(context_id);
  if (absl::IsNotFound(tenant.status())) return std::optional<ImportJob>();
  if (!tenant.ok()) return tenant.status();
  const absl::StatusOr<std::optional<Document>> kept = (*tenant)->FindDocument(kJobKind, id);
  if (absl::IsNotFound(kept.status())) return std::optional<ImportJob>();
  if (!kept.ok()) return kept.status();
  return *kept ? JobOf((*kept)->text) : std::nullopt;
}

std::vector<std::string> ImportJobs::FilesOf(Tenant& tenant, bool only_ended) {
  std::vector<std::string> uploads;
  const auto kept = tenant.ListDocuments(kJobKind, "", kJobsKeptMax + 1);
  if (!kept.ok()) return uploads;
  for (const Document& document : *kept) {
    const std::optional<ImportJob> job = JobOf(document.text);
    if (job && (IsOver(job->state) || !only_ended)) uploads.push_back(job->upload);
  }
  return uploads;
}

void ImportJobs::RemoveFiles(const std::vector<std::string>& uploads) {
  for (const std::string& upload : uploads) uploads_.Remove(upload);
}

absl::StatusOr<ImportJob> ImportJobs::Cancel(const std::string& id, std::int64_t now_ms) {
  const absl::StatusOr<std::shared_ptr<Tenant>> tenant = tenants_.Find(TenantOfJob(id));
  if (!tenant.ok()) return tenant.status();
  std::optional<ImportJob> cancelled;
  absl::Status changed = (*tenant)->ChangeDocuments(
      [&](StoreRecords& records) -> absl::StatusOr<std::vector<DocumentChange>> {
        const absl::StatusOr<std::optional<Document>> kept = records.ReadDocument(kJobKind, id);
        if (!kept.ok()) return kept.status();
        cancelled = *kept ? JobOf((*kept)->text) : std::nullopt;
        if (!cancelled)
          return absl::NotFoundError(absl::StrCat("there is no import job '", id, "'. Nothing was done."));
        if (IsOver(cancelled->state)) {
          return absl::FailedPreconditionError(
              absl::StrCat("import job '", id, "' has ended: ", std::string(ToString(cancelled->state)),
                           ". Nothing was done."));
        }
        cancelled->state = JobState::kDied;
        cancelled->message = kJobCancelled;
        cancelled->modified_ms = now_ms;
        return std::vector<DocumentChange>{JobChange(*cancelled)};
      },
      now_ms);
  if (!changed.ok()) return changed;
  return *std::move(cancelled);
}

}  // namespace mirror
