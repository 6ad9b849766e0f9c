#include "server/source/kept_announcements.h"

#include <utility>

#include "base/folded_name.h"

namespace mirror {
namespace {

/// Of one in memory, beside its texts.
constexpr std::size_t kBytesAround = 256;

}  // namespace

std::size_t KeptAnnouncements::Kept::bytes() const {
  return kBytesAround + 2 * tenant.size() + sha256.size() + announcement.size();
}

void KeptAnnouncements::Keep(const std::string& context_id, const std::string& sha256,
                             std::string announcement, Time now) {
  const std::string tenant = FoldName(context_id);
  const MutexLock lock(mutex_);
  Remove(tenant);
  if (announcement.size() > limits_.each_bytes) return;
  kept_.push_front({tenant, sha256, std::move(announcement), now});
  places_[tenant] = kept_.begin();
  bytes_ += kept_.front().bytes();
  while (bytes_ > limits_.all_bytes) Remove(std::string(kept_.back().tenant));
}

std::optional<std::string> KeptAnnouncements::Find(const std::string& context_id, const std::string& sha256,
                                                   Time now) {
  const std::string tenant = FoldName(context_id);
  const MutexLock lock(mutex_);
  const auto found = places_.find(tenant);
  if (found == places_.end() || found->second->sha256 != sha256) return std::nullopt;
  if (now - found->second->since > limits_.longest) {
    Remove(tenant);
    return std::nullopt;
  }
  kept_.splice(kept_.begin(), kept_, found->second);
  return found->second->announcement;
}

void KeptAnnouncements::Forget(const std::string& context_id) {
  const MutexLock lock(mutex_);
  Remove(FoldName(context_id));
}

void KeptAnnouncements::Remove(const std::string& tenant) {
  const auto found = places_.find(tenant);
  if (found == places_.end()) return;
  bytes_ -= found->second->bytes();
  kept_.erase(found->second);
  places_.erase(found);
}

}  // namespace mirror
