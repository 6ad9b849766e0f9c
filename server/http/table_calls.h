#ifndef MIRROR_SERVER_HTTP_TABLE_CALLS_H_
#define MIRROR_SERVER_HTTP_TABLE_CALLS_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "server/http/http_routes.h"
#include "server/storages/storages.h"
#include "server/tenant/readings.h"
#include "server/watch/door_counters.h"

namespace mirror {

/// Every mirrored table as JSON: pages by key, or the whole table as a stream of lines. Threads: any.
class TableCalls {
 public:
  /// So many streams at a time, so that slow readers leave turns for others. What it is given outlives it.
  TableCalls(Storages& storages, std::size_t streams_max, DoorCounters& counters)
      : storages_(storages), streams_max_(streams_max), counters_(counters) {}
  void AddTo(HttpRoutes* routes);
  /// That are open.
  std::size_t streams() const { return *streams_; }

 private:
  HttpAnswer Read(HttpCall& call);
  HttpAnswer Stream(CommittedReading reading, std::vector<std::uint32_t> columns);

  Storages& storages_;
  const std::size_t streams_max_;
  DoorCounters& counters_;
  std::shared_ptr<std::atomic<std::size_t>> streams_ = std::make_shared<std::atomic<std::size_t>>(0);
};

}  // namespace mirror

#endif  // MIRROR_SERVER_HTTP_TABLE_CALLS_H_
