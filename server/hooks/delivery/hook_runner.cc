#include "server/hooks/delivery/hook_runner.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <stop_token>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/digest.h"
#include "base/status_macros.h"
#include "server/hooks/delivery/hook_command.h"
#include "server/hooks/delivery/hook_url.h"
#include "server/hooks/hook_note.h"

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
    // Choose by due time, not by name: a tenant that always has deliveries must not block the others.
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
    // A missing or damaged mirror has its own events; its deliveries wait for the next cycle.
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
    // It will be delivered again: the promise is at-least-once.
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
    // One event for each delivery; further failures are only logged.
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
                           " minutes this delivery is dropped, and the next ones follow. No row is affected. "
                           "Correct the hook; what it missed is in the mirror and in 'mirrorctl events'"));
}

namespace {

/// More threads than deliver at a time, so that a hook that hangs leaves room for the next one.
constexpr std::size_t kDeliveryThreads = 4;
constexpr std::size_t kQuestionThreads = 4;

}  // namespace

ProgramHook::ProgramHook(std::shared_ptr<MirrorHooks> hooks)
    : hooks_(std::move(hooks)), deliveries_(kDeliveryThreads), questions_(kQuestionThreads) {}

absl::StatusOr<std::string> ProgramHook::Deliver(const HookDelivery& delivery,
                                                 std::chrono::milliseconds timeout,
                                                 const std::stop_token& stop) {
  return deliveries_.Call(
      [hooks = hooks_, json = delivery.json]() -> absl::StatusOr<std::string> {
        RETURN_IF_ERROR(TellHooks(*hooks, json));
        return std::string();
      },
      timeout, stop);
}

absl::StatusOr<std::string> ProgramHook::Authenticated(const HookCaller& caller,
                                                       std::chrono::milliseconds timeout) {
  return questions_.Call(
      [hooks = hooks_, caller]() -> absl::StatusOr<std::string> {
        const std::optional<std::string> reason = hooks->Authenticated(caller);
        if (!reason) return std::string();
        return reason->empty() ? "this endpoint refused it" : *reason;
      },
      timeout, {});
}

absl::Status ProgramHook::ResolveConnection(const HookCaller& caller, std::chrono::milliseconds timeout) {
  return questions_
      .Call(
          [hooks = hooks_, caller]() -> absl::StatusOr<std::string> {
            RETURN_IF_ERROR(hooks->ResolveConnection(caller));
            return std::string();
          },
          timeout, {})
      .status();
}

namespace {

constexpr char kProgram[] = "program";
/// Events that a hook does not subscribe to are skipped in steps of this size.
constexpr std::uint32_t kEventsPerLook = 100;
constexpr std::size_t kKeyDigits = 16;
/// Events about hooks are not sent to hooks: a failing hook would get its own failures for ever.
constexpr char kOwnEvents[] = "hook.";
/// Reason that the source gets when a hook refuses by not answering.
constexpr char kUnanswered[] =
    "this endpoint's hook did not answer whether a cycle may begin, and its operator allows no cycle without "
    "that answer";

/// Returns a key that stays the same over restarts while the hook's configuration has the same meaning.
std::string KeyOf(const HookConfig& hook) {
  return HexDigest(absl::StrCat(hook.name, "\n", absl::StrJoin(hook.on, ","), "\n", hook.context_id, "\n",
                                absl::StrJoin(hook.command, "\n"), "\n", hook.sql, "\n", hook.url))
      .substr(0, kKeyDigits);
}

std::shared_ptr<HookTarget> TargetOf(const HookConfig& hook, const PathOfMirror& path_of) {
  if (!hook.command.empty()) return MakeCommandHook(hook.command);
  if (!hook.sql.empty()) return MakeSqlHook(hook.sql, path_of);
  return MakeUrlHook(*ParseHookUrl(hook.url));  // Checked with the configuration.
}

}  // namespace

HookRunner::HookRunner(const HooksConfig& config, std::shared_ptr<MirrorHooks> program,
                       const PathOfMirror& path_of, Events& events)
    : question_timeout_(config.authenticated_timeout),
      events_(events),
      program_(program ? std::make_shared<ProgramHook>(std::move(program)) : nullptr),
      hooks_([&] {
        std::vector<Hook> hooks;
        for (const HookConfig& hook : config.hooks) {
          hooks.push_back({{KeyOf(hook), hook.name, hook.on, hook.context_id},
                           TargetOf(hook, path_of),
                           hook.timeout,
                           !hook.sql.empty(),
                           hook.on_error == OnError::kRefuse});
        }
        if (program_) {
          hooks.push_back({{kProgram, kProgram, {kOnCompleted, kOnTable, kOnWiped, kOnEvent}, "*"},
                           program_,
                           HookLaneOptions{}.timeout});
        }
        return hooks;
      }()),
      book_(
          [this] {
            std::vector<HookSpec> specs;
            for (const Hook& hook : hooks_) specs.push_back(hook.spec);
            return specs;
          }(),
          [this](const std::string& context_id) { Wake(context_id); }) {}

HookQueues HookRunner::QueuesOf(const HookSpec& spec, Tenants& tenants, HookCursor& cursor) {
  HookQueues queues;
  queues.first = [this, spec, &tenants,
                  &cursor](const std::string& queue) -> absl::StatusOr<std::optional<WaitingDelivery>> {
    // Another server delivers, and searches all mirrors.
    if (shared_.is_here && !shared_.is_here()) return std::optional<WaitingDelivery>();
    if (!queue.empty()) {
      ASSIGN_OR_RETURN(std::shared_ptr<Tenant> tenant, tenants.Find(queue));
      ASSIGN_OR_RETURN(std::optional<HookNote> note, tenant->FirstHook(spec.key));
      if (!note) return std::optional<WaitingDelivery>();
      return WaitingDelivery{note->id, {queue, note->event, note->cycle, std::move(note->json)}};
    }
    absl::StatusOr<std::uint64_t> after = cursor.Read(spec.key);
    while (after.ok()) {
      ASSIGN_OR_RETURN(const std::vector<EventRecord> events, events_.After("", *after, kEventsPerLook));
      for (const EventRecord& event : events) {
        after = event.id;
        if (absl::StartsWith(event.kind, kOwnEvents) || !spec.IsFor(event.context_id)) continue;
        return WaitingDelivery{static_cast<std::int64_t>(event.id),
                               {event.context_id, kOnEvent, 0, EventText(event)}};
      }
      if (events.size() < kEventsPerLook) return std::optional<WaitingDelivery>();
      RETURN_IF_ERROR(cursor.Write(spec.key, *after));
    }
    return after.status();
  };
  queues.done = [spec, &tenants, &cursor](const std::string& queue, std::int64_t id) -> absl::Status {
    if (queue.empty()) return cursor.Write(spec.key, static_cast<std::uint64_t>(id));
    absl::StatusOr<std::shared_ptr<Tenant>> tenant = tenants.Find(queue);
    return tenant.ok() ? (*tenant)->HookDone(id) : tenant.status();
  };
  return queues;
}

void HookRunner::Start(Tenants& tenants, HookCursor& cursor) {
  std::vector<std::unique_ptr<HookLane>> lanes;
  for (const Hook& hook : hooks_) {
    HookLaneOptions options;
    options.timeout = hook.timeout;
    lanes.push_back(std::make_unique<HookLane>(hook.spec, hook.target, QueuesOf(hook.spec, tenants, cursor),
                                               events_, options));
    // A hook gets only events after this point: a new cursor starts at the current end.
    if (hook.spec.Wants(kOnEvent)) cursor.Read(hook.spec.key).status().IgnoreError();
  }
  {
    const WriterLock lock(lanes_mutex_);
    lanes_ = std::move(lanes);
  }
  WakeEvents();
  search_ = std::jthread([this, &tenants](const std::stop_token& stop) { Search(tenants, stop); });
}

void HookRunner::Search(Tenants& tenants, const std::stop_token& stop) {
  for (const std::shared_ptr<Tenant>& tenant : tenants.All()) {
    if (stop.stop_requested()) return;
    WakeHere(tenant->context_id());
  }
  while (tenants.home().IsShared() && SleepFor(shared_.search, stop)) {
    const absl::StatusOr<std::vector<std::string>> found = tenants.home().FindWithHooks();
    if (!found.ok()) continue;
    for (const std::string& context_id : *found) WakeHere(context_id);
  }
}

void HookRunner::Stop() {
  search_ = {};
  std::vector<std::unique_ptr<HookLane>> lanes;
  const WriterLock lock(lanes_mutex_);
  lanes.swap(lanes_);
}

void HookRunner::Wake(const std::string& context_id) {
  if (shared_.waits) shared_.waits(context_id);
  WakeHere(context_id);
}

void HookRunner::WakeHere(const std::string& context_id) {
  const ReaderLock lock(lanes_mutex_);
  for (const std::unique_ptr<HookLane>& lane : lanes_) {
    const HookSpec& spec = lane->spec();
    const bool queued = spec.Wants(kOnCompleted) || spec.Wants(kOnTable) || spec.Wants(kOnWiped);
    if (queued && spec.IsFor(context_id)) lane->Wake(context_id);
  }
}

void HookRunner::WakeEvents() {
  const ReaderLock lock(lanes_mutex_);
  for (const std::unique_ptr<HookLane>& lane : lanes_) {
    if (lane->spec().Wants(kOnEvent)) lane->Wake("");
  }
}

absl::StatusOr<std::string> HookRunner::Ask(const Hook& hook, const HookCaller& caller) {
  const absl::StatusOr<std::string> answer = hook.target->Deliver(
      {caller.context_id, kOnAuthenticated, 0, AuthenticatedText(caller)}, question_timeout_, {});
  if (!answer.ok()) return answer.status();
  // SQL returns the reason itself.
  return hook.answers_in_words ? answer : ReadRefusal(*answer);
}

bool HookRunner::Asks(const std::string& context_id) const {
  return program_ != nullptr || !book_.KeysFor(kOnAuthenticated, context_id).empty();
}

std::string HookRunner::Authenticated(const HookCaller& caller) {
  const auto tell = [&](const std::string& name, bool refuses, const absl::Status& why) {
    events_.Add(caller.context_id, refuses ? Severity::kError : Severity::kWarning, "hook.unanswered",
                absl::StrCat("hook '", name, "' was asked whether a cycle may begin, and ",
                             refuses ? "since it has on_error = \"refuse\", none began without its answer: "
                                     : "the cycle began without its answer: ",
                             std::string(why.message())));
  };
  if (program_) {
    absl::StatusOr<std::string> reason = program_->Authenticated(caller, question_timeout_);
    if (!reason.ok()) tell(kProgram, false, reason.status());
    if (reason.ok() && !reason->empty()) return *std::move(reason);
  }
  for (const Hook& hook : hooks_) {
    if (!hook.spec.Wants(kOnAuthenticated) || !hook.spec.IsFor(caller.context_id)) continue;
    absl::StatusOr<std::string> reason = Ask(hook, caller);
    if (!reason.ok()) tell(hook.spec.name, hook.refuses_unanswered, reason.status());
    if (!reason.ok() && hook.refuses_unanswered) return kUnanswered;
    if (reason.ok() && !reason->empty()) return *std::move(reason);
  }
  return "";
}

absl::Status HookRunner::ResolveConnection(const HookCaller& caller) {
  if (!program_) return absl::OkStatus();
  const absl::Status status = program_->ResolveConnection(caller, question_timeout_);
  if (status.ok()) return status;
  if (absl::IsDeadlineExceeded(status) || absl::IsUnavailable(status)) {
    return absl::UnavailableError(
        "this endpoint could not decide in time whether it accepts the tenant. Nothing was made. Try "
        "again.");
  }
  return absl::PermissionDeniedError(
      absl::StrCat("this endpoint does not accept the tenant: ", status.message(),
                   ". Nothing was made. Ask the mirror's operator."));
}

}  // namespace mirror
