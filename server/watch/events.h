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

/// Errors: kInvalidArgument when no event has a kind that `pattern` means ('*' stands for any characters); it
/// names those that there are. An empty pattern means all.
absl::Status CheckKindPattern(std::string_view pattern);

/// Events of one kind and tenant that are kept in a minute; what is beyond becomes one event.
inline constexpr int kEventsPerMinute = 20;
/// Events that wait for a catalog that cannot be written, as on a full disk; the oldest go first.
inline constexpr std::size_t kUnkeptEventsMax = 1'000;

/// What operators are told: kept in the catalog, then written to the log and handed to whoever waits.
/// A catalog that cannot be written never stops the work that the event speaks of: it is tried again with the
/// next event, and the log has the line at once.
/// Threads: any.
class Events {
 public:
  /// Gets each event that was kept, in the thread that told it. It may not take long, and may not tell one.
  using Listener = std::function<void(const EventRecord&)>;

  /// `now_ms`: another clock in tests.
  explicit Events(Catalog& catalog, std::int64_t (*now_ms)() = &NowMs,
                  ServerCounters& counters = UnwatchedCounters())
      : catalog_(catalog), counters_(counters), now_ms_(now_ms) {}

  /// `kind` is a word for programs ("table.repopulate"); `message` a sentence without a row's values. An
  /// empty `context_id` means the server itself.
  void Add(const std::string& context_id, Severity severity, std::string_view kind,
           const std::string& message);

  /// Once in a while: tells what was summed up of floods whose minute is over, and tries the catalog again.
  void KeepHouse();
  /// The same for all floods: the server stops.
  void EndFloods();

  /// Before the first event.
  void Listen(Listener listener) { listener_ = std::move(listener); }

  /// The last `limit` of those that are meant, of ids below `before_id` (0: of all), newest last.
  absl::StatusOr<std::vector<EventRecord>> Last(const EventFilter& filter, std::uint64_t before_id,
                                                std::uint32_t limit);
  /// Those after `after_id`, at most `limit`, oldest first.
  absl::StatusOr<std::vector<EventRecord>> After(const std::string& context_id, std::uint64_t after_id,
                                                 std::uint32_t limit);
  /// Returns when an event was added, or at the end of `patience`.
  void Wait(std::chrono::milliseconds patience);

 private:
  /// Those of one kind and tenant since `begin_ms`.
  struct Flood {
    std::int64_t begin_ms = 0;
    int events = 0;
    std::uint64_t more = 0;  ///< Of these, not kept.
    EventRecord last;        ///< Of those.
  };

  /// False: there were too many, and `event` was counted. What is to be told of former ones comes out in
  /// `summed_up`.
  bool HasRoom(const EventRecord& event, std::vector<EventRecord>* summed_up);
  static EventRecord SummedUp(const Flood& flood);
  void TakeSums(std::int64_t older_than_ms, std::vector<EventRecord>* summed_up);
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
