#ifndef MIRROR_SERVER_JOBS_IMPORT_JOBS_H_
#define MIRROR_SERVER_JOBS_IMPORT_JOBS_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/mutex.h"
#include "server/jobs/job_list.h"
#include "server/jobs/job_servers.h"
#include "server/jobs/uploads.h"
#include "server/records/import_job.h"
#include "server/tenant/tenants.h"
#include "server/watch/door_counters.h"
#include "server/watch/events.h"

namespace mirror {

struct ImportJobsOptions {
  std::size_t running_max = 4;
  std::size_t waiting_max = 100;
  std::chrono::milliseconds time{600'000};   ///< For reading one job's file.
  std::chrono::milliseconds lease{600'000};  ///< A job whose server is silent for longer than this counts as
                                             ///< dead.
  /// Called once for each job that is over, with its last state: jobs that ran, jobs that were ended while
  /// they waited, and jobs whose file or server was lost.
  std::function<void(const ImportJob& job)> told = [](const ImportJob&) {};
};

/// Import jobs. Each job runs mirror-import on its file, and commits 10,000 rows at a time, together with its
/// progress. A job that a kill interrupts continues after its last commit. A data source has one running job
/// at a time, on any server.
///
/// A job runs on the server that has its file. If that server is silent for longer than the lease, another
/// server ends the job, under the tenant's lock. If the first server comes back, it finds the job ended, at
/// the latest when it commits, and removes the file.
/// and removes its file. Threads: any; it has `running_max` of its own, and one that finds such jobs.
class ImportJobs {
 public:
  /// All references must outlive this object. `servers`: null: no other server has the same mirrors. No job
  /// runs before Start().
  ImportJobs(Tenants& tenants, Uploads& uploads, const ImportJobsOptions& options, Events& events,
             JobServers* servers = nullptr, DoorCounters& counters = UnwatchedDoor());
  /// Stops running jobs between two commits; they continue at the next start.
  ~ImportJobs();
  ImportJobs(const ImportJobs&) = delete;
  ImportJobs& operator=(const ImportJobs&) = delete;

  /// `left`: uploads for which a former process had jobs.
  void Start(const std::vector<Uploads::Upload>& left);
  void Stop();

  /// Lists the job for the other servers. Called before its document is written; then
  /// Schedule() or GiveUp() is called. Errors: kUnavailable.
  absl::Status Announce(const ImportJob& job);
  /// Adds the job to the waiting ones; from now on it owns its upload. If the job's document turns out to be
  /// missing, the job and its file are removed.
  void Schedule(const ImportJob& job);
  /// Called if the document was not written. The upload waits for another job, or is removed if it came with
  /// this job.
  void GiveUp(const ImportJob& job);
  /// Returns whether fewer jobs wait than may.
  bool HasRoom();
  struct Load {
    std::size_t running = 0, waiting = 0;
  };
  Load FindLoad();
  /// Finds a job. Absent: there is no such job. Errors: as RecordsCalls.
  absl::StatusOr<std::optional<ImportJob>> Find(const std::string& id);
  /// Lists jobs by data source, the latest first, after the job `after`, for tenants for which `shows` is
  /// true. Opens no mirror without a job on the page, unless nothing is known of it.
  struct Page {
    std::vector<ImportJob> jobs;
    std::uint64_t total = 0;  ///< Number of jobs for which `shows` is true.
    bool is_last = true;
  };
  Page List(const std::string& after, std::size_t limit,
            const std::function<bool(const std::string& context_id)>& shows);
  /// Cancels a job. Returns the job, which is over, and so is its file, see RemoveEnded(). Errors:
  /// kNotFound; kFailedPrecondition: it was over before.
  absl::StatusOr<ImportJob> Cancel(const std::string& id, std::int64_t now_ms);
  /// Removes the files of the tenant's ended jobs, after the tenant was cleared or deleted. Removes those of
  /// waiting jobs at once; stops a running job and waits for it. Returns false if some files still exist, on
  /// this or another server. They are removed later without another call.
  bool RemoveEnded(const std::string& context_id);
  /// Does the same for all tenants that are here: another server may have ended their
  /// jobs. Also runs by itself once in a while.
  void RemoveAllEnded();
  /// Ends jobs whose server is lost, if this server has that duty. Also runs by itself once in a while.
  void EndOrphans(std::int64_t now_ms);

 private:
  /// A job of this server.
  struct Waiting {
    std::string id, tenant, upload;
    std::chrono::steady_clock::time_point not_before = {};
    bool is_running = false;
    bool must_stop = false;  ///< It runs, but its job is over.
  };
  static Waiting WaitingOf(const std::string& id, const std::string& upload);
  void Work();
  /// Runs `what`. If there is not enough memory for it, tries it again after some time, until it is done.
  void UntilDone(const std::function<void()>& what);
  /// Waits. Returns false if the jobs have to stop.
  bool Pause(std::chrono::milliseconds time);
  /// Runs a job. Returns whether it is over.
  bool RunOne(const Waiting& next);
  /// Does RunOne(); ends the job if there is not enough memory for it.
  bool TryRunOne(const Waiting& next);
  bool IsStopping(const std::string& id);
  /// Ends jobs whose file is missing, because the mirror came from elsewhere or the folder of uploads was
  /// lost.
  void EndLost();
  /// Lets the job die, unless it was over before: counts it, and reports it.
  absl::Status EndOf(
      Tenant& tenant, const std::string& id, const std::string& message, std::int64_t now_ms,
      const MayEndJob& may_end = [](const ImportJob&) { return absl::OkStatus(); });
  /// Counts a job that is over, and reports it, unless another server did.
  void TellEnd(const ImportJob& job);
  void Look();
  bool RemoveEndedHere(const std::string& context_id);
  /// Returns whether no server has the file of one of the tenant's jobs that is over.
  bool IsNoneListed(const std::string& context_id);
  absl::Status EndOrphan(const std::string& id, std::int64_t now_ms);
  /// Removes the job from the list, so that no other server looks for it.
  void Forget(const std::string& id);
  /// Returns the next job to run. Absent: there is nothing more to do.
  std::optional<Waiting> Take();
  /// Ends a run; a job that is not over waits again. Needs no memory.
  void Done(const std::string& id, bool is_over) noexcept;

  Tenants& tenants_;
  Uploads& uploads_;
  const ImportJobsOptions options_;
  Events& events_;
  JobServers* const servers_;  ///< Null: there are no other servers.
  DoorCounters& counters_;
  std::string program_;
  Mutex mutex_;
  CondVar changed_;
  /// Waiting jobs, in the order in which they run, and running ones.
  std::list<Waiting> jobs_ MIRROR_GUARDED_BY(mutex_);
  bool is_stopping_ MIRROR_GUARDED_BY(mutex_) = false;
  std::vector<std::thread> threads_;
};

}  // namespace mirror

#endif  // MIRROR_SERVER_JOBS_IMPORT_JOBS_H_
