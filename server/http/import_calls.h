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
#include "server/jobs/uploads.h"
#include "server/storages/storages.h"
#include "server/watch/door_counters.h"

namespace mirror {

/// Uploads and import jobs. Threads: any.
class ImportCalls {
 public:
  /// What it is given outlives it.
  ImportCalls(const HttpConfig& config, Storages& storages, Uploads& uploads, ImportJobs& jobs,
              HttpAudit& audit, DoorCounters& counters)
      : config_(config),
        storages_(storages),
        uploads_(uploads),
        jobs_(jobs),
        audit_(audit),
        counters_(counters) {}
  void AddTo(HttpRoutes* routes);

 private:
  /// What a form brings, while it comes and then.
  struct Coming;
  /// What became of a request for a job.
  struct Started {
    bool is_new = false;  ///< The file is the job's by now.
    std::string what;     ///< For the audit log.
  };

  HttpAnswer RequestUpload(HttpCall& call);
  HttpAdmission AdmitUpload(const std::shared_ptr<HttpCall>& call);
  HttpAdmission AdmitJob(const std::shared_ptr<HttpCall>& call);
  HttpAnswer StartJob(HttpCall& call, Coming& coming);
  absl::StatusOr<std::string> TryStartJob(HttpCall& call, Coming& coming, Started* started);
  /// The upload of the job, and what tells its file from another one.
  absl::Status FindFile(const HttpCall& call, Coming& coming, const std::string& url, ImportJob* job,
                        std::string* hash);
  absl::StatusOr<std::string> WriteJob(HttpCall& call, Tenant& tenant, const std::string& body_hash,
                                       const Warnings& warnings, const ImportJob& job, Started* started);
  absl::Status TakeFile(const ImportJob& job);
  HttpAnswer ListJobs(HttpCall& call);
  HttpAnswer GetJob(HttpCall& call);
  HttpAnswer GetRejects(HttpCall& call);
  HttpAnswer CancelJob(HttpCall& call);
  absl::StatusOr<ImportJob> FindJob(const HttpCall& call);
  absl::Status WriteJobJson(const ImportJob& job, JsonWriter* json);
  std::string UrlOf(const HttpCall& call) const;

  const HttpConfig& config_;
  Storages& storages_;
  Uploads& uploads_;
  ImportJobs& jobs_;
  HttpAudit& audit_;
  DoorCounters& counters_;
};

}  // namespace mirror

#endif  // MIRROR_SERVER_HTTP_IMPORT_CALLS_H_
