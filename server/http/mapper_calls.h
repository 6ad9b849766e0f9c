#ifndef MIRROR_SERVER_HTTP_MAPPER_CALLS_H_
#define MIRROR_SERVER_HTTP_MAPPER_CALLS_H_

#include "server/http/http_audit.h"
#include "server/http/http_routes.h"
#include "server/storages/storages.h"

namespace mirror {

/// Mappers of a storage. Threads: any.
class MapperCalls {
 public:
  /// What it is given outlives it.
  MapperCalls(Storages& storages, HttpAudit& audit) : storages_(storages), audit_(audit) {}
  void AddTo(HttpRoutes* routes);

 private:
  HttpAnswer List(HttpCall& call);
  HttpAnswer Get(HttpCall& call);
  HttpAnswer Put(HttpCall& call, bool is_new);
  HttpAnswer Delete(HttpCall& call);

  Storages& storages_;
  HttpAudit& audit_;
};

}  // namespace mirror

#endif  // MIRROR_SERVER_HTTP_MAPPER_CALLS_H_
