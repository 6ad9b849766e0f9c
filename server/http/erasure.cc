#include "server/http/erasure.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/clock.h"

namespace mirror {
namespace {

constexpr std::chrono::seconds kLookInterval{60};

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
  waiting_.insert(context_id);
}

void Erasure::FindAll() {
  for (const Tenants::Seen& seen : tenants_.AllSeen()) {
    if (seen.summary->issuer == kRecordsIssuer) Note(seen.context_id);
  }
}

bool Erasure::Look(const std::string& context_id) {
  const absl::StatusOr<std::shared_ptr<Tenant>> tenant = tenants_.Find(context_id);
  if (!tenant.ok()) return absl::IsNotFound(tenant.status());
  const absl::StatusOr<std::optional<std::int64_t>> since = (*tenant)->NeedsErasure();
  if (!since.ok()) return absl::IsNotFound(since.status());
  if (!*since) return true;
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

void Erasure::Work() {
  FindAll();
  const auto interval = std::min<std::chrono::milliseconds>(kLookInterval, within_ / 8);
  while (true) {
    std::set<std::string> looked;
    {
      const MutexLock lock(mutex_);
      looked = waiting_;
    }
    for (const std::string& context_id : looked) {
      {
        const MutexLock lock(mutex_);
        if (is_stopping_) return;
      }
      if (!Look(context_id)) continue;
      const MutexLock lock(mutex_);
      waiting_.erase(context_id);
    }
    const MutexLock lock(mutex_);
    const auto until = std::chrono::steady_clock::now() + interval;
    while (!is_stopping_) {
      if (!changed_.WaitUntil(mutex_, until)) break;
    }
    if (is_stopping_) return;
  }
}

}  // namespace mirror
