#ifndef MIRROR_SERVER_HOOKS_DELIVERY_HOOK_RUNNER_H_
#define MIRROR_SERVER_HOOKS_DELIVERY_HOOK_RUNNER_H_

#include <chrono>
#include <functional>
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
#include "server/hooks/delivery/hook_lane.h"
#include "server/hooks/delivery/hook_sql.h"
#include "server/hooks/hook_book.h"
#include "server/hooks/hook_target.h"
#include "server/hooks/hooks.h"
#include "server/store/catalog/catalog.h"
#include "server/tenant/tenants.h"
#include "server/watch/events.h"

namespace mirror {

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
