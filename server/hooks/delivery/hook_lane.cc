#include "server/hooks/delivery/hook_lane.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace mirror {

HookLane::HookLane(HookSpec spec, std::shared_ptr<HookTarget> target, HookQueues queues, Events& events,
                   const HookLaneOptions& options)
    : spec_(std::move(spec)),
      target_(std::move(target)),
      queues_(std::move(queues)),
      events_(events),
      options_(options) {
  for (int i = 0; i < kHookThreads; ++i) {
    threads_.emplace_back([this](const std::stop_token& stop) { Work(stop); });
  }
}

HookLane::~HookLane() {
  for (std::jthread& thread : threads_) thread.request_stop();
}

void HookLane::Wake(const std::string& queue) {
  const MutexLock lock(mutex_);
  const auto [entry, fresh] = waiting_.try_emplace(queue);
  if (fresh) entry->second.due = std::chrono::steady_clock::now();
  entry->second.woken = true;
  ++changes_;
  changed_.NotifyOne();
}

std::optional<std::string> HookLane::Take(const std::stop_token& stop) {
  const MutexLock lock(mutex_);
  while (!stop.stop_requested()) {
    const Time now = std::chrono::steady_clock::now();
    // By when they are due, not by name: a tenant that always has more must not hold up those behind it.
    auto first = waiting_.end();
    for (auto at = waiting_.begin(); at != waiting_.end(); ++at) {
      if (at->second.busy) continue;
      if (first == waiting_.end() || at->second.due < first->second.due) first = at;
    }
    const Time next = first == waiting_.end() ? Time::max() : first->second.due;
    if (next <= now) {
      first->second.busy = true;
      first->second.woken = false;
      return first->first;
    }
    const auto changed = [this, seen = changes_]() MIRROR_REQUIRES(mutex_) { return changes_ != seen; };
    if (next == Time::max()) {
      changed_.Wait(mutex_, stop, changed);
    } else {
      changed_.WaitUntil(mutex_, stop, next, changed);
    }
  }
  return std::nullopt;
}

void HookLane::Work(const std::stop_token& stop) {
  while (const std::optional<std::string> name = Take(stop)) {
    const bool more = DeliverFirst(*name, stop);
    const MutexLock lock(mutex_);
    Queue& queue = waiting_.at(*name);
    queue.busy = false;
    if (!more && !queue.woken) {
      waiting_.erase(*name);
    } else {
      ++changes_;
      changed_.NotifyOne();
    }
  }
}

bool HookLane::DeliverFirst(const std::string& name, const std::stop_token& stop) {
  const absl::StatusOr<std::optional<WaitingDelivery>> first = queues_.first(name);
  if (!first.ok()) {
    spdlog::debug("hook {}: {}: {}", spec_.name, name, std::string(first.status().message()));
    // A mirror that is gone or damaged has events of its own, and what waits there waits for the next cycle.
    if (!absl::IsUnavailable(first.status())) return false;
    const MutexLock lock(mutex_);
    waiting_.at(name).due = std::chrono::steady_clock::now() + kHookBackoffMax;
    return true;
  }
  if (!*first) return false;
  const absl::StatusOr<std::string> answer = target_->Deliver((*first)->delivery, options_.timeout, stop);
  if (stop.stop_requested()) return false;
  if (!answer.ok()) {
    Failed(name, **first, answer.status());
    return true;
  }
  if (absl::Status done = queues_.done(name, (*first)->id); !done.ok()) {
    // It will be delivered once more: at least once is what is promised.
    Failed(name, **first, done);
    return true;
  }
  const MutexLock lock(mutex_);
  waiting_.at(name).due = std::chrono::steady_clock::now();
  return true;
}

void HookLane::Failed(const std::string& name, const WaitingDelivery& waiting, const absl::Status& why) {
  int tries = 0;
  const Time now = std::chrono::steady_clock::now();
  Time failed_first;
  {
    const MutexLock lock(mutex_);
    Queue& queue = waiting_.at(name);
    if (queue.id != waiting.id) queue.tries = 0;
    queue.id = waiting.id;
    tries = ++queue.tries;
    if (tries == 1) queue.failed_first = now;
    failed_first = queue.failed_first;
    std::chrono::milliseconds pause = options_.backoff;
    for (int i = 1; i < tries && pause < kHookBackoffMax; ++i) pause *= 2;
    queue.due = now + std::min(pause, kHookBackoffMax);
  }
  const std::string what =
      absl::StrCat("hook '", spec_.name, "' failed for '", waiting.delivery.event, "'",
                   waiting.delivery.cycle == 0 ? "" : absl::StrCat(" of cycle ", waiting.delivery.cycle),
                   ": ", why.message());
  if (now - failed_first < options_.give_up_after) {
    // Once for each delivery; the rest is in the log.
    if (tries == 1)
      events_.Add(name, Severity::kWarning, "hook.failed",
                  absl::StrCat(what, ". It is tried again, after longer and longer pauses"));
    return;
  }
  if (absl::Status done = queues_.done(name, waiting.id); !done.ok()) return;
  {
    const MutexLock lock(mutex_);
    waiting_.at(name).due = now;
  }
  events_.Add(name, Severity::kError, "hook.given_up",
              absl::StrCat(what, ". After ", tries, " tries in ",
                           std::chrono::duration_cast<std::chrono::minutes>(now - failed_first).count(),
                           " minutes this delivery is given up, and the next ones go on. No row is affected. "
                           "Correct the hook; what it missed is in the mirror and in 'mirrorctl events'"));
}

}  // namespace mirror
