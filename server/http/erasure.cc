#include "server/http/erasure.h"

#include <algorithm>
#include <exception>
#include <optional>

#include "absl/strings/str_cat.h"
#include "base/shared_clock.h"

namespace mirror {
namespace {

/// Full checks of all sources of records within the time for erasing: they find in time what was not noted.
constexpr int kLooksAtAll = 8;
/// After a failed attempt, requests wait for no other one for this many times its duration.
constexpr int kRestFactor = 4;

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
  if (!waiting.since_ms) waiting.since_ms = SharedNowMs();
}

std::optional<std::int64_t> Erasure::EraseOrNote(const std::string& context_id, Tenant& tenant, bool now) {
  if (now && MayTry(context_id) && Erase(context_id, tenant).ok()) return SharedNowMs();
  Note(context_id);
  if (!now) return std::nullopt;
  const MutexLock lock(mutex_);
  waiting_[context_id].is_wanted_now = true;
  return std::nullopt;
}

absl::Status Erasure::Erase(const std::string& context_id, Tenant& tenant) {
  const auto begin = std::chrono::steady_clock::now();
  absl::Status erased = tenant.EraseDeleted(SharedNowMs());
  if (erased.ok()) {
    ForgetTold(context_id);
  } else if (!absl::IsNotFound(erased)) {
    NoteFailed(context_id, erased, std::chrono::steady_clock::now() - begin);
  }
  return erased;
}

bool Erasure::MayTry(const std::string& context_id) {
  const MutexLock lock(mutex_);
  const auto found = told_.find(context_id);
  return found == told_.end() || std::chrono::steady_clock::now() >= found->second;
}

void Erasure::ForgetTold(const std::string& context_id) {
  const MutexLock lock(mutex_);
  told_.erase(context_id);
}

void Erasure::NoteFailed(const std::string& context_id, const absl::Status& failure,
                         std::chrono::steady_clock::duration took) {
  {
    const MutexLock lock(mutex_);
    if (!told_.insert_or_assign(context_id, std::chrono::steady_clock::now() + kRestFactor * took).second)
      return;
  }
  events_.Add(context_id, Severity::kWarning, "records.not_erased",
              absl::StrCat("files may still have what was deleted; the server tries again each minute: ",
                           std::string(failure.message())));
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
    // If nothing is known about a tenant yet, for example after a kill, it is checked.
    if (!seen.summary->issuer.empty() && seen.summary->issuer != kRecordsIssuer) continue;
    const MutexLock lock(mutex_);
    waiting_.try_emplace(seen.context_id);
  }
}

bool Erasure::Look(const std::string& context_id, bool is_wanted_now) {
  const absl::StatusOr<std::shared_ptr<Tenant>> tenant = tenants_.Find(context_id);
  if (!tenant.ok()) return absl::IsNotFound(tenant.status());
  const absl::StatusOr<std::optional<std::int64_t>> since = (*tenant)->NeedsErasure();
  if (!since.ok()) return absl::IsNotFound(since.status());
  if (!*since) {
    ForgetTold(context_id);
    return true;
  }
  SetSince(context_id, **since);
  const std::int64_t now_ms = SharedNowMs();
  if (!is_wanted_now && now_ms - **since < within_.count() / 4 * 3) return false;
  const absl::Status erased = Erase(context_id, **tenant);
  return erased.ok() || absl::IsNotFound(erased);
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
    try {
      if (!Look(context_id, before.is_wanted_now)) continue;
    } catch (const std::exception&) {
      // For example for want of memory: the next check finds it again.
      continue;
    }
    const MutexLock lock(mutex_);
    // If more was deleted during the check, it is checked again.
    const auto found = waiting_.find(context_id);
    if (found != waiting_.end() && found->second.notes == before.notes) waiting_.erase(found);
  }
  return true;
}

void Erasure::Work() {
  using Clock = std::chrono::steady_clock;
  const auto interval = std::min<std::chrono::milliseconds>(look_interval_, within_ / kLooksAtAll);
  Clock::time_point find_at = Clock::now();
  while (true) {
    try {
      if (Clock::now() >= find_at) {
        FindAll();
        find_at = Clock::now() + within_ / kLooksAtAll;
      }
      if (!LookAtAll()) return;
    } catch (const std::exception&) {
      // For want of memory: the next round checks it.
    }
    const MutexLock lock(mutex_);
    const auto until = Clock::now() + interval;
    while (!is_stopping_) {
      if (!changed_.WaitUntil(mutex_, until)) break;
    }
    if (is_stopping_) return;
  }
}

}  // namespace mirror
