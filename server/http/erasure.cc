#include "server/http/erasure.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/clock.h"

namespace mirror {
namespace {

constexpr std::chrono::seconds kLookInterval{60};
/// Looks at all sources of records while something may stand in files: what nobody told of is found in time.
constexpr int kLooksAtAll = 8;

}  // namespace

void Erasure::Start() {
  thread_ = std::thread([this] { Work(); });
}

void Erasure::Stop() {
  {
    const MutexLock lock(mutex_);
    is_stopping_ = true;
    changed_.NotifyAll();
  }
  if (thread_.joinable()) thread_.join();
}

void Erasure::Note(const std::string& context_id) {
  const MutexLock lock(mutex_);
  Waiting& waiting = waiting_[context_id];
  ++waiting.notes;
  if (!waiting.since_ms) waiting.since_ms = NowMs();
}

Erasure::Left Erasure::FindLeft() {
  Left left;
  const MutexLock lock(mutex_);
  for (const auto& [context_id, waiting] : waiting_) {
    if (!waiting.since_ms) continue;
    ++left.tenants;
    left.oldest_ms = std::min(left.oldest_ms.value_or(*waiting.since_ms), *waiting.since_ms);
  }
  return left;
}

void Erasure::SetSince(const std::string& context_id, std::int64_t since_ms) {
  const MutexLock lock(mutex_);
  waiting_[context_id].since_ms = since_ms;
}

void Erasure::FindAll() {
  for (const Tenants::Seen& seen : tenants_.AllSeen()) {
    if (seen.summary->issuer != kRecordsIssuer) continue;
    const MutexLock lock(mutex_);
    waiting_.try_emplace(seen.context_id);
  }
}

bool Erasure::Look(const std::string& context_id) {
  const absl::StatusOr<std::shared_ptr<Tenant>> tenant = tenants_.Find(context_id);
  if (!tenant.ok()) return absl::IsNotFound(tenant.status());
  const absl::StatusOr<std::optional<std::int64_t>> since = (*tenant)->NeedsErasure();
  if (!since.ok()) return absl::IsNotFound(since.status());
  if (!*since) return true;
  SetSince(context_id, **since);
  const std::int64_t now_ms = NowMs();
  if (now_ms - **since < within_.count() / 4 * 3) return false;
  const absl::Status erased = (*tenant)->EraseDeleted(now_ms);
  if (erased.ok()) {
    told_.erase(context_id);
    return true;
  }
  if (told_.insert(context_id).second) {
    events_.Add(
        context_id, Severity::kWarning, "records.not_erased",
        absl::StrCat("what was deleted is still in the mirror's files, and it is tried again each minute: ",
                     std::string(erased.message())));
  }
  return false;
}

bool Erasure::LookAtAll() {
  std::map<std::string, Waiting> looked;
  {
    const MutexLock lock(mutex_);
    looked = waiting_;
  }
  for (const auto& [context_id, before] : looked) {
    {
      const MutexLock lock(mutex_);
      if (is_stopping_) return false;
    }
    if (!Look(context_id)) continue;
    const MutexLock lock(mutex_);
    // What was deleted while it was looked at is looked at again.
    const auto found = waiting_.find(context_id);
    if (found != waiting_.end() && found->second.notes == before.notes) waiting_.erase(found);
  }
  return true;
}

void Erasure::Work() {
  using Clock = std::chrono::steady_clock;
  const auto interval = std::min<std::chrono::milliseconds>(kLookInterval, within_ / kLooksAtAll);
  Clock::time_point find_at = Clock::now();
  while (true) {
    if (Clock::now() >= find_at) {
      FindAll();
      find_at = Clock::now() + within_ / kLooksAtAll;
    }
    if (!LookAtAll()) return;
    const MutexLock lock(mutex_);
    const auto until = Clock::now() + interval;
    while (!is_stopping_) {
      if (!changed_.WaitUntil(mutex_, until)) break;
    }
    if (is_stopping_) return;
  }
}

}  // namespace mirror
