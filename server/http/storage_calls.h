#ifndef MIRROR_SERVER_HTTP_STORAGE_CALLS_H_
#define MIRROR_SERVER_HTTP_STORAGE_CALLS_H_

#include <string>
#include <vector>

#include "server/http/erasure.h"
#include "server/http/http_audit.h"
#include "server/http/http_routes.h"
#include "server/jobs/import_jobs.h"
#include "server/storages/storages.h"
#include "server/watch/door_counters.h"

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

}  // namespace mirror

#endif  // MIRROR_SERVER_HTTP_STORAGE_CALLS_H_
