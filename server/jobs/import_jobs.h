#ifndef MIRROR_SERVER_JOBS_IMPORT_JOBS_H_
#define MIRROR_SERVER_JOBS_IMPORT_JOBS_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/mutex.h"
#include "server/jobs/uploads.h"
#include "server/records/import_job.h"
#include "server/tenant/tenants.h"
#include "server/watch/door_counters.h"
#include "server/watch/events.h"

namespace mirror {

struct ImportJobsOptions {
  std::size_t running_max = 4;
  std::size_t waiting_max = 100;
  std::chrono::milliseconds time{600'000};  ///< Of one job's reading.
  /// Told of each job that ran and is over, as it then is.
  std::function<void(const ImportJob& job)> told = [](const ImportJob&) {};
  std::string server;  ///< Name of this one among those that share mirrors.
};

/// Import jobs: each runs mirror-import over its file, and commits what that gives 10,000 rows at a time,
/// with how far it came. What a kill interrupts goes on behind the last commit. One job of a data source at a
/// time. Threads: any; it has `running_max` of its own.
class ImportJobs {
 public:
  /// `tenants`, `uploads`, `events` and `counters` outlive it. Nothing runs before Start().
  ImportJobs(Tenants& tenants, Uploads& uploads, const ImportJobsOptions& options, Events& events,
             DoorCounters& counters = UnwatchedDoor());
  /// Ends what runs between two commits; it goes on at the next start.
  ~ImportJobs();
  ImportJobs(const ImportJobs&) = delete;
  ImportJobs& operator=(const ImportJobs&) = delete;

  /// `left`: uploads that a former process had jobs for.
  void Start(const std::vector<Uploads::Upload>& left);
  void Stop();

  /// Puts the job behind those that wait; its document is in its tenant by then, and its upload is its own.
  void Schedule(const ImportJob& job);
  /// Whether fewer wait than may.
  bool HasRoom();
  struct Load {
    std::size_t running = 0, waiting = 0;
  };
  Load FindLoad();
  /// Absent: there is no such job. Errors: as RecordsCalls.
  absl::StatusOr<std::optional<ImportJob>> Find(const std::string& id);
  /// Gives the job, which is over, as its file is, see RemoveEnded(). Errors: kNotFound;
  /// kFailedPrecondition: it was over before.
  absl::StatusOr<ImportJob> Cancel(const std::string& id, std::int64_t now_ms);
  /// Removes the files of the tenant's jobs that are over, as it was cleared or deleted: of those that wait
  /// at once; one that runs is stopped, and waited for. False: not all of them are gone yet; they go by
  /// themselves.
  bool RemoveEnded(const std::string& context_id);

 private:
  struct Waiting {
    std::string id, tenant, upload;
    std::chrono::steady_clock::time_point not_before = {};
  };
  static Waiting WaitingOf(const std::string& id, const std::string& upload);
  void Work();
  /// Whether it is over.
  bool RunOne(const Waiting& next);
  /// As RunOne(), where there is not enough memory for it.
  bool TryRunOne(const Waiting& next);
  bool IsStopping(const std::string& id);
  /// Ends the jobs whose file is not there: a mirror came from elsewhere, or the folder of uploads was lost.
  void EndLost();
  absl::Status EndOf(Tenant& tenant, const std::string& id, const std::string& message);
  /// Absent: nothing is to be done any more.
  std::optional<Waiting> Take();
  /// One that is not over waits again.
  void Done(Waiting job, bool is_over);

  Tenants& tenants_;
  Uploads& uploads_;
  const ImportJobsOptions options_;
  Events& events_;
  DoorCounters& counters_;
  std::string program_;
  Mutex mutex_;
  CondVar changed_;
  std::deque<Waiting> waiting_ MIRROR_GUARDED_BY(mutex_);
  /// Jobs that run, by their tenant, folded.
  std::map<std::string, Waiting> busy_ MIRROR_GUARDED_BY(mutex_);
  std::set<std::string> ended_ MIRROR_GUARDED_BY(mutex_);  ///< Of those that run, jobs that are to stop.
  bool is_stopping_ MIRROR_GUARDED_BY(mutex_) = false;
  std::vector<std::thread> threads_;
};

}  // namespace mirror

#endif  // MIRROR_SERVER_JOBS_IMPORT_JOBS_H_
