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

/// Of the streams of one tenant, so many may be one key's: the tenant has one place more.
inline constexpr std::size_t kStreamsOfKeyMax = 3;

/// Who streams a table now. One key leaves places to the others: it has at most half of all, and of a tenant
/// kStreamsOfKeyMax. Threads: any; places may outlive it.
class StreamPlaces {
 public:
  /// `counters`, of the refusals, outlive it.
  /// `what`: as a refusal says it.
  explicit StreamPlaces(std::size_t most, DoorCounters& counters = UnwatchedDoor(),
                        std::string what = "tables are being streamed");

  /// A place, until it is let go of. Errors: kResourceExhausted, with the reason.
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

/// All rows of a table, one JSON object a line, and behind them {"_end":true,"rows":n,"lsn":m}: whoever does
/// not find that last line has not got all. A thread of its own reads ahead, kPiecesMax pieces at most.
/// `place`: let go of with it. `counters` outlive it. Errors: kUnavailable: the system cannot start a thread.
absl::StatusOr<std::unique_ptr<HttpBodySource>> StreamRows(CommittedReading reading,
                                                           std::vector<std::uint32_t> columns,
                                                           std::shared_ptr<void> place,
                                                           DoorCounters& counters);

}  // namespace mirror

#endif  // MIRROR_SERVER_HTTP_ROW_STREAM_SOURCE_H_
