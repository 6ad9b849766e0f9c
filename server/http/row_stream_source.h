#ifndef MIRROR_SERVER_HTTP_ROW_STREAM_SOURCE_H_
#define MIRROR_SERVER_HTTP_ROW_STREAM_SOURCE_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "base/http/message.h"
#include "base/mutex.h"
#include "server/tenant/readings.h"
#include "server/watch/door_counters.h"

namespace mirror {

/// The most streams of one tenant for one key: the tenant has one place more.
inline constexpr std::size_t kStreamsOfKeyMax = 3;

/// Places for running streams of tables. One key leaves places to the others: it has at most half of all, and
/// kStreamsOfKeyMax of a tenant. Threads: any; places may outlive it.
class StreamPlaces {
 public:
  /// `counters`, for the refusals, must outlive it.
  /// `what`: the text of a refusal.
  explicit StreamPlaces(std::size_t most, DoorCounters& counters = UnwatchedDoor(),
                        std::string what = "tables are being streamed");

  /// Takes a place, until the pointer is released. Errors: kResourceExhausted, with the reason.
  absl::StatusOr<std::shared_ptr<void>> Take(const std::string& key, const std::string& tenant);
  std::size_t count() const;

 private:
  struct State {
    mutable Mutex mutex;
    std::size_t count MIRROR_GUARDED_BY(mutex) = 0;
    std::map<std::string, std::size_t> of_key MIRROR_GUARDED_BY(mutex);
    std::map<std::pair<std::string, std::string>, std::size_t> of_key_and_tenant MIRROR_GUARDED_BY(mutex);
  };
  const std::size_t most_, most_of_key_;
  DoorCounters& counters_;
  const std::string what_;
  const std::shared_ptr<State> state_ = std::make_shared<State>();
};

/// Streams all rows of a table, one JSON object a line, then {"_end":true,"rows":n,"lsn":m}: without that
/// last line a client has not got all. A thread of its own reads ahead, kPiecesMax pieces at most. `place`:
/// released with the stream. `counters` must outlive it. Errors: kUnavailable: no thread can be started.
absl::StatusOr<std::unique_ptr<HttpBodySource>> StreamRows(CommittedReading reading,
                                                           std::vector<std::uint32_t> columns,
                                                           std::shared_ptr<void> place,
                                                           DoorCounters& counters);

}  // namespace mirror

#endif  // MIRROR_SERVER_HTTP_ROW_STREAM_SOURCE_H_
