#include "server/jobs/import_jobs.h"

#include <algorithm>
#include <exception>
#include <map>
#include <new>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/crash_point.h"
#include "base/folded_name.h"
#include "base/shared_clock.h"
#include "base/status_macros.h"
#include "server/jobs/import_child.h"
#include "server/jobs/import_run.h"

namespace mirror {
namespace {

/// Pause before a job that could not be finished now is tried again.
constexpr std::chrono::seconds kAgain{1};
/// How long to wait for a job that is over: it may be within a commit.
constexpr std::chrono::seconds kStopWait{5};

/// Returns whether there is nothing more to do for it.
bool IsGone(const absl::StatusOr<std::optional<ImportJob>>& job) {
  return job.ok() && (!*job || IsOver((*job)->state));
}

/// Time between checks for jobs of lost servers; a part of the lease within these limits.
constexpr std::chrono::milliseconds kLookMin{500}, kLookMax{30'000};
constexpr int kLooksPerLease = 8;
/// Time between checks for jobs here that another server has ended.
constexpr std::chrono::milliseconds kLookEnded{2'000};

/// Orders jobs of one data source at several servers: running ones first, then the oldest. Two
/// servers never wait for each other: there is one order.
bool ComesBefore(const ImportJob& a, const ImportJob& b) {
  const bool a_waits = a.state != JobState::kRunning, b_waits = b.state != JobState::kRunning;
  return std::tie(a_waits, a.created_ms, a.id) < std::tie(b_waits, b.created_ms, b.id);
}

/// The message of the other server, which ends such a job.
constexpr char kServerGone[] =
    "the server that has the file is down. What was committed stays; send the file again.";

/// Returns whether another server's job of the same data source comes first.
bool MustWait(const ImportJob& job, Tenant& tenant) {
  const absl::StatusOr<std::vector<ImportJob>> others = JobsOf(tenant);
  if (!others.ok()) return true;
  return std::any_of(others->begin(), others->end(), [&](const ImportJob& other) {
    return !IsOver(other.state) && other.server != job.server && ComesBefore(other, job);
  });
}

/// Returns the tenant's jobs, the latest first; none if it cannot be read.
std::vector<ImportJob> LatestJobsOf(Tenants& tenants, const std::string& context_id) {
  const absl::StatusOr<std::shared_ptr<Tenant>> tenant = tenants.Find(context_id);
  if (!tenant.ok()) return {};
  absl::StatusOr<std::vector<ImportJob>> jobs = JobsOf(**tenant);
  if (!jobs.ok()) return {};
  std::sort(jobs->begin(), jobs->end(), [](const ImportJob& a, const ImportJob& b) {
    return std::tie(b.created_ms, a.id) < std::tie(a.created_ms, b.id);
  });
  return *std::move(jobs);
}

void CountEnd(const ImportJob& job, DoorCounters* counters) {
  if (job.state == JobState::kFinished) counters->jobs_finished.Add();
  if (job.state == JobState::kCouldNotStart) counters->jobs_not_started.Add();
  if (job.state != JobState::kDied) return;
  const bool was_ended = job.message == kJobCancelled || job.message == kJobCleared;
  (was_ended ? counters->jobs_cancelled : counters->jobs_died).Add();
}

}  // namespace

ImportJobs::ImportJobs(Tenants& tenants, Uploads& uploads, const ImportJobsOptions& options, Events& events,
                       JobServers* servers, DoorCounters& counters)
    : tenants_(tenants),
      uploads_(uploads),
      options_(options),
      events_(events),
      servers_(servers),
      counters_(counters) {}

ImportJobs::~ImportJobs() { Stop(); }

ImportJobs::Waiting ImportJobs::WaitingOf(const std::string& id, const std::string& upload) {
  return {.id = id, .tenant = FoldName(TenantOfJob(id)), .upload = upload};
}

void ImportJobs::Start(const std::vector<Uploads::Upload>& left) {
  absl::StatusOr<std::string> program = FindImportProgram();
  if (program.ok()) {
    program_ = *std::move(program);
  } else {
    events_.Add("", Severity::kError, "http.no_imports", std::string(program.status().message()));
  }
  std::vector<std::string> listed;
  for (const Uploads::Upload& upload : left) {
    const absl::StatusOr<std::optional<ImportJob>> job = Find(upload.job);
    if (IsGone(job)) {
      uploads_.Remove(upload.id);
      continue;
    }
    // A job whose tenant cannot be read now is tried again and again.
    listed.push_back(upload.job);
    const MutexLock lock(mutex_);
    jobs_.push_back(WaitingOf(upload.job, upload.id));
  }
  // A job that stays listed without a file is ended by the check for jobs of lost servers.
  if (servers_ != nullptr) servers_->ListOnly(listed).IgnoreError();
  for (std::size_t i = 0; i < options_.running_max; ++i) threads_.emplace_back([this] { Work(); });
  threads_.emplace_back([this] { UntilDone([this] { EndLost(); }); });
  if (servers_ != nullptr) threads_.emplace_back([this] { Look(); });
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

bool ImportJobs::IsStopping(const std::string& id) {
  const MutexLock lock(mutex_);
  return is_stopping_ || std::any_of(jobs_.begin(), jobs_.end(),
                                     [&](const Waiting& one) { return one.must_stop && one.id == id; });
}

bool ImportJobs::HasRoom() { return FindLoad().waiting < options_.waiting_max; }

ImportJobs::Load ImportJobs::FindLoad() {
  const MutexLock lock(mutex_);
  const auto running = static_cast<std::size_t>(
      std::count_if(jobs_.begin(), jobs_.end(), [](const Waiting& one) { return one.is_running; }));
  return {.running = running, .waiting = jobs_.size() - running};
}

absl::Status ImportJobs::Announce(const ImportJob& job) {
  return servers_ == nullptr ? absl::OkStatus() : servers_->List(job.id);
}

void ImportJobs::Schedule(const ImportJob& job) {
  const MutexLock lock(mutex_);
  jobs_.push_back(WaitingOf(job.id, job.upload));
  changed_.NotifyAll();
}

void ImportJobs::GiveUp(const ImportJob& job) {
  uploads_.GiveBack(job.id, job.upload);
  Forget(job.id);
}

/// A job that stays listed is ended by the check for jobs of lost servers.
void ImportJobs::Forget(const std::string& id) {
  if (servers_ != nullptr) servers_->Unlist(id).IgnoreError();
}

std::optional<ImportJobs::Waiting> ImportJobs::Take() {
  const MutexLock lock(mutex_);
  const auto is_busy = [&](const std::string& tenant) MIRROR_REQUIRES(mutex_) {
    return std::any_of(jobs_.begin(), jobs_.end(),
                       [&](const Waiting& one) { return one.is_running && one.tenant == tenant; });
  };
  while (true) {
    if (is_stopping_) return std::nullopt;
    const auto now = std::chrono::steady_clock::now();
    std::optional<std::chrono::steady_clock::time_point> next;
    for (Waiting& one : jobs_) {
      if (one.is_running || is_busy(one.tenant)) continue;
      if (one.not_before > now) {
        next = std::min(next.value_or(one.not_before), one.not_before);
        continue;
      }
      std::optional<Waiting> taken = one;
      one.is_running = true;
      return taken;
    }
    if (next) {
      changed_.WaitUntil(mutex_, *next);
    } else {
      changed_.Wait(mutex_);
    }
  }
}

void ImportJobs::Done(const std::string& id, bool is_over) noexcept {
  const MutexLock lock(mutex_);
  const auto one = std::find_if(jobs_.begin(), jobs_.end(),
                                [&](const Waiting& job) { return job.is_running && job.id == id; });
  if (one == jobs_.end()) return;
  if (is_over) {
    jobs_.erase(one);
  } else {
    one->is_running = one->must_stop = false;
    one->not_before = std::chrono::steady_clock::now() + kAgain;
    jobs_.splice(jobs_.end(), jobs_, one);
  }
  changed_.NotifyAll();
}

bool ImportJobs::Pause(std::chrono::milliseconds time) {
  const MutexLock lock(mutex_);
  const auto until = std::chrono::steady_clock::now() + time;
  while (!is_stopping_ && changed_.WaitUntil(mutex_, until)) {
  }
  return !is_stopping_;
}

void ImportJobs::UntilDone(const std::function<void()>& what) {
  do {
    try {
      return what();
    } catch (const std::exception&) {
      // There is no memory left: some may be free after the pause.
    }
  } while (Pause(kAgain));
}

void ImportJobs::Work() {
  UntilDone([this] {
    while (const std::optional<Waiting> next = Take()) {
      bool is_over = false;
      try {
        is_over = TryRunOne(*next);
        if (is_over) {
          CrashPoint("job.ended");
          // Also for a job that was deleted with its data source before it began.
          uploads_.Remove(next->upload);
          Forget(next->id);
        }
      } catch (const std::exception&) {
        // There is no memory left for that: the next run finds it over, and removes it.
        is_over = false;
      }
      Done(next->id, is_over);
    }
  });
}

bool ImportJobs::TryRunOne(const Waiting& next) {
  try {
    return RunOne(next);
  } catch (const std::bad_alloc&) {
    // The child and what was read are freed by now: there may be room for a short message.
  }
  try {
    const absl::StatusOr<std::shared_ptr<Tenant>> tenant = tenants_.Find(TenantOfJob(next.id));
    return tenant.ok() && EndOf(**tenant, next.id,
                                "the server has no memory left for it. What was committed stays; send the "
                                "file again, or in parts.",
                                SharedNowMs())
                              .ok();
  } catch (const std::bad_alloc&) {
    return false;
  }
}

bool ImportJobs::RunOne(const Waiting& next) {
  const absl::StatusOr<std::optional<ImportJob>> job = Find(next.id);
  if (absl::IsDataLoss(job.status())) {
    events_.Add(TenantOfJob(next.id), Severity::kWarning, "import.failed",
                absl::StrCat("import job '", next.id,
                             "' cannot continue, as its mirror is damaged. Its file was removed: send the "
                             "file again when the mirror is repaired."));
    return true;
  }
  if (IsGone(job) && *job) TellEnd(**job);
  if (!job.ok() || IsGone(job)) return job.ok();
  const absl::StatusOr<std::shared_ptr<Tenant>> tenant = tenants_.Find(TenantOfJob(next.id));
  if (!tenant.ok() || (servers_ != nullptr && MustWait(**job, **tenant))) return false;
  RunImport(
      **job, **tenant, uploads_, {.program = program_, .time = options_.time, .rows = &counters_.imported},
      [this, &next] { return IsStopping(next.id); }, events_);
  const absl::StatusOr<std::optional<ImportJob>> after = Find(next.id);
  if (!IsGone(after)) return false;
  if (!*after) return true;
  TellEnd(**after);
  return true;
}

bool ImportJobs::RemoveEnded(const std::string& context_id) {
  const bool is_all = RemoveEndedHere(context_id);
  return is_all && IsNoneListed(context_id);
}

bool ImportJobs::IsNoneListed(const std::string& context_id) {
  if (servers_ == nullptr) return true;
  const absl::StatusOr<std::vector<std::string>> listed = servers_->FindListed();
  if (!listed.ok()) return false;
  // A job that is not over keeps its file for itself.
  return std::none_of(listed->begin(), listed->end(), [&](const std::string& id) {
    if (FoldName(TenantOfJob(id)) != FoldName(context_id)) return false;
    const absl::StatusOr<std::optional<ImportJob>> job = Find(id);
    return !job.ok() || IsGone(job);
  });
}

void ImportJobs::RemoveAllEnded() {
  std::set<std::string> tenants;
  {
    const MutexLock lock(mutex_);
    for (const Waiting& one : jobs_) tenants.insert(one.tenant);
  }
  for (const std::string& tenant : tenants) {
    if (IsStopping("")) return;
    RemoveEndedHere(tenant);
  }
}

bool ImportJobs::RemoveEndedHere(const std::string& context_id) {
  const std::string tenant = FoldName(context_id);
  std::vector<std::string> all;
  {
    const MutexLock lock(mutex_);
    for (const Waiting& one : jobs_) {
      if (one.tenant == tenant) all.push_back(one.id);
    }
  }
  bool is_all = true;
  std::map<std::string, std::optional<ImportJob>> ended;
  for (const std::string& id : all) {
    const absl::StatusOr<std::optional<ImportJob>> job = Find(id);
    if (IsGone(job)) {
      ended[id] = *job;
    } else {
      is_all = is_all && job.ok();
    }
  }
  std::list<Waiting> removed;
  {
    const MutexLock lock(mutex_);
    for (auto next = jobs_.begin(); next != jobs_.end();) {
      const auto one = next++;
      if (!ended.contains(one->id)) continue;
      if (one->is_running) {
        one->must_stop = true;
      } else {
        removed.splice(removed.end(), jobs_, one);
      }
    }
    const auto runs = [&]() MIRROR_REQUIRES(mutex_) {
      return std::any_of(jobs_.begin(), jobs_.end(),
                         [&](const Waiting& one) { return one.is_running && ended.contains(one.id); });
    };
    const auto until = std::chrono::steady_clock::now() + kStopWait;
    while (runs() && changed_.WaitUntil(mutex_, until)) {
    }
    is_all = is_all && !runs();
  }
  for (const Waiting& one : removed) {
    if (const std::optional<ImportJob>& job = ended[one.id]) TellEnd(*job);
    uploads_.Remove(one.upload);
    Forget(one.id);
  }
  return is_all;
}

void ImportJobs::EndLost() {
  // If other servers have the same mirrors, a file that is missing here may be there.
  if (servers_ == nullptr && tenants_.home().IsShared()) return;
  const std::string here = servers_ == nullptr ? std::string() : servers_->here();
  for (const Tenants::Seen& seen : tenants_.AllSeen(/*at_once=*/true)) {
    if (IsStopping("")) return;
    // A tenant about which nothing is known yet is read.
    if (!seen.summary->issuer.empty() && seen.summary->issuer != kRecordsIssuer) continue;
    if (seen.summary->documents && seen.summary->documents->jobs == 0) continue;
    const absl::StatusOr<std::shared_ptr<Tenant>> tenant = tenants_.Find(seen.context_id);
    if (!tenant.ok()) continue;
    for (const ImportJob& job : LatestJobsOf(tenants_, seen.context_id)) {
      if (IsOver(job.state) || job.server != here || uploads_.Find(job.upload)) continue;
      // Its file exists, and an operator knows of it.
      if (uploads_.unread().contains(job.upload)) continue;
      // A job that could not be ended is found at the next start.
      const absl::Status ended =
          EndOf(**tenant, job.id,
                "its file is no longer on this server. What was committed stays; send the file again.",
                SharedNowMs());
      if (ended.ok()) Forget(job.id);
    }
  }
}

void ImportJobs::TellEnd(const ImportJob& job) {
  if (job.message == kServerGone) return;
  CountEnd(job, &counters_);
  options_.told(job);
}

absl::Status ImportJobs::EndOf(Tenant& tenant, const std::string& id, const std::string& message,
                               std::int64_t now_ms, const MayEndJob& may_end) {
  const absl::StatusOr<std::optional<ImportJob>> dead = EndJob(tenant, id, message, now_ms, may_end);
  if (!dead.ok() || !*dead) return dead.status();
  events_.Add(tenant.context_id(), Severity::kWarning, "import.failed",
              absl::StrCat("import job '", id, "' died: ", message));
  CountEnd(**dead, &counters_);
  options_.told(**dead);
  return absl::OkStatus();
}

void ImportJobs::Look() {
  const auto interval = std::clamp(options_.lease / kLooksPerLease, kLookMin, kLookMax);
  auto orphans_at = std::chrono::steady_clock::now() + interval;
  UntilDone([&] {
    while (Pause(std::min<std::chrono::milliseconds>(interval, kLookEnded))) {
      RemoveAllEnded();
      if (std::chrono::steady_clock::now() < orphans_at) continue;
      EndOrphans(SharedNowMs());
      orphans_at = std::chrono::steady_clock::now() + interval;
    }
  });
}

void ImportJobs::EndOrphans(std::int64_t now_ms) {
  // The next check repeats what this one could not do.
  if (servers_ == nullptr) return;
  const absl::StatusOr<std::vector<std::string>> orphans = servers_->FindOrphans(options_.lease);
  if (!orphans.ok()) return;
  for (const std::string& id : *orphans) {
    if (IsStopping("")) return;
    if (EndOrphan(id, now_ms).ok()) Forget(id);
  }
}

absl::Status ImportJobs::EndOrphan(const std::string& id, std::int64_t now_ms) {
  const absl::StatusOr<std::shared_ptr<Tenant>> tenant = tenants_.Find(TenantOfJob(id));
  if (absl::IsNotFound(tenant.status())) return absl::OkStatus();
  if (!tenant.ok()) return tenant.status();
  absl::Status ended = EndOf(**tenant, id, kServerGone, now_ms, [this](const ImportJob& job) -> absl::Status {
    // The server may have come back while this waited for the lock.
    ASSIGN_OR_RETURN(const std::optional<JobServers::Server> server, servers_->Find(job.server));
    if (server && server->silent <= options_.lease)
      return absl::AbortedError("the server of the job is back");
    return absl::OkStatus();
  });
  return absl::IsNotFound(ended) ? absl::OkStatus() : ended;
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

ImportJobs::Page ImportJobs::List(const std::string& after, std::size_t limit,
                                  const std::function<bool(const std::string& context_id)>& shows) {
  std::map<std::string, Tenants::Seen> all;
  for (Tenants::Seen& seen : tenants_.AllSeen(/*at_once=*/true)) {
    if (shows(seen.context_id)) all.emplace(FoldName(seen.context_id), std::move(seen));
  }
  Page page;
  const std::string from = FoldName(TenantOfJob(after));
  for (const auto& [key, seen] : all) {
    const std::optional<ListedDocuments>& documents = seen.summary->documents;
    if (documents && documents->jobs == 0) continue;
    const bool is_before = !after.empty() && key < from;
    if (documents && (is_before || page.jobs.size() == limit)) {
      page.total += documents->jobs;
      page.is_last = page.is_last && is_before;
      continue;
    }
    std::vector<ImportJob> jobs = LatestJobsOf(tenants_, seen.context_id);
    page.total += jobs.size();
    auto job = jobs.begin();
    if (is_before) continue;
    if (!after.empty() && key == from) {
      // If that job no longer exists, it was the last of its data source.
      job = std::find_if(job, jobs.end(), [&](const ImportJob& one) { return one.id == after; });
      if (job != jobs.end()) ++job;
    }
    for (; job != jobs.end() && page.jobs.size() < limit; ++job) page.jobs.push_back(std::move(*job));
    page.is_last = page.is_last && job == jobs.end();
  }
  return page;
}

absl::StatusOr<ImportJob> ImportJobs::Cancel(const std::string& id, std::int64_t now_ms) {
  ASSIGN_OR_RETURN(const std::shared_ptr<Tenant> tenant, tenants_.Find(TenantOfJob(id)));
  ASSIGN_OR_RETURN(std::optional<ImportJob> cancelled, EndJob(*tenant, id, kJobCancelled, now_ms));
  if (!cancelled) {
    ASSIGN_OR_RETURN(const std::optional<ImportJob> there, Find(id));
    if (!there)
      return absl::NotFoundError(absl::StrCat("there is no import job '", id, "'. Nothing was done."));
    return absl::FailedPreconditionError(absl::StrCat(
        "import job '", id, "' has ended: ", std::string(ToString(there->state)), ". Nothing was done."));
  }
  RemoveEnded(tenant->context_id());
  return *std::move(cancelled);
}

}  // namespace mirror
