#ifndef MIRROR_SERVER_HTTP_IMPORT_CALLS_H_
#define MIRROR_SERVER_HTTP_IMPORT_CALLS_H_

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "server/config/http_config.h"
#include "server/http/http_audit.h"
#include "server/http/http_routes.h"
#include "server/jobs/import_jobs.h"
#include "server/jobs/job_servers.h"
#include "server/jobs/uploads.h"
#include "server/storages/storages.h"
#include "server/watch/door_counters.h"

namespace mirror {

/// Returns the part of a link between the server's address and the path of a call.
std::string LinkBaseOf(const HttpConfig& config);

/// Uploads and import jobs. Threads: any.
class ImportCalls {
 public:
  /// All references must outlive it. `servers`: null: no other server has these mirrors. `own_url`: beginning
  /// of calls to this server; empty: each call's address. It is set before the first call.
  ImportCalls(const HttpConfig& config, Storages& storages, Uploads& uploads, ImportJobs& jobs,
              HttpAudit& audit, JobServers* servers, const std::string& own_url, DoorCounters& counters)
      : config_(config),
        storages_(storages),
        uploads_(uploads),
        jobs_(jobs),
        audit_(audit),
        servers_(servers),
        own_url_(own_url),
        counters_(counters) {}
  void AddTo(HttpRoutes* routes);

 private:
  /// The content of a form, while it arrives and afterwards.
  struct Coming;
  /// The outcome of a request to start a job.
  struct Started {
    bool is_new = false;   ///< It is no repetition: the job owns the file now.
    std::string location;  ///< Where to redirect the call; empty: it was answered here.
    std::string what;      ///< For the audit log.
  };

  absl::StatusOr<HttpAnswer> RequestUpload(HttpCall& call);
  HttpAdmission AdmitUpload(const std::shared_ptr<HttpCall>& call);
  HttpAdmission AdmitJob(const std::shared_ptr<HttpCall>& call);
  absl::StatusOr<HttpAnswer> StartJob(HttpCall& call, Coming& coming);
  absl::StatusOr<std::string> TryStartJob(HttpCall& call, Coming& coming, Started* started);
  /// Finds the upload of the job, and the hash that identifies its file.
  absl::Status FindFile(const HttpCall& call, Coming& coming, const std::string& url, ImportJob* job,
                        std::string* hash);
  /// For an upload of another server: where to redirect the call. Errors: why that is not possible.
  absl::StatusOr<std::string> FindElsewhere(const ImportJob& job);
  /// `answer`: for a started job. `may_start`: what prevents a start, unless the job was started before.
  absl::StatusOr<std::string> WriteJob(HttpCall& call, Tenant& tenant, const std::string& body_hash,
                                       const std::string& answer, const absl::Status& may_start,
                                       ImportJob job, Started* started);
  /// Takes a place among the waiting jobs, and the file. Adds what makes room for the job's document.
  absl::Status TakePlace(StoreRecords& records, const ImportJob& job, std::vector<DocumentChange>* changes);
  absl::StatusOr<HttpAnswer> ListJobs(HttpCall& call);
  absl::StatusOr<HttpAnswer> GetJob(HttpCall& call);
  absl::StatusOr<HttpAnswer> GetRejects(HttpCall& call);
  absl::StatusOr<HttpAnswer> CancelJob(HttpCall& call);
  absl::StatusOr<ImportJob> FindJob(const HttpCall& call);
  /// Returns the first kFailuresMax failures, or as many as a page has room for.
  absl::StatusOr<std::string> FailuresJson(const ImportJob& job);
  absl::StatusOr<HttpAnswer> JobAnswer(const ImportJob& job);
  std::string UrlOf(const HttpCall& call) const;

  const HttpConfig& config_;
  Storages& storages_;
  Uploads& uploads_;
  ImportJobs& jobs_;
  HttpAudit& audit_;
  JobServers* const servers_;
  const std::string& own_url_;
  DoorCounters& counters_;
};

}  // namespace mirror

#endif  // MIRROR_SERVER_HTTP_IMPORT_CALLS_H_
