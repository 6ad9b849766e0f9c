#ifndef MIRROR_SERVER_HTTP_HTTP_CALLS_H_
#define MIRROR_SERVER_HTTP_HTTP_CALLS_H_

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "server/config/http_config.h"
#include "server/http/asked_source.h"
#include "server/http/erasure.h"
#include "server/http/http_audit.h"
#include "server/http/http_routes.h"
#include "server/http/row_stream_source.h"
#include "server/jobs/import_jobs.h"
#include "server/jobs/job_servers.h"
#include "server/jobs/uploads.h"
#include "server/storages/storages.h"
#include "server/tenant/readings.h"
#include "server/watch/door_counters.h"

// The calls of the door, each class with its routes.

namespace mirror {

/// Storages and data sources. Threads: any.
class StorageCalls {
 public:
  /// All references must outlive it.
  StorageCalls(Storages& storages, HttpAudit& audit, Erasure& erasure, ImportJobs& jobs,
               DoorCounters& counters)
      : storages_(storages), audit_(audit), erasure_(erasure), jobs_(jobs), counters_(counters) {}
  void AddTo(HttpRoutes* routes);

 private:
  absl::StatusOr<HttpAnswer> CreateStorage(HttpCall& call);
  absl::StatusOr<HttpAnswer> ListStorages(HttpCall& call);
  absl::StatusOr<HttpAnswer> GetStorage(HttpCall& call);
  absl::StatusOr<HttpAnswer> DeleteStorage(HttpCall& call);
  absl::StatusOr<HttpAnswer> ClearStorage(HttpCall& call);
  absl::StatusOr<HttpAnswer> CreateSource(HttpCall& call);
  absl::StatusOr<HttpAnswer> ListSources(HttpCall& call);
  absl::StatusOr<HttpAnswer> GetSource(HttpCall& call);
  absl::StatusOr<HttpAnswer> ChangeSource(HttpCall& call);
  absl::StatusOr<HttpAnswer> DeleteSource(HttpCall& call);
  absl::StatusOr<HttpAnswer> ClearSource(HttpCall& call);
  absl::StatusOr<DataSource> TryCreateSource(HttpCall& call, Warnings* warnings);
  absl::StatusOr<DataSource> TryChangeSource(HttpCall& call, Warnings* warnings);
  absl::StatusOr<HttpAnswer> Clear(HttpCall& call, const std::vector<DataSource>& sources,
                                   const std::string& what);

  Storages& storages_;
  HttpAudit& audit_;
  Erasure& erasure_;
  ImportJobs& jobs_;
  DoorCounters& counters_;
};

/// Business partners: upsert, read, fetch, delete. Threads: any.
class PartnerCalls {
 public:
  /// All references must outlive it.
  PartnerCalls(Storages& storages, HttpAudit& audit, Erasure& erasure, DoorCounters& counters)
      : storages_(storages), audit_(audit), erasure_(erasure), counters_(counters) {}
  void AddTo(HttpRoutes* routes);

 private:
  absl::StatusOr<HttpAnswer> Upsert(HttpCall& call);
  absl::StatusOr<HttpAnswer> List(HttpCall& call);
  absl::StatusOr<HttpAnswer> Fetch(HttpCall& call);
  absl::StatusOr<HttpAnswer> Delete(HttpCall& call);
  HttpAnswer Replayed(const RecordOutcome& outcome);

  Storages& storages_;
  HttpAudit& audit_;
  Erasure& erasure_;
  DoorCounters& counters_;
};

/// Serves every mirrored table as JSON: pages by key, or the whole table as a stream of
/// lines; and the list of tables. Threads: any.
class TableCalls {
 public:
  /// `streams_max`: streams at a time, so that slow readers leave room for others. Arguments must outlive it.
  TableCalls(Storages& storages, std::size_t streams_max, DoorCounters& counters)
      : storages_(storages), counters_(counters), streams_(streams_max, counters) {}
  void AddTo(HttpRoutes* routes);
  /// Returns the number of open streams.
  std::size_t streams() const { return streams_.count(); }

 private:
  absl::StatusOr<HttpAnswer> List(HttpCall& call);
  absl::StatusOr<HttpAnswer> Read(HttpCall& call);
  absl::StatusOr<CommittedReading> ReadCommitted(const HttpCall& call, const AskedSource& source,
                                                 ReadingKind kind);
  absl::StatusOr<HttpAnswer> Stream(HttpCall& call, const AskedSource& source);

  Storages& storages_;
  DoorCounters& counters_;
  StreamPlaces streams_;
};

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

#endif  // MIRROR_SERVER_HTTP_HTTP_CALLS_H_
