#ifndef MIRROR_SERVER_WATCH_EVENTS_H_
#define MIRROR_SERVER_WATCH_EVENTS_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "base/clock.h"
#include "base/mutex.h"
#include "server/store/catalog/catalog.h"
#include "server/watch/counters.h"

namespace mirror {

/// Checks that `pattern` matches the kind of some event; '*' stands for any characters. An empty pattern
/// matches all. Errors: kInvalidArgument, with the names of the kinds that exist.
absl::Status CheckKindPattern(std::string_view pattern);

/// Maximum number of events of one kind and tenant in a minute. Further ones are summed up in one event.
inline constexpr int kEventsPerMinute = 20;
/// Maximum number of events that wait while the catalog cannot be written; the oldest are dropped.
inline constexpr std::size_t kUnkeptEventsMax = 1'000;

/// Events for operators. They are written to the catalog, then to the log, and passed to waiting readers. If
/// the catalog cannot be written, the work that the event reports does not stop: the log gets the line at
/// once, and the next event tries the catalog again. Threads: any.
class Events {
 public:
  /// Receives each kept event, in the thread that added it. It must return quickly, and must not add events.
  using Listener = std::function<void(const EventRecord&)>;

  /// `now_ms`: the clock; tests pass another one.
  explicit Events(Catalog& catalog, std::int64_t (*now_ms)() = &NowMs,
                  ServerCounters& counters = UnwatchedCounters())
      : catalog_(catalog), counters_(counters), now_ms_(now_ms) {}

  /// Adds an event. `kind` is a word for programs ("table.repopulate"); `message` is a
  /// sentence without values of rows. An empty `context_id` means the server itself.
  void Add(const std::string& context_id, Severity severity, std::string_view kind,
           const std::string& message);

  /// Adds the summaries of floods whose minute is over, and tries the catalog again. Called at intervals.
  void KeepHouse();
  /// Adds the summaries of all floods; for the server's stop.
  void EndFloods();

  /// Must be called before the first event.
  void Listen(Listener listener) { listener_ = std::move(listener); }

  /// Returns the last `limit` matching events with ids below `before_id` (0: of all), newest last.
  absl::StatusOr<std::vector<EventRecord>> Last(const EventFilter& filter, std::uint64_t before_id,
                                                std::uint32_t limit);
  /// Returns the events after `after_id`, at most `limit`, oldest first.
  absl::StatusOr<std::vector<EventRecord>> After(const std::string& context_id, std::uint64_t after_id,
                                                 std::uint32_t limit);
  /// Waits until an event is added, at most for `patience`.
  void Wait(std::chrono::milliseconds patience);

 private:
  /// Events of one kind and tenant since `begin_ms`.
  struct Flood {
    std::int64_t begin_ms = 0;
    int events = 0;
    std::uint64_t more = 0;  ///< Number of those that were not kept.
    EventRecord last;        ///< The last event that was not kept.
  };

  /// Returns false if there were too many events of this kind; then `event` was only counted. `summed_up`
  /// receives the summary of an earlier flood that is over.
  bool HasRoom(const EventRecord& event, std::vector<EventRecord>* summed_up);
  static EventRecord SummedUp(const Flood& flood);
  void KeepSums(std::int64_t older_than_ms) MIRROR_EXCLUDES(mutex_, floods_mutex_);
  void Keep(EventRecord event) MIRROR_EXCLUDES(mutex_, floods_mutex_);
  bool KeepWaiting() MIRROR_EXCLUDES(mutex_, floods_mutex_);

  Catalog& catalog_;
  ServerCounters& counters_;
  std::int64_t (*const now_ms_)();
  Listener listener_;
  Mutex floods_mutex_;
  /// By tenant and kind.
  std::map<std::pair<std::string, std::string>, Flood> floods_ MIRROR_GUARDED_BY(floods_mutex_);
  Mutex mutex_;
  CondVar added_;
  std::uint64_t count_ MIRROR_GUARDED_BY(mutex_) = 0;
  std::deque<EventRecord> unkept_ MIRROR_GUARDED_BY(mutex_);
};

}  // namespace mirror

#endif  // MIRROR_SERVER_WATCH_EVENTS_H_
