#ifndef MIRROR_SERVER_HTTP_TABLE_CALLS_H_
#define MIRROR_SERVER_HTTP_TABLE_CALLS_H_

#include <cstddef>

#include "absl/status/statusor.h"
#include "server/http/asked_source.h"
#include "server/http/http_routes.h"
#include "server/http/row_stream_source.h"
#include "server/storages/storages.h"
#include "server/tenant/readings.h"
#include "server/watch/door_counters.h"

namespace mirror {

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

}  // namespace mirror

#endif  // MIRROR_SERVER_HTTP_TABLE_CALLS_H_
