#ifndef MIRROR_SERVER_HTTP_CHANGE_CALLS_H_
#define MIRROR_SERVER_HTTP_CHANGE_CALLS_H_

#include <cstddef>
#include <string>

#include "server/http/api_keys.h"
#include "server/http/asked_source.h"
#include "server/http/http_routes.h"
#include "server/http/row_stream_source.h"
#include "server/storages/storages.h"
#include "server/tenant/history/changes.h"
#include "server/watch/door_counters.h"

namespace mirror {

/// What was written to a data source, as JSON: pages, or live events. Threads: any.
class ChangeCalls {
 public:
  /// So many followers at a time: each takes a turn once a second. What it is given outlives it.
  ChangeCalls(Storages& storages, ApiKeys& keys, std::size_t followers_max, DoorCounters& counters)
      : storages_(storages),
        keys_(keys),
        counters_(counters),
        followers_(followers_max, counters, "changes are being followed") {}
  void AddTo(HttpRoutes* routes);
  /// That are open.
  std::size_t followers() const { return followers_.count(); }

 private:
  HttpAnswer List(HttpCall& call);
  HttpAnswer Follow(HttpCall& call, const AskedSource& source, AskedChanges asked);

  Storages& storages_;
  ApiKeys& keys_;
  DoorCounters& counters_;
  StreamPlaces followers_;
};

}  // namespace mirror

#endif  // MIRROR_SERVER_HTTP_CHANGE_CALLS_H_
