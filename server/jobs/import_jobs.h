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
#include "server/jobs/end_job.h"
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
  std::chrono::milliseconds time{600'000};   ///< Of one job's reading.
  std::chrono::milliseconds lease{600'000};  ///< A job whose server is gone for longer has died.
  /// Told of each job that is over, once, as it then is: those that ran, and those that were ended while they
  /// waited, or whose file or server is gone.
  std::function<void(const ImportJob& job)> told = [](const ImportJob&) {};
};

/// Import jobs: each runs mirror-import over its file, and commits what that gives 10,000 rows at a time,
/// with how far it came. What a kill interrupts goes on behind the last commit. One job of a data source at a
/// time, whichever server has it.
///
/// A job runs where its file is. One whose server is gone for longer than the lease is ended by another one,
/// under the tenant's lock: a server that comes back later finds it ended at the latest when it commits, and
/// removes its file. Threads: any; it has `running_max` of its own, and one that looks for such jobs.
class ImportJobs {
 public:
  /// What it is given outlives it. `servers`: null: no other one has the same mirrors. Nothing runs before
  /// Start().
  ImportJobs(Tenants& tenants, Uploads& uploads, const ImportJobsOptions& options, Events& events,
             JobServers* servers = nullptr, DoorCounters& counters = UnwatchedDoor());
  /// Ends what runs between two commits; it goes on at the next start.
  ~ImportJobs();
  ImportJobs(const ImportJobs&) = delete;
  ImportJobs& operator=(const ImportJobs&) = delete;

  /// `left`: uploads that a former process had jobs for.
  void Start(const std::vector<Uploads::Upload>& left);
  void Stop();

  /// The others hear of the job. Before its document is written; Schedule() or GiveUp() comes behind it.
  /// Errors: kUnavailable.
  absl::Status Announce(const ImportJob& job);
  /// Puts the job behind those that wait; its upload is its own. Where its document turns out not to be
  /// there, nothing is left of it.
  void Schedule(const ImportJob& job);
  /// It was not written. Its upload waits for another job, or goes when it came with this one.
  void GiveUp(const ImportJob& job);
  /// Whether fewer wait than may.
  bool HasRoom();
  struct Load {
    std::size_t running = 0, waiting = 0;
  };
  Load FindLoad();
  /// Absent: there is no such job. Errors: as RecordsCalls.
  absl::StatusOr<std::optional<ImportJob>> Find(const std::string& id);
  /// By data source, of each the latest first, those behind the job `after`, of tenants that `shows` is true
  /// of. Opens no mirror that has no job on the page, unless nothing is known of it.
  struct Page {
    std::vector<ImportJob> jobs;
    std::uint64_t total = 0;  ///< Of all that `shows` is true of.
    bool is_last = true;
  };
  Page List(const std::string& after, std::size_t limit,
            const std::function<bool(const std::string& context_id)>& shows);
  /// Gives the job, which is over, as its file is, see RemoveEnded(). Errors: kNotFound;
  /// kFailedPrecondition: it was over before.
  absl::StatusOr<ImportJob> Cancel(const std::string& id, std::int64_t now_ms);
  /// Removes the files of the tenant's jobs that are over, as it was cleared or deleted: of those that wait
  /// at once; one that runs is stopped, and waited for. False: not all of them are gone yet, here or on
  /// another server; they go by themselves.
  bool RemoveEnded(const std::string& context_id);
  /// The same of all tenants' that are here: another server may have ended them. Once in a while it does by
  /// itself.
  void RemoveAllEnded();
  /// Ends jobs whose server is gone, where it is this server that does so. Once in a while it does by itself.
  void EndOrphans(std::int64_t now_ms);

 private:
  /// A job of this server.
  struct Waiting {
    std::string id, tenant, upload;
    std::chrono::steady_clock::time_point not_before = {};
    bool is_running = false;
    bool must_stop = false;  ///< It runs, and is over.
  };
  static Waiting WaitingOf(const std::string& id, const std::string& upload);
  void Work();
  /// Runs `what` until it comes to its end: again behind a while where there was no memory for it.
  void UntilDone(const std::function<void()>& what);
  /// False: it is to stop.
  bool Pause(std::chrono::milliseconds time);
  /// Whether it is over.
  bool RunOne(const Waiting& next);
  /// As RunOne(), where there is not enough memory for it.
  bool TryRunOne(const Waiting& next);
  bool IsStopping(const std::string& id);
  /// Ends the jobs whose file is not there: a mirror came from elsewhere, or the folder of uploads was lost.
  void EndLost();
  /// It died, unless it was over before: counts it, and tells that.
  absl::Status EndOf(
      Tenant& tenant, const std::string& id, const std::string& message, std::int64_t now_ms,
      const MayEndJob& may_end = [](const ImportJob&) { return absl::OkStatus(); });
  /// Counts a job that is over, and tells of it, unless another server did.
  void TellEnd(const ImportJob& job);
  void Look();
  bool RemoveEndedHere(const std::string& context_id);
  /// Whether no server has the file of a job of the tenant's that is over.
  bool IsNoneListed(const std::string& context_id);
  absl::Status EndOrphan(const std::string& id, std::int64_t now_ms);
  /// Nobody looks for it any more.
  void Forget(const std::string& id);
  /// The next that runs. Absent: nothing is to be done any more.
  std::optional<Waiting> Take();
  /// One that is not over waits again. Needs no memory.
  void Done(const std::string& id, bool is_over) noexcept;

  Tenants& tenants_;
  Uploads& uploads_;
  const ImportJobsOptions options_;
  Events& events_;
  JobServers* const servers_;  ///< Null: there are no others.
  DoorCounters& counters_;
  std::string program_;
  Mutex mutex_;
  CondVar changed_;
  /// Those that wait, in the order in which they run, and those that run.
  std::list<Waiting> jobs_ MIRROR_GUARDED_BY(mutex_);
  bool is_stopping_ MIRROR_GUARDED_BY(mutex_) = false;
  std::vector<std::thread> threads_;
};

}  // namespace mirror

#endif  // MIRROR_SERVER_JOBS_IMPORT_JOBS_H_
