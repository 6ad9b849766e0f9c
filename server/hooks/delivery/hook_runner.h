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

/// Code of the program that runs the server within itself. It may hang: see BoundedCalls.
class ProgramHook final : public HookTarget {
 public:
  explicit ProgramHook(std::shared_ptr<MirrorHooks> hooks);

  absl::StatusOr<std::string> Deliver(const HookDelivery& delivery, std::chrono::milliseconds timeout,
                                      const std::stop_token& stop) override;

  /// A reason not to replicate; empty: none. Errors: those of BoundedCalls.
  absl::StatusOr<std::string> Authenticated(const HookCaller& caller, std::chrono::milliseconds timeout);
  absl::Status ResolveConnection(const HookCaller& caller, std::chrono::milliseconds timeout);

 private:
  const std::shared_ptr<MirrorHooks> hooks_;
  BoundedCalls deliveries_, questions_;
};

/// All hooks of an endpoint: those of its configuration, and the program's own. Without any it is not made.
/// Threads: any.
class HookRunner {
 public:
  /// `program` may be null.
  HookRunner(const HooksConfig& config, std::shared_ptr<MirrorHooks> program, const PathOfMirror& path_of,
             Events& events);

  /// What tenants have to know.
  const HookBook& book() const { return book_; }

  /// Of several servers that share the mirrors, one delivers, and begins and ends to at any time.
  struct Shared {
    std::function<bool()> is_here;                             ///< Whether it is this one.
    std::function<void(const std::string& context_id)> waits;  ///< Tells the one that is. Takes no time.
    /// How often it looks into the mirrors: a server may be killed before it has told.
    std::chrono::milliseconds search{60'000};
  };
  /// Before anything happens that a hook is told of.
  void Share(Shared shared) { shared_ = std::move(shared); }

  /// Begins to deliver, what waits since the last time first. All that is given must outlive Stop(), behind
  /// which it may begin again.
  void Start(Tenants& tenants, HookCursor& cursor);
  /// Ends what is under way: it is delivered again at the next start.
  void Stop();

  /// Something waits for a tenant, or an event has come.
  void Wake(const std::string& context_id);
  /// The same, of what another server committed.
  void WakeHere(const std::string& context_id);
  void WakeEvents();

  /// Whether anybody is to be asked before a cycle of this tenant begins.
  bool Asks(const std::string& context_id) const;
  /// The one question that a source waits for. A text: the reason not to replicate; empty: go on. A hook that
  /// does not answer in time, or nothing that can be read, does not count unless its 'on_error' says that it
  /// refuses then; an event tells.
  std::string Authenticated(const HookCaller& caller);
  /// Of a tenant that has no mirror yet. Errors: the program's, with what to do.
  absl::Status ResolveConnection(const HookCaller& caller);

 private:
  struct Hook {
    HookSpec spec;
    std::shared_ptr<HookTarget> target;
    std::chrono::milliseconds timeout;
    bool answers_in_words = false;  ///< When it is asked: the reason itself, and no JSON.
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
  Shared shared_;            ///< Empty: there is no other server.
  SharedMutex lanes_mutex_;  ///< Lanes are woken by many threads, and end one by one.
  std::vector<std::unique_ptr<HookLane>> lanes_ MIRROR_GUARDED_BY(lanes_mutex_);
  std::jthread search_;
};

}  // namespace mirror

#endif  // MIRROR_SERVER_HOOKS_DELIVERY_HOOK_RUNNER_H_
