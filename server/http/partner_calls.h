#ifndef MIRROR_SERVER_HTTP_PARTNER_CALLS_H_
#define MIRROR_SERVER_HTTP_PARTNER_CALLS_H_

#include <memory>
#include <string>
#include <vector>

#include "server/http/erasure.h"
#include "server/http/http_audit.h"
#include "server/http/http_routes.h"
#include "server/storages/storages.h"

namespace mirror {

/// Business partners: upsert, read, fetch, delete. Threads: any.
class PartnerCalls {
 public:
  /// What it is given outlives it.
  PartnerCalls(Storages& storages, HttpAudit& audit, Erasure& erasure)
      : storages_(storages), audit_(audit), erasure_(erasure) {}
  void AddTo(HttpRoutes* routes);

 private:
  HttpAnswer Upsert(HttpCall& call);
  HttpAnswer List(HttpCall& call);
  HttpAnswer Fetch(HttpCall& call);
  HttpAnswer Delete(HttpCall& call);
  /// Of `source` with its tenant: by a member of the body, or of the query.
  struct Asked {
    DataSource source;
    std::shared_ptr<Tenant> tenant;
  };
  absl::StatusOr<Asked> Find(const HttpCall& call, const std::string& source);

  Storages& storages_;
  HttpAudit& audit_;
  Erasure& erasure_;
};

}  // namespace mirror

#endif  // MIRROR_SERVER_HTTP_PARTNER_CALLS_H_
