#ifndef MIRROR_SERVER_HOOKS_DELIVERY_HOOK_RUNNER_H_
#define MIRROR_SERVER_HOOKS_DELIVERY_HOOK_RUNNER_H_

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/mutex.h"
#include "server/config/config.h"
#include "server/hooks/delivery/bounded_calls.h"
#include "server/hooks/delivery/hook_sql.h"
#include "server/hooks/hook_book.h"
#include "server/hooks/hook_target.h"
#include "server/hooks/hooks.h"
#include "server/store/catalog/catalog.h"
#include "server/tenant/tenants.h"
#include "server/watch/events.h"

namespace mirror {

/// Number of threads that deliver for one hook: so many tenants are notified at the same time.
inline constexpr int kHookThreads = 2;
/// A delivery is given up, with an event of severity Error, after it has failed for this long. A partner's
/// machine may be down for a night. But a delivery that can never succeed must not block later ones for ever.
inline constexpr std::chrono::hours kHookGiveUpAfter{24};
/// Delay before the first retry; doubled for each further retry.
inline constexpr std::chrono::milliseconds kHookBackoff{1'000};
inline constexpr std::chrono::milliseconds kHookBackoffMax{60'000};

/// A queued delivery and its number.
struct WaitingDelivery {
  std::int64_t id = 0;
  HookDelivery delivery;
};

/// Access to the queues of deliveries. A queue has a tenant's context id as its name, or "" for the events.
struct HookQueues {
  /// Returns the oldest waiting delivery of the queue. Absent: the queue is empty.
  std::function<absl::StatusOr<std::optional<WaitingDelivery>>(const std::string& queue)> first;
  /// Removes a delivery that succeeded or was given up.
  std::function<absl::Status(const std::string& queue, std::int64_t id)> done;
};

struct HookLaneOptions {
  std::chrono::milliseconds timeout{10'000};
  std::chrono::milliseconds give_up_after = kHookGiveUpAfter;
  std::chrono::milliseconds backoff = kHookBackoff;
};

/// Delivers for one hook, in threads of its own. A queue is delivered in order. Each delivery is tried again
/// until it succeeds or is given up. The queue that has waited longest comes next. A delivery that hangs or
/// fails delays only deliveries of the same hook. Threads: any; it has some of its own.
class HookLane {
 public:
  HookLane(HookSpec spec, std::shared_ptr<HookTarget> target, HookQueues queues, Events& events,
           const HookLaneOptions& options);
  /// Stops running deliveries. The next start delivers them again.
  ~HookLane();

  /// Signals that the queue may have a delivery. Does not block.
  void Wake(const std::string& queue);

  const HookSpec& spec() const { return spec_; }
  HookTarget& target() { return *target_; }

 private:
  using Time = std::chrono::steady_clock::time_point;
  struct Queue {
    Time due;             ///< Earliest time of the next attempt.
    bool busy = false;    ///< A thread is delivering from this queue.
    bool woken = false;   ///< Wake() was called since Take().
    std::int64_t id = 0;  ///< Delivery that failed last; `tries` is its number of failures.
    int tries = 0;
    Time failed_first;  ///< Time of the first of these failures.
  };

  void Work(const std::stop_token& stop);
  /// Returns the next queue that is due. Absent: `stop` was requested.
  std::optional<std::string> Take(const std::stop_token& stop);
  /// Delivers the first entry of the queue. Returns whether the queue may have more.
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
  std::uint64_t changes_ MIRROR_GUARDED_BY(mutex_) = 0;  ///< Number of changes of `waiting_`, except by
                                                         ///< Take().
  std::vector<std::jthread> threads_;
};

/// The hooks of the program that runs the server inside itself. The program's code may hang: see
/// BoundedCalls.
class ProgramHook final : public HookTarget {
 public:
  explicit ProgramHook(std::shared_ptr<MirrorHooks> hooks);

  absl::StatusOr<std::string> Deliver(const HookDelivery& delivery, std::chrono::milliseconds timeout,
                                      const std::stop_token& stop) override;

  /// Returns the reason not to replicate; empty: none. Errors: those of BoundedCalls.
  absl::StatusOr<std::string> Authenticated(const HookCaller& caller, std::chrono::milliseconds timeout);
  absl::Status ResolveConnection(const HookCaller& caller, std::chrono::milliseconds timeout);

 private:
  const std::shared_ptr<MirrorHooks> hooks_;
  BoundedCalls deliveries_, questions_;
};

/// All hooks of an endpoint: the configured ones and the program's own. Not created when there are none.
/// Threads: any.
class HookRunner {
 public:
  /// `program` may be null.
  HookRunner(const HooksConfig& config, std::shared_ptr<MirrorHooks> program, const PathOfMirror& path_of,
             Events& events);

  /// The list of hooks that tenants need.
  const HookBook& book() const { return book_; }

  /// For several servers that share the mirrors. One of them delivers; that may change at any time.
  struct Shared {
    std::function<bool()> is_here;                             ///< Returns whether this server delivers.
    std::function<void(const std::string& context_id)> waits;  ///< Notifies the server that delivers; never
                                                               ///< waits.
    /// How often the delivering server searches the mirrors for deliveries, because another server may have
    /// been killed before it called `waits`.
    std::chrono::milliseconds search{60'000};
  };
  /// Called before the first event that has a hook.
  void Share(Shared shared) { shared_ = std::move(shared); }

  /// Starts to deliver, first what the last run left. All arguments must exist until Stop() returns. Start()
  /// may be called again after Stop().
  void Start(Tenants& tenants, HookCursor& cursor);
  /// Stops running deliveries. The next start delivers them again.
  void Stop();

  /// Wake() signals that a tenant has a waiting delivery, WakeEvents() that an event was added.
  void Wake(const std::string& context_id);
  /// Does the same for a delivery that another server committed.
  void WakeHere(const std::string& context_id);
  void WakeEvents();

  /// Returns whether a hook must be asked before a cycle of this tenant begins.
  bool Asks(const std::string& context_id) const;
  /// Asks the hooks that may refuse a cycle; the source waits for the answer. Returns the reason not to
  /// replicate; empty: the cycle may begin. A hook that does not answer in time, or whose answer cannot be
  /// parsed, is ignored, unless its 'on_error' says to refuse. In both cases an event is added.
  std::string Authenticated(const HookCaller& caller);
  /// Asks the program about a tenant that has no mirror yet. Errors: the program's, with what to do.
  absl::Status ResolveConnection(const HookCaller& caller);

 private:
  struct Hook {
    HookSpec spec;
    std::shared_ptr<HookTarget> target;
    std::chrono::milliseconds timeout;
    bool answers_in_words = false;  ///< Its answer is the plain reason, not JSON.
    bool refuses_unanswered = false;
  };

  void Search(Tenants& tenants, const std::stop_token& stop);
  HookQueues QueuesOf(const HookSpec& spec, Tenants& tenants, HookCursor& cursor);
  absl::StatusOr<std::string> Ask(const Hook& hook, const HookCaller& caller);

  const std::chrono::milliseconds question_timeout_;
  Events& events_;
  const std::shared_ptr<ProgramHook> program_;
  std::vector<Hook> hooks_;
  HookBook book_;
  Shared shared_;            ///< Empty: this is the only server.
  SharedMutex lanes_mutex_;  ///< Many threads read the list to wake lanes. Lanes are ended one by one.
  std::vector<std::unique_ptr<HookLane>> lanes_ MIRROR_GUARDED_BY(lanes_mutex_);
  std::jthread search_;
};

}  // namespace mirror

#endif  // MIRROR_SERVER_HOOKS_DELIVERY_HOOK_RUNNER_H_
