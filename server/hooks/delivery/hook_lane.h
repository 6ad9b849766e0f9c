#ifndef MIRROR_SERVER_HOOKS_DELIVERY_HOOK_LANE_H_
#define MIRROR_SERVER_HOOKS_DELIVERY_HOOK_LANE_H_

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/mutex.h"
#include "server/hooks/hook_book.h"
#include "server/hooks/hook_target.h"
#include "server/watch/events.h"

namespace mirror {

/// Threads that deliver for one hook: so many tenants are told at a time.
inline constexpr int kHookThreads = 2;
/// A delivery that failed for so long is given up, with an Error event: a partner's machine may be down for a
/// night, and what can never be delivered must not hold up the next ones for ever.
inline constexpr std::chrono::hours kHookGiveUpAfter{24};
/// Before the second try; doubled each time.
inline constexpr std::chrono::milliseconds kHookBackoff{1'000};
inline constexpr std::chrono::milliseconds kHookBackoffMax{60'000};

/// A delivery that waits, with its number.
struct WaitingDelivery {
  std::int64_t id = 0;
  HookDelivery delivery;
};

/// Where a lane finds what waits. A queue is a tenant's, by its context id, or that of the events, "".
struct HookQueues {
  /// The oldest that waits there. Absent: none.
  std::function<absl::StatusOr<std::optional<WaitingDelivery>>(const std::string& queue)> first;
  /// It was delivered, or given up.
  std::function<absl::Status(const std::string& queue, std::int64_t id)> done;
};

struct HookLaneOptions {
  std::chrono::milliseconds timeout{10'000};
  std::chrono::milliseconds give_up_after = kHookGiveUpAfter;
  std::chrono::milliseconds backoff = kHookBackoff;
};

/// The deliveries of one hook, in threads of its own: in order within a queue, and each until it succeeds or
/// is given up; of queues that wait the one that waits longest comes next. What hangs or fails delays nothing
/// but this hook's own deliveries.
/// Threads: any.
class HookLane {
 public:
  HookLane(HookSpec spec, std::shared_ptr<HookTarget> target, HookQueues queues, Events& events,
           const HookLaneOptions& options);
  /// Ends what is under way; it is delivered again at the next start.
  ~HookLane();

  /// Something may wait in the queue. Takes no time.
  void Wake(const std::string& queue);

  const HookSpec& spec() const { return spec_; }
  HookTarget& target() { return *target_; }

 private:
  using Time = std::chrono::steady_clock::time_point;
  struct Queue {
    Time due;             ///< Not before.
    bool busy = false;    ///< A thread is at it.
    bool woken = false;   ///< Meanwhile.
    std::int64_t id = 0;  ///< Of the delivery that failed last, and how often.
    int tries = 0;
    Time failed_first;  ///< Of these.
  };

  void Work(const std::stop_token& stop);
  /// Absent: it is told to stop.
  std::optional<std::string> Take(const std::stop_token& stop);
  /// Whether there may be more.
  bool DeliverFirst(const std::string& name, const std::stop_token& stop);
  void Failed(const std::string& name, const WaitingDelivery& waiting, const absl::Status& why);

  const HookSpec spec_;
  const std::shared_ptr<HookTarget> target_;
  const HookQueues queues_;
  Events& events_;
  const HookLaneOptions options_;
  Mutex mutex_;
  StopCondVar changed_;
  std::map<std::string, Queue> waiting_ MIRROR_GUARDED_BY(mutex_);
  std::uint64_t changes_ MIRROR_GUARDED_BY(mutex_) = 0;  ///< Of `waiting_`, but for a queue that is taken.
  std::vector<std::jthread> threads_;
};

}  // namespace mirror

#endif  // MIRROR_SERVER_HOOKS_DELIVERY_HOOK_LANE_H_
