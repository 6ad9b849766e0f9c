#ifndef MIRROR_SERVER_HTTP_PARTNER_CALLS_H_
#define MIRROR_SERVER_HTTP_PARTNER_CALLS_H_

#include "server/http/erasure.h"
#include "server/http/http_audit.h"
#include "server/http/http_routes.h"
#include "server/storages/storages.h"
#include "server/watch/door_counters.h"

namespace mirror {

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

}  // namespace mirror

#endif  // MIRROR_SERVER_HTTP_PARTNER_CALLS_H_
