#ifndef MIRROR_SERVER_EVENTS_H_
#define MIRROR_SERVER_EVENTS_H_

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "server/counters.h"
#include "server/store/catalog.h"

namespace mirror {

/// What operators are told: kept in the catalog, written to the log, and handed to whoever waits.
/// A catalog that cannot be written never stops the work that the event speaks of.
/// Threads: any.
class Events {
 public:
  explicit Events(Catalog& catalog, ServerCounters& counters = UnwatchedCounters())
      : catalog_(catalog), counters_(counters) {}

  /// `kind` is a word for programs ("table.repopulate"); `message` a sentence without a row's values. An
  /// empty `context_id` means the server itself.
  void Add(const std::string& context_id, Severity severity, std::string_view kind,
           const std::string& message);

  /// The last `limit`, newest last.
  absl::StatusOr<std::vector<EventRecord>> Last(const std::string& context_id, std::uint32_t limit);
  /// Those after `after_id`, at most `limit`, oldest first.
  absl::StatusOr<std::vector<EventRecord>> After(const std::string& context_id, std::uint64_t after_id,
                                                 std::uint32_t limit);
  /// Returns when an event was added, or at the end of `patience`.
  void Wait(std::chrono::milliseconds patience);

 private:
  Catalog& catalog_;
  ServerCounters& counters_;
  std::mutex mutex_;
  std::condition_variable added_;
  std::uint64_t count_ = 0;
};

}  // namespace mirror

#endif  // MIRROR_SERVER_EVENTS_H_
